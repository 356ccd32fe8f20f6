// SPDX-License-Identifier: Apache-2.0
// The shipped ring presets name every parameter once, in its unit, within its bounds, with a
// source; and where the CESA preset of the same name has the figure too, it is the same.
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <string>

#include "hw_model/ring/params.h"
#include "tests/hw_model/ring/preset_values.h"

namespace cesasim::hw {
namespace {

using test::FromYaml;

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
                         testing::Values("kirkwood", "armada-370", "armada-38x", "armada-375",
                                         "armada-xp", "dove", "orion-5x"));

}  // namespace
}  // namespace cesasim::hw
