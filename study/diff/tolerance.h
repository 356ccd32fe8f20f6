// SPDX-License-Identifier: Apache-2.0
// How far a metric may move before a comparison of two results minds.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace cesasim::study {

/// A metric may differ by `percent` of its old value or by `absolute` in its own unit, whichever
/// is more. The absolute part is for values near zero, where a share of the old one is nothing.
struct Tolerance {
  double percent = 0;
  double absolute = 0;
};

/// Tolerances by metric. The default of the default is zero: two runs of one program are identical
/// to the last bit in everything simulated.
class Tolerances {
 public:
  /// Adds "NAME=PERCENT" or "NAME=PERCENT,ABSOLUTE". NAME is a metric (latency_us.p99), a group of
  /// them (latency_us, integrity), or `default`. Errors: std::invalid_argument.
  void add(const std::string& text);

  /// The one of the metric itself, else of its longest group, else the default.
  Tolerance of(const std::string& metric) const;

  /// Errors: std::invalid_argument for a name that is neither among `metrics` nor a group of them,
  /// with the nearest one.
  void check_names(const std::vector<std::string>& metrics) const;

 private:
  std::map<std::string, Tolerance> by_name_;
};

}  // namespace cesasim::study
