// SPDX-License-Identifier: Apache-2.0
// The report's page.
#pragma once

#include <string>

#include "scenario/tree.h"

namespace cesasim::study {

/// One HTML file with everything in it: style, charts, data (see report_data()). Loads nothing.
std::string report_page(const Json& data);

}  // namespace cesasim::study
