// SPDX-License-Identifier: Apache-2.0
#include "study/report/report_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "base/text/nearest.h"
#include "base/text/version.h"
#include "machine/result/metrics.h"
#include "study/matrix/study.h"
#include "study/result/result.h"

namespace cesasim::study {
namespace {

/// Bins of all points' series together; a point has 240 at most.
constexpr std::size_t kSeriesBudget = 60'000;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

/// A number as short as the page needs it; null for what JSON has no number for.
Json short_number(double value, int digits = 6) {
  if (!std::isfinite(value)) return nullptr;
  if (value == std::trunc(value) && std::fabs(value) < 9e15) {
    return static_cast<std::int64_t>(value);
  }
  return std::stod(fmt::format("{:.{}g}", value, digits));
}

std::string value_text(const Json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// The one number in `text`, with what stands before and behind it; nothing if there is none, if
/// there are several or if it is a part of a name.
struct NumberInText {
  std::string before, after;
  double value = 0;
};
std::optional<NumberInText> number_in(const std::string& text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto begin = std::find_if(text.begin(), text.end(), digit);
  if (begin == text.end()) return std::nullopt;
  // "4 KiB", "depth 8" and "x=8", but not "armada-370" or "sha256".
  if (begin != text.begin() && begin[-1] != ' ' && begin[-1] != '=') return std::nullopt;
  NumberInText out;
  const char* first = text.data() + (begin - text.begin());
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(first, last, out.value);
  if (error != std::errc() || std::any_of(end, last, digit)) return std::nullopt;
  out.before.assign(text.data(), first);
  out.after.assign(end, last);
  return out;
}

std::string trimmed(const std::string& text) {
  const std::size_t from = text.find_first_not_of(" =:");
  if (from == std::string::npos) return "";
  return text.substr(from, text.find_last_not_of(" =:") + 1 - from);
}

struct ReportAxis {
  std::string path;
  std::vector<Json> values;

  int index_of(const Json& value) const {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (same_value(values[i], value)) return static_cast<int>(i);
    }
    return -1;
  }
};

std::vector<ReportAxis> find_axes(const std::vector<PointResult>& points) {
  std::vector<ReportAxis> out;
  for (const PointResult& point : points) {
    for (const auto& [path, value] : point.axes.items()) {
      auto axis = std::find_if(out.begin(), out.end(),
                               [&path = path](const ReportAxis& a) { return a.path == path; });
      if (axis == out.end()) axis = out.insert(out.end(), ReportAxis{path, {}});
      if (axis->index_of(value) < 0) axis->values.push_back(value);
    }
  }
  return out;
}

/// The values as numbers, if they are: 1, 4, 32 or "depth 1", "depth 4", "depth 32".
Json axis_numbers(const ReportAxis& axis, const std::string& unit) {
  std::vector<double> values;
  std::string name = axis.path.substr(axis.path.rfind('.') + 1);
  std::string shown_unit = unit;
  std::optional<NumberInText> first;
  for (const Json& value : axis.values) {
    if (value.is_number()) {
      values.push_back(value.get<double>());
      continue;
    }
    if (!value.is_string()) return nullptr;
    const std::optional<NumberInText> found = number_in(value.get<std::string>());
    if (!found) return nullptr;
    if (!first) first = found;
    if (found->before != first->before || found->after != first->after) return nullptr;
    values.push_back(found->value);
  }
  if (first) {
    if (values.size() != axis.values.size()) return nullptr;
    if (const std::string before = trimmed(first->before); !before.empty()) name = before;
    if (const std::string after = trimmed(first->after); !after.empty()) shown_unit = after;
  }
  const std::set<double> distinct(values.begin(), values.end());
  if (distinct.size() != values.size() || values.size() < 2) return nullptr;
  Json out;
  out["name"] = name;
  out["unit"] = shown_unit;
  for (double value : values) out["values"].push_back(short_number(value, 12));
  return out;
}

/// Leaves of the configuration, by dotted key.
void flatten(const Json& node, const std::string& path,
             std::vector<std::pair<std::string, Json>>& out) {
  if (!node.is_object()) {
    if (!path.empty()) out.emplace_back(path, node);
    return;
  }
  for (const auto& [key, value] : node.items()) {
    flatten(value, path.empty() ? key : path + "." + key, out);
  }
}

struct Configs {
  Json common = Json::object();
  std::vector<std::string> keys;      ///< that differ between points
  std::vector<std::vector<Json>> of;  ///< per point, as keys; null: the point has no such key
};

/// A point that failed before it said what it was takes no part.
Configs compare_configs(const std::vector<PointResult>& points) {
  std::vector<std::map<std::string, Json>> flat(points.size());
  std::vector<std::size_t> telling;
  std::vector<std::string> keys;
  std::set<std::string> known;
  for (std::size_t i = 0; i < points.size(); ++i) {
    std::vector<std::pair<std::string, Json>> leaves;
    flatten(points[i].config, "", leaves);
    if (!leaves.empty()) telling.push_back(i);
    for (auto& [key, value] : leaves) {
      if (known.insert(key).second) keys.push_back(key);
      flat[i].emplace(key, std::move(value));
    }
  }
  const auto value_of = [&flat](std::size_t i, const std::string& key) {
    const auto it = flat[i].find(key);
    return it == flat[i].end() ? Json(nullptr) : it->second;
  };
  Configs out;
  out.of.resize(points.size());
  for (const std::string& key : keys) {
    const Json first = value_of(telling.front(), key);
    if (std::all_of(telling.begin(), telling.end(),
                    [&](std::size_t i) { return value_of(i, key) == first; })) {
      out.common[key] = first;
      continue;
    }
    out.keys.push_back(key);
    for (std::size_t i = 0; i < points.size(); ++i) out.of[i].push_back(value_of(i, key));
  }
  return out;
}

std::vector<double> numbers_of(const Json& list, const std::string& what) {
  if (!list.is_array()) fail(fmt::format("{}: no list", what));
  std::vector<double> out;
  for (const Json& item : list) {
    if (!item.is_number() && !item.is_null()) fail(fmt::format("{}: not a number", what));
    out.push_back(item.is_null() ? 0 : item.get<double>());
  }
  return out;
}

/// A point's series with pairs of bins merged until there are at most `most`.
Json short_series(const Json& series, std::size_t most) {
  double width = series.at("bin_seconds").get<double>();
  if (!(width > 0)) fail("series: bin_seconds must be above zero");
  Json out;
  std::size_t factor = 1;
  std::vector<std::pair<std::string, std::vector<double>>> lists;
  std::size_t bins = 0;
  for (const auto& [name, value] : series.items()) {
    if (!value.is_array() || name == "phases") continue;
    lists.emplace_back(name, numbers_of(value, "series." + name));
    bins = std::max(bins, lists.back().second.size());
  }
  while ((bins + factor - 1) / factor > most) factor *= 2;
  out["bin_seconds"] = short_number(width * static_cast<double>(factor), 9);
  for (const auto& [name, values] : lists) {
    Json& list = out[name] = Json::array();
    for (std::size_t i = 0; i < values.size(); i += factor) {
      const std::size_t end = std::min(i + factor, values.size());
      double sum = 0;
      for (std::size_t k = i; k < end; ++k) sum += values[k];
      list.push_back(short_number(sum / static_cast<double>(end - i), 4));
    }
  }
  Json& phases = out["phases"] = Json::array();
  if (const auto it = series.find("phases"); it != series.end()) {
    for (const Json& phase : *it) {
      phases.push_back(Json{{"name", phase.at("name").get<std::string>()},
                            {"from", short_number(phase.at("from").get<double>())},
                            {"to", short_number(phase.at("to").get<double>())}});
    }
  }
  return out;
}

/// Buckets as [upper edge in us, count], in rising order.
Json short_histogram(const Json& histogram) {
  Json out = Json::object();
  for (const auto& [name, buckets] : histogram.items()) {
    Json& list = out[name] = Json::array();
    double last = -1;
    for (const Json& bucket : buckets) {
      const std::vector<double> pair = numbers_of(bucket, "latency_histogram." + name);
      if (pair.size() != 2 || pair[0] <= last) {
        fail(fmt::format("latency_histogram.{}: pairs of a rising edge and a count are wanted",
                         name));
      }
      last = pair[0];
      list.push_back(Json::array({short_number(pair[0]), short_number(pair[1])}));
    }
  }
  return out;
}

const char* better_name(Metric::Better better) {
  switch (better) {
    case Metric::Better::lower:
      return "lower";
    case Metric::Better::higher:
      return "higher";
    case Metric::Better::neither:
      return "neither";
  }
  return "";
}

struct MetricColumns {
  std::vector<std::string> names;
  std::map<std::string, std::size_t> index;
  std::vector<std::size_t> of_phases;
  std::vector<std::string> phases;
};

/// Registered metrics in their order, then whatever else the points carry.
MetricColumns find_columns(const std::vector<PointResult>& points) {
  MetricColumns out;
  std::set<std::string> present, in_phases, phases;
  std::vector<std::string> order;
  for (const PointResult& point : points) {
    for (const auto& [name, value] : point.metrics) {
      if (present.insert(name).second) order.push_back(name);
    }
    for (const PhaseResult& phase : point.phases) {
      if (phases.insert(phase.name).second) out.phases.push_back(phase.name);
      for (const auto& [name, value] : phase.metrics) {
        in_phases.insert(name);
        if (present.insert(name).second) order.push_back(name);
      }
    }
  }
  const auto add = [&out](const std::string& name) {
    if (out.index.emplace(name, out.names.size()).second) out.names.push_back(name);
  };
  for (const Metric& metric : metrics()) {
    if (present.contains(metric.name)) add(metric.name);
  }
  for (const std::string& name : order) add(name);
  for (std::size_t i = 0; i < out.names.size(); ++i) {
    if (in_phases.contains(out.names[i])) out.of_phases.push_back(i);
  }
  return out;
}

Json values_of(const MetricList& list, const MetricColumns& columns) {
  Json out = Json::array();
  for (std::size_t i = 0; i < columns.names.size(); ++i) out.push_back(nullptr);
  for (const auto& [name, value] : list) out[columns.index.at(name)] = short_number(value);
  return out;
}

Json point_data(const PointResult& point, const Json& raw, const std::vector<ReportAxis>& axes,
                const MetricColumns& columns, const std::vector<Json>& config,
                std::size_t most_bins) {
  Json out;
  out["label"] = point_name(point.axes);
  out["status"] = status_name(point.status);
  if (point.broken_is_tolerated()) out["tolerated"] = true;
  if (!point.error.empty()) out["error"] = point.error;
  Json& indices = out["axes"] = Json::array();
  for (const ReportAxis& axis : axes) {
    const auto value = point.axes.find(axis.path);
    indices.push_back(value == point.axes.end() ? -1 : axis.index_of(*value));
  }
  out["metrics"] = values_of(point.metrics, columns);
  Json& phases = out["phases"] = Json::array();
  for (const std::string& name : columns.phases) {
    const PhaseResult* phase = point.find_phase(name);
    if (phase == nullptr) {
      phases.push_back(nullptr);
      continue;
    }
    const Json all = values_of(phase->metrics, columns);
    Json values = Json::array();
    for (std::size_t i : columns.of_phases) values.push_back(all[i]);
    phases.push_back(std::move(values));
  }
  Json& integrity = out["integrity"] = Json::object();
  for (const auto& [name, count] : point.integrity) integrity[name] = count;
  for (const FaultResult& f : point.faults) {
    out["faults"].push_back(Json{{"name", f.name},
                                 {"kind", f.kind},
                                 {"opportunities", f.opportunities},
                                 {"fired", f.fired}});
    if (!f.hit.empty()) out["faults"].back()["hit"] = hit_text(f);
  }
  if (!point.broken_guarantees.empty()) out["broken"] = point.broken_guarantees;
  if (!point.dma_hazards.empty()) out["hazards"] = point.dma_hazards;
  if (!point.notes.empty()) out["notes"] = point.notes;
  out["config"] = config;
  if (const auto series = raw.find("series"); series != raw.end() && series->is_object()) {
    out["series"] = short_series(*series, most_bins);
  }
  if (const auto latency = raw.find("latency_histogram");
      latency != raw.end() && latency->is_object()) {
    out["latency"] = short_histogram(*latency);
  }
  return out;
}

Json expectation_data(const Json& raw) {
  Json out = raw;
  out["min"] = raw.at("bound").at("min");
  out["max"] = raw.at("bound").at("max");
  out.erase("bound");
  if (out["value"].is_number()) out["value"] = short_number(out["value"].get<double>());
  return out;
}

}  // namespace

Json report_data(const Json& results, const ReportOptions& options) {
  const StudyResult study = study_result_from_json(results);
  try {
    const auto unit_of = [&options](const std::string& path) {
      const auto it = options.units.find(path);
      return it == options.units.end() ? std::string() : it->second;
    };
    Json out;
    out["schema"] = kReportSchema;
    out["study"] = study.study;
    out["version"] = version_text(study.version, study.build);
    out["overrides"] = study.overrides;
    out["doc"] = study.doc;
    out["date"] = study.date;
    out["command"] = study.command;
    for (const Json& trust : study.trust) out["worth"].push_back(trust.value("text", ""));
    out["baseline"] = study.baseline.empty() ? Json(nullptr) : study.baseline;

    const std::vector<ReportAxis> axes = find_axes(study.points);
    out["axes"] = Json::array();
    for (const ReportAxis& axis : axes) {
      Json item;
      item["path"] = axis.path;
      if (const std::string unit = unit_of(axis.path); !unit.empty()) item["unit"] = unit;
      item["values"] = axis.values;
      if (Json numbers = axis_numbers(axis, unit_of(axis.path)); !numbers.is_null()) {
        item["numbers"] = std::move(numbers);
      }
      out["axes"].push_back(std::move(item));
    }

    const MetricColumns columns = find_columns(study.points);
    out["metrics"] = Json::array();
    for (const std::string& name : columns.names) {
      const Metric* metric = find_metric(name);
      out["metrics"].push_back(Json{
          {"name", name},
          {"unit", metric == nullptr ? "" : metric->unit},
          {"doc", metric == nullptr ? "" : metric->doc},
          {"better", better_name(metric == nullptr ? Metric::Better::neither : metric->better)}});
    }
    out["phase_metrics"] = columns.of_phases;
    out["phases"] = columns.phases;

    out["expectations"] = Json::array();
    for (std::size_t i = 0; i < study.expectations.size(); ++i) {
      out["expectations"].push_back(expectation_data(results.at("expectations")[i]));
      if (study.expectations[i].misses_aim()) out["expectations"].back()["misses_aim"] = true;
    }

    const Configs configs = compare_configs(study.points);
    Json units = Json::object();
    const auto add_unit = [&](const std::string& key) {
      if (const std::string unit = unit_of(key); !unit.empty()) units[key] = unit;
    };
    for (const auto& [key, value] : configs.common.items()) add_unit(key);
    for (const std::string& key : configs.keys) add_unit(key);
    out["config"] = Json{{"common", configs.common}, {"keys", configs.keys}, {"units", units}};

    const std::size_t most_bins =
        std::max<std::size_t>(16, kSeriesBudget / std::max<std::size_t>(1, study.points.size()));
    out["points"] = Json::array();
    for (std::size_t i = 0; i < study.points.size(); ++i) {
      out["points"].push_back(point_data(study.points[i], results.at("points")[i], axes, columns,
                                         configs.of[i], most_bins));
    }
    return out;
  } catch (const nlohmann::json::exception& error) {
    fail(fmt::format("not a results file: {}", json_problem(error)));
  }
}

Json parse_report_baseline(const std::vector<std::string>& texts, const Json& results) {
  const StudyResult study = study_result_from_json(results);
  const std::vector<ReportAxis> axes = find_axes(study.points);
  std::vector<std::pair<std::string, std::string>> pieces;
  for (const std::string& text : texts) {
    bool first = true;
    std::size_t from = 0;
    while (from <= text.size()) {
      const std::size_t comma = std::min(text.find(',', from), text.size());
      const std::string piece = text.substr(from, comma - from);
      const std::size_t equals = piece.find('=');
      if (equals != std::string::npos) {
        pieces.emplace_back(piece.substr(0, equals), piece.substr(equals + 1));
      } else if (first) {
        fail(fmt::format("'{}' is no axis=value", text));
      } else {
        pieces.back().second += "," + piece;
      }
      first = false;
      from = comma + 1;
    }
  }
  Json out = Json::object();
  for (const auto& [path, text] : pieces) {
    std::vector<std::string> paths;
    const ReportAxis* axis = nullptr;
    for (const ReportAxis& a : axes) {
      paths.push_back(a.path);
      if (a.path == path) axis = &a;
    }
    const auto hint = [](const std::string& name, const std::vector<std::string>& all) {
      const std::string near = nearest(name, all);
      return fmt::format("valid: {}{}", all.empty() ? "none" : join_names(all),
                         near.empty() ? "" : fmt::format("; did you mean {}?", near));
    };
    if (axis == nullptr) {
      fail(fmt::format("no axis '{}' in these results; {}", path, hint(path, paths)));
    }
    std::vector<std::string> values;
    bool found = false;
    for (const Json& value : axis->values) {
      values.push_back(value_text(value));
      if (values.back() != text) continue;
      out[path] = value;
      found = true;
    }
    if (!found) {
      fail(fmt::format("no value '{}' on the axis {}; {}", text, path, hint(text, values)));
    }
  }
  return out;
}

}  // namespace cesasim::study
