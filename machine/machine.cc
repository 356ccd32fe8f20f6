#include "machine/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <systemc>
#include <unordered_map>

#include "base/file/atomic_file.h"
#include "driver/driver_info.h"
#include "machine/assembly.h"
#include "machine/bench.h"
#include "machine/counters.h"
#include "machine/observe/run_tracer.h"
#include "machine/observe/series.h"
#include "machine/reference_cipher.h"
#include "machine/vcd_recorder.h"
#include "machine/verdicts.h"
#include "traces/replay/replay.h"
#include "traces/trace_reader.h"

namespace cesasim::study {

namespace {

using hw::Activity;
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

/// A run in which no request has ended for so long (simulated) is stuck. Well above the 30 s that
/// a writer of ocf-v3 waits for lost callbacks.
constexpr double kStallSeconds = 300;
/// Most time that a core may have been charged for and not yet waited for when a run ends.
constexpr Ps kMaxDebt = 100 * hw::kPsPerMs;

/// The scenario's machine with its workload and all that watches it.
class Machine {
 public:
  Machine(const Scenario& s, const PointOptions& options)
      : at_(s, options.checkers, {}, options.own_driver),
        own_driver_(options.own_driver != nullptr),
        table_(at_.target->table()),
        oracle_(s.seed),
        reference_(s.dmcrypt.path == "none" ? "none" : table_.cipher.str(), table_.key,
                   table_.iv_offset, table_.sector_size, table_.iv_large_sectors),
        verdicts_(static_cast<Ps>(s.hang_seconds * static_cast<double>(hw::kPsPerS))),
        series_(at_) {
    reader_ = traces::open_trace(s.workload.trace_file, s.workload.trace_options());
    replay_ = std::make_unique<traces::Replay>(at_.kernel, *at_.target, *reader_, oracle_,
                                               replay_params(s));
    replay_->verify_unwritten = [this](std::uint64_t sector, const std::uint8_t* data) {
      return std::memcmp(data, blank_plaintext(sector), hw::kSectorBytes) == 0;
    };
    if (options.observe.wanted()) {
      tracer_ = std::make_unique<RunTracer>(
          at_, options.observe, [this](std::uint32_t phase) { return reader_->phase_name(phase); });
    }
    replay_->on_submit = [this](const traces::RequestLog& log) {
      verdicts_.submitted(log);
      if (tracer_) tracer_->submitted(log);
    };
    replay_->on_request = [this](const traces::RequestLog& log) {
      verdicts_.ended(log);
      series_.request_ended(log);
      if (tracer_) tracer_->ended(log);
      note_certainty(log, log.error == 0);
    };
    replay_->on_double_end = [this](const traces::RequestLog& log) { verdicts_.ended_twice(log); };
    replay_->on_phase = [this](std::uint32_t phase, bool entered) {
      at_.kernel.sync_now();
      series_.phase(phase, entered, at_.kernel.now());
      if (tracer_ && entered) tracer_->phase(phase);
      if (entered) {
        phase_start_ = counters();
        return;
      }
      if (phase_counters_.size() <= phase) phase_counters_.resize(phase + 1);
      phase_counters_[phase].add(counters(), phase_start_);
    };
    replay_->on_done = [this] {
      at_.kernel.sync_now();
      sc_core::sc_pause();
    };
    if (s.dmcrypt.path == "none") return;  // the disk is meant to hold the plaintext
    at_.soc.disk().set_write_observer(
        [this](std::uint64_t sector, const std::uint8_t* data, std::uint32_t sectors) {
          for (std::uint32_t i = 0; i < sectors; ++i) {
            if (sector + i < table_.start) continue;
            const std::uint64_t mapped = sector + i - table_.start;
            if (!oracle_.looks_like_plaintext(mapped, data + i * hw::kSectorBytes)) continue;
            ++plaintext_sectors_;
            verdicts_.plaintext_written(mapped, sc_core::sc_time_stamp().value());
          }
        });
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
    const Ps longest_slice = hw::kPsPerS / (tracer_ ? 100 : 4);
    replay_->start();
    std::uint64_t ended = 0;
    double ended_at = 0;
    double next_progress = kProgressSeconds;
    while (!replay_->done()) {
      sc_core::sc_start(
          vcd.next(sc_core::sc_time::from_value(std::min(series_.until_sample(), longest_slice))));
      series_.sample();
      if (tracer_) tracer_->flush();
      if (replay_->done()) break;
      const double now = sc_core::sc_time_stamp().to_seconds();
      if (replay_->ended() != ended) {
        ended = replay_->ended();
        ended_at = now;
      } else if (now - ended_at > kStallSeconds) {
        break;  // something keeps the machine busy, but no request ends any more
      }
      if (progress && now >= next_progress) {
        next_progress = now + kProgressSeconds;
        const auto report = replay_->report();
        const auto& t = report.total;
        progress({sc_core::sc_time_stamp().to_seconds(),
                  rows == 0
                      ? 0
                      : static_cast<double>(t.served + t.skipped) / static_cast<double>(rows)});
      }
      // Nothing will ever happen again: whatever is outstanding is lost.
      if (!sc_core::sc_pending_activity()) break;
    }
    vcd.close();
    if (tracer_) tracer_->close();
    replay_->for_each_outstanding([this](const traces::RequestLog& log) {
      verdicts_.lost(log);
      series_.request_lost(log);
      if (log.op != kernel::BioOp::write) return;
      oracle_.mark_uncertain(log.sector, log.bytes / hw::kSectorBytes);
      note_certainty(log, false);
    });
  }

