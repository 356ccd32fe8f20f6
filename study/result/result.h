// SPDX-License-Identifier: Apache-2.0
// What a study leaves behind: results.json.
#pragma once

#include <string>
#include <vector>

#include "machine/result/point_result.h"
#include "study/result/expectations.h"

namespace cesasim::study {

/// Schema name of results.json.
inline constexpr const char* kResultSchema = "cesasim-results-1";

struct StudyResult {
  std::string study;
  std::string version;
  std::vector<PointResult> points;
  std::vector<ExpectationResult> expectations;
  std::vector<std::string> overrides;  ///< as given with --set
  Json baseline = Json::object();      ///< axis -> value, as the study names it; empty: none
  std::string build = "";              ///< build_description() of the program; empty: unknown
  std::string doc = {};                ///< what the study asks
  std::string date = {};               ///< when it ran, as 2026-11-30 21:40 UTC; of the host
  std::string command = {};            ///< the command line that made it
  /// What the figures are worth (study/published/trust.h): a list of objects, each with `text`.
  Json trust = Json::array();
};

Json to_json(const StudyResult& result);
/// Errors: std::runtime_error naming what is wrong (another schema, a missing key).
StudyResult study_result_from_json(const Json& json);

}  // namespace cesasim::study
