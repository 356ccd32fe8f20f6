// SPDX-License-Identifier: Apache-2.0
// Every documented number, count, flag and choice moves at least one metric of at least one small
// scenario, or stands below with the reason why it cannot.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "scenario/names.h"
#include "scenario/parameter_list.h"
#include "scenario/scenario.h"
#include "tests/machine/forked_point.h"

namespace cesasim {
namespace {

// --- the scenarios ---------------------------------------------------------------------------

/// Writes and reads of 4 KiB in order, of 128 KiB, scattered, and all of it at once.
class SmallTrace {
 public:
  SmallTrace() {
    file = std::filesystem::path(testing::TempDir()) /
           ("every_parameter_" + std::to_string(getpid()) + ".csv");
    std::ofstream out(file);
    out << "time_ns,op,sector,bytes,pid,phase,flags,done_ns\n";
    unsigned long t = 0;
    auto row = [&](char op, unsigned long sector, unsigned bytes, unsigned pid, const char* phase) {
      out << t << ',' << op << ',' << sector << ',' << bytes << ',' << pid << ',' << phase
          << ",,\n";
      t += 200'000;
    };
    const auto scattered = [](unsigned long i) {
      return 1'000'000 + i * i * 7919 % 97 * 1'300'000 / 8 * 8;
    };
    for (unsigned i = 0; i < 12; ++i) row('W', i * 8, 4096, 10, "small");
    for (unsigned i = 0; i < 4; ++i) row('W', 4096 + i * 256, 131072, 10 + i % 2, "large");
    for (unsigned i = 0; i < 12; ++i) row('W', scattered(i), 4096, 10 + i % 2, "mixed");
    for (unsigned i = 0; i < 12; ++i) {
      row('R', scattered(i), 4096, 12 + i % 3, "mixed");
      row('W', scattered(i + 20), 4096, 10 + i % 2, "mixed");
      if (i % 3 == 0) row('R', 4096 + i * 64, 16384, 12, "mixed");
    }
    for (unsigned i = 0; i < 4; ++i) row('R', 4096 + i * 256, 131072, 12, "large");
    for (unsigned i = 0; i < 12; ++i) row('R', i * 8, 4096, 12, "back");
  }
  ~SmallTrace() { std::filesystem::remove(file); }
  std::filesystem::path file;
};

constexpr const char* kOcfTdma = "dmcrypt.path: ocf-async\nocf.driver: cesa_tdma\n";

struct NamedScenario {
  const char* name;
  std::string text;  // beside the trace
};

const std::vector<NamedScenario>& scenarios() {
  const std::string arm9 = "soc: kirkwood-88f6281\n";
  const std::string a385 = "soc: armada-385\n";
  const std::string flash = "disk: flash\n";
  const std::string hdd = "disk: hdd-2005\n";
  const std::string essiv = "dmcrypt.cipher: aes-cbc-essiv:sha256\n";
  const std::string des = "dmcrypt: {cipher: des-cbc-plain, key_bits: 64}\n";
  const std::string des3 = "dmcrypt: {cipher: des3_ede-cbc-plain, key_bits: 192}\n";
  const std::string small_queue =
      "kernel: {nr_requests: 4, max_sectors: 64, max_segments: 4, deadline_read_expire_ms: 2, "
      "deadline_write_expire_ms: 4, deadline_fifo_batch: 2, deadline_writes_starved: 1}\n";
  const std::string ring =
      "ocf.driver: cesa_ring\nocf.drivers.cesa_ring: {entries: 16, doorbell_batch: 4, ";
  static const std::vector<NamedScenario> all = {
      {"tdma", arm9 + flash + essiv + kOcfTdma},
      {"tdma_burst",
       arm9 + flash + "fidelity: burst\ndmcrypt.path: ocf-v1\nocf.driver: cesa_tdma\n"},
      {"tdma_two", a385 + flash + "dmcrypt.path: modern\nocf.driver: cesa_tdma\n" +
                       "ocf.drivers.cesa_tdma.queue_depth: 8\n"},
      {"tdma_full", arm9 + flash + kOcfTdma + "ocf.drivers.cesa_tdma.queue_depth: 2\n" +
                        "dmcrypt.max_in_flight: 8\n"},
      {"tdma_aes192", arm9 + flash + kOcfTdma + "dmcrypt.key_bits: 192\n"},
      {"tdma_aes256", arm9 + flash + kOcfTdma + "dmcrypt.key_bits: 256\n"},
      {"tdma_des", arm9 + flash + kOcfTdma + des},
      {"tdma_3des", arm9 + flash + kOcfTdma + des3},
      {"tdma_watchdog", arm9 + flash + kOcfTdma + "ocf.drivers.watchdog_ms: 50\n" +
                            "faults: {f: {kind: engine_stuck, nth: 20}}\n"},
      {"tdma_lost", arm9 + flash + "dmcrypt.path: ocf-v1\nocf.driver: cesa_tdma\n" +
                        "faults: {f: {kind: lost_interrupt, nth: 3, first: 22, last: 22}}\n"},
      {"soft", arm9 + hdd + essiv + "dmcrypt.path: standard\nworkload.writeback: pid\n" +
                   "kernel: {timeslice_ms: 1, hz: 1000}\n"},
      {"soft_flash", arm9 + flash + "dmcrypt.path: standard\n"},
      {"soft_aes192", a385 + flash + "dmcrypt: {path: standard, key_bits: 192}\n"},
      {"soft_des", arm9 + flash + "dmcrypt.path: standard\n" + des},
      {"soft_3des", arm9 + flash + "dmcrypt.path: standard\n" + des3},
      {"soft_xts",
       a385 + hdd + "dmcrypt: {path: modern, cipher: aes-xts-plain64, key_bits: 512}\n"},
      {"soft_ocf", arm9 + hdd + "dmcrypt.path: ocf-v3\nocf.driver: cryptosoft\n" + small_queue},
      {"hdd_small", arm9 + hdd + kOcfTdma + small_queue + "workload.writeback_kib: 0\n"},
      {"hdd_plain", arm9 + hdd + kOcfTdma + "disk: {write_cache_kib: 64, read_buffer_kib: 256, " +
                        "read_segments: 2, lookahead_kib: 64, destage_idle_ms: 1}\n"},
      {"hdd_uncached", arm9 + hdd + kOcfTdma + "disk: {write_cache_kib: 0}\n"},
      {"hdd_reads", arm9 + hdd + kOcfTdma + "disk.queue_depth: 1\nworkload.depth.read: 32\n" +
                        "kernel: {deadline_read_expire_ms: 1, deadline_fifo_batch: 2}\n"},
      {"tdma_units",
       a385 + flash + "dmcrypt: {path: modern, sector_size: 4096}\n" + "ocf.driver: cesa_tdma\n"},
      {"limits", arm9 + flash + kOcfTdma + "workload: {lookahead: 2, dirty_kib: 64, " +
                     "writeback_kib: 16, depth: {read: 2, write: 2}, submitter_bonus: 0}\n"},
      {"open", arm9 + flash + kOcfTdma + "workload.replay: open\n"},
      {"modern", a385 + flash + "dmcrypt: {path: modern, max_read_size: 8192, " +
                     "max_write_size: 8192}\nkernel: linux-6.1\n"},
      {"mq", a385 + hdd + "dmcrypt.path: modern\nworkload.depth: {read: 32, write: 32}\n" +
                 "kernel: {preset: linux-6.1, nr_requests: 8, deadline_async_depth: 4, "
                 "plug_max_requests: 4, plug_flush_kib: 64}\n"},
      {"plain", arm9 + hdd + "dmcrypt.path: none\nkernel: linux-2.6.12\n"},
      {"hal", arm9 + flash + "dmcrypt.path: ocf-v3\nocf: {driver: cesa_hal, crypto_nice: 5}\n" +
                  "ocf.drivers.cesa_hal: {kirkwood_slots: 64}\n" +
                  "workload: {max_bio_bytes: 8192, depth: {read: 1, write: 2}}\n"},
      // A slow engine with requests waiting, and no more of them than it has slots.
      {"hal_slow", arm9 + flash + "dmcrypt.path: ocf-v3\nocf.driver: cesa_hal\n" +
                       "soc.cesa.aes128_block_cycles: 200\n" +
                       "workload: {max_bio_bytes: 8192, depth: {read: 1, write: 2}}\n"},
      {"hal_armada",
       a385 + flash + "dmcrypt.path: ocf-async\nocf: {driver: cesa_hal}\n" +
           "ocf.drivers.cesa_hal: {generation: armada, armada_slots: 16, coalesce_count: 4, "
           "coalesce_us: 200}\n"},
      // One engine, slower than the thread that feeds it: more requests wait than a chain takes.
      {"hal_chain", a385 + flash + "dmcrypt.path: ocf-lsp\n" +
                        "ocf: {driver: cesa_hal, policy: marvell}\n" +
                        "ocf.drivers.cesa_hal: {generation: armada, max_chain: 4}\n" +
                        "soc.cesa: {preset: armada-38x, engines: 1, aes128_block_cycles: 200}\n"},
      {"lsp", arm9 + flash + "dmcrypt.path: ocf-lsp\nocf: {driver: cesa_hal, policy: marvell}\n"},
      {"ring", a385 + flash + "dmcrypt.path: modern\n" + ring + "coalesce: fixed, " +
                   "coalesce_count: 4, coalesce_us: 50}\n" +
                   "soc.ring: {key_slots: 0, engine_queue: 2, tracked_requests: 4}\n"},
      {"ring_async", a385 + flash + "dmcrypt.path: ocf-async\n" + ring + "coalesce_us: 50}\n"},
      {"ring_poll",
       a385 + flash + "dmcrypt.path: modern\n" + ring + "poll_below: 4, poll_us: 20}\n"},
      {"ring_aes192", a385 + flash + "dmcrypt: {path: modern, key_bits: 192}\n" + ring + "}\n"},
      {"ring_aes256", a385 + flash + "dmcrypt: {path: modern, key_bits: 256}\n" + ring + "}\n"},
      {"ring_des", a385 + flash + "dmcrypt.path: modern\n" + ring + "}\n" + des},
      {"ring_3des", a385 + flash + "dmcrypt.path: modern\n" + ring + "}\n" + des3},
      {"ring_units", a385 + flash + "dmcrypt: {path: modern, sector_size: 4096}\n" + ring + "}\n"},
      {"pio", "soc: orion-88f5182\n" + flash + "dmcrypt.path: ocf-async\nocf.driver: cesa_pio\n" +
                  "ocf.drivers.cesa_pio.queue_depth: 4\n"},
      {"faults", arm9 + flash + kOcfTdma +
                     "faults: {f: {kind: disk_write_error, nth: 2, every: 3, times: 2}}\n"},
      {"faults_random",
       arm9 + flash + kOcfTdma + "faults: {f: {kind: disk_write_error, probability: 0.3}}\n"},
      {"bench", a385 + flash + "ocf.driver: cesa_tdma\nworkload.bench: {algorithm: aes-128-cbc, " +
                    "requests: 20, api: af_alg, application: https-sha1}\n"},
      {"bench_user", a385 + flash + "workload.bench: {algorithm: aes-256-cbc, requests: 20, " +
                         "api: openssl}\n"},
      {"bench_user_des",
       a385 + flash + "workload.bench: {algorithm: des-cbc, requests: 20, " + "api: openssl}\n"},
      {"bench_user_3des",
       a385 + flash + "workload.bench: {algorithm: des3-cbc, requests: 20, " + "api: openssl}\n"},
      {"bench_soft",
       a385 + flash + "workload.bench: {algorithm: aes-256-cbc, requests: 20, api: cryptodev}\n"},
  };
  return all;
}

// --- what to change, and where it should matter -----------------------------------------------

/// Where a parameter that starts so is tried first; what matches longest counts.
const std::map<std::string, std::vector<std::string>>& first_choices() {
  static const std::map<std::string, std::vector<std::string>> table = {
      {"soc.cesa", {"tdma", "tdma_burst", "tdma_two", "pio"}},
      {"soc.cesa.sram_re", {"pio"}},
      {"soc.cesa.sram_wr", {"pio"}},
      {"soc.cesa.aes192", {"tdma_aes192"}},
      {"soc.cesa.aes256", {"tdma_aes256"}},
      {"soc.cesa.des_", {"tdma_des"}},
      {"soc.cesa.des3", {"tdma_3des"}},
      {"soc.cesa.sram_bytes", {"tdma_units"}},
      {"soc.cesa.irq", {"tdma_full", "tdma_two"}},
      {"soc.disk_irq", {"tdma_full"}},
      {"soc.ring.prefetch", {"ring_units"}},
      {"soc.ring.sram", {"ring_units"}},
      {"kernel.timeslice_ms", {"soft", "modern"}},
      {"kernel.deadline_read", {"hdd_reads"}},
      {"kernel.deadline_async", {"mq"}},
      {"kernel.plug", {"mq"}},
      {"ocf.drivers.cesa_ring.doorbell", {"ring_3des"}},
      {"ocf.drivers.cesa_ring.poll", {"ring_poll"}},
      {"soc.cesa.coalescing", {"hal_armada"}},
      {"ocf.drivers.cesa_hal.max_chain", {"hal_chain"}},
      {"soc.ring", {"ring", "ring_async", "ring_poll", "ring_units"}},
      {"soc.ring.aes192", {"ring_aes192"}},
      {"soc.ring.aes256", {"ring_aes256"}},
      {"soc.ring.des_", {"ring_des"}},
      {"soc.ring.des3", {"ring_3des"}},
      {"soc.costs.ocf", {"tdma"}},
      {"soc.costs.driver.cryptosoft", {"soft_ocf"}},
      {"soc.costs.driver.tdma", {"tdma"}},
      {"soc.costs.driver.pio", {"pio"}},
      {"soc.costs.driver.hal", {"hal"}},
      {"soc.costs.driver.ring", {"ring_poll", "ring"}},
      {"soc.costs.driver.skcipher", {"tdma_two"}},
      {"soc.costs.driver.watchdog", {"tdma_watchdog"}},
      {"soc.costs.dmcrypt", {"tdma", "modern", "soft_xts"}},
      {"soc.costs.cipher", {"soft_flash", "soft_aes192"}},
      {"soc.costs.cipher.des_", {"soft_des"}},
      {"soc.costs.cipher.des3", {"soft_3des"}},
      {"soc.costs.cipher.xts", {"soft_xts"}},
      {"soc.costs.kernel", {"tdma", "soft", "pio"}},
      {"soc.costs.kernel.io_", {"pio"}},
      {"disk", {"hdd_plain", "hdd_uncached", "hdd_small"}},
      {"disk.flash", {"soft_flash"}},
      {"kernel", {"hdd_small", "soft", "tdma"}},
      {"dmcrypt", {"modern", "soft_xts", "tdma_full", "tdma"}},
      {"dmcrypt.allow_allocating_drivers", {"tdma_two"}},
      {"ocf", {"tdma_full", "tdma", "lsp"}},
      {"ocf.recovery", {"tdma_lost"}},
      {"ocf.drivers.watchdog_ms", {"tdma_watchdog"}},
      {"ocf.drivers.cesa_tdma", {"tdma_full", "tdma", "tdma_two"}},
      {"ocf.drivers.cesa_pio", {"pio"}},
      {"ocf.drivers.cesa_hal", {"hal", "hal_armada"}},
      {"ocf.drivers.cesa_hal.chain", {"hal_slow"}},
      {"ocf.drivers.cesa_ring", {"ring", "ring_poll", "ring_async"}},
      {"faults", {"faults", "faults_random"}},
      {"verdict", {"tdma"}},
      {"seed", {"faults_random"}},
      {"workload", {"limits", "open", "tdma"}},
      {"workload.bench", {"bench", "bench_user", "bench_soft"}},
      {"workload.bench.direction", {"bench_soft"}},
      {"soc.costs.openssl", {"bench_user"}},
      {"soc.costs.openssl.des_", {"bench_user_des"}},
      {"soc.costs.openssl.des3", {"bench_user_3des"}},
  };
  return table;
}

/// Values that a rule of thumb would not find; tried before the others.
const std::map<std::string, std::vector<std::string>>& chosen_values() {
  static const std::map<std::string, std::vector<std::string>> table = {
      {"soc.cesa.chain_limit", {"16"}},
      {"soc.cesa.regs_offset", {"0x50000"}},
      {"soc.cesa.sram_base0", {"0xF7000000"}},
      {"soc.cesa.sram_base1", {"0xF7000000"}},
      {"soc.internal_regs_base", {"0xE0000000"}},
      {"soc.ring.regs_offset", {"0xD0000"}},
      {"soc.ring.list_max", {"1", "4096"}},
      {"soc.dram.size_mib", {"512", "256"}},
      {"soc.costs.kernel.cache_line_bytes", {"64"}},
      {"soc.ring.burst_bytes", {"32"}},
      {"dmcrypt.key_bits", {"256"}},
      {"dmcrypt.sector_size", {"4096"}},
      {"dmcrypt.iv_offset", {"8"}},
      {"kernel.workqueue_nice_magnitude", {"0"}},
      {"kernel.plug_flush_kib", {"1"}},
      {"kernel.schedule_seed", {"1"}},
      {"kernel.schedule_jitter_us", {"3"}},
      {"ocf.crypto_nice", {"19", "-20"}},
      {"ocf.drivers.cesa_ring.entries", {"8", "4"}},
      {"faults.f.first", {"500000"}},
      {"faults.f.last", {"500000"}},
      {"faults.f.from", {"0.05", "1000"}},
      {"faults.f.to", {"0.001"}},
      {"kernel.deadline_read_expire_ms", {"1000"}},
      {"ocf.drivers.cesa_ring.poll_us", {"1"}},
      {"soc.ring.irq_first", {"84"}},
      {"ocf.drivers.cesa_hal.kirkwood_slots", {"4", "2"}},
      {"verdict.hang_seconds", {"0.001"}},
      {"workload.max_bio_bytes", {"65536"}},
  };
  return table;
}

/// What can move no metric, and why. A documented cost or time has no place here.
const std::map<std::string, std::string>& exemptions() {
  static const std::map<std::string, std::string> table = {
      {"soc.internal_regs_base", "where registers stand, not how fast they are"},
      {"soc.cesa.regs_offset", "where registers stand"},
      {"soc.cesa.sram_base0", "where the SRAM stands"},
      {"soc.cesa.sram_base1", "where the SRAM stands"},
      {"soc.ring.regs_offset", "where registers stand"},
      {"soc.cesa.irq1", "which line: of their order only the disk's against irq0 matters here"},
      {"soc.ring.irq_first", "which line"},
      {"soc.cesa.tdma", "a driver that needs what is not built is refused"},
      {"soc.cesa.sha256", "nothing here hashes in the unit: dm-crypt only ciphers"},
      {"soc.cesa.md5_block_cycles", "dm-crypt only ciphers"},
      {"soc.cesa.sha1_block_cycles", "dm-crypt only ciphers"},
      {"soc.cesa.sha256_block_cycles", "dm-crypt only ciphers"},
      {"soc.cesa.buffers_partial_block", "of MAC fragments: dm-crypt only ciphers"},
      {"soc.cesa.channels", "no driver uses the second one"},
      {"soc.cesa.outstanding_modes", "no driver sets those bits"},
      {"soc.cesa.sram_read_cycles",
       "of a core's own access; the kernel charges io_read_word for a word of memcpy_fromio"},
      {"soc.cesa.sram_write_cycles",
       "of a core's own access; the kernel charges io_write_word for a word of memcpy_toio"},
      {"soc.ring.list_prefetch", "cesa_ring's requests are contiguous, it builds no lists"},
      {"soc.ring.list_max", "cesa_ring's requests are contiguous, it builds no lists"},
      {"kernel.block", "a preset's: the other block layer needs values of its own"},
      {"disk.kind", "a preset's: the other kind needs values of its own"},
      {"dmcrypt.iv_offset", "other data, the same work"},
      {"dmcrypt.iv_large_sectors", "other data, the same work"},
      {"workload.skip_bad_lines", "of traces with bad lines"},
      {"workload.format", "of traces whose first lines do not show it"},
      {"workload.arrivals", "of traces with issue events"},
      {"on_broken", "of the exit code"},
      {"workload.bench.direction", "the engine deciphers as fast, and so do the ARMv7 costs"},
  };
  return table;
}

// --- running ----------------------------------------------------------------------------------

Tree tree_of(const std::string& name) {
  for (const NamedScenario& s : scenarios()) {
    if (name != s.name) continue;
    // Later lines win, so that a scenario may add to what it starts from.
    Tree tree;
    const bool bench = s.text.find("workload.bench") != std::string::npos;
    std::istringstream lines(s.text + (bench ? "" : "workload.trace: t.csv\n"));
    for (std::string line; std::getline(lines, line);) {
      Tree one = parse_yaml(line + "\n", name, Layer::scenario);
      expand_dotted(one);
      if (tree.kind == Tree::Kind::empty) {
        tree = one;
      } else {
        merge(tree, one);
      }
    }
    return tree;
  }
  throw std::invalid_argument("no scenario " + name);
}

const Library& library() {
  static const Library shipped(std::filesystem::current_path());
  return shipped;
}

PointResult run_with_trace(Scenario s) {
  static const SmallTrace trace;
  s.workload.trace_file = trace.file.string();
  return test::run(s);
}

struct Baseline {
  Tree tree;  // resolved
  PointResult result;
};

const Baseline& baseline(const std::string& name) {
  static std::map<std::string, Baseline> cache;
  const auto found = cache.find(name);
  if (found != cache.end()) return found->second;
  Baseline b;
  b.tree = tree_of(name);
  const Scenario s = resolve_scenario(b.tree, library(), false);
  b.result = run_with_trace(s);
  return cache.emplace(name, std::move(b)).first->second;
}

/// The first metric that differs, or "". A change that only breaks the machine proves nothing.
std::string moved(const PointResult& before, const PointResult& after, bool may_break) {
  if (after.status == Status::failed) return "";
  if (after.status == Status::broken && before.status == Status::ok && !may_break) return "";
  for (const auto& [name, value] : before.metrics) {
    if (name == "host_seconds") continue;
    const std::optional<double> now = find_value(after.metrics, name);
    if (now && *now != value) return name;
  }
  return "";
}

/// What shows by breaking: a limit; chains in a driver that takes one result an interrupt; slots
/// that run out, after which cesa_hal without a watchdog leaves requests of the historical paths.
bool may_break(const std::string& path) {
  return path == "soc.cesa.chain_limit" || path == "ocf.drivers.cesa_hal.chain" ||
         path == "ocf.drivers.cesa_hal.kirkwood_slots";
}

std::string number_text(double value) { return Json(value).dump(); }

std::vector<std::string> values_for(const ParameterInfo& info, const std::string& path,
                                    const std::string& now) {
  std::vector<std::string> out;
  if (const auto chosen = chosen_values().find(path); chosen != chosen_values().end()) {
    out = chosen->second;
  }
  if (info.type == "flag") return {now == "true" ? "false" : "true"};
  if (info.type == "choice") {
    std::istringstream words(info.valid.substr(0, info.valid.find(';')));
    for (std::string word; std::getline(words, word, ',');) {
      word.erase(0, word.find_first_not_of(' '));
      if (word != now) out.push_back(word);
    }
    return out;
  }
  const double value =
      now.rfind("0x", 0) == 0 ? static_cast<double>(std::stoull(now, nullptr, 16)) : std::stod(now);
  const auto add = [&](double v) {
    v = std::clamp(v, info.min, info.max);
    if (info.type == "count") v = std::floor(v);
    if (v == value || (info.type == "count" && v >= 0x1p63)) return;
    const std::string text =
        info.type == "count" ? std::to_string(static_cast<std::uint64_t>(v)) : number_text(v);
    if (std::find(out.begin(), out.end(), text) == out.end()) out.push_back(text);
  };
  if (value == 0) {
    add(1);
    add(100);
  } else {
    add(value * 1.5);
    add(value / 2);
    add(value + 1);
    add(value * 8);
  }
  add(info.min);
  return out;
}

std::vector<std::string> order_for(const std::string& path) {
  std::vector<std::string> out;
  std::size_t longest = 0;
  for (const auto& [prefix, names] : first_choices()) {
    if (path.rfind(prefix, 0) != 0 || prefix.size() < longest) continue;
    longest = prefix.size();
    out = names;
  }
  for (const NamedScenario& s : scenarios()) {
    if (std::find(out.begin(), out.end(), s.name) == out.end()) out.emplace_back(s.name);
  }
  return out;
}

/// Where the change showed, in words; "" if nowhere. Scenarios are tried in order of likelihood.
std::string find_effect(const ParameterInfo& info, std::size_t scenarios_tried,
                        std::size_t values) {
  std::string path = info.path;
  if (path.rfind("faults.NAME.", 0) == 0) path.replace(7, 4, "f");
  for (const std::string& name : order_for(path)) {
    const Baseline& before = baseline(name);
    const Tree* const now = before.tree.find_path(path);
    if (scenarios_tried-- == 0) break;
    if (now == nullptr) continue;  // of another kind of disk, or no faults here
    std::size_t tried = 0;
    for (const std::string& value : values_for(info, path, now->text)) {
      if (tried == values) break;
      Scenario s;
      try {
        Tree tree = tree_of(name);
        set_path(tree, path, Tree::scalar(value, {}, Layer::command_line));
        s = resolve_scenario(tree, library(), false);
      } catch (const ConfigError&) {
        continue;  // not here
      }
      ++tried;
      const std::string metric = moved(before.result, run_with_trace(s), may_break(path));
      if (!metric.empty()) {
        return name + ": " + path + " from " + now->text + " to " + value + " moves " + metric;
      }
    }
  }
  return "";
}

std::vector<ParameterInfo> walked() {
  std::vector<ParameterInfo> out;
  for (const ParameterInfo& info : list_parameters()) {
    if (info.type != "text" && info.type != "preset") out.push_back(info);
  }
  return out;
}

class EveryParameter : public testing::TestWithParam<ParameterInfo> {};

TEST_P(EveryParameter, MovesAMetricOrIsExempt) {
  const ParameterInfo& info = GetParam();
  const auto exempt = exemptions().find(info.path);
  if (exempt == exemptions().end()) {
    const std::string effect = find_effect(info, scenarios().size(), 4);
    EXPECT_NE(effect, "") << info.path << " (" << info.doc << ") moves no metric anywhere";
    RecordProperty("effect", effect);
  } else {
    EXPECT_EQ(find_effect(info, 5, 1), "") << info.path << " is exempt: " << exempt->second;
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryParameter, testing::ValuesIn(walked()), [](const auto& info) {
  std::string name = info.param.path;
  for (char& c : name) {
    if (c == '.' || c == '-') c = '_';
  }
  return name;
});

TEST(EveryParameterTable, NamesWhatExists) {
  std::set<std::string> known;
  for (const ParameterInfo& info : walked()) {
    EXPECT_TRUE(known.insert(info.path).second) << info.path;
  }
  for (const auto& [path, reason] : exemptions()) {
    EXPECT_EQ(known.count(path), 1u) << path;
    EXPECT_FALSE(reason.empty()) << path;
  }
  for (const auto& [path, values] : chosen_values()) {
    std::string listed = path;
    if (listed.rfind("faults.f.", 0) == 0) listed.replace(7, 1, "NAME");
    EXPECT_EQ(known.count(listed), 1u) << path;
  }
  std::set<std::string> drivers, paths;
  for (const NamedScenario& s : scenarios()) {
    SCOPED_TRACE(s.name);
    Tree tree = tree_of(s.name);
    Scenario resolved;
    ASSERT_NO_THROW(resolved = resolve_scenario(tree, library(), false));
    drivers.insert(resolved.ocf.driver);
    paths.insert(resolved.dmcrypt.path);
    // What is compared is a run to its end.
    const PointResult& p = baseline(s.name).result;
    EXPECT_FALSE(p.metrics.empty()) << p.error;
    // Without a watchdog a lost interrupt is for good; and cesa_hal, which has none, stops for
    // good when its slots have run out while it coalesces interrupts.
    if (std::string(s.name) != "tdma_lost" && std::string(s.name) != "hal_armada") {
      EXPECT_EQ(p.status, Status::ok) << p.error;
    }
  }
  for (const Named& driver : driver_list())
    EXPECT_EQ(drivers.count(driver.name), 1u) << driver.name;
  for (const Named& path : path_list()) EXPECT_EQ(paths.count(path.name), 1u) << path.name;
}

}  // namespace
}  // namespace cesasim
