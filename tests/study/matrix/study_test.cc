// SPDX-License-Identifier: Apache-2.0
#include "study/matrix/study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fixture.h"

namespace cesasim::study::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class StudyTest : public testing::Test {
 protected:
  std::string replaced(const std::string& from, const std::string& to) {
    std::string text = good_study();
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }
  std::vector<Point> points(const std::string& text, const std::vector<std::string>& sets = {}) {
    std::vector<Override> overrides;
    for (const std::string& set : sets) overrides.push_back(parse_override(set));
    return expand(parse_study(text, "t.yaml"), overrides, home_.library());
  }
  std::string error(const std::string& text, const std::vector<std::string>& sets = {}) {
    return error_of([&] { points(text, sets); });
  }
  Home home_;
};

TEST_F(StudyTest, ExpandsInFileOrderLastAxisFastest) {
  const auto all = points(good_study());
  ASSERT_EQ(all.size(), 10u);  // 2 x 3 x 2 less 2
  EXPECT_EQ(all[0].axes.dump(), R"({"workload.trace":"traces/a.csv","dmcrypt.path":"standard",)"
                                R"("ocf.driver":"cryptosoft"})");
  EXPECT_EQ(point_label(all[1].axes), "traces/a.csv ocf-v1 cryptosoft");
  EXPECT_EQ(point_label(all[2].axes, "workload.trace"), "ocf-v1 cesa_tdma");
  EXPECT_EQ(point_label(all[9].axes), "traces/b.csv ocf-v3 cesa_tdma");
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].index, i);
  EXPECT_EQ(all[4].scenario.dmcrypt.path, "ocf-v3");
  EXPECT_EQ(all[4].scenario.ocf.driver, "cesa_tdma");
  EXPECT_EQ(all[9].scenario.workload.trace, "traces/b.csv");
}

TEST_F(StudyTest, AStudyWithoutAxesIsOnePoint) {
  const auto all = points(
      "name: one\nscenario: {soc: test-soc, disk: test-disk, workload.trace: traces/a.csv}\n");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_TRUE(all[0].axes.empty());
}

TEST_F(StudyTest, LayersInOrder) {
  const std::string text =
      "name: t\nscenario: {soc: test-soc, disk: {preset: test-disk, rpm: 2000, heads: 3}, "
      "workload.trace: traces/a.csv}\naxes: {disk.rpm: [3000, 4000], soc.cores: [1, 2]}\n";
  const auto all = points(text, {"soc.cpu.clock_hz=5e6", "seed=9"});
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].scenario.disk.rpm, 3000);  // axis over scenario
  EXPECT_EQ(all[2].scenario.disk.rpm, 4000);
  EXPECT_EQ(all[0].scenario.disk.heads, 3u);  // scenario over preset
  EXPECT_EQ(all[0].scenario.disk.zones, 1u);  // preset
  EXPECT_EQ(all[1].scenario.soc.cores, 2u);
  EXPECT_EQ(all[1].scenario.soc.cpu.clock_hz, 5e6);
  EXPECT_EQ(all[1].scenario.seed, 9u);
  EXPECT_EQ(all[1].tree.find_path("seed")->layer, Layer::command_line);
  EXPECT_EQ(all[1].tree.find_path("disk.rpm")->layer, Layer::axis);
  EXPECT_EQ(all[1].axes.dump(), R"({"disk.rpm":3000,"soc.cores":2})");
  EXPECT_EQ(point_label(all[1].axes), "rpm=3000 cores=2");
}

TEST_F(StudyTest, ASetOnAnAxisNarrowsIt) {
  const auto all = points(good_study(), {"dmcrypt.path=ocf-v3"});
  ASSERT_EQ(all.size(), 4u);
  for (const Point& point : all) EXPECT_EQ(point.axes["dmcrypt.path"], "ocf-v3");
}

TEST_F(StudyTest, AnAxisOfPresetsKeepsTheOverrides) {
  const auto all = points(
      "name: t\nscenario: {soc: {preset: test-soc, cores: 2}, disk: test-disk, workload: {trace: "
      "traces/a.csv}}\naxes: {soc: [test-soc, no-tdma]}\n");
  EXPECT_EQ(all[1].scenario.soc.preset, "no-tdma");
  EXPECT_EQ(all[1].scenario.soc.cores, 2u);
}

