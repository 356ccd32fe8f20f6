// SPDX-License-Identifier: Apache-2.0
#include "machine/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <systemc>
#include <vector>

#include "base/file/atomic_file.h"
#include "driver/driver_info.h"
#include "machine/assembly.h"
#include "machine/bench.h"
#include "machine/check/conservation.h"
#include "machine/check/integrity.h"
#include "machine/check/verdicts.h"
#include "machine/counters.h"
#include "machine/observe/run_tracer.h"
#include "machine/observe/series.h"
#include "machine/vcd_recorder.h"
#include "machine/watch.h"
#include "traces/replay/replay.h"
#include "traces/trace_reader.h"

namespace cesasim {

namespace {

using hw::Ps;

traces::ReplayParams replay_params(const Scenario& s) {
  traces::ReplayParams p;
  p.depth_read = s.workload.depth_read;
  p.depth_write = s.workload.depth_write;
  p.max_bio_bytes = s.workload.max_bio_bytes;
  p.lookahead = s.workload.lookahead;
  p.dirty_kib = s.workload.dirty_kib;
  p.writeback_kib = s.workload.writeback_kib;
  p.submitter_bonus = s.workload.submitter_bonus;
  p.writeback = s.workload.writeback;
  p.mode = s.workload.replay;
  p.phase_costs = s.workload.user;
  return p;
}

/// The scenario's machine with its workload and all that watches it.
class Machine : private traces::ReplayListener {
 public:
  Machine(const Scenario& s, const PointOptions& options)
      : at_(s, options.checkers, {}, options.own_driver),
        own_driver_(options.own_driver != nullptr),
        verdicts_(static_cast<Ps>(s.hang_seconds * static_cast<double>(hw::kPsPerS))),
        integrity_(at_, verdicts_),
        series_(at_),
        observed_(options.observe.wanted()) {
    reader_ = traces::open_trace(s.workload.trace_file, s.workload.trace_options());
    replay_ = std::make_unique<traces::Replay>(at_.kernel, *at_.target, *reader_, replay_params(s));
    tracer_ = std::make_unique<RunTracer>(
        at_, options.observe, s.workload.replay == "open",
        [this](std::uint32_t phase) { return reader_->phase_name(phase); });
    integrity_.watch(*replay_);
    replay_->add_listener(*this);
  }

  /// Writes what the disk holds. Errors: OutputError.
  void export_image(const std::string& path) {
    const hw::SparseStore& store = at_.soc.disk().store();
    SparseFile file(path);
    store.for_each_extent([&](std::uint64_t sector, const std::uint8_t* data, std::uint32_t count) {
      file.write(sector * hw::kSectorBytes, data, std::size_t{count} * hw::kSectorBytes);
    });
    file.commit(store.sectors() * hw::kSectorBytes);
  }

  void run(const ProgressFn& progress, std::uint64_t rows, const VcdWindow& window) {
    VcdRecorder vcd(window, at_.soc.cesa());
    constexpr double kProgressSeconds = 0.25;
    // What a tracer sees between two slices is kept in memory.
    const Ps longest_slice = hw::kPsPerS / (observed_ ? 100 : 4);
    replay_->start();
    double next_progress = kProgressSeconds;
    watch_run({
        .done = [this] { return replay_->done(); },
        .completed = [this] { return replay_->ended(); },
        .waiting = [this] { return replay_->waiting(); },
        .slice =
            [&] {
              return vcd.next(
                  sc_core::sc_time::from_value(std::min(series_.until_sample(), longest_slice)));
            },
        .after_slice =
            [&] {
              series_.sample();
              tracer_->flush();
              const double now = sc_core::sc_time_stamp().to_seconds();
              if (!progress || replay_->done() || now < next_progress) return;
              next_progress = now + kProgressSeconds;
              const traces::ReplayMetrics total = replay_->report().total;
              const auto rows_done = static_cast<double>(total.served + total.skipped);
              progress({now, rows == 0 ? 0 : rows_done / static_cast<double>(rows)});
            },
    });
    vcd.close();
    tracer_->close();
    replay_->for_each_outstanding([this](const traces::RequestLog& log) {
      verdicts_.lost(log);
      series_.request_lost(log);
      integrity_.lost(log);
    });
  }

