// SPDX-License-Identifier: Apache-2.0
#include "study/diff/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "machine/result/metrics.h"

namespace cesasim::study {
namespace {

/// `key: value` for every leaf of a configuration.
void flatten(const Json& json, const std::string& path, std::map<std::string, std::string>& out) {
  if (json.is_object() && !json.empty()) {
    for (const auto& [key, value] : json.items()) {
      flatten(value, path.empty() ? key : path + "." + key, out);
    }
    return;
  }
  out[path] = json.is_string() ? json.get<std::string>() : json.dump();
}

/// What a point has in numbers beside its metrics.
MetricList counts_of(const PointResult& point) {
  MetricList out;
  for (const auto& [name, count] : point.integrity) {
    out.emplace_back("integrity." + name, static_cast<double>(count));
  }
  for (const FaultResult& fault : point.faults) {
    out.emplace_back("faults." + fault.name + ".opportunities",
                     static_cast<double>(fault.opportunities));
    out.emplace_back("faults." + fault.name + ".fired", static_cast<double>(fault.fired));
  }
  return out;
}

std::optional<double> finite(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::string expectation_text(const ExpectationResult& e) {
  std::string out = !e.ok ? "not checked" : *e.ok ? "ok" : "FAIL";
  if (e.value) out += fmt::format(" ({:.6g})", *e.value);
  return out;
}

class Comparer {
 public:
  Comparer(const LoadedResults& before, const LoadedResults& after, const Tolerances& tolerances)
      : before_(before), after_(after), tolerances_(tolerances) {
    for (const int digits : {before.digits, after.digits}) {
      if (digits != 0) digits_ = digits_ == 0 ? digits : std::min(digits_, digits);
    }
  }

  Comparison compare() {
    if (before_.result.study != after_.result.study) {
      throw ResultsInputError(
          fmt::format("{} is of study '{}' and {} of study '{}'; valid: two runs of one study",
                      before_.file, before_.result.study, after_.file, after_.result.study));
    }
    tolerances_.check_names(known_metrics());
    out_.old_file = before_.file;
    out_.new_file = after_.file;
    out_.study = after_.result.study;
    out_.old_version = before_.result.version;
    out_.new_version = after_.result.version;
    out_.old_overrides = before_.result.overrides;
    out_.new_overrides = after_.result.overrides;
    for (const PointResult& point : after_.result.points) {
      if (find(before_.result, point.axes) == nullptr) out_.added.push_back(point.axes);
    }
    for (const PointResult& point : before_.result.points) {
      const PointResult* other = find(after_.result, point.axes);
      if (other == nullptr) {
        out_.missing.push_back(point.axes);
      } else {
        compare_points(point, *other);
      }
    }
    compare_expectations();
    return std::move(out_);
  }

 private:
  static const PointResult* find(const StudyResult& result, const Json& axes) {
    for (const PointResult& point : result.points) {
      if (same_axes(point.axes, axes)) return &point;
    }
    return nullptr;
  }

  std::vector<std::string> known_metrics() const {
    std::vector<std::string> names = metric_names();
    for (const StudyResult* result : {&before_.result, &after_.result}) {
      for (const PointResult& point : result->points) {
        for (const MetricList& list : {point.metrics, counts_of(point)}) {
          for (const auto& [name, value] : list) names.push_back(name);
        }
      }
    }
    return names;
  }

  void compare_points(const PointResult& before, const PointResult& after) {
    ++out_.points;
    if (before.status != after.status) {
      const auto text = [](const PointResult& p) {
        return std::string(status_name(p.status)) + (p.error.empty() ? "" : ": " + p.error);
      };
      out_.others.push_back({before.axes, "status", text(before), text(after)});
    }
    compare_lists(before.axes, "", before.metrics, after.metrics);
    compare_lists(before.axes, "", counts_of(before), counts_of(after));
    // A trace may come to a phase of the same name twice: the first with the first, and so on.
    std::map<std::string, std::size_t> seen;
    for (const PhaseResult& phase : before.phases) {
      const PhaseResult* other = nth_phase(after, phase.name, seen[phase.name]++);
      if (other == nullptr) {
        out_.others.push_back({before.axes, "phase", phase.name, "-"});
      } else {
        compare_lists(before.axes, phase.name, phase.metrics, other->metrics);
      }
    }
    seen.clear();
    for (const PhaseResult& phase : after.phases) {
      if (nth_phase(before, phase.name, seen[phase.name]++) == nullptr) {
        out_.others.push_back({before.axes, "phase", "-", phase.name});
      }
    }
    compare_texts(before.axes, "broken guarantee", before.broken_guarantees,
                  after.broken_guarantees);
    compare_texts(before.axes, "DMA hazard", before.dma_hazards, after.dma_hazards);
    compare_config(before.config, after.config);
  }

  static const PhaseResult* nth_phase(const PointResult& point, const std::string& name,
                                      std::size_t n) {
    for (const PhaseResult& phase : point.phases) {
      if (phase.name == name && n-- == 0) return &phase;
    }
    return nullptr;
  }

  void compare_lists(const Json& axes, const std::string& phase, const MetricList& before,
                     const MetricList& after) {
    for (const auto& [metric, value] : before) {
      if (is_host_metric(metric)) continue;
      const std::optional<double> now = find_value(after, metric);
      if (!now) {
        out_.others.push_back({axes, "metric " + metric, fmt::format("{:.6g}", value), "-"});
        continue;
      }
      ++out_.values;
      ValueChange change;
      change.axes = axes;
      change.phase = phase;
      change.metric = metric;
      change.before = finite(rounded(value, digits_));
      change.after = finite(rounded(*now, digits_));
      change.tolerance = tolerances_.of(metric);
      if (change.before.has_value() != change.after.has_value()) {
        change.beyond = true;
      } else if (change.before) {
        const double by = std::fabs(*change.after - *change.before);
        const double allowed = std::max(change.tolerance.absolute,
                                        change.tolerance.percent / 100 * std::fabs(*change.before));
        change.beyond = by > allowed;
      }
      (change.beyond ? out_.moved : out_.within).push_back(std::move(change));
    }
    for (const auto& [metric, value] : after) {
      if (is_host_metric(metric) || find_value(before, metric)) continue;
      auto& names = out_.new_metrics;
      if (std::find(names.begin(), names.end(), metric) == names.end()) names.push_back(metric);
    }
  }

  void compare_texts(const Json& axes, const char* what, const std::vector<std::string>& before,
                     const std::vector<std::string>& after) {
    const auto has = [](const std::vector<std::string>& list, const std::string& text) {
      return std::find(list.begin(), list.end(), text) != list.end();
    };
    for (const std::string& text : before) {
      if (!has(after, text)) out_.others.push_back({axes, what, text, "-"});
    }
    for (const std::string& text : after) {
      if (!has(before, text)) out_.others.push_back({axes, what, "-", text});
    }
  }

  void compare_config(const Json& before, const Json& after) {
    if (!before.is_object() || !after.is_object()) return;  // a baseline has none
    std::map<std::string, std::string> left, right;
    flatten(before, "", left);
    flatten(after, "", right);
    for (const auto& [key, value] : left) {
      const auto other = right.find(key);
      if (other == right.end()) {
        add_config(key, value, "-");
      } else if (other->second != value) {
        add_config(key, value, other->second);
      }
    }
    for (const auto& [key, value] : right) {
      if (left.count(key) == 0) add_config(key, "-", value);
    }
  }

  void add_config(const std::string& key, const std::string& before, const std::string& after) {
    for (ConfigChange& change : out_.config) {
      if (change.key == key && change.before == before && change.after == after) {
        ++change.points;
        return;
      }
    }
    out_.config.push_back({key, before, after, 1});
  }

  void compare_expectations() {
    const auto& left = before_.result.expectations;
    const auto& right = after_.result.expectations;
    // Two may have one name: the first with the first, and so on, as for phases.
    const auto nth = [](const std::vector<ExpectationResult>& list, const std::string& name,
                        std::size_t n) -> const ExpectationResult* {
      for (const ExpectationResult& e : list) {
        if (e.name == name && n-- == 0) return &e;
      }
      return nullptr;
    };
    std::map<std::string, std::size_t> seen;
    for (const ExpectationResult& e : left) {
      const ExpectationResult* other = nth(right, e.name, seen[e.name]++);
      if (other == nullptr) {
        out_.others.push_back({nullptr, "expectation " + e.name, expectation_text(e), "-"});
      } else if (e.ok != other->ok) {
        out_.others.push_back(
            {nullptr, "expectation " + e.name, expectation_text(e), expectation_text(*other)});
      }
    }
    seen.clear();
    for (const ExpectationResult& e : right) {
      if (nth(left, e.name, seen[e.name]++) == nullptr) {
        out_.others.push_back({nullptr, "expectation " + e.name, "-", expectation_text(e)});
      }
    }
  }

  const LoadedResults& before_;
  const LoadedResults& after_;
  const Tolerances& tolerances_;
  int digits_ = 0;
  Comparison out_;
};

}  // namespace

double ValueChange::percent() const {
  if (!before || !after) return std::nan("");
  if (*before == *after) return 0;
  if (*before == 0) return std::copysign(std::numeric_limits<double>::infinity(), *after);
  return (*after - *before) / std::fabs(*before) * 100;
}

bool ValueChange::is_share() const {
  const Metric* known = find_metric(metric);
  return known != nullptr && known->unit == "1";
}

double ValueChange::points() const {
  if (!before || !after) return std::nan("");
  return (*after - *before) * 100;
}

Comparison compare_results(const LoadedResults& before, const LoadedResults& after,
                           const Tolerances& tolerances) {
  return Comparer(before, after, tolerances).compare();
}

}  // namespace cesasim::study
