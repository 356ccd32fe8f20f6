#include "study/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <systemc>

#include "dmcrypt_model/path_ocf.h"
#include "dmcrypt_model/path_standard.h"
#include "driver/cesa_tdma/cesa_tdma.h"
#include "driver/cryptosoft/cryptosoft.h"
#include "driver/ocf/crypto.h"
#include "hw_model/soc/soc.h"
#include "kernel_model/block.h"
#include "kernel_model/kernel.h"
#include "study/reference_cipher.h"
#include "study/vcd_recorder.h"
#include "traces/replay.h"
#include "traces/trace_reader.h"

namespace cesasim::study {

namespace {

using hw::Activity;
using hw::Ps;

hw::SocConfig soc_config(const Scenario& s, bool checkers) {
  hw::SocConfig c;
  c.checkers = checkers;
  c.cores = s.soc.cores;
  c.internal_regs_base = s.soc.internal_regs_base;
  c.disk_irq = s.soc.disk_irq;
  c.cpu = s.soc.cpu;
  c.dram = s.soc.dram;
  c.mbus = s.soc.mbus;
  c.cesa = s.soc.cesa;
  c.disk = s.disk;
  c.fidelity = s.fidelity == "burst" ? hw::Fidelity::burst : hw::Fidelity::descriptor;
  return c;
}

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
  p.phase_costs.clear();
  for (const auto& [phase, cost] : s.workload.user) {
    p.phase_costs[phase] = {cost.user_cycles_per_byte, cost.user_cycles_per_bio,
                            cost.fs_cycles_per_byte, cost.fs_cycles_per_bio};
  }
  return p;
}

/// A run in which no request has ended for so long (simulated) is stuck. Well above the 30 s that
/// a writer of ocf-v3 waits for lost callbacks.
constexpr double kStallSeconds = 300;
/// Most time that a core may have been charged for and not yet waited for when a run ends.
constexpr Ps kMaxDebt = 100 * hw::kPsPerMs;

/// What a run has cost so far; differences between two instants are what a phase has cost.
struct Counters {
  Ps time = 0;
  std::array<Ps, hw::kActivities> activity{};  // all cores; idle measured on the clock
  std::uint64_t interrupts = 0;
  std::uint64_t context_switches = 0;
  std::uint64_t bytes_copied = 0;
  std::uint64_t dram_bytes = 0;
  std::uint64_t engine_operations = 0;
  std::uint64_t engine_bytes = 0;
  Ps engine_busy = 0;
  Ps disk_busy = 0;
  double disk_depth_ps = 0;
  std::uint64_t crypto_requests = 0;
  std::uint64_t crypto_restarts = 0;

