// SPDX-License-Identifier: Apache-2.0
// Simulated time as integer picoseconds: plain C++ cores and software models count in it,
// SystemC shells convert at the edge (sc_time resolution is 1 ps).
#pragma once

#include <cmath>
#include <cstdint>

namespace cesasim::hw {

using Ps = std::uint64_t;        ///< picoseconds of simulated time
using PhysAddr = std::uint64_t;  ///< address on the SoC's bus

inline constexpr Ps kPsPerNs = 1'000;
inline constexpr Ps kPsPerUs = 1'000'000;
inline constexpr Ps kPsPerMs = 1'000'000'000;
inline constexpr Ps kPsPerS = 1'000'000'000'000;

/// Duration of `cycles` at `hz`, rounded to the picosecond.
inline Ps cycles_to_ps(double cycles, double hz) {
  return static_cast<Ps>(std::llround(cycles * 1e12 / hz));
}

/// Duration of moving `bytes` at `bytes_per_second`, rounded to the picosecond.
inline Ps transfer_ps(std::uint64_t bytes, double bytes_per_second) {
  return static_cast<Ps>(std::llround(static_cast<double>(bytes) * 1e12 / bytes_per_second));
}

inline constexpr std::uint32_t kSectorBytes = 512;
inline constexpr std::uint32_t kPageBytes = 4096;

}  // namespace cesasim::hw
