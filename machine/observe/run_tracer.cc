// SPDX-License-Identifier: Apache-2.0
#include "machine/observe/run_tracer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <systemc>
#include <utility>

#include "hw_model/tlm/sc_time.h"
#include "machine/observe/time_window.h"

namespace cesasim {
namespace {

using kernel::TraceEvent;
using Flow = Timeline::Flow;

traces::Op op_of(kernel::BioOp op) {
  return op == kernel::BioOp::read    ? traces::Op::read
         : op == kernel::BioOp::write ? traces::Op::write
                                      : traces::Op::flush;
}

traces::Op op_of(hw::DiskCommand::Op op) {
  return op == hw::DiskCommand::Op::read    ? traces::Op::read
         : op == hw::DiskCommand::Op::write ? traces::Op::write
                                            : traces::Op::flush;
}

}  // namespace

RunTracer::RunTracer(Assembly& at, const ObserveOptions& options, bool open_loop,
                     PhaseName phase_name)
    : at_(at),
      phase_name_(std::move(phase_name)),
      rows_from_(ps_of(options.requests_window.from)),
      rows_to_(ps_of(options.requests_window.to)),
      stages_(open_loop) {
  if (!options.requests.empty()) {
    rows_ = std::make_unique<TextFile>(options.requests);
    std::string& text = rows_->text();
    text += "id,op,sector,bytes,pid,phase,error";
    for (const char* stage : kStageNames) fmt::format_to(std::back_inserter(text), ",{}_us", stage);
    text += '\n';
  }
  if (!options.timeline.empty()) {
    timeline_ =
        std::make_unique<Timeline>(options.timeline, options.timeline_window, at.soc.cores());
  }
  if (!options.log.empty()) log_ = std::make_unique<EventLog>(options, at.soc);
  if (!options.record.empty()) record_ = std::make_unique<Recorder>(options.record);
  if (!options.record_disk.empty()) record_disk_ = std::make_unique<Recorder>(options.record_disk);
  at_.kernel.set_tracer(this);
  at_.soc.cesa().set_tracer(this);
  at_.soc.ring().set_tracer(this);
  at_.soc.disk().set_tracer(this);
}

RunTracer::~RunTracer() {
  at_.kernel.set_tracer(nullptr);
  at_.soc.cesa().set_tracer(nullptr);
  at_.soc.ring().set_tracer(nullptr);
  at_.soc.disk().set_tracer(nullptr);
}

// --- the replay's side ------------------------------------------------------------------------

void RunTracer::submitted(const traces::RequestLog& log) {
  if (record_) {
    traces::TraceRecord record;
    record.time_ns = log.submitted / hw::kPsPerNs;
    record.sector = log.sector;
    record.bytes = log.bytes;
    record.pid = log.pid;
    record.flags = log.flags;
    record.op = op_of(log.op);
    record_->began(log.id, record, phase_name_(log.phase));
  }
  requests_.emplace(log.id, RequestTrace(log));
  if (timeline_ && timeline_->in_window(log.submitted)) {
    timeline_->begin(log.id);
    timeline_->here(log.id, Flow::submit, at_.kernel.smp_processor_id(), log.submitted);
  }
}

void RunTracer::ended(const traces::RequestLog& log) {
  if (record_) record_->ended(log.id, log.ended / hw::kPsPerNs);
  const auto found = requests_.find(log.id);
  if (found == requests_.end()) return;
  RequestTrace& request = found->second;
  request.log = log;
  request.at(Stage::ended) = log.ended;
  request.has_ended = true;
  if (timeline_) timeline_->here(log.id, Flow::end, at_.kernel.smp_processor_id(), log.ended);
  // Another core may have ended it before the map function comes back.
  if (!request.in_map) finish(log.id);
}

void RunTracer::finish(std::uint64_t id) {
  const auto found = requests_.find(id);
  RequestTrace& request = found->second;
  // Some parts were announced, the last one was not.
  if (request.passed(Stage::interrupt) &&
      request.at(Stage::interrupt) < request.at(Stage::cipher_done)) {
    request.at(Stage::interrupt) = RequestTrace::kNever;
  }
  if (request.has_ended) stages_.add(request);
  const Ps submitted = request.log.submitted;
  if (rows_ && submitted >= rows_from_ && submitted <= rows_to_) write_row(request);
  if (timeline_ && timeline_->in_window(submitted)) {
    timeline_->end(request, phase_name_(request.log.phase));
  }
  requests_.erase(found);
}

void RunTracer::write_row(const RequestTrace& r) {
  std::string& text = rows_->text();
  const auto out = std::back_inserter(text);
  const char* op = r.log.op == kernel::BioOp::read    ? "read"
                   : r.log.op == kernel::BioOp::write ? "write"
                                                      : "flush";
  fmt::format_to(out, "{},{},{},{},{},{},{}", r.log.id, op, r.log.sector, r.log.bytes, r.log.pid,
                 phase_name_(r.log.phase), r.log.error);
  for (const Ps at : r.times) {
    if (at == RequestTrace::kNever) {
      text += ',';
    } else {
      fmt::format_to(out, ",{}.{:06}", at / hw::kPsPerUs, at % hw::kPsPerUs);
    }
  }
  text += '\n';
}

void RunTracer::flush() {
  if (rows_) rows_->flush();
  if (timeline_) timeline_->flush();
  if (log_) log_->flush();
  if (record_) record_->flush();
  if (record_disk_) record_disk_->flush();
}

void RunTracer::close() {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, request] : requests_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  for (const std::uint64_t id : ids) finish(id);
  if (timeline_) timeline_->close(hw::now_ps());
  if (rows_) rows_->commit();
  if (log_) log_->commit();
  if (record_) record_->close();
  if (record_disk_) record_disk_->close();
}

