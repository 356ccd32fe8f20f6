// SPDX-License-Identifier: Apache-2.0
// How far a run is, for people.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "study/run/progress.h"
#include "study/run/runner.h"

namespace cesasim::study {

/// On standard error: on a terminal one line rewritten in place; elsewhere, and
/// only if asked for, a line now and then.
class ProgressLine {
 public:
  enum class Style { none, in_place, lines };
  static Style choose(bool quiet, bool asked_for);

  /// `already` points were finished before. `what` names the points, "points"
  /// or "runs".
  ProgressLine(std::string name, Style style, std::size_t already = 0, std::string what = "points");
  ~ProgressLine() { clear(); }

  bool active() const { return style_ != Style::none; }
  void show(const RunnerOptions::Status& status);
  void clear();

 private:
  std::string name_, what_;
  Style style_;
  std::size_t already_;
  bool shown_ = false;
  double next_line_;
  TimeLeft time_left_;
  std::chrono::steady_clock::time_point start_;
};

/// The command line as it was given, for a shell.
std::string command_line();

}  // namespace cesasim::study
