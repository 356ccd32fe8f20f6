// SPDX-License-Identifier: Apache-2.0
#include "study/sensitivity/sensitivity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/fixture.h"

namespace fs = std::filesystem;

namespace cesasim::study::test {
namespace {

using testing::HasSubstr;

// The stand-in machine with seed 18 takes 10 s on the standard path and, where
// all the presets' values are 1, 10 + 2 irq_entry + 0.5 context_switch through
// OCF, less tdma_irq on the engine.
class SensitivityTest : public testing::Test {
 protected:
  static std::string study_text(const std::string& expect) {
    std::string text = good_study();
    text.erase(text.find("expect:"));
    text.replace(text.find("  workload:"), 11, "  seed: 18\n  workload:");
    return text + expect;
  }
  SensitivityResult analyse(const std::string& text) {
    const Study study = parse_study(text, "t.yaml");
    SensitivityOptions options;
    options.globs = {"soc.costs.kernel.irq_e*", "soc.costs.kernel.context_switch",
                     "soc.costs.driver.*"};
    options.runner.worker = {fs::absolute("tests/support/fake_cesasim").string(), "worker"};
    options.runner.jobs = 2;
    PartialResults partial((folder_ / "partial.jsonl").string(), study.name);
    if (partial.exists()) partial.load();
    return analyse_sensitivity(study, expand(study, {}, home_.library()), options, partial);
  }
  static const ParameterResult& parameter(const SensitivityResult& r, const std::string& path) {
    const auto found =
        std::find_if(r.parameters.begin(), r.parameters.end(),
                     [&path](const ParameterResult& p) { return p.parameter.path == path; });
    if (found == r.parameters.end()) throw std::runtime_error("no " + path);
    return *found;
  }
  Home home_;
  fs::path folder_ = fresh_folder("sensitivity");
};

const char* kExpect =
    "expect:\n  - {name: cheap enough, where: "
    "{workload.trace: traces/a.csv, dmcrypt.path: ocf-v1, "
    "ocf.driver: cryptosoft}, metric: sim_seconds, "
    "relative_to: baseline, max: 1.35}\n";

TEST_F(SensitivityTest, EffectsElasticitiesAndFlips) {
  const SensitivityResult r = analyse(study_text(kExpect));
  EXPECT_EQ(r.points.size(), 2u) << "the point of the expectation and its baseline";
  ASSERT_EQ(r.base.size(), 2u) << "the expectation, and the point against its baseline";
  EXPECT_DOUBLE_EQ(*r.base[0].value, 1.25);
  EXPECT_EQ(r.base[0].holds, true);

  const Effect irq = effect_of(parameter(r, "soc.costs.kernel.irq_entry"), r.base[0], 0);
  EXPECT_DOUBLE_EQ(*irq.low, 1.15);
  EXPECT_DOUBLE_EQ(*irq.high, 1.45);
  EXPECT_NEAR(irq.relative, 0.2 / 1.25, 1e-12);
  EXPECT_NEAR(*irq.elasticity, std::log(1.45 / 1.15) / std::log(4), 1e-12);
  EXPECT_FALSE(irq.flips_low);
  EXPECT_TRUE(irq.flips_high);
  EXPECT_NEAR(*irq.flips_at, 1.5, 1e-12) << "1.35 = 1 + (2 x + 0.5) / 10";

  const Effect change = effect_of(parameter(r, "soc.costs.kernel.context_switch"), r.base[0], 0);
  EXPECT_DOUBLE_EQ(*change.low, 1.225);
  EXPECT_DOUBLE_EQ(*change.high, 1.3);
  EXPECT_FALSE(change.flips_low || change.flips_high);
  EXPECT_TRUE(parameter(r, "soc.costs.kernel.irq_exit").no_effect);
  EXPECT_TRUE(parameter(r, "soc.costs.driver.tdma_irq").no_effect) << "not on these points";
}

TEST_F(SensitivityTest, ScreeningSparesRuns) {
  const SensitivityResult r = analyse(study_text(kExpect));
  // Base 2; screening tdma, hal, pio, ring, context and irq (two of them alone
  // in their family); then what is left of irq_entry, irq_exit, context_switch
  // on the one point they move.
  EXPECT_LT(r.runs, r.without / 3);
  EXPECT_GT(r.without, 60u);
}

TEST_F(SensitivityTest, WithoutExpectationsThePointsAreComparedWithTheBaseline) {
  const SensitivityResult r = analyse(study_text(""));
  EXPECT_EQ(r.points.size(), 10u);
  ASSERT_EQ(r.base.size(), 8u);
  const std::string name = "sim_seconds of traces/a.csv ocf-v1 cesa_tdma against its baseline";
  const auto c =
      static_cast<std::size_t>(std::find_if(r.base.begin(), r.base.end(),
                                            [&](const Conclusion& x) { return x.name == name; }) -
                               r.base.begin());
  ASSERT_LT(c, r.base.size());
  EXPECT_DOUBLE_EQ(*r.base[c].value, 1.15);
  EXPECT_EQ(r.base[c].min, 1);
  const Effect tdma = effect_of(parameter(r, "soc.costs.driver.tdma_irq"), r.base[c], c);
  EXPECT_DOUBLE_EQ(*tdma.high, 1.05);
  EXPECT_FALSE(tdma.flips_high);
  const Effect other = effect_of(parameter(r, "soc.costs.driver.tdma_irq"), r.base[0], 0);
  EXPECT_EQ(other.relative, 0) << "cryptosoft has no engine";
}

TEST_F(SensitivityTest, NothingIsSimulatedTwice) {
  const SensitivityResult first = analyse(study_text(kExpect));
  const std::string lines = read_file(folder_ / "partial.jsonl");
  const SensitivityResult again = analyse(study_text(kExpect));
  EXPECT_EQ(read_file(folder_ / "partial.jsonl"), lines) << "nothing was added";
  EXPECT_EQ(to_json(first).dump(), to_json(again).dump());
}

TEST_F(SensitivityTest, MarkdownAndJson) {
  SensitivityResult r = analyse(study_text(kExpect));
  r.version = "1.0";
  const std::string text = to_markdown(r, "cesasim run x --sensitivity");
  EXPECT_THAT(text, HasSubstr("Made by `cesasim run x --sensitivity`, cesasim 1.0."));
  EXPECT_THAT(text, HasSubstr("FLIPS at 2, from about 1.5 up"));
  EXPECT_THAT(text, HasSubstr("1 of 2 conclusions flip"));
  const Json json = to_json(r);
  EXPECT_EQ(json["schema"], "cesasim-sensitivity-1");
  EXPECT_EQ(json["conclusions"][0]["value"], 1.25);
  bool seen = false;
  for (const Json& p : json["parameters"]) {
    if (p["path"] != "soc.costs.kernel.irq_entry") continue;
    seen = true;
    EXPECT_EQ(p["effects"][0]["flips_high"], true);
  }
  EXPECT_TRUE(seen);
}

}  // namespace
}  // namespace cesasim::study::test
