// SPDX-License-Identifier: Apache-2.0
#include "study/run/progress.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cesasim::study::test {
namespace {

TEST(TimeLeft, EvenWorkIsEstimatedExactly) {
  TimeLeft left;
  EXPECT_FALSE(left.update(0.1, 0.001).has_value()) << "too early";
  for (double t = 0.2; t < 100; t += 0.2) {
    const auto estimate = left.update(t, t / 100);
    if (t < 2) continue;
    ASSERT_TRUE(estimate.has_value()) << t;
    EXPECT_NEAR(*estimate, 100 - t, 1.5) << t;
  }
}

TEST(TimeLeft, FollowsAChangeOfSpeedWithoutJumps) {
  TimeLeft left;
  double fraction = 0;
  std::optional<double> last;
  for (double t = 0.2; fraction < 0.99; t += 0.2) {
    fraction += t < 60 ? 0.001 : 0.0005;  // half the speed after a minute
    const auto now = left.update(t, fraction);
    if (last && now && t > 10) {
      // A step of half a second at half speed moves the estimate by 1 % or less of itself.
      EXPECT_LT(std::fabs(*now - *last), 0.02 * *last + 1) << t;
    }
    last = now;
    if (t > 150) {
      EXPECT_NEAR(*now / ((1 - fraction) / 0.0025), 1, 0.1) << t;
    }
  }
}

TEST(TimeLeft, StandstillIsNoEnd) {
  TimeLeft left;
  left.update(10, 0.5);
  for (double t = 10; t < 20; t += 0.5) EXPECT_GE(left.update(t, 0.5).value_or(0), 0);
  EXPECT_GT(*left.update(20, 0.5), 10);
}

TEST(Duration, Text) {
  EXPECT_EQ(duration_text(7.4), "0:07");
  EXPECT_EQ(duration_text(754), "12:34");
  EXPECT_EQ(duration_text(3723), "1:02:03");
  EXPECT_EQ(estimate_text(7.2), "0:08");
  EXPECT_EQ(estimate_text(61), "1:05");
  EXPECT_EQ(estimate_text(1001), "16:50");
  EXPECT_EQ(estimate_text(7201), "2:01:00");
}

}  // namespace
}  // namespace cesasim::study::test
