// SPDX-License-Identifier: Apache-2.0
// Points and expectations as JUnit XML, which CI systems show as test results.
#pragma once

#include <string>
#include <vector>

#include "study/result/result.h"

namespace cesasim::study {

/// One testsuite per study; a testcase per point and per expectation. A point that failed is an
/// error, a broken one a failure (unless it is tolerated), a failed expectation a failure that
/// names value, bound and point; an expectation that was not checked is skipped.
std::string to_junit(const std::vector<StudyResult>& studies);

}  // namespace cesasim::study
