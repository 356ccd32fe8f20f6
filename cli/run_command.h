// SPDX-License-Identifier: Apache-2.0
// What `cesasim run` and the commands that run studies besides share.
#pragma once

#include <string>
#include <vector>

#include "cli/sensitivity_run.h"

namespace cesasim::cli {

/// The command line of `cesasim run`.
struct RunArguments {
  std::vector<std::string> studies;
  std::vector<std::string> set;
  unsigned jobs = 0;
  std::string out;
  bool quiet = false;
  bool print_config = false;
  bool progress = false;
  bool resume = false;
  std::string junit;
  std::vector<std::string> metrics;
  SensitivityArguments sensitivity;
  std::string vcd;
  std::string vcd_window;
  std::string export_image;
  std::string requests;
  std::string requests_window;
  std::string timeline;
  std::string timeline_window;
  std::vector<std::string> log;
  std::string log_file;
  std::string log_window;
  std::string record;
  std::string record_disk;
};

/// Checks everything, then runs the studies and writes what was asked for. Returns the exit code.
/// Errors: those of an Action.
int run(const RunArguments& arguments);

}  // namespace cesasim::cli
