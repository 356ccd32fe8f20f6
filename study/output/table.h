// SPDX-License-Identifier: Apache-2.0
// Results as text for a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "study/matrix/study.h"
#include "study/result/result.h"

namespace cesasim::study {

/// Names of metrics, or globs of them as "stage_us.*" (which is one level: no
/// "stage_us.read.disk").
using MetricGlobs = std::vector<std::string>;
/// Throws UsageError for a glob that no metric has, with the nearest name.
void check_metric_globs(const MetricGlobs& globs);

/// Tables of a study's results: one block per trace, a line per point; a block of phases for
/// traces that have several; then the expectations and what went wrong. Columns that no point has a
/// value for are left out. `width`: of the screen, in columns; 0 is no limit. `more`: metrics that
/// a further table shows, in the order of the metrics' own table.
std::string to_table(const Study& study, const StudyResult& result, std::size_t width = 0,
                     const MetricGlobs& more = {});

/// Aligns columns (the first to the left, numbers to the right); row 0 is the head. What is wider
/// than `width` (0: no limit) has its names and heads broken between words, and the columns that
/// have no room stand in further blocks below, each with the names again.
std::string align(const std::vector<std::vector<std::string>>& rows, const std::string& indent,
                  std::size_t width = 0);

}  // namespace cesasim::study
