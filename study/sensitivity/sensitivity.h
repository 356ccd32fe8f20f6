// SPDX-License-Identifier: Apache-2.0
// Which assumptions a conclusion depends on: every parameter that nobody measured
// is set to both ends of its bounds, one at a time, and the conclusions are
// drawn again.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "study/run/partial.h"
#include "study/run/runner.h"
#include "study/sensitivity/conclusions.h"
#include "study/sensitivity/parameters.h"

namespace cesasim::study {

struct SensitivityOptions {
  std::set<std::string> marks = {"assumed"};
  std::vector<std::string> globs;  ///< of parameters; none: all
  RunnerOptions runner;            ///< worker and jobs; the call-backs are the analysis's own
  std::vector<double> work;        ///< of each point of the study, for the time left
  /// Called as the runner's on_status, with what is being done.
  std::function<void(const std::string& stage, const RunnerOptions::Status&)> on_status;
};

/// One end of one parameter.
struct EndResult {
  double value = 0;  ///< of the parameter
  std::vector<Conclusion> conclusions;
  std::string failure;  ///< not empty: why there are none
};

struct ParameterResult {
  VariedParameter parameter;
  /// No metric of any point moved: with the whole family at its upper ends, or
  /// at this one's.
  bool no_effect = false;
  EndResult low, high;
};

/// What a parameter does to a conclusion.
struct Effect {
  std::optional<double> low, high;   ///< value of the conclusion
  double relative = 0;               ///< larger distance from the value at the base, as a share
  std::optional<double> elasticity;  ///< per cent of the conclusion per per cent of the parameter
  bool flips_low = false, flips_high = false;
  std::optional<double> flips_at;  ///< value of the parameter, interpolated
};
Effect effect_of(const ParameterResult& parameter, const Conclusion& base, std::size_t conclusion);

struct SensitivityResult {
  std::string study, version;
  std::string build = "";  ///< build_description() of the program; empty: unknown
  std::vector<std::string> overrides;
  std::vector<std::string> points;  ///< that were run
  std::vector<Conclusion> base;
  std::vector<ParameterResult> parameters;
  std::vector<LeftOut> left_out;
  std::size_t runs = 0;     ///< simulations, those taken from an interrupted run included
  std::size_t without = 0;  ///< that a full one-at-a-time would have needed
};

/// Runs the analysis. `partial` keeps every simulation that has ended; with
/// what was loaded into it none is repeated. Errors: Interrupted;
/// std::runtime_error if a point fails with the values as they are.
SensitivityResult analyse_sensitivity(const Study& study, const std::vector<Point>& points,
                                      const SensitivityOptions& options, PartialResults& partial);

/// Markdown, for people; `command` is named in it.
std::string to_markdown(const SensitivityResult& result, const std::string& command);
/// Schema cesasim-sensitivity-1.
Json to_json(const SensitivityResult& result);

}  // namespace cesasim::study