/// Paths are not compared on two kernels by accident.
TEST_F(StudyTest, PointsOfDifferentDefaultKernelsAreRefused) {
  const auto study = [](const std::string& kernel, const std::string& axes,
                        const std::string& more = "") {
    return "name: t\nscenario: {soc: test-soc, disk: test-disk, workload.trace: traces/a.csv" +
           kernel + "}\naxes:\n  " + axes + "\n" + more;
  };
  const std::string both = "dmcrypt.path: [standard, modern]";
  EXPECT_EQ(error(study("", both)),
            "t.yaml:4: kernel: not named, and the paths' own differ: linux-2.6.12 for standard, "
            "linux-6.1 for modern; valid: kernel: linux-2.6.12 or kernel: linux-6.1 under "
            "'scenario', for all points");
  EXPECT_EQ(error(study("", "stack: {a: {dmcrypt.path: modern}, b: {}}")),
            "t.yaml:2: kernel: not named, and the paths' own differ: linux-6.1 for modern, "
            "linux-2.6.12 for standard; valid: kernel: linux-6.1 or kernel: linux-2.6.12 under "
            "'scenario', for all points");
  for (const char* kernel : {"linux-2.6.12", "linux-6.1"}) {
    for (const Point& p : points(study(", kernel: " + std::string(kernel), both))) {
      EXPECT_EQ(p.scenario.kernel_preset, kernel);
    }
  }
  // --set names it, or leaves one path.
  EXPECT_EQ(points(study("", both), {"kernel=linux-6.1"})[0].scenario.kernel_preset, "linux-6.1");
  EXPECT_EQ(points(study("", both), {"dmcrypt.path=modern"})[0].scenario.kernel_preset,
            "linux-6.1");
  EXPECT_NE(error(study(", kernel.hz: 250", both)).find("the paths' own differ"), std::string::npos)
      << "settings name no kernel";
  // Every path on its own, on purpose.
  const auto named = points(study("",
                                  "stack: {a: {dmcrypt.path: modern, kernel: linux-6.1}, b: "
                                  "{dmcrypt.path: standard, kernel: linux-2.6.12}}"));
  EXPECT_EQ(named[0].scenario.kernel_preset, "linux-6.1");
  EXPECT_EQ(named[1].scenario.kernel_preset, "linux-2.6.12");
}

/// Path none takes the kernel of what it is compared with.
TEST_F(StudyTest, PathNoneTakesTheOthersKernel) {
  const auto study = [](const std::string& axes, const std::string& more = "") {
    return "name: t\nscenario: {soc: test-soc, disk: test-disk, workload.trace: traces/a.csv, "
           "dmcrypt.cipher: aes-cbc-plain}\naxes:\n  " +
           axes + "\n" + more;
  };
  const auto modern = points(study("dmcrypt.path: [none, modern]"));
  ASSERT_EQ(modern.size(), 2u);
  EXPECT_EQ(modern[0].scenario.kernel_preset, "linux-6.1");
  EXPECT_EQ(modern[0].tree.find_path("kernel.preset")->layer, Layer::standard);
  EXPECT_EQ(modern[0].tree.find("dmcrypt")->keys(), std::vector<std::string>{"path"})
      << "the cipher is for the other point";
  EXPECT_EQ(points(study("dmcrypt.path: [none, ocf-v1]"))[0].scenario.kernel_preset,
            "linux-2.6.12");
  EXPECT_EQ(error(study("dmcrypt.path: [none]")),
            "t.yaml:4: kernel: missing: path none has no kernel of its own; valid: kernel: "
            "linux-2.6.12, linux-6.1, or the path of a preset file");
  const std::string two =
      "stack: {plain: {dmcrypt.path: none}, old: {dmcrypt.path: standard, kernel: linux-2.6.12}, "
      "new: {dmcrypt.path: modern, kernel: linux-6.1}}";
  EXPECT_EQ(error(study(two)),
            "t.yaml:4: kernel: not named for path none, and the other points run on different "
            "ones; valid: kernel: linux-2.6.12, linux-6.1");
  EXPECT_EQ(points(study(two, "baseline: {stack: new}\n"))[0].scenario.kernel_preset, "linux-6.1");
  // What stands at the same place as the path is for the path, and means nothing.
  EXPECT_NE(error(study("dmcrypt.path: [none, standard]\n  dmcrypt.key_bits: [128, 256]"))
                .find("t.yaml:5: dmcrypt.key_bits: means nothing with dmcrypt.path none"),
            std::string::npos);
  EXPECT_NE(error(study("dmcrypt.path: [none, standard]"),
                  {"dmcrypt.path=none", "kernel=linux-6.1", "dmcrypt.key_bits=256"})
                .find("--set: dmcrypt.key_bits: means nothing"),
            std::string::npos);
}

