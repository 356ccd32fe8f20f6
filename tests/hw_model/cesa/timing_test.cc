#include "hw_model/cesa/timing.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>

#include "hw_model/cesa/registers.h"

namespace cesasim::hw {
namespace {

constexpr Ps kTclk = 5000;  // 200 MHz
constexpr std::uint32_t k128 = 0x1904;
constexpr std::uint32_t k32 = 0x18C3;
constexpr std::uint32_t kOutstanding = 0x1914;

CesaParams params() {
  CesaParams p;
  p.chain_start_cycles = 7;
  p.descriptor_fetch_cycles = 5;
  p.read_burst_cycles = 15;
  p.write_burst_cycles = 3;
  p.sa_start_cycles = 32;
  p.sa_end_cycles = 4;
  p.sram_read_cycles = 2;
  p.sram_write_cycles = 1;
  return p;
}

TEST(Timing, FixedParts) {
  const CesaTiming t(params());
  EXPECT_EQ(t.chain_start(), 7 * kTclk);
  EXPECT_EQ(t.descriptor_fetch(), (5 + 2) * kTclk);
  EXPECT_EQ(t.sram_access(128, true), 64 * kTclk);
  EXPECT_EQ(t.sram_access(5, false), 2 * kTclk);
}

TEST(Timing, ReadBurstsWaitUnlessOutstanding) {
  const CesaTiming t(params());
  EXPECT_EQ(t.transfer({0x1000, 512, true}, k128), (64 + 3 * 15) * kTclk);
  EXPECT_EQ(t.transfer({0x1000, 512, true}, k32), (64 + 15 * 15) * kTclk);
  EXPECT_EQ(t.transfer({0x1000, 512, true}, kOutstanding), 64 * kTclk);
  EXPECT_EQ(t.transfer({0x1000, 512, true}, k128 | 3u << 16), 64 * kTclk);
}

TEST(Timing, WritesPayPerBurst) {
  const CesaTiming t(params());
  EXPECT_EQ(t.transfer({0x1000, 512, false}, k128), (64 + 4 * 3) * kTclk);
  EXPECT_EQ(t.transfer({0x1000, 512, false}, k32), (64 + 16 * 3) * kTclk);
}

TEST(Timing, UnalignedAddressesTouchMoreBeatsAndBursts) {
  const CesaTiming t(params());
  EXPECT_EQ(t.transfer({0x1004, 8, true}, k128), 2 * kTclk);
  EXPECT_EQ(t.transfer({0x107C, 8, true}, k128), (2 + 15) * kTclk);
  EXPECT_EQ(t.transfer({0x1040, 128, false}, k128), (16 + 2 * 3) * kTclk);
  EXPECT_EQ(t.transfer({0x1001, 1, true}, k128), 1 * kTclk);
  EXPECT_EQ(t.transfer({0x1000, 0, true}, k128), 0u);
}

TEST(Timing, AesByKeySize) {
  const CesaTiming t(params());
  EXPECT_EQ(t.aes(32, 16), (36 + 32 * 11) * kTclk);
  EXPECT_EQ(t.aes(32, 24), (36 + 32 * 13) * kTclk);
  EXPECT_EQ(t.aes(32, 32), (36 + 32 * 15) * kTclk);
}

TEST(Timing, EngineClockIsItsOwn) {
  CesaParams p = params();
  p.engine_clock_hz = 100e6;
  EXPECT_EQ(CesaTiming(p).aes(1, 16), (36 + 22) * kTclk);
}

/// Changes one number and remembers which names exist.
class Nudge : public ParamVisitor {
 public:
  explicit Nudge(std::string name) : name_(std::move(name)) {}
  void number(const char* name, double& value, const char* unit, double min, double max,
              const char* doc) override {
    EXPECT_STRNE(unit, "") << name;
    EXPECT_LT(min, max) << name;
    EXPECT_STRNE(doc, "") << name;
    names.push_back(name);
    if (name == name_) value = value * 1.5 + 1;
  }
  void count(const char*, std::uint32_t&, const char*, std::uint32_t, std::uint32_t,
             const char*) override {}
  void flag(const char*, bool&, const char*) override {}
  void choice(const char*, std::string&, const std::vector<std::string>&, const char*) override {}
  void begin_group(const char*, const char*) override {}
  void end_group() override {}
  std::vector<std::string> names;

 private:
  std::string name_;
};

TEST(Timing, EveryNumberMovesSomeDuration) {
  const auto durations = [](const CesaParams& p) {
    const CesaTiming t(p);
    return std::vector<Ps>{t.chain_start(),
                           t.descriptor_fetch(),
                           t.transfer({0, 512, true}, k128),
                           t.transfer({0, 512, false}, k128),
                           t.aes(32, 16),
                           t.aes(32, 24),
                           t.aes(32, 32),
                           t.sram_access(4, true),
                           t.sram_access(4, false)};
  };
  Nudge all("");
  CesaParams base = params();
  base.describe(all);
  EXPECT_EQ(all.names.size(), 14u);
  for (const std::string& name : all.names) {
    CesaParams p = params();
    Nudge nudge(name);
    p.describe(nudge);
    EXPECT_NE(durations(p), durations(base)) << name;
  }
}

}  // namespace
}  // namespace cesasim::hw
