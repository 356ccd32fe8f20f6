// SPDX-License-Identifier: Apache-2.0
// The report in a real browser: charts are drawn, choosers work, nothing is fetched and nothing
// complains.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "study/report/page.h"
#include "study/report/report_data.h"

namespace cesasim::study {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kBrowser = "/usr/bin/chromium";
constexpr std::chrono::seconds kPatience{180};

std::string source(const std::string& name) {
  const std::string file = std::string(std::getenv("TEST_SRCDIR")) + "/" +
                           std::getenv("TEST_WORKSPACE") + "/tests/study/report/" + name;
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_FALSE(text.str().empty()) << file;
  return text.str();
}

std::string slurp(const fs::path& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Runs the browser to its end, or kills it and what it started when patience is over.
void run(const std::vector<std::string>& command, const fs::path& out, const fs::path& err) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::setpgid(0, 0);
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
    ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  const Clock::time_point end = Clock::now() + kPatience;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (Clock::now() > end) {
      ::kill(-child, SIGKILL);
      ::waitpid(child, &status, 0);
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ::kill(-child, SIGKILL);  // helpers that outlive it
}

std::string percent_decoded(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

struct Look {
  Json found;
  std::string console;  ///< lines that the page wrote to the browser's console
};

/// Opens the page of these results and says what page_check.js found. Under a width of 500, which
/// is the browser's least, the page stands in a frame.
Look open_report(const Json& results, int width, bool use_choosers) {
  std::string page = report_page(report_data(results));
  const std::string head = "<head>";
  page.insert(page.find(head) + head.size(), "<script>" + source("catch_errors.js") + "</script>");
  page.insert(page.rfind("</body>"), std::string("<script>") +
                                         (use_choosers ? "const use_choosers = true;\n" : "") +
                                         source("page_check.js") + "</script>");
  const fs::path folder = fs::path(std::getenv("TEST_TMPDIR")) / ("page-" + std::to_string(width));
  fs::create_directories(folder);
  std::ofstream(folder / "report.html") << page;
  fs::path start = folder / "report.html";
  if (width < 500) {
    start = folder / "frame.html";
    std::ofstream(start) << "<!DOCTYPE html><html><body><iframe src='report.html' width='" << width
                         << "' height='800'></iframe><script>addEventListener('message', (event) =>"
                            " { document.documentElement.dataset.check = event.data; });</script>"
                            "</body></html>";
  }
  Look look;
  // The browser's start is the one thing that may be tried again.
  for (int attempt = 0; attempt < 3; ++attempt) {
    const fs::path profile = folder / ("profile-" + std::to_string(attempt));
    run({kBrowser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--no-first-run", "--disable-extensions", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-breakpad",
         "--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir=" + profile.string(),
         "--window-size=" + std::to_string(std::max(width, 600)) + ",900",
         "--enable-logging=stderr", "--virtual-time-budget=30000", "--dump-dom",
         "file://" + start.string()},
        folder / "dom.html", folder / "log.txt");
    const std::string dom = slurp(folder / "dom.html");
    if (dom.find("<html") != std::string::npos) {
      const std::string name = "data-check=\"";
      const std::size_t from = dom.find(name);
      EXPECT_NE(from, std::string::npos) << "the check did not end";
      if (from != std::string::npos) {
        const std::size_t begin = from + name.size();
        look.found = Json::parse(percent_decoded(dom.substr(begin, dom.find('"', begin) - begin)));
      }
      break;
    }
  }
  std::istringstream log(slurp(folder / "log.txt"));
  for (std::string line; std::getline(log, line);) {
    if (line.find("CONSOLE") != std::string::npos) look.console += line + "\n";
  }
  if (look.found.is_null()) {
    ADD_FAILURE() << kBrowser << " showed nothing: " << slurp(folder / "log.txt").substr(0, 4000);
    look.found = Json::object();
  }
  return look;
}

Json golden_results(const std::string& name) { return Json::parse(source(name)); }

void expect_clean(const Look& look) {
  EXPECT_EQ(look.console, "");
  EXPECT_EQ(look.found.at("caught").dump(), "[]");
  EXPECT_EQ(look.found.at("requests").dump(), "[]");
}

void expect_drawn(const Json& seen, std::size_t charts) {
  EXPECT_EQ(seen.at("charts"), charts);
  EXPECT_EQ(seen.at("blank"), 0);
  EXPECT_EQ(seen.at("unnamed"), 0);
  EXPECT_LE(seen.at("overflow").get<int>(), 0);
}

using Words = std::vector<std::string>;

TEST(Browser, ChartsAreDrawnAndChoosersWork) {
  const Look look = open_report(golden_results("sweep.results.json"), 1280, true);
  const Json& found = look.found;
  expect_clean(look);
  // A panel for each of three loads in comparison, time, use and latency; the sweep; three over
  // time for each of two points, two histograms.
  constexpr std::size_t kCharts = 4 * 3 + 1 + 2 * 3 + 2;
  expect_drawn(found.at("first"), kCharts);
  EXPECT_EQ(found.at("study"), "</script><b>&\"study\"</b><!--");
  EXPECT_EQ(found.at("title"), "</script><b>&\"study\"</b><!-- - cesasim report");
  EXPECT_EQ(found.at("sections"),
            Json({"summary", "view", "table", "comparison", "sweep", "time", "use", "latency",
                  "closely", "phases", "faults", "configuration"}));
  const std::string text = found.at("text");
  for (const char* part :
       {"4 of 6 ok", "1 of 3 hold", "it <i>costs</i>", "the worker died: Killed",
        "3 writes put plaintext on the disk", "engine_error: 1 of 200", "-2.3 %", "soc.cores=1"}) {
    EXPECT_THAT(text, HasSubstr(part)) << part << " is not in: " << text;
  }
  // By hand: 11.172 / 10 and 9.5 / 8, each with the same depth's standard path.
  EXPECT_EQ(found.at("table_ratios"), Json({"1.000", "1.117", "1.000", "1.188", "1.000", "-"}));
  EXPECT_EQ(found.at("rising"), Json({"4", "8", "9.500", "10", "11.17", "-"}));
  EXPECT_EQ(found.at("falling"), Json({"11.17", "10", "9.500", "8", "4", "-"}));
  EXPECT_EQ(found.at("only_ocf"), Json({"depth 1 ocf-v1", "depth 4 ocf-v1", "depth 32 ocf-v1"}));
  EXPECT_EQ(found.at("only_depth_32"), Json({"depth 32 standard", "depth 32 ocf-v1"}));
  EXPECT_EQ(found.at("seconds_of_read"), Json({"2.500", "2.793", "2", "2.375", "1", "-"}));
  expect_drawn(found.at("after_metric"), kCharts);
  ASSERT_EQ(found.at("comparison").size(), 3u);
  // 100 / 11.172 MB/s over 100 / 10 MB/s.
  EXPECT_THAT(found["comparison"][0].get<std::string>(), HasSubstr("ocf-v1 0.895"))
      << found["comparison"];
  // All against depth 1 of the standard path.
  EXPECT_EQ(found.at("other_baseline"), Json({"1.000", "1.117", "0.800", "0.950", "0.400", "-"}));
  EXPECT_EQ(found.at("theme"), "dark");
  expect_drawn(found.at("dark"), kCharts);
  EXPECT_EQ(found.at("printed_theme"), "light");
  expect_drawn(found.at("printed"), kCharts);
  EXPECT_EQ(found.at("printed_folded"), 0) << "what is folded away is printed";
  EXPECT_GT(found.at("folded_again").get<int>(), 0);
  EXPECT_EQ(found.at("covered").dump(), "[]");
  // The filter is the sweep's and the two points' too.
  EXPECT_EQ(found.at("only_ocf_sweep"), Json({"ocf-v1"}));
  EXPECT_EQ(found.at("only_ocf_closely"), found.at("only_ocf"));
  expect_drawn(found.at("after_link"), kCharts);
}

TEST(Browser, FitsAPhone) {
  const Look look = open_report(golden_results("sweep.results.json"), 390, false);
  expect_clean(look);
  expect_drawn(look.found.at("first"), 4 * 3 + 1 + 2 * 3 + 2);
  // What is wider than the screen says that it goes on, and nothing is written over anything else.
  EXPECT_GT(look.found.at("scrolling").get<int>(), 0);
  EXPECT_EQ(look.found.at("scrolling"), look.found.at("scrolling_hints"));
  EXPECT_EQ(look.found.at("covered").dump(), "[]");
}

/// One point, no series, no histogram.
TEST(Browser, OldResults) {
  const Look look = open_report(golden_results("old.results.json"), 1100, false);
  expect_clean(look);
  expect_drawn(look.found.at("first"), 3);  // time, use, latency
  EXPECT_THAT(look.found.at("text").get<std::string>(), HasSubstr("of an older run"));
}

bool has(const Look& look, const std::string& text) {
  return look.found.at("text").get<std::string>().find(text) != std::string::npos;
}

TEST(Browser, SaysWhatItIsAbout) {
  Json results = golden_results("sweep.results.json");
  results["doc"] = "Does it pay?";
  results["date"] = "2026-11-30 21:40 UTC";
  results["command"] = "cesasim run sweep --set soc.cores=1";
  for (Json& point : results["points"]) {
    if (point["config"].empty()) continue;
    point["config"]["soc"]["preset"] = "kirkwood-88f6281";
    point["config"]["workload"]["trace"] = "traces/a.csv";
  }
  const Look look = open_report(results, 1200, false);
  expect_clean(look);
  for (const char* part : {"Does it pay?", "2026-11-30 21:40 UTC", "kirkwood-88f6281",
                           "traces/a.csv", "cesasim run sweep --set soc.cores=1"}) {
    EXPECT_TRUE(has(look, part)) << part << " is not in " << look.found.at("text");
  }
}

/// The baseline takes part, and every load has its fastest.
TEST(Browser, TheBaselineMayBeTheFastest) {
  Json results = golden_results("sweep.results.json");
  Json points = Json::array();
  for (int depth = 1; depth <= 5; ++depth) {
    for (const char* path : {"standard", "ocf-v1"}) {
      Json point = results["points"][0];
      point["axes"] = Json{{"depth", "depth " + std::to_string(depth)}, {"dmcrypt.path", path}};
      point["config"]["workload"]["depth"]["read"] = depth;
      point["config"]["dmcrypt"]["path"] = path;
      point["metrics"]["sim_seconds"] = path[0] == 's' ? 1 : 10;
      points.push_back(point);
    }
  }
  results["points"] = points;
  const Look look = open_report(results, 1210, false);
  expect_clean(look);
  EXPECT_EQ(look.found.at("fastest").size(), 5u) << look.found.at("fastest");
  for (const Json& tile : look.found.at("fastest")) {
    EXPECT_NE(
        tile.get<std::string>().find("standard\n1 s; the baseline; next ocf-v1, 10.00 of its"),
        std::string::npos)
        << tile;
  }
}

/// Off its aim but tolerated is neither green nor "met".
TEST(Browser, WhatIsOffItsAimIsAmber) {
  Json results = golden_results("sweep.results.json");
  Json row = results["expectations"][1];
  row["ok"] = true;
  row["published"]["tolerated"] = Json{{"within", 60}, {"reason", "it polls"}};
  results["expectations"] = Json::array({row});
  const Look look = open_report(results, 1220, false);
  expect_clean(look);
  for (const char* part : {"0 of 1 hold", "1 off their aim", "off its aim", "to 60 %: it polls"}) {
    EXPECT_TRUE(has(look, part)) << part << " is not in " << look.found.at("text");
  }
  EXPECT_FALSE(has(look, "all met"));
  EXPECT_EQ(look.found.at("amber"), 1);
}

/// Long names keep what tells them apart.
TEST(Browser, LongNamesAreCutWhereTheyAreTheSame) {
  Json results = golden_results("sweep.results.json");
  Json points = Json::array();
  const std::string same =
      "a very long beginning of a name that all of these points of it share, and it goes on and on "
      "until two lines of any chart are full ";
  for (const char* end : {"first and more", "second and more", "third and more"}) {
    Json point = results["points"][0];
    point["axes"] = Json{{"row", same + end}};
    points.push_back(point);
  }
  results["points"] = points;
  results["expectations"] = Json::array();
  const Look look = open_report(results, 1230, false);
  expect_clean(look);
  EXPECT_EQ(look.found.at("row_names").dump(), Json({{"\xe2\x80\xa6 first \xe2\x80\xa6"},
                                                     {"\xe2\x80\xa6 second \xe2\x80\xa6"},
                                                     {"\xe2\x80\xa6 third \xe2\x80\xa6"}})
                                                   .dump());
}

/// Every chart of a thousand points is not drawn at once, and the page stays quick.
TEST(Browser, AThousandPoints) {
  Json results = golden_results("sweep.results.json");
  const Json point = results["points"][0];
  Json series = point["series"];
  for (auto& [name, list] : series.items()) {
    if (!list.is_array() || name == "phases") continue;
    while (list.size() < 240) list.push_back(0.123456 * static_cast<double>(list.size()));
  }
  results["points"] = Json::array();
  for (int i = 0; i < 1000; ++i) {
    Json copy = point;
    copy["axes"] = Json{{"depth", "depth " + std::to_string(i / 10)}, {"seed", i % 10}};
    copy["metrics"]["sim_seconds"] = 10 + i % 7;
    copy["series"] = series;
    results["points"].push_back(copy);
  }
  EXPECT_LT(report_page(report_data(results)).size(), 8'000'000u);
  const Look look = open_report(results, 1000, false);
  expect_clean(look);
  const Json& first = look.found.at("first");
  EXPECT_EQ(first.at("blank"), 0);
  EXPECT_GT(first.at("charts").get<int>(), 8);
  EXPECT_LT(first.at("charts").get<int>(), 60);
  EXPECT_THAT(look.found.at("text").get<std::string>(), HasSubstr("6 of 100 groups shown"));
}

}  // namespace
}  // namespace cesasim::study
