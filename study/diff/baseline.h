// SPDX-License-Identifier: Apache-2.0
// Results as files: whole ones, and the short form that a repository keeps to compare with.
#pragma once

#include <stdexcept>
#include <string>

#include "study/result/result.h"

namespace cesasim::study {

/// Schema name of a baseline.
inline constexpr const char* kBaselineSchema = "cesasim-baseline-1";
/// Significant digits of a baseline's numbers.
inline constexpr int kBaselineDigits = 9;

/// A results file that cannot be used; what() names it and says why.
struct ResultsInputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Results as read from a file.
struct LoadedResults {
  std::string file;
  StudyResult result;
  int digits = 0;  ///< significant digits of its numbers; 0: all of them
};

/// Reads results.json or a baseline; `path` is the file, or a folder that holds results.json.
/// Time series and histograms are passed over. Errors: ResultsInputError.
LoadedResults load_results(const std::string& path);

/// The text of a baseline: axes, status, metrics, phases, counts, guarantees and expectations of
/// `result`, without configuration, series, what differs from run to run (host_seconds) and zeros
/// of metrics that every point has (named once). The same results give the same bytes.
std::string baseline_text(const StudyResult& result);

/// `value` with that many significant digits.
double rounded(double value, int digits);

/// Metrics of the host and not of the simulation.
bool is_host_metric(const std::string& name);

}  // namespace cesasim::study
