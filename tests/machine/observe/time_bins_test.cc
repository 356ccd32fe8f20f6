// SPDX-License-Identifier: Apache-2.0
#include "machine/observe/time_bins.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "base/text/latency_histogram.h"
#include "machine/observe/series.h"

namespace cesasim {
namespace {

struct Piece {
  Ps from, to;  // equal: an instant
  double amount;
};

/// What the bin [begin, end) holds of the pieces, from the definition.
double held(const std::vector<Piece>& pieces, Ps begin, Ps end) {
  double sum = 0;
  for (const Piece& p : pieces) {
    if (p.from == p.to) {
      if (p.from >= begin && p.from < end) sum += p.amount;
    } else {
      const Ps a = std::max(p.from, begin);
      const Ps b = std::min(p.to, end);
      if (b > a) sum += p.amount * static_cast<double>(b - a);
    }
  }
  return sum;
}

// Whatever comes in whatever order, merged or not: every bin holds what lies in it.
TEST(TimeBins, HoldWhatLiesInThem) {
  std::mt19937_64 dice(7);
  for (const Ps length : {Ps{1}, TimeBins::kFirstWidth, 239 * TimeBins::kFirstWidth,
                          240 * TimeBins::kFirstWidth, 100000 * TimeBins::kFirstWidth + 7}) {
    TimeBins bins(2);
    std::vector<Piece> pieces[2];
    for (int i = 0; i < 500; ++i) {
      const std::size_t track = dice() % 2;
      // Growing, as time does, with some looking back and ahead.
      const Ps reach = length / 500 * static_cast<Ps>(i + 1) + 1;
      const Ps from = dice() % reach;
      if (dice() % 2 == 0) {
        const double amount = static_cast<double>(dice() % 1000);
        bins.add(track, from, amount);
        pieces[track].push_back({from, from, amount});
      } else {
        const Ps to = from + dice() % reach;
        bins.spread(track, from, to, 1);
        pieces[track].push_back({from, to, to == from ? 0.0 : 1.0});
      }
      ASSERT_LE(bins.bins(), TimeBins::kMost);
    }
    for (std::size_t track = 0; track < 2; ++track) {
      for (std::size_t b = 0; b < bins.bins(); ++b) {
        EXPECT_EQ(bins.at(track, b), held(pieces[track], b * bins.width(), (b + 1) * bins.width()))
            << "length " << length << " track " << track << " bin " << b;
      }
    }
  }
}

TEST(TimeBins, WidthDoublesAndTotalsStay) {
  TimeBins bins(1);
  const Ps w = TimeBins::kFirstWidth;
  for (Ps i = 0; i < 240; ++i) bins.add(0, i * w, 1);
  EXPECT_EQ(bins.width(), w);
  EXPECT_EQ(bins.bins(), 240u);
  bins.add(0, 240 * w, 1);
  EXPECT_EQ(bins.width(), 2 * w);
  EXPECT_EQ(bins.bins(), 121u);
  EXPECT_EQ(bins.at(0, 0), 2);
  EXPECT_EQ(bins.at(0, 120), 1);
  EXPECT_EQ(bins.total(0), 241);
}

TEST(Histogram, BucketsHoldTheirValues) {
  LatencyHistogram latency;
  std::mt19937_64 dice(3);
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 20000; ++i) {
    values.push_back(dice() >> (dice() % 60 + 2));
    latency.add(values.back());
  }
  for (const std::size_t steps : {1u, 8u, 64u}) {
    std::uint64_t seen = 0;
    std::uint64_t lower = 0;
    latency.for_each_bucket(steps, [&](std::uint64_t upper, std::uint64_t count) {
      ASSERT_GT(upper, lower);
      seen += count;
      const auto below = static_cast<std::uint64_t>(std::count_if(
          values.begin(), values.end(), [upper](std::uint64_t v) { return v < upper; }));
      EXPECT_EQ(below, seen) << "below " << upper << ", " << steps << " steps";
      lower = upper;
    });
    EXPECT_EQ(seen, values.size());
  }
  EXPECT_TRUE(histogram_json(LatencyHistogram()).empty());
}

}  // namespace
}  // namespace cesasim
