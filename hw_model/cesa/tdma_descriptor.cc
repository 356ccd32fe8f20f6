// SPDX-License-Identifier: Apache-2.0
#include "hw_model/cesa/tdma_descriptor.h"

#include "hw_model/cesa/registers.h"
#include "hw_model/common/little_endian.h"

namespace cesasim::hw {

namespace bits = cesa_bit::tdma_byte_count;

TdmaDescriptor TdmaDescriptor::decode(std::span<const std::uint8_t, kBytes> bytes) {
  const std::uint32_t word = load_le32(&bytes[0]);
  return {word & bits::kCountMask, (word & bits::kOwn) != 0, load_le32(&bytes[4]),
          load_le32(&bytes[8]), load_le32(&bytes[12])};
}

void TdmaDescriptor::encode(std::span<std::uint8_t, kBytes> bytes) const {
  store_le32(&bytes[0], count_word());
  store_le32(&bytes[4], src);
  store_le32(&bytes[8], dst);
  store_le32(&bytes[12], next);
}

std::uint32_t TdmaDescriptor::count_word() const {
  return (byte_count & bits::kCountMask) | (own ? bits::kOwn : 0);
}

}  // namespace cesasim::hw
