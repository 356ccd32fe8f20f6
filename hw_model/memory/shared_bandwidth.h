// SPDX-License-Identifier: Apache-2.0
// A bandwidth that several masters share, as a fluid: no event per burst.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "hw_model/common/units.h"
#include "hw_model/memory/mbus_extension.h"

namespace cesasim::hw {

/// Shares `bytes_per_second` among masters. Each master has at most one transfer in progress,
/// which occupies a constant rate until it ends. A new transfer gets what the transfers in
/// progress at its start leave, and never less than its fair share beside them (max-min). What
/// it then takes from them is only noticed by their next transfers, so the sum of rates may
/// exceed the capacity until the longest transfer in progress has ended; masters that ask
/// again and again settle at fair rates that add up to it (docs/architecture.md).
class SharedBandwidth {
 public:
  explicit SharedBandwidth(double bytes_per_second)
      : bytes_per_second_(bytes_per_second), ps_per_byte_(1e12 / bytes_per_second) {}

  /// Books a transfer of `bytes` by `master` starting at `start` that takes the master itself
  /// `own_ps`. Returns how long it takes, >= own_ps.
  Ps transfer(unsigned master, Ps start, std::uint64_t bytes, Ps own_ps);

  std::uint64_t bytes() const { return bytes_; }
  double bytes_per_second() const { return bytes_per_second_; }

 private:
  struct Flow {
    Ps end = 0;
    double share = 0;  // of the capacity
  };
  double fair_share(unsigned master, Ps start) const;

  double bytes_per_second_;
  double ps_per_byte_;
  std::uint64_t bytes_ = 0;
  std::array<Flow, kMbusMasters> flows_{};
  std::vector<unsigned> seen_;  // masters that ever used it: few, so the sum is short
};

}  // namespace cesasim::hw
