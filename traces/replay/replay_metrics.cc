// SPDX-License-Identifier: Apache-2.0
#include "traces/replay/replay_metrics.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace cesasim::traces {

void OpMetrics::merge(const OpMetrics& other) {
  bios += other.bios;
  bytes += other.bytes;
  errors += other.errors;
  latency.merge(other.latency);
}

LatencyHistogram ReplayMetrics::latency() const {
  LatencyHistogram all = ops[0].latency;
  all.merge(ops[1].latency);
  all.merge(ops[2].latency);
  return all;
}

void ReplayMeter::row(RowEvent event, const TraceRecord& record, Ps now) {
  if (record.phase >= phases_.size()) phases_.resize(record.phase + 1);
  ReplayMetrics& m = phases_[record.phase].metrics;
  switch (event) {
    case RowEvent::offered:
      ++m.rows;
      break;
    case RowEvent::skipped:
      ++m.skipped;
      break;
    case RowEvent::rejected:
      ++m.rejected;
      break;
    case RowEvent::taken_up:
      if (record.op == Op::write && (record.flags & (kFua | kPreflush)) != 0) ++m.fua_or_preflush;
      break;
    case RowEvent::queued:
      ++m.unfinished;
      break;
    case RowEvent::completed:
      ++m.served;
      --m.unfinished;
      m.ended = std::max(m.ended, now);
      break;
  }
}

void ReplayMeter::submitted(const RequestLog& log, BioPages) {
  count_in_flight(phases_[log.phase], +1, log.submitted);
}

void ReplayMeter::completed(RequestLog& log, BioPages) {
  Phase& phase = phases_[log.phase];
  count_in_flight(phase, -1, log.ended);
  OpMetrics& op = phase.metrics.of(log.op);
  ++op.bios;
  op.bytes += log.bytes;
  const Ps begin = open_loop_ ? log.arrived : log.submitted;
  op.latency.add(log.ended - std::min(log.ended, begin));
  phase.metrics.submitter_wait_ps += static_cast<double>(log.submitted - begin);
  if (log.error != 0) ++op.errors;
  phase.metrics.ended = std::max(phase.metrics.ended, log.ended);
}

void ReplayMeter::phase(std::uint32_t index, bool entered, Ps now) {
  Phase& phase = phases_[index];
  ReplayMetrics& m = phase.metrics;
  if (entered) {
    phase.entered = now;
    if (m.started == 0 && m.duration == 0) m.started = now;
  } else {
    m.ended = std::max(m.ended, now);
    m.duration += now - phase.entered;
  }
}

void ReplayMeter::count_in_flight(Phase& phase, int change, Ps now) {
  // Contexts run a little ahead of simulated time, so that `now` may step back; summed with
  // its sign the integral is exact all the same.
  const auto elapsed = static_cast<std::int64_t>(now - phase.in_flight_since);
  phase.metrics.in_flight_ps += static_cast<double>(phase.in_flight) * static_cast<double>(elapsed);
  phase.in_flight_since = now;
  phase.in_flight += static_cast<std::uint64_t>(change);
}

std::vector<ReplayMetrics> ReplayMeter::phases() const {
  std::vector<ReplayMetrics> out;
  for (const Phase& phase : phases_) {
    ReplayMetrics m = phase.metrics;
    m.lost = phase.in_flight;
    // Without barriers the stretches of phases overlap and mean nothing.
    if (open_loop_) m.duration = m.ended - m.started;
    out.push_back(std::move(m));
  }
  return out;
}

ReplayMetrics ReplayMeter::total(const std::vector<ReplayMetrics>& phases) {
  ReplayMetrics total;
  total.name = "total";
  total.started = std::numeric_limits<Ps>::max();
  for (const ReplayMetrics& m : phases) {
    total.rows += m.rows;
    total.served += m.served;
    total.skipped += m.skipped;
    total.rejected += m.rejected;
    total.unfinished += m.unfinished;
    for (std::size_t i = 0; i < m.ops.size(); ++i) total.ops[i].merge(m.ops[i]);
    total.lost += m.lost;
    total.fua_or_preflush += m.fua_or_preflush;
    total.in_flight_ps += m.in_flight_ps;
    total.submitter_wait_ps += m.submitter_wait_ps;
    if (m.served + m.unfinished != 0) {
      total.started = std::min(total.started, m.started);
      total.ended = std::max(total.ended, m.ended);
    }
  }
  total.started = std::min(total.started, total.ended);
  total.duration = total.ended - total.started;
  return total;
}

}  // namespace cesasim::traces
