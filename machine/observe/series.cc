// SPDX-License-Identifier: Apache-2.0
#include "machine/observe/series.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <systemc>

#include "hw_model/tlm/sc_time.h"

namespace cesasim {
namespace {

/// Of a study whose phases take turns row by row only the first stretches are kept.
constexpr std::size_t kMostStretches = 1000;

/// Six significant digits: what a chart needs, and short in the file.
double six_digits(double value) {
  return std::strtod(fmt::format("{:.6g}", value).c_str(), nullptr);
}

double seconds(Ps ps) { return static_cast<double>(ps) / 1e12; }

}  // namespace

SeriesRecorder::SeriesRecorder(Assembly& at)
    : at_(at),
      ring_(at.driver && at.driver->name() == std::string("cesa_ring")),
      engines_(ring_ ? at.soc.ring().core().engines() : at.soc.cesa().engines()),
      bins_(kTracks) {}

Ps SeriesRecorder::until_sample() const {
  const Ps now = hw::now_ps();
  return bins_.width() - now % bins_.width();
}

void SeriesRecorder::sample() {
  const Ps now = hw::now_ps();
  if (now == sampled_) return;
  sampled_ = now;
  bins_.cover(now);
  const hw::DiskStats disk = at_.soc.disk().stats();
  advance(kDiskQueue, at_.queue->stats().depth_ps);
  advance(kDiskBusy, static_cast<double>(disk.busy_ps));
  Ps busy = 0;
  for (unsigned i = 0; i < at_.soc.cores(); ++i) busy += at_.kernel.core_time(i).busy;
  advance(kCpuBusy, static_cast<double>(busy));
  std::array<Ps, 3> engine{};
  for (unsigned i = 0; i < engines_; ++i) {
    if (ring_) {
      const auto stages = at_.soc.ring().core().engine(i).busy_until(now);
      for (std::size_t s = 0; s < stages.size(); ++s) engine[s] += stages[s];
    } else {
      engine[0] += at_.soc.cesa().engine(i).busy_until(now);
    }
  }
  for (std::size_t s = 0; s < engine.size(); ++s) {
    advance(kEngineBusy + s, static_cast<double>(engine[s]));
  }
}

/// A counter stands at `value` now; what it grew belongs to the bin that ends here.
void SeriesRecorder::advance(std::size_t track, double value) {
  if (value <= seen_[track]) return;
  bins_.add(track, sampled_ - 1, value - seen_[track]);
  seen_[track] = value;
}

void SeriesRecorder::request_ended(const traces::RequestLog& log) {
  // A context runs a little ahead of simulated time: these are the times that latencies are of.
  if (log.op == kernel::BioOp::read) bins_.add(kRead, log.ended, log.bytes);
  if (log.op == kernel::BioOp::write) bins_.add(kWrite, log.ended, log.bytes);
  bins_.spread(kInFlight, log.submitted, log.ended, 1);
}

void SeriesRecorder::request_lost(const traces::RequestLog& log) {
  bins_.spread(kInFlight, log.submitted, hw::now_ps(), 1);
}

void SeriesRecorder::phase(std::uint32_t index, bool entered, Ps at) {
  if (entered) {
    const bool goes_on = !phases_.empty() && phases_.back().phase == index;
    if (!goes_on && phases_.size() < kMostStretches) phases_.push_back({index, at, at});
  } else if (!phases_.empty() && phases_.back().phase == index) {
    phases_.back().to = at;
  }
}

Json SeriesRecorder::json_of(std::size_t track, double unit) const {
  Json out = Json::array();
  for (std::size_t i = 0; i < bins_.bins(); ++i) {
    out.push_back(six_digits(bins_.at(track, i) / unit));
  }
  return out;
}

Json SeriesRecorder::to_json(const std::function<std::string(std::uint32_t)>& phase_name) const {
  const double width = static_cast<double>(bins_.width());
  // The stages of a ring's engine overlap: it is as busy as its busiest stage.
  std::size_t engine = kEngineBusy;
  for (std::size_t s = 1; s < 3; ++s) {
    if (bins_.total(kEngineBusy + s) > bins_.total(engine)) engine = kEngineBusy + s;
  }
  Json out;
  out["bin_seconds"] = seconds(bins_.width());
  out["bins"] = bins_.bins();
  out["read_mb_s"] = json_of(kRead, width * 1e-6);  // bytes in ps: 1e6 MB/s
  out["write_mb_s"] = json_of(kWrite, width * 1e-6);
  out["in_flight"] = json_of(kInFlight, width);
  out["disk_queue"] = json_of(kDiskQueue, width);
  out["disk_busy"] = json_of(kDiskBusy, width);
  out["engine_busy"] = json_of(engine, width * engines_);
  out["cpu_busy"] = json_of(kCpuBusy, width * at_.soc.cores());
  Json& phases = out["phases"] = Json::array();
  for (const Stretch& s : phases_) {
    phases.push_back(
        Json{{"name", phase_name(s.phase)}, {"from", seconds(s.from)}, {"to", seconds(s.to)}});
  }
  return out;
}

Json histogram_json(const LatencyHistogram& latency) {
  Json out = Json::array();
  latency.for_each_bucket(8, [&](std::uint64_t upper, std::uint64_t count) {
    out.push_back(Json::array({six_digits(static_cast<double>(upper) * 1e-6), count}));
  });
  return out;
}

}  // namespace cesasim