// --- the kernel's side ------------------------------------------------------------------------

void RunTracer::event(TraceEvent event, std::uint64_t id, std::uint64_t value, unsigned cpu,
                      Ps at) {
  if (log_) log_->event(event, id, value, cpu, at);
  if (event == TraceEvent::crypto_work) operations_[value] = id;
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  RequestTrace& request = found->second;
  switch (event) {
    case TraceEvent::dm_map:
      request.in_map = true;
      break;
    case TraceEvent::dm_mapped:
      request.in_map = false;
      request.at(Stage::mapped) = at;
      if (request.has_ended) finish(id);
      break;
    case TraceEvent::crypto_dispatch:
      if (timeline_ && !request.passed(Stage::dispatched_first)) {
        timeline_->here(id, Flow::dispatch, cpu, at);
      }
      request.first(Stage::dispatched_first, at);
      request.last(Stage::dispatched_last, at);
      break;
    case TraceEvent::crypto_work:
      break;
    case TraceEvent::ciphered:
      request.last(Stage::cipher_done, at);
      break;
    case TraceEvent::crypto_done:
      part_done(request);
      break;
    case TraceEvent::crypto_callback:
      request.last(Stage::callback, at);
      if (timeline_) timeline_->here(id, Flow::callback, cpu, at);
      break;
    case TraceEvent::disk_submit:
      request.last(Stage::disk_submitted, at);
      break;
    case TraceEvent::disk_complete: {
      const Command& command = commands_[static_cast<std::uint32_t>(value)];
      request.first(Stage::disk_started, command.from);
      request.last(Stage::on_disk, command.to);
      if (timeline_) timeline_->on_disk(id, static_cast<std::uint32_t>(value), command.from);
      break;
    }
  }
}

/// The driver learned of the end by the unit's last interrupt, unless that was before the end: then
/// it looked without one.
void RunTracer::part_done(RequestTrace& request) {
  for (const RequestTrace::Line& line : request.lines) {
    const auto last = interrupts_.find(line.irq);
    if (last == interrupts_.end() || last->second.at < line.operation_end) continue;
    request.last(Stage::interrupt, last->second.at);
    if (timeline_ && request.at(Stage::interrupt) == last->second.at) {
      timeline_->in_interrupt(request.log.id, last->second.cpu, last->second.drawn);
    }
  }
}

