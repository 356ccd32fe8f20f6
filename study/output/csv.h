// SPDX-License-Identifier: Apache-2.0
// Results as CSV.
#pragma once

#include <string>

#include "study/result/result.h"

namespace cesasim::study {

/// One row per point and, below it, one per phase (column `phase` empty for the point).
std::string to_csv(const StudyResult& result);

}  // namespace cesasim::study
