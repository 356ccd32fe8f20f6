#include "scenario/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "base/text/nearest.h"
#include "dmcrypt_model/cipher_spec.h"
#include "dmcrypt_model/path_info.h"
#include "driver/driver_info.h"
#include "hw_model/soc/map.h"
#include "scenario/tree_reader.h"

namespace cesasim::study {
namespace {

std::vector<std::string> names(const std::vector<Named>& table) {
  std::vector<std::string> out;
  for (const Named& entry : table) out.push_back(entry.name);
  return out;
}

constexpr const char* kNoTable = "none";
constexpr const char* kNoTrace = "none";
constexpr std::uint64_t kMax64 = std::numeric_limits<std::uint64_t>::max();

const dmcrypt::PathInfo& path_info(const std::string& name) {
  for (const dmcrypt::PathInfo& info : dmcrypt::crypt_paths()) {
    if (name == info.name) return info;
  }
  throw std::invalid_argument("no path " + name);
}

constexpr hw::FaultKind kFaultKinds[] = {
    hw::FaultKind::engine_error,       hw::FaultKind::engine_stuck,
    hw::FaultKind::tdma_bus_error,     hw::FaultKind::lost_interrupt,
    hw::FaultKind::spurious_interrupt, hw::FaultKind::disk_read_error,
    hw::FaultKind::disk_write_error,   hw::FaultKind::disk_short,
    hw::FaultKind::page_alloc,         hw::FaultKind::request_alloc,
    hw::FaultKind::queue_full,         hw::FaultKind::completion_order,
    hw::FaultKind::unregister,
};
static_assert(std::size(kFaultKinds) == static_cast<std::size_t>(hw::FaultKind::count));

// --- the table of keys -------------------------------------------------------------------

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
  v.begin_group("faults", "what goes wrong on purpose: rules by a name of your own");
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
                     "and again at each so many-th after it; 0: once");
    v.optional_number("probability", f.probability, "1", 0, 1, "of each opportunity");
    v.optional_count("first", f.first, "place", 0, kMax64,
                     "only at places from here on (see `list faults` for what a place is)");
    v.optional_count("last", f.last, "place", 0, kMax64, "only at places up to here");
    v.optional_number("from", f.from, "s", 0, FaultSettings::kNever,
                      "only from this simulated time on");
    v.optional_number("to", f.to, "s", 0, FaultSettings::kNever, "only before this time");
    v.optional_count("times", f.times, "times", 0, 0xFFFFFFFF,
                     "happens so often at most; 0: no limit");
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
  v.begin_group("workload", "what is asked of the device");
  describe_bench(v, w.bench);
  if (w.bench.wanted() && w.trace.empty()) w.trace = kNoTrace;
  v.text("trace", w.trace, "the path of a trace file", "block trace to replay");
  v.text("device", w.device,
         "major,minor (blkparse, blktrace), a file (iolog), host,disk (msr), or any",
         "a trace of several devices: the one to take");
  v.flag("skip_bad_lines", w.skip_bad_lines, "count lines that do not parse instead of stopping");
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
                   "read rows handed out and not yet submitted");
  v.optional_count("dirty_kib", w.dirty_kib, "KiB", 4, 1u << 22,
                   "data of write rows handed out and not yet submitted (dirty memory)");
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
  v.reference("disk", "disk", s.disk_preset, s.disk, "the disk");
  v.begin_reference("kernel", "kernel", s.kernel_preset, "settings of the kernel");
  s.kernel.describe(v);
  v.optional_count("schedule_seed", s.kernel.schedule_seed, "number", 0, 0xFFFFFFFF,
                   "other than 0: what happens at one time happens in an order drawn from this");
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
           "whether a point that breaks a guarantee fails the run, or is only told");
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

std::vector<Named> path_list() {
  std::vector<Named> out;
  for (const dmcrypt::PathInfo& p : dmcrypt::crypt_paths()) out.push_back({p.name, p.doc});
  return out;
}

