// SPDX-License-Identifier: Apache-2.0
#include "study/run/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text/errors.h"
#include "tests/support/fixture.h"

namespace cesasim::study::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::vector<Point> make_points(std::size_t n) {
  std::vector<Point> points(n);
  for (std::size_t i = 0; i < n; ++i) {
    points[i].index = i;
    points[i].axes = {{"i", i}};
    points[i].tree = parse_yaml("seed: " + std::to_string(i), "t.yaml", Layer::scenario);
  }
  return points;
}

/// A worker in shell; $1, $2 and $3 are the numbers of its descriptors for the point, the
/// result and the progress (fixed at 3, 4 and 5, which the scripts use).
RunnerOptions shell(const std::string& script, unsigned jobs = 2) {
  RunnerOptions options;
  options.worker = {"/bin/sh", "-c", script, "worker"};
  options.jobs = jobs;
  return options;
}

const char* kGood =
    R"(cat <&3 >/dev/null; echo '{"axes":{},"status":"ok","metrics":{"sim_seconds":2},)"
    R"("phases":[],"integrity":{},"config":null}' >&4)";

TEST(Runner, ResultsComeInOrderWithTheirAxes) {
  const auto points = make_points(7);
  std::size_t last = 0;
  RunnerOptions options = shell(kGood, 3);
  options.on_status = [&last](const RunnerOptions::Status& s) {
    EXPECT_GE(s.done, last);
    EXPECT_EQ(s.total, 7u);
    last = s.done;
  };
  const auto results = run_points(points, options);
  ASSERT_EQ(results.size(), 7u);
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(results[i].status, Status::ok) << results[i].error;
    EXPECT_EQ(results[i].axes["i"], i);
    EXPECT_EQ(results[i].config["seed"], i);
    EXPECT_EQ(find_value(results[i].metrics, "sim_seconds"), 2);
  }
  EXPECT_EQ(last, 7u);
}

TEST(Runner, TheWorkerIsGivenThePoint) {
  const auto results = run_points(
      make_points(1),
      shell(R"(test "$1 $2 $3" = "3 4 5" || exit 9; grep -q '"file":"t.yaml"' <&3 || exit 8; )"
            R"(echo '{"axes":{},"status":"ok","metrics":{},"phases":[],"integrity":{}}' >&4)"));
  EXPECT_EQ(results[0].status, Status::ok) << results[0].error;
}

TEST(Runner, ACrashIsThatPointsFailureOnly) {
  const auto results =
      run_points(make_points(3),
                 shell(std::string("if grep -q '\"text\":\"1\"' <&3; then echo last words >&2; "
                                   "kill -SEGV $$; fi; ") +
                       kGood));
  EXPECT_EQ(results[0].status, Status::ok) << results[0].error;
  EXPECT_EQ(results[1].status, Status::failed);
  EXPECT_EQ(results[1].error, "the worker died: Segmentation fault: last words");
  EXPECT_EQ(results[1].axes["i"], 1);
  EXPECT_EQ(results[2].status, Status::ok) << results[2].error;
}

TEST(Runner, ABadExitCode) {
  const auto results = run_points(make_points(1), shell("echo why >&2; exit 3"));
  EXPECT_EQ(results[0].status, Status::failed);
  EXPECT_EQ(results[0].error, "the worker exited with code 3: why");
}

TEST(Runner, GarbageForAnAnswer) {
  for (const char* script : {"echo nonsense >&4", "true", "echo '{\"status\":\"ok\"}' >&4",
                             "echo '[1, 2' >&4", "head -c 1000 /dev/zero >&4"}) {
    const auto results = run_points(make_points(1), shell(script));
    EXPECT_EQ(results[0].status, Status::failed) << script;
    EXPECT_THAT(results[0].error, StartsWith("the worker's result cannot be read")) << script;
  }
}

TEST(Runner, AWorkerThatCannotBeStarted) {
  RunnerOptions options;
  options.worker = {"/nowhere/worker"};
  const auto results = run_points(make_points(1), options);
  EXPECT_EQ(results[0].status, Status::failed);
  EXPECT_THAT(results[0].error, HasSubstr("cannot start '/nowhere/worker': No such file"));
}

