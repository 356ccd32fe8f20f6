// The metrics a run reports: one registry for the table, the listing and the expectations.
#pragma once

#include <string>
#include <vector>

namespace cesasim::study {

struct Metric {
  std::string name;
  std::string unit;
  std::string doc;
  enum class Better { lower, higher, neither } better;
};

/// All metrics, in the order in which they are shown.
const std::vector<Metric>& metrics();
/// nullptr if there is none of that name.
const Metric* find_metric(const std::string& name);
std::vector<std::string> metric_names();

}  // namespace cesasim::study
