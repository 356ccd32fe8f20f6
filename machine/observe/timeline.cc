// SPDX-License-Identifier: Apache-2.0
#include "machine/observe/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "machine/observe/time_window.h"
#include "scenario/tree.h"

namespace cesasim {
namespace {

// Processes of the trace, in the order in which viewers show them.
constexpr unsigned kRequestsPid = 1;
constexpr unsigned kCorePid = 10;
constexpr unsigned kCesaPid = 100;
constexpr unsigned kRingPid = 200;
constexpr unsigned kDiskPid = 300;
// Tracks of a core.
constexpr unsigned kHardirqTid = 1;
constexpr unsigned kSoftirqTid = 2;
constexpr unsigned kFirstThreadTid = 10;

constexpr Ps kPsPerNs = 1000;

/// Microseconds, to the picosecond.
std::string us(Ps ps) { return fmt::format("{}.{:06}", ps / hw::kPsPerUs, ps % hw::kPsPerUs); }

std::string quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

unsigned engine_pid(hw::CryptoUnit unit, unsigned engine) {
  return (unit == hw::CryptoUnit::cesa ? kCesaPid : kRingPid) + engine;
}

struct EngineTrack {
  unsigned tid;
  const char* track;
  const char* slice;
};

EngineTrack engine_track(hw::CryptoUnit unit, hw::EngineWork work) {
  const bool ring = unit == hw::CryptoUnit::ring;
  switch (work) {
    case hw::EngineWork::busy:
      return {1, "active", "chain"};
    case hw::EngineWork::cipher:
      return {2, "cipher", "cipher"};
    case hw::EngineWork::fetch:
      return {3, "TDMA", "descriptor"};
    case hw::EngineWork::in:
      return ring ? EngineTrack{1, "read channel", "in"} : EngineTrack{3, "TDMA", "in"};
    case hw::EngineWork::out:
      return ring ? EngineTrack{3, "write channel", "out"} : EngineTrack{3, "TDMA", "out"};
  }
  return {};
}

const char* op_text(kernel::BioOp op) {
  return op == kernel::BioOp::read ? "read" : op == kernel::BioOp::write ? "write" : "flush";
}

}  // namespace

Timeline::Timeline(const std::string& file, const TimeWindow& window, unsigned cores)
    : file_(file), from_(ps_of(window.from)), to_(ps_of(window.to)), cores_(cores) {
  file_.text() += "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[";
  process(kRequestsPid, "requests");
  for (unsigned i = 0; i < cores; ++i) {
    process(kCorePid + i, fmt::format("core {}", i));
    track(kCorePid + i, kHardirqTid, "hard irq");
    track(kCorePid + i, kSoftirqTid, "softirq");
    const std::string idle = fmt::format("swapper/{}", i);
    cores_[i].stack.push_back({thread_tid(i, idle), idle});
  }
}

void Timeline::event(const std::string& fields) {
  file_.text() += any_ ? ",\n{" : "\n{";
  any_ = true;
  file_.text() += fields;
  file_.text() += '}';
}

void Timeline::process(unsigned pid, const std::string& name) {
  tracks_[pid];
  event(fmt::format(R"("ph":"M","name":"process_name","pid":{},"args":{{"name":{}}})", pid,
                    quoted(name)));
  event(fmt::format(R"("ph":"M","name":"process_sort_index","pid":{0},"args":{{"sort_index":{0}}})",
                    pid));
}

void Timeline::track(unsigned pid, unsigned tid, const std::string& name) {
  tracks_[pid][tid] = 0;
  event(fmt::format(R"("ph":"M","name":"thread_name","pid":{},"tid":{},"args":{{"name":{}}})", pid,
                    tid, quoted(name)));
  event(fmt::format(
      R"("ph":"M","name":"thread_sort_index","pid":{0},"tid":{1},"args":{{"sort_index":{1}}})", pid,
      tid));
}

unsigned Timeline::thread_tid(unsigned cpu, const std::string& name) {
  auto& tids = cores_[cpu].tids;
  const auto [it, added] =
      tids.try_emplace(name, kFirstThreadTid + static_cast<unsigned>(tids.size()));
  if (added) track(kCorePid + cpu, it->second, name);
  return it->second;
}

/// A slice as far as it lies in the window.
void Timeline::slice(unsigned pid, unsigned tid, const std::string& name, Ps from, Ps to,
                     const std::string& args) {
  if (from > to_ || to < from_ || (to == from_ && from < to)) return;
  const Ps begin = std::max(from, from_);
  const Ps end = std::min(to, to_);
  event(fmt::format(R"("ph":"X","pid":{},"tid":{},"name":{},"ts":{},"dur":{}{})", pid, tid,
                    quoted(name), us(begin), us(end - begin),
                    args.empty() ? "" : fmt::format(R"(,"args":{{{}}})", args)));
}

// --- cores ------------------------------------------------------------------------------------

void Timeline::cut(unsigned cpu, Ps at) {
  Core& core = cores_[cpu];
  // A context that runs ahead may have reported a time that an interrupt comes before.
  at = std::max(at, core.since);
  Frame& frame = core.stack.back();
  if (!core.waits && at > core.since) {
    slice(kCorePid + cpu, frame.tid, frame.name, core.since, at);
    frame.drawn = true;
    resolve(cpu, frame, core.since, at);
  }
  core.since = at;
}

/// The frame's places lie in a slice from `from` to `to`.
void Timeline::resolve(unsigned cpu, Frame& frame, Ps from, Ps to) {
  const std::vector<OpenPlace> places = std::exchange(frame.places, {});
  // Viewers round to nanoseconds and look for a slice that has not ended.
  const Ps begin = std::max(from, from_);
  const Ps last = std::min(to, to_);
  const bool seen = begin <= last;
  const Ps end = seen && last - begin > 2 * kPsPerNs ? last - kPsPerNs : begin;
  for (const OpenPlace& p : places) {
    Place place;
    place.state = seen && p.ts >= from_ && p.ts <= to_ ? Place::State::fixed : Place::State::none;
    place.ts = std::clamp(p.ts, begin, std::max(begin, end));
    place.pid = kCorePid + cpu;
    place.tid = frame.tid;
    place.serial = p.serial;
    settle(p.id, p.flow, place);
  }
}

/// A frame goes for good. Where an arrow may end it gets a slice, if only one of no length.
void Timeline::drop(unsigned cpu, Frame& frame) {
  const bool interrupt = frame.tid == kHardirqTid && !frame.drawn;
  if (frame.places.empty() && !interrupt) return;
  const Ps at = cores_[cpu].since;
  slice(kCorePid + cpu, frame.tid, frame.name, at, at);
  resolve(cpu, frame, at, at);
}

void Timeline::thread(unsigned cpu, const std::string& name, Ps at) {
  cut(cpu, at);
  Core& core = cores_[cpu];
  drop(cpu, core.stack.front());
  core.stack.front() = {thread_tid(cpu, name), name};
}

void Timeline::idle(unsigned cpu, bool waits, Ps at) {
  cut(cpu, at);
  cores_[cpu].waits = waits;
}

Ps Timeline::enter(unsigned cpu, kernel::TraceContext context, const std::string& name, Ps at) {
  cut(cpu, at);
  const bool hard = context == kernel::TraceContext::hardirq;
  cores_[cpu].stack.push_back({hard ? kHardirqTid : kSoftirqTid, name});
  return cores_[cpu].since;
}

void Timeline::leave(unsigned cpu, Ps at) {
  cut(cpu, at);
  Core& core = cores_[cpu];
  drop(cpu, core.stack.back());
  core.stack.pop_back();
}

// --- devices ----------------------------------------------------------------------------------

void Timeline::engine_step(const hw::EngineStep& step, std::uint64_t request) {
  const unsigned pid = engine_pid(step.unit, step.engine);
  const EngineTrack t = engine_track(step.unit, step.work);
  if (!tracks_.contains(pid)) {
    process(pid, fmt::format("{} engine {}", step.unit == hw::CryptoUnit::cesa ? "CESA" : "ring",
                             step.engine));
  }
  if (!tracks_[pid].contains(t.tid)) track(pid, t.tid, t.track);
  // What was reported ahead of time and then stopped.
  Ps& last = tracks_[pid][t.tid];
  const Ps from = std::max(step.from, last);
  if (step.to < from) return;
  last = step.to;
  std::string args;
  if (step.bytes != 0) args = fmt::format(R"("bytes":{})", step.bytes);
  if (request != 0) args += fmt::format(R"({}"request":{})", args.empty() ? "" : ",", request);
  slice(pid, t.tid, t.slice, from, step.to, args);
}

void Timeline::disk_command(const hw::DiskCommand& command, int error, Ps from, Ps to) {
  if (!tracks_.contains(kDiskPid)) process(kDiskPid, "disk");
  const unsigned tid = command.tag + 1;
  if (!tracks_[kDiskPid].contains(tid)) track(kDiskPid, tid, fmt::format("tag {}", command.tag));
  const char* name = command.op == hw::DiskCommand::Op::read    ? "read"
                     : command.op == hw::DiskCommand::Op::write ? "write"
                                                                : "flush";
  slice(kDiskPid, tid, name, from, to,
        fmt::format(R"("sector":{},"sectors":{},"error":{})", command.sector, command.sectors,
                    error));
}

// --- requests ---------------------------------------------------------------------------------

void Timeline::here(std::uint64_t id, Flow flow, unsigned cpu, Ps at) {
  const auto found = arrows_.find(id);
  if (found == arrows_.end()) return;
  Place& place = found->second.places[static_cast<std::size_t>(flow)];
  if (place.state != Place::State::open) ++found->second.open;
  place.state = Place::State::open;
  place.serial = ++serials_;
  cores_[cpu].stack.back().places.push_back({id, flow, place.serial, at});
}

void Timeline::in_interrupt(std::uint64_t id, unsigned cpu, Ps at) {
  const auto found = arrows_.find(id);
  if (found == arrows_.end() || !in_window(at)) return;
  found->second.places[static_cast<std::size_t>(Flow::interrupt)] = {
      Place::State::fixed, at, kCorePid + cpu, kHardirqTid, 0};
}

void Timeline::on_engine(std::uint64_t id, hw::CryptoUnit unit, unsigned engine, Ps at) {
  const auto found = arrows_.find(id);
  if (found == arrows_.end() || !in_window(at)) return;
  found->second.places[static_cast<std::size_t>(Flow::engine)] = {
      Place::State::fixed, at, engine_pid(unit, engine),
      engine_track(unit, hw::EngineWork::cipher).tid, 0};
}

void Timeline::on_disk(std::uint64_t id, std::uint32_t tag, Ps at) {
  const auto found = arrows_.find(id);
  if (found == arrows_.end() || !in_window(at)) return;
  found->second.places[static_cast<std::size_t>(Flow::disk)] = {Place::State::fixed, at, kDiskPid,
                                                                tag + 1, 0};
}

void Timeline::settle(std::uint64_t id, Flow flow, const Place& place) {
  const auto found = arrows_.find(id);
  if (found == arrows_.end()) return;
  Arrows& arrows = found->second;
  Place& mine = arrows.places[static_cast<std::size_t>(flow)];
  if (mine.state != Place::State::open || mine.serial != place.serial)
    return;  // a later one counts
  mine = place;
  --arrows.open;
  if (!arrows.ended || arrows.open != 0) return;
  write_arrows(id, arrows);
  arrows_.erase(found);
}

void Timeline::write_arrows(std::uint64_t id, const Arrows& arrows) {
  std::vector<const Place*> places;
  for (const Place& p : arrows.places) {
    if (p.state == Place::State::fixed) places.push_back(&p);
  }
  if (places.size() < 2) return;
  std::stable_sort(places.begin(), places.end(),
                   [](const Place* a, const Place* b) { return a->ts < b->ts; });
  for (const Place* p : places) {
    const char* ph = p == places.front() ? "s" : p == places.back() ? "f" : "t";
    event(fmt::format(
        R"("ph":"{}","bp":"e","cat":"request","name":"request","id":{},"pid":{},"tid":{},"ts":{})",
        ph, id, p->pid, p->tid, us(p->ts)));
  }
}

void Timeline::end(const RequestTrace& r, const std::string& phase) {
  const traces::RequestLog& log = r.log;
  const auto async = [&](const char* ph, const char* name, Ps at, const std::string& more) {
    event(fmt::format(R"("ph":"{}","cat":"request","name":"{}","id":{},"pid":{},"tid":0,"ts":{}{})",
                      ph, name, log.id, kRequestsPid, us(at), more));
  };
  const char* const name = op_text(log.op);
  async("b", name, log.submitted,
        fmt::format(R"(,"args":{{"sector":{},"bytes":{},"pid":{},"phase":{},"error":{}}})",
                    log.sector, log.bytes, log.pid, quoted(phase), log.error));
  Ps last = log.submitted;
  for (std::size_t i = 0; i < r.times.size(); ++i) {
    const auto stage = static_cast<Stage>(i);
    if (stage == Stage::arrived || stage == Stage::submitted || stage == Stage::ended) continue;
    if (!r.passed(stage)) continue;
    async("n", kStageNames[i], r.at(stage), "");
    last = std::max(last, r.at(stage));
  }
  async("e", name, r.passed(Stage::ended) ? r.at(Stage::ended) : last, "");

  const auto found = arrows_.find(log.id);
  if (found == arrows_.end()) return;
  found->second.ended = true;
  if (found->second.open != 0) return;
  write_arrows(log.id, found->second);
  arrows_.erase(found);
}

void Timeline::close(Ps at) {
  for (unsigned i = 0; i < cores_.size(); ++i) {
    cut(i, at);
    while (!cores_[i].stack.empty()) {
      drop(i, cores_[i].stack.back());
      cores_[i].stack.pop_back();
    }
  }
  file_.text() += "\n]}\n";
  file_.commit();
}

}  // namespace cesasim