std::vector<Named> driver_list() {
  std::vector<Named> out;
  for (const driver::DriverInfo& d : driver::kDrivers) {
    out.push_back({d.name, d.doc});
    if (d.ocf_only) {
      out.back().doc +=
          " (a driver of OCF, not of Linux's cipher API: no stock kernel has ever done path "
          "modern over it)";
    } else if (d.allocates_memory) {
      out.back().doc +=
          " (over it no stock kernel since Linux 5.10 does path modern: its dm-crypt refuses "
          "drivers that allocate memory, see dmcrypt.allow_allocating_drivers)";
    }
  }
  return out;
}

namespace {

/// "0 the page cache, 1 dm-crypt's bounce pages": the places of a kind of allocation.
std::string alloc_sites(hw::FaultKind kind) {
  std::string out;
  for (unsigned i = 0; i < static_cast<unsigned>(hw::AllocSite::count); ++i) {
    const auto site = static_cast<hw::AllocSite>(i);
    if (hw::alloc_site_kind(site) != kind) continue;
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", i, hw::alloc_site_name(site));
  }
  return out;
}

std::string fault_doc(hw::FaultKind kind) {
  switch (kind) {
    case hw::FaultKind::engine_error:
      return "an engine's operation fails (cryptosoft: the cipher call); place: engine";
    case hw::FaultKind::engine_stuck:
      return "an engine hangs in an operation until it is reset; place: engine";
    case hw::FaultKind::tdma_bus_error:
      return "the bus answers a DMA access of the crypto unit with an error; place: bus address";
    case hw::FaultKind::lost_interrupt:
      return "a rising interrupt line is not seen; place: line";
    case hw::FaultKind::spurious_interrupt:
      return "an interrupt handler is called without a cause; place: line";
    case hw::FaultKind::disk_read_error:
      return "a disk command fails on the medium while reading; place: its first sector";
    case hw::FaultKind::disk_write_error:
      return "a disk command fails on the medium while writing; place: its first sector";
    case hw::FaultKind::disk_short:
      return "a disk command ends early and without an error; place: its first sector";
    case hw::FaultKind::page_alloc:
      return "the page allocator has no page; place: who asks: " + alloc_sites(kind) +
             " (without the page cache's nothing is asked of dm-crypt; bounce pages come from a "
             "mempool)";
    case hw::FaultKind::request_alloc:
      return "an allocation for a crypto request fails; place: who asks: " + alloc_sites(kind) +
             " (the driver is cesa_hal; dm-crypt's are of path modern, from mempools)";
    case hw::FaultKind::queue_full:
      return "a driver says that it has no room";
    case hw::FaultKind::completion_order:
      return "a driver ends a request after its successor";
    case hw::FaultKind::unregister:
      return "the driver goes away in use and comes back";
    case hw::FaultKind::count:
      break;
  }
  throw std::logic_error("a kind of fault without a text");
}

}  // namespace

std::vector<Named> fault_list() {
  std::vector<Named> out;
  for (const hw::FaultKind kind : kFaultKinds) {
    out.push_back({hw::fault_name(kind), fault_doc(kind)});
  }
  return out;
}

hw::FaultRule FaultSettings::rule() const {
  hw::FaultRule r;
  r.name = name;
  for (hw::FaultKind k : kFaultKinds) {
    if (kind == hw::fault_name(k)) r.kind = k;
  }
  r.nth = nth;
  r.every = every;
  r.probability = probability;
  r.first = first;
  r.last = last;
  constexpr auto kPsPerS = static_cast<double>(hw::kPsPerS);
  r.from = static_cast<hw::Ps>(from * kPsPerS);
  if (to < kNever) r.to = static_cast<hw::Ps>(to * kPsPerS);
  r.times = times;
  return r;
}

bool Scenario::path_uses_ocf() const { return path_info(dmcrypt.path).ocf; }

bool Scenario::path_is_historical() const { return path_info(dmcrypt.path).historical; }

driver::Recovery Scenario::recovery() const {
  const bool path = dmcrypt.path == "ocf-async" || dmcrypt.path == "modern" ||
                    ocf.driver == "cesa_ring" || workload.bench.wanted();
  return {ocf.recovery == "watchdog" || (ocf.recovery == "path" && path), ocf.drivers.watchdog_ms,
          ocf.retry_tick};
}

