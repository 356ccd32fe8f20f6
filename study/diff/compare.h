// SPDX-License-Identifier: Apache-2.0
// What changed from one run of a study to another.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "study/diff/baseline.h"
#include "study/diff/tolerance.h"
#include "study/result/result.h"

namespace cesasim::study {

/// One value of both runs.
struct ValueChange {
  Json axes;
  std::string phase;                    ///< "": the whole run
  std::string metric;                   ///< counts stand as integrity.NAME and faults.NAME.fired
  std::optional<double> before, after;  ///< nullopt: has no value there
  Tolerance tolerance;
  bool beyond = false;  ///< more than its tolerance allows

  /// Per cent of the old value; infinite where that is zero; NaN where one has no value.
  double percent() const;
  /// A share of something (unit 1): its change is shown in points, as from 10 to 12 % is 2 points.
  bool is_share() const;
  /// Of a share: hundredths of the whole; NaN where one has no value.
  double points() const;
  /// What it is shown by: points of a share, else per cent.
  double shown() const { return is_share() ? points() : percent(); }
};

/// Something other than a number: a status, an expectation, a guarantee, a phase.
struct OtherChange {
  Json axes;         ///< null: of the whole study
  std::string what;  ///< "status", "expectation NAME", "broken guarantee", "phase", "metric NAME"
  std::string before, after;  ///< "-": is not there
};

/// A configured value that differs; explains, and is no failure by itself.
struct ConfigChange {
  std::string key, before, after;
  std::size_t points = 0;  ///< that differ in this way
};

struct Comparison {
  std::string old_file, new_file;
  std::string study;
  std::string old_version, new_version;
  std::vector<std::string> old_overrides, new_overrides;
  std::size_t points = 0;            ///< found in both
  std::size_t values = 0;            ///< compared
  std::vector<ValueChange> moved;    ///< beyond the tolerance, in the points' order
  std::vector<ValueChange> within;   ///< everything else that was compared
  std::vector<Json> missing, added;  ///< axes of points that only the old or the new run has
  std::vector<OtherChange> others;
  std::vector<ConfigChange> config;
  std::vector<std::string> new_metrics;  ///< that the old run does not know: no failure

  bool same() const { return moved.empty() && missing.empty() && added.empty() && others.empty(); }
};

/// Points are matched by their axes, phases by name. host_seconds is left out. If one side is a
/// baseline, numbers are compared with its digits. Errors: ResultsInputError for results of two
/// studies; std::invalid_argument for tolerances that name no metric.
Comparison compare_results(const LoadedResults& before, const LoadedResults& after,
                           const Tolerances& tolerances);

/// A table for people. `all`: also what did not move. `width`: of the screen; 0 is no limit.
std::string to_text(const Comparison& comparison, bool all, std::size_t width = 0);
/// The same for programs, schema cesasim-diff-1.
Json to_json(const Comparison& comparison, bool all);

}  // namespace cesasim::study
