// SPDX-License-Identifier: Apache-2.0
// libFuzzer's entry; which target it runs is chosen at build time (tools/fuzz).
#include <cstddef>
#include <cstdint>

#include CESASIM_FUZZ_HEADER

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cesasim::fuzz::CESASIM_FUZZ_TARGET(data, size);
  return 0;
}

/// SystemC's library wants one; parameter structs stand in headers that include SystemC.
extern "C" int sc_main(int, char**) { return 0; }
