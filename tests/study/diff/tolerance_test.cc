// SPDX-License-Identifier: Apache-2.0
#include "study/diff/tolerance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace cesasim::study::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string message(const std::string& text) {
  try {
    Tolerances().add(text);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(Tolerances, NothingGivenIsNothingAllowed) {
  EXPECT_EQ(Tolerances().of("sim_seconds").percent, 0);
  EXPECT_EQ(Tolerances().of("sim_seconds").absolute, 0);
}

TEST(Tolerances, TheNearestNameRules) {
  Tolerances t;
  t.add("default=1");
  t.add("latency_us=5%");
  t.add("latency_us.p99=7.5,20");
  EXPECT_EQ(t.of("sim_seconds").percent, 1);
  EXPECT_EQ(t.of("latency_us.mean").percent, 5);
  EXPECT_EQ(t.of("latency_us.p99").percent, 7.5);
  EXPECT_EQ(t.of("latency_us.p99").absolute, 20);
  EXPECT_EQ(t.of("latency_usx.mean").percent, 1) << "a group ends at a dot";
}

TEST(Tolerances, Malformed) {
  for (const char* text : {"", "sim_seconds", "=1", "a=", "a=-1", "a=x", "a=1,", "a=1,b", "a=1e999",
                           "a=nan", "a=1,2,3"}) {
    EXPECT_THAT(message(text), HasSubstr("valid: NAME=PERCENT")) << text;
  }
}

TEST(Tolerances, UnknownNamesAreToldWithTheNearest) {
  const std::vector<std::string> known = {"sim_seconds", "cpu.share.copy"};
  Tolerances good;
  for (const char* text : {"sim_seconds=1", "cpu=1", "cpu.share=1", "default=1"}) good.add(text);
  EXPECT_NO_THROW(good.check_names(known));
  Tolerances bad;
  bad.add("sim_second=1");
  try {
    bad.check_names(known);
    FAIL() << "not refused";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(std::string(error.what()),
                StartsWith("unknown metric 'sim_second', did you mean 'sim_seconds'?"))
        << error.what();
  }
}

}  // namespace
}  // namespace cesasim::study::test
