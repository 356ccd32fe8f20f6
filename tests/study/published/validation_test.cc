// SPDX-License-Identifier: Apache-2.0
#include "study/published/validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cesasim::study {
namespace {

using testing::HasSubstr;

ExpectationResult row(const std::string& name, const char* metric, double published,
                      std::optional<double> simulated, bool fitted, const std::string& note = "") {
  ExpectationResult e;
  e.name = name;
  e.metric = metric;
  e.value = simulated;
  e.ok = simulated.has_value();
  e.published = Published{published, fitted ? 5.0 : 15.0, fitted, "site.org: board", note};
  if (!simulated) e.note = "the point failed";
  return e;
}

TEST(Validation, EveryFigureAndWhatTheyAddUpTo) {
  StudyResult r;
  r.study = "published";
  r.version = "1.2";
  r.expectations = {row("1: a", "throughput_mb_s", 100, 101, true),
                    row("1: b", "throughput_mb_s", 50, 40, false, "a known miss"),
                    row("2: c", "bench.user", 0.5, 0.55, false),
                    row("2: d", "throughput_mb_s", 10, std::nullopt, false)};
  r.expectations.emplace_back();  // no published figure: not in the table
  const std::string text = validation_markdown(r);
  const auto has = [&text](const std::string& line) {
    EXPECT_THAT(text, HasSubstr(line + "\n")) << line << "\nin\n" << text;
  };
  has("| fitted | 1 | 1 | 1.0 | 1.0 | 1.0 |");
  has("| predicted throughput | 1 | 0 | 20.0 | 20.0 | 20.0 |");
  has("| predicted processor time | 1 | 1 | 10.0 | 10.0 | 10.0 |");
  has("| 1: a | 100 MB/s | 101 | +1.0 | fitted |  |");
  has("| 1: b | 50 MB/s | 40 | -20.0 | predicted | **misses the aim**; a known miss |");
  has("| 2: c | 50.0 % | 55.0 | +10.0 | predicted |  |");
  has("| 2: d | 10 MB/s | - | the point failed | predicted |  |");
  has("- 1, 2: site.org: board");
}

TEST(Validation, AStudyWithoutPublishedFiguresIsRefused) {
  StudyResult r;
  r.expectations.emplace_back();
  EXPECT_THROW(validation_markdown(r), std::invalid_argument);
}

}  // namespace
}  // namespace cesasim::study
