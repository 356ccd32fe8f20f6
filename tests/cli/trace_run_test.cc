// SPDX-License-Identifier: Apache-2.0
// Traces as people have them, replayed by the program on a shipped machine: when requests arrive,
// what is said of rows that were not replayed, and what is refused before anything runs.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/fixture.h"

namespace fs = std::filesystem;

namespace cesasim::cli::test {
using namespace study::test;  // folders, files and studies for tests

namespace {

class TraceRun : public testing::Test {
 protected:
  struct Outcome {
    int code = -1;
    std::string out, err;
  };

  /// Runs one-point over a trace of tests/traces/faults.
  Outcome run(const std::string& trace, const std::string& more) {
    const fs::path file = home_ / "tests/traces/faults" / trace;
    fs::remove_all(work_ / "out");
    const std::string command = "cd " + work_.string() + " && CESASIM_HOME=" + home_.string() +
                                " " + program_ +
                                " run one-point --out out --set workload.trace=" + file.string() +
                                " " + more + " >stdout 2>stderr </dev/null";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(work_ / "stdout"),
            read_file(work_ / "stderr")};
  }
  nlohmann::json point() const {
    return nlohmann::json::parse(read_file(work_ / "out" / "results.json"))["points"][0];
  }
  double metric(const std::string& name) const { return point()["metrics"][name].get<double>(); }
  /// Columns "arrived" and "submitted" of the requests' file, in us.
  std::vector<std::pair<double, double>> requests() const {
    std::istringstream in(read_file(work_ / "requests.csv"));
    std::string line;
    std::getline(in, line);
    std::vector<std::string> names;
    std::istringstream head(line);
    for (std::string name; std::getline(head, name, ',');) names.push_back(name);
    std::vector<std::pair<double, double>> out;
    while (std::getline(in, line)) {
      std::istringstream fields(line);
      std::pair<double, double> row;
      std::string field;
      for (std::size_t i = 0; std::getline(fields, field, ','); ++i) {
        if (names[i].starts_with("arrived")) row.first = std::stod(field);
        if (names[i].starts_with("submitted")) row.second = std::stod(field);
      }
      out.push_back(row);
    }
    return out;
  }

  fs::path home_ = fs::current_path();
  fs::path work_ = fresh_folder("trace_run");
  std::string program_ = fs::absolute("cli/cesasim").string();
};

TEST_F(TraceRun, OpenReplayDoesNotFollowTheTick) {
  const std::string open = "--set disk=flash --set workload.replay=open";
  ASSERT_EQ(run("a1-even-2ms.csv", open + " --requests requests.csv").code, 0);
  const double p50 = metric("latency_us.p50");
  const double p99 = metric("latency_us.p99");
  const auto rows = requests();
  ASSERT_EQ(rows.size(), 500u);
  std::size_t late = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_NEAR(rows[i].first, 2000.0 * static_cast<double>(i), 1e-3);
    late += rows[i].second > rows[i].first + 1e-3 ? 1 : 0;
  }
  EXPECT_LE(late, 1u) << "the first finds no submitter";
  ASSERT_EQ(run("a1-even-2ms.csv", open + " --set kernel.hz=10000").code, 0);
  EXPECT_NEAR(metric("latency_us.p50"), p50, 0.01 * p50);
  EXPECT_NEAR(metric("latency_us.p99"), p99, 0.01 * p99);
}

TEST_F(TraceRun, AnIdleGapIsNoHang) {
  const Outcome o = run("b1-idle-301s.blkparse.txt", "--set workload.replay=open");
  ASSERT_EQ(o.code, 0) << o.out << o.err;
  EXPECT_EQ(metric("requests.served"), 2);
  EXPECT_NEAR(metric("sim_seconds"), 301.1, 0.1);
}

TEST_F(TraceRun, RowsThatDoNotFitAreNamedBeforeTheRun) {
  const Outcome o =
      run("j1-not-4k-aligned.csv", "--set dmcrypt.path=modern --set dmcrypt.sector_size=4096");
  EXPECT_EQ(o.code, 2) << o.out << o.err;
  EXPECT_NE(o.err.find("j1-not-4k-aligned.csv:3: a write of 512 bytes at sector 3 does not fit "
                       "dmcrypt.sector_size 4096"),
            std::string::npos)
      << o.err;
  EXPECT_NE(o.err.find("(3 rows do not fit, this is the first)"), std::string::npos) << o.err;
  EXPECT_FALSE(fs::exists(work_ / "out"));
  EXPECT_EQ(run("j1-not-4k-aligned.csv", "--set dmcrypt.path=modern").code, 0);
  const Outcome beyond = run("j2-discards.blkparse.txt", "--set disk.capacity_gib=0.05");
  EXPECT_EQ(beyond.code, 2) << beyond.err;
  EXPECT_NE(beyond.err.find("j2-discards.blkparse.txt:9: sectors 524160 to 524287 are beyond the "
                            "device, which has 104857"),
            std::string::npos)
      << beyond.err;
}

TEST_F(TraceRun, SkippedRowsAreOnTheScreen) {
  const Outcome o = run("j2-discards.blkparse.txt", "");
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.out.find("of 15 rows of the trace 13 were served, 2 skipped (discards"),
            std::string::npos)
      << o.out;
  ASSERT_EQ(run("h2-comment-line.blkparse.txt", "").code, 0);
  EXPECT_NE(read_file(work_ / "stdout").find("lines that hold no data, passed over: 1"),
            std::string::npos);
  const Outcome none = run("e1-issue-complete-only.blkparse.txt", "");
  EXPECT_EQ(none.code, 2);
  EXPECT_NE(none.err.find("workload.arrivals: issue"), std::string::npos) << none.err;
  EXPECT_EQ(run("e1-issue-complete-only.blkparse.txt", "--set workload.arrivals=issue").code, 0);
}

}  // namespace
}  // namespace cesasim::cli::test
