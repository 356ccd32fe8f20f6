// SPDX-License-Identifier: Apache-2.0
// Runs one input through the study reader; aborts if it does anything but read or refuse it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cesasim::fuzz {

/// The input is the text of a study: parsed, its points made and resolved with the shipped presets
/// (of the current folder).
void fuzz_study_reader(const std::uint8_t* data, std::size_t size);

}  // namespace cesasim::fuzz
