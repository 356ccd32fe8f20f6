// SPDX-License-Identifier: Apache-2.0
// Chooses preset values so that a study meets the published figures it was given to fit.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "study/matrix/study.h"
#include "study/run/runner.h"

namespace cesasim::study {

struct FittedParameter {
  const FitParameter* parameter = nullptr;
  Position at;  ///< of the value, in the preset's file
  double before = 0;
  double after = 0;
  bool at_bound = false;
};

struct FitResult {
  std::vector<FittedParameter> parameters;
  std::size_t figures = 0;       ///< fitted to
  std::size_t evaluations = 0;   ///< runs of all of them
  double before = 0, after = 0;  ///< root mean square error, per cent
};

/// Where fit() starts: the parameters at their places, with the presets' values; nothing has run.
/// Errors: ConfigError for a parameter that no fitted point takes from its preset.
FitResult fit_start(const Study& study, const Library& library);

/// Minimises the squared logarithmic errors of the study's fitted figures over the logarithms of
/// its `fit` parameters, within their bounds (NLopt's BOBYQA). A weak pull to the values in the
/// presets keeps what the figures do not determine. Errors: as fit_start(); std::runtime_error if a
/// point does not run.
FitResult fit(const Study& study, const Library& library, const RunnerOptions& options,
              const std::function<void(const FitResult&)>& progress = {});

/// The fitted values in the preset files' text: each file's new content by its name. The value of a
/// parameter's line is replaced, the rest stays. Errors: ConfigError where a line has no such
/// value.
std::map<std::string, std::string> fitted_files(const FitResult& result);

}  // namespace cesasim::study
