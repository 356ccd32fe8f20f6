// Reads the traces of a study before anything runs.
#pragma once

#include <vector>

#include "study/matrix/study.h"

namespace cesasim::study {

/// Reads every trace to its end once, so that a bad line, or a row that cannot go onto the device of
/// a point, is known before anything runs. Returns how much work each point is, in bytes. Throws
/// TraceError, for rows that do not fit with the first of them, their number and the rule.
std::vector<double> check_traces(const std::vector<Point>& points);

}  // namespace cesasim::study
