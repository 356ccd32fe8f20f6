// SPDX-License-Identifier: Apache-2.0
#include "study/report/report_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "study/report/page.h"

namespace cesasim::study {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string folder() {
  return std::string(std::getenv("TEST_SRCDIR")) + "/" + std::getenv("TEST_WORKSPACE") +
         "/tests/study/report/";
}

Json read(const std::string& name) {
  std::ifstream in(folder() + name);
  EXPECT_TRUE(in) << name;
  return Json::parse(in);
}

std::string error_of(const Json& results) {
  try {
    report_data(results);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

std::string baseline_error(const std::vector<std::string>& texts, const Json& results) {
  try {
    parse_report_baseline(texts, results);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

/// A study with everything: an axis of numbers, a failed and a broken point, series, histograms.
TEST(ReportData, Golden) {
  EXPECT_EQ(report_data(read("sweep.results.json")).dump(1), read("sweep.report.json").dump(1));
}

/// Results from before there were series, of one point.
TEST(ReportData, GoldenOfOldResults) {
  EXPECT_EQ(report_data(read("old.results.json")).dump(1), read("old.report.json").dump(1));
}

TEST(ReportData, TheVersionSaysFromWhichSources) {
  Json results = read("old.results.json");
  results["build"] = "1234567";
  EXPECT_EQ(report_data(results)["version"], "0.1.0 (1234567)");
}

TEST(ReportData, NumbersHaveSixDigitsAndCountsAll) {
  const Json data = report_data(read("sweep.results.json"));
  const auto value = [&data](std::size_t point, const std::string& name) -> Json {
    for (std::size_t i = 0; i < data["metrics"].size(); ++i) {
      if (data["metrics"][i]["name"] == name) return data["points"][point]["metrics"][i];
    }
    return "no such metric";
  };
  EXPECT_EQ(value(1, "sim_seconds"), 11.1723);
  EXPECT_EQ(value(0, "bytes_copied"), 543399936);
  EXPECT_EQ(value(3, "latency_us.max"), nullptr);
  EXPECT_EQ(value(5, "sim_seconds"), nullptr);  // failed
}

TEST(ReportData, NotesAndWhomAFaultHit) {
  Json results = read("old.results.json");
  Json& point = results["points"][0];
  point["notes"] = {"on no stock kernel"};
  point["faults"] = Json{{"f", Json{{"kind", "page_alloc"},
                                    {"opportunities", 90},
                                    {"fired", 9},
                                    {"hit", Json{{"the page cache", 4}, {"elsewhere", 5}}}}}};
  const Json data = report_data(results)["points"][0];
  EXPECT_EQ(data["notes"], Json({"on no stock kernel"}));
  EXPECT_EQ(data["faults"][0]["hit"], "the page cache 4, elsewhere 5");
}

TEST(ReportData, AxesOfNumbers) {
  const auto numbers = [](std::vector<Json> values) {
    Json results = read("old.results.json");
    const Json point = results["points"][0];
    results["points"] = Json::array();
    for (const Json& value : values) {
      results["points"].push_back(point);
      results["points"].back()["axes"] = Json{{"a.b_us", value}};
    }
    const Json axis = report_data(results, {{{"a.b_us", "us"}}})["axes"][0];
    return axis.contains("numbers") ? axis["numbers"].dump() : "none";
  };
  EXPECT_EQ(numbers({1, 2.5}), R"({"name":"b_us","unit":"us","values":[1,2.5]})");
  EXPECT_EQ(numbers({"depth 1", "depth 32"}), R"({"name":"depth","unit":"us","values":[1,32]})");
  EXPECT_EQ(numbers({"512 bytes", "4096 bytes"}),
            R"({"name":"b_us","unit":"bytes","values":[512,4096]})");
  EXPECT_EQ(numbers({"one", "two"}), "none");
  EXPECT_EQ(numbers({"ocf-v1", "async"}), "none");
  EXPECT_EQ(numbers({"1 of 2", "2 of 2"}), "none");
  EXPECT_EQ(numbers({"armada-370", "armada-385"}), "none") << "names";
  EXPECT_EQ(numbers({"sha256", "sha512"}), "none");
  EXPECT_EQ(numbers({"a 1", "b 2"}), "none");
  EXPECT_EQ(numbers({true, false}), "none");
  EXPECT_EQ(numbers({7}), "none");
}

/// A thousand points with 240 bins each: as many bins as the page can carry, with the mean kept.
TEST(ReportData, SeriesOfManyPointsAreMerged) {
  Json results = read("old.results.json");
  const Json point = results["points"][0];
  Json series;
  series["bin_seconds"] = 0.5;
  for (int i = 0; i < 240; ++i) series["in_flight"].push_back(i);
  series["phases"] = Json::array();
  results["points"] = Json::array();
  for (int i = 0; i < 1000; ++i) {
    results["points"].push_back(point);
    results["points"].back()["axes"] = Json{{"seed", i}};
    results["points"].back()["series"] = series;
  }
  const Json merged = report_data(results)["points"][999]["series"];
  EXPECT_EQ(merged["bin_seconds"], 2);
  ASSERT_EQ(merged["in_flight"].size(), 60u);
  EXPECT_EQ(merged["in_flight"][0], 1.5);
  EXPECT_EQ(merged["in_flight"][59], 237.5);
}

TEST(ReportData, WhatIsWrongIsNamed) {
  Json results = read("sweep.results.json");
  results["schema"] = "other";
  EXPECT_THAT(error_of(results), HasSubstr("schema 'other'"));
  EXPECT_NE(error_of(Json::array()), "");
  results = read("sweep.results.json");
  results["points"][0]["series"]["read_mb_s"][1] = "fast";
  EXPECT_EQ(error_of(results), "series.read_mb_s: not a number");
  results["points"][0]["series"]["read_mb_s"] = 5;
  results["points"][0]["series"]["bin_seconds"] = 0;
  EXPECT_EQ(error_of(results), "series: bin_seconds must be above zero");
  results = read("sweep.results.json");
  results["points"][0]["latency_histogram"]["read"] = Json::array({Json::array({2, 1}), 5});
  EXPECT_THAT(error_of(results), HasSubstr("latency_histogram.read"));
  results["points"][0]["latency_histogram"]["read"] =
      Json::array({Json::array({2, 1}), Json::array({1, 1})});
  EXPECT_THAT(error_of(results), HasSubstr("rising"));
}

TEST(ReportBaseline, AxesAndTheirValues) {
  Json results = read("sweep.results.json");
  EXPECT_EQ(parse_report_baseline({"dmcrypt.path=ocf-v1,depth=depth 4"}, results).dump(),
            R"({"dmcrypt.path":"ocf-v1","depth":"depth 4"})");
  EXPECT_EQ(parse_report_baseline({"dmcrypt.path=ocf-v1", "depth=depth 4"}, results).size(), 2u);
  results["points"][0]["axes"]["depth"] = "a, b";
  EXPECT_EQ(parse_report_baseline({"depth=a, b,dmcrypt.path=standard"}, results)["depth"], "a, b");
  EXPECT_EQ(baseline_error({"dmcrypt.pat=ocf-v1"}, results),
            "no axis 'dmcrypt.pat' in these results; valid: depth, dmcrypt.path; did you mean "
            "dmcrypt.path?");
  EXPECT_EQ(baseline_error({"dmcrypt.path=ocf-v2"}, results),
            "no value 'ocf-v2' on the axis dmcrypt.path; valid: standard, ocf-v1; did you mean "
            "ocf-v1?");
  EXPECT_EQ(baseline_error({"standard"}, results), "'standard' is no axis=value");
}

/// No name of a study can end the data's element, the title or the page.
TEST(ReportPage, NamesAreEscaped) {
  const std::string page = report_page(report_data(read("sweep.results.json")));
  EXPECT_THAT(page, HasSubstr("<title>&lt;/script&gt;&lt;b&gt;&amp;&quot;study&quot;"));
  const std::string begin = R"(<script type="application/json" id="data">)";
  const std::size_t from = page.find(begin) + begin.size();
  const std::string text = page.substr(from, page.find("</script>", from) - from);
  EXPECT_EQ(text.find('<'), std::string::npos);
  EXPECT_EQ(Json::parse(text)["study"], "</script><b>&\"study\"</b><!--");
  EXPECT_THAT(page, Not(HasSubstr("{{")));
}

/// Nothing to fetch, and the licence of what is in the page.
TEST(ReportPage, StandsAlone) {
  const std::string page = report_page(report_data(read("old.results.json")));
  for (const char* loading : {"src=\"", "<link", "@import", "url(http"}) {
    EXPECT_THAT(page, Not(HasSubstr(loading))) << loading;
  }
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page, HasSubstr("Permission is hereby granted"));
  EXPECT_THAT(page, HasSubstr("* Chart.js v3"));
}

}  // namespace
}  // namespace cesasim::study
