// SPDX-License-Identifier: Apache-2.0
// The letters by which the kernel's block tracing says what a request is.
#pragma once

#include <string>
#include <string_view>

#include "traces/trace_record.h"

namespace cesasim::traces {

/// [F = preflush] operation [F = FUA] [A = read-ahead] [S = sync] [M = metadata]; old kernels
/// also B = barrier, new ones U = atomic. Operations: R, W, D, F (flush), DE (secure erase),
/// N (none of these), ZR, ZRA, ZO, ZC, ZF, ZA (zone commands).
struct Rwbs {
  Op op = Op::read;
  std::uint8_t flags = 0;
  /// Name of an operation that no record can stand for ("zone reset"); nullptr: `op` says it.
  const char* other = nullptr;
};

/// Returns what is wrong with `letters`; "" if nothing is.
std::string parse_rwbs(std::string_view letters, Rwbs& out);

}  // namespace cesasim::traces