  /// Lets `hook` add hardware and software before the run.
  void add(const MachineHook& hook) { hook(at_.soc, at_.kernel); }

  PointResult result(double host_seconds);

 private:
  Counters counters() { return read_counters(at_); }
  void add_fault_results(PointResult& p) const;
  void add_notes(PointResult& p) const;
  void check_image(std::uint64_t& wrong, std::uint64_t& right);
  std::string broken_law(const Counters& c, const traces::ReplayReport& r);
  const std::uint8_t* blank_plaintext(std::uint64_t sector);
  void note_certainty(const traces::RequestLog& log, bool certain);
  bool older_content(std::uint64_t sector, std::uint32_t generation, const std::uint8_t* plain);

  Assembly at_;
  const bool own_driver_;  // of the user's: what its device does is not counted
  const dmcrypt::CryptTable& table_;
  traces::ContentOracle oracle_;
  ReferenceCipher reference_;
  Verdicts verdicts_;
  SeriesRecorder series_;
  std::unique_ptr<RunTracer> tracer_;
  std::unique_ptr<traces::TraceReader> reader_;
  std::unique_ptr<traces::Replay> replay_;
  std::uint64_t plaintext_sectors_ = 0;
  /// Sectors whose write failed or never ended: the last version that was certainly there.
  std::unordered_map<std::uint64_t, std::uint32_t> uncertain_;
  std::vector<std::uint8_t> blank_;  // plaintext of the unit blank_unit_ of a blank disk
  std::uint64_t blank_unit_ = ~std::uint64_t{0};
  Counters phase_start_;
  std::vector<Counters> phase_counters_;
};

/// A blank disk reads as zeros, so dm-crypt returns what zeros decrypt to.
const std::uint8_t* Machine::blank_plaintext(std::uint64_t sector) {
  const std::uint32_t unit = table_.sector_size / hw::kSectorBytes;
  if (sector / unit != blank_unit_) {
    blank_unit_ = sector / unit;
    const std::vector<std::uint8_t> zeros(table_.sector_size);
    blank_.resize(table_.sector_size);
    reference_.decrypt(blank_unit_ * unit, zeros.data(), blank_.data());
  }
  return blank_.data() + sector % unit * hw::kSectorBytes;
}

void Machine::note_certainty(const traces::RequestLog& log, bool certain) {
  if (log.op != kernel::BioOp::write || (certain && uncertain_.empty())) return;
  const std::uint64_t end = log.sector + log.bytes / hw::kSectorBytes;
  for (std::uint64_t sector = log.sector; sector < end; ++sector) {
    if (certain) {
      uncertain_.erase(sector);
    } else {
      uncertain_.try_emplace(sector, oracle_.expected(sector) - 1);
    }
  }
}
/// Whether `plain` is what a failed write may leave: the version before it, or one of the failed
/// ones.
bool Machine::older_content(std::uint64_t sector, std::uint32_t generation,
                            const std::uint8_t* plain) {
  const auto found = uncertain_.find(sector);
  std::uint32_t version = found == uncertain_.end() ? 0 : found->second;
  std::uint8_t content[hw::kSectorBytes];
  for (; version <= generation; ++version) {
    if (version == 0) {
      std::memcpy(content, blank_plaintext(sector), sizeof content);
    } else {
      oracle_.fill(sector, version, content);
    }
    if (std::memcmp(plain, content, sizeof content) == 0) return true;
  }
  return false;
}

void Machine::check_image(std::uint64_t& wrong, std::uint64_t& right) {
  const hw::SparseStore& store = at_.soc.disk().store();
  const std::uint32_t unit = table_.sector_size / hw::kSectorBytes;
  const Ps now = sc_core::sc_time_stamp().value();
  std::vector<std::uint8_t> cipher(table_.sector_size), plain(table_.sector_size);
  std::uint8_t expected[hw::kSectorBytes];
  std::uint64_t at_unit = ~std::uint64_t{0};
  oracle_.for_each_written([&](std::uint64_t sector, std::uint32_t generation, bool certain) {
    if (sector / unit != at_unit) {
      at_unit = sector / unit;
      store.read(table_.start + at_unit * unit, cipher.data(), unit);
      reference_.decrypt(at_unit * unit, cipher.data(), plain.data());
    }
    const std::uint8_t* const data = plain.data() + sector % unit * hw::kSectorBytes;
    if (certain) {
      oracle_.fill(sector, generation, expected);
      if (std::memcmp(data, expected, sizeof expected) == 0) {
        ++right;
        return;
      }
    } else if (unit > 1 || older_content(sector, generation, data)) {
      return;  // a torn unit deciphers to neither
    }
    ++wrong;
    verdicts_.wrong_on_disk(sector, now);
  });
  // Whatever else was written to the disk should not have been.
  store.for_each_extent([&](std::uint64_t sector, const std::uint8_t*, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (sector + i < table_.start) {
        ++wrong;
        verdicts_.outside_mapping(sector + i, now);
      } else if (!oracle_.written(sector + i - table_.start)) {
        ++wrong;
        verdicts_.wrong_on_disk(sector + i - table_.start, now);
      }
    }
  });
}

/// Conservation laws: what must hold whatever the parameters. Empty if all do.
std::string Machine::broken_law(const Counters& c, const traces::ReplayReport& r) {
  for (unsigned i = 0; i < at_.soc.cores(); ++i) {
    const auto t = at_.kernel.core_time(i);
    if (t.busy + t.idle != c.time) {
      return fmt::format("core {}: busy {} ps + idle {} ps is not the elapsed {} ps", i, t.busy,
                         t.idle, c.time);
    }
    Ps charged = 0;
    for (std::size_t a = 0; a < hw::kActivities; ++a) {
      charged += at_.soc.core(i).accounted(static_cast<Activity>(a));
    }
    // What was charged has been waited for, but for a request's worth at the end of the run.
    if (charged < t.busy || charged - t.busy > kMaxDebt) {
      return fmt::format("core {}: busy {} ps, charged {} ps", i, t.busy, charged);
    }
  }
  const traces::ReplayMetrics& total = r.total;
  if (total.rows != total.served + total.skipped + total.rejected) {
    return fmt::format("rows: {} offered, {} served, {} skipped, {} rejected", total.rows,
                       total.served, total.skipped, total.rejected);
  }
  const double in_flight = r.total.in_flight_ps;
  const auto latency = r.total.latency();
  const double latencies = latency.mean() * static_cast<double>(latency.count());
  if (std::abs(in_flight - latencies) > 1e-6 * std::max(in_flight, latencies) + 1) {
    return fmt::format(
        "Little's law: requests in flight over time {:.6g} ps, sum of latencies {:.6g} ps",
        in_flight, latencies);
  }
  const hw::DiskStats disk = at_.soc.disk().stats();
  const auto& read = r.total.of(kernel::BioOp::read);
  const auto& write = r.total.of(kernel::BioOp::write);
  if (r.total.errors() == 0 && at_.faults.empty() &&
      (disk.bytes_read != read.bytes || disk.bytes_written != write.bytes)) {
    return fmt::format("bytes: {} read and {} written by requests, {} and {} by the disk",
                       read.bytes, write.bytes, disk.bytes_read, disk.bytes_written);
  }
  // Where something was repeated or given up the engines' share is not the requests'.
  if (at_.driver && !own_driver_ && at_.driver->name() != std::string("cryptosoft") &&
      at_.faults.empty() && r.total.errors() == 0) {
    const bool passed_over = at_.api && at_.api->stats().passed_over != 0;
    const std::uint64_t expected = passed_over ? 0 : read.bytes + write.bytes;
    if (c.engine_bytes != expected) {
      return fmt::format("bytes: {} in requests, {} through the engines", expected, c.engine_bytes);
    }
  }
  const Ps ring_busiest = *std::max_element(c.ring_busy.begin(), c.ring_busy.end());
  if (c.engine_busy > c.time * at_.soc.cesa().engines() ||
      ring_busiest > c.time * at_.soc.ring().core().engines() || c.disk_busy > c.time) {
    return "an engine or the disk was busy for longer than the run took";
  }
  return "";
}

void add_op_metrics(MetricList& m, const traces::ReplayMetrics& r) {
  const auto latency = r.latency();
  const double seconds = static_cast<double>(r.duration) * 1e-12;
  m.emplace_back("sim_seconds", seconds);
  m.emplace_back("requests", static_cast<double>(r.bios()));
  m.emplace_back("bytes", static_cast<double>(r.bytes()));
  m.emplace_back("throughput_mb_s",
                 seconds > 0 ? static_cast<double>(r.bytes()) / 1e6 / seconds : 0);
  m.emplace_back("latency_us.mean", latency.mean() * 1e-6);
  m.emplace_back("latency_us.p50", static_cast<double>(latency.percentile(50)) * 1e-6);
  m.emplace_back("latency_us.p95", static_cast<double>(latency.percentile(95)) * 1e-6);
  m.emplace_back("latency_us.p99", static_cast<double>(latency.percentile(99)) * 1e-6);
  m.emplace_back("latency_us.max", static_cast<double>(latency.max()) * 1e-6);
  m.emplace_back("in_flight_mean", r.in_flight_mean());
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
  p.metrics.emplace_back("faults.fired", static_cast<double>(at_.faults.fired()));
}

/// What of a point no stock kernel does, or does otherwise than one would think.
void Machine::add_notes(PointResult& p) const {
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
      out += fmt::format(", where fault {} ({}) struck {} (place {})", o.rule->name,
                         hw::fault_name(o.rule->kind), counted(o.fired_at[i], "time"), i);
    }
  }
  if (at.ocf && at.ocf->behind_blocked() != 0) {
    out += fmt::format("; OCF still has the driver marked as blocked, with {} queued behind it",
                       counted(at.ocf->behind_blocked(), "request"));
  }
  return out;
}

