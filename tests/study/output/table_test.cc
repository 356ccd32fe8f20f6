// SPDX-License-Identifier: Apache-2.0
#include "study/output/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iterator>
#include <set>
#include <sstream>

#include "base/text/errors.h"
#include "tests/support/fixture.h"

namespace cesasim::study::test {
namespace {

using testing::HasSubstr;
using testing::Not;

PointResult point(const std::string& trace, const std::string& path, double seconds) {
  PointResult out;
  out.axes = {{"workload.trace", trace}, {"dmcrypt.path", path}, {"ocf.driver", "cryptosoft"}};
  out.metrics = {{"sim_seconds", seconds},  {"throughput_mb_s", 123.456}, {"latency_us.p50", 80},
                 {"latency_us.p99", 90000}, {"cpu.utilization", 0.987},   {"cpu.share.cipher", 0.7},
                 {"cpu.share.copy", 0.2},   {"cpu.share.idle", 0.013},    {"cpu.share.irq", 0.001},
                 {"engine.utilization", 0}, {"disk.utilization", 0.25},   {"bytes_copied", 2e6},
                 {"interrupts", 4000},      {"context_switches", 50}};
  return out;
}

TEST(Table, Golden) {
  StudyResult r{"test", "1", {}, {}, {}};
  r.points = {point("traces/a.csv", "standard", 10), point("traces/a.csv", "ocf-v1", 12),
              point("traces/b.csv", "standard", 20), point("traces/b.csv", "ocf-v1", 15)};
  for (PointResult* p : {&r.points[2], &r.points[3]}) {
    const double s = p->metrics[0].second;
    p->phases = {{"write", {{"sim_seconds", s * 0.75}}}, {"read", {{"sim_seconds", s * 0.25}}}};
  }
  PointResult dead = point("traces/b.csv", "ocf-v3", 1);
  dead.status = Status::failed;
  dead.error = "the worker died: Killed";
  r.points.push_back(dead);
  const Study study = parse_study(good_study(), "t.yaml");
  r.expectations = check_expectations(study, r.points);
  EXPECT_EQ(to_table(study, r), R"(test
baseline: standard cryptosoft

traces/a.csv
  point                sim s  vs base   MB/s  p50 us  p99 us    CPU  copied MB  irqs  switches  engine   disk  top CPU shares
  standard cryptosoft  10.00    1.000  123.5   80.00   90000  98.7%      2.000  4000        50    0.0%  25.0%  cipher 70% copy 20%
  ocf-v1 cryptosoft    12.00    1.200  123.5   80.00   90000  98.7%      2.000  4000        50    0.0%  25.0%  cipher 70% copy 20%

traces/b.csv
  point                 sim s  vs base   MB/s  p50 us  p99 us    CPU  copied MB  irqs  switches  engine   disk  top CPU shares
  standard cryptosoft   20.00    1.000  123.5   80.00   90000  98.7%      2.000  4000        50    0.0%  25.0%  cipher 70% copy 20%
  ocf-v1 cryptosoft     15.00    0.750  123.5   80.00   90000  98.7%      2.000  4000        50    0.0%  25.0%  cipher 70% copy 20%
  ocf-v3 cryptosoft    failed

  phase: seconds (vs base)  standard cryptosoft  ocf-v1 cryptosoft
  write                           15.00 (1.000)      11.25 (0.750)
  read                            5.000 (1.000)      3.750 (0.750)

errors
  traces/b.csv ocf-v3 cryptosoft: failed: the worker died: Killed

expectations
  ok    it costs: sim_seconds relative to the baseline = 1.2, expected >= 1 (traces/a.csv ocf-v1 cryptosoft)
)");
}

/// The head says what the points run on, and what of it nobody chose.
TEST(Table, TheHeadNamesTheMachine) {
  const auto head = [](const std::string& scenario, const std::string& axes, const Json& config,
                       std::vector<std::string> sets = {}) {
    StudyResult r{"test", "1", {}, {}, std::move(sets)};
    r.points = {point("traces/a.csv", "standard", 10)};
    r.points[0].config = config;
    const Study study = parse_study("name: t\nscenario: {" + scenario + "}\n" + axes, "t.yaml");
    const std::string text = to_table(study, r);
    const std::size_t at = text.find("board ");
    return at == std::string::npos ? "" : text.substr(at, text.find('\n', at) - at);
  };
  Json config = {
      {"soc", {{"preset", "armada-385"}, {"cores", 2}}},
      {"disk", {{"preset", "flash"}}},
      {"kernel", {{"preset", "linux-6.1"}, {"hz", 250}}},
      {"workload",
       {{"trace", "traces/a.csv"}, {"replay", "closed"}, {"depth", {{"read", 2}, {"write", 32}}}}}};
  EXPECT_EQ(head("soc: armada-385, disk: {preset: flash, queue_depth: 1}", "", config),
            "board armada-385; kernel linux-6.1 (default); disk flash; depth read 2 (default), "
            "write 32 (default)");
  EXPECT_EQ(head("soc: armada-385, disk: flash, kernel: linux-6.1, workload.depth: {write: 32}", "",
                 config),
            "board armada-385; kernel linux-6.1; disk flash; depth read 2 (default), write 32");
  EXPECT_EQ(head("soc: armada-385, disk: flash, kernel: {hz: 250}",
                 "axes: {d: {a: {workload.depth.read: 2}, b: {workload.depth.read: 4, "
                 "workload.depth.write: 1}}}\n",
                 config),
            "board armada-385; kernel linux-6.1 (default); disk flash; depth read 2, write 32 "
            "(default)");
  EXPECT_EQ(head("soc: armada-385, disk: flash", "", config,
                 {"kernel=linux-6.1", "workload.depth.read=2", "workload.depth.write=32"}),
            "board armada-385; kernel linux-6.1; disk flash; depth read 2, write 32");
  config["workload"]["replay"] = "open";
  EXPECT_EQ(head("soc: armada-385, disk: flash", "", config),
            "board armada-385; kernel linux-6.1 (default); disk flash");
  config["workload"]["trace"] = "none";
  EXPECT_EQ(head("soc: armada-385, disk: flash", "", config),
            "board armada-385; kernel linux-6.1 (default)");
}

/// Points with faults or broken guarantees have their verdicts printed; others do not.
TEST(Table, VerdictsOfFaults) {
  StudyResult r{"test", "1", {}, {}, {}};
  r.points = {point("traces/a.csv", "standard", 10), point("traces/a.csv", "ocf-v1", 12),
              point("traces/a.csv", "ocf-v3", 13)};
  r.points[1].faults = {{"lose", "lost_interrupt", 40, 2}, {"never", "page_alloc", 0, 0}};
  r.points[1].metrics.emplace_back("verdict.right", 30);
  r.points[1].metrics.emplace_back("verdict.failed", 4);
  r.points[2].status = Status::broken;
  r.points[2].error = "3 writes put plaintext on the disk";
  r.points[2].broken_guarantees = {"3 writes put plaintext on the disk (first: sector 8)",
                                   "1 requests never ended (first: sector 9)"};
  const std::string text = to_table(parse_study(good_study(), "t.yaml"), r);
  EXPECT_THAT(text, HasSubstr(R"(
verdicts
  traces/a.csv ocf-v1 cryptosoft
    fault lose (lost_interrupt): happened 2 times in 40 opportunities
    fault never (page_alloc): happened 0 times in 0 opportunities: this run says nothing about it
    requests: 30 right, 4 failed and said so
  traces/a.csv ocf-v3 cryptosoft
    requests: 0 right, 0 failed and said so
    BROKEN: 3 writes put plaintext on the disk (first: sector 8)
    BROKEN: 1 requests never ended (first: sector 9)
)"));
  r.points.resize(1);
  EXPECT_THAT(to_table(parse_study(good_study(), "t.yaml"), r), Not(HasSubstr("verdicts")));
}

/// Whom a failed allocation hit, and each note once with its points.
TEST(Table, HitsAndNotes) {
  StudyResult r{"test", "1", {}, {}, {}};
  for (const char* path : {"standard", "ocf-v1", "ocf-v3"}) {
    r.points.push_back(point("traces/a.csv", path, 10));
  }
  r.points[0].faults = {{"f", "page_alloc", 90, 9, {{"the page cache", 4}, {"elsewhere", 5}}}};
  r.points[0].notes = {"on no stock kernel"};
  r.points[1].notes = {"the engine was not used"};
  r.points[2].notes = {"on no stock kernel"};
  const std::string text = to_table(parse_study(good_study(), "t.yaml"), r);
  EXPECT_THAT(text,
              HasSubstr("    fault f (page_alloc): happened 9 times in 90 opportunities: the page "
                        "cache 4, elsewhere 5\n"));
  EXPECT_THAT(text, HasSubstr(R"(
notes
  on no stock kernel (traces/a.csv standard cryptosoft, traces/a.csv ocf-v3 cryptosoft)
  the engine was not used (traces/a.csv ocf-v1 cryptosoft)
)"));
}

/// The lines of a text that are wider than `width`.
std::string wider_lines(const std::string& text, std::size_t width) {
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    if (line.size() > width) out += line + "\n";
  }
  return out;
}

std::set<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

/// The default study: phases, five points to a trace.
TEST(Table, FitsAScreenOfEightyColumns) {
  StudyResult r{"test", "1", {}, {}, {}};
  for (const char* path : {"standard", "ocf-v1", "ocf-v3"}) {
    r.points.push_back(point("traces/a.csv", path, 61.48));
    r.points.back().metrics.insert(r.points.back().metrics.end(),
                                   {{"cpu.share.fs", 0.04}, {"cpu.share.block", 0.02}});
    for (const char* phase : {"Writing_intelligently", "Reading_intelligently"}) {
      r.points.back().phases.push_back({phase, {{"sim_seconds", 44.52}}});
    }
  }
  const Study study = parse_study(good_study(), "t.yaml");
  r.expectations = check_expectations(study, r.points);
  r.expectations[0].name = "an expectation whose name is longer than a line of the screen is";
  r.points[0].notes = {"a note that says much, so much that it has no room on a line of its own"};
  const std::string wide = to_table(study, r);
  const std::string narrow = to_table(study, r, 80);
  EXPECT_EQ(wider_lines(narrow, 80), "");
  EXPECT_NE(wider_lines(wide, 80), "") << "or the test says nothing";
  // No word is broken, and none is missing.
  for (const std::string& word : words_of(wide)) {
    EXPECT_TRUE(words_of(narrow).contains(word)) << word << " is not in\n" << narrow;
  }
  // A second block with the names again, and heads in two lines.
  EXPECT_NE(narrow.find("  point                irqs  switches  engine   disk"), std::string::npos)
      << narrow;
  EXPECT_NE(narrow.find("                                 standard         ocf-v1         ocf-v3\n"
                        "  phase: seconds (vs base)     cryptosoft     cryptosoft     cryptosoft\n"
                        "  Writing_intelligently     44.52 (1.000)"),
            std::string::npos)
      << narrow;
}

/// Names longer than their share of the screen are broken between words.
TEST(Table, LongNamesOnANarrowScreen) {
  StudyResult r{"test", "1", {}, {}, {}};
  PointResult p = point("", "", 1);
  p.axes = {{"row", "5: kernel C, AES-128-XTS (256-bit key), 64 KiB, encrypt"}};
  r.points = {p, p};
  const std::string text = to_table(parse_study("name: bare\nscenario: {}\n", "t.yaml"), r, 80);
  EXPECT_EQ(wider_lines(text, 80), "");
  EXPECT_NE(text.find("  5: kernel C, AES-128-XTS\n"
                      "    (256-bit key), 64 KiB, encrypt  1.000"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("vs base"), std::string::npos) << "there is no baseline: " << text;
}

/// What is off its aim, though tolerated, is not just ok.
TEST(Table, ARowOffItsAimIsShownAsSuch) {
  ExpectationResult met, off;
  met.name = "met";
  met.metric = off.metric = "throughput_mb_s";
  met.ok = off.ok = true;
  met.value = 101;
  met.published = Published{100, 15, false, "site", ""};
  off.name = "off";
  off.value = 148.2;
  off.published = Published{100, 15, false, "site", "", 60, "it polls"};
  StudyResult r{"bare", "1", {PointResult()}, {met, off}, {}};
  const std::string text = to_table(parse_study("name: bare\nscenario: {}\n", "t.yaml"), r);
  EXPECT_NE(text.find("  ok    met: "), std::string::npos) << text;
  EXPECT_NE(text.find("  OFF   off: "), std::string::npos) << text;
  EXPECT_NE(text.find("; 48.2 % off the published 100, aim 15 %, tolerated to 60 %: it polls\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("  2 expectations: 1 ok, 1 off their aim"), std::string::npos) << text;
}

/// Metrics on request: those of the globs, in the order of their own table; none that no point has.
TEST(Table, MetricsOnRequest) {
  StudyResult r{"bare", "1", {}, {}, {}};
  for (const double us : {1.5, 20.0}) {
    PointResult p;
    p.axes = {{"driver", us < 2 ? "a" : "b"}};
    p.metrics = {{"stage_us.disk", us},
                 {"stage_us.engine", 7},
                 {"stage_us.read.disk", 9},
                 {"latency_us.p50", 3}};
    r.points.push_back(p);
  }
  const Study study = parse_study("name: bare\nscenario: {}\n", "t.yaml");
  EXPECT_THAT(to_table(study, r), Not(HasSubstr("stage_us")));
  const std::string text = to_table(study, r, 0, {"stage_us.*", "latency_us.p5?"});
  EXPECT_THAT(text,
              HasSubstr("point  latency_us.p50 us  stage_us.engine us  stage_us.disk us\n"
                        "  a                  3.000               7.000             1.500\n"
                        "  b                  3.000               7.000             20.00\n"));
  EXPECT_THAT(to_table(study, r, 0, {"stage_us.read.*"}), HasSubstr("stage_us.read.disk us\n"));
  EXPECT_NO_THROW(check_metric_globs({"cpu.thread.*", "sim_seconds"}));
  try {
    check_metric_globs({"stage_us.disc"});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(),
                 "--metrics: no metric 'stage_us.disc', did you mean 'stage_us.disk'?; see `list "
                 "metrics`");
  }
}

/// A benchmark replays nothing: no trace stands over its table.
TEST(Table, ABenchmarkHasNoTraceHeading) {
  StudyResult r{"bare", "1", {PointResult()}, {}, {}};
  r.points[0].config = {{"workload", {{"trace", "none"}}}};
  const std::string text = to_table(parse_study("name: bare\nscenario: {}\n", "t.yaml"), r);
  EXPECT_THAT(text, Not(HasSubstr("none")));
  EXPECT_THAT(text, HasSubstr("\nresults\n"));
}

TEST(Table, OnePointWithoutAnything) {
  const Study study = parse_study("name: bare\nscenario: {}\n", "t.yaml");
  StudyResult r{"bare", "1", {PointResult()}, {}, {}};
  const std::string text = to_table(study, r);
  EXPECT_THAT(text, HasSubstr("(one point)"));
}

}  // namespace
}  // namespace cesasim::study::test