// --- checks that concern more than one key ---------------------------------------------------

namespace {

Position where(const Tree& tree, const char* path) {
  const Tree* node = tree.find_path(path);
  return node != nullptr ? node->at : tree.at;
}

Layer layer_of(const Tree& tree, const std::string& path) {
  const Tree* node = tree.find_path(path);
  return node != nullptr ? node->layer : Layer::standard;
}

/// An error of dm-crypt's own parsers ("what is wrong; valid: what would be right") with a place.
ConfigError placed(const Tree& tree, const std::string& key,
                   const dmcrypt::CipherSpecError& error) {
  const std::string text = error.what();
  const std::string mark = "; valid: ";
  const std::size_t cut = text.find(mark);
  return ConfigError(where(tree, key.c_str()), key, text.substr(0, cut),
                     cut == std::string::npos ? "" : text.substr(cut + mark.size()));
}

void check_cipher(const Tree& tree, const DmCryptSettings& s) {
  try {
    dmcrypt::CipherSpec::parse(s.cipher);
  } catch (const dmcrypt::CipherSpecError& error) {
    throw placed(tree, "dmcrypt.cipher", error);
  }
  if (s.key_bits % 8 != 0) {
    throw ConfigError(where(tree, "dmcrypt.key_bits"), "dmcrypt.key_bits",
                      fmt::format("{} bits are no whole bytes", s.key_bits), "a multiple of 8");
  }
}

std::optional<std::uint64_t> parse_seed(const std::string& key) {
  if (!key.starts_with("seed:")) return std::nullopt;
  std::uint64_t seed = 0;
  const char* begin = key.data() + 5;
  const char* end = key.data() + key.size();
  const auto [stop, error] = std::from_chars(begin, end, seed);
  if (error != std::errc() || stop != end || begin == end) return std::nullopt;
  return seed;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string hex_digits(const std::vector<std::uint8_t>& bytes) {
  std::string out;
  for (std::uint8_t b : bytes) out += fmt::format("{:02x}", b);
  return out;
}

void check_key(const Tree& tree, const DmCryptSettings& s) {
  const Position at = where(tree, "dmcrypt.key");
  const std::string valid =
      fmt::format("seed:N, or {} hexadecimal digits ({} bits)", s.key_bits / 4, s.key_bits);
  if (s.key.starts_with("seed:")) {
    if (!parse_seed(s.key)) {
      throw ConfigError(at, "dmcrypt.key", fmt::format("'{}' is no seed", s.key), valid);
    }
    return;
  }
  for (char c : s.key) {
    if (hex_digit(c) < 0) {
      throw ConfigError(at, "dmcrypt.key", fmt::format("'{}' is not hexadecimal", c), valid);
    }
  }
  if (s.key.size() % 2 != 0) {
    throw ConfigError(at, "dmcrypt.key",
                      fmt::format("an odd number of hexadecimal digits ({})", s.key.size()), valid);
  }
  if (s.key.size() * 4 != s.key_bits) {
    throw ConfigError(at, "dmcrypt.key",
                      fmt::format("{} bits where key_bits says {}", s.key.size() * 4, s.key_bits),
                      valid);
  }
}

/// The keys that a table line stands for.
constexpr const char* kTableKeys[] = {"cipher",
                                      "key",
                                      "key_bits",
                                      "iv_offset",
                                      "sector_size",
                                      "iv_large_sectors",
                                      "same_cpu_crypt",
                                      "submit_from_crypt_cpus",
                                      "no_read_workqueue",
                                      "no_write_workqueue"};

/// With a table line the single keys must be absent; their defaults go, so that the resolved
/// scenario says each thing once.
void check_table(Tree& tree, const DmCryptSettings& s, std::uint64_t disk_sectors) {
  if (s.table == kNoTable) return;
  Tree* node = tree.find("dmcrypt");
  for (const char* key : kTableKeys) {
    const Tree* given = node->find(key);
    if (given == nullptr || given->layer == Layer::standard) continue;
    throw ConfigError(given->at, std::string("dmcrypt.") + key,
                      "given both here and in dmcrypt.table", "one of the two");
  }
  std::erase_if(node->members, [](const auto& member) {
    return std::find(std::begin(kTableKeys), std::end(kTableKeys), member.first) !=
           std::end(kTableKeys);
  });
  dmcrypt::CryptTable table;
  try {
    table = dmcrypt::CryptTable::parse(s.table);
  } catch (const dmcrypt::CipherSpecError& error) {
    throw placed(tree, "dmcrypt.table", error);
  }
  if (table.start + table.sectors > disk_sectors) {
    throw ConfigError(where(tree, "dmcrypt.table"), "dmcrypt.table",
                      fmt::format("sectors {} to {} of a disk that has {}", table.start,
                                  table.start + table.sectors - 1, disk_sectors),
                      "a mapping that fits, or a larger disk.capacity_gib");
  }
}

/// Whether the path can do that with this driver on this SoC.
void check_crypto(const Tree& tree, const Scenario& s) {
  const driver::DriverInfo& driver = driver::driver_info(s.ocf.driver);
  const dmcrypt::PathInfo& path = path_info(s.dmcrypt.path);
  const auto refuse_driver = [&](const std::string& problem, const std::string& valid) {
    throw ConfigError(where(tree, "ocf.driver"), "ocf.driver", problem, valid);
  };
  if (driver.hardware && s.soc.cesa_preset == "none") {
    refuse_driver(fmt::format("'{}' would never be called: soc '{}' has no crypto unit",
                              driver.name, s.soc.preset),
                  "cryptosoft, or a SoC with a unit");
  }
  if (driver.hardware && (s.dmcrypt.path == "standard" || s.dmcrypt.path == "none")) {
    std::string paths;
    for (const dmcrypt::PathInfo& p : dmcrypt::crypt_paths()) {
      if (std::string(p.name) == "standard" || std::string(p.name) == "none") continue;
      paths += (paths.empty() ? "" : ", ") + std::string(p.name);
    }
    refuse_driver(fmt::format("'{}' would never be called: {} does not use OCF", driver.name,
                              s.dmcrypt.path == "none" ? "path none" : "standard dm-crypt"),
                  "cryptosoft, or dmcrypt.path " + paths);
  }
  if (driver.tdma && !s.soc.cesa.tdma) {
    refuse_driver(fmt::format("the crypto unit of '{}' has no TDMA, which {} needs", s.soc.preset,
                              driver.name),
                  "cryptosoft, or a SoC whose unit has TDMA");
  }
  if (s.dmcrypt.path == "ocf-lsp" && !driver.hardware) {
    refuse_driver(
        "'cryptosoft' ends its requests inside crypto_dispatch, and ocf-lsp's callback then waits "
        "for the lock that its dispatch holds",
        "a driver of hardware");
  }
  const std::string key = s.dmcrypt.table == kNoTable ? "dmcrypt.cipher" : "dmcrypt.table";
  try {
    const dmcrypt::CryptTable table = crypt_table(s.dmcrypt, s.disk.sectors());
    if (driver.hardware && table.cipher.chainmode != "cbc") {
      refuse_driver(fmt::format("'{}' would never be called: it has no {}", driver.name,
                                table.cipher.chainmode),
                    "cryptosoft, or a cipher in CBC");
    }
    const dmcrypt::PathSettings settings = {s.dmcrypt.placement, s.dmcrypt.max_read_size,
                                            s.dmcrypt.max_write_size, s.dmcrypt.max_in_flight};
    dmcrypt::check_path(path.name, table, settings, driver.out_of_place);
  } catch (const dmcrypt::CipherSpecError& error) {
    // dm-crypt names the word at fault; the key it came from is where the reader should look.
    const std::string text = error.what();
    std::string at = key;
    const auto names = [&text](const char* word) { return text.find(word) != std::string::npos; };
    if (names("placement")) {
      at = "dmcrypt.placement";
    } else if (names("max_read_size") || names("max_write_size")) {
      at = names("max_read_size") ? "dmcrypt.max_read_size" : "dmcrypt.max_write_size";
    } else if (s.dmcrypt.table == kNoTable) {
      std::size_t first = std::string::npos;
      for (const char* option : kTableKeys) {
        if (std::string(option) == "cipher" || std::string(option) == "key") continue;
        if (const std::size_t found = text.find(option); found < first) {
          first = found;
          at = std::string("dmcrypt.") + option;
        }
      }
      if (at == key && (text.starts_with("key") || names("a key of"))) {
        at = "dmcrypt.key_bits";
      }
    }
    throw placed(tree, at, error);
  }
}

/// As check_crypto, for a benchmark: it goes through the kernel's cipher API.
void check_bench(const Tree& tree, const Scenario& s) {
  const BenchSettings& b = s.workload.bench;
  const auto refuse = [&](const std::string& key, const std::string& problem,
                          const std::string& valid) {
    throw ConfigError(where(tree, key.c_str()), key, problem, valid);
  };
  if (s.workload.trace != kNoTrace) {
    refuse("workload.trace", "given beside workload.bench", "one of the two");
  }
  const BenchAlgorithm& a =
      *std::find_if(std::begin(kBenchAlgorithms), std::end(kBenchAlgorithms),
                    [&b](const BenchAlgorithm& x) { return b.algorithm == x.name; });
  const std::uint32_t unit = std::string(a.cipher) == "aes" ? 16 : 8;
  if (b.block_bytes % unit != 0) {
    refuse("workload.bench.block_bytes",
           fmt::format("{} is not a multiple of the cipher's block", b.block_bytes),
           fmt::format("multiples of {}", unit));
  }
  const driver::DriverInfo& driver = driver::driver_info(s.ocf.driver);
  if (!driver.hardware) return;
  if (s.soc.cesa_preset == "none") {
    refuse("ocf.driver",
           fmt::format("'{}' would never be called: soc '{}' has no crypto unit", driver.name,
                       s.soc.preset),
           "cryptosoft, or a SoC with a unit");
  }
  if (b.api.user_space) {
    refuse("ocf.driver",
           fmt::format("'{}' would never be called: api '{}' does not call the kernel", driver.name,
                       b.api_preset),
           "cryptosoft, or another api");
  }
  if (std::string(a.mode) != "cbc") {
    refuse("ocf.driver",
           fmt::format("'{}' would never be called: it has no {}", driver.name, a.mode),
           "cryptosoft, or an algorithm in CBC");
  }
  if (driver.tdma && !s.soc.cesa.tdma) {
    refuse("ocf.driver",
           fmt::format("the crypto unit of '{}' has no TDMA, which {} needs", s.soc.preset,
                       driver.name),
           "cryptosoft, or a SoC whose unit has TDMA");
  }
}

void check_faults(const Tree& tree, const Scenario& s) {
  for (const FaultSettings& f : s.faults) {
    const std::string key = "faults." + f.name;
    const Position at = tree.find("faults")->find(f.name)->at;
    if (f.nth == 0 && f.probability == 0) {
      throw ConfigError(at, key, "a rule that never happens", "nth, nth and every, or probability");
    }
    if (f.last < f.first) {
      throw ConfigError(at, key, fmt::format("no place from {} to {}", f.first, f.last),
                        "first up to last");
    }
    if (f.to <= f.from) {
      throw ConfigError(at, key, fmt::format("no time from {} s to {} s", f.from, f.to),
                        "from before to");
    }
    // Nothing need be in flight then whose end would unblock it. cesa_hal never unblocks at all.
    if (f.kind == hw::fault_name(hw::FaultKind::queue_full) && !s.ocf.retry_tick &&
        driver::driver_info(s.ocf.driver).hardware && s.ocf.driver != "cesa_hal") {
      throw ConfigError(
          at, key,
          "queue_full without ocf.retry_tick: a driver that is not full has nothing "
          "to end, so nobody unblocks it, and the run hangs as no real driver did",
          fmt::format("ocf.retry_tick true, or a queue that really fills (a small "
                      "ocf.drivers.{}.{})",
                      s.ocf.driver, s.ocf.driver == "cesa_ring" ? "entries" : "queue_depth"));
    }
  }
}

/// What the parts of a SoC ask of each other.
void check_soc(const Tree& tree, const SocParams& soc) {
  const auto check = [&tree](const std::string& group, const auto& params) {
    try {
      params.check();
    } catch (const hw::ParamError& error) {
      const std::string key = group + "." + error.field();
      throw ConfigError(where(tree, key.c_str()), key, error.what(), error.valid());
    }
  };
  check("soc.cesa", soc.cesa);
  check("soc.ring", soc.ring);
  // The drivers keep 128 bytes for descriptor, key and IV, and cipher whole blocks.
  constexpr std::uint32_t kLeast = 128 + 16;
  if (soc.cesa.sram_bytes < soc.cesa.sram_reserved_bytes + kLeast) {
    throw ConfigError(where(tree, "soc.cesa.sram_bytes"), "soc.cesa.sram_bytes",
                      fmt::format("{} bytes less {} reserved leave no room for data",
                                  soc.cesa.sram_bytes, soc.cesa.sram_reserved_bytes),
                      fmt::format("at least {} more than sram_reserved_bytes", kLeast));
  }
  if (soc.cesa.engines > 1 && soc.cesa.sram_base1 == 0) {
    throw ConfigError(
        where(tree, "soc.cesa.engines"), "soc.cesa.engines",
        fmt::format("{} engines, but no address of the second SRAM", soc.cesa.engines),
        "soc.cesa.sram_base1 and soc.cesa.irq1 set too");
  }
  const hw::SocMap map =
      hw::soc_map(soc.internal_regs_base, soc.disk_irq, soc.dram, soc.cesa, soc.ring);
  if (const auto objection = map.objection()) {
    // What was written last is the likeliest culprit: a value of the study rather than a preset's.
    std::string key = "soc." + objection->keys.front();
    for (const std::string& other : objection->keys) {
      if (layer_of(tree, "soc." + other) > layer_of(tree, key)) key = "soc." + other;
    }
    throw ConfigError(where(tree, key.c_str()), key, objection->problem,
                      fmt::format("windows that do not overlap, below 4 GiB; a line for each, 0 to "
                                  "{}",
                                  hw::kIrqLines - 1));
  }
}

/// Settings with which the driver in use would not start, or its last requests would never end.
void check_driver_settings(const Tree& tree, const Scenario& s) {
  const auto refuse = [&](const char* key, const std::string& problem, const char* valid) {
    throw ConfigError(where(tree, key), key, problem, valid);
  };
  const auto last_ones_wait = [](std::uint32_t count, double us) { return count > 1 && us <= 0; };
  const std::string problem =
      "with a coalesce_count above 1 and no longest wait the last requests would get no interrupt";
  const char* const valid = "above 0, or a coalesce_count of 1";
  if (s.ocf.driver == "cesa_ring") {
    const driver::RingSettings& r = s.ocf.drivers.cesa_ring;
    if (!std::has_single_bit(r.entries)) {
      refuse("ocf.drivers.cesa_ring.entries", fmt::format("{} is no power of 2", r.entries),
             "2, 4, 8 ... 4096");
    }
    if (r.coalesce != "off" && last_ones_wait(r.coalesce_count, r.coalesce_us)) {
      refuse("ocf.drivers.cesa_ring.coalesce_us", problem, valid);
    }
  }
  const driver::HalSettings& h = s.ocf.drivers.cesa_hal;
  if (s.ocf.driver == "cesa_hal" && h.generation == "armada" &&
      last_ones_wait(h.coalesce_count, h.coalesce_us)) {
    refuse("ocf.drivers.cesa_hal.coalesce_us", problem, valid);
  }
}

void check_scenario(Tree& tree, const Scenario& s) {
  check_soc(tree, s.soc);
  try {
    hw::DiskTiming::create(s.disk);
  } catch (const std::invalid_argument& error) {
    throw ConfigError(where(tree, "disk"), "disk", error.what(), "values that agree");
  }
  check_table(tree, s.dmcrypt, s.disk.sectors());
  if (s.dmcrypt.table == kNoTable) {
    check_cipher(tree, s.dmcrypt);
    check_key(tree, s.dmcrypt);
  }
  if (s.workload.bench.wanted()) {
    check_bench(tree, s);
  } else {
    check_crypto(tree, s);
  }
  if (s.ocf.crypto_nice != std::floor(s.ocf.crypto_nice)) {
    throw ConfigError(where(tree, "ocf.crypto_nice"), "ocf.crypto_nice",
                      fmt::format("not a whole number: {}", s.ocf.crypto_nice), "-20 .. 19");
  }
  check_driver_settings(tree, s);
  check_faults(tree, s);
  if (s.workload.max_bio_bytes % 512 != 0) {
    throw ConfigError(where(tree, "workload.max_bio_bytes"), "workload.max_bio_bytes",
                      fmt::format("{} is not a multiple of 512", s.workload.max_bio_bytes),
                      "whole sectors");
  }
  if (const std::uint32_t unit = crypt_table(s.dmcrypt, s.disk.sectors()).sector_size;
      s.workload.max_bio_bytes % unit != 0) {
    throw ConfigError(
        where(tree, "workload.max_bio_bytes"), "workload.max_bio_bytes",
        fmt::format("{} is not a multiple of the sector_size {}", s.workload.max_bio_bytes, unit),
        "whole encryption units");
  }
}

// --- listing -----------------------------------------------------------------------------------

class ParameterLister : public ScenarioVisitor {
 public:
  void number(const char* name, double&, const char* unit, double min, double max,
              const char* doc) override {
    add_range(name, "number", unit, min, max, "", doc);
  }
  void count(const char* name, std::uint32_t&, const char* unit, std::uint32_t min,
             std::uint32_t max, const char* doc) override {
    add_range(name, "count", unit, min, max, "", doc);
  }
  void optional_count(const char* name, std::uint32_t& value, const char* unit, std::uint32_t min,
                      std::uint32_t max, const char* doc) override {
    add_range(name, "count", unit, min, max, fmt::format("default {}", value), doc);
  }
  void optional_count(const char* name, std::uint64_t& value, const char* unit, std::uint64_t min,
                      std::uint64_t max, const char* doc) override {
    add_range(name, "count", unit, min, max, fmt::format("default {}", value), doc);
  }
  void optional_number(const char* name, double& value, const char* unit, double min, double max,
                       const char* doc) override {
    add_range(name, "number", unit, min, max, fmt::format("default {}", value), doc);
  }
  void flag(const char* name, bool&, const char* doc) override {
    add(name, {.type = "flag", .valid = "true, false", .doc = doc});
  }
  void choice(const char* name, std::string& value, const std::vector<std::string>& choices,
              const char* doc) override {
    std::string valid = join_names(choices);
    if (!value.empty()) valid += "; default " + value;
    add(name, {.type = "choice", .valid = valid, .doc = doc});
  }
  void text(const char* name, std::string& value, const char* valid, const char* doc) override {
    std::string all = valid;
    if (!value.empty()) all += "; default " + value;
    add(name, {.type = "text", .valid = all, .doc = doc});
  }
  void begin_group(const char* name, const char*) override { path_.push_back(name); }
  void end_group() override { path_.pop_back(); }
  void begin_reference(const char* name, const char* kind, std::string& preset,
                       const char* doc) override {
    std::string valid = fmt::format("a {} preset, or the path of a preset file", kind);
    if (!preset.empty()) valid += "; default " + preset;
    add(name, {.type = "preset", .valid = valid, .doc = doc});
    path_.push_back(name);
  }
  std::vector<std::string> member_groups() override { return {}; }

  std::vector<ParameterInfo> found;

 private:
  static std::string text_of(double number) { return fmt::format("{:.10g}", number); }
  static std::string text_of(std::uint64_t count) { return std::to_string(count); }
  static std::string text_of(std::uint32_t count) { return std::to_string(count); }
  template <class T>
  void add_range(const char* name, const char* type, const char* unit, T min, T max,
                 const std::string& valid, const char* doc) {
    ParameterInfo info = {.type = type, .unit = unit, .valid = valid, .doc = doc};
    info.min = static_cast<double>(min);
    info.max = static_cast<double>(max);
    info.min_text = text_of(min);
    info.max_text = text_of(max);
    add(name, std::move(info));
  }
  void add(const char* name, ParameterInfo added) {
    std::string path;
    for (const std::string& part : path_) path += part + ".";
    path += name;
    for (const ParameterInfo& info : found) {
      if (info.path == path) return;
    }
    added.path = path;
    found.push_back(std::move(added));
  }
  std::vector<std::string> path_;
};

}  // namespace

Scenario resolve_scenario(Tree& tree, const Library& library, bool check_files) {
  Scenario scenario;
  TreeReader reader(tree, library);
  describe_scenario(reader, scenario);
  reader.finish();
  check_scenario(tree, scenario);
  scenario.kernel.non_coherent_dma = !scenario.soc.io_coherent;
  if (check_files && !scenario.workload.bench.wanted()) {
    scenario.workload.trace_file =
        library.find_file(*tree.find_path("workload.trace"), "workload.trace").string();
  }
  return scenario;
}

dmcrypt::CryptTable crypt_table(const DmCryptSettings& s, std::uint64_t disk_sectors) {
  if (s.table != kNoTable) return dmcrypt::CryptTable::parse(s.table);
  dmcrypt::CryptTable table;
  table.cipher = dmcrypt::CipherSpec::parse(s.cipher);
  table.key = dmcrypt::parse_key(hex_digits(key_bytes(s)), table.cipher);
  table.iv_offset = s.iv_offset;
  table.sector_size = s.sector_size;
  table.iv_large_sectors = s.iv_large_sectors;
  table.same_cpu_crypt = s.same_cpu_crypt;
  table.submit_from_crypt_cpus = s.submit_from_crypt_cpus;
  table.no_read_workqueue = s.no_read_workqueue;
  table.no_write_workqueue = s.no_write_workqueue;
  const std::uint32_t unit = s.sector_size / hw::kSectorBytes;
  if (s.sector_size % hw::kSectorBytes != 0 || (unit & (unit - 1)) != 0) {
    throw dmcrypt::CipherSpecError(
        fmt::format("sector_size {} is no size of an encryption unit; valid: 512, 1024, 2048, 4096",
                    s.sector_size));
  }
  if (s.iv_offset % unit != 0) {
    throw dmcrypt::CipherSpecError(
        fmt::format("iv_offset {} is not a multiple of sector_size; valid: multiples of {}",
                    s.iv_offset, unit));
  }
  table.sectors = disk_sectors / unit * unit;
  return table;
}

std::vector<std::uint8_t> key_bytes(const DmCryptSettings& settings) {
  std::vector<std::uint8_t> out(settings.key_bits / 8);
  if (const std::optional<std::uint64_t> seed = parse_seed(settings.key)) {
    // splitmix64 (public domain, S. Vigna): well mixed from any seed, the same everywhere.
    std::uint64_t state = *seed;
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (i % 8 == 0) {
        state += 0x9E3779B97F4A7C15ull;
        word = state;
        word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9ull;
        word = (word ^ (word >> 27)) * 0x94D049BB133111EBull;
        word ^= word >> 31;
      }
      out[i] = static_cast<std::uint8_t>(word >> (8 * (i % 8)));
    }
    return out;
  }
  for (std::size_t i = 0; i < out.size() && 2 * i + 1 < settings.key.size(); ++i) {
    out[i] = static_cast<std::uint8_t>(hex_digit(settings.key[2 * i]) * 16 +
                                       hex_digit(settings.key[2 * i + 1]));
  }
  return out;
}

std::vector<ParameterInfo> list_parameters() {
  Scenario scenario;
  scenario.faults.emplace_back();
  scenario.faults.back().name = "NAME";
  ParameterLister lister;
  describe_scenario(lister, scenario);
  // Some structs describe only the fields of the kind in use; list those of the others too.
  scenario.disk.kind = "flash";
  scenario.workload.bench.algorithm = kBenchAlgorithms[0].name;
  describe_scenario(lister, scenario);
  return lister.found;
}

}  // namespace cesasim::study