/// Where wrong data was seen first, for the point's message.
std::string first_mismatch(const traces::ReplayReport& r) {
  if (r.first_mismatches.empty()) return "";
  const traces::Mismatch& m = r.first_mismatches.front();
  return fmt::format("; first wrong read: sector {} at {:.6f} s, line {} of the trace", m.sector,
                     static_cast<double>(m.time) * 1e-12, m.line);
}

PointResult Machine::result(double host_seconds) {
  const Counters c = counters();
  const traces::ReplayReport r = replay_->report();
  PointResult p;
  MetricList& m = p.metrics;
  add_op_metrics(m, r.total);
  m.emplace_back("host_seconds", host_seconds);
  m.emplace_back("requests.offered", static_cast<double>(r.total.rows));
  m.emplace_back("requests.served", static_cast<double>(r.total.served));
  m.emplace_back("requests.rejected", static_cast<double>(r.total.rejected));
  m.emplace_back("requests.skipped", static_cast<double>(r.total.skipped));
  add_machine_metrics(m, at_, c, r.total.bytes());

  for (std::size_t i = 0; i < r.phases.size(); ++i) {
    PhaseResult out;
    out.name = r.phases[i].name;
    add_op_metrics(out.metrics, r.phases[i]);
    if (i < phase_counters_.size()) {
      add_machine_metrics(out.metrics, at_, phase_counters_[i], r.phases[i].bytes());
    }
    p.phases.push_back(std::move(out));
  }

  add_driver_metrics(m, at_);
  p.series = series_.to_json([&r](std::uint32_t phase) { return r.phases.at(phase).name; });
  for (const kernel::BioOp op : {kernel::BioOp::read, kernel::BioOp::write}) {
    p.latency_histogram[op == kernel::BioOp::read ? "read" : "write"] =
        histogram_json(r.total.of(op).latency);
  }
  std::uint64_t image_wrong = 0;
  std::uint64_t image_right = 0;
  check_image(image_wrong, image_right);
  const DeviceErrors device = device_errors(at_);
  const dmcrypt::DmCryptStats& target = at_.target->stats();
  std::uint64_t unreported = target.ignored_errors;
  if (at_.ocf) {
    // The historical paths look at no crp_etype: every error of a request is lost.
    const driver::CryptoStats& ocf = at_.ocf->stats();
    if (at_.scenario.path_is_historical()) unreported = ocf.cs_errs;
    unreported += ocf.lost;
  }
  const hw::DmaSanitizer& dma = at_.kernel.dma_sanitizer();
  for (const hw::DmaHazard& hazard : dma.reports()) p.dma_hazards.push_back(hazard.text);
  add_fault_results(p);
  add_notes(p);
  const auto verdicts = verdicts_.counts();
  for (std::size_t v = 0; v < verdicts.size(); ++v) {
    m.emplace_back(std::string("verdict.") + verdict_name(static_cast<Verdict>(v)),
                   static_cast<double>(verdicts[v]));
  }
  m.emplace_back("verdict.unattributed", static_cast<double>(verdicts_.unattributed()));
  p.broken_guarantees = verdicts_.broken(!at_.faults.empty());
  p.integrity = {
      {"requests_ended", r.total.bios()},
      {"verified_reads", r.total.verified_reads},
      {"verified_sectors", r.total.verified_sectors},
      {"verified_disk_sectors", image_right},
      {"mismatched_sectors", r.total.mismatched_sectors + image_wrong},
      {"clobbered_sectors", r.total.clobbered_sectors},
      {"plaintext_sectors", plaintext_sectors_},
      {"lost_requests", r.total.lost + (replay_->done() ? 0 : r.total.unfinished)},
      {"hung_requests", verdicts[static_cast<std::size_t>(Verdict::hung)]},
      {"double_ended", r.double_ended},
      {"unreported_errors", unreported},
      {"guest_errors", device.guest_errors},
      {"dma_hazards", dma.hazards()},
      {"unimplemented", device.unimplemented},
      {"write_timeouts", target.timeouts},
      {"late_callbacks", target.late_callbacks},
      {"flags_not_carried", r.total.fua_or_preflush},
      {"skipped_lines", r.skipped_lines},
  };
  if (!replay_->done()) {
    p.status = Status::broken;
    p.error = fmt::format("the machine stopped at {:.6f} s with {} outstanding{}",
                          sc_core::sc_time_stamp().to_seconds(),
                          counted(replay_->outstanding(), "request"), stopped_because(at_));
    return p;
  }
  check_integrity(p);
  if (p.status == Status::ok && !p.broken_guarantees.empty()) {
    p.status = Status::broken;
    p.error = p.broken_guarantees.front();
  }
  if (p.status != Status::ok) {  // wrong data outranks failed requests
    p.error += first_mismatch(r);
    if (!p.dma_hazards.empty()) p.error += "; first DMA hazard: " + p.dma_hazards.front();
    if (r.total.errors() != 0) {
      p.error += fmt::format("; {} ended with an error", counted(r.total.errors(), "request"));
    }
    return p;
  }
  try {
    if (replay_->error()) std::rethrow_exception(replay_->error());
  } catch (const std::exception& error) {
    p.status = Status::failed;
    p.error = error.what();
    return p;
  }
  // Where things go wrong on purpose a request that failed and said so is as it should be.
  if (r.total.errors() != 0 && at_.faults.empty()) {
    p.status = Status::failed;
    p.error = fmt::format("{} ended with an error", counted(r.total.errors(), "request"));
    return p;
  }
  if (at_.soc.protocol_violations() != 0) {
    p.status = Status::broken;
    p.error = fmt::format("{} breaches of the TLM base protocol in {} calls",
                          at_.soc.protocol_violations(), at_.soc.checked_calls());
    return p;
  }
  if (std::string law = broken_law(c, r); !law.empty()) {
    p.status = Status::broken;
    p.error = "conservation law broken: " + law;
  }
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
  if (!options.export_image.empty()) machine.export_image(options.export_image);
  const std::chrono::duration<double> host = std::chrono::steady_clock::now() - start;
  return machine.result(host.count());
}

}  // namespace cesasim::study
