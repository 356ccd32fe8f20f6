// SPDX-License-Identifier: Apache-2.0
// SplitMix64 (public domain, S. Vigna): numbers well mixed from any seed, the same everywhere.
#pragma once

#include <cstdint>

namespace cesasim {

/// Its output function: the finalizer of MurmurHash3 with the constants of its "Mix13" variant
/// (David Stafford), a bijection in which every input bit reaches every output bit.
constexpr std::uint64_t splitmix64_mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

inline constexpr std::uint64_t kSplitMix64Step = 0x9E3779B97F4A7C15u;

/// The next number of the sequence that `state` stands in.
constexpr std::uint64_t splitmix64(std::uint64_t& state) {
  return splitmix64_mix(state += kSplitMix64Step);
}

}  // namespace cesasim