  /// Adds what happened between `from` and `to`.
  void add(const Counters& to, const Counters& from) {
    time += to.time - from.time;
    for (std::size_t a = 0; a < activity.size(); ++a) {
      activity[a] += to.activity[a] - from.activity[a];
    }
    interrupts += to.interrupts - from.interrupts;
    context_switches += to.context_switches - from.context_switches;
    bytes_copied += to.bytes_copied - from.bytes_copied;
    dram_bytes += to.dram_bytes - from.dram_bytes;
    engine_operations += to.engine_operations - from.engine_operations;
    engine_bytes += to.engine_bytes - from.engine_bytes;
    engine_busy += to.engine_busy - from.engine_busy;
    disk_busy += to.disk_busy - from.disk_busy;
    disk_depth_ps += to.disk_depth_ps - from.disk_depth_ps;
    crypto_requests += to.crypto_requests - from.crypto_requests;
    crypto_restarts += to.crypto_restarts - from.crypto_restarts;
  }
};

/// The simulated machine: hardware, kernel, drivers, dm-crypt, workload; floors 1 to 5.
class Machine {
 public:
  Machine(const Scenario& s, bool checkers)
      : scenario_(s),
        key_(key_bytes(s.dmcrypt)),
        soc_("soc", soc_config(s, checkers)),
        kernel_("kernel", s.soc.costs.kernel, s.kernel, soc_.core_list(), soc_.intc(), soc_.dram()),
        queue_(kernel_, soc_.disk(), s.soc.disk_irq, s.disk_preset),
        oracle_(s.seed),
        reference_(s.dmcrypt.cipher, key_, s.dmcrypt.iv_offset) {
    build_crypto();
    build_dmcrypt();
    reader_ = traces::open_trace(s.workload.trace_file, s.workload.trace_options());
    replay_ =
        std::make_unique<traces::Replay>(kernel_, *crypt_, *reader_, oracle_, replay_params(s));
    replay_->verify_unwritten = [this](std::uint64_t sector, const std::uint8_t* data) {
      // A blank disk reads as zeros, so dm-crypt returns what zeros decrypt to.
      std::uint8_t blank[hw::kSectorBytes] = {};
      std::uint8_t expected[hw::kSectorBytes];
      reference_.decrypt(sector, blank, expected);
      return std::memcmp(data, expected, sizeof expected) == 0;
    };
    replay_->on_phase = [this](std::uint32_t phase, bool entered) {
      kernel_.sync_now();
      if (entered) {
        phase_start_ = counters();
        return;
      }
      if (phase_counters_.size() <= phase) phase_counters_.resize(phase + 1);
      phase_counters_[phase].add(counters(), phase_start_);
    };
    replay_->on_done = [this] {
      kernel_.sync_now();
      sc_core::sc_pause();
    };
    soc_.disk().set_write_observer(
        [this](std::uint64_t sector, const std::uint8_t* data, std::uint32_t sectors) {
          for (std::uint32_t i = 0; i < sectors; ++i) {
            if (oracle_.looks_like_plaintext(sector + i, data + i * hw::kSectorBytes)) {
              ++plaintext_sectors_;
            }
          }
        });
  }

