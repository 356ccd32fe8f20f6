// SPDX-License-Identifier: Apache-2.0
// What a study says, in numbers that can be compared when a parameter changes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "study/matrix/study.h"
#include "study/result/result.h"

namespace cesasim::study {

/// An expectation of the study, or a point's time against that of its baseline.
struct Conclusion {
  std::string name;
  std::string metric;
  bool expectation = false;
  std::optional<double> value;
  std::optional<double> min,
      max;  ///< of a comparison: 1, on the side where it lies
  std::optional<bool> holds;

  bool operator==(const Conclusion&) const = default;
};

/// Indices of the points that the expectations need, or, without any, all.
std::vector<std::size_t> needed_points(const Study& study, const std::vector<Point>& points);

/// The study's expectations, then for every point that has a baseline the ratio
/// of sim_seconds to it; if the study names neither, sim_seconds of every
/// point.
std::vector<Conclusion> conclusions(const Study& study, const std::vector<PointResult>& results);

/// `now` judged by the bounds of the comparisons in `base`.
void judge_by(const std::vector<Conclusion>& base, std::vector<Conclusion>& now);

}  // namespace cesasim::study
