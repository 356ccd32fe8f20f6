// A comparison as text and as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

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

std::string table(const std::vector<const ValueChange*>& changes) {
  std::vector<std::vector<std::string>> rows = {
      {"point", "phase", "metric", "old", "new", "change", ""}};
  std::string last;
  for (const ValueChange* c : changes) {
    const std::string point = shown_axes(c->axes);
    rows.push_back({point == last ? "" : point, c->phase, c->metric, number(c->before, c->after),
                    number(c->after, c->before), percent(c->percent()), judgement(*c)});
    last = point;
  }
  // Names to the left, numbers to the right.
  std::vector<std::size_t> width(rows[0].size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line = "  ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (width[i] == 0) continue;
      const bool right = i >= 3 && i <= 5;
      line += fmt::format(fmt::runtime(right ? "{:>{}}  " : "{:<{}}  "), row[i], width[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string summary_by_metric(const std::vector<ValueChange>& moved) {
  struct Range {
    std::size_t count = 0;
    double low = INFINITY, high = -INFINITY;
  };
  std::vector<std::string> order;
  std::map<std::string, Range> ranges;
  for (const ValueChange& change : moved) {
    Range& range = ranges[change.metric];
    if (range.count++ == 0) order.push_back(change.metric);
    const double p = change.percent();
    if (std::isnan(p)) continue;
    range.low = std::min(range.low, p);
    range.high = std::max(range.high, p);
  }
  std::vector<std::vector<std::string>> rows = {{"metric", "values", "lowest", "highest"}};
  for (const std::string& metric : order) {
    const Range& range = ranges[metric];
    rows.push_back({metric, std::to_string(range.count), percent(range.low), percent(range.high)});
  }
  return align(rows, "  ");
}

std::string joined(const std::vector<std::string>& overrides) {
  std::string out;
  for (const std::string& o : overrides) out += (out.empty() ? "" : " ") + o;
  return out.empty() ? "none" : out;
}

Json optional(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json change_json(const ValueChange& change) {
  Json out;
  out["axes"] = change.axes;
  out["phase"] = change.phase;
  out["metric"] = change.metric;
  out["old"] = optional(change.before);
  out["new"] = optional(change.after);
  const double p = change.percent();
  out["change_percent"] = std::isfinite(p) ? Json(p) : Json(nullptr);
  out["tolerance_percent"] = change.tolerance.percent;
  out["tolerance_absolute"] = change.tolerance.absolute;
  const std::string word = judgement(change);
  if (!word.empty()) out["judgement"] = word;
  return out;
}

}  // namespace

std::string to_text(const Comparison& c, bool all) {
  std::string out = fmt::format("{}: {} -> {}\n", c.new_study, c.old_file, c.new_file);
  if (c.old_study != c.new_study) {
    out += fmt::format("  studies differ: {} -> {}\n", c.old_study, c.new_study);
  }
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
    out += align(rows, "  ");
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
                       summary_by_metric(c.moved));
    for (const ValueChange& change : c.moved) rows.push_back(&change);
    std::stable_sort(rows.begin(), rows.end(), [](const ValueChange* a, const ValueChange* b) {
      const auto size = [](const ValueChange* v) {
        const double p = std::fabs(v->percent());
        return std::isnan(p) ? INFINITY : p;
      };
      return size(a) > size(b);
    });
    rows.resize(kLargest);
    out += fmt::format("\nthe {} largest (--all shows every one):\n{}", kLargest, table(rows));
  } else if (!c.moved.empty()) {
    for (const ValueChange& change : c.moved) rows.push_back(&change);
    out += "\nmoved beyond the tolerance:\n" + table(rows);
  }
  if (all && !c.within.empty()) {
    rows.clear();
    for (const ValueChange& change : c.within) rows.push_back(&change);
    out += "\nwithin the tolerance:\n" + table(rows);
  }
  std::size_t slight = 0;
  for (const ValueChange& change : c.within) {
    if (change.before != change.after) ++slight;
  }
  out += fmt::format("\n{}: {} of {} values of {} points beyond the tolerance, {} within it\n",
                     c.same() ? "the same" : "DIFFERENT", c.moved.size(), c.values, c.points,
                     slight == 0 ? "none" : std::to_string(slight));
  return out;
}

Json to_json(const Comparison& c, bool all) {
  Json out;
  out["schema"] = "cesasim-diff-1";
  const auto side = [](const std::string& file, const std::string& study,
                       const std::string& version, const std::vector<std::string>& overrides) {
    return Json{{"file", file}, {"study", study}, {"version", version}, {"overrides", overrides}};
  };
  out["old"] = side(c.old_file, c.old_study, c.old_version, c.old_overrides);
  out["new"] = side(c.new_file, c.new_study, c.new_version, c.new_overrides);
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
