// SPDX-License-Identifier: Apache-2.0
// Runs one input through a trace reader; aborts if a rule of the readers is broken.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cesasim::fuzz {

/// The first byte chooses the format (0: by content) and, in its high bit, skip_bad_lines; the rest
/// is the file, plain or compressed.
void fuzz_trace_reader(const std::uint8_t* data, std::size_t size);

}  // namespace cesasim::fuzz