void RunTracer::thread(unsigned cpu, const std::string& name, Ps at) {
  if (timeline_) timeline_->thread(cpu, name, at);
  if (log_) log_->thread(cpu, name, at);
}

void RunTracer::idle(unsigned cpu, bool waits, Ps at) {
  if (timeline_) timeline_->idle(cpu, waits, at);
}

void RunTracer::enter(unsigned cpu, kernel::TraceContext context, int irq, const std::string& name,
                      Ps at) {
  if (log_) log_->enter(cpu, context, irq, name, at);
  const Ps drawn = timeline_ ? timeline_->enter(cpu, context, name, at) : at;
  if (context == kernel::TraceContext::hardirq && irq >= 0) interrupts_[irq] = {at, cpu, drawn};
}

void RunTracer::leave(unsigned cpu, Ps at) {
  if (timeline_) timeline_->leave(cpu, at);
  if (log_) log_->leave(cpu, at);
}

void RunTracer::mmio(bool write, hw::PhysAddr addr, std::uint32_t value, unsigned cpu, Ps at) {
  if (log_) log_->mmio(write, addr, value, cpu, at);
}

// --- the hardware's side ----------------------------------------------------------------------

void RunTracer::guest_error(hw::CryptoUnit unit, const std::string& report) {
  if (log_) log_->guest_error(unit, report, hw::now_ps());
}

void RunTracer::engine_step(const hw::EngineStep& step) {
  if (log_) log_->engine_step(step);
  std::uint64_t id = 0;
  if (step.work == hw::EngineWork::cipher) {
    const auto operation = operations_.find(step.operation);
    if (operation != operations_.end()) id = operation->second;
  }
  if (timeline_) timeline_->engine_step(step, id);
  const auto found = requests_.find(id);
  if (id == 0 || found == requests_.end()) return;
  RequestTrace& request = found->second;
  if (timeline_ && !request.passed(Stage::engine_start)) {
    timeline_->on_engine(id, step.unit, step.engine, step.from);
  }
  request.first(Stage::engine_start, step.from);
  request.last(Stage::cipher_done, step.to);
  const hw::SocConfig& soc = at_.soc.config();
  const auto ring = static_cast<unsigned>(step.operation >> 32 & 0x7fff);
  const int irq = static_cast<int>(step.unit == hw::CryptoUnit::cesa ? soc.cesa.irq(step.engine)
                                                                     : soc.ring.irq(ring));
  for (RequestTrace::Line& line : request.lines) {
    if (line.irq != irq) continue;
    line.operation_end = step.to;
    return;
  }
  request.lines.push_back({irq, step.to});
}

void RunTracer::disk_taken(const hw::DiskCommand& command, std::uint64_t order, Ps at) {
  commands_[command.tag].from = at;
  if (log_) log_->disk_taken(command, at);
  if (!record_disk_) return;
  traces::TraceRecord record;
  record.time_ns = at / hw::kPsPerNs;
  record.sector = command.op == hw::DiskCommand::Op::flush ? 0 : command.sector;
  record.bytes = std::uint64_t{command.sectors} * hw::kSectorBytes;
  record.op = op_of(command.op);
  record_disk_->began(order, record, phase_name_(phase_));
}

void RunTracer::disk_ended(const hw::DiskCommand& command, std::uint64_t order, int error, Ps at) {
  Command& mine = commands_[command.tag];
  mine.to = at;
  if (log_) log_->disk_ended(command, error, at);
  if (record_disk_) record_disk_->ended(order, at / hw::kPsPerNs);
  if (timeline_) timeline_->disk_command(command, error, mine.from, at);
}

}  // namespace cesasim
