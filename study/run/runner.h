// SPDX-License-Identifier: Apache-2.0
// Runs points in parallel, each in a process of its own (SystemC elaborates once per process).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "study/matrix/study.h"
#include "study/result/result.h"
#include "study/run/worker.h"

namespace cesasim::study {

struct RunnerOptions : WorkerOptions {
  unsigned jobs = 0;  ///< 0: as many as the host has processors
  /// Called after every change with the progress of the whole; may be empty.
  struct Status {
    std::size_t done = 0, total = 0;
    double sim_seconds = 0;  ///< of the running points together
    double fraction = 0;     ///< of all work, 0..1
  };
  std::function<void(const Status&)> on_status;
  /// Called when a point has ended, in the order in which they end; `index` as in the call.
  std::function<void(std::size_t index, PointResult&& result)> on_result;
  /// How much work each point is, for Status::fraction; empty: all alike.
  std::vector<double> weights;
};

/// One result per point, in the points' order. A worker that dies or whose result cannot be read
/// makes its point `failed`, with the end of its standard error as the explanation; the others run
/// on. Errors: throws Interrupted on SIGINT or SIGTERM, when the workers are dead (a second signal
/// ends the program at once); std::system_error if no process can be
/// started.
std::vector<PointResult> run_points(const std::vector<Point>& points, const RunnerOptions& options);

/// The same for points that are made when their turn comes: there may be many. The results go to
/// options.on_result only.
void run_points(std::size_t count, const std::function<Point(std::size_t)>& make,
                const RunnerOptions& options);

/// Number of processors this process may use.
unsigned host_processors();

}  // namespace cesasim::study