TEST_F(StudyTest, BadOverrides) {
  EXPECT_EQ(error(good_study(), {"soc.cores"}),
            "--set: soc.cores: not of the form key=value; valid: key=value, as in soc.cores=2");
  EXPECT_THAT(error(good_study(), {"soc.coers=2"}),
              StartsWith("--set: soc.coers: unknown key, did you mean 'cores'?"));
  EXPECT_THAT(error(good_study(), {"soc.cores=9"}),
              StartsWith("--set: soc.cores: out of range: 9"));
  EXPECT_THAT(error(good_study(), {"soc.cores="}), StartsWith("--set: soc.cores: no value"));
  EXPECT_THAT(error(good_study(), {"soc.cores=[1, 2]"}),
              StartsWith("--set: soc.cores: not a single value"));
  EXPECT_THAT(error(good_study(), {"soc..cores=1"}), StartsWith("--set: soc..cores: an empty"));
  EXPECT_THAT(error(good_study(), {"=1"}), StartsWith("--set: =1: not of the form"));
  EXPECT_NE(error(good_study(), {"seed={"}), "");
}

TEST_F(StudyTest, TheHead) {
  EXPECT_EQ(error("scenario: {}\n").substr(0, 23), "t.yaml:1: name: missing");
  EXPECT_EQ(error("name: x\n"), "t.yaml:1: scenario: missing; valid: a map of settings");
  EXPECT_THAT(error("name: a/b\nscenario: {}\n"), StartsWith("t.yaml:1: name: '/' in the name"));
  EXPECT_THAT(error("name: ..\nscenario: {}\n"), StartsWith("t.yaml:1: name: starts with a dot"));
  EXPECT_THAT(error("name: x\nscenraio: {}\n"),
              StartsWith("t.yaml:2: scenraio: unknown key, did you mean 'scenario'?"));
  EXPECT_THAT(error("- 1\n"), StartsWith("t.yaml:1: not a study"));
  EXPECT_THAT(error(""), StartsWith("t.yaml:1: not a study"));
  EXPECT_THAT(error("name: x\nscenario: 5\n"), StartsWith("t.yaml:2: scenario: not a map"));
}

TEST_F(StudyTest, Axes) {
  EXPECT_THAT(error(replaced("dmcrypt.path: [", "dmcrypt.paht: [")),
              StartsWith("t.yaml:12: exclude[0].dmcrypt.path: not an axis of this study, did "
                         "you mean 'dmcrypt.paht'?"));
  EXPECT_THAT(error("name: t\nscenario: {soc: test-soc, disk: test-disk, workload.trace: "
                    "traces/a.csv}\naxes:\n  soc.coers: [1]\n"),
              StartsWith("t.yaml:4: soc.coers: unknown key, did you mean 'cores'?"));
  EXPECT_THAT(error(replaced("[standard, ocf-v1, ocf-v3]", "standard")),
              StartsWith("t.yaml:10: axes.dmcrypt.path: not a list"));
  EXPECT_THAT(error(replaced("[standard, ocf-v1, ocf-v3]", "[]")),
              StartsWith("t.yaml:10: axes.dmcrypt.path: no values"));
  EXPECT_THAT(error(replaced("[standard, ocf-v1, ocf-v3]", "[{a: 1}]")),
              StartsWith("t.yaml:10: axes.dmcrypt.path: an axis takes single values"));
  EXPECT_THAT(error(replaced("[standard, ocf-v1, ocf-v3]", "[standard, ocf-v1, standard]")),
              StartsWith("t.yaml:10: axes.dmcrypt.path: 'standard' stands there twice"));
  EXPECT_THAT(error(replaced("[standard, ocf-v1, ocf-v3]", "[standard, ocf-v2]")),
              HasSubstr("expect[0].where.dmcrypt.path: the axis has no value 'ocf-v1'"));
  // An axis value that the scenario refuses is reported where it stands.
  EXPECT_THAT(error("name: t\nscenario: {soc: test-soc, disk: test-disk, workload.trace: "
                    "traces/a.csv}\naxes:\n  soc.cores:\n    - 1\n    - 99\n"),
              StartsWith("t.yaml:6: soc.cores: out of range: 99"));
}

