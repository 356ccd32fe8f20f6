// SPDX-License-Identifier: Apache-2.0
// studies/short is mkfs-vs-bonnie with other traces, and stays so.
#include <gtest/gtest.h>

#include "study/matrix/study.h"
#include "tests/support/fixture.h"

namespace cesasim::study::test {
namespace {

TEST(ShortStudy, IsTheDefaultStudyOverShortTraces) {
  const Library library{std::filesystem::current_path()};
  const Study whole = load_study("studies/mkfs-vs-bonnie.yaml");
  const Study piece = load_study("studies/short/mkfs-vs-bonnie-short.yaml");
  const auto points = expand(piece, {}, library);
  const auto reference = expand(whole, {}, library, false);
  ASSERT_EQ(points.size(), reference.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    Json config = values_json(points[i].tree);
    Json wanted = values_json(reference[i].tree);
    std::string trace = wanted["workload"]["trace"];
    EXPECT_EQ(config["workload"]["trace"], "studies/short/" + trace.substr(trace.find('/') + 1));
    config["workload"].erase("trace");
    wanted["workload"].erase("trace");
    EXPECT_EQ(config.dump(), wanted.dump());
  }
  ASSERT_EQ(piece.expect.size(), whole.expect.size());
  for (std::size_t i = 0; i < piece.expect.size(); ++i) {
    EXPECT_EQ(piece.expect[i].name, whole.expect[i].name);
    EXPECT_EQ(piece.expect[i].metric, whole.expect[i].metric);
    if (whole.expect[i].metric == "bytes_copied") continue;  // of the shorter trace
    EXPECT_EQ(piece.expect[i].min, whole.expect[i].min);
    EXPECT_EQ(piece.expect[i].max, whole.expect[i].max);
  }
}

}  // namespace
}  // namespace cesasim::study::test
