// SPDX-License-Identifier: Apache-2.0
// The real driver and the real kernel as judges of the model.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/text/junit.h"
#include "cosim/device/device_process.h"
#include "cosim/host/guest.h"
#include "cosim/host/kernel.h"

namespace cesasim::cosim {

/// A SoC to be tested on.
struct Board {
  std::string name;
  hw::CesaParams cesa;
  hw::DramParams dram;
};

struct SelftestOptions {
  KernelOptions kernel;
  std::vector<Board> boards;
  /// Only the algorithms and dm-crypt, no endurance, repeatability, fault or randomized run.
  bool quick = false;
  unsigned fuzz_iterations = 100;  ///< of the kernel's randomized tests; 0: none
  unsigned concurrency_seconds = 60;
  std::chrono::seconds wall_limit{0};  ///< of host time for one boot; 0: none
  std::string junit_file;
};

/// Prints every algorithm with its driver's name and every check, and ends with "N of N
/// algorithms passed their self tests". Returns 0 only if everything is as expected, 1 if not, 3
/// if a guest or the device did not come to its end.
int run_selftest(const SelftestOptions& options);

struct RunOptions {
  KernelOptions kernel;
  Board board;
  Injection injection;
  std::string device_log;
  std::vector<std::string> command;
  std::chrono::seconds wall_limit{0};  ///< of host time for one boot; 0: none
  unsigned simulated_limit_s = 3600;
  bool console = false;  ///< show the kernel's log on standard error
};

/// Boots the guest and runs the user's command in it. Returns 0 if it did, 1 if it failed, 3 if
/// the guest or the device did not come to its end.
int run_command(const RunOptions& options);

}  // namespace cesasim::cosim