TEST_F(StudyTest, CasesSetSeveralKeysAtOnce) {
  const std::string text =
      "name: t\nscenario: {soc: test-soc, disk: test-disk, workload.trace: traces/a.csv}\n"
      "axes: {board: {small: {}, large: {soc.cores: 4, disk.rpm: 9000}}, seed: [1, 2]}\n"
      "expect: [{name: e, where: {board: large}, metric: sim_seconds, "
      "relative_to: {board: small}, max: 2}]\n";
  const auto all = points(text);
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(point_label(all[0].axes), "small seed=1");
  EXPECT_EQ(all[2].scenario.soc.cores, 4u);
  EXPECT_EQ(all[2].scenario.disk.rpm, 9000);
  EXPECT_NE(all[1].scenario.soc.cores, 4u);
  EXPECT_EQ(points(text, {"board=large"}).size(), 2u);
  EXPECT_EQ(points(text, {"board=large", "soc.cores=3"})[0].scenario.soc.cores, 3u);
  EXPECT_THAT(error(text, {"board=lage"}), HasSubstr("did you mean 'large'"));
  const std::string head =
      "name: t\nscenario: {soc: test-soc, disk: test-disk, workload.trace: traces/a.csv}\n";
  EXPECT_THAT(error(head + "axes: {board: {}}\n"), HasSubstr("no cases"));
  EXPECT_THAT(error(head + "axes: {board: {a: 1}}\n"), HasSubstr("axes.board.a"));
  EXPECT_THAT(error(head + "axes: {board: {a: {soc: {cores: 1}}}}\n"),
              HasSubstr("not a single value"));
  EXPECT_THAT(error(head + "axes: {soc.cores: {a: {}}}\n"), HasSubstr("without dots"));
  EXPECT_THAT(error(head + "axes: {board: {a: {soc.coers: 2}}}\n"),
              HasSubstr("did you mean 'cores'"));
}

TEST_F(StudyTest, TooManyPoints) {
  std::string text = "name: t\nscenario: {}\naxes:\n";
  for (const char* key : {"a", "b", "c", "d", "e", "f"}) {
    text += std::string("  ") + key + ": [1,2,3,4,5,6,7,8,9,10]\n";
  }
  EXPECT_THAT(error(text), HasSubstr("more than 10000 points"));
}

TEST_F(StudyTest, Selectors) {
  EXPECT_THAT(error(replaced("exclude: [{dmcrypt.path: standard", "exclude: [{dmcrypt.paht: x")),
              StartsWith("t.yaml:12: exclude[0].dmcrypt.paht: not an axis of this study, did "
                         "you mean 'dmcrypt.path'?; valid: workload.trace, dmcrypt.path, "));
  EXPECT_THAT(error(replaced("baseline: {dmcrypt.path: standard", "baseline: {seed: 1")),
              StartsWith("t.yaml:13: baseline.seed: not an axis of this study"));
  EXPECT_THAT(error(replaced("where: {workload.trace: traces/a.csv", "where: {trace: x")),
              StartsWith("t.yaml:15: expect[0].where.trace: not an axis"));
  EXPECT_THAT(error(replaced("baseline: {dmcrypt.path: standard", "baseline: {dmcrypt.path: std")),
              StartsWith("t.yaml:13: baseline.dmcrypt.path: the axis has no value 'std'"));
  EXPECT_THAT(error(replaced("exclude: [{dmcrypt.path: standard, ocf.driver: cesa_tdma}]",
                             "exclude: [{}]")),
              StartsWith("t.yaml:12: exclude[0]: names nothing"));
  EXPECT_THAT(error(replaced("exclude: [{dmcrypt.path: standard, ocf.driver: cesa_tdma}]",
                             "exclude: {dmcrypt.path: standard}")),
              StartsWith("t.yaml:12: exclude: not a list"));
  EXPECT_THAT(error(replaced("exclude: [{dmcrypt.path: standard, ocf.driver: cesa_tdma}]",
                             "exclude: [{ocf.driver: cryptosoft}, {ocf.driver: cesa_tdma}]")),
              StartsWith("t.yaml: exclude: no point is left"));
}

