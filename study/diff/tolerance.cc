// SPDX-License-Identifier: Apache-2.0
#include "study/diff/tolerance.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <string_view>

#include "base/text/nearest.h"

namespace cesasim::study {
namespace {

constexpr const char* kForm = "NAME=PERCENT or NAME=PERCENT,ABSOLUTE, as in latency_us=1";

double number(std::string_view text, const std::string& whole) {
  if (text.ends_with('%')) text.remove_suffix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value) ||
      value < 0) {
    throw std::invalid_argument(
        fmt::format("'{}': '{}' is no number of 0 or more; valid: {}", whole, text, kForm));
  }
  return value;
}

}  // namespace

void Tolerances::add(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw std::invalid_argument(fmt::format("'{}'; valid: {}", text, kForm));
  }
  const std::string_view values = std::string_view(text).substr(equals + 1);
  const std::size_t comma = values.find(',');
  Tolerance out;
  out.percent = number(values.substr(0, comma), text);
  if (comma != std::string_view::npos) out.absolute = number(values.substr(comma + 1), text);
  by_name_[text.substr(0, equals)] = out;
}

Tolerance Tolerances::of(const std::string& metric) const {
  std::string name = metric;
  for (;;) {
    if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second;
    const std::size_t dot = name.rfind('.');
    if (dot == std::string::npos) break;
    name.resize(dot);
  }
  const auto standard = by_name_.find("default");
  return standard == by_name_.end() ? Tolerance() : standard->second;
}

void Tolerances::check_names(const std::vector<std::string>& metrics) const {
  std::vector<std::string> valid = {"default"};
  for (const std::string& metric : metrics) {
    for (std::size_t dot = metric.find('.'); dot != std::string::npos;
         dot = metric.find('.', dot + 1)) {
      valid.push_back(metric.substr(0, dot));
    }
    valid.push_back(metric);
  }
  for (const auto& [name, tolerance] : by_name_) {
    if (std::find(valid.begin(), valid.end(), name) != valid.end()) continue;
    throw std::invalid_argument(
        fmt::format("unknown metric '{}'{}; valid: default, and what `cesasim list metrics` shows",
                    name, did_you_mean(name, valid)));
  }
}

}  // namespace cesasim::study
