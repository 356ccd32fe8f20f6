// SPDX-License-Identifier: Apache-2.0
#include "study/sensitivity/parameters.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <optional>

#include "scenario/parameter_list.h"

namespace cesasim::study {
namespace {

struct Range {
  double base = 0, low = 0, high = 0;
  bool stated = false;
};

std::optional<double> number_of(const Tree& tree) {
  if (!tree.is_scalar() || tree.quoted) return std::nullopt;
  double value = 0;
  const char* end = tree.text.data() + tree.text.size();
  const auto [stop, error] = std::from_chars(tree.text.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

const ParameterInfo* info_of(const std::string& path) {
  static const std::vector<ParameterInfo> all = list_parameters();
  for (const ParameterInfo& info : all) {
    if (info.path == path) return &info;
  }
  return nullptr;
}

/// nullopt, with the reason, if the value cannot be varied.
std::optional<Range> range_of(const Tree& value, const std::string& path, std::string& why) {
  const std::optional<double> base = number_of(value);
  if (!base) {
    why = "not a decimal number";
    return std::nullopt;
  }
  Range out;
  out.base = *base;
  if (value.bounds) {
    out.low = value.bounds->first;
    out.high = value.bounds->second;
    out.stated = true;
  } else {
    const DefaultBounds factors = default_bounds(value.mark);
    out.low = std::min(*base * factors.low, *base * factors.high);
    out.high = std::max(*base * factors.low, *base * factors.high);
  }
  if (const ParameterInfo* info = info_of(path)) {
    out.low = std::clamp(out.low, info->min, info->max);
    out.high = std::clamp(out.high, info->min, info->max);
    if (info->type == "count") {
      out.low = std::round(out.low);
      out.high = std::round(out.high);
    }
  }
  if (out.low == out.base && out.high == out.base) {
    why = out.base == 0 ? "zero, and its preset states no bounds" : "no room within its range";
    return std::nullopt;
  }
  return out;
}

void walk(const Tree& tree, const std::string& path,
          const std::function<void(const std::string&, const Tree&)>& visit) {
  if (tree.is_map()) {
    for (const auto& [key, member] : tree.members) {
      walk(member, path.empty() ? key : path + "." + key, visit);
    }
  } else if (tree.is_scalar() && tree.layer == Layer::preset && !tree.mark.empty()) {
    visit(path, tree);
  }
}

}  // namespace

DefaultBounds default_bounds(const std::string& mark) {
  if (mark == "assumed") return {0.5, 2};
  if (mark == "derived") return {0.8, 1.2};
  if (mark == "measured") return {0.9, 1.1};
  return {};
}

std::vector<VariedParameter> find_parameters(const std::vector<Point>& points,
                                             const std::set<std::string>& marks,
                                             const std::vector<std::string>& globs,
                                             std::vector<LeftOut>& left_out) {
  std::vector<VariedParameter> out;
  std::map<std::string, std::size_t> known;
  std::map<std::string, std::string> reasons;
  for (const Point& point : points) {
    walk(point.tree, "", [&](const std::string& path, const Tree& value) {
      if (marks.count(value.mark) == 0) return;
      if (!globs.empty() && std::none_of(globs.begin(), globs.end(), [&](const std::string& glob) {
            return ::fnmatch(glob.c_str(), path.c_str(), 0) == 0;
          })) {
        return;
      }
      std::string why;
      const std::optional<Range> range = range_of(value, path, why);
      if (!range) {
        reasons.emplace(path, why);
        return;
      }
      const auto [at, fresh] = known.emplace(path, out.size());
      if (fresh) {
        out.push_back({path, value.unit, value.mark, value.at.str(), range->base, range->low,
                       range->high, range->stated, true});
      } else if (out[at->second].base != range->base || out[at->second].low != range->low ||
                 out[at->second].high != range->high) {
        out[at->second].uniform = false;
      }
    });
  }
  for (const auto& [path, why] : reasons) {
    if (known.count(path) == 0) left_out.push_back({path, why});
  }
  return out;
}

bool has_parameter(const Point& point, const std::string& path) {
  const Tree* value = point.tree.find_path(path);
  std::string why;
  return value != nullptr && value->is_scalar() && value->layer == Layer::preset &&
         range_of(*value, path, why).has_value();
}

Point varied(const Point& point, const std::vector<std::string>& paths, End end) {
  const auto make = [&](bool whole) {
    Point out = point;
    for (const std::string& path : paths) {
      if (!has_parameter(point, path)) continue;
      std::string why;
      const Range range = *range_of(*point.tree.find_path(path), path, why);
      double value = end == End::low ? range.low : range.high;
      if (whole) value = std::round(value);
      set_path(
          out.tree, path,
          Tree::scalar(fmt::format("{:.12g}", value), {"--sensitivity", 0}, Layer::command_line));
    }
    // The tree carries its presets already merged in: no file is looked up
    // here.
    out.scenario = resolve_scenario(out.tree, Library({}), false);
    out.scenario.workload.trace_file = point.scenario.workload.trace_file;
    return out;
  };
  try {
    return make(false);
  } catch (const ConfigError& error) {
    // Keys of free groups are not in the list of parameters: the whole numbers
    // among them say so.
    if (error.problem().find("not a whole number") == std::string::npos) throw;
    return make(true);
  }
}

std::string family_of(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  const std::size_t name = dot == std::string::npos ? 0 : dot + 1;
  const std::size_t underscore = path.find('_', name);
  return path.substr(0, underscore == std::string::npos ? name : underscore);
}

}  // namespace cesasim::study
