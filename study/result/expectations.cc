// SPDX-License-Identifier: Apache-2.0
#include "study/result/expectations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text/nearest.h"

namespace cesasim::study {
namespace {

std::optional<double> metric_of(const PointResult& point, const Expectation& expectation,
                                std::string& note) {
  const MetricList* list = &point.metrics;
  if (!expectation.phase.empty()) {
    const PhaseResult* phase = point.find_phase(expectation.phase);
    if (phase == nullptr) {
      std::vector<std::string> names;
      for (const PhaseResult& p : point.phases) names.push_back(p.name);
      note = fmt::format("no phase '{}' in '{}'; phases: {}", expectation.phase,
                         point_label(point.axes), names.empty() ? "none" : join_names(names));
      return std::nullopt;
    }
    list = &phase->metrics;
  }
  const std::optional<double> value = find_value(*list, expectation.metric);
  if (!value || !std::isfinite(*value)) {
    note = fmt::format("no value of {} in '{}'", expectation.metric, point_label(point.axes));
    return std::nullopt;
  }
  return value;
}

/// How far `value` is outside the bounds; negative inside (the nearest bound counts).
double excess(const Expectation& e, double value) {
  double out = -INFINITY;
  if (e.min) out = std::max(out, *e.min - value);
  if (e.max) out = std::max(out, value - *e.max);
  return out;
}

ExpectationResult check(const Study& study, const Expectation& e,
                        const std::vector<PointResult>& points) {
  ExpectationResult out;
  out.name = e.name;
  out.metric = e.metric;
  out.phase = e.phase;
  out.relative = e.relative_to.has_value();
  out.relative_to = e.relative_label;
  out.min = e.min;
  out.max = e.max;
  out.published = e.published;
  for (const PointResult& point : points) {
    if (!matches(e.where, point.axes)) continue;
    const PointResult* base = nullptr;
    if (e.relative_to) {
      const Json wanted = baseline_axes(*e.relative_to, point.axes);
      for (const PointResult& candidate : points) {
        if (same_axes(candidate.axes, wanted)) base = &candidate;
      }
      if (base == nullptr) {
        if (!out.ok) out.note = "not checked: the baseline point is not in this run";
        continue;
      }
    }
    // Verdicts are what a broken point is there to tell.
    const bool verdict = e.metric.starts_with("verdict.");
    const auto unusable = [verdict](const PointResult& p) {
      return p.status == Status::failed || (p.status == Status::broken && !verdict);
    };
    const PointResult* bad = unusable(point)                      ? &point
                             : base != nullptr && unusable(*base) ? base
                                                                  : nullptr;
    std::optional<double> value;
    std::string note;
    if (bad != nullptr) {
      note = fmt::format("point '{}' {}", point_label(bad->axes),
                         bad->status == Status::failed ? "failed" : "is broken");
    } else {
      value = metric_of(point, e, note);
      if (value && base != nullptr) {
        const std::optional<double> base_value = metric_of(*base, e, note);
        if (!base_value) {
          value.reset();
        } else if (*base_value == 0) {
          value.reset();
          note = fmt::format("{} is 0 in the baseline", e.metric);
        } else {
          value = *value / *base_value;
        }
      }
    }
    if (!value) {
      out.ok = false;
      out.value.reset();
      out.note = note;
      out.point = point_label(point.axes);
      return out;
    }
    if (!out.value || excess(e, *value) > excess(e, *out.value)) {
      out.value = value;
      out.point = point_label(point.axes);
    }
    out.ok = excess(e, *out.value) <= 0;
    out.note.clear();
  }
  if (!out.ok && out.note.empty()) out.note = "not checked: no point of this run matches";
  return out;
}

}  // namespace

std::optional<double> ExpectationResult::error_percent() const {
  if (!published || !value || published->value == 0) return std::nullopt;
  return 100 * (*value / published->value - 1);
}

bool ExpectationResult::misses_aim() const {
  const std::optional<double> error = error_percent();
  // Older results have the wider bound in `within`. The slack of a rounding, so that a bound and
  // its aim agree.
  return error && std::fabs(*error) > std::min(published->within, published->aim()) * (1 + 1e-12);
}

std::string ExpectationResult::missed_aim_text() const {
  if (!misses_aim()) return "";
  std::string out =
      fmt::format("{:.1f} % off the published {:.6g}, aim {:g} %", std::fabs(*error_percent()),
                  published->value, std::min(published->within, published->aim()));
  if (published->tolerated) {
    out += fmt::format(", tolerated to {:g} %: {}", *published->tolerated, published->reason);
  }
  return out;
}

std::vector<ExpectationResult> check_expectations(const Study& study,
                                                  const std::vector<PointResult>& points) {
  std::vector<ExpectationResult> out;
  for (const Expectation& expectation : study.expect) {
    out.push_back(check(study, expectation, points));
  }
  return out;
}

}  // namespace cesasim::study
