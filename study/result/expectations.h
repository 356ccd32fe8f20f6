// SPDX-License-Identifier: Apache-2.0
// The expectations of a study, held against its results.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "machine/result/point_result.h"
#include "study/matrix/study.h"

namespace cesasim::study {

struct ExpectationResult {
  std::string name;
  std::optional<bool> ok;       ///< nullopt: not checked, see note
  std::optional<double> value;  ///< the value farthest out among the points that `where` names
  std::optional<double> min, max;
  std::string metric, phase;
  bool relative = false;
  std::string relative_to;  ///< label of what the values are divided by
  std::string point;        ///< label of the point that gave `value`
  std::string note;         ///< why there is no value
  std::optional<Published> published;

  /// Per cent off the published figure; nothing without one or without a value.
  std::optional<double> error_percent() const;
  /// Off the published figure by more than its aim, though the run does not fail by it.
  bool misses_aim() const;
  /// "48.2 % off the published 57.7, aim 15 %, tolerated to 60 %: why"; "" where the aim is met.
  std::string missed_aim_text() const;
};

/// Checks the study's expectations against the results of all its points.
std::vector<ExpectationResult> check_expectations(const Study& study,
                                                  const std::vector<PointResult>& points);

}  // namespace cesasim::study
