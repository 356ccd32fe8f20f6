// SPDX-License-Identifier: Apache-2.0
#include "hw_model/common/xts.h"

#include <cstring>

namespace cesasim::hw {

void xts_xor_tweaks(std::uint8_t* dst, const std::uint8_t* src, std::size_t bytes,
                    XtsTweak& tweak) {
  std::uint64_t t[2];  // the model's hosts are little endian, as the tweak is
  std::memcpy(t, tweak.data(), sizeof t);
  for (std::size_t at = 0; at < bytes; at += kXtsBlockBytes) {
    std::uint64_t block[2];
    std::memcpy(block, src + at, sizeof block);
    block[0] ^= t[0];
    block[1] ^= t[1];
    std::memcpy(dst + at, block, sizeof block);
    const std::uint64_t carry = t[1] >> 63 != 0 ? 0x87 : 0;
    t[1] = t[1] << 1 | t[0] >> 63;
    t[0] = t[0] << 1 ^ carry;
  }
  std::memcpy(tweak.data(), t, sizeof t);
}

}  // namespace cesasim::hw
