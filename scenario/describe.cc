// SPDX-License-Identifier: Apache-2.0
#include "scenario/describe.h"

#include <algorithm>
#include <limits>

#include "scenario/names.h"

namespace cesasim {
namespace {

constexpr std::uint64_t kMax64 = std::numeric_limits<std::uint64_t>::max();

std::vector<std::string> names(const std::vector<Named>& table) {
  std::vector<std::string> out;
  for (const Named& entry : table) out.push_back(entry.name);
  return out;
}

void describe_soc(ScenarioVisitor& v, SocParams& soc) {
  v.begin_reference("soc", "soc", soc.preset, "the system on chip");
  v.count("cores", soc.cores, "cores", 1, 8, "processor cores");
  v.flag("io_coherent", soc.io_coherent, "DMA sees the caches: no cache maintenance");
  v.count("internal_regs_base", soc.internal_regs_base, "address", 0, 0xFFFFFFFF,
          "bus address of the internal register window");
  v.count("disk_irq", soc.disk_irq, "line", 0, 95, "interrupt line of the disk controller");
  v.group("cpu", soc.cpu, "processor core");
  v.group("dram", soc.dram, "memory");
  v.group("mbus", soc.mbus, "interconnect");
  v.reference("cesa", "cesa", soc.cesa_preset, soc.cesa, "crypto unit");
  v.reference("ring", "ring", soc.ring_preset, soc.ring, "crypto ring (for the driver cesa_ring)");
  v.reference("costs", "costs", soc.costs_preset, soc.costs, "what software costs on it");
  v.end_group();
}

void describe_dmcrypt(ScenarioVisitor& v, DmCryptSettings& s) {
  v.begin_group("dmcrypt", "the dm-crypt target");
  v.choice("path", s.path, names(path_list()), "data path of dm-crypt");
  v.choice("placement", s.placement, {"native", "in-place", "out-of-place"},
           "where the cipher's result goes: in-place copies a write to its bounce page first, "
           "out-of-place ciphers into it, native is what the path's original does");
  v.optional_count("max_read_size", s.max_read_size, "bytes", 0, 1u << 30,
                   "path modern: reads are cut to this; 0: no limit");
  v.optional_count("max_write_size", s.max_write_size, "bytes", 0, 1u << 30,
                   "path modern: writes are cut to this; 0: no limit");
  v.optional_count("max_in_flight", s.max_in_flight, "sectors", 1, 1u << 20,
                   "path ocf-async: sectors inside OCF at once, whole device");
  v.text("table", s.table, "a dmsetup line \"0 SECTORS crypt ...\", or none",
         "the whole mapping as one line, instead of the keys that follow");
  v.text("cipher", s.cipher, "CIPHER-MODE-IV, as in aes-cbc-essiv:sha256",
         "cipher, mode and IV generator as dm-crypt writes them");
  v.text("key", s.key, "seed:N, or key_bits / 4 hexadecimal digits", "volume key");
  v.optional_count("key_bits", s.key_bits, "bits", 64, 512, "length of the key");
  v.optional_count("iv_offset", s.iv_offset, "sectors", 0, kMax64,
                   "added to the sector number for the IV, modulo 2^64");
  v.optional_count("sector_size", s.sector_size, "bytes", 512, 4096,
                   "path modern: what is encrypted as one unit: 512, 1024, 2048 or 4096");
  v.flag("iv_large_sectors", s.iv_large_sectors, "path modern: IVs count units of sector_size");
  v.flag("same_cpu_crypt", s.same_cpu_crypt, "path modern: cipher on the submitter's core");
  v.flag("submit_from_crypt_cpus", s.submit_from_crypt_cpus,
         "path modern: submit writes from the ciphering thread, unsorted");
  v.flag("no_read_workqueue", s.no_read_workqueue, "path modern: decrypt where the read ends");
  v.flag("no_write_workqueue", s.no_write_workqueue, "path modern: encrypt in the submitter");
  v.flag("allow_allocating_drivers", s.allow_allocating_drivers,
         "path modern: take a driver that allocates memory per request, as dm-crypt did before "
         "Linux 5.10; false: take the kernel's own cipher instead, as it does since");
  v.end_group();
}

void describe_ocf(ScenarioVisitor& v, OcfSettings& s) {
  v.begin_group("ocf", "the OpenBSD cryptographic framework and the drivers");
  v.choice("policy", s.policy, {"2005", "2006", "2010", "marvell"},
           "version of the core, by year, or the one of Marvell's kernels");
  v.choice("driver", s.driver, names(driver_list()), "driver that serves the session");
  v.choice("irqs_off", s.irqs_off, {"none", "request", "backlog"},
           "the crypto thread calls drivers with interrupts off: never, for one request at a time, "
           "or for all that are queued");
  v.optional_number("crypto_nice", s.crypto_nice, "nice levels", -20, 19,
                    "of OCF's two threads (a whole number)");
  v.choice("recovery", s.recovery, {"path", "watchdog", "none"},
           "whether hardware drivers look after requests that do not end; path: those below "
           "ocf-async and modern, and cesa_ring, do");
  v.flag("retry_tick", s.retry_tick,
         "paths of OCF: cesa_tdma, cesa_pio and cesa_ring unblock the core once more, a timer tick "
         "after they were full; false: once, as the drivers of the time did, and an unblock that "
         "the core forgets is lost");
  v.reference("drivers", "drivers", s.drivers_preset, s.drivers, "settings of the drivers");
  v.end_group();
}

void describe_faults(ScenarioVisitor& v, std::vector<FaultSettings>& faults) {
  v.begin_group("faults", "fault injection: rules by a name of your own");
  for (const std::string& name : v.member_groups()) {
    faults.emplace_back();
    faults.back().name = name;
  }
  for (FaultSettings& f : faults) {
    v.begin_group(f.name.c_str(), "one rule");
    v.choice("kind", f.kind, names(fault_list()), "what goes wrong");
    v.optional_count("nth", f.nth, "opportunities", 0, 0xFFFFFFFF,
                     "happens at the nth opportunity (from 1); 0: not by number");
    v.optional_count("every", f.every, "opportunities", 0, 0xFFFFFFFF,
                     "and again at every such number of opportunities after it; 0: once");
    v.optional_number("probability", f.probability, "1", 0, 1, "of each opportunity");
    v.optional_count("first", f.first, "place", 0, kMax64,
                     "only at places from here on (see `list faults` for what a place is)");
    v.optional_count("last", f.last, "place", 0, kMax64, "only at places up to here");
    v.optional_number("from", f.from, "s", 0, FaultSettings::kNever,
                      "only from this simulated time on");
    v.optional_number("to", f.to, "s", 0, FaultSettings::kNever, "only before this time");
    v.optional_count("times", f.times, "times", 0, 0xFFFFFFFF,
                     "happens at most this often; 0: no limit");
    v.end_group();
  }
  v.end_group();
}

void describe_bench(ScenarioVisitor& v, BenchSettings& b) {
  v.begin_group("bench", "a crypto benchmark instead of a trace: no disk and no dm-crypt");
  std::vector<std::string> algorithms = {BenchSettings::kNone};
  for (const BenchAlgorithm& a : kBenchAlgorithms) algorithms.emplace_back(a.name);
  v.choice("algorithm", b.algorithm, algorithms,
           "what is benchmarked; none: a trace is replayed, and the other keys are not known");
  if (!b.wanted()) return v.end_group();
  v.choice("direction", b.direction, {"encrypt", "decrypt"}, "encrypt or decrypt");
  v.optional_count("block_bytes", b.block_bytes, "bytes", 8, 1u << 20, "bytes of one operation");
  v.optional_count("threads", b.threads, "threads", 1, 64, "programs at work at once");
  v.optional_count("requests", b.requests, "operations", 1, 100'000'000, "all threads together");
  v.reference("api", "api", b.api_preset, b.api, "how the program reaches the cipher");
  v.reference("application", "application", b.application_preset, b.application,
              "what the program does with the data besides");
  v.end_group();
}

void describe_workload(ScenarioVisitor& v, WorkloadSettings& w) {
  v.begin_group("workload", "the requests to the device");
  describe_bench(v, w.bench);
  if (w.bench.wanted() && w.trace.empty()) w.trace = WorkloadSettings::kNoTrace;
  v.text("trace", w.trace, "the path of a trace file", "block trace to replay");
  v.text("device", w.device,
         "major,minor (blkparse, blktrace), a file (iolog), host,disk (msr), a disk (biosnoop), or "
         "any",
         "a trace of several devices: the one to replay");
  std::vector<std::string> formats = {traces::format_name(traces::TraceFormat::detect)};
  for (const traces::TraceFormatInfo& f : traces::trace_formats()) formats.emplace_back(f.name);
  v.choice("format", w.format, formats,
           "of the trace; detect: by the first line, in 64 KiB, that is of one");
  v.choice(
      "arrivals", w.arrivals, {"queue", "issue"},
      "which events of blkparse and blktrace are requests: Q, what the device was asked, or D, "
      "what its driver was after merging");
  v.flag(
      "skip_bad_lines", w.skip_bad_lines,
      "count lines that do not parse instead of stopping, and read compressed traces that are cut "
      "short");
  v.choice("replay", w.replay, {"closed", "open"},
           "closed: per phase and direction at most `depth` bios outstanding; open: by time "
           "stamp, without depth, barriers and user costs");
  v.begin_group("depth", "bios outstanding in closed replay");
  v.optional_count("read", w.depth_read, "bios", 1, 65536, "reads (read-ahead window)");
  v.optional_count("write", w.depth_write, "bios", 1, 65536, "writes (write-back queue)");
  v.end_group();
  v.optional_count("max_bio_bytes", w.max_bio_bytes, "bytes", 512, 8u << 20,
                   "larger bios of the trace are cut to this (a multiple of 512)");
  v.optional_count("lookahead", w.lookahead, "rows", 1, 1'000'000,
                   "read rows taken from the trace and not yet submitted");
  v.optional_count("dirty_kib", w.dirty_kib, "KiB", 4, 1u << 22,
                   "data of write rows taken from the trace and not yet submitted (dirty memory)");
  v.optional_count("writeback_kib", w.writeback_kib, "KiB", 0, 1u << 22,
                   "dirty data at which its submitter starts to write; 0: at once (default: "
                   "MAX_WRITEBACK_PAGES of 2.6.12, 1024 pages)");
  v.optional_count("submitter_bonus", w.submitter_bonus, "nice levels", 0, 20,
                   "how much better than the application a submitter is scheduled (the 2.6 "
                   "scheduler's bonus for threads that mostly sleep)");
  v.choice("writeback", w.writeback, {"flusher", "pid"},
           "who submits writes without the sync flag: one pdflush for all, as 2.6.12 has per disk, "
           "or the thread that the trace names");
  v.begin_reference("user", "user", w.user_preset,
                    "processor time of application and file system, by phase");
  std::vector<std::string> phases = v.member_groups();
  if (std::find(phases.begin(), phases.end(), "default") == phases.end()) {
    phases.insert(phases.begin(), "default");
  }
  for (const std::string& phase : phases) {
    v.group(phase.c_str(), w.user[phase],
            phase == "default" ? "any phase not named" : "costs of this phase");
  }
  v.end_group();
  v.end_group();
}

}  // namespace

void describe_scenario(ScenarioVisitor& v, Scenario& s) {
  describe_soc(v, s.soc);
  v.reference("disk", "disk", s.disk_preset, s.disk,
              "the disk (a benchmark, which uses none, need not name one)");
  v.begin_reference(
      "kernel", "kernel", s.kernel_preset,
      "settings of the kernel; unless named linux-2.6.12 for the paths of 2005 (standard, "
      "ocf-*), linux-6.1 for modern, and for none that of the points that it is "
      "compared with");
  s.kernel.describe(v);
  v.optional_count("schedule_seed", s.kernel.schedule_seed, "number", 0, 0xFFFFFFFF,
                   "other than 0: what happens at one time happens in an order drawn from this");
  v.optional_number("schedule_jitter_us", s.kernel.schedule_jitter_us, "us", 0, 1000,
                    "longest delay at a wake-up, a lock or an interrupt, drawn from schedule_seed "
                    "for every other one; 0: no delays");
  v.end_group();
  describe_dmcrypt(v, s.dmcrypt);
  describe_ocf(v, s.ocf);
  describe_workload(v, s.workload);
  v.choice("fidelity", s.fidelity, {"descriptor", "burst"}, "grain of the hardware's timing");
  describe_faults(v, s.faults);
  v.begin_group("verdict", "how the outcome is judged");
  v.optional_number("hang_seconds", s.hang_seconds, "s", 0.001, 1e5,
                    "a request that takes longer (simulated) counts as hung");
  v.end_group();
  v.choice("on_broken", s.on_broken, {"fail", "report"},
           "whether a point that breaks a guarantee fails the run, or is only reported");
  v.optional_count("seed", s.seed, "number", 0, 0xFFFFFFFF, "of everything random");
}

void Costs::describe(hw::ParamVisitor& v) {
  v.group("kernel", kernel, "kernel primitives");
  v.group("ocf", ocf, "OCF core");
  v.group("driver", driver, "OCF drivers");
  v.group("dmcrypt", dmcrypt, "device-mapper and dm-crypt");
  v.group("cipher", cipher, "ciphers in software");
  v.group("openssl", openssl, "ciphers in a program's library (workload.bench)");
}

void OpensslCosts::describe(hw::ParamVisitor& v) {
  v.number("call", call, "cycles", 0, 1e6, "one operation: EVP, IV, mode loop");
  v.number("aes_round_per_byte", aes_round_per_byte, "cycles/byte", 0, 1000,
           "one of AES's 10, 12 or 14 rounds, CBC's exclusive-or included");
  v.number("des_per_byte", des_per_byte, "cycles/byte", 0, 10000, "DES-CBC");
  v.number("des3_per_byte", des3_per_byte, "cycles/byte", 0, 10000, "3DES-CBC");
}

}  // namespace cesasim