  /// Lets `hook` add hardware and software before the run.
  void add(const MachineHook& hook) { hook(at_.soc, at_.kernel); }

  PointResult result(double host_seconds);

 private:
  void submitted(const traces::RequestLog& log, traces::BioPages pages) override;
  void completed(traces::RequestLog& log, traces::BioPages pages) override;
  void completed_again(const traces::RequestLog& log) override { verdicts_.ended_twice(log); }
  void phase(std::uint32_t index, bool entered, Ps now) override;
  void finished() override;

  Counters counters() { return read_counters(at_); }
  void add_metrics(PointResult& p, const Counters& c, const traces::ReplayReport& r);
  void add_integrity(PointResult& p, const traces::ReplayReport& r);
  void add_fault_results(PointResult& p) const;
  void add_notes(PointResult& p) const;
  void add_driver_notes(PointResult& p) const;
  void add_trace_notes(PointResult& p, const traces::ReplayReport& r) const;
  void judge(PointResult& p, const Counters& c, const traces::ReplayReport& r);

  Assembly at_;
  const bool own_driver_;  // of the user's: what its device does is not counted
  Verdicts verdicts_;
  Integrity integrity_;
  SeriesRecorder series_;
  const bool observed_;  // files are written about it
  std::unique_ptr<RunTracer> tracer_;
  std::unique_ptr<traces::TraceReader> reader_;
  std::unique_ptr<traces::Replay> replay_;
  Counters phase_start_;
  std::vector<Counters> phase_counters_;
};

void Machine::submitted(const traces::RequestLog& log, traces::BioPages) {
  verdicts_.submitted(log);
  tracer_->submitted(log);
}

void Machine::completed(traces::RequestLog& log, traces::BioPages) {
  verdicts_.ended(log);
  series_.request_ended(log);
  tracer_->ended(log);
}

void Machine::phase(std::uint32_t index, bool entered, Ps) {
  at_.kernel.sync_now();
  series_.phase(index, entered, at_.kernel.now());
  if (entered) tracer_->phase(index);
  if (entered) {
    phase_start_ = counters();
    return;
  }
  if (phase_counters_.size() <= index) phase_counters_.resize(index + 1);
  phase_counters_[index].add(counters(), phase_start_);
}

void Machine::finished() {
  at_.kernel.sync_now();
  sc_core::sc_pause();
}

const char* op_name(kernel::BioOp op) { return op == kernel::BioOp::read ? "read" : "write"; }

void add_op_metrics(MetricList& m, const traces::ReplayMetrics& r) {
  const auto latency = r.latency();
  const double seconds = static_cast<double>(r.duration) * 1e-12;
  emit(m, "sim_seconds", seconds);
  emit(m, "requests", static_cast<double>(r.bios()));
  emit(m, "bytes", static_cast<double>(r.bytes()));
  emit(m, "throughput_mb_s", seconds > 0 ? static_cast<double>(r.bytes()) / 1e6 / seconds : 0);
  emit_latency(m, "latency_us", latency);
  for (const kernel::BioOp op : {kernel::BioOp::read, kernel::BioOp::write}) {
    const LatencyHistogram& of_op = r.of(op).latency;
    if (of_op.count() != 0) emit_latency(m, std::string("latency_us.") + op_name(op), of_op);
  }
  emit(m, "in_flight_mean", r.in_flight_mean());
}

void Machine::add_fault_results(PointResult& p) const {
  for (const hw::FaultPlan::Outcome& o : at_.faults.outcomes()) {
    p.faults.push_back({o.rule->name, hw::fault_name(o.rule->kind), o.opportunities, o.fired});
    for (std::size_t site = 0; site < o.fired_at.size(); ++site) {
      if (o.fired_at[site] == 0) continue;
      p.faults.back().hit.emplace_back(hw::alloc_site_name(static_cast<hw::AllocSite>(site)),
                                       o.fired_at[site]);
    }
  }
}

/// Linux has bit-sliced AES for cores with NEON (arch/arm/crypto/aes-neonbs-glue.c); of the boards
/// here these are the Cortex-A9 ones.
bool has_neon(const std::string& soc) { return soc == "armada-375" || soc == "armada-385"; }

/// What of a point is otherwise than one would think.
void Machine::add_notes(PointResult& p) const {
  add_driver_notes(p);
  if (at_.api && at_.api->stats().synchronous != 0 && has_neon(at_.scenario.soc.preset)) {
    p.notes.push_back(
        "software AES is the scalar code: kernels of this core may use bit-sliced NEON code for "
        "XTS and CBC decryption, which is faster and not modelled");
  }
}

/// What no stock kernel does.
void Machine::add_driver_notes(PointResult& p) const {
  if (!at_.api || !at_.driver || !at_.driver->allocates_memory()) return;
  const char* const name = at_.driver->name();
  const driver::DriverInfo* const info = driver::find_driver(name);
  if (at_.api->stats().passed_over != 0) {
    p.notes.push_back(fmt::format(
        "dm-crypt passed over {}, which allocates memory (as Linux does since 5.10), and took the "
        "kernel's own cipher: the engine was not used",
        name));
  } else if (info != nullptr && info->ocf_only) {
    p.notes.push_back(fmt::format(
        "modern over {}: no stock kernel has ever done this: it is a driver of OCF, not of the "
        "cipher API that dm-crypt asks",
        name));
  } else {
    p.notes.push_back(fmt::format(
        "modern over {}: no stock kernel since Linux 5.10 does this: its dm-crypt refuses drivers "
        "that allocate memory; dmcrypt.allow_allocating_drivers: false shows what it does instead",
        name));
  }
}

/// What of the trace was not replayed as it stands there.
void Machine::add_trace_notes(PointResult& p, const traces::ReplayReport& r) const {
  const traces::ReplayMetrics& t = r.total;
  if (t.served != t.rows) {
    p.notes.push_back(
        fmt::format("of {} rows of the trace {} were served, {} skipped (discards, which this "
                    "dm-crypt does not pass on), {} refused",
                    t.rows, t.served, t.skipped, t.rejected));
  }
  for (const std::string& remark : reader_->remarks()) p.notes.push_back("trace: " + remark);
}

/// "1 request", "2 requests".
std::string counted(std::uint64_t n, const char* what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

/// What keeps a machine from going on that has stopped, if that is known: "; ..." for the message.
std::string stopped_because(const Assembly& at) {
  std::string out;
  for (std::size_t i = 0; i < static_cast<std::size_t>(hw::AllocSite::count); ++i) {
    const auto site = static_cast<hw::AllocSite>(i);
    const kernel::Kernel::MemoryWaiters& w = at.kernel.memory_waiters(site);
    if (w.count == 0) continue;
    out += fmt::format("; it starves: {} been waiting since {:.6f} s for memory for {}",
                       w.count == 1 ? "1 thread has" : fmt::format("{} threads have", w.count),
                       static_cast<double>(w.since) * 1e-12, hw::alloc_site_name(site));
    for (const hw::FaultPlan::Outcome& o : at.faults.outcomes()) {
      if (o.fired_at[i] == 0) continue;
      out += fmt::format(", where fault {} ({}) happened {} (place {})", o.rule->name,
                         hw::fault_name(o.rule->kind), counted(o.fired_at[i], "time"), i);
    }
  }
  if (at.ocf && at.ocf->behind_blocked() != 0) {
    out += fmt::format("; OCF still has the driver marked as blocked, with {} queued behind it",
                       counted(at.ocf->behind_blocked(), "request"));
  }
  return out;
}

void Machine::add_metrics(PointResult& p, const Counters& c, const traces::ReplayReport& r) {
  MetricList& m = p.metrics;
  add_op_metrics(m, r.total);
  tracer_->stages().emit_means(m);
  emit(m, "requests.offered", static_cast<double>(r.total.rows));
  emit(m, "requests.served", static_cast<double>(r.total.served));
  emit(m, "requests.rejected", static_cast<double>(r.total.rejected));
  emit(m, "requests.skipped", static_cast<double>(r.total.skipped));
  add_machine_metrics(m, at_, c, r.total.bytes());
  add_driver_metrics(m, at_);
  emit(m, "faults.fired", static_cast<double>(at_.faults.fired()));
  const auto verdicts = verdicts_.counts();
  for (std::size_t v = 0; v < verdicts.size(); ++v) {
    emit(m, std::string("verdict.") + verdict_name(static_cast<Verdict>(v)),
         static_cast<double>(verdicts[v]));
  }
  emit(m, "verdict.unattributed", static_cast<double>(verdicts_.unattributed()));
  for (std::size_t i = 0; i < r.phases.size(); ++i) {
    PhaseResult out;
    out.name = r.phases[i].name;
    add_op_metrics(out.metrics, r.phases[i]);
    if (i < phase_counters_.size()) {
      add_machine_metrics(out.metrics, at_, phase_counters_[i], r.phases[i].bytes());
    }
    p.phases.push_back(std::move(out));
  }
}

void Machine::add_integrity(PointResult& p, const traces::ReplayReport& r) {
  const DeviceErrors device = device_errors(at_);
  const dmcrypt::DmCryptStats& target = at_.target->stats();
  std::uint64_t unreported = target.ignored_errors;
  if (at_.ocf) {
    // The historical paths look at no crp_etype: every error of a request is lost.
    const driver::CryptoStats& ocf = at_.ocf->stats();
    if (at_.scenario.path_is_historical()) unreported = ocf.cs_errs;
    unreported += ocf.lost;
  }
  const traces::ContentVerifier::Counts& reads = integrity_.reads().counts();
  const auto hung = verdicts_.counts()[static_cast<std::size_t>(Verdict::hung)];
  const hw::DmaSanitizer& dma = at_.kernel.dma_sanitizer();
  for (const hw::DmaHazard& hazard : dma.reports()) p.dma_hazards.push_back(hazard.text);
  p.broken_guarantees = verdicts_.broken(!at_.faults.empty());
  count_integrity(p, "requests_ended", r.total.bios());
  count_integrity(p, "verified_reads", reads.verified_reads);
  count_integrity(p, "verified_sectors", reads.verified_sectors);
  count_integrity(p, "verified_disk_sectors", integrity_.right_on_disk());
  count_integrity(p, "mismatched_sectors", reads.mismatched_sectors + integrity_.wrong_on_disk());
  count_integrity(p, "clobbered_sectors", reads.clobbered_sectors);
  if (integrity_.encrypted()) {  // else all of them are, as they should be
    count_integrity(p, "plaintext_sectors", integrity_.plaintext_sectors());
  }
  count_integrity(p, "lost_requests", r.total.lost + (replay_->done() ? 0 : r.total.unfinished));
  count_integrity(p, "hung_requests", hung);
  count_integrity(p, "double_ended", r.double_ended);
  count_integrity(p, "unreported_errors", unreported);
  count_integrity(p, "guest_errors", device.guest_errors);
  count_integrity(p, "dma_hazards", dma.hazards());
  count_integrity(p, "unimplemented", device.unimplemented);
  count_integrity(p, "write_timeouts", target.timeouts);
  count_integrity(p, "late_callbacks", target.late_callbacks);
  count_integrity(p, "flags_not_carried", r.total.fua_or_preflush);
  count_integrity(p, "skipped_lines", r.skipped_lines);
}

/// Sets status and error.
void Machine::judge(PointResult& p, const Counters& c, const traces::ReplayReport& r) {
  if (!replay_->done()) {
    p.status = Status::broken;
    p.error = fmt::format("the machine stopped at {:.6f} s with {} outstanding{}",
                          sc_core::sc_time_stamp().to_seconds(),
                          counted(replay_->outstanding(), "request"), stopped_because(at_));
    return;
  }
  check_integrity(p);
  if (p.status == Status::ok && !p.broken_guarantees.empty()) {
    p.status = Status::broken;
    p.error = p.broken_guarantees.front();
  }
  if (p.status != Status::ok) {  // wrong data outranks failed requests
    p.error += first_mismatch(integrity_.reads());
    if (!p.dma_hazards.empty()) p.error += "; first DMA hazard: " + p.dma_hazards.front();
    if (r.total.errors() != 0) {
      p.error += fmt::format("; {} ended with an error", counted(r.total.errors(), "request"));
    }
    return;
  }
  try {
    if (replay_->error()) std::rethrow_exception(replay_->error());
  } catch (const std::exception& error) {
    p.status = Status::failed;
    p.error = error.what();
    return;
  }
  // Under fault injection a request that failed and reported it is as it should be.
  if (r.total.errors() != 0 && at_.faults.empty()) {
    p.status = Status::failed;
    p.error = fmt::format("{} ended with an error", counted(r.total.errors(), "request"));
    return;
  }
  if (at_.soc.protocol_violations() != 0) {
    p.status = Status::broken;
    p.error = fmt::format("{} breaches of the TLM base protocol in {} calls",
                          at_.soc.protocol_violations(), at_.soc.checked_calls());
    return;
  }
  if (std::string law = broken_law(at_, own_driver_, c, r, tracer_->stages().total());
      !law.empty()) {
    p.status = Status::broken;
    p.error = "conservation law broken: " + law;
  }
}

PointResult Machine::result(double host_seconds) {
  const Counters c = counters();
  const traces::ReplayReport r = replay_->report();
  integrity_.check_image();
  PointResult p;
  add_metrics(p, c, r);
  emit(p.metrics, "host_seconds", host_seconds);
  p.series = series_.to_json([&r](std::uint32_t phase) { return r.phases.at(phase).name; });
  for (const kernel::BioOp op : {kernel::BioOp::read, kernel::BioOp::write}) {
    p.latency_histogram[op_name(op)] = histogram_json(r.total.of(op).latency);
  }
  add_integrity(p, r);
  add_fault_results(p);
  add_notes(p);
  add_trace_notes(p, r);
  judge(p, c, r);
  return p;
}

}  // namespace

PointResult run_point(const Scenario& scenario, const PointOptions& options) {
  if (scenario.workload.bench.wanted()) return run_bench(scenario, options);
  std::uint64_t rows = 0;
  if (options.progress) {
    auto reader =
        traces::open_trace(scenario.workload.trace_file, scenario.workload.trace_options());
    traces::TraceRecord record;
    while (reader->next(record)) ++rows;
  }
  const auto start = std::chrono::steady_clock::now();
  Machine machine(scenario, options);
  if (options.on_built) machine.add(options.on_built);
  machine.run(options.progress, rows, options.vcd);
  const std::chrono::duration<double> host = std::chrono::steady_clock::now() - start;
  PointResult result = machine.result(host.count());
  if (options.export_image.empty()) return result;
  try {
    machine.export_image(options.export_image);
  } catch (const OutputError& error) {
    // What was measured stays, and that data are wrong outranks it.
    if (result.status == Status::ok) {
      result.status = Status::failed;
      result.error = error.what();
    }
  }
  return result;
}

}  // namespace cesasim
