// SPDX-License-Identifier: Apache-2.0
#include "study/diff/baseline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tests/support/fixture.h"

namespace cesasim::study::test {
namespace {

using testing::HasSubstr;
using testing::Not;

StudyResult sample() {
  StudyResult r;
  r.study = "s";
  r.version = "1.2.3";
  PointResult p;
  p.axes = {{"ocf.driver", "cryptosoft"}, {"soc.cores", 2}};
  p.metrics = {{"sim_seconds", 1.0 / 3}, {"host_seconds", 5}, {"latency_us.mean", std::nan("")}};
  p.phases = {{"mkfs", {{"sim_seconds", 2e-7 / 3}, {"host_seconds", 1}}}};
  p.integrity = {{"requests_ended", 12345678901ull}};
  p.broken_guarantees = {"a \"quoted\" one"};
  p.config = {{"seed", 1}};
  r.points = {p};
  ExpectationResult e;
  e.name = "holds";
  e.ok = true;
  e.value = 1.0 / 3;
  e.min = 0.1;
  r.expectations = {e};
  return r;
}

TEST(Baseline, KeepsWhatIsSimulatedInNineDigits) {
  const auto folder = fresh_folder("baseline");
  const std::string text = baseline_text(sample());
  EXPECT_THAT(text, Not(HasSubstr("host_seconds")));
  EXPECT_THAT(text, Not(HasSubstr("config")));
  EXPECT_THAT(text, HasSubstr("\"sim_seconds\": 0.333333333,"));
  EXPECT_THAT(text, HasSubstr("6.66666667e-08"));
  write_file(folder / "b.json", text);
  const LoadedResults read = load_results((folder / "b.json").string());
  EXPECT_EQ(read.digits, 9);
  EXPECT_EQ(read.result.study, "s");
  ASSERT_EQ(read.result.points.size(), 1u);
  const PointResult& p = read.result.points[0];
  EXPECT_EQ(p.axes["soc.cores"], 2);
  EXPECT_EQ(find_value(p.metrics, "sim_seconds"), 0.333333333);
  EXPECT_TRUE(std::isnan(*find_value(p.metrics, "latency_us.mean")));
  EXPECT_EQ(p.integrity[0].second, 12345678901ull);
  EXPECT_EQ(p.broken_guarantees[0], "a \"quoted\" one");
  EXPECT_EQ(read.result.expectations[0].min, 0.1);
  // Once short, it stays as it is.
  EXPECT_EQ(baseline_text(read.result), text);
}

TEST(Baseline, ZerosAreImpliedWhereEveryPointHasTheMetric) {
  const auto folder = fresh_folder("zeros");
  StudyResult r = sample();
  r.points.push_back(r.points[0]);
  r.points[1].axes["soc.cores"] = 1;
  r.points[0].metrics = {{"sim_seconds", 1}, {"ocf.lost", 0}, {"bench.user", 0}};
  r.points[1].metrics = {{"sim_seconds", 2}, {"ocf.lost", 3}};
  const std::string text = baseline_text(r);
  EXPECT_THAT(text, Not(HasSubstr("\"ocf.lost\": 0")));
  EXPECT_THAT(text, HasSubstr("\"bench.user\": 0")) << "the second point has none";
  write_file(folder / "b.json", text);
  const LoadedResults read = load_results((folder / "b.json").string());
  EXPECT_EQ(find_value(read.result.points[0].metrics, "ocf.lost"), 0);
  EXPECT_EQ(find_value(read.result.points[1].metrics, "ocf.lost"), 3);
  EXPECT_FALSE(find_value(read.result.points[1].metrics, "bench.user").has_value());
  EXPECT_EQ(baseline_text(read.result), text);
}

TEST(Baseline, ResultsAreFoundInFoldersAndSeriesArePassedOver) {
  const auto folder = fresh_folder("results");
  Json json = to_json(sample());
  // Nothing that a reader of series could make sense of.
  json["points"][0]["series"] = {{"bins", "none"}, {"deep", {1, {{"x", 2}}}}};
  json["points"][0]["latency_histogram"] = 5;
  write_file(folder / "results.json", json.dump());
  const LoadedResults read = load_results(folder.string());
  EXPECT_EQ(read.file, (folder / "results.json").string());
  EXPECT_EQ(read.digits, 0);
  EXPECT_EQ(find_value(read.result.points[0].metrics, "sim_seconds"), 1.0 / 3);
  EXPECT_EQ(read.result.points[0].config["seed"], 1) << "what follows is read again";
}

/// What somebody has edited: named, in words, and never by the library's.
TEST(Baseline, EditedFiles) {
  const auto folder = fresh_folder("edited");
  const auto message = [&](const std::function<void(Json&)>& edit) -> std::string {
    Json json = to_json(sample());
    edit(json);
    write_file(folder / "results.json", json.dump());
    try {
      load_results(folder.string());
    } catch (const ResultsInputError& error) {
      return error.what();
    }
    return "";
  };
  const std::string twice = message([](Json& j) { j["points"].push_back(j["points"][0]); });
  EXPECT_NE(twice.find("stands there twice; valid: every point once"), std::string::npos) << twice;
  for (const char* key : {"schema", "study", "version", "points", "expectations"}) {
    for (const Json& value : {Json(5), Json(Json::array({1})), Json(nullptr)}) {
      const std::string text = message([&](Json& j) { j[key] = value; });
      EXPECT_NE(text, "") << key << " " << value;
      EXPECT_EQ(text.find("json.exception"), std::string::npos) << text;
    }
  }
  Json baseline = Json::parse(baseline_text(sample()));
  baseline["digits"] = -3;
  write_file(folder / "b.json", baseline.dump());
  EXPECT_THROW(load_results((folder / "b.json").string()), ResultsInputError);
}

TEST(Baseline, FilesThatAreNone) {
  const auto folder = fresh_folder("bad");
  const auto message = [&](const std::string& path) -> std::string {
    try {
      load_results(path);
    } catch (const ResultsInputError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message("/nowhere"), HasSubstr("/nowhere: no such file"));
  EXPECT_THAT(message(folder.string()), HasSubstr("results.json: no such file"));
  const struct {
    const char* text;
    const char* part;
  } cases[] = {
      {"", "not a results file"},
      {"[1]", "no map at its top"},
      {"{\"schema\": \"cesasim-results-9\"}", "schema 'cesasim-results-9' where"},
      {"{\"schema\": \"cesasim-results-1\", \"study\": \"s\"}", "version"},
      {"{\"schema\": \"cesasim-baseline-1\"}", "digits"},
      {"{\"schema\": 5}", "not a results file"},
  };
  for (const auto& c : cases) {
    write_file(folder / "x.json", c.text);
    EXPECT_THAT(message((folder / "x.json").string()), HasSubstr(c.part))
        << c.text << ": " << message((folder / "x.json").string());
  }
}

}  // namespace
}  // namespace cesasim::study::test
