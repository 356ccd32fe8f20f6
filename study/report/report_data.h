// SPDX-License-Identifier: Apache-2.0
// What the HTML report shows, computed from results.json and free of everything that only
// matters to the page.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "scenario/tree.h"

namespace cesasim::study {

inline constexpr const char* kReportSchema = "cesasim-report-1";

struct ReportOptions {
  /// Units of the scenario's keys, for the axes and the configuration.
  std::map<std::string, std::string> units;
};

/// The data of the page:
///
///   schema, study, version, overrides, doc, date, command
///   baseline      axis -> value, or null
///   axes          [{path, unit?, values, numbers?: {name, unit, values}}]; numbers where the
///                 values are, or each contain, one number
///   metrics       [{name, unit, doc, better}]: those that any point has
///   phase_metrics indices of the metrics that any phase has
///   phases        names, in the order of their appearance
///   expectations  as in results.json, bounds as min and max, misses_aim
///   config        {common: {key: value}, keys: [those that differ], units: {key: unit}}
///   points        [{label, status, tolerated?, error?, axes: [index of the value, or -1],
///                   metrics: [value or null, as `metrics`],
///                   phases: [null or values, as `phases` and `phase_metrics`],
///                   integrity: {name: count}, faults?, broken?, hazards?,
///                   config: [value or null, as config.keys], series?, latency?}]
///
/// Numbers have six significant digits, counts all of theirs. Of many points the bins of their
/// series are merged, so that the page stays small.
/// Errors: std::runtime_error naming what is wrong with the results.
Json report_data(const Json& results, const ReportOptions& options = {});

/// Reads "axis=value,axis=value". A piece without '=' belongs to the value before it. Errors:
/// std::runtime_error naming the axes, or their values, of these results.
Json parse_report_baseline(const std::vector<std::string>& texts, const Json& results);

}  // namespace cesasim::study
