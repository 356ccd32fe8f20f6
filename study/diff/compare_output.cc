// SPDX-License-Identifier: Apache-2.0
// A comparison as text and as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/text/wrap.h"
#include "machine/result/metrics.h"
#include "study/diff/compare.h"
#include "study/output/table.h"

namespace cesasim::study {
namespace {

/// Above this a table is a wall: then a summary by metric and the largest changes stand for it.
constexpr std::size_t kMostRows = 60;
constexpr std::size_t kLargest = 30;

std::string shown_axes(const Json& axes) {
  return axes.is_null() ? "(whole study)" : point_name(axes);
}

/// Enough digits to see the change: at least six, up to what tells the two apart.
std::string number(std::optional<double> value, std::optional<double> other) {
  if (!value) return "-";
  for (int digits = 6; digits < 17; ++digits) {
    const std::string text = fmt::format("{:.{}g}", *value, digits);
    if (!other || *value == *other || text != fmt::format("{:.{}g}", *other, digits)) return text;
  }
  return fmt::format("{:.17g}", *value);
}

std::string percent(double value) {
  if (std::isnan(value)) return "-";
  if (value == 0) return "=";
  if (std::isinf(value)) return value > 0 ? "from 0" : "from 0 down";
  if (value != 0 && std::fabs(value) < 0.001) return fmt::format("{:+.1e} %", value);
  return fmt::format("{:+.3f} %", value);
}

std::string shown_change(double value, bool share) {
  if (!share || value == 0) return percent(value);
  if (std::isnan(value)) return "-";
  return std::fabs(value) < 0.001 ? fmt::format("{:+.1e} points", value)
                                  : fmt::format("{:+.3f} points", value);
}

/// What one looks at first stands first.
int rank(const std::string& metric) {
  const char* const first[] = {"sim_seconds", "throughput_mb_s", "latency_us.p99"};
  for (int i = 0; i < 3; ++i) {
    if (metric == first[i]) return i;
  }
  return 3;
}

/// "worse" or "better" where the metric has a good direction.
const char* judgement(const ValueChange& change) {
  if (!change.before || !change.after || *change.before == *change.after) return "";
  const bool up = *change.after > *change.before;
  if (change.metric.starts_with("integrity.")) {
    const std::string name = change.metric.substr(10);
    const auto& bad = fault_counters();
    if (std::find(bad.begin(), bad.end(), name) == bad.end()) return "";
    return up ? "worse" : "better";
  }
  const Metric* metric = find_metric(change.metric);
  if (metric == nullptr || metric->better == Metric::Better::neither) return "";
  return (metric->better == Metric::Better::higher) == up ? "better" : "worse";
}

/// Groups of a point and a phase, in their order, each with the metrics that matter most first.
std::vector<const ValueChange*> in_order(const std::vector<const ValueChange*>& changes) {
  std::vector<const ValueChange*> out = changes;
  for (std::size_t from = 0; from < out.size();) {
    std::size_t to = from;
    while (to < out.size() && out[to]->axes == out[from]->axes &&
           out[to]->phase == out[from]->phase) {
      ++to;
    }
    const auto at = [&out](std::size_t i) { return out.begin() + static_cast<std::ptrdiff_t>(i); };
    std::stable_sort(at(from), at(to), [](const ValueChange* a, const ValueChange* b) {
      return rank(a->metric) < rank(b->metric);
    });
    from = to;
  }
  return out;
}

std::string table(const std::vector<const ValueChange*>& changes, std::size_t width) {
  std::vector<std::vector<std::string>> rows = {
      {"point", "phase", "metric", "old", "new", "change", ""}};
  for (const ValueChange* c : changes) {
    rows.push_back({shown_axes(c->axes), c->phase, c->metric, number(c->before, c->after),
                    number(c->after, c->before), shown_change(c->shown(), c->is_share()),
                    judgement(*c)});
  }
  // Names to the left, numbers to the right.
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::size_t whole = 2;
  for (const std::size_t w : widths) whole += w == 0 ? 0 : w + 2;
  // Without room for the names beside the figures they stand above them.
  const bool above = width > 0 && whole > width + 2;
  std::string out, last;
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const auto& row = rows[k];
    const std::string name = row[0] + (row[1].empty() ? "" : ", phase " + row[1]);
    std::string line = "  ";
    if (above && k > 0 && name != last) out += fold_lines("  " + name + "\n", width, 4);
    for (std::size_t i = above ? 2 : 0; i < row.size(); ++i) {
      if (widths[i] == 0) continue;
      if (above && i == 2) line += "  ";
      const bool again = i == 0 && row[0] == last && k > 0;
      const bool right = i >= 3 && i <= 5;
      line += fmt::format(fmt::runtime(right ? "{:>{}}  " : "{:<{}}  "),
                          again ? std::string() : row[i], widths[i]);
    }
    last = above ? name : row[0];
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string summary_by_metric(const std::vector<ValueChange>& moved, std::size_t width) {
  struct Range {
    std::size_t count = 0;
    bool share = false;
    double low = INFINITY, high = -INFINITY;
  };
  std::vector<std::string> order;
  std::map<std::string, Range> ranges;
  for (const ValueChange& change : moved) {
    Range& range = ranges[change.metric];
    if (range.count++ == 0) order.push_back(change.metric);
    range.share = change.is_share();
    const double p = change.shown();
    if (std::isnan(p)) continue;
    range.low = std::min(range.low, p);
    range.high = std::max(range.high, p);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
  std::vector<std::vector<std::string>> rows = {{"metric", "values", "lowest", "highest"}};
  for (const std::string& metric : order) {
    const Range& range = ranges[metric];
    rows.push_back({metric, std::to_string(range.count), shown_change(range.low, range.share),
                    shown_change(range.high, range.share)});
  }
  return align(rows, "  ", width);
}

std::string joined(const std::vector<std::string>& overrides) {
  std::string out;
  for (const std::string& o : overrides) out += (out.empty() ? "" : " ") + o;
  return out.empty() ? "none" : out;
}

Json optional(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

std::optional<double> finite(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

Json change_json(const ValueChange& change) {
  Json out;
  out["axes"] = change.axes;
  out["phase"] = change.phase;
  out["metric"] = change.metric;
  out["old"] = optional(change.before);
  out["new"] = optional(change.after);
  const double p = change.percent();
  out["change_percent"] = std::isfinite(p) ? Json(p) : Json(nullptr);
  if (change.is_share()) out["change_points"] = optional(finite(change.points()));
  out["tolerance_percent"] = change.tolerance.percent;
  out["tolerance_absolute"] = change.tolerance.absolute;
  const std::string word = judgement(change);
  if (!word.empty()) out["judgement"] = word;
  return out;
}

}  // namespace

std::string to_text(const Comparison& c, bool all, std::size_t width) {
  std::string out = fmt::format("{}: {} -> {}\n", c.study, c.old_file, c.new_file);
  if (c.old_version != c.new_version) {
    out += fmt::format("  versions differ: {} -> {}\n", c.old_version, c.new_version);
  }
  if (c.old_overrides != c.new_overrides) {
    out += fmt::format("  --set differs: {} -> {}\n", joined(c.old_overrides),
                       joined(c.new_overrides));
  }
  if (!c.config.empty()) {
    out += "\nconfiguration that differs:\n";
    std::vector<std::vector<std::string>> rows = {{"key", "old", "new", "points"}};
    for (const ConfigChange& change : c.config) {
      rows.push_back({change.key, change.before, change.after, std::to_string(change.points)});
    }
    out += align(rows, "  ", width);
  }
  if (!c.new_metrics.empty()) {
    out += "\nmetrics that only the new run has (nothing to compare with):";
    for (const std::string& name : c.new_metrics) out += " " + name;
    out += "\n";
  }
  const auto list_points = [&out](const char* head, const std::vector<Json>& axes) {
    if (axes.empty()) return;
    out += fmt::format("\n{}:\n", head);
    for (const Json& a : axes) out += "  " + shown_axes(a) + "\n";
  };
  list_points("points that are missing", c.missing);
  list_points("points that are new", c.added);
  if (!c.others.empty()) {
    out += "\nchanges other than of numbers:\n";
    for (const OtherChange& o : c.others) {
      out += fmt::format("  {}: {}: {} -> {}\n", shown_axes(o.axes), o.what, o.before, o.after);
    }
  }
  std::vector<const ValueChange*> rows;
  if (c.moved.size() > kMostRows && !all) {
    out += fmt::format("\n{} values moved, by metric:\n{}", c.moved.size(),
                       summary_by_metric(c.moved, width));
    for (const ValueChange& change : c.moved) rows.push_back(&change);
    std::stable_sort(rows.begin(), rows.end(), [](const ValueChange* a, const ValueChange* b) {
      const auto size = [](const ValueChange* v) {
        const double p = std::fabs(v->shown());
        return std::isnan(p) ? INFINITY : p;
      };
      // The whole run's first figures, then by size.
      const int left = a->phase.empty() ? rank(a->metric) : 3;
      const int right = b->phase.empty() ? rank(b->metric) : 3;
      return left != right ? left < right : size(a) > size(b);
    });
    rows.resize(kLargest);
    out += fmt::format(
        "\nthe {} largest, of the whole run time, throughput and p99 first (--all shows every "
        "one):\n{}",
        kLargest, table(rows, width));
  } else if (!c.moved.empty()) {
    for (const ValueChange& change : c.moved) rows.push_back(&change);
    out += "\nmoved beyond the tolerance:\n" + table(in_order(rows), width);
  }
  if (all && !c.within.empty()) {
    rows.clear();
    for (const ValueChange& change : c.within) rows.push_back(&change);
    out += "\nwithin the tolerance:\n" + table(in_order(rows), width);
  }
  std::size_t slight = 0;
  for (const ValueChange& change : c.within) {
    if (change.before != change.after) ++slight;
  }
  out += fmt::format("\n{}: {} of {} values of {} points beyond the tolerance, {} within it\n",
                     c.same() ? "the same" : "DIFFERENT", c.moved.size(), c.values, c.points,
                     slight == 0 ? "none" : std::to_string(slight));
  return fold_lines(out, width, 4);
}

Json to_json(const Comparison& c, bool all) {
  Json out;
  out["schema"] = "cesasim-diff-1";
  const auto side = [](const std::string& file, const std::string& study,
                       const std::string& version, const std::vector<std::string>& overrides) {
    return Json{{"file", file}, {"study", study}, {"version", version}, {"overrides", overrides}};
  };
  out["old"] = side(c.old_file, c.study, c.old_version, c.old_overrides);
  out["new"] = side(c.new_file, c.study, c.new_version, c.new_overrides);
  out["same"] = c.same();
  out["points"] = c.points;
  out["values"] = c.values;
  const auto list = [](const std::vector<ValueChange>& changes) {
    Json items = Json::array();
    for (const ValueChange& change : changes) items.push_back(change_json(change));
    return items;
  };
  out["moved"] = list(c.moved);
  if (all) out["within"] = list(c.within);
  out["missing"] = c.missing;
  out["added"] = c.added;
  Json& others = out["others"] = Json::array();
  for (const OtherChange& o : c.others) {
    others.push_back(Json{{"axes", o.axes}, {"what", o.what}, {"old", o.before}, {"new", o.after}});
  }
  Json& config = out["configuration"] = Json::array();
  for (const ConfigChange& o : c.config) {
    config.push_back(
        Json{{"key", o.key}, {"old", o.before}, {"new", o.after}, {"points", o.points}});
  }
  out["new_metrics"] = c.new_metrics;
  return out;
}

}  // namespace cesasim::study
