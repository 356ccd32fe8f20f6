// SPDX-License-Identifier: Apache-2.0
// The guide to study files (docs/studies.md), made of the tables that the reader works by.
#pragma once

#include <string>

namespace cesasim::study {

/// Markdown: the form of a study, every key of a scenario with unit, range and meaning, fault
/// kinds, data paths, drivers and metrics.
std::string study_guide();

}  // namespace cesasim::study
