// SPDX-License-Identifier: Apache-2.0
// How long a run will go on.
#pragma once

#include <optional>
#include <string>

namespace cesasim::study {

/// Estimates the time left from how fast the work went lately. Smooth: the speed is an average
/// over about the last half minute, so that one slow point does not make it jump.
class TimeLeft {
 public:
  /// `fraction` of all work (0..1) is done `elapsed` seconds after the start; called with both
  /// never falling. nullopt while it is too early to tell.
  std::optional<double> update(double elapsed, double fraction);

 private:
  double last_elapsed_ = 0, last_fraction_ = 0;
  double speed_ = 0;  ///< fraction per second
};

/// "0:07", "12:34", "1:02:03"
std::string duration_text(double seconds);
/// The same for an estimate, which is not known to the second.
std::string estimate_text(double seconds);

}  // namespace cesasim::study
