// SPDX-License-Identifier: Apache-2.0
// Many seeds in one test case.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>

namespace cesasim::test {

/// SystemC elaborates once per process: each seed runs in a child.
template <class Body>
void for_seeds(unsigned first, unsigned count, Body body) {
  std::string failed;
  for (unsigned seed = first; seed < first + count; ++seed) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      try {
        body(seed);
      } catch (const std::exception& e) {
        ADD_FAILURE() << e.what();
      }
      std::fflush(nullptr);
      _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) failed += " " + std::to_string(seed);
  }
  EXPECT_EQ(failed, "") << "failed seeds";
}

}  // namespace cesasim::test
