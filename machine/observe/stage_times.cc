// SPDX-License-Identifier: Apache-2.0
#include "machine/observe/stage_times.h"

#include <algorithm>
#include <string>
#include <utility>

namespace cesasim {

Wait wait_of(Stage stage, bool on_engine) {
  switch (stage) {
    case Stage::arrived:
    case Stage::submitted:
      return Wait::submitter;
    case Stage::engine_start:
      return Wait::crypto_queue;
    case Stage::cipher_done:
      return on_engine ? Wait::engine : Wait::cipher;
    case Stage::interrupt:
      return Wait::interrupt;
    case Stage::callback:
      return Wait::callback;
    case Stage::disk_started:
      return Wait::disk_queue;
    case Stage::on_disk:
      return Wait::disk;
    case Stage::ended:
      return Wait::end;
    default:
      return Wait::dm;
  }
}

void StageTimes::add(const RequestTrace& request) {
  constexpr auto kStages = static_cast<std::size_t>(Stage::count);
  std::array<std::pair<Ps, Stage>, kStages> passed;
  const Ps begin = request.at(open_loop_ ? Stage::arrived : Stage::submitted);
  const Ps end = std::max(request.at(Stage::ended), begin);
  std::size_t n = 0;
  passed[n++] = {begin, Stage::arrived};
  for (std::size_t i = 0; i < kStages; ++i) {
    const auto stage = static_cast<Stage>(i);
    // The map function comes back, and the last sector is dispatched, while other things go on.
    if (stage == Stage::arrived || stage == Stage::mapped || stage == Stage::dispatched_last) {
      continue;
    }
    const Ps at = request.at(stage);
    if (at != RequestTrace::kNever && at <= end) passed[n++] = {std::max(at, begin), stage};
  }
  std::stable_sort(passed.begin(), passed.begin() + static_cast<std::ptrdiff_t>(n),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Sums& sums = of_op_[static_cast<std::size_t>(request.log.op)];
  ++sums.requests;
  const bool on_engine = request.passed(Stage::engine_start);
  for (std::size_t i = 1; i < n; ++i) {
    const Wait wait = wait_of(passed[i].second, on_engine);
    sums.ps[static_cast<std::size_t>(wait)] += passed[i].first - passed[i - 1].first;
  }
}

Ps StageTimes::total() const {
  Ps ps = 0;
  for (const Sums& sums : of_op_) {
    for (const Ps wait : sums.ps) ps += wait;
  }
  return ps;
}

void StageTimes::emit_means(MetricList& list) const {
  const auto means = [&list](const std::string& prefix, const Sums& sums) {
    for (std::size_t i = 0; i < kWaits; ++i) {
      const double us = static_cast<double>(sums.ps[i]) * 1e-6;
      emit(list, prefix + wait_name(static_cast<Wait>(i)),
           sums.requests == 0 ? 0 : us / static_cast<double>(sums.requests));
    }
  };
  Sums all;
  for (const Sums& sums : of_op_) {
    all.requests += sums.requests;
    for (std::size_t i = 0; i < kWaits; ++i) all.ps[i] += sums.ps[i];
  }
  means("stage_us.", all);
  const Sums& reads = of_op_[static_cast<std::size_t>(kernel::BioOp::read)];
  const Sums& writes = of_op_[static_cast<std::size_t>(kernel::BioOp::write)];
  if (reads.requests != 0) means("stage_us.read.", reads);
  if (writes.requests != 0) means("stage_us.write.", writes);
}

}  // namespace cesasim
