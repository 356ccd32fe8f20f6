// SPDX-License-Identifier: Apache-2.0
#include "base/text/latency_histogram.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace cesasim::traces {
namespace {

TEST(LatencyHistogram, EmptyIsAllZero) {
  const LatencyHistogram h;
  EXPECT_EQ(h.count(), 0u);
  EXPECT_EQ(h.percentile(99), 0u);
  EXPECT_EQ(h.min(), 0u);
  EXPECT_EQ(h.max(), 0u);
  EXPECT_EQ(h.mean(), 0);
}

TEST(LatencyHistogram, OneValueIsEveryPercentile) {
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128},
                                    std::uint64_t{123456789}, ~std::uint64_t{0}}) {
    LatencyHistogram h;
    h.add(value);
    EXPECT_EQ(h.percentile(0), value);
    EXPECT_EQ(h.percentile(50), value);
    EXPECT_EQ(h.percentile(100), value);
  }
}

TEST(LatencyHistogram, PercentilesAreWithinOnePercentOfTheSortedValues) {
  std::mt19937_64 random(7);
  std::vector<std::uint64_t> values;
  LatencyHistogram h;
  for (int i = 0; i < 20000; ++i) {
    values.push_back(random() >> (random() % 50));
    h.add(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double percent : {1.0, 10.0, 50.0, 90.0, 95.0, 99.0, 99.9}) {
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * 20000)) - 1;
    const auto exact = static_cast<double>(values[rank]);
    EXPECT_NEAR(static_cast<double>(h.percentile(percent)), exact, exact * 0.01) << percent;
  }
  EXPECT_EQ(h.min(), values.front());
  EXPECT_EQ(h.max(), values.back());
}

TEST(LatencyHistogram, MergeIsAsAddingEverythingToOne) {
  LatencyHistogram a, b, both;
  for (std::uint64_t i = 1; i < 1000; ++i) {
    (i % 3 == 0 ? a : b).add(i * i);
    both.add(i * i);
  }
  a.merge(b);
  EXPECT_EQ(a.count(), both.count());
  EXPECT_EQ(a.mean(), both.mean());
  EXPECT_EQ(a.percentile(95), both.percentile(95));
  EXPECT_EQ(a.max(), both.max());
}

}  // namespace
}  // namespace cesasim::traces
