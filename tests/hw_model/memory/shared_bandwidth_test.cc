// SPDX-License-Identifier: Apache-2.0
#include "hw_model/memory/shared_bandwidth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace cesasim::hw {
namespace {

constexpr double kRate = 1e9;  // a byte takes 1 ns
constexpr Ps kByte = 1000;

TEST(SharedBandwidth, AloneTheMemorySetsTheTime) {
  SharedBandwidth b(kRate);
  EXPECT_EQ(b.transfer(0, 0, 100, 0), 100 * kByte);
  EXPECT_EQ(b.transfer(0, 100 * kByte, 50, 0), 50 * kByte);
  EXPECT_EQ(b.bytes(), 150u);
}

TEST(SharedBandwidth, ASlowMasterSetsItsOwnTime) {
  SharedBandwidth b(kRate);
  EXPECT_EQ(b.transfer(0, 0, 100, 250 * kByte), 250 * kByte);
  EXPECT_EQ(b.transfer(0, 250 * kByte, 100, 100 * kByte), 100 * kByte);
}

TEST(SharedBandwidth, NoBytesTakeNoMemory) {
  SharedBandwidth b(kRate);
  EXPECT_EQ(b.transfer(0, 0, 0, 77), 77u);
  EXPECT_EQ(b.transfer(1, 0, 100, 0), 100 * kByte) << "nobody in the way";
  EXPECT_EQ(b.transfer(2, 0, 0, 0), 0u);
}

TEST(SharedBandwidth, ATransferIsNeverInstant) {
  SharedBandwidth b(1e13);
  EXPECT_EQ(b.transfer(0, 0, 1, 0), 1u);
}

TEST(SharedBandwidth, TheSecondGetsWhatTheFirstLeaves) {
  SharedBandwidth b(kRate);
  EXPECT_EQ(b.transfer(0, 0, 100, 400 * kByte), 400 * kByte);  // a quarter of the memory
  EXPECT_EQ(b.transfer(1, 0, 300, 0), 400 * kByte);
}

TEST(SharedBandwidth, ATransferThatHasEndedIsNotInTheWay) {
  SharedBandwidth b(kRate);
  b.transfer(0, 0, 100, 200 * kByte);
  EXPECT_EQ(b.transfer(1, 200 * kByte, 100, 0), 100 * kByte);
  EXPECT_EQ(b.transfer(2, 200 * kByte - 1, 100, 0), 300 * kByte)
      << "a picosecond earlier both are: a third";
}

TEST(SharedBandwidth, AMasterIsNotInItsOwnWay) {
  SharedBandwidth b(kRate);
  b.transfer(3, 0, 100, 0);
  EXPECT_EQ(b.transfer(3, 10, 100, 0), 100 * kByte);
}

TEST(SharedBandwidth, ALateComerGetsHalf) {
  SharedBandwidth b(kRate);
  b.transfer(0, 0, 1'000'000, 0);  // all of it
  EXPECT_EQ(b.transfer(1, 0, 100, 0), 200 * kByte);
}

TEST(SharedBandwidth, WhoTakesLittleLeavesTheRestToTheOthers) {
  SharedBandwidth b(kRate);
  b.transfer(0, 0, 100, 1000 * kByte);                // a tenth
  EXPECT_EQ(b.transfer(1, 0, 900, 0), 1000 * kByte);  // all that is left
  // Not a third: nine tenths are shared by two.
  EXPECT_EQ(b.transfer(2, 0, 450, 0), 1000 * kByte);
}

TEST(SharedBandwidth, SaturatingMastersEndUpWithEqualParts) {
  SharedBandwidth b(kRate);
  constexpr unsigned kMasters = 3;
  constexpr Ps kEnd = 10'000'000 * kByte;
  const std::uint64_t size[kMasters] = {32, 4096, 128};
  std::uint64_t moved[kMasters] = {};
  Ps ready[kMasters] = {};
  for (;;) {
    const auto m = static_cast<unsigned>(std::min_element(ready, ready + kMasters) - ready);
    if (ready[m] >= kEnd) break;
    ready[m] += b.transfer(m, ready[m], size[m], 0);
    moved[m] += size[m];
  }
  for (const std::uint64_t bytes : moved) {
    EXPECT_NEAR(static_cast<double>(bytes) * kByte / kEnd, 1.0 / kMasters, 0.01);
  }
}

TEST(SharedBandwidth, RandomMastersGetNoMoreThanTheMemoryHas) {
  // Each master asks again as soon as it is served. In any long window the bytes moved stay
  // near the capacity: transfers of unlike length overlap it a little.
  std::mt19937 random(1);
  for (const unsigned masters : {1u, 2u, 3u, 5u}) {
    SharedBandwidth b(kRate);
    std::vector<Ps> ready(masters, 0);
    std::vector<std::uint64_t> moved(masters, 0);
    constexpr Ps kEnd = 1'000'000 * kByte;
    for (;;) {
      const auto next = std::min_element(ready.begin(), ready.end());
      if (*next >= kEnd) break;
      const auto m = static_cast<unsigned>(next - ready.begin());
      const std::uint64_t bytes = 1 + random() % 4096;
      const Ps own = random() % 3 == 0 ? bytes * 2 * kByte : 0;
      const Ps took = b.transfer(m, *next, bytes, own);
      EXPECT_GE(took, own);
      EXPECT_GE(took, bytes * kByte - 1) << "faster than the memory";
      *next += took;
      moved[m] += bytes;
    }
    const double seconds =
        1e-12 * static_cast<double>(*std::min_element(ready.begin(), ready.end()));
    const double rate = static_cast<double>(b.bytes()) / seconds;
    EXPECT_LT(rate, kRate * (masters > 1 ? 1.2 : 1.01));
    EXPECT_GT(rate, kRate * (masters > 1 ? 0.7 : 0.4));
    for (const std::uint64_t bytes : moved) {
      EXPECT_GT(static_cast<double>(bytes) / seconds, kRate * 0.5 / masters);
    }
  }
}

}  // namespace
}  // namespace cesasim::hw
