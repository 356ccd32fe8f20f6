// SPDX-License-Identifier: Apache-2.0
// docs/ci: the example files are YAML that calls the script, and the script
// does what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>

#include "tests/support/fixture.h"

namespace fs = std::filesystem;

namespace cesasim::study::test {
namespace {

using testing::HasSubstr;

class CiTest : public testing::Test {
 protected:
  void SetUp() override {
    write_file(home_.path() / "studies/test.yaml", good_study());
    ASSERT_EQ(shell(program_ + " baseline test >/dev/null"), 0);
  }
  int shell(const std::string& command) {
    const std::string all = "cd " + home_.path().string() +
                            " && export CESASIM_HOME=$PWD CESASIM=" + program_ + "; " + command;
    const int status = std::system(all.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int compare(const std::string& arguments) {
    return shell(script_ + " " + arguments + " >log 2>&1");
  }
  Home home_;
  std::string program_ = fs::absolute("tests/support/fake_cesasim").string();
  std::string script_ = fs::absolute("docs/ci/compare-study").string();
};

TEST_F(CiTest, NothingMoved) {
  EXPECT_EQ(compare("test"), 0) << read_file(home_.path() / "log");
  for (const char* file : {"results.json", "junit.xml", "diff.txt", "diff.json"}) {
    EXPECT_TRUE(fs::exists(home_.path() / "out/ci/test" / file)) << file;
  }
  EXPECT_EQ(Json::parse(read_file(home_.path() / "out/ci/test/diff.json"))["same"], true);
}

TEST_F(CiTest, AMovedMetricIsCodeOneAndATable) {
  const fs::path baseline = home_.path() / "studies/baselines/test.json";
  std::string text = read_file(baseline);
  text.replace(text.find("\"sim_seconds\": 12.0"), 19, "\"sim_seconds\": 12.1");
  ASSERT_NE(text, read_file(baseline));
  write_file(baseline, text);
  EXPECT_EQ(compare("test"), 1);
  EXPECT_THAT(read_file(home_.path() / "out/ci/test/diff.txt"), HasSubstr("sim_seconds"));
  EXPECT_EQ(compare("test default=0.1 sim_seconds=1"), 0);
}

TEST_F(CiTest, AFailedExpectationIsCodeOne) {
  std::string failing = good_study();
  failing.replace(failing.find("min: 1.0"), 8, "min: 1.5");
  write_file(home_.path() / "studies/test.yaml", failing);
  EXPECT_EQ(compare("test"), 1);
  EXPECT_THAT(read_file(home_.path() / "out/ci/test/junit.xml"), HasSubstr("<failure"));
}

TEST_F(CiTest, WhatCannotRunKeepsItsCode) {
  EXPECT_EQ(compare("nowhere"), 2);
  std::string crashing = good_study();
  crashing.replace(crashing.find("  workload:"), 11, "  seed: 14\n  workload:");
  write_file(home_.path() / "studies/test.yaml", crashing);
  EXPECT_EQ(compare("test"), 3);
}

TEST(CiFiles, AreYamlAndCallTheScript) {
  for (const char* name : {"gitlab-ci.yml", "github-workflow.yml"}) {
    const std::string file = std::string("docs/ci/") + name;
    const Tree tree = load_yaml(file, file, Layer::scenario);
    ASSERT_TRUE(tree.is_map()) << file;
    const std::string text = values_json(tree).dump();
    EXPECT_THAT(text, HasSubstr("docs/ci/compare-study")) << file;
    EXPECT_THAT(text, HasSubstr("./cesasim build")) << file;
    EXPECT_THAT(text, HasSubstr("out/ci/")) << file;
  }
}

}  // namespace
}  // namespace cesasim::study::test
