// SPDX-License-Identifier: Apache-2.0
// All keys of a scenario as a list.
#pragma once

#include <string>
#include <vector>

namespace cesasim {

/// One line of `cesasim list parameters`.
struct ParameterInfo {
  std::string path = {};
  std::string type = {};  ///< number, count, flag, choice, text, preset
  std::string unit = {};
  double min = 0, max = 0;                   ///< number and count
  std::string min_text = {}, max_text = {};  ///< the same, exact beyond what a double holds
  std::string valid = {};  ///< choice, text and preset; number and count: the default
  std::string doc = {};
  std::vector<std::string> choices = {};  ///< choice
};
std::vector<ParameterInfo> list_parameters();

}  // namespace cesasim
