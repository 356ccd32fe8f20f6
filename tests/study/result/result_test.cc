// SPDX-License-Identifier: Apache-2.0
#include "study/result/result.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "machine/result/metrics.h"
#include "study/output/csv.h"
#include "tests/support/fixture.h"

namespace cesasim::study::test {
namespace {

PointResult point(const std::string& path, const std::string& driver, double seconds,
                  const std::string& trace = "traces/a.csv") {
  PointResult out;
  out.axes = {{"workload.trace", trace}, {"dmcrypt.path", path}, {"ocf.driver", driver}};
  out.metrics = {{"sim_seconds", seconds}, {"bytes", 4096}};
  out.phases = {{"one", {{"sim_seconds", seconds / 4}}},
                {"two", {{"sim_seconds", seconds * 3 / 4}}}};
  out.integrity = {{"requests_ended", 7}, {"lost_requests", 0}};
  out.config = {{"seed", 1}};
  return out;
}

/// The test study with other expectations.
Study study_with(const std::string& expectations) {
  std::string text = good_study();
  text.erase(text.find("expect:"));
  return parse_study(text + "expect:\n" + expectations, "t.yaml");
}

std::vector<PointResult> usual() {
  return {point("standard", "cryptosoft", 10), point("ocf-v1", "cryptosoft", 12),
          point("ocf-v1", "cesa_tdma", 8), point("ocf-v3", "cryptosoft", 11)};
}

TEST(Result, SurvivesJson) {
  PointResult p = point("standard", "cryptosoft", 1.0 / 3);
  p.status = Status::broken;
  p.error = "tab\t\"quote\" \xc3\xa4";
  p.metrics.emplace_back("cpu.utilization", std::nan(""));
  p.metrics.emplace_back("dram.bytes", 1e300);
  p.dma_hazards = {"the disk reads 512 bytes"};
  p.integrity.emplace_back("big", std::numeric_limits<std::uint64_t>::max());
  const Json json = Json::parse(to_json(p).dump());
  const PointResult q = point_from_json(json);
  EXPECT_EQ(to_json(q).dump(), json.dump());
  EXPECT_EQ(q.metrics[0].second, 1.0 / 3);
  EXPECT_TRUE(std::isnan(*find_value(q.metrics, "cpu.utilization")));
  EXPECT_EQ(q.integrity.back().second, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(q.dma_hazards, p.dma_hazards);
  EXPECT_EQ(q.phases[1].name, "two");
  EXPECT_EQ(q.config["seed"], 1);
  EXPECT_EQ(find_value(q.metrics, "none"), std::nullopt);
}

TEST(Result, FaultsAndBrokenGuaranteesSurviveJson) {
  PointResult p = point("ocf-v1", "cesa_tdma", 1);
  EXPECT_FALSE(to_json(p).contains("faults"));
  EXPECT_FALSE(to_json(p).contains("broken_guarantees"));
  EXPECT_FALSE(to_json(p).contains("notes"));
  p.faults = {{"z", "lost_interrupt", 7, 1},
              {"a", "page_alloc", 1ull << 40, 9, {{"the page cache", 4}, {"elsewhere", 5}}}};
  p.notes = {"one note"};
  p.broken_guarantees = {"1 requests never ended (first: sector 8)"};
  p.status = Status::broken;
  const Json json = Json::parse(to_json(p).dump());
  EXPECT_EQ(json["faults"]["z"]["fired"], 1);
  EXPECT_EQ(json["faults"]["a"]["kind"], "page_alloc");
  StudyResult study{"s", "1", {p}, {}, {}};
  const StudyResult back = study_result_from_json(Json::parse(to_json(study).dump()));
  ASSERT_EQ(back.points.size(), 1u);
  const PointResult& q = back.points[0];
  ASSERT_EQ(q.faults.size(), 2u);
  EXPECT_EQ(q.faults[0].name, "z") << "in the order of the rules";
  EXPECT_EQ(q.faults[0].kind, "lost_interrupt");
  EXPECT_EQ(q.faults[0].opportunities, 7u);
  EXPECT_EQ(q.faults[0].fired, 1u);
  EXPECT_EQ(q.faults[1].opportunities, 1ull << 40);
  EXPECT_TRUE(q.faults[0].hit.empty());
  EXPECT_EQ(q.faults[1].hit, p.faults[1].hit);
  EXPECT_EQ(hit_text(q.faults[1]), "the page cache 4, elsewhere 5");
  EXPECT_EQ(q.notes, p.notes);
  EXPECT_EQ(q.broken_guarantees, p.broken_guarantees);
  EXPECT_EQ(q.status, Status::broken);
  Json bad = to_json(p);
  bad["faults"]["z"].erase("fired");
  EXPECT_THROW(point_from_json(bad), std::runtime_error);
}

/// Results of the time before it had none.
TEST(Result, TheSourcesOfTheProgramSurviveJson) {
  StudyResult study{"s", "1", {}, {}, {}};
  EXPECT_FALSE(to_json(study).contains("build"));
  EXPECT_EQ(study_result_from_json(to_json(study)).build, "");
  study.build = "1234567-dirty";
  EXPECT_EQ(study_result_from_json(Json::parse(to_json(study).dump())).build, "1234567-dirty");
}

/// Whether a broken point is minded stands in its own configuration; a failed one always is.
TEST(Result, OnlyBrokenPointsCanBeTolerated) {
  PointResult p = point("standard", "cryptosoft", 1);
  for (const Status status : {Status::ok, Status::failed, Status::broken}) {
    p.status = status;
    p.config = {{"on_broken", "report"}};
    EXPECT_EQ(p.broken_is_tolerated(), status == Status::broken) << status_name(status);
    p.config = {{"on_broken", "fail"}};
    EXPECT_FALSE(p.broken_is_tolerated());
    p.config = Json::object();
    EXPECT_FALSE(p.broken_is_tolerated());
    p.config = Json();
    EXPECT_FALSE(p.broken_is_tolerated());
  }
}

TEST(Result, MalformedJsonIsAnError) {
  EXPECT_THROW(point_from_json(Json::parse("{}")), std::runtime_error);
  EXPECT_THROW(point_from_json(Json::parse("[]")), std::runtime_error);
  Json json = to_json(point("a", "b", 1));
  json["status"] = "fine";
  EXPECT_THROW(point_from_json(json), std::runtime_error);
  json = to_json(point("a", "b", 1));
  json["metrics"]["sim_seconds"] = "fast";
  EXPECT_THROW(point_from_json(json), std::runtime_error);
}

TEST(Result, StudySurvivesJson) {
  StudyResult r{"s", "1.2.3", usual(), {}, {}};
  const Study study = study_with(
      "  - {name: a, where: {dmcrypt.path: ocf-v1}, metric: sim_seconds, relative_to: baseline, "
      "min: 1.0}\n");
  r.expectations = check_expectations(study, r.points);
  const Json json = Json::parse(to_json(r).dump());
  EXPECT_EQ(to_json(study_result_from_json(json)).dump(), json.dump());
  EXPECT_EQ(json["schema"], "cesasim-results-1");
  EXPECT_FALSE(json.contains("baseline"));
  EXPECT_EQ(json["expectations"][0]["ok"], false);
  EXPECT_EQ(json["expectations"][0]["bound"].dump(), R"({"min":1.0,"max":null})");
  Json other = json;
  other["schema"] = "x";
  EXPECT_THROW(study_result_from_json(other), std::runtime_error);
  r.baseline["dmcrypt.path"] = "standard";
  EXPECT_EQ(study_result_from_json(to_json(r)).baseline, r.baseline);
}

TEST(Integrity, AnyFaultBreaksThePoint) {
  PointResult p = point("a", "b", 1);
  check_integrity(p);
  EXPECT_EQ(p.status, Status::ok);
  for (const std::string& name : fault_counters()) {
    PointResult q = point("a", "b", 1);
    q.integrity.emplace_back(name, 2);
    check_integrity(q);
    EXPECT_EQ(q.status, Status::broken) << name;
    EXPECT_EQ(q.error, "integrity broken: " + name + " 2");
  }
}

TEST(Expectations, AbsoluteBoundsAndTheWorstPoint) {
  const Study study = study_with(
      "  - {name: a, where: {dmcrypt.path: ocf-v1}, metric: sim_seconds, max: 12}\n"
      "  - {name: b, where: {dmcrypt.path: ocf-v1}, metric: sim_seconds, max: 11.5}\n"
      "  - {name: c, where: {dmcrypt.path: ocf-v1}, metric: sim_seconds, min: 8, max: 20}\n"
      "  - {name: d, metric: bytes, min: 4096, max: 4096}\n");
  const auto r = check_expectations(study, usual());
  EXPECT_EQ(r[0].ok, true);
  EXPECT_EQ(r[0].value, 12);
  EXPECT_EQ(r[0].point, "traces/a.csv ocf-v1 cryptosoft");
  EXPECT_EQ(r[1].ok, false);
  EXPECT_EQ(r[1].value, 12);
  EXPECT_EQ(r[2].ok, true);
  EXPECT_EQ(r[2].value, 8);  // nearest to a bound
  EXPECT_EQ(r[3].ok, true);
}

TEST(Expectations, RatiosUseTheBaselineOfTheSameTrace) {
  std::vector<PointResult> points = usual();
  points.push_back(point("standard", "cryptosoft", 100, "traces/b.csv"));
  points.push_back(point("ocf-v1", "cryptosoft", 90, "traces/b.csv"));
  const Study study = study_with(
      "  - {name: a, where: {dmcrypt.path: ocf-v1, ocf.driver: cryptosoft, workload.trace: "
      "traces/a.csv}, metric: sim_seconds, relative_to: baseline, min: 1.1, max: 1.3}\n"
      "  - {name: b, where: {dmcrypt.path: ocf-v1, workload.trace: traces/b.csv}, metric: "
      "sim_seconds, relative_to: baseline, max: 0.95}\n"
      "  - {name: c, where: {dmcrypt.path: ocf-v1, ocf.driver: cesa_tdma}, phase: two, metric: "
      "sim_seconds, relative_to: baseline, max: 0.9}\n");
  const auto r = check_expectations(study, points);
  EXPECT_EQ(r[0].ok, true);
  EXPECT_DOUBLE_EQ(*r[0].value, 1.2);
  EXPECT_EQ(r[1].ok, true);
  EXPECT_DOUBLE_EQ(*r[1].value, 0.9);
  EXPECT_EQ(r[2].ok, true);
  EXPECT_DOUBLE_EQ(*r[2].value, 0.8);
  EXPECT_TRUE(r[2].relative);
}

TEST(Expectations, WhatCannotBeCheckedIsNotCalledTrue) {
  std::vector<PointResult> points = usual();
  points[1].status = Status::failed;
  points[2].phases.clear();
  const Study study = study_with(
      "  - {name: failed, where: {dmcrypt.path: ocf-v1, ocf.driver: cryptosoft}, metric: "
      "sim_seconds, min: 0}\n"
      "  - {name: phase, where: {dmcrypt.path: ocf-v1, ocf.driver: cesa_tdma}, phase: two, "
      "metric: sim_seconds, min: 0}\n"
      "  - {name: metric, where: {dmcrypt.path: ocf-v3}, metric: disk.utilization, min: 0}\n"
      "  - {name: gone, where: {workload.trace: traces/b.csv}, metric: bytes, min: 0}\n");
  const auto r = check_expectations(study, points);
  EXPECT_EQ(r[0].ok, false);
  EXPECT_EQ(r[0].note, "point 'traces/a.csv ocf-v1 cryptosoft' failed");
  EXPECT_EQ(r[1].ok, false);
  EXPECT_EQ(r[1].note, "no phase 'two' in 'traces/a.csv ocf-v1 cesa_tdma'; phases: none");
  EXPECT_EQ(r[2].ok, false);
  EXPECT_FALSE(r[2].value);
  EXPECT_EQ(r[3].ok, std::nullopt);
  EXPECT_EQ(r[3].note, "not checked: no point of this run matches");
}

TEST(Expectations, AMissingOrZeroBaseline) {
  std::vector<PointResult> points = usual();
  const Study study = study_with(
      "  - {name: a, where: {dmcrypt.path: ocf-v3}, metric: sim_seconds, relative_to: baseline, "
      "min: 0}\n");
  points[0].metrics[0].second = 0;
  EXPECT_EQ(check_expectations(study, points)[0].ok, false);
  EXPECT_EQ(check_expectations(study, points)[0].note, "sim_seconds is 0 in the baseline");
  points[0].status = Status::broken;
  EXPECT_EQ(check_expectations(study, points)[0].note,
            "point 'traces/a.csv standard cryptosoft' is broken");
  points.erase(points.begin());
  EXPECT_EQ(check_expectations(study, points)[0].ok, std::nullopt);
  EXPECT_EQ(check_expectations(study, points)[0].note,
            "not checked: the baseline point is not in this run");
}

TEST(Csv, OneRowPerPointAndPhase) {
  StudyResult r{"s", "1", {point("standard", "crypto,\"soft\"", 10)}, {}, {}};
  r.points[0].metrics.emplace_back("own.metric", 2.5);
  EXPECT_EQ(to_csv(r),
            "workload.trace,dmcrypt.path,ocf.driver,status,phase,sim_seconds,bytes,own.metric\n"
            "traces/a.csv,standard,\"crypto,\"\"soft\"\"\",ok,,10,4096,2.5\n"
            "traces/a.csv,standard,\"crypto,\"\"soft\"\"\",ok,one,2.5,,\n"
            "traces/a.csv,standard,\"crypto,\"\"soft\"\"\",ok,two,7.5,,\n");
}

TEST(Metrics, TheFixedNamesAreThere) {
  for (const char* name : {"sim_seconds",
                           "host_seconds",
                           "requests",
                           "bytes",
                           "throughput_mb_s",
                           "latency_us.mean",
                           "latency_us.p50",
                           "latency_us.p95",
                           "latency_us.p99",
                           "latency_us.max",
                           "cpu.utilization",
                           "cpu.share.user",
                           "cpu.share.idle",
                           "cpu.cycles_per_byte",
                           "engine.utilization",
                           "engine.operations",
                           "engine.bytes",
                           "disk.utilization",
                           "disk.queue_depth_mean",
                           "bytes_copied",
                           "interrupts",
                           "context_switches",
                           "in_flight_mean",
                           "dram.bytes"}) {
    EXPECT_NE(find_metric(name), nullptr) << name;
  }
  EXPECT_EQ(find_metric("speed"), nullptr);
}

}  // namespace
}  // namespace cesasim::study::test
