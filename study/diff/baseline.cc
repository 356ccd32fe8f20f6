#include "study/diff/baseline.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace fs = std::filesystem;

namespace cesasim::study {
namespace {

/// Keys of a point that are large and that nothing here looks at.
bool passed_over(const Json& key) { return key == "series" || key == "latency_histogram"; }

MetricList shortened(const MetricList& list) {
  MetricList out;
  for (const auto& [name, value] : list) {
    if (!is_host_metric(name)) out.emplace_back(name, rounded(value, kBaselineDigits));
  }
  return out;
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
    if (json.value("schema", "") == kBaselineSchema) {
      out.digits = json.at("digits").get<int>();
      json["schema"] = kResultSchema;
    }
    out.result = study_result_from_json(json);
  } catch (const nlohmann::json::exception& e) {
    throw ResultsInputError(fmt::format("{}: not a results file: {}", out.file, e.what()));
  } catch (const std::runtime_error& e) {
    throw ResultsInputError(fmt::format("{}: {}", out.file, e.what()));
  }
  return out;
}

std::string baseline_text(const StudyResult& result) {
  StudyResult kept = result;
  for (PointResult& point : kept.points) {
    point.metrics = shortened(point.metrics);
    for (PhaseResult& phase : point.phases) phase.metrics = shortened(phase.metrics);
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
