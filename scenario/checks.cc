// SPDX-License-Identifier: Apache-2.0
#include "scenario/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>

#include "base/text/hex.h"
#include "dmcrypt_model/path_info.h"
#include "driver/driver_info.h"
#include "hw_model/disk/disk_timing.h"
#include "hw_model/soc/map.h"
#include "scenario/crypt_table.h"
#include "scenario/names.h"

namespace cesasim {
namespace {

Position where(const Tree& tree, const char* path) {
  const Tree* node = tree.find_path(path);
  return node != nullptr ? node->at : tree.at;
}

/// Throws the ConfigError of a key, at its place in `tree`.
struct Refusal {
  const Tree& tree;
  [[noreturn]] void operator()(const std::string& key, const std::string& problem,
                               const std::string& valid) const {
    throw ConfigError(where(tree, key.c_str()), key, problem, valid);
  }
};

Layer layer_of(const Tree& tree, const std::string& path) {
  const Tree* node = tree.find_path(path);
  return node != nullptr ? node->layer : Layer::standard;
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

bool is_table_key(const std::string& name) {
  return std::ranges::find(kTableKeys, name) != std::end(kTableKeys);
}

/// An error of dm-crypt's own parsers, with a place.
ConfigError placed(const Tree& tree, const std::string& key,
                   const dmcrypt::CipherSpecError& error) {
  return ConfigError(where(tree, key.c_str()), key, error.problem(), error.valid());
}

/// The key of the scenario that holds the field at fault.
std::string key_of_field(const DmCryptSettings& s, const std::string& field) {
  for (const char* setting : {"placement", "max_read_size", "max_write_size", "max_in_flight"}) {
    if (field == setting) return "dmcrypt." + field;
  }
  if (s.table != kNoTable) return "dmcrypt.table";
  // The digits agree with key_bits (check_key): what does not suit the cipher is their number.
  if (field == "key") return "dmcrypt.key_bits";
  return is_table_key(field) ? "dmcrypt." + field : "dmcrypt.cipher";
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
  std::erase_if(node->members, [](const auto& member) { return is_table_key(member.first); });
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

void check_tdma(const Tree& tree, const Scenario& s) {
  const driver::DriverInfo& driver = driver::driver_info(s.ocf.driver);
  if (!driver.tdma || s.soc.cesa.tdma) return;
  throw ConfigError(
      where(tree, "ocf.driver"), "ocf.driver",
      fmt::format("the crypto unit of '{}' has no TDMA, which {} needs", s.soc.preset, driver.name),
      "cryptosoft, or a SoC whose unit has TDMA");
}

/// Whether the path can do that with this driver on this SoC.
ConfigError no_crypto_unit(const Tree& tree, const Scenario& s) {
  return ConfigError(where(tree, "ocf.driver"), "ocf.driver",
                     fmt::format("'{}' would never be called: soc '{}' has no crypto unit",
                                 s.ocf.driver, s.soc.preset),
                     "cryptosoft, or a SoC with a unit");
}

void check_crypto(const Tree& tree, const Scenario& s) {
  const driver::DriverInfo& driver = driver::driver_info(s.ocf.driver);
  const auto refuse_driver = [&](const std::string& problem, const std::string& valid) {
    Refusal{tree}("ocf.driver", problem, valid);
  };
  if (driver.hardware && s.soc.cesa_preset == "none") throw no_crypto_unit(tree, s);
  const bool none = s.dmcrypt.path == dmcrypt::kNoCrypt;
  if (driver.hardware && (none || s.dmcrypt.path == "standard")) {
    std::string paths;
    for (const dmcrypt::PathInfo& p : dmcrypt::crypt_paths()) {
      if (std::string(p.name) == "standard" || std::string(p.name) == dmcrypt::kNoCrypt) continue;
      paths += (paths.empty() ? "" : ", ") + std::string(p.name);
    }
    refuse_driver(
        fmt::format("'{}' would never be called: {}", driver.name,
                    none ? "path none encrypts nothing" : "standard dm-crypt does not use OCF"),
        "cryptosoft, or dmcrypt.path " + paths);
  }
  check_tdma(tree, s);
  if (s.dmcrypt.path == "ocf-lsp" && !driver.hardware) {
    refuse_driver(
        "'cryptosoft' ends its requests inside crypto_dispatch, and ocf-lsp's callback then waits "
        "for the lock that its dispatch holds",
        "a driver of hardware");
  }
  try {
    const dmcrypt::CryptTable table = crypt_table(s.dmcrypt, s.disk.sectors());
    if (driver.hardware && !driver::has_mode(driver, table.cipher.chainmode)) {
      refuse_driver(fmt::format("'{}' would never be called: it has no {}", driver.name,
                                table.cipher.chainmode),
                    "cryptosoft, or a cipher in CBC");
    }
    const dmcrypt::PathSettings settings = {s.dmcrypt.placement, s.dmcrypt.max_read_size,
                                            s.dmcrypt.max_write_size, s.dmcrypt.max_in_flight};
    dmcrypt::check_path(s.dmcrypt.path, table, settings, driver.out_of_place);
  } catch (const dmcrypt::CipherSpecError& error) {
    throw placed(tree, key_of_field(s.dmcrypt, error.field()), error);
  }
}

/// As check_crypto, for a benchmark: it goes through the kernel's cipher API.
void check_bench(const Tree& tree, const Scenario& s) {
  const BenchSettings& b = s.workload.bench;
  const Refusal refuse{tree};
  if (s.workload.trace != WorkloadSettings::kNoTrace) {
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
  if (s.soc.cesa_preset == "none") throw no_crypto_unit(tree, s);
  if (b.api.user_space) {
    refuse("ocf.driver",
           fmt::format("'{}' would never be called: api '{}' does not call the kernel", driver.name,
                       b.api_preset),
           "cryptosoft, or another api");
  }
  if (!driver::has_mode(driver, a.mode)) {
    refuse("ocf.driver",
           fmt::format("'{}' would never be called: it has no {}", driver.name, a.mode),
           "cryptosoft, or an algorithm in CBC");
  }
  check_tdma(tree, s);
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
  const Refusal refuse{tree};
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

}  // namespace

void check_no_crypt(Tree& tree, DmCryptSettings& s) {
  // A table says where on the disk the mapping lies.
  const auto means_something = [&s](const std::string& key) {
    return key == "path" || (key == "table" && s.table != kNoTable);
  };
  Tree* node = tree.find("dmcrypt");
  const Layer chosen = node->find("path")->layer;
  for (const auto& [key, member] : node->members) {
    if (means_something(key) || member.layer == Layer::standard || member.layer < chosen) continue;
    throw ConfigError(member.at, "dmcrypt." + key,
                      "means nothing with dmcrypt.path none, which encrypts nothing",
                      "dmcrypt.path alone, or another path");
  }
  std::erase_if(node->members, [&](const auto& m) { return !means_something(m.first); });
  DmCryptSettings kept;
  kept.path = s.path;
  kept.table = s.table;
  s = kept;
}

void check_scenario(Tree& tree, const Scenario& s) {
  check_soc(tree, s.soc);
  try {
    hw::DiskTiming::create(s.disk);
  } catch (const std::invalid_argument& error) {
    throw ConfigError(where(tree, "disk"), "disk", error.what(), "values that agree");
  }
  check_table(tree, s.dmcrypt, s.disk.sectors());
  if (s.dmcrypt.table == kNoTable && s.dmcrypt.path != dmcrypt::kNoCrypt) {
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

}  // namespace cesasim
