// SPDX-License-Identifier: Apache-2.0
#include "base/file/outputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <iterator>

#include "base/file/files.h"
#include "base/text/errors.h"

namespace fs = std::filesystem;

namespace cesasim {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class OutputsTest : public testing::Test {
 protected:
  std::string refusal(const std::vector<OutputFile>& outputs,
                      const std::vector<std::string>& inputs = {}) {
    try {
      check_outputs(outputs, inputs);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  }
  std::string at(const char* name) const { return (folder_.path() / name).string(); }
  std::ptrdiff_t files() const {
    return std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator());
  }
  TemporaryFolder folder_;
};

TEST_F(OutputsTest, WhatStandsThereStays) {
  write_file(at("old"), "content");
  EXPECT_EQ(refusal({{"--a", at("old")}, {"--b", at("new")}, {"--c", ""}}), "");
  EXPECT_EQ(read_file(at("old")), "content");
  EXPECT_EQ(files(), 1);
}

TEST_F(OutputsTest, PlacesThatCannotBeWritten) {
  EXPECT_THAT(refusal({{"--junit", at("no/such/folder")}}),
              AllOf(StartsWith("--junit: " + at("no/such/folder") + ": cannot be created: "),
                    HasSubstr("valid: ")));
  EXPECT_THAT(refusal({{"--junit", folder_.path().string()}}), HasSubstr("is a folder"));
  EXPECT_THAT(refusal({{"--junit", "/dev/null"}}), HasSubstr("is no regular file"));
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  EXPECT_THAT(refusal({{"--junit", at("pipe")}}), HasSubstr("is no regular file"));
  EXPECT_THAT(refusal({{"--junit", "-"}}), HasSubstr("'-' is no file"));
}

TEST_F(OutputsTest, AnInputByAnyName) {
  write_file(at("in"), "x");
  fs::create_symlink(at("in"), at("link"));
  fs::create_hard_link(at("in"), at("same"));
  for (const char* name : {"in", "link", "same", "./in"}) {
    EXPECT_THAT(refusal({{"OUT", at(name)}}, {at("in")}), HasSubstr("is also an input")) << name;
  }
  EXPECT_EQ(read_file(at("in")), "x");
}

TEST_F(OutputsTest, TwoOutputsOfOneName) {
  EXPECT_THAT(refusal({{"--vcd", at("f")}, {"--junit", at("f")}}),
              AllOf(StartsWith("--junit: "), HasSubstr("asked for twice, also by --vcd")));
  EXPECT_THAT(refusal({{"--vcd", at("f")}, {"--junit", at("./f")}}), HasSubstr("twice"));
  fs::create_directory(at("d"));
  fs::create_symlink(at("d"), at("e"));
  EXPECT_THAT(refusal({{"--vcd", at("d/f")}, {"--junit", at("e/f")}}), HasSubstr("twice"));
  // The part of one would be the other.
  EXPECT_THAT(refusal({{"--vcd", at("f")}, {"--junit", at("f.part")}}), HasSubstr("twice"));
  EXPECT_EQ(refusal({{"--vcd", at("f")}, {"--junit", at("g")}}), "");
}

}  // namespace
}  // namespace cesasim
