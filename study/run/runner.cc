// SPDX-License-Identifier: Apache-2.0
#include "study/run/runner.h"

#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/process/process.h"

namespace cesasim::study {

unsigned host_processors() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) {
    return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
  }
  return 1;
}

std::vector<PointResult> run_points(const std::vector<Point>& points,
                                    const RunnerOptions& options) {
  std::vector<PointResult> results(points.size());
  RunnerOptions collecting = options;
  collecting.on_result = [&](std::size_t index, PointResult&& result) {
    results[index] = std::move(result);
    if (options.on_result) options.on_result(index, PointResult(results[index]));
  };
  run_points(
      points.size(), [&points](std::size_t i) { return points[i]; }, collecting);
  return results;
}

void run_points(std::size_t count, const std::function<Point(std::size_t)>& make,
                const RunnerOptions& options) {
  const SignalWatch watch;
  const std::size_t jobs = options.jobs > 0 ? options.jobs : host_processors();
  const auto weight = [&options](std::size_t i) {
    return options.weights.empty() ? 1.0 : options.weights.at(i);
  };
  double all_work = 0;
  for (std::size_t i = 0; i < count; ++i) all_work += weight(i);
  std::vector<Worker> running;
  std::size_t next = 0;
  std::size_t done = 0;
  double finished_seconds = 0;
  double finished_work = 0;
  while (done < count) {
    while (next < count && running.size() < jobs && !SignalWatch::interrupted()) {
      running.emplace_back(next, make(next), options);
      ++next;
    }
    std::vector<pollfd> fds;
    for (const Worker& worker : running) worker.add_fds(fds);
    // The time-out bounds how late a signal between the check and the poll is seen.
    if (!SignalWatch::interrupted()) ::poll(fds.data(), fds.size(), 200);
    if (SignalWatch::interrupted()) throw Interrupted();
    for (std::size_t i = 0; i < running.size();) {
      if (running[i].drain()) {
        ++i;
        continue;
      }
      Worker finished = std::move(running[i]);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
      PointResult result = finished.finish();
      finished_seconds += find_value(result.metrics, "sim_seconds").value_or(0);
      finished_work += weight(finished.index());
      ++done;
      if (options.on_result) options.on_result(finished.index(), std::move(result));
    }
    if (options.on_status) {
      RunnerOptions::Status status;
      status.done = done;
      status.total = count;
      status.sim_seconds = finished_seconds;
      double work = finished_work;
      for (const Worker& worker : running) {
        status.sim_seconds += worker.progress().sim_seconds;
        work += worker.progress().fraction * weight(worker.index());
      }
      status.fraction = all_work > 0 ? work / all_work : 1;
      options.on_status(status);
    }
  }
}

}  // namespace cesasim::study
