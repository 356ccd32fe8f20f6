// SPDX-License-Identifier: Apache-2.0
#include "study/published/trust.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "base/text/json.h"

namespace cesasim::study {
namespace {

using testing::HasSubstr;
using testing::Not;

const Library& shipped() {
  static const Library library(std::filesystem::current_path());
  return library;
}

std::vector<Trust> trust(const std::string& scenario, const std::string& axes = "") {
  const Study study = parse_study("name: t\nscenario:\n" + scenario + axes, "t.yaml");
  return trust_of(expand(study, {}, shipped(), /*check_files=*/false), published_rows(shipped()));
}

std::string machine(const std::string& soc, const std::string& path, const std::string& driver) {
  return "  soc: " + soc + "\n  disk: flash\n  kernel: linux-6.1\n  dmcrypt: {path: " + path +
         "}\n  ocf: {driver: " + driver + "}\n  workload: {trace: t.csv}\n";
}

/// The rows are those of the page that the validation makes, in number and in errors.
TEST(Trust, RowsAreThoseOfTheValidation) {
  const std::vector<PublishedRow> rows = published_rows(shipped());
  std::ifstream page("docs/validation.md");
  std::size_t fitted = 0, predicted = 0;
  double sum = 0;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("| fitted") || line.starts_with("| predicted")) continue;  // summary
    const bool is_fitted = line.find("| fitted |") != std::string::npos;
    if (!is_fitted && line.find("| predicted |") == std::string::npos) continue;
    ++(is_fitted ? fitted : predicted);
    std::istringstream cells(line);
    std::string cell;
    for (int i = 0; i < 5; ++i) std::getline(cells, cell, '|');
    sum += std::stod(cell);
  }
  std::size_t rows_fitted = 0;
  double errors = 0;
  for (const PublishedRow& row : rows) {
    rows_fitted += row.fitted ? 1 : 0;
    errors += row.error;
  }
  EXPECT_GT(fitted, 10u);
  EXPECT_EQ(rows_fitted, fitted);
  EXPECT_EQ(rows.size() - rows_fitted, predicted);
  EXPECT_NEAR(errors, sum, 0.05 * static_cast<double>(rows.size()));
}

/// A benchmark of the kind that was measured on this board with this driver.
TEST(Trust, AMeasuredBoard) {
  const auto all = trust(
      "  soc: kirkwood-88f6281\n  kernel: linux-6.1\n  ocf: {driver: cesa_tdma}\n"
      "  workload: {bench: {algorithm: aes-128-cbc, api: af_alg}}\n");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].basis, "direct");
  EXPECT_EQ(all[0].fitted, 1u);
  EXPECT_EQ(all[0].predicted, 1u);
  EXPECT_NEAR(all[0].largest_error, 3.6, 0.05);
  EXPECT_GT(all[0].assumed, 0u);
  EXPECT_THAT(all[0].text,
              HasSubstr("kirkwood-88f6281 by cesa_tdma: 2 rows (1 fitted, 1 predicted; "
                        "throughput off by at most 3.6 %); "));
}

/// The engine was measured; that does not make a dm-crypt figure a measured one.
TEST(Trust, APartlyMeasuredBoard) {
  const auto all = trust(machine("kirkwood-88f6281", "ocf-v1", "cesa_tdma"),
                         "axes:\n  dmcrypt.path: [ocf-v1, ocf-v3]\n");
  ASSERT_EQ(all.size(), 1u) << "one line for both paths";
  EXPECT_EQ(all[0].basis, "engine");
  EXPECT_EQ(all[0].paths, (std::vector<std::string>{"ocf-v1", "ocf-v3"}));
  EXPECT_THAT(
      all[0].text,
      HasSubstr("engine by 2 rows (1 fitted, 1 predicted; throughput off by at most 3.6 %); "
                "paths ocf-v1, ocf-v3 never timed (nobody has published times "
                "of dm-crypt over OCF)"));
  const auto modern = trust(machine("armada-385", "modern", "cesa_tdma"));
  EXPECT_EQ(modern[0].basis, "engine");
  EXPECT_THAT(modern[0].text, Not(HasSubstr("over OCF")));
}

TEST(Trust, ABoardThatWasNeverMeasured) {
  const auto all = trust(machine("orion-88f5182", "ocf-async", "cesa_pio"));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].basis, "none");
  EXPECT_THAT(all[0].text,
              HasSubstr("orion-88f5182 by cesa_pio: never compared with a measurement"));
  // Its software, in a program, neither.
  const auto library = trust(
      "  soc: orion-88f5182\n  kernel: linux-6.1\n"
      "  workload: {bench: {algorithm: aes-128-cbc, api: openssl}}\n");
  EXPECT_EQ(library[0].basis, "none");
}

TEST(Trust, WithoutEncryptionThereIsNothingToSay) {
  EXPECT_TRUE(
      trust("  soc: armada-385\n  disk: flash\n  kernel: linux-6.1\n  dmcrypt: {path: none}\n"
            "  workload: {trace: t.csv}\n")
          .empty());
}

/// Without the study or its baseline nothing was ever compared.
TEST(Trust, NoPublishedStudy) {
  const Library empty(std::filesystem::path(testing::TempDir()) / "nothing");
  EXPECT_TRUE(published_rows(empty).empty());
}

}  // namespace
}  // namespace cesasim::study
