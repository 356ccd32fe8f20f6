// SPDX-License-Identifier: Apache-2.0
#include "hw_model/disk/sparse_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>
#include <vector>

namespace cesasim::hw {
namespace {

std::vector<std::uint8_t> pattern(std::uint32_t sectors, std::uint8_t seed) {
  std::vector<std::uint8_t> v(std::size_t{sectors} * kSectorBytes);
  for (std::size_t i = 0; i < v.size(); ++i)
    v[i] = static_cast<std::uint8_t>(seed + i * 7 + i / 512);
  return v;
}

TEST(SparseStore, UnwrittenReadsAsZeros) {
  const SparseStore store(1000);
  std::vector<std::uint8_t> data(10 * kSectorBytes, 0xff);
  store.read(990, data.data(), 10);
  EXPECT_EQ(data, std::vector<std::uint8_t>(10 * kSectorBytes, 0));
  EXPECT_EQ(store.bytes_held(), 0u);
  EXPECT_FALSE(store.written(995));
}

TEST(SparseStore, HoldsMemoryOnlyForChunksWritten) {
  SparseStore store(std::uint64_t{1} << 40);
  const auto data = pattern(2, 1);
  store.write((std::uint64_t{1} << 40) - 2, data.data(), 2);
  EXPECT_EQ(store.bytes_held(), SparseStore::kChunkBytes);
  EXPECT_EQ(store.written_sectors(), 2u);
}

TEST(SparseStore, RoundTripAcrossChunkLimitLeavesNeighboursZero) {
  SparseStore store(4096);
  const auto data = pattern(6, 3);
  store.write(SparseStore::kChunkSectors - 3, data.data(), 6);
  std::vector<std::uint8_t> back(8 * kSectorBytes, 0xff);
  store.read(SparseStore::kChunkSectors - 4, back.data(), 8);
  EXPECT_TRUE(std::equal(data.begin(), data.end(), back.begin() + kSectorBytes));
  EXPECT_TRUE(
      std::all_of(back.begin(), back.begin() + kSectorBytes, [](auto b) { return b == 0; }));
  EXPECT_TRUE(std::all_of(back.end() - kSectorBytes, back.end(), [](auto b) { return b == 0; }));
}

TEST(SparseStore, OverwritingCountsASectorOnce) {
  SparseStore store(4096);
  const auto data = pattern(100, 9);
  store.write(10, data.data(), 100);
  store.write(60, data.data(), 100);
  EXPECT_EQ(store.written_sectors(), 150u);
}

TEST(SparseStore, WhatIsDiscardedIsZerosAndItsMemoryIsFree) {
  SparseStore store(std::uint64_t{1} << 40);
  const std::uint32_t chunk = SparseStore::kChunkSectors;
  const std::uint64_t at = (std::uint64_t{1} << 30) + 5;
  const auto data = pattern(3 * chunk, 1);
  store.write(at, data.data(), 3 * chunk);
  EXPECT_EQ(store.bytes_held(), 4 * SparseStore::kChunkBytes);
  store.discard(at + 2, 2 * chunk);  // the second chunk whole, of the first and third a part
  EXPECT_EQ(store.written_sectors(), chunk);
  EXPECT_EQ(store.bytes_held(), 3 * SparseStore::kChunkBytes);
  std::vector<std::uint8_t> back(data.size(), 0xff), expected = data;
  std::fill(expected.begin() + 2 * kSectorBytes,
            expected.begin() + std::size_t{2 + 2 * chunk} * kSectorBytes, 0);
  store.read(at, back.data(), 3 * chunk);
  EXPECT_EQ(back, expected);
  store.discard(0, store.sectors());
  EXPECT_EQ(store.written_sectors(), 0u);
  EXPECT_EQ(store.bytes_held(), 0u);
  store.write(at, data.data(), 1);
  EXPECT_EQ(store.written_sectors(), 1u);
  store.read(at, back.data(), 2);
  EXPECT_TRUE(std::equal(data.begin(), data.begin() + kSectorBytes, back.begin()));
  EXPECT_EQ(back[kSectorBytes], 0);
}

TEST(SparseStore, ExtentsComeInOrderAndCutAtChunks) {
  SparseStore store(std::uint64_t{1} << 32);
  const auto data = pattern(4, 5);
  const std::uint64_t far = std::uint64_t{1} << 30;
  store.write(far, data.data(), 1);
  store.write(126, data.data(), 4);
  store.write(5, data.data(), 2);
  std::vector<std::tuple<std::uint64_t, std::uint32_t, std::uint8_t>> seen;
  store.for_each_extent([&](std::uint64_t s, const std::uint8_t* d, std::uint32_t n) {
    seen.emplace_back(s, n, *d);
  });
  const std::vector<std::tuple<std::uint64_t, std::uint32_t, std::uint8_t>> expected = {
      {5, 2, data[0]}, {126, 2, data[0]}, {128, 2, data[2 * kSectorBytes]}, {far, 1, data[0]}};
  EXPECT_EQ(seen, expected);
}

TEST(SparseStore, RandomAccessesMatchAnArray) {
  constexpr std::uint32_t kSectors = 2000;
  SparseStore store(kSectors);
  std::vector<std::uint8_t> reference(kSectors * kSectorBytes, 0);
  std::vector<bool> written(kSectors, false);
  std::mt19937 random(42);
  for (int i = 0; i < 3000; ++i) {
    const std::uint32_t sector = random() % kSectors;
    const std::uint32_t n = 1 + random() % std::min<std::uint32_t>(300, kSectors - sector);
    if (random() % 2 == 0) {
      const auto data = pattern(n, static_cast<std::uint8_t>(i));
      store.write(sector, data.data(), n);
      std::copy(data.begin(), data.end(), reference.begin() + sector * kSectorBytes);
      std::fill_n(written.begin() + sector, n, true);
    } else {
      std::vector<std::uint8_t> back(n * kSectorBytes, 0xaa);
      store.read(sector, back.data(), n);
      ASSERT_TRUE(std::equal(back.begin(), back.end(), reference.begin() + sector * kSectorBytes));
      ASSERT_EQ(store.written(sector), written[sector]);
    }
  }
  EXPECT_EQ(store.written_sectors(),
            static_cast<std::uint64_t>(std::count(written.begin(), written.end(), true)));
}

}  // namespace
}  // namespace cesasim::hw
