// SPDX-License-Identifier: Apache-2.0
#include "study/sensitivity/conclusions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cesasim::study {
namespace {

constexpr const char* kTime = "sim_seconds";

std::optional<double> time_of(const PointResult& point) {
  if (point.status == Status::failed) return std::nullopt;
  const std::optional<double> value = find_value(point.metrics, kTime);
  if (value && !std::isfinite(*value)) return std::nullopt;
  return value;
}

bool within(const Conclusion& c) {
  return c.value && (!c.min || *c.value >= *c.min) && (!c.max || *c.value <= *c.max);
}

}  // namespace

std::vector<std::size_t> needed_points(const Study& study, const std::vector<Point>& points) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto needs = [&](const Expectation& e) {
      if (matches(e.where, points[i].axes)) return true;
      if (!e.relative_to) return false;
      return std::any_of(points.begin(), points.end(), [&](const Point& p) {
        return matches(e.where, p.axes) &&
               same_axes(baseline_axes(*e.relative_to, p.axes), points[i].axes);
      });
    };
    if (study.expect.empty() || std::any_of(study.expect.begin(), study.expect.end(), needs)) {
      out.push_back(i);
    }
  }
  return out;
}

std::vector<Conclusion> conclusions(const Study& study, const std::vector<PointResult>& results) {
  std::vector<Conclusion> out;
  for (const ExpectationResult& e : check_expectations(study, results)) {
    out.push_back({e.name, e.metric, true, e.value, e.min, e.max, e.ok});
  }
  for (const PointResult& point : results) {
    Conclusion c;
    c.metric = kTime;
    c.value = time_of(point);
    if (!study.baseline) {
      if (!study.expect.empty()) continue;
      c.name = fmt::format("{} of {}", kTime, point_name(point.axes));
      out.push_back(c);
      continue;
    }
    const Json wanted = baseline_axes(*study.baseline, point.axes);
    if (same_axes(wanted, point.axes)) continue;
    const auto base = std::find_if(results.begin(), results.end(), [&wanted](const PointResult& p) {
      return same_axes(p.axes, wanted);
    });
    if (base == results.end()) continue;
    const std::optional<double> time = time_of(*base);
    c.name = fmt::format("{} of {} against its baseline", kTime, point_name(point.axes));
    if (c.value && time && *time > 0) {
      c.value = *c.value / *time;
      (*c.value >= 1 ? c.min : c.max) = 1;
      c.holds = true;
    } else {
      c.value.reset();
    }
    out.push_back(c);
  }
  return out;
}

void judge_by(const std::vector<Conclusion>& base, std::vector<Conclusion>& now) {
  for (std::size_t i = 0; i < now.size() && i < base.size(); ++i) {
    if (now[i].expectation) continue;
    now[i].min = base[i].min;
    now[i].max = base[i].max;
    if (base[i].holds) now[i].holds = within(now[i]);
  }
}

}  // namespace cesasim::study
