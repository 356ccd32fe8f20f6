// SPDX-License-Identifier: Apache-2.0
// Results as JUnit XML, which CI systems show as test results.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cesasim {

struct TestCase {
  /// What a case is that is not `ok`.
  enum class Kind { failure, error, skipped };

  std::string group;  ///< the class name: "armada-370.algorithms"
  std::string name;
  bool ok = false;
  std::string message = {};  ///< why not
  Kind kind = Kind::failure;
  std::string type = {};  ///< of a failure or error: "expectation"; "": not given
  double seconds = 0;     ///< host time
  std::vector<std::pair<std::string, std::string>> properties = {};
};

struct TestSuite {
  std::string name;
  std::vector<std::pair<std::string, std::string>> properties;
  std::vector<TestCase> cases;
};

/// The document, with counts and times summed up. Bytes that XML cannot hold become '?'.
std::string to_junit(const std::vector<TestSuite>& suites);

/// A document with one error: what a CI system finds if the run does not come to its end.
std::string unfinished_junit(const std::string& suite);

}  // namespace cesasim
