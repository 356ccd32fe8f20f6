// The shipped ring presets name every parameter once, in its unit, within its bounds, with a
// source; and where the CESA preset of the same name has the figure too, it is the same.
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <set>
#include <string>

#include "hw_model/ring/params.h"

namespace cesasim::hw {
namespace {

class FromYaml : public ParamVisitor {
 public:
  explicit FromYaml(YAML::Node values) : values_(std::move(values)) {}

  void number(const char* name, double& value, const char* unit, double min, double max,
              const char*) override {
    value = entry(name, unit)["value"].as<double>();
    EXPECT_GE(value, min) << name;
    EXPECT_LE(value, max) << name;
  }
  void count(const char* name, std::uint32_t& value, const char* unit, std::uint32_t min,
             std::uint32_t max, const char*) override {
    value = entry(name, unit)["value"].as<std::uint32_t>();
    EXPECT_GE(value, min) << name;
    EXPECT_LE(value, max) << name;
  }
  void flag(const char* name, bool&, const char*) override { ADD_FAILURE() << name; }
  void choice(const char* name, std::string&, const std::vector<std::string>&,
              const char*) override {
    ADD_FAILURE() << name;
  }
  void begin_group(const char* name, const char*) override { ADD_FAILURE() << name; }
  void end_group() override {}

  std::set<std::string> seen;

 private:
  YAML::Node entry(const char* name, const char* unit) {
    seen.insert(name);
    const YAML::Node e = values_[name];
    EXPECT_TRUE(e.IsDefined()) << name << " is missing";
    if (!e.IsDefined()) return YAML::Load("{value: 1}");
    EXPECT_EQ(e["unit"].as<std::string>(""), unit) << name;
    static const std::set<std::string> kMarks = {"measured", "spec", "derived", "assumed"};
    EXPECT_TRUE(kMarks.count(e["mark"].as<std::string>(""))) << name;
    EXPECT_FALSE(e["source"].as<std::string>("").empty()) << name;
    return e;
  }
  YAML::Node values_;
};

// Ring parameter and the CESA's for the same thing.
const std::map<std::string, std::string> kSame = {
    {"sram_bytes", "sram_bytes"},
    {"clock_hz", "clock_hz"},
    {"engine_clock_hz", "engine_clock_hz"},
    {"doorbell_cycles", "chain_start_cycles"},
    {"descriptor_fetch_cycles", "descriptor_fetch_cycles"},
    {"beat_cycles", "beat_cycles"},
    {"read_burst_cycles", "read_burst_cycles"},
    {"write_burst_cycles", "write_burst_cycles"},
    {"cipher_start_cycles", "sa_start_cycles"},
    {"cipher_end_cycles", "sa_end_cycles"},
    {"aes128_block_cycles", "aes128_block_cycles"},
    {"aes192_block_cycles", "aes192_block_cycles"},
    {"aes256_block_cycles", "aes256_block_cycles"},
    {"des_block_cycles", "des_block_cycles"},
    {"des3_block_cycles", "des3_block_cycles"},
};

class RingPresets : public testing::TestWithParam<const char*> {};

TEST_P(RingPresets, GiveEveryParameter) {
  const YAML::Node file =
      YAML::LoadFile(std::string("studies/presets/ring/") + GetParam() + ".yaml");
  EXPECT_EQ(file["preset"]["kind"].as<std::string>(), "ring");
  EXPECT_EQ(file["preset"]["name"].as<std::string>(), GetParam());
  RingParams params;
  FromYaml visitor(file["values"]);
  params.describe(visitor);
  for (const auto& e : file["values"]) {
    EXPECT_TRUE(visitor.seen.count(e.first.as<std::string>())) << e.first << " is not known";
  }
  EXPECT_NO_THROW(params.check());
}

TEST_P(RingPresets, HaveTheFiguresOfTheCesaOfTheSameSoc) {
  const YAML::Node ring =
      YAML::LoadFile(std::string("studies/presets/ring/") + GetParam() + ".yaml")["values"];
  const YAML::Node cesa =
      YAML::LoadFile(std::string("studies/presets/cesa/") + GetParam() + ".yaml")["values"];
  unsigned compared = 0;
  for (const auto& [mine, theirs] : kSame) {
    if (!cesa[theirs].IsDefined()) continue;  // CESA presets learn of DES one day
    EXPECT_EQ(ring[mine]["value"].as<double>(), cesa[theirs]["value"].as<double>()) << mine;
    ++compared;
  }
  EXPECT_GE(compared, 13u);
  EXPECT_EQ(ring["engines"]["value"].as<unsigned>(), cesa["engines"]["value"].as<unsigned>());
}
INSTANTIATE_TEST_SUITE_P(Shipped, RingPresets,
                         testing::Values("kirkwood", "armada-370", "armada-38x"));

}  // namespace
}  // namespace cesasim::hw
