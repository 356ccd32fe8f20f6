// SPDX-License-Identifier: Apache-2.0
// One point in a process of its own: the parent's side and the worker's side.
#pragma once

#include <poll.h>

#include <cstddef>
#include <string>
#include <vector>

#include "base/process/fd.h"
#include "base/process/process.h"
#include "machine/machine.h"
#include "study/matrix/study.h"
#include "study/result/result.h"

namespace cesasim::study {

/// How a worker is started, and what it writes besides the result.
struct WorkerOptions {
  /// Command of the worker; the file descriptors of worker_main() are appended as arguments.
  std::vector<std::string> worker;
  VcdWindow vcd;             ///< every point's: for a single one
  std::string export_image;  ///< likewise
  ObserveOptions observe;    ///< likewise
};

/// A running worker process.
class Worker {
 public:
  /// Starts it. Errors: std::system_error.
  Worker(std::size_t index, const Point& point, const WorkerOptions& options);

  std::size_t index() const { return index_; }
  const Progress& progress() const { return progress_; }

  /// The descriptors to poll for reading.
  void add_fds(std::vector<pollfd>& fds) const;
  /// Reads what is there. False once the worker has closed everything.
  bool drain();
  /// Waits for the process and makes the point's result.
  PointResult finish();

 private:
  void parse_status();

  std::size_t index_;
  Json axes_, config_;
  ChildProcess child_;
  FileDescriptor out_, error_, status_;
  std::string result_text_, stderr_text_, status_text_;
  Progress progress_;
};

/// The worker's side: reads a point from `in_fd`, runs it and writes the result to `out_fd` and
/// progress to `status_fd`. Returns the process's exit code.
int worker_main(int in_fd, int out_fd, int status_fd);

}  // namespace cesasim::study
