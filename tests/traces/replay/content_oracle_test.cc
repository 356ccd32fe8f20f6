// SPDX-License-Identifier: Apache-2.0
#include "traces/replay/content_oracle.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstring>
#include <set>
#include <vector>

namespace cesasim::traces {
namespace {

using Sector = std::array<std::uint8_t, ContentOracle::kSectorBytes>;

Sector make(const ContentOracle& oracle, std::uint64_t sector, std::uint32_t generation) {
  Sector data;
  oracle.fill(sector, generation, data.data());
  return data;
}

TEST(ContentOracle, IsDeterministicAndKeyed) {
  EXPECT_EQ(make(ContentOracle(1), 7, 1), make(ContentOracle(1), 7, 1));
  EXPECT_NE(make(ContentOracle(1), 7, 1), make(ContentOracle(2), 7, 1));
}

TEST(ContentOracle, NoTwoVersionsOfAnySectorAgreeInAnyWordButTheMagic) {
  const ContentOracle oracle(3);
  std::set<std::uint64_t> words;
  std::size_t expected = 0;
  for (std::uint64_t sector = 0; sector < 64; ++sector) {
    for (std::uint32_t generation = 1; generation <= 16; ++generation) {
      const Sector data = make(oracle, sector, generation);
      for (std::size_t i = 0; i < data.size() / 8; ++i) {
        if (i == 1) continue;
        std::uint64_t word = 0;
        std::memcpy(&word, &data[i * 8], 8);
        words.insert(word);
        ++expected;
      }
    }
  }
  EXPECT_EQ(words.size(), expected);
}

TEST(ContentOracle, NeighbouringVersionsDifferInHalfTheirBits) {
  const ContentOracle oracle(3);
  std::size_t differing = 0;
  constexpr std::size_t kPairs = 200;
  for (std::uint32_t generation = 1; generation <= kPairs; ++generation) {
    const Sector a = make(oracle, 5, generation);
    const Sector b = make(oracle, 5, generation + 1);
    for (std::size_t i = 0; i < a.size(); ++i) {
      differing += static_cast<std::size_t>(std::popcount(static_cast<unsigned>(a[i] ^ b[i])));
    }
  }
  EXPECT_NEAR(static_cast<double>(differing) / (kPairs * 504 * 8), 0.5, 0.01);
}

TEST(ContentOracle, PlaintextIsRecognisedWhateverItsGeneration) {
  const ContentOracle oracle(9);
  for (std::uint32_t generation = 1; generation < 50; ++generation) {
    Sector data = make(oracle, 1234, generation);
    EXPECT_TRUE(oracle.looks_like_plaintext(1234, data.data()));
    EXPECT_FALSE(oracle.looks_like_plaintext(1235, data.data()));
    data[8] ^= 1;
    EXPECT_FALSE(oracle.looks_like_plaintext(1234, data.data()));
  }
  const Sector zero{};
  EXPECT_FALSE(oracle.looks_like_plaintext(0, zero.data()));
}

TEST(ContentOracle, VerifyWantsTheLatestVersionOfTheRightSector) {
  ContentOracle oracle(1);
  EXPECT_FALSE(oracle.written(10));
  EXPECT_EQ(oracle.expected(10), 0u);
  oracle.begin_write(10, 2);
  oracle.begin_write(11, 2);
  EXPECT_EQ(oracle.expected(10), 1u);
  EXPECT_EQ(oracle.expected(11), 2u);
  EXPECT_EQ(oracle.expected(12), 1u);
  EXPECT_TRUE(oracle.verify(11, make(oracle, 11, 2).data()));
  EXPECT_FALSE(oracle.verify(11, make(oracle, 11, 1).data()));
  EXPECT_FALSE(oracle.verify(11, make(oracle, 10, 2).data()));
  Sector damaged = make(oracle, 11, 2);
  damaged[511] ^= 0x80;
  EXPECT_FALSE(oracle.verify(11, damaged.data()));
}

TEST(ContentOracle, AFailedWriteLeavesTheContentUncertain) {
  ContentOracle oracle(1);
  oracle.begin_write(10, 2);
  oracle.mark_uncertain(10, 1);
  EXPECT_FALSE(oracle.certain(10));
  EXPECT_TRUE(oracle.certain(11));
  EXPECT_EQ(oracle.expected(10), 1u);
  oracle.begin_write(10, 1);
  EXPECT_TRUE(oracle.certain(10));
  EXPECT_EQ(oracle.expected(10), 2u);
}

TEST(ContentOracle, IteratesWrittenSectorsInOrder) {
  ContentOracle oracle(1);
  oracle.begin_write(1ull << 40, 1);
  oracle.begin_write(4095, 3);  // across a chunk
  oracle.begin_write(4096, 1);
  oracle.mark_uncertain(4097, 1);
  std::vector<std::tuple<std::uint64_t, std::uint32_t, bool>> seen;
  oracle.for_each_written([&](std::uint64_t sector, std::uint32_t generation, bool certain) {
    seen.emplace_back(sector, generation, certain);
  });
  using Entry = std::tuple<std::uint64_t, std::uint32_t, bool>;
  EXPECT_EQ(seen, (std::vector<Entry>{
                      {4095, 1, true}, {4096, 2, true}, {4097, 1, false}, {1ull << 40, 1, true}}));
  EXPECT_EQ(oracle.written_sectors(), 4u);
}

}  // namespace
}  // namespace cesasim::traces
