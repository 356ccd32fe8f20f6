// SPDX-License-Identifier: Apache-2.0
#include "study/output/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "machine/result/metrics.h"

namespace cesasim::study {
namespace {

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

}  // namespace

std::string to_csv(const StudyResult& result) {
  std::vector<std::string> axes;
  std::vector<std::string> columns;
  auto add = [](std::vector<std::string>& list, const std::string& name) {
    if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
  };
  // Registered metrics first, in their order, then whatever else a point carries.
  std::vector<std::string> present;
  for (const PointResult& point : result.points) {
    for (const auto& [path, value] : point.axes.items()) add(axes, path);
    for (const auto& [name, value] : point.metrics) add(present, name);
    for (const PhaseResult& phase : point.phases) {
      for (const auto& [name, value] : phase.metrics) add(present, name);
    }
  }
  for (const Metric& metric : metrics()) {
    if (std::find(present.begin(), present.end(), metric.name) != present.end()) {
      columns.push_back(metric.name);
    }
  }
  for (const std::string& name : present) add(columns, name);

  std::string out;
  for (const std::string& path : axes) out += csv_field(path) + ",";
  out += "status,phase";
  for (const std::string& name : columns) out += "," + csv_field(name);
  out += "\n";
  auto row = [&](const PointResult& point, const std::string& phase, const MetricList& list) {
    for (const std::string& path : axes) {
      if (point.axes.contains(path)) {
        const Json& value = point.axes[path];
        out += csv_field(value.is_string() ? value.get<std::string>() : value.dump());
      }
      out += ",";
    }
    out += fmt::format("{},{}", status_name(point.status), csv_field(phase));
    for (const std::string& name : columns) {
      out += ",";
      const std::optional<double> value = find_value(list, name);
      if (value && std::isfinite(*value)) out += fmt::format("{}", *value);
    }
    out += "\n";
  };
  for (const PointResult& point : result.points) {
    row(point, "", point.metrics);
    for (const PhaseResult& phase : point.phases) row(point, phase.name, phase.metrics);
  }
  return out;
}

}  // namespace cesasim::study
