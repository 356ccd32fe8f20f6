// SPDX-License-Identifier: Apache-2.0
// Runs the workload `bench`: threads that cipher one block after another and wait for each, as
// openssl speed and cryptsetup benchmark do.
#pragma once

#include "machine/point_options.h"
#include "machine/result/point_result.h"
#include "scenario/scenario.h"

namespace cesasim {

/// Simulates the benchmark of `scenario` (workload.bench): fills status, error, metrics and
/// integrity. Every result is compared with OpenSSL's. One call per process.
///
/// Each thread has a buffer of block_bytes and does its share of `requests`; an operation is what
/// the program does (user mode), the interface (kernel mode), the kernel's cipher API with the
/// scenario's driver, a sleep until the callback, and the way back. Where the program is an
/// application (`application`), its own work on each block is part of the operation.
PointResult run_bench(const Scenario& scenario, const PointOptions& options);

}  // namespace cesasim
