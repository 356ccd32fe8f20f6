// SPDX-License-Identifier: Apache-2.0
#include "study/output/guide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenario/names.h"
#include "scenario/parameter_list.h"
#include "scenario/scenario.h"
#include "tests/support/fixture.h"

namespace cesasim::study::test {
namespace {

using testing::HasSubstr;

TEST(Guide, ThePageIsTheReadersOwnTables) {
  const std::string page = read_file("docs/studies.md");
  EXPECT_TRUE(page == study_guide()) << "./cesasim list guide > docs/studies.md";
  for (const ParameterInfo& p : list_parameters()) {
    EXPECT_THAT(page, HasSubstr("| `" + p.path + "` |")) << p.path;
  }
}

}  // namespace
}  // namespace cesasim::study::test
