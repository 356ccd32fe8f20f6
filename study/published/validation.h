// SPDX-License-Identifier: Apache-2.0
// The table of published and simulated figures (docs/validation.md).
#pragma once

#include <string>

#include "study/result/result.h"

namespace cesasim::study {

/// Markdown: every expectation of `result` that stands for a published figure, with the simulated
/// one, the error in per cent and whether the parameters were fitted to it; and how far off the
/// fitted and the predicted ones are together. Errors: std::invalid_argument if there is none.
std::string validation_markdown(const StudyResult& result);

}  // namespace cesasim::study
