// SPDX-License-Identifier: Apache-2.0
#include "hw_model/cesa/timing.h"

#include <gtest/gtest.h>

#include <algorithm>
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

// n reads in progress: a burst of D that waits W comes every max(D, (D + W) / n). With bursts of
// 128 bytes D is 16 cycles and W 15, with 32 bytes D is 4.
TEST(Timing, OutstandingModesSayHowManyReadsOverlap) {
  CesaParams p = params();
  p.outstanding_reads = 2;
  const CesaTiming t(p);
  const auto cycles = [&](std::uint32_t control) {
    return static_cast<double>(t.transfer({0x1000, 512, true}, control)) / kTclk;
  };
  EXPECT_DOUBLE_EQ(cycles(k32), 64 + 15 * 15.0);
  EXPECT_DOUBLE_EQ(cycles(k32 | 1u << 4), 64 + 15 * 5.5) << "bit 4: the parameter";
  EXPECT_DOUBLE_EQ(cycles(k32 | 1u << 16), 64 + 15 * 5.5) << "two";
  EXPECT_NEAR(cycles(k32 | 2u << 16), 64 + 15 * (19 / 3.0 - 4), 0.001) << "three";
  EXPECT_DOUBLE_EQ(cycles(k32 | 3u << 16), 64 + 15 * 0.75) << "four";
  EXPECT_DOUBLE_EQ(cycles(k32 | 3u << 16 | 1u << 4), 64 + 15 * 0.75) << "the mode decides";
  EXPECT_DOUBLE_EQ(cycles(k128 | 1u << 16), 64);
}

TEST(Timing, BurstsAddUpToTheTransfer) {
  CesaParams p = params();
  p.clock_hz = 166.666667e6;
  p.beat_cycles = 3.9;
  const CesaTiming t(p);
  for (const std::uint32_t control : {k128, k32, kOutstanding}) {
    for (const bool read : {true, false}) {
      for (const PhysAddr addr : {0x1000u, 0x1001u, 0x107Fu}) {
        const std::uint32_t limit = CesaTiming::burst_limit(read, control);
        EXPECT_EQ(limit, control == k32 ? 32u : 128u);
        Ps sum = 0;
        for (std::uint32_t done = 0; done < 700;) {
          const auto rest = static_cast<std::uint32_t>(limit - (addr + done) % limit);
          const std::uint32_t n = std::min<std::uint32_t>(rest, 700 - done);
          sum +=
              t.transfer({addr, done + n, read}, control) - t.transfer({addr, done, read}, control);
          done += n;
        }
        EXPECT_EQ(sum, t.transfer({addr, 700, read}, control));
      }
    }
  }
}

TEST(Timing, CiphersAndMacsByTheBlock) {
  const CesaTiming t(params());
  EXPECT_EQ(t.sa_overhead(), 36 * kTclk);
  EXPECT_EQ(t.cipher(SaCipher::aes, 16, 32), 32 * 11 * kTclk);
  EXPECT_EQ(t.cipher(SaCipher::aes, 24, 32), 32 * 13 * kTclk);
  EXPECT_EQ(t.cipher(SaCipher::aes, 32, 32), 32 * 15 * kTclk);
  EXPECT_EQ(t.cipher(SaCipher::des, 8, 10), 160 * kTclk);
  EXPECT_EQ(t.cipher(SaCipher::des3, 24, 10), 480 * kTclk);
  EXPECT_EQ(t.cipher(SaCipher::none, 0, 0), 0u);
  EXPECT_EQ(t.mac(SaMac::md5, 3), 3 * 65 * kTclk);
  EXPECT_EQ(t.mac(SaMac::hmac_sha1, 3), 3 * 81 * kTclk);
  EXPECT_EQ(t.mac(SaMac::hmac_sha256, 3), 3 * 65 * kTclk);
  EXPECT_EQ(t.mac(SaMac::none, 0), 0u);
}

TEST(Timing, EngineClockIsItsOwn) {
  CesaParams p = params();
  p.engine_clock_hz = 100e6;
  EXPECT_EQ(CesaTiming(p).cipher(SaCipher::aes, 16, 1), 22 * kTclk);
  EXPECT_EQ(CesaTiming(p).mac(SaMac::sha1, 1), 162 * kTclk);
  EXPECT_EQ(CesaTiming(p).sa_overhead(), 36 * kTclk);
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
                           t.sa_overhead(),
                           t.cipher(SaCipher::aes, 16, 32),
                           t.cipher(SaCipher::aes, 24, 32),
                           t.cipher(SaCipher::aes, 32, 32),
                           t.cipher(SaCipher::des, 8, 1),
                           t.cipher(SaCipher::des3, 24, 1),
                           t.mac(SaMac::md5, 1),
                           t.mac(SaMac::sha1, 1),
                           t.mac(SaMac::sha256, 1),
                           t.sram_access(4, true),
                           t.sram_access(4, false)};
  };
  Nudge all("");
  CesaParams base = params();
  base.describe(all);
  EXPECT_EQ(all.names.size(), 19u);
  for (const std::string& name : all.names) {
    CesaParams p = params();
    Nudge nudge(name);
    p.describe(nudge);
    EXPECT_NE(durations(p), durations(base)) << name;
  }
}

}  // namespace
}  // namespace cesasim::hw
