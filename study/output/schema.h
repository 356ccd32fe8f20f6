// SPDX-License-Identifier: Apache-2.0
// JSON Schemas (draft 7): of a study, by which editors complete and check its keys, and of
// results.json.
#pragma once

#include "base/text/json.h"

namespace cesasim::study {

/// Of a study file. Looser than the program: keys that depend on each other are not held against
/// each other, and preset names are any text.
Json study_schema();

/// Of results.json (kResultSchema).
Json results_schema();

}  // namespace cesasim::study
