// SPDX-License-Identifier: Apache-2.0
// The page in docs/ says what the table says.
#include "tools/register_page/register_page.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace cesasim::tools {
namespace {

TEST(RegisterPage, IsUpToDate) {
  std::ifstream file("docs/registers.md");
  const std::string kept{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(kept, register_page()) << "run: bazel run -c opt //tools/register_page > "
                                      "docs/registers.md";
}

TEST(RegisterPage, NamesTheRegistersOfTheDataSheet) {
  const std::string page = register_page();
  for (const char* line :
       {"## 0xDE00 cmd", "## 0xDE20 int_cause", "## 0x0840 tdma_control", "## 0xDD00 ivdig"}) {
    EXPECT_NE(page.find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace cesasim::tools
