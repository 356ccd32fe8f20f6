// SPDX-License-Identifier: Apache-2.0
// Whole points in child processes (SystemC elaborates once per process), and a small trace.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "machine/machine.h"
#include "study/matrix/study.h"

namespace cesasim::test {

inline Scenario scenario(const std::string& text) {
  const Library library(std::filesystem::current_path());
  Tree tree = parse_yaml(text, "t.yaml", Layer::scenario);
  expand_dotted(tree);
  return resolve_scenario(tree, library, false);
}

// With a checker on every socket.
inline PointResult run(const Scenario& s, PointOptions options = {}) {
  options.checkers = true;
  int pipe_fd[2];
  if (pipe(pipe_fd) != 0) throw std::runtime_error("pipe");
  const pid_t child = fork();
  if (child == 0) {
    close(pipe_fd[0]);
    std::string text;
    try {
      text = to_json(run_point(s, options)).dump();
    } catch (const std::exception& error) {
      PointResult failed;
      failed.status = Status::failed;
      failed.error = std::string("exception: ") + error.what();
      text = to_json(failed).dump();
    }
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t n = write(pipe_fd[1], text.data() + at, text.size() - at);
      if (n <= 0) _exit(2);
      at += static_cast<std::size_t>(n);
    }
    _exit(0);  // not exit(): the parent's tests are not this process's
  }
  close(pipe_fd[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(pipe_fd[0], buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(n));
  }
  close(pipe_fd[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (text.empty()) {
    PointResult failed;
    failed.status = Status::failed;
    failed.error = "the child died with status " + std::to_string(status);
    return failed;
  }
  return point_from_json(Json::parse(text));
}

inline double metric(const PointResult& p, const std::string& name) {
  return find_value(p.metrics, name).value_or(std::nan(""));
}

inline std::uint64_t integrity(const PointResult& p, const std::string& name) {
  for (const auto& [key, value] : p.integrity) {
    if (key == name) return value;
  }
  ADD_FAILURE() << "no " << name;
  return 0;
}

/// Writes, reads back, reads what was never written; small and large, several submitters.
struct Trace {
  Trace() {
    file = std::filesystem::path(testing::TempDir()) /
           ("machine_test_" + std::to_string(getpid()) + ".csv");
    std::ofstream out(file);
    out << "time_ns,op,sector,bytes,pid,phase,flags,done_ns\n";
    unsigned long t = 0;
    auto row = [&](char op, unsigned sector, unsigned size, unsigned pid, const char* phase) {
      out << t << ',' << op << ',' << sector << ',' << size << ',' << pid << ',' << phase << ",,\n";
      t += 1000;
      ++rows;
      bytes += size;
      (op == 'W' ? written : read) += size / 512;
    };
    for (unsigned i = 0; i < 60; ++i) row('W', i * 8, 4096, 10, "small");
    for (unsigned i = 0; i < 12; ++i) row('W', 4096 + i * 256, 131072, 10 + i % 2, "large");
    for (unsigned i = 0; i < 60; ++i) row('R', i * 8, 4096, 12, "back");
    for (unsigned i = 0; i < 12; ++i) row('R', 4096 + i * 256, 131072, 12, "back");
    for (unsigned i = 0; i < 10; ++i) row('R', 20000 + i * 16, 8192, 12, "unwritten");
  }
  ~Trace() { std::filesystem::remove(file); }
  std::filesystem::path file;
  unsigned rows = 0;
  std::uint64_t bytes = 0, written = 0, read = 0;
};

}  // namespace cesasim::test
