// SPDX-License-Identifier: Apache-2.0
// cesasim run --sensitivity.
#pragma once

#include <string>
#include <vector>

#include "study/matrix/study.h"

namespace cesasim::cli {

struct SensitivityArguments {
  std::string wanted;              ///< "": no analysis; "assumed" or "all"
  std::vector<std::string> globs;  ///< --sensitivity-parameters
};

struct SensitivityRun {
  const study::Study& study;
  const std::vector<study::Point>& points;
  const std::vector<double>& work;  ///< of each point
  std::string out;                  ///< folder of the results
  std::vector<std::string> overrides;
  unsigned jobs = 0;
  bool quiet = false, progress = false, resume = false;
};

/// Analyses the study and writes sensitivity.json and sensitivity.md beside its
/// results. Returns the exit code: that a conclusion flips is a finding and no
/// failure. Errors: ResumeError.
int run_sensitivity(const SensitivityRun& run, const SensitivityArguments& arguments);

}  // namespace cesasim::cli
