// SPDX-License-Identifier: Apache-2.0
#include "study/run/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cesasim::study {
namespace {

constexpr double kMemorySeconds = 30;
constexpr double kEarlySeconds = 1;  // the first moments are start-up, not speed
constexpr double kEarlyFraction = 0.01;

}  // namespace

std::optional<double> TimeLeft::update(double elapsed, double fraction) {
  const double seconds = elapsed - last_elapsed_;
  // Short steps are gathered: the speed of a millisecond says nothing.
  if (seconds >= 0.5) {
    const double now = std::max(0.0, fraction - last_fraction_) / seconds;
    // While little has been seen the average over everything is the best there is.
    const double weight =
        elapsed < kMemorySeconds ? seconds / elapsed : 1 - std::exp(-seconds / kMemorySeconds);
    speed_ += weight * (now - speed_);
    last_elapsed_ = elapsed;
    last_fraction_ = fraction;
  }
  if (elapsed < kEarlySeconds || fraction < kEarlyFraction || speed_ <= 0) return std::nullopt;
  const double since = std::max(0.0, elapsed - last_elapsed_);
  return std::max(0.0, (1 - last_fraction_) / speed_ - since);
}

std::string duration_text(double seconds) {
  const long s = static_cast<long>(seconds + 0.5);
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

std::string estimate_text(double seconds) {
  const double step = seconds >= 3600 ? 60 : seconds >= 120 ? 10 : seconds >= 20 ? 5 : 1;
  return duration_text(std::ceil(seconds / step) * step);
}

}  // namespace cesasim::study
