// SPDX-License-Identifier: Apache-2.0
#include "study/diff/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include "tests/support/fixture.h"

namespace cesasim::study::test {
namespace {

using testing::HasSubstr;
using testing::Not;

PointResult point(const Json& axes, MetricList metrics) {
  PointResult p;
  p.axes = axes;
  p.metrics = std::move(metrics);
  p.config = {{"soc", {{"cores", 1}}}, {"seed", 1}};
  return p;
}

ExpectationResult expectation(const std::string& name, bool ok, double value) {
  ExpectationResult e;
  e.name = name;
  e.ok = ok;
  e.value = value;
  return e;
}

/// Two points with a phase, a count and an expectation.
LoadedResults before() {
  LoadedResults out;
  out.file = "old/results.json";
  out.result.study = "two";
  out.result.version = "0.1.0";
  PointResult a = point({{"ocf.driver", "cryptosoft"}}, {{"sim_seconds", 10},
                                                         {"throughput_mb_s", 4},
                                                         {"host_seconds", 3},
                                                         {"latency_us.p99", 250},
                                                         {"bytes_copied", 0}});
  a.phases = {{"mkfs", {{"sim_seconds", 6}}},
              {"between", {{"sim_seconds", 1}}},
              {"between", {{"sim_seconds", 2}}}};
  a.integrity = {{"requests_ended", 100}, {"lost_requests", 0}};
  PointResult b = point({{"ocf.driver", "cesa_tdma"}}, {{"sim_seconds", 5}});
  out.result.points = {a, b};
  out.result.expectations = {expectation("pays", true, 2), expectation("stays", true, 1)};
  return out;
}

LoadedResults after() {
  LoadedResults out = before();
  out.file = "new/results.json";
  out.result.version = "0.2.0";
  out.result.overrides = {"soc.cores=2"};
  PointResult& a = out.result.points[0];
  a.metrics = {{"sim_seconds", 10.5},   {"throughput_mb_s", 4.0000001}, {"host_seconds", 99},
               {"latency_us.p99", 251}, {"bytes_copied", 4096},         {"disk.utilization", 0.5}};
  a.phases[2].metrics[0].second = 2.5;
  a.status = Status::broken;
  a.error = "integrity broken: lost_requests 1";
  a.integrity = {{"requests_ended", 99}, {"lost_requests", 1}};
  a.broken_guarantees = {"1 request never ended"};
  a.config["soc"]["cores"] = 2;
  a.config["fidelity"] = "burst";
  out.result.points[1].axes["ocf.driver"] = "cesa_ring";
  out.result.expectations = {expectation("pays", false, 0.5), expectation("is new", true, 3)};
  return out;
}

Comparison compare(const std::vector<std::string>& tolerances = {}) {
  Tolerances t;
  for (const std::string& text : tolerances) t.add(text);
  return compare_results(before(), after(), t);
}

/// Golden files stand in the sources; CESASIM_UPDATE_GOLDEN=FOLDER writes them anew there.
void expect_golden(const std::string& name, const std::string& text) {
  if (const char* folder = std::getenv("CESASIM_UPDATE_GOLDEN")) {
    write_file(std::filesystem::path(folder) / name, text);
  }
  EXPECT_EQ(text, read_file("tests/study/diff/golden/" + name));
}

TEST(Compare, GoldenTable) { expect_golden("diff.txt", to_text(compare(), false)); }
TEST(Compare, GoldenTableOfAll) {
  expect_golden("diff-all.txt", to_text(compare({"default=1", "latency_us=0.1,2"}), true));
}
TEST(Compare, GoldenJson) { expect_golden("diff.json", to_json(compare(), false).dump(2) + "\n"); }

TEST(Compare, TheSameIsTheSame) {
  const LoadedResults old = before();
  LoadedResults now = before();
  now.result.points[0].metrics[2].second = 1000;  // host_seconds
  now.result.version = "9";
  std::swap(now.result.points[0], now.result.points[1]);
  const Comparison c = compare_results(old, now, {});
  EXPECT_TRUE(c.same()) << to_text(c, true);
  EXPECT_EQ(c.points, 2u);
  EXPECT_EQ(c.values, 10u);
}

TEST(Compare, EveryKindOfDifferenceCounts) {
  const auto differs = [](void (*change)(StudyResult&)) {
    LoadedResults now = before();
    change(now.result);
    return !compare_results(before(), now, {}).same();
  };
  EXPECT_TRUE(differs([](StudyResult& r) { r.points[1].metrics[0].second *= 1 + 1e-15; }));
  EXPECT_TRUE(differs([](StudyResult& r) { r.points[1].metrics[0].second = NAN; }));
  EXPECT_TRUE(differs([](StudyResult& r) { r.points[1].metrics.clear(); }));
  EXPECT_TRUE(differs([](StudyResult& r) { r.points.pop_back(); }));
  EXPECT_TRUE(differs([](StudyResult& r) { r.points[1].status = Status::failed; }));
  EXPECT_TRUE(differs([](StudyResult& r) { r.points[0].phases.pop_back(); }));
  EXPECT_TRUE(differs([](StudyResult& r) { r.points[1].phases.push_back({"x", {}}); }));
  EXPECT_TRUE(differs([](StudyResult& r) { r.points[0].integrity[0].second++; }));
  EXPECT_TRUE(differs([](StudyResult& r) { r.points[0].dma_hazards.push_back("h"); }));
  EXPECT_TRUE(differs([](StudyResult& r) {
                r.points[0].faults.push_back({"f", "k", 1, 1});
              }) == false)
      << "a fault that only the new run knows is nothing to compare with";
  EXPECT_TRUE(differs([](StudyResult& r) { r.expectations[0].ok.reset(); }));
  EXPECT_TRUE(differs([](StudyResult& r) { r.expectations.pop_back(); }));
  EXPECT_TRUE(differs([](StudyResult& r) { r.expectations.push_back(r.expectations[0]); }))
      << "two of one name are two";
  EXPECT_FALSE(differs([](StudyResult& r) { r.points[1].config["seed"] = 2; }))
      << "configuration explains, it is no failure";
}

TEST(Compare, TolerancesAreOfTheOldValueOrAbsolute) {
  const auto moved = [](double old, double now, const std::string& tolerance) {
    LoadedResults a = before(), b = before();
    a.result.points[1].metrics[0].second = old;
    b.result.points[1].metrics[0].second = now;
    Tolerances t;
    t.add(tolerance);
    return !compare_results(a, b, t).same();
  };
  EXPECT_FALSE(moved(100, 101, "sim_seconds=1"));
  EXPECT_TRUE(moved(100, 101.001, "sim_seconds=1"));
  EXPECT_FALSE(moved(-100, -99, "sim_seconds=1"));
  EXPECT_TRUE(moved(0, 1e-9, "default=50")) << "a share of nothing is nothing";
  EXPECT_FALSE(moved(0, 1e-9, "default=50,1e-9"));
  EXPECT_FALSE(moved(1e-9, 1e-8, "default=50,1e-8"));
  EXPECT_FALSE(moved(NAN, NAN, "default=0"));
}

TEST(Compare, ABaselineIsComparedWithItsDigits) {
  LoadedResults old = before(), now = before();
  now.result.points[1].metrics[0].second = 1.0 / 3;
  old.result.points[1].metrics[0].second = 0.333333333;
  EXPECT_FALSE(compare_results(old, now, {}).same());
  old.digits = 9;
  EXPECT_TRUE(compare_results(old, now, {}).same());
  now.result.points[1].metrics[0].second = 0.333333335;
  EXPECT_FALSE(compare_results(old, now, {}).same());
}

TEST(Compare, ManyChangesAreSummedUp) {
  LoadedResults old = before(), now = before();
  old.result.points.clear();
  now.result.points.clear();
  for (int i = 0; i < 100; ++i) {
    old.result.points.push_back(point({{"i", i}}, {{"sim_seconds", 100}}));
    now.result.points.push_back(point({{"i", i}}, {{"sim_seconds", 101 + i}}));
  }
  const std::string text = to_text(compare_results(old, now, {}), false);
  EXPECT_THAT(text, HasSubstr("100 values moved, by metric"));
  EXPECT_THAT(text, HasSubstr("+1.000 %"));
  EXPECT_THAT(text, HasSubstr("the 30 largest"));
  EXPECT_THAT(text, HasSubstr("i=99 "));
  EXPECT_THAT(text, Not(HasSubstr("i=5 ")));
  EXPECT_THAT(to_text(compare_results(old, now, {}), true), HasSubstr("i=5 "));
}

TEST(Compare, TwoStudiesAreRefused) {
  LoadedResults other = after();
  other.result.study = "three";
  try {
    compare_results(before(), other, {});
    FAIL() << "compared";
  } catch (const ResultsInputError& error) {
    EXPECT_STREQ(error.what(),
                 "old/results.json is of study 'two' and new/results.json of study 'three'; valid: "
                 "two runs of one study");
  }
}

/// 40 to 50 % of the time is 10 points more, and not 25 per cent.
TEST(Compare, SharesMoveInPoints) {
  LoadedResults old = before(), now = before();
  old.result.points[1].metrics = {{"cpu.utilization", 0.4}};
  now.result.points[1].metrics = {{"cpu.utilization", 0.5}};
  const Comparison c = compare_results(old, now, {});
  EXPECT_NE(to_text(c, false).find("+10.000 points"), std::string::npos) << to_text(c, false);
  EXPECT_EQ(to_text(c, false).find("25"), std::string::npos) << to_text(c, false);
  EXPECT_DOUBLE_EQ(to_json(c, false)["moved"][0]["change_points"].get<double>(), 10);
}

TEST(Compare, TimeThroughputAndTailStandFirst) {
  LoadedResults old = before(), now = before();
  const MetricList metrics = {{"bytes_copied", 1},
                              {"latency_us.p99", 1},
                              {"interrupts", 1},
                              {"throughput_mb_s", 1},
                              {"sim_seconds", 1}};
  old.result.points[1].metrics = now.result.points[1].metrics = metrics;
  for (auto& [name, value] : now.result.points[1].metrics) value = name == "bytes_copied" ? 99 : 2;
  const auto in_order = [](const std::string& text) {
    std::size_t at = 0;
    for (const char* name :
         {"sim_seconds", "throughput_mb_s", "latency_us.p99", "bytes_copied", "interrupts"}) {
      const std::size_t next = text.find(name, at);
      if (next == std::string::npos) return false;
      at = next;
    }
    return true;
  };
  const std::string few = to_text(compare_results(old, now, {}), false);
  EXPECT_TRUE(in_order(few)) << few;
  for (int i = 0; i < 20; ++i) {
    for (LoadedResults* r : {&old, &now}) {
      r->result.points.push_back(r->result.points[1]);
      r->result.points.back().axes = {{"i", i}};
    }
  }
  const std::string many = to_text(compare_results(old, now, {}), false);
  EXPECT_TRUE(in_order(many.substr(many.find("by metric")))) << many;
}

/// Names above their figures where there is no room beside them.
TEST(Compare, FitsAScreenOfEightyColumns) {
  LoadedResults old = before(), now = after();
  for (LoadedResults* r : {&old, &now}) {
    r->result.points[0].axes = {{"row", "5: kernel C, AES-128-XTS (256-bit key), encrypt, twice"}};
  }
  const std::string text = to_text(compare_results(old, now, {}), false, 80);
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) EXPECT_LE(line.size(), 80u) << text;
  EXPECT_NE(text.find("  5: kernel C, AES-128-XTS (256-bit key), encrypt, twice\n    sim_seconds"),
            std::string::npos)
      << text;
}

TEST(Compare, UnknownMetricsInTolerances) {
  EXPECT_THROW(compare({"sim_second=1"}), std::invalid_argument);
  EXPECT_NO_THROW(compare({"integrity.requests_ended=1", "integrity=1", "latency_us=2"}));
}

}  // namespace
}  // namespace cesasim::study::test