  void run(const ProgressFn& progress, std::uint64_t rows, const VcdWindow& window) {
    VcdRecorder vcd(window, soc_.cesa());
    const auto slice = sc_core::sc_time(0.25, sc_core::SC_SEC);
    replay_->start();
    std::uint64_t ended = 0;
    double ended_at = 0;
    while (!replay_->done()) {
      sc_core::sc_start(vcd.next(slice));
      if (replay_->done()) break;
      const double now = sc_core::sc_time_stamp().to_seconds();
      if (replay_->ended() != ended) {
        ended = replay_->ended();
        ended_at = now;
      } else if (now - ended_at > kStallSeconds) {
        break;  // something keeps the machine busy, but no request ends any more
      }
      if (progress) {
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
  }

  /// Lets `hook` add hardware and software before the run.
  void add(const MachineHook& hook) { hook(soc_, kernel_); }

  PointResult result(double host_seconds);

 private:
  void build_crypto();
  void build_dmcrypt();
  Counters counters() const;
  void add_machine_metrics(MetricList& m, const Counters& c, std::uint64_t bytes) const;
  void check_image(std::uint64_t& wrong, std::uint64_t& right) const;
  std::string broken_law(const Counters& c, const traces::ReplayReport& r) const;

  const Scenario& scenario_;
  std::vector<std::uint8_t> key_;
  hw::Soc soc_;
  kernel::Kernel kernel_;
  kernel::RequestQueue queue_;
  std::unique_ptr<driver::Crypto> crypto_;
  std::unique_ptr<driver::Cryptosoft> cryptosoft_;
  std::unique_ptr<driver::CesaTdma> cesa_tdma_;
  std::unique_ptr<dmcrypt::DmCrypt> crypt_;
  traces::ContentOracle oracle_;
  ReferenceCipher reference_;
  std::unique_ptr<traces::TraceReader> reader_;
  std::unique_ptr<traces::Replay> replay_;
  std::uint64_t plaintext_sectors_ = 0;
  Counters phase_start_;
  std::vector<Counters> phase_counters_;
};

void Machine::build_crypto() {
  const Scenario& s = scenario_;
  if (s.dmcrypt.path == "standard") return;
  const auto policy = s.ocf.policy == "2010" ? driver::OcfPolicy::v2010 : driver::OcfPolicy::v2005;
  crypto_ = std::make_unique<driver::Crypto>(kernel_, s.soc.costs.ocf, policy);
  if (s.ocf.driver == "cryptosoft") {
    cryptosoft_ = std::make_unique<driver::Cryptosoft>(kernel_, *crypto_, s.soc.costs.driver,
                                                       s.soc.costs.cipher);
    return;
  }
  driver::CesaPlatform platform;
  const hw::CesaParams& cesa = s.soc.cesa;
  for (unsigned i = 0; i < cesa.engines; ++i) {
    // The Linux driver's affinity hint: engine i to core i.
    platform.engines.push_back(
        {soc_.cesa_regs(i), cesa.sram_base(i), cesa.irq(i), i % soc_.cores()});
  }
  platform.sram_bytes = cesa.sram_bytes;
  platform.sram_reserved_bytes = cesa.sram_reserved_bytes;
  platform.dram_bytes = soc_.dram().size();
  cesa_tdma_ = std::make_unique<driver::CesaTdma>(kernel_, *crypto_, s.soc.costs.driver, platform);
}

void Machine::build_dmcrypt() {
  const Scenario& s = scenario_;
  dmcrypt::CryptTable table;
  table.cipher = dmcrypt::CipherSpec::parse(s.dmcrypt.cipher);
  table.key = key_;
  table.iv_offset = s.dmcrypt.iv_offset;
  table.sectors = soc_.disk().sectors();
  const auto& costs = s.soc.costs.dmcrypt;
  const auto& cipher = s.soc.costs.cipher;
  if (s.dmcrypt.path == "standard") {
    crypt_ = std::make_unique<dmcrypt::StandardPath>(kernel_, table, costs, cipher, queue_);
  } else if (s.dmcrypt.path == "ocf-v1") {
    crypt_ = std::make_unique<dmcrypt::OcfV1Path>(kernel_, table, costs, cipher, queue_, *crypto_);
  } else {
    crypt_ = std::make_unique<dmcrypt::OcfV3Path>(kernel_, table, costs, cipher, queue_, *crypto_);
  }
}

Counters Machine::counters() const {
  auto& self = const_cast<Machine&>(*this);
  Counters c;
  c.time = sc_core::sc_time_stamp().value();
  for (unsigned i = 0; i < soc_.cores(); ++i) {
    for (std::size_t a = 0; a < hw::kActivities; ++a) {
      c.activity[a] += self.soc_.core(i).accounted(static_cast<Activity>(a));
    }
    c.activity[static_cast<std::size_t>(Activity::idle)] += kernel_.core_time(i).idle;
  }
  c.interrupts = kernel_.interrupts();
  c.context_switches = kernel_.context_switches();
  c.bytes_copied = kernel_.bytes_copied();
  c.dram_bytes = self.soc_.dram().bandwidth().bytes();
  for (unsigned i = 0; i < self.soc_.cesa().engines(); ++i) {
    const hw::CesaStats& e = self.soc_.cesa().stats(i);
    c.engine_operations += e.operations;
    c.engine_bytes += e.bytes_ciphered;
    c.engine_busy += e.busy_ps;
  }
  const hw::DiskStats disk = self.soc_.disk().stats();
  c.disk_busy = disk.busy_ps;
  c.disk_depth_ps = queue_.stats().depth_ps;
  if (crypto_) {
    c.crypto_requests = crypto_->stats().cs_ops;
    c.crypto_restarts = crypto_->stats().cs_blocks;
  }
  return c;
}

void Machine::check_image(std::uint64_t& wrong, std::uint64_t& right) const {
  const auto& store = const_cast<Machine&>(*this).soc_.disk().store();
  std::uint8_t cipher[hw::kSectorBytes];
  std::uint8_t plain[hw::kSectorBytes];
  std::uint8_t expected[hw::kSectorBytes];
  oracle_.for_each_written([&](std::uint64_t sector, std::uint32_t generation, bool certain) {
    if (!certain) return;
    store.read(sector, cipher, 1);
    reference_.decrypt(sector, cipher, plain);
    oracle_.fill(sector, generation, expected);
    ++(std::memcmp(plain, expected, sizeof plain) == 0 ? right : wrong);
  });
  // Whatever else was written to the disk should not have been.
  store.for_each_extent([&](std::uint64_t sector, const std::uint8_t*, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (!oracle_.written(sector + i)) ++wrong;
    }
  });
}

/// Conservation laws: what must hold whatever the parameters. Empty if all do.
std::string Machine::broken_law(const Counters& c, const traces::ReplayReport& r) const {
  auto& self = const_cast<Machine&>(*this);
  for (unsigned i = 0; i < soc_.cores(); ++i) {
    const auto t = kernel_.core_time(i);
    if (t.busy + t.idle != c.time) {
      return fmt::format("core {}: busy {} ps + idle {} ps is not the elapsed {} ps", i, t.busy,
                         t.idle, c.time);
    }
    Ps charged = 0;
    for (std::size_t a = 0; a < hw::kActivities; ++a) {
      charged += self.soc_.core(i).accounted(static_cast<Activity>(a));
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
  const hw::DiskStats disk = self.soc_.disk().stats();
  const auto& read = r.total.of(kernel::BioOp::read);
  const auto& write = r.total.of(kernel::BioOp::write);
  if (r.total.errors() == 0 &&
      (disk.bytes_read != read.bytes || disk.bytes_written != write.bytes)) {
    return fmt::format("bytes: {} read and {} written by requests, {} and {} by the disk",
                       read.bytes, write.bytes, disk.bytes_read, disk.bytes_written);
  }
  if (cesa_tdma_ && r.total.errors() == 0 && c.engine_bytes != read.bytes + write.bytes) {
    return fmt::format("bytes: {} in requests, {} through the engines", read.bytes + write.bytes,
                       c.engine_bytes);
  }
  if (c.engine_busy > c.time * self.soc_.cesa().engines() || c.disk_busy > c.time) {
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

/// What the hardware and the kernel did in the time that `c` covers, in which `byte_count`
/// bytes were asked for.
void Machine::add_machine_metrics(MetricList& m, const Counters& c,
                                  std::uint64_t byte_count) const {
  auto& self = const_cast<Machine&>(*this);
  // Charges not yet waited for at the end (less than one request's worth) would make
  // the shares add up to a hair over 1: scale the busy ones to the time that passed.
  const double capacity = static_cast<double>(c.time) * soc_.cores();
  const double idle = static_cast<double>(c.activity[static_cast<std::size_t>(Activity::idle)]);
  double charged = 0;
  for (std::size_t a = 0; a < hw::kActivities; ++a) {
    if (static_cast<Activity>(a) != Activity::idle) charged += static_cast<double>(c.activity[a]);
  }
  const double scale = charged > 0 ? (capacity - idle) / charged : 0;
  m.emplace_back("cpu.utilization", capacity > 0 ? 1 - idle / capacity : 0);
  for (std::size_t a = 0; a < hw::kActivities; ++a) {
    const double ps = static_cast<double>(c.activity[a]);
    const bool is_idle = static_cast<Activity>(a) == Activity::idle;
    m.emplace_back(std::string("cpu.share.") + hw::kActivityNames[a],
                   capacity > 0 ? (is_idle ? ps : ps * scale) / capacity : 0);
  }
  const double bytes = static_cast<double>(byte_count);
  m.emplace_back("cpu.cycles_per_byte",
                 bytes > 0 ? charged * 1e-12 * scenario_.soc.cpu.clock_hz / bytes : 0);
  const double elapsed = static_cast<double>(c.time);
  m.emplace_back("engine.utilization", elapsed > 0 ? static_cast<double>(c.engine_busy) /
                                                         (elapsed * self.soc_.cesa().engines())
                                                   : 0);
  m.emplace_back("engine.operations", static_cast<double>(c.engine_operations));
  m.emplace_back("engine.bytes", static_cast<double>(c.engine_bytes));
  m.emplace_back("disk.utilization", elapsed > 0 ? static_cast<double>(c.disk_busy) / elapsed : 0);
  m.emplace_back("disk.queue_depth_mean", elapsed > 0 ? c.disk_depth_ps / elapsed : 0);
  m.emplace_back("bytes_copied", static_cast<double>(c.bytes_copied));
  m.emplace_back("interrupts", static_cast<double>(c.interrupts));
  m.emplace_back("context_switches", static_cast<double>(c.context_switches));
  m.emplace_back("dram.bytes", static_cast<double>(c.dram_bytes));
  m.emplace_back("crypto_requests", static_cast<double>(c.crypto_requests));
  m.emplace_back("crypto_restarts", static_cast<double>(c.crypto_restarts));
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
  add_machine_metrics(m, c, r.total.bytes());

  for (std::size_t i = 0; i < r.phases.size(); ++i) {
    PhaseResult out;
    out.name = r.phases[i].name;
    add_op_metrics(out.metrics, r.phases[i]);
    if (i < phase_counters_.size()) {
      add_machine_metrics(out.metrics, phase_counters_[i], r.phases[i].bytes());
    }
    p.phases.push_back(std::move(out));
  }

  std::uint64_t image_wrong = 0;
  std::uint64_t image_right = 0;
  check_image(image_wrong, image_right);
  std::uint64_t guest_errors = soc_.mbus().decode_errors() + soc_.cesa().decode_errors();
  std::uint64_t unimplemented = 0;
  for (unsigned i = 0; i < soc_.cesa().engines(); ++i) {
    guest_errors += soc_.cesa().stats(i).guest_errors;
    unimplemented += soc_.cesa().stats(i).unimplemented;
  }
  for (unsigned i = 0; i < soc_.cores(); ++i) guest_errors += soc_.core(i).bus_errors();
  // Neither version of the OCF patch looks at crp_etype: every error of a request is lost.
  const std::uint64_t unreported = crypto_ ? crypto_->stats().cs_errs + crypto_->stats().lost : 0;
  const hw::DmaSanitizer& dma = kernel_.dma_sanitizer();
  for (const hw::DmaHazard& hazard : dma.reports()) p.dma_hazards.push_back(hazard.text);
  p.integrity = {
      {"requests_ended", r.total.bios()},
      {"verified_reads", r.total.verified_reads},
      {"verified_sectors", r.total.verified_sectors},
      {"verified_disk_sectors", image_right},
      {"mismatched_sectors", r.total.mismatched_sectors + image_wrong},
      {"clobbered_sectors", r.total.clobbered_sectors},
      {"plaintext_sectors", plaintext_sectors_},
      {"lost_requests", r.total.lost + (replay_->done() ? 0 : r.total.unfinished)},
      {"double_ended", r.double_ended},
      {"unreported_errors", unreported},
      {"guest_errors", guest_errors},
      {"dma_hazards", dma.hazards()},
      {"unimplemented", unimplemented},
      {"write_timeouts", crypt_->stats().timeouts},
      {"late_callbacks", crypt_->stats().late_callbacks},
      {"flags_not_carried", r.total.fua_or_preflush},
      {"skipped_lines", r.skipped_lines},
  };
  if (!replay_->done()) {
    p.status = Status::broken;
    p.error = fmt::format("the machine stopped at {:.6f} s with {} requests outstanding",
                          sc_core::sc_time_stamp().to_seconds(), replay_->outstanding());
    return p;
  }
  check_integrity(p);
  if (p.status != Status::ok) {  // wrong data outranks failed requests
    p.error += first_mismatch(r);
    if (!p.dma_hazards.empty()) p.error += "; first DMA hazard: " + p.dma_hazards.front();
    if (r.total.errors() != 0) {
      p.error += fmt::format("; {} requests ended with an error", r.total.errors());
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
  if (r.total.errors() != 0) {
    p.status = Status::failed;
    p.error = fmt::format("{} requests ended with an error", r.total.errors());
    return p;
  }
  if (soc_.protocol_violations() != 0) {
    p.status = Status::broken;
    p.error = fmt::format("{} breaches of the TLM base protocol in {} calls",
                          soc_.protocol_violations(), soc_.checked_calls());
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
  std::uint64_t rows = 0;
  if (options.progress) {
    auto reader =
        traces::open_trace(scenario.workload.trace_file, scenario.workload.trace_options());
    traces::TraceRecord record;
    while (reader->next(record)) ++rows;
  }
  const auto start = std::chrono::steady_clock::now();
  Machine machine(scenario, options.checkers);
  if (options.on_built) machine.add(options.on_built);
  machine.run(options.progress, rows, options.vcd);
  const std::chrono::duration<double> host = std::chrono::steady_clock::now() - start;
  return machine.result(host.count());
}

}  // namespace cesasim::study