TEST_F(StudyTest, AnUnsupportedPointIsAnErrorUnlessExcluded) {
  EXPECT_THAT(
      error(replaced("exclude: [{dmcrypt.path: standard, ocf.driver: cesa_tdma}]", "exclude: []")),
      StartsWith("t.yaml:11: ocf.driver: 'cesa_tdma' would never be called"));
}

TEST_F(StudyTest, Expectations) {
  EXPECT_THAT(error(replaced("metric: sim_seconds", "metric: sim_second")),
              StartsWith("t.yaml:15: expect[0].metric: unknown metric 'sim_second', did you "
                         "mean 'sim_seconds'?; valid: sim_seconds, host_seconds, "));
  EXPECT_THAT(error(replaced(", min: 1.0", "")), StartsWith("t.yaml:15: expect[0]: no bound"));
  EXPECT_THAT(error(replaced("min: 1.0", "min: much")),
              StartsWith("t.yaml:15: expect[0].min: not a number"));
  EXPECT_THAT(error(replaced("min: 1.0", "min: 1.0, max: 0.5")),
              StartsWith("t.yaml:15: expect[0]: min 1 above max 0.5"));
  EXPECT_THAT(error(replaced("relative_to: baseline", "relative_to: base")),
              StartsWith("t.yaml:15: expect[0].relative_to: unknown; valid: baseline"));
  EXPECT_THAT(error(replaced("baseline: {dmcrypt.path: standard, ocf.driver: cryptosoft}\n", "")),
              StartsWith("t.yaml:14: expect[0].relative_to: the study names no baseline"));
  EXPECT_THAT(error(replaced("min: 1.0", "mim: 1.0")),
              StartsWith("t.yaml:15: expect[0].mim: unknown key, did you mean 'min'?"));
  EXPECT_THAT(error(replaced("name: it costs, ", "")),
              StartsWith("t.yaml:15: expect[0].name: missing"));
  EXPECT_THAT(error(replaced("dmcrypt.path: ocf-v1}",
                             "dmcrypt.path: standard, ocf.driver: "
                             "cesa_tdma}")),
              StartsWith("t.yaml:15: expect.it costs.where: names no point"));
  EXPECT_THAT(error(replaced("exclude: [{dmcrypt.path: standard, ocf.driver: cesa_tdma}]",
                             "exclude: [{dmcrypt.path: standard}]")),
              StartsWith("t.yaml:15: expect.it costs: the baseline point of "));
}

/// Aims are 5 and 15 %; a wider bound is a field of its own and says why.
TEST_F(StudyTest, PublishedFiguresHaveAnAim) {
  const auto with = [this](const std::string& published) {
    return replaced("min: 1.0", "published: {value: 100, source: s, " + published + "}");
  };
  const Study plain = parse_study(with("within: 15, basis: predicted"), "t.yaml");
  EXPECT_EQ(plain.expect[0].max, 115.0);
  const Study known = parse_study(
      with("within: 15, basis: predicted, tolerated: {within: 60, reason: it polls}"), "t.yaml");
  EXPECT_EQ(known.expect[0].max, 160.0);
  EXPECT_EQ(known.expect[0].published->within, 15);
  EXPECT_EQ(known.expect[0].published->reason, "it polls");
  const struct {
    const char* published;
    const char* message;
  } bad[] = {
      {"within: 60, basis: predicted", "60 % is above the aim of predicted rows, 15 %"},
      {"within: 15, basis: fitted", "15 % is above the aim of fitted rows, 5 %"},
      {"within: 5, basis: fitted, tolerated: {within: 60}", "tolerated.reason: missing"},
      {"within: 5, basis: fitted, tolerated: {within: 4, reason: r}", "tolerated.within: out of"},
      {"within: 5, basis: fitted, tolerated: 60", "tolerated: not a map"},
  };
  for (const auto& b : bad) {
    EXPECT_NE(error(with(b.published)).find(b.message), std::string::npos)
        << b.published << ": " << error(with(b.published));
  }
}

TEST_F(StudyTest, AxisValuesCompareByWhatTheyMean) {
  EXPECT_TRUE(same_value(5, 5.0));
  EXPECT_TRUE(same_value("2005", 2005));
  EXPECT_FALSE(same_value("a", "b"));
  EXPECT_FALSE(same_value(true, 1));
}

}  // namespace
}  // namespace cesasim::study::test
