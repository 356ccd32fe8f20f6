// SPDX-License-Identifier: Apache-2.0
#include "study/sensitivity/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/fixture.h"

namespace cesasim::study::test {
namespace {

using testing::HasSubstr;

class ParametersTest : public testing::Test {
 protected:
  /// Replaces a line of a preset: `key: {...}` by `key: {new}`.
  void preset(const std::string& kind, const std::string& name, const std::string& key,
              const std::string& value) {
    const auto file = home_.preset(kind, name);
    std::string text = read_file(file);
    const std::size_t at = text.find(" " + key + ": {");
    ASSERT_NE(at, std::string::npos) << key;
    const std::size_t open = text.find('{', at);
    text.replace(open, text.find('}', open) + 1 - open, value);
    write_file(file, text);
  }
  std::vector<Point> points(const std::string& study = good_study()) {
    return expand(parse_study(study, "t.yaml"), {}, home_.library());
  }
  std::vector<VariedParameter> find(const std::vector<std::string>& globs,
                                    const std::set<std::string>& marks = {"assumed"}) {
    left_out_.clear();
    return find_parameters(points(), marks, globs, left_out_);
  }
  Home home_;
  std::vector<LeftOut> left_out_;
};

TEST_F(ParametersTest, AssumedValuesAreHalvedAndDoubled) {
  const auto found = find({"soc.costs.kernel.irq_entry"});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].base, 1);
  EXPECT_EQ(found[0].low, 0.5);
  EXPECT_EQ(found[0].high, 2);
  EXPECT_EQ(found[0].unit, "cycles");
  EXPECT_FALSE(found[0].stated);
  EXPECT_TRUE(found[0].uniform);
  EXPECT_THAT(found[0].preset, HasSubstr("test-costs.yaml:"));
}

TEST_F(ParametersTest, MarksChooseAndSetTheBounds) {
  preset("costs", "test-costs", "irq_entry",
         "{value: 100, unit: cycles, mark: derived, source: s}");
  preset("costs", "test-costs", "irq_exit",
         "{value: 100, unit: cycles, mark: measured, source: s}");
  preset("costs", "test-costs", "softirq", "{value: 100, unit: cycles, mark: spec, source: s}");
  const std::vector<std::string> globs = {"*.irq_e*", "*.softirq"};
  EXPECT_TRUE(find(globs).empty());
  const auto all = find(globs, {"assumed", "derived", "measured"});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_DOUBLE_EQ(all[0].low, 80);
  EXPECT_DOUBLE_EQ(all[0].high, 120);
  EXPECT_DOUBLE_EQ(all[1].low, 90);
  EXPECT_DOUBLE_EQ(all[1].high, 110);
}

TEST_F(ParametersTest, BoundsOfThePresetRule) {
  preset("costs", "test-costs", "irq_entry",
         "{value: 100, unit: cycles, mark: assumed, source: s, bounds: [90, "
         "400]}");
  const auto found = find({"*.irq_entry"});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].low, 90);
  EXPECT_EQ(found[0].high, 400);
  EXPECT_TRUE(found[0].stated);
}

TEST_F(ParametersTest, BoundsThatAreNone) {
  for (const char* bounds : {"5", "[1]", "[1, 2, 300]", "[a, b]", "[101, 200]", "[1, 99]", "{}"}) {
    preset("costs", "test-costs", "irq_entry",
           std::string("{value: 100, unit: cycles, mark: assumed, source: s, bounds: ") + bounds +
               "}");
    EXPECT_THAT(error_of([&] { points(); }), HasSubstr("irq_entry.bounds: ")) << bounds;
    // The next round must find a map that ends at its first brace.
    if (std::string(bounds) == "{}") break;
  }
}

TEST_F(ParametersTest, ZeroHasNoShare) {
  preset("costs", "test-costs", "irq_entry", "{value: 0, unit: cycles, mark: assumed, source: s}");
  EXPECT_TRUE(find({"*.irq_entry"}).empty());
  ASSERT_EQ(left_out_.size(), 1u);
  EXPECT_EQ(left_out_[0].path, "soc.costs.kernel.irq_entry");
  EXPECT_EQ(left_out_[0].why, "zero, and its preset states no bounds");
}

TEST_F(ParametersTest, WhatTheUserSetIsNoAssumptionOfThePreset) {
  std::string text = good_study();
  text.replace(text.find("disk: test-disk"), 15, "disk: {preset: test-disk, rpm: 5400}");
  const auto of_disk = [&](const std::string& study) {
    std::vector<LeftOut> left_out;
    return find_parameters(points(study), {"assumed"}, {"disk.rpm"}, left_out).size();
  };
  EXPECT_EQ(of_disk(good_study()), 1u);
  EXPECT_EQ(of_disk(text), 0u);
}

TEST_F(ParametersTest, VariedPointsCarryTheValue) {
  const Point point = points()[0];
  const std::vector<std::string> paths = {"soc.costs.kernel.irq_entry", "disk.rpm", "no.such"};
  const Point high = varied(point, paths, End::high);
  EXPECT_EQ(high.scenario.soc.costs.kernel.irq_entry, 2);
  EXPECT_EQ(high.scenario.disk.rpm, 14400u);
  EXPECT_EQ(high.scenario.workload.trace_file, point.scenario.workload.trace_file);
  EXPECT_EQ(high.scenario.soc.costs.kernel.irq_exit, 1);
  const Point low = varied(point, paths, End::low);
  EXPECT_EQ(low.scenario.soc.costs.kernel.irq_entry, 0.5);
  EXPECT_EQ(low.scenario.disk.rpm, 3600u);
}

TEST_F(ParametersTest, Families) {
  EXPECT_EQ(family_of("soc.costs.driver.hal_irq"), "soc.costs.driver.hal");
  EXPECT_EQ(family_of("soc.costs.driver.hal_start"), "soc.costs.driver.hal");
  EXPECT_EQ(family_of("soc.costs.kernel.timer"), "soc.costs.kernel.");
  EXPECT_EQ(family_of("seed"), "");
}

}  // namespace
}  // namespace cesasim::study::test
