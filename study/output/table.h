// Results as text for a terminal.
#pragma once

#include <string>

#include "study/matrix/study.h"
#include "study/result/result.h"

namespace cesasim::study {

/// Tables of a study's results: one block per trace, a line per point; a block of phases for
/// traces that have several; then the expectations and what went wrong.
std::string to_table(const Study& study, const StudyResult& result);

/// Aligns columns (the first to the left, numbers to the right); row 0 is the head.
std::string align(const std::vector<std::vector<std::string>>& rows, const std::string& indent);

}  // namespace cesasim::study
