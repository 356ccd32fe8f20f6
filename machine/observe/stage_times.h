// SPDX-License-Identifier: Apache-2.0
// Where requests wait: the latency of each, divided among the stages that it passed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernel_model/bio.h"
#include "machine/observe/request_trace.h"
#include "machine/result/metrics.h"

namespace cesasim {

/// Sums over requests, by direction.
class StageTimes {
 public:
  /// `open_loop`: latency counts from a request's arrival, else from its submission.
  explicit StageTimes(bool open_loop) : open_loop_(open_loop) {}

  /// A request that has ended. The time from one stage that it passed to the next, in the order of
  /// their times, belongs to what the later one waited for (wait_of): whatever the order of the
  /// stages on its path, the parts add up to its latency to the picosecond. What comes after its
  /// end (ocf-v3: callbacks of earlier sectors) counts nothing.
  void add(const RequestTrace& request);
  /// Emits stage_us.NAME, and stage_us.read.NAME and stage_us.write.NAME for directions that had
  /// requests: means per request.
  void emit_means(MetricList& list) const;
  /// Picoseconds, all requests and stages.
  Ps total() const;

 private:
  struct Sums {
    std::uint64_t requests = 0;
    std::array<Ps, kWaits> ps{};
  };
  bool open_loop_;
  std::array<Sums, 3> of_op_;  // index: kernel::BioOp
};

/// What a request waits for before it passes `stage`; `on_engine`: an accelerator works on it.
Wait wait_of(Stage stage, bool on_engine);

}  // namespace cesasim
