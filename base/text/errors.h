// SPDX-License-Identifier: Apache-2.0
// How a command ends, and what it throws to end so.
#pragma once

#include <stdexcept>
#include <string>

namespace cesasim {

/// Exit codes of every command.
enum ExitCode {
  kOk = 0,
  kExpectationFailed = 1,  ///< an expectation, a comparison or a check
  kBadInput = 2,
  kPointFailed = 3,  ///< a point or a guest that did not come to its end, or broke a guarantee
  kInterrupted = 130,
};

/// What the user gave cannot be used. The message says what can.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The user asked for the end (SIGINT, SIGTERM, SIGHUP).
struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error("interrupted") {}
};

}  // namespace cesasim
