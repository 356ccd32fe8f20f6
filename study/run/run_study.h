// SPDX-License-Identifier: Apache-2.0
// One study from its prepared points to its results, kept as they come so that an interrupted run
// can be resumed.
#pragma once

#include <string>
#include <vector>

#include "study/matrix/study.h"
#include "study/result/result.h"
#include "study/run/runner.h"

namespace cesasim::study {

/// A study that has been checked and is about to run.
struct PreparedStudy {
  Study study;
  std::vector<Point> points;
  std::vector<double> work;  ///< of each point; empty: all alike
  std::string out;           ///< folder of the results

  std::string partial_file() const { return out + "/partial.jsonl"; }
};

struct RunStudyOptions {
  RunnerOptions runner;
  std::vector<std::string> overrides;  ///< as written, for the results
  bool resume = false;
  bool quiet = false;     ///< no progress
  bool progress = false;  ///< lines of progress also where standard error is no terminal
};

/// "out/STUDY", or with overrides a folder of their own beside it, so that the results to
/// compare with stay: "out/STUDY,soc.cores=2". Where that would be long, or not tell other
/// overrides apart, a hash of all of them stands at its end; results.json has them as they were
/// given.
std::string default_folder(const Study& study, const std::vector<std::string>& overrides);

/// Reads every trace to its end once, so that a bad line, or a row that cannot go onto the device
/// of a point, is known before anything runs. Returns how much work each point is, in bytes. Throws
/// TraceError, for rows that do not fit with the first of them, their number and the rule.
std::vector<double> check_traces(const std::vector<Point>& points);

/// Runs the points that need running, checks the expectations and writes results.json and
/// results.csv. partial_file() stands until the caller removes it. Errors: Interrupted, after a
/// message how to go on; ResumeError; OutputError.
StudyResult run_study(const PreparedStudy& prepared, const RunStudyOptions& options);

}  // namespace cesasim::study
