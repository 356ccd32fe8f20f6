// SPDX-License-Identifier: Apache-2.0
#include "study/diff/baseline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <vector>

namespace fs = std::filesystem;

namespace cesasim::study {
namespace {

/// Keys of a point that are large and that nothing here looks at.
bool passed_over(const Json& key) { return key == "series" || key == "latency_histogram"; }

/// Metrics that all of `lists` have and that are zero in some: those are left out there.
std::vector<std::string> common_zeros(const std::vector<const MetricList*>& lists) {
  std::vector<std::string> out;
  if (lists.empty()) return out;
  for (const auto& [name, ignored] : *lists.front()) {
    bool everywhere = true;
    bool zero = false;
    for (const MetricList* list : lists) {
      const std::optional<double> value = find_value(*list, name);
      everywhere = everywhere && value.has_value();
      zero = zero || value == 0;
    }
    if (everywhere && zero && !is_host_metric(name)) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

MetricList shortened(const MetricList& list, const std::vector<std::string>& zeros) {
  MetricList out;
  for (const auto& [name, value] : list) {
    const bool implied = value == 0 && std::find(zeros.begin(), zeros.end(), name) != zeros.end();
    if (!implied && !is_host_metric(name)) {
      out.emplace_back(name, rounded(value, kBaselineDigits));
    }
  }
  return out;
}

/// The reverse: adds the zeros that were left out.
void complete(MetricList& list, const std::vector<std::string>& zeros) {
  for (const std::string& name : zeros) {
    if (!find_value(list, name)) list.emplace_back(name, 0);
  }
}

/// One member or element a line down to `depth`, the rest on that line.
void print(const Json& json, int depth, int indent, std::string& out) {
  if (depth == 0 || !json.is_structured() || json.empty()) {
    out += json.dump(-1, ' ', false, Json::error_handler_t::replace);
    return;
  }
  const std::string pad(static_cast<std::size_t>(indent) + 1, ' ');
  out += json.is_object() ? "{\n" : "[\n";
  bool first = true;
  for (const auto& [key, value] : json.items()) {
    if (!first) out += ",\n";
    first = false;
    out += pad;
    if (json.is_object()) {
      out += Json(key).dump(-1, ' ', false, Json::error_handler_t::replace) + ": ";
    }
    print(value, depth - 1, indent + 1, out);
  }
  out += "\n" + pad.substr(1) + (json.is_object() ? "}" : "]");
}

}  // namespace

double rounded(double value, int digits) {
  if (digits == 0 || !std::isfinite(value)) return value;
  return std::strtod(fmt::format("{:.{}g}", value, digits).c_str(), nullptr);
}

bool is_host_metric(const std::string& name) {
  return name == "host_seconds" || name.starts_with("host.");
}

LoadedResults load_results(const std::string& path) {
  LoadedResults out;
  std::error_code error;
  const bool folder = fs::is_directory(path, error);
  out.file = folder ? (fs::path(path) / "results.json").string() : path;
  if (!fs::exists(out.file, error)) {
    throw ResultsInputError(fmt::format(
        "{}: no such file; valid: a results.json, a folder that holds one, or a baseline",
        out.file));
  }
  std::ifstream in(out.file, std::ios::binary);
  if (!in) throw ResultsInputError(fmt::format("{}: cannot be read", out.file));
  try {
    bool skip = false;
    Json json = Json::parse(in, [&skip](int, Json::parse_event_t event, Json& parsed) {
      if (event == Json::parse_event_t::key) {
        skip = passed_over(parsed);
        return !skip;
      }
      return true;
    });
    if (!json.is_object()) throw std::runtime_error("not a results file: no map at its top");
    std::vector<std::string> point_zeros, phase_zeros;
    if (json.value("schema", "") == kBaselineSchema) {
      out.digits = json.at("digits").get<int>();
      if (out.digits < 1 || out.digits > 17) {
        throw std::runtime_error(fmt::format("digits {}; valid: 1 to 17", out.digits));
      }
      json["schema"] = kResultSchema;
      if (json.contains("zero_where_absent")) {
        const Json& zeros = json["zero_where_absent"];
        point_zeros = zeros.at("points").get<std::vector<std::string>>();
        phase_zeros = zeros.at("phases").get<std::vector<std::string>>();
      }
    }
    out.result = study_result_from_json(json);
    std::set<std::string> seen;
    for (const PointResult& point : out.result.points) {
      if (!seen.insert(point.axes.dump(-1, ' ', false, Json::error_handler_t::replace)).second) {
        throw std::runtime_error(fmt::format(
            "the point '{}' stands there twice; valid: every point once", point_name(point.axes)));
      }
    }
    for (PointResult& point : out.result.points) {
      complete(point.metrics, point_zeros);
      for (PhaseResult& phase : point.phases) complete(phase.metrics, phase_zeros);
    }
  } catch (const nlohmann::json::exception& e) {
    throw ResultsInputError(fmt::format("{}: not a results file: {}", out.file, json_problem(e)));
  } catch (const std::runtime_error& e) {
    throw ResultsInputError(fmt::format("{}: {}", out.file, e.what()));
  }
  return out;
}

std::string baseline_text(const StudyResult& result) {
  std::vector<const MetricList*> of_points, of_phases;
  for (const PointResult& point : result.points) {
    of_points.push_back(&point.metrics);
    for (const PhaseResult& phase : point.phases) of_phases.push_back(&phase.metrics);
  }
  const std::vector<std::string> point_zeros = common_zeros(of_points);
  const std::vector<std::string> phase_zeros = common_zeros(of_phases);
  StudyResult kept = result;
  for (PointResult& point : kept.points) {
    point.metrics = shortened(point.metrics, point_zeros);
    for (PhaseResult& phase : point.phases) {
      phase.metrics = shortened(phase.metrics, phase_zeros);
    }
  }
  for (ExpectationResult& e : kept.expectations) {
    if (e.value) e.value = rounded(*e.value, kBaselineDigits);
  }
  const Json full = to_json(kept);
  Json out;
  out["schema"] = kBaselineSchema;
  out["digits"] = kBaselineDigits;
  for (const char* key : {"study", "version", "overrides"}) {
    if (full.contains(key)) out[key] = full[key];
  }
  out["zero_where_absent"] = Json{{"points", point_zeros}, {"phases", phase_zeros}};
  Json& points = out["points"] = Json::array();
  for (const Json& point : full["points"]) {
    Json item;
    for (const char* key : {"axes", "status", "error", "metrics", "phases", "integrity", "faults",
                            "broken_guarantees", "dma_hazards"}) {
      if (point.contains(key)) item[key] = point[key];
    }
    points.push_back(std::move(item));
  }
  out["expectations"] = full["expectations"];
  std::string text;
  print(out, 4, 0, text);
  return text + "\n";
}

}  // namespace cesasim::study
