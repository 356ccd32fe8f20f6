// SPDX-License-Identifier: Apache-2.0
// The whole machine of one scenario: built, run to the end of its workload, measured.
#pragma once

#include "machine/point_options.h"
#include "machine/result/point_result.h"
#include "scenario/scenario.h"

namespace cesasim {

/// Simulates one point: fills status, error, metrics, phases and integrity (axes and config are
/// the caller's). One call per process, because SystemC elaborates once. Errors: OutputError if
/// a file of `options` cannot be written.
PointResult run_point(const Scenario& scenario, const PointOptions& options = {});

}  // namespace cesasim
