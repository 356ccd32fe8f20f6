// SPDX-License-Identifier: Apache-2.0
// The fit on a machine whose answer is known: a worker in shell computes
// sim_seconds = wake_up / 1000 + seed * context_switch / 1000.
#include "study/published/fit.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fixture.h"

namespace cesasim::study::test {
namespace {

using testing::HasSubstr;

RunnerOptions known_machine() {
  RunnerOptions options;
  options.worker = {"/bin/sh", "-c",
                    R"sh(job=$(cat <&3)
value() { echo "$job" | tr '{},' '\n\n\n' | grep -A9 "\"$1\":" | grep -m1 '"text"' | cut -d'"' -f4; }
s=$(echo "$(value wake_up) $(value context_switch) $(value seed)" |
    LC_ALL=C awk '{printf "%.12g", $1 / 1000 + $3 * $2 / 1000}')
echo '{"axes":{},"status":"ok","metrics":{"sim_seconds":'$s'},"phases":[],"integrity":{},"config":null}' >&4)sh",
                    "worker"};
  options.jobs = 2;
  return options;
}

class FitTest : public testing::Test {
 protected:
  FitTest() {
    // The preset's values are where the search starts.
    std::string costs = read_file(home_.preset("costs", "test-costs"));
    for (const char* key : {"wake_up", "context_switch"}) {
      const std::size_t line = costs.find(std::string("    ") + key + ":");
      const std::size_t end = costs.find('\n', line);
      costs.replace(line, end - line,
                    std::string("    ") + key +
                        ": {value: 1000, unit: cycles, mark: assumed, source: \"a start\"}");
    }
    write_file(home_.preset("costs", "test-costs"), costs);
  }
  /// Figures of wake_up 700 and context_switch 2500.
  Study study(const std::string& fit) {
    return parse_study(
        "name: t\n"
        "scenario: {soc: test-soc, disk: test-disk, workload.trace: " +
            (home_.path() / "traces/a.csv").string() +
            "}\n"
            "axes: {seed: [0, 1, 4]}\n"
            "expect:\n"
            "  - {name: a, where: {seed: 0}, metric: sim_seconds, published: {value: 0.7, within: "
            "5, "
            "basis: fitted, source: x}}\n"
            "  - {name: b, where: {seed: 1}, metric: sim_seconds, published: {value: 3.2, within: "
            "5, "
            "basis: fitted, source: x}}\n"
            "  - {name: c, where: {seed: 4}, metric: sim_seconds, published: {value: 99, within: "
            "5, "
            "basis: predicted, source: x}}\n" +
            fit,
        "t.yaml");
  }

  Home home_;
};

constexpr const char* kTwo =
    "fit:\n"
    "  - {key: soc.costs.kernel.wake_up, preset: test-costs, min: 100, max: 5000}\n"
    "  - {key: soc.costs.kernel.context_switch, preset: test-costs, min: 100, max: 5000}\n";

TEST_F(FitTest, FindsTheParametersBehindTheFittedFigures) {
  const Study s = study(kTwo);
  const Library library = home_.library();
  const FitResult result = fit(s, library, known_machine());
  ASSERT_EQ(result.parameters.size(), 2u);
  EXPECT_EQ(result.figures, 2u) << "the predicted one is not looked at";
  EXPECT_NEAR(result.parameters[0].after, 700, 7);
  EXPECT_NEAR(result.parameters[1].after, 2500, 25);
  EXPECT_EQ(result.parameters[0].before, 1000);
  EXPECT_FALSE(result.parameters[0].at_bound);
  EXPECT_GT(result.before, 20);
  EXPECT_LT(result.after, 1);

  // Only the two values change in the preset's file.
  const auto files = fitted_files(result);
  ASSERT_EQ(files.size(), 1u);
  std::string text = files.begin()->second;
  for (const FittedParameter& p : result.parameters) {
    const std::string key = p.parameter->key.substr(p.parameter->key.rfind('.') + 1);
    const std::string now = fmt::format("{}: {{value: {:.4g},", key, p.after);
    const std::size_t at = text.find(now);
    ASSERT_NE(at, std::string::npos) << now;
    text.replace(at, now.size(), key + ": {value: 1000,");
  }
  EXPECT_EQ(text, read_file(home_.preset("costs", "test-costs")));
}

/// What is wrong with the files is known before the first run.
TEST_F(FitTest, StartsWithThePresetsValuesAndPlaces) {
  const Study s = study(kTwo);
  const FitResult start = fit_start(s, home_.library());
  ASSERT_EQ(start.parameters.size(), 2u);
  EXPECT_EQ(start.evaluations, 0u);
  const std::string file = home_.preset("costs", "test-costs");
  for (const FittedParameter& p : start.parameters) {
    EXPECT_EQ(p.at.file, file);
    EXPECT_EQ(p.before, 1000);
    EXPECT_EQ(p.after, 1000);
  }
  const auto files = fitted_files(start);
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files.at(file), read_file(file));
}

TEST_F(FitTest, ABoundHolds) {
  const Study s = study(
      "fit:\n"
      "  - {key: soc.costs.kernel.wake_up, preset: test-costs, min: 800, max: 5000}\n"
      "  - {key: soc.costs.kernel.context_switch, preset: test-costs, min: 100, max: 5000}\n");
  const FitResult result = fit(s, home_.library(), known_machine());
  EXPECT_NEAR(result.parameters[0].after, 800, 2);
  EXPECT_TRUE(result.parameters[0].at_bound);
}

TEST_F(FitTest, APointThatFailsIsToldAsWhatItIs) {
  const Study s = study(kTwo);
  const Library library = home_.library();
  RunnerOptions options = known_machine();
  // Runs with the values of the presets, and fails with any other.
  options.worker[2] = options.worker[2].substr(0, options.worker[2].find("\necho")) +
                      "\ntest \"$(value wake_up)\" = 1000 || { echo no >&2; exit 3; }" +
                      options.worker[2].substr(options.worker[2].find("\necho"));
  std::string message;
  try {
    fit(s, library, options);
  } catch (const std::runtime_error& error) {
    message = error.what();
  }
  EXPECT_THAT(message, HasSubstr("failed: the worker exited with code 3"));
}

TEST_F(FitTest, AParameterOfNoFittedFigureIsRefused) {
  const Study s =
      study("fit:\n  - {key: soc.costs.kernel.wake_up, preset: other, min: 1, max: 2}\n");
  EXPECT_EQ(error_of([&] { fit(s, home_.library(), known_machine()); }),
            "t.yaml:9: fit: no fitted figure takes soc.costs.kernel.wake_up from a preset 'other'; "
            "valid: a key and the preset of a fitted row");
}

}  // namespace
}  // namespace cesasim::study::test