TEST(Runner, ATalkativeWorkerDoesNotBlockAndIsCut) {
  const auto results =
      run_points(make_points(1), shell("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1"));
  EXPECT_EQ(results[0].status, Status::failed);
  EXPECT_LT(results[0].error.size(), 5000u);
}

TEST(Runner, ProgressOfRunningPointsIsSeen) {
  // The worker goes on when its progress has been seen.
  const std::string seen = (fresh_folder("runner_progress") / "seen").string();
  RunnerOptions options = shell("printf '5 0.25\\n7.5 0.5\\n' >&5; while [ ! -e " + seen +
                                    " ]; do sleep 0.05; done; " + kGood,
                                1);
  double seconds = 0;
  double fraction = 0;
  options.on_status = [&](const RunnerOptions::Status& s) {
    if (s.done > 0) return;
    seconds = s.sim_seconds;
    fraction = s.fraction;
    if (seconds == 7.5) write_file(seen, "");
  };
  run_points(make_points(1), options);
  EXPECT_EQ(seconds, 7.5);
  EXPECT_EQ(fraction, 0.5);
}

TEST(Runner, PointsRunAtTheSameTime) {
  // Each waits until all four are there: one after the other would never end.
  const std::string folder = fresh_folder("runner_together").string();
  const auto results =
      run_points(make_points(4), shell("touch " + folder + "/$$; while [ $(ls " + folder +
                                           " | wc -l) -lt 4 ]; do sleep 0.05; done; " + kGood,
                                       4));
  for (const PointResult& result : results) EXPECT_EQ(result.status, Status::ok);
}

TEST(Runner, FaultsInTheCountersBreakThePoint) {
  const auto results =
      run_points(make_points(1), shell(R"(echo '{"axes":{},"status":"ok","metrics":{},"phases":[],)"
                                       R"("integrity":{"lost_requests":3}}' >&4)"));
  EXPECT_EQ(results[0].status, Status::broken);
}

TEST(Runner, CtrlCKillsTheWorkers) {
  const auto folder = fresh_folder("runner");
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    try {
      run_points(make_points(2),
                 shell("echo $$ > " + folder.string() + "/pid; exec sleep 1000", 1));
    } catch (const Interrupted&) {
      ::_exit(42);
    }
    ::_exit(1);
  }
  std::string text;
  for (int i = 0; i < 500 && (text.empty() || text.back() != '\n'); ++i) {
    ::usleep(10000);
    text = read_file(folder / "pid");
  }
  const pid_t worker = std::stoi(text);
  EXPECT_EQ(::kill(worker, 0), 0);
  ::kill(pid, SIGINT);
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 42);
  EXPECT_EQ(::kill(worker, 0), -1);
}

TEST(Runner, WorkerMainRunsThePoint) {
  Home home;
  auto points = expand(parse_study(good_study(), "t.yaml"), {}, home.library());
  RunnerOptions options;
  // The point goes through the real worker code in a child of this very test.
  Json job;
  job["axes"] = points[3].axes;
  job["tree"] = to_json(points[3].tree);
  job["trace_file"] = points[3].scenario.workload.trace_file;
  int in[2], out[2];
  ASSERT_EQ(::pipe(in), 0);
  ASSERT_EQ(::pipe(out), 0);
  const std::string text = job.dump();
  const pid_t writer = ::fork();
  if (writer == 0) {
    (void)!::write(in[1], text.data(), text.size());
    ::_exit(0);
  }
  ::close(in[1]);
  EXPECT_EQ(worker_main(in[0], out[1], STDERR_FILENO), 0);
  ::close(out[1]);
  ::waitpid(writer, nullptr, 0);
  std::string answer(100000, ' ');
  answer.resize(static_cast<std::size_t>(::read(out[0], answer.data(), answer.size())));
  const PointResult result = point_from_json(Json::parse(answer));
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(find_value(result.metrics, "sim_seconds"), 12);
  EXPECT_TRUE(find_value(result.metrics, "host_seconds").has_value());
}

}  // namespace
}  // namespace cesasim::study::test
