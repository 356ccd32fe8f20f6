// SPDX-License-Identifier: Apache-2.0
// Runs one input against a fresh crypto ring; aborts if a rule of the model is broken.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cesasim::fuzz {

void fuzz_crypto_ring(const std::uint8_t* data, std::size_t size);

}  // namespace cesasim::fuzz
