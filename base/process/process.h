// SPDX-License-Identifier: Apache-2.0
// Child processes that never outlive the command.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/text/errors.h"

namespace cesasim {

/// While at least one lives SIGINT, SIGTERM and SIGHUP are noted instead of ending the process;
/// with the last the note goes. Whoever asks twice does not want to wait: a second signal ends the
/// process at once, and with it its children.
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  static bool interrupted();
};

/// A child that leads a process group of its own; the group dies with this object, for User-mode
/// Linux ignores SIGTERM and its traced processes would survive it.
class ChildProcess {
 public:
  ChildProcess() = default;
  /// Forks; the child runs `body` and exits with what it returns. Throws std::system_error.
  explicit ChildProcess(const std::function<int()>& body);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  /// True once it has ended; `status()` is valid from then on. Does not block.
  bool ended();
  /// Blocks until it has ended.
  void wait();
  /// Waits up to `limit`; true if it ended.
  bool wait_for(std::chrono::milliseconds limit);
  /// As waitpid gives it.
  int status() const { return status_; }
  /// Kills the whole group and collects the child.
  void kill_group();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  bool ended_ = true;
  int status_ = 0;
};

/// "exit code 1" or "signal 9".
std::string status_text(int wait_status);

/// Replaces the process by a program; returns only if that fails (exit code 127, a message on
/// standard error). For use in ChildProcess bodies.
int execute(const std::vector<std::string>& command);

/// Runs a program with its output appended to `log_file`. Returns its exit code, 128 + signal if
/// a signal ended it. Throws Interrupted.
int run_logged(const std::vector<std::string>& command, const std::string& log_file);

/// Runs a program and returns its standard output. Throws std::runtime_error if it fails.
std::string output_of(const std::vector<std::string>& command);

}  // namespace cesasim
