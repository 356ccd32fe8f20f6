// SPDX-License-Identifier: Apache-2.0
#include "base/text/version.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace cesasim {
namespace {

namespace fs = std::filesystem;

class BuildDescription : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "real");
    std::ofstream(program_) << "a program";
  }

  void describe(const std::string& text) {
    std::ofstream(program_ + ".describe", std::ios::binary) << text;
  }

  const fs::path folder_ =
      fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
  const std::string program_ = (folder_ / "real" / "program").string();
};

TEST_F(BuildDescription, IsTheLineBesideTheProgram) {
  describe("v0.2.0-3-g1234567-dirty\n");
  EXPECT_EQ(build_description(program_), "v0.2.0-3-g1234567-dirty");
}

TEST_F(BuildDescription, IsThatOfTheProgramAndNotOfALinkToIt) {
  describe("1234567\n");
  const std::string link = (folder_ / "link").string();
  fs::create_symlink(program_, link);
  EXPECT_EQ(build_description(link), "1234567");
}

TEST_F(BuildDescription, IsEmptyWhereNobodyKnows) {
  EXPECT_EQ(build_description(program_), "");
  EXPECT_EQ(build_description((folder_ / "no such program").string()), "");
  EXPECT_EQ(build_description(), "") << "a test is not built by the launcher";
}

/// It goes into XML, YAML comments and HTML.
TEST_F(BuildDescription, TakesNoOtherText) {
  for (const std::string& text :
       {std::string("\n1234567\n"), std::string("fatal: not a git repository\n"),
        std::string("123\000456", 7), std::string("\x1b[31m"), std::string(10000, 'x')}) {
    describe(text);
    EXPECT_EQ(build_description(program_), "") << testing::PrintToString(text);
  }
}

TEST(VersionText, HasTheDescriptionIfThereIsOne) {
  EXPECT_EQ(version_text("0.2.0", ""), "0.2.0");
  EXPECT_EQ(version_text("0.2.0", "1234567"), "0.2.0 (1234567)");
}

}  // namespace
}  // namespace cesasim
