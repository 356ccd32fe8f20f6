// SPDX-License-Identifier: Apache-2.0
// Runs one input against a fresh engine; aborts if a rule of the model is broken.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cesasim::fuzz {

void fuzz_cesa_engine(const std::uint8_t* data, std::size_t size);

}  // namespace cesasim::fuzz
