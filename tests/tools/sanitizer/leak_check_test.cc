// SPDX-License-Identifier: Apache-2.0
// The leak check of the sanitized suite: it knows the stacks, finds what is lost and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

struct Outcome {
  int exit_code = -1;
  std::string output;
};

Outcome run(const std::string& mode) {
  const std::string program =
      std::string(std::getenv("TEST_SRCDIR")) + "/cesasim/tests/tools/sanitizer/coroutine_program";
  const std::string command =
      "LSAN_OPTIONS=verbosity=1:log_threads=1 '" + program + "' " + mode + " 2>&1";
  Outcome out;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return out;
  char buffer[4096];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) {
    out.output.append(buffer, n);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status)) out.exit_code = WEXITSTATUS(status);
  return out;
}

void expect_known_stacks(const Outcome& out) {
  EXPECT_THAT(out.output, Not(HasSubstr("stack pointer not in stack range")));
  EXPECT_THAT(out.output, Not(HasSubstr("fatal error")));
}

TEST(LeakCheck, WhatASuspendedThreadHoldsIsNoLeak) {
  for (const char* mode : {"clean", "modules-live"}) {
    const Outcome out = run(mode);
    expect_known_stacks(out);
    EXPECT_EQ(out.exit_code, 0) << mode << "\n" << out.output;
  }
}

TEST(LeakCheck, LostMemoryIsFound) {
  for (const char* mode : {"leak-in-main", "leak-in-thread"}) {
    const Outcome out = run(mode);
    expect_known_stacks(out);
    EXPECT_NE(out.exit_code, 0) << mode;
    EXPECT_THAT(out.output,
                ContainsRegex("Direct leak of [0-9]+ byte.s. in [78] object.s. allocated"))
        << mode;
  }
}

TEST(LeakCheck, ExitInAThreadIsChecked) {
  const Outcome out = run("exit-in-thread");
  expect_known_stacks(out);
  EXPECT_EQ(out.exit_code, 7) << out.output;
}

}  // namespace
