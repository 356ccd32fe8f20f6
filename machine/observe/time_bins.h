// SPDX-License-Identifier: Apache-2.0
// Quantities over simulated time in a bounded number of bins.
#pragma once

#include <cstddef>
#include <vector>

#include "hw_model/common/units.h"

namespace cesasim {

using hw::Ps;

/// Sums of `tracks` quantities in bins of equal width, bin i from i * width() on. When the time
/// goes past kMost bins, neighbours are merged and the width doubles: memory and work do not grow
/// with the length of a run, and what was added stays, whatever the order.
class TimeBins {
 public:
  static constexpr std::size_t kMost = 240;
  static constexpr Ps kFirstWidth = 10 * hw::kPsPerUs;

  explicit TimeBins(std::size_t tracks) : tracks_(tracks) {}

  /// `amount` at one instant.
  void add(std::size_t track, Ps at, double amount) { sum(track, bin(at)) += amount; }
  /// `rate` per picosecond over [from, to).
  void spread(std::size_t track, Ps from, Ps to, double rate);
  /// So many bins that the last one holds the instant just before `end`.
  void cover(Ps end) {
    if (end > 0) bin(end - 1);
  }

  Ps width() const { return width_; }
  std::size_t bins() const { return sums_.size() / tracks_; }
  double at(std::size_t track, std::size_t bin) const { return sums_[bin * tracks_ + track]; }
  /// Over all bins.
  double total(std::size_t track) const;

 private:
  /// Makes room for the bin of an instant.
  std::size_t bin(Ps at);
  double& sum(std::size_t track, std::size_t bin) { return sums_[bin * tracks_ + track]; }

  std::size_t tracks_;
  Ps width_ = kFirstWidth;
  std::vector<double> sums_;  // bin by bin
};

}  // namespace cesasim
