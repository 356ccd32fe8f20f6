#include "study/config/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "dmcrypt_model/cipher_spec.h"
#include "study/config/nearest.h"
#include "study/config/tree_reader.h"

namespace cesasim::study {
namespace {

std::vector<std::string> names(const std::vector<Named>& table) {
  std::vector<std::string> out;
  for (const Named& entry : table) out.push_back(entry.name);
  return out;
}

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
  v.reference("costs", "costs", soc.costs_preset, soc.costs, "what software costs on it");
  v.end_group();
}

void describe_dmcrypt(ScenarioVisitor& v, DmCryptSettings& s) {
  v.begin_group("dmcrypt", "the dm-crypt target");
  v.choice("path", s.path, names(crypt_paths()), "data path of dm-crypt");
  v.text("cipher", s.cipher, "aes-cbc-plain, aes-cbc-essiv:HASH",
         "cipher, mode and IV generator as dm-crypt writes them");
  v.text("key", s.key, "seed:N, or key_bits / 4 hexadecimal digits", "volume key");
  v.optional_count("key_bits", s.key_bits, "bits", 64, 512, "length of the key");
  v.optional_count("iv_offset", s.iv_offset, "sectors", 0, 0xFFFFFFFF,
                   "added to the sector number for the IV");
  v.choice("placement", s.placement, {"in-place", "out-of-place"},
           "where a path that has the choice puts the result");
  v.end_group();
}

void describe_workload(ScenarioVisitor& v, WorkloadSettings& w) {
  v.begin_group("workload", "what is asked of the device");
  v.text("trace", w.trace, "the path of a trace file", "block trace to replay");
  v.text("device", w.device, "major,minor, or any",
         "blkparse text of several devices: the one to take");
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
  v.reference("kernel", "kernel", s.kernel_preset, s.kernel, "settings of the kernel");
  describe_dmcrypt(v, s.dmcrypt);
  v.begin_group("ocf", "the OpenBSD cryptographic framework");
  v.choice("policy", s.ocf.policy, {"2005", "2010"}, "dispatch policy, by year of the code");
  v.choice("driver", s.ocf.driver, names(crypto_drivers()), "driver that serves the session");
  v.end_group();
  describe_workload(v, s.workload);
  v.choice("fidelity", s.fidelity, {"descriptor", "burst"}, "grain of the hardware's timing");
  v.optional_count("seed", s.seed, "number", 0, 0xFFFFFFFF, "of everything random");
}

void Costs::describe(hw::ParamVisitor& v) {
  v.group("kernel", kernel, "kernel primitives");
  v.group("ocf", ocf, "OCF core");
  v.group("driver", driver, "OCF drivers");
  v.group("dmcrypt", dmcrypt, "device-mapper and dm-crypt");
  v.group("cipher", cipher, "ciphers in software");
}

void UserCosts::describe(hw::ParamVisitor& v) {
  v.number("user_cycles_per_byte", user_cycles_per_byte, "cycles/byte", 0, 100000,
           "application, per byte read or written");
  v.number("user_cycles_per_bio", user_cycles_per_bio, "cycles", 0, 1e9, "application, per bio");
  v.number("fs_cycles_per_byte", fs_cycles_per_byte, "cycles/byte", 0, 100000,
           "system call, page cache and file system, per byte");
  v.number("fs_cycles_per_bio", fs_cycles_per_bio, "cycles", 0, 1e9,
           "system call, page cache and file system, per bio");
}

const UserCosts& WorkloadSettings::user_costs(const std::string& phase) const {
  const auto found = user.find(phase);
  return found != user.end() ? found->second : user.at("default");
}

const std::vector<Named>& crypt_paths() {
  static const std::vector<Named> table = {
      {"standard",
       "dm-crypt of Linux 2.6.12: writes are encrypted in the submitter, reads "
       "decrypted by kcryptd, one sector after the other"},
      {"ocf-v1",
       "first OCF patch: every sector is a request; writer and kcryptd wait for all of "
       "theirs"},
      {"ocf-v3",
       "third OCF patch: reads do not wait, the last sector's callback ends the bio; "
       "a writer waits for its own clone"},
  };
  return table;
}

const std::vector<Named>& crypto_drivers() {
  static const std::vector<Named> table = {
      {"cryptosoft", "OCF's software driver: the cipher runs on the core"},
      {"cesa_tdma", "the crypto unit fed by its own DMA descriptor chains"},
  };
  return table;
}

// --- checks that concern more than one key ---------------------------------------------------

namespace {

Position where(const Tree& tree, const char* path) {
  const Tree* node = tree.find_path(path);
  return node != nullptr ? node->at : tree.at;
}

/// dm-crypt's own parser decides; here its answer gets a place and the key's length a check.
void check_cipher(const Tree& tree, const Scenario& s) {
  try {
    dmcrypt::CipherSpec::parse(s.dmcrypt.cipher);
  } catch (const dmcrypt::CipherSpecError& error) {
    const std::string text = error.what();
    const std::string mark = "; valid: ";
    const std::size_t cut = text.find(mark);
    throw ConfigError(where(tree, "dmcrypt.cipher"), "dmcrypt.cipher", text.substr(0, cut),
                      cut == std::string::npos ? "" : text.substr(cut + mark.size()));
  }
  const std::uint32_t bits = s.dmcrypt.key_bits;
  if (bits != 128 && bits != 192 && bits != 256) {
    throw ConfigError(where(tree, "dmcrypt.key_bits"), "dmcrypt.key_bits",
                      fmt::format("AES has no {}-bit key", bits), "128, 192, 256");
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

/// What the parts of a SoC ask of each other.
void check_soc(const Tree& tree, const SocParams& soc) {
  try {
    soc.cesa.check();
  } catch (const std::invalid_argument& error) {
    throw ConfigError(where(tree, "soc.cesa"), "soc.cesa", error.what(),
                      "sizes and addresses as in the shipped presets");
  }
  // The drivers keep 128 bytes for descriptor, key and IV, and cipher whole blocks.
  constexpr std::uint32_t kLeast = 128 + 16;
  if (soc.cesa.sram_bytes < soc.cesa.sram_reserved_bytes + kLeast) {
    throw ConfigError(where(tree, "soc.cesa.sram_bytes"), "soc.cesa.sram_bytes",
                      fmt::format("{} bytes less {} reserved leave no room for data",
                                  soc.cesa.sram_bytes, soc.cesa.sram_reserved_bytes),
                      fmt::format("at least {} more than sram_reserved_bytes", kLeast));
  }
  struct Window {
    std::string key;
    std::uint64_t base, size;
  };
  std::vector<Window> windows = {
      {"soc.dram.size_mib", 0, std::uint64_t{soc.dram.size_mib} << 20},
      {"soc.internal_regs_base", std::uint64_t{soc.internal_regs_base} + soc.cesa.regs_offset,
       0x10000},
  };
  for (unsigned i = 0; i < soc.cesa.engines; ++i) {
    windows.push_back(
        {fmt::format("soc.cesa.sram_base{}", i), soc.cesa.sram_base(i), soc.cesa.sram_bytes});
  }
  for (std::size_t i = 0; i < windows.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const Window& a = windows[i];
      const Window& b = windows[j];
      if (a.base < b.base + b.size && b.base < a.base + a.size) {
        throw ConfigError(
            where(tree, a.key.c_str()), a.key,
            fmt::format("the address window {:#x}..{:#x} overlaps that of {}, "
                        "{:#x}..{:#x}",
                        a.base, a.base + a.size - 1, b.key, b.base, b.base + b.size - 1),
            "windows that do not overlap");
      }
    }
  }
}

void check_scenario(const Tree& tree, const Scenario& s) {
  if (s.dmcrypt.placement != "in-place") {
    throw ConfigError(where(tree, "dmcrypt.placement"), "dmcrypt.placement",
                      fmt::format("no path built so far can work out of place (OCF is in-place)"),
                      "in-place");
  }
  check_cipher(tree, s);
  check_key(tree, s.dmcrypt);
  check_soc(tree, s.soc);
  try {
    hw::DiskTiming::create(s.disk);
  } catch (const std::invalid_argument& error) {
    throw ConfigError(where(tree, "disk"), "disk", error.what(), "values that agree");
  }
  if (s.ocf.driver == "cesa_tdma") {
    if (s.dmcrypt.path == "standard") {
      throw ConfigError(where(tree, "ocf.driver"), "ocf.driver",
                        "'cesa_tdma' would never be called: standard dm-crypt does not use OCF",
                        "cryptosoft, or dmcrypt.path ocf-v1 or ocf-v3");
    }
    if (!s.soc.cesa.tdma) {
      throw ConfigError(
          where(tree, "ocf.driver"), "ocf.driver",
          fmt::format("the crypto unit of '{}' has no TDMA, which cesa_tdma needs", s.soc.preset),
          "cryptosoft, or a SoC whose unit has TDMA");
    }
  }
  if (s.workload.max_bio_bytes % 512 != 0) {
    throw ConfigError(where(tree, "workload.max_bio_bytes"), "workload.max_bio_bytes",
                      fmt::format("{} is not a multiple of 512", s.workload.max_bio_bytes),
                      "whole sectors");
  }
  if (s.soc.cesa.engines > 1 && s.soc.cesa.sram_base1 == 0) {
    throw ConfigError(
        where(tree, "soc.cesa.engines"), "soc.cesa.engines",
        fmt::format("{} engines, but no address of the second SRAM", s.soc.cesa.engines),
        "soc.cesa.sram_base1 and soc.cesa.irq1 set too");
  }
  for (unsigned engine = 0; engine < s.soc.cesa.engines; ++engine) {
    if (s.soc.cesa.irq(engine) == s.soc.disk_irq) {
      throw ConfigError(where(tree, "soc.disk_irq"), "soc.disk_irq",
                        fmt::format("engine {} interrupts on line {} too", engine, s.soc.disk_irq),
                        "a line of its own");
    }
  }
}

// --- listing -----------------------------------------------------------------------------------

class ParameterLister : public ScenarioVisitor {
 public:
  void number(const char* name, double&, const char* unit, double min, double max,
              const char* doc) override {
    add(name, "number", unit, min, max, "", doc);
  }
  void count(const char* name, std::uint32_t&, const char* unit, std::uint32_t min,
             std::uint32_t max, const char* doc) override {
    add(name, "count", unit, min, max, "", doc);
  }
  void optional_count(const char* name, std::uint32_t& value, const char* unit, std::uint32_t min,
                      std::uint32_t max, const char* doc) override {
    add(name, "count", unit, min, max, fmt::format("default {}", value), doc);
  }
  void flag(const char* name, bool&, const char* doc) override {
    add(name, "flag", "", 0, 0, "true, false", doc);
  }
  void choice(const char* name, std::string& value, const std::vector<std::string>& choices,
              const char* doc) override {
    std::string valid = join_names(choices);
    if (!value.empty()) valid += "; default " + value;
    add(name, "choice", "", 0, 0, valid, doc);
  }
  void text(const char* name, std::string& value, const char* valid, const char* doc) override {
    std::string all = valid;
    if (!value.empty()) all += "; default " + value;
    add(name, "text", "", 0, 0, all, doc);
  }
  void begin_group(const char* name, const char*) override { path_.push_back(name); }
  void end_group() override { path_.pop_back(); }
  void begin_reference(const char* name, const char* kind, std::string& preset,
                       const char* doc) override {
    std::string valid = fmt::format("a {} preset, or the path of a preset file", kind);
    if (!preset.empty()) valid += "; default " + preset;
    add(name, "preset", "", 0, 0, valid, doc);
    path_.push_back(name);
  }
  std::vector<std::string> member_groups() override { return {}; }

  std::vector<ParameterInfo> found;

 private:
  void add(const char* name, const char* type, const char* unit, double min, double max,
           const std::string& valid, const char* doc) {
    std::string path;
    for (const std::string& part : path_) path += part + ".";
    path += name;
    for (const ParameterInfo& info : found) {
      if (info.path == path) return;
    }
    found.push_back({path, type, unit, min, max, valid, doc});
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
  if (check_files) {
    scenario.workload.trace_file =
        library.find_file(*tree.find_path("workload.trace"), "workload.trace").string();
  }
  return scenario;
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
  ParameterLister lister;
  describe_scenario(lister, scenario);
  // Some structs describe only the fields of the kind in use; list those of the others too.
  scenario.disk.kind = "flash";
  describe_scenario(lister, scenario);
  return lister.found;
}

}  // namespace cesasim::study
