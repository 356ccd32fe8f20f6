// The command line.
#pragma once

namespace cesasim::study {

/// Exit codes of every command.
enum ExitCode {
  kOk = 0,
  kExpectationFailed = 1,
  kBadInput = 2,
  kPointFailed = 3,
  kInterrupted = 130,
};

/// Runs the command named by the arguments; messages go to standard error.
int cli_main(int argc, char** argv);

}  // namespace cesasim::study
