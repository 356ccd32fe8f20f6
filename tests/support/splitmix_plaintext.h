// SPDX-License-Identifier: Apache-2.0
// The plaintext of tests/vectors, as its vectors.json defines it (which has its SHA-256 too).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/text/splitmix64.h"

namespace cesasim::test {

/// `bytes` (a multiple of 8) of SplitMix64's sequence, each number with its low byte first.
inline std::vector<std::uint8_t> splitmix_plaintext(std::uint64_t seed, std::size_t bytes) {
  std::vector<std::uint8_t> out(bytes);
  for (std::size_t i = 0; i < bytes; i += 8) {
    const std::uint64_t z = splitmix64(seed);
    for (std::size_t b = 0; b < 8; ++b) out[i + b] = static_cast<std::uint8_t>(z >> (8 * b));
  }
  return out;
}

}  // namespace cesasim::test
