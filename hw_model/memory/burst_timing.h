// SPDX-License-Identifier: Apache-2.0
// How long a DMA master's transfer takes by itself, burst by burst.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "hw_model/common/units.h"

namespace cesasim::hw {

/// The side of a DMA transfer that is on the bus.
struct BusTransfer {
  PhysAddr addr = 0;
  std::uint32_t bytes = 0;
  bool read = false;  ///< memory to device
};

/// Bytes of a beat, the width of the data bus.
inline constexpr std::uint32_t kBeatBytes = 8;

class BurstTiming {
 public:
  /// Cycles of `clock_hz`: of a beat, and the wait that a burst adds when the master has no other
  /// in progress.
  BurstTiming(double clock_hz, double beat_cycles, double read_burst_cycles,
              double write_burst_cycles)
      : beat_ps_(beat_cycles * 1e12 / clock_hz),
        read_burst_ps_(read_burst_cycles * 1e12 / clock_hz),
        write_burst_ps_(write_burst_cycles * 1e12 / clock_hz) {}

  /// The master's own time for a transfer, nobody competing and without the memory's latency on
  /// the first burst. A burst has at most `limit` bytes (a power of two) and never crosses a
  /// multiple of it, a beat never a multiple of kBeatBytes. `reads`: read bursts in progress at
  /// once. The time of one burst is the difference of the transfers that end after and before it.
  Ps transfer(const BusTransfer& t, std::uint32_t limit, double reads = 1) const {
    if (t.bytes == 0) return 0;
    const std::uint32_t bursts = pieces(t.addr, t.bytes, limit);
    double ps = beat_ps_ * pieces(t.addr, t.bytes, kBeatBytes);
    ps += t.read ? read_gap_ps(limit, reads) * (bursts - 1) : write_burst_ps_ * bursts;
    return static_cast<Ps>(ps + 0.5);  // not negative (std::llround is a library call)
  }

 private:
  /// Pieces that [addr, addr + bytes) touches when cut at multiples of `unit` (a power of two).
  static std::uint32_t pieces(PhysAddr addr, std::uint32_t bytes, std::uint32_t unit) {
    const auto skew = static_cast<std::uint32_t>(addr & (unit - 1));
    return (skew + bytes + unit - 1) >> std::countr_zero(unit);
  }
  // With n reads in progress at once a burst of D that waits W comes every max(D, (D + W) / n).
  double read_gap_ps(std::uint32_t burst_bytes, double reads) const {
    if (reads == 1) return read_burst_ps_;
    const double data = beat_ps_ * (burst_bytes / kBeatBytes);
    return std::max(0.0, (data + read_burst_ps_) / reads - data);
  }

  double beat_ps_;
  double read_burst_ps_;
  double write_burst_ps_;
};

}  // namespace cesasim::hw
