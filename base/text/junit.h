// Results as JUnit XML.
#pragma once

#include <string>
#include <vector>

namespace cesasim {

struct TestCase {
  std::string group;  ///< "armada-370.algorithms"
  std::string name;
  bool ok = false;
  std::string message;  ///< why not
};

std::string to_junit(const std::string& suite, const std::vector<TestCase>& cases);

}  // namespace cesasim
