// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "scenario/scenario.h"

namespace fs = std::filesystem;

namespace cesasim::study::test {
namespace {

/// Writes a parameter struct as the values of a preset: 1, or what the range allows next to it.
class PresetWriter : public hw::ParamVisitor {
 public:
  explicit PresetWriter(std::map<std::string, std::string> values) : values_(std::move(values)) {}

  void number(const char* name, double&, const char* unit, double min, double max,
              const char*) override {
    leaf(name, fmt::format("{}", std::clamp(1.0, min, max)), unit);
  }
  void count(const char* name, std::uint32_t&, const char* unit, std::uint32_t min,
             std::uint32_t max, const char*) override {
    leaf(name, std::to_string(std::clamp(1u, min, max)), unit);
  }
  void flag(const char* name, bool&, const char*) override {
    if (values_.count(name) != 0) text += pad_ + fmt::format("{}: {}\n", name, values_[name]);
  }
  void choice(const char*, std::string&, const std::vector<std::string>&, const char*) override {}
  void begin_group(const char* name, const char*) override {
    text += pad_ + name + ":\n";
    pad_ += "  ";
  }
  void end_group() override { pad_.resize(pad_.size() - 2); }

  std::string text;

 private:
  void leaf(const char* name, const std::string& value, const char* unit) {
    const auto given = values_.find(name);
    text += pad_ + fmt::format("{}: {{value: {}, unit: {}, mark: assumed, source: \"a test\"}}\n",
                               name, given == values_.end() ? value : given->second, unit);
  }
  std::map<std::string, std::string> values_;
  std::string pad_ = "  ";
};

template <class T>
std::string values_of(T params, std::map<std::string, std::string> values = {}) {
  PresetWriter writer(std::move(values));
  params.describe(writer);
  return writer.text;
}

std::string head(const char* kind, const char* name) {
  return fmt::format("preset: {{kind: {}, name: {}, doc: a test}}\nvalues:\n", kind, name);
}

struct SocGroups {
  hw::CpuParams cpu;
  hw::DramParams dram;
  hw::MbusParams mbus;
  void describe(hw::ParamVisitor& v) {
    std::uint32_t unused = 0;
    v.count("cores", unused, "cores", 1, 8, "");
    v.count("internal_regs_base", unused, "address", 0, 0xFFFFFFFF, "");
    v.count("disk_irq", unused, "line", 0, 10, "");
    v.group("cpu", cpu, "");
    v.group("dram", dram, "");
    v.group("mbus", mbus, "");
  }
};

struct UserGroups {
  traces::PhaseCost costs;
  void describe(hw::ParamVisitor& v) {
    v.group("default", costs, "");
    v.group("mkfs", costs, "");
  }
};

}  // namespace

fs::path fresh_folder(const std::string& name) {
  const char* base = std::getenv("TEST_TMPDIR");
  std::string pattern = fmt::format("{}/{}.XXXXXX", base != nullptr ? base : "/tmp", name);
  return fs::path(::mkdtemp(pattern.data()));
}

void write_file(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

std::string read_file(const fs::path& file) {
  std::ostringstream out;
  out << std::ifstream(file, std::ios::binary).rdbuf();
  return out.str();
}

Home::Home() : path_(fresh_folder("home")) {
  const std::string soc =
      values_of(SocGroups(), {{"disk_irq", "7"}, {"internal_regs_base", "0xF1000000"}}) +
      "  costs: test-costs\n  ring: test-ring\n";
  write_file(preset("soc", "test-soc"), head("soc", "test-soc") + soc + "  cesa: test-cesa\n");
  write_file(preset("soc", "no-tdma"), head("soc", "no-tdma") + soc + "  cesa: plain-cesa\n");
  write_file(preset("cesa", "test-cesa"),
             head("cesa", "test-cesa") + values_of(hw::CesaParams(), {{"tdma", "true"},
                                                                      {"sram_base0", "0xF5000000"},
                                                                      {"sram_base1", "0"},
                                                                      {"irq1", "2"}}));
  write_file(preset("cesa", "plain-cesa"),
             head("cesa", "plain-cesa") + values_of(hw::CesaParams(), {{"tdma", "false"},
                                                                       {"sram_base0", "0xF5000000"},
                                                                       {"sram_base1", "0"},
                                                                       {"irq1", "2"}}));
  write_file(preset("ring", "test-ring"),
             head("ring", "test-ring") + values_of(hw::RingParams(), {{"regs_offset", "0xC0000"},
                                                                      {"irq_first", "80"},
                                                                      {"burst_bytes", "128"},
                                                                      {"sram_bytes", "2048"}}));
  write_file(preset("drivers", "default"),
             head("drivers", "default") + values_of(driver::DriverSettings()));
  write_file(preset("disk", "test-disk"),
             head("disk", "test-disk") + values_of(hw::DiskParams(), {{"rpm", "7200"}}));
  write_file(preset("costs", "test-costs"), head("costs", "test-costs") + values_of(Costs()));
  for (const char* kernel : {"linux-2.6.12", "linux-6.1"}) {
    write_file(preset("kernel", kernel),
               head("kernel", kernel) + values_of(kernel::KernelSettings()));
  }
  write_file(preset("user", "linux-2.6-arm9"),
             head("user", "linux-2.6-arm9") + values_of(UserGroups()));
  write_file(path_ / "traces" / "a.csv",
             "time_ns,op,sector,bytes,pid,phase,flags,done_ns\n0,W,0,4096,1,all,,1\n");
  write_file(path_ / "traces" / "b.csv",
             "time_ns,op,sector,bytes,pid,phase,flags,done_ns\n0,W,0,4096,1,all,,1\n");
}

std::string good_study() {
  return R"(name: test
scenario:
  soc: test-soc
  disk: test-disk
  dmcrypt: {path: standard, cipher: aes-cbc-plain, key: "seed:1", key_bits: 128}
  ocf: {policy: "2005", driver: cryptosoft}
  workload: {trace: traces/a.csv, depth: {read: 2, write: 32}}
axes:
  workload.trace: [traces/a.csv, traces/b.csv]
  dmcrypt.path: [standard, ocf-v1, ocf-v3]
  ocf.driver: [cryptosoft, cesa_tdma]
exclude: [{dmcrypt.path: standard, ocf.driver: cesa_tdma}]
baseline: {dmcrypt.path: standard, ocf.driver: cryptosoft}
expect:
  - {name: it costs, where: {workload.trace: traces/a.csv, dmcrypt.path: ocf-v1}, metric: sim_seconds, relative_to: baseline, min: 1.0}
)";
}

}  // namespace cesasim::study::test
