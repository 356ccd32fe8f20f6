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
};

/// Checks the study's expectations against the results of all its points.
std::vector<ExpectationResult> check_expectations(const Study& study,
                                                  const std::vector<PointResult>& points);

}  // namespace cesasim::study
