#include "study/result/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "base/text/nearest.h"
#include "machine/result/metrics.h"

namespace cesasim::study {
namespace {

Json metrics_json(const MetricList& list) {
  Json out = Json::object();
  for (const auto& [name, value] : list) {
    // JSON has no infinity and no NaN.
    out[name] = std::isfinite(value) ? Json(value) : Json(nullptr);
  }
  return out;
}

MetricList metrics_from(const Json& json) {
  MetricList out;
  for (const auto& [name, value] : json.items()) {
    out.emplace_back(name, value.is_null() ? std::nan("") : value.get<double>());
  }
  return out;
}

Json optional_json(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}

std::optional<double> optional_from(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return json.get<double>();
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

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

std::optional<double> find_value(const MetricList& list, const std::string& name) {
  for (const auto& [key, value] : list) {
    if (key == name) return value;
  }
  return std::nullopt;
}

const char* status_name(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::failed:
      return "failed";
    case Status::broken:
      return "broken";
  }
  return "";
}

bool PointResult::broken_is_tolerated() const {
  return status == Status::broken && config.is_object() &&
         config.value("on_broken", "") == "report";
}

const PhaseResult* PointResult::find_phase(const std::string& name) const {
  for (const PhaseResult& phase : phases) {
    if (phase.name == name) return &phase;
  }
  return nullptr;
}

std::string hit_text(const FaultResult& fault) {
  std::string out;
  for (const auto& [site, count] : fault.hit) {
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", site, count);
  }
  return out;
}

Json to_json(const PointResult& result) {
  Json out;
  out["axes"] = result.axes;
  out["status"] = status_name(result.status);
  if (!result.error.empty()) out["error"] = result.error;
  out["metrics"] = metrics_json(result.metrics);
  Json& phases = out["phases"] = Json::array();
  for (const PhaseResult& phase : result.phases) {
    phases.push_back(Json{{"name", phase.name}, {"metrics", metrics_json(phase.metrics)}});
  }
  Json& integrity = out["integrity"] = Json::object();
  for (const auto& [name, count] : result.integrity) integrity[name] = count;
  if (!result.faults.empty()) {
    Json& faults = out["faults"] = Json::object();
    for (const FaultResult& f : result.faults) {
      Json& fault = faults[f.name] =
          Json{{"kind", f.kind}, {"opportunities", f.opportunities}, {"fired", f.fired}};
      for (const auto& [site, count] : f.hit) fault["hit"][site] = count;
    }
  }
  if (!result.broken_guarantees.empty()) out["broken_guarantees"] = result.broken_guarantees;
  if (!result.dma_hazards.empty()) out["dma_hazards"] = result.dma_hazards;
  if (!result.notes.empty()) out["notes"] = result.notes;
  if (!result.series.is_null()) out["series"] = result.series;
  if (!result.latency_histogram.is_null()) out["latency_histogram"] = result.latency_histogram;
  out["config"] = result.config;
  return out;
}

PointResult point_from_json(const Json& json) {
  try {
    PointResult out;
    out.axes = json.at("axes");
    const std::string status = json.at("status").get<std::string>();
    if (status == "ok") {
      out.status = Status::ok;
    } else if (status == "failed") {
      out.status = Status::failed;
    } else if (status == "broken") {
      out.status = Status::broken;
    } else {
      throw std::runtime_error(fmt::format("unknown status '{}'", status));
    }
    out.error = json.value("error", "");
    out.metrics = metrics_from(json.at("metrics"));
    for (const Json& phase : json.at("phases")) {
      out.phases.push_back(
          {phase.at("name").get<std::string>(), metrics_from(phase.at("metrics"))});
    }
    for (const auto& [name, count] : json.at("integrity").items()) {
      out.integrity.emplace_back(name, count.get<std::uint64_t>());
    }
    if (const auto faults = json.find("faults"); faults != json.end()) {
      for (const auto& [name, f] : faults->items()) {
        out.faults.push_back({name, f.at("kind").get<std::string>(),
                              f.at("opportunities").get<std::uint64_t>(),
                              f.at("fired").get<std::uint64_t>()});
        if (!f.contains("hit")) continue;
        for (const auto& [site, count] : f["hit"].items()) {
          out.faults.back().hit.emplace_back(site, count.get<std::uint64_t>());
        }
      }
    }
    out.broken_guarantees = json.value("broken_guarantees", std::vector<std::string>{});
    out.dma_hazards = json.value("dma_hazards", std::vector<std::string>{});
    out.notes = json.value("notes", std::vector<std::string>{});
    out.series = json.value("series", Json());
    out.latency_histogram = json.value("latency_histogram", Json());
    if (json.contains("config")) out.config = json["config"];
    return out;
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(fmt::format("not a point's result: {}", error.what()));
  }
}

const std::vector<std::string>& fault_counters() {
  static const std::vector<std::string> names = {
      "mismatched_sectors", "plaintext_sectors", "lost_requests", "double_ended",
      "unreported_errors",  "guest_errors",      "dma_hazards",   "clobbered_sectors",
      "unimplemented",      "write_timeouts"};
  return names;
}

void check_integrity(PointResult& result) {
  if (result.status != Status::ok) return;
  std::string faults;
  for (const auto& [name, count] : result.integrity) {
    const auto& counters = fault_counters();
    if (count == 0 || std::find(counters.begin(), counters.end(), name) == counters.end()) {
      continue;
    }
    if (!faults.empty()) faults += ", ";
    faults += fmt::format("{} {}", name, count);
  }
  if (faults.empty()) return;
  result.status = Status::broken;
  result.error = "integrity broken: " + faults;
}

std::vector<ExpectationResult> check_expectations(const Study& study,
                                                  const std::vector<PointResult>& points) {
  std::vector<ExpectationResult> out;
  for (const Expectation& expectation : study.expect) {
    out.push_back(check(study, expectation, points));
  }
  return out;
}

Json to_json(const StudyResult& result) {
  Json out;
  out["schema"] = kResultSchema;
  out["study"] = result.study;
  out["version"] = result.version;
  if (!result.overrides.empty()) out["overrides"] = result.overrides;
  if (!result.baseline.empty()) out["baseline"] = result.baseline;
  Json& points = out["points"] = Json::array();
  for (const PointResult& point : result.points) points.push_back(to_json(point));
  Json& expectations = out["expectations"] = Json::array();
  for (const ExpectationResult& e : result.expectations) {
    Json item;
    item["name"] = e.name;
    item["ok"] = e.ok ? Json(*e.ok) : Json(nullptr);
    item["value"] = optional_json(e.value);
    item["bound"] = Json{{"min", optional_json(e.min)}, {"max", optional_json(e.max)}};
    item["metric"] = e.metric;
    if (!e.phase.empty()) item["phase"] = e.phase;
    item["relative"] = e.relative;
    if (e.relative) item["relative_to"] = e.relative_to;
    if (!e.point.empty()) item["point"] = e.point;
    if (!e.note.empty()) item["note"] = e.note;
    if (e.published) {
      item["published"] = Json{{"value", e.published->value},
                               {"within", e.published->within},
                               {"basis", e.published->fitted ? "fitted" : "predicted"},
                               {"source", e.published->source}};
      if (!e.published->note.empty()) item["published"]["note"] = e.published->note;
    }
    expectations.push_back(std::move(item));
  }
  return out;
}

StudyResult study_result_from_json(const Json& json) {
  try {
    const std::string schema = json.at("schema").get<std::string>();
    if (schema != kResultSchema) {
      throw std::runtime_error(
          fmt::format("schema '{}' where '{}' is needed", schema, kResultSchema));
    }
    StudyResult out;
    out.study = json.at("study").get<std::string>();
    out.version = json.at("version").get<std::string>();
    out.overrides = json.value("overrides", std::vector<std::string>{});
    out.baseline = json.value("baseline", Json::object());
    for (const Json& point : json.at("points")) out.points.push_back(point_from_json(point));
    for (const Json& item : json.at("expectations")) {
      ExpectationResult e;
      e.name = item.at("name").get<std::string>();
      if (!item.at("ok").is_null()) e.ok = item["ok"].get<bool>();
      e.value = optional_from(item.at("value"));
      e.min = optional_from(item.at("bound").at("min"));
      e.max = optional_from(item.at("bound").at("max"));
      e.metric = item.value("metric", "");
      e.phase = item.value("phase", "");
      e.relative = item.value("relative", false);
      e.relative_to = item.value("relative_to", "");
      e.point = item.value("point", "");
      e.note = item.value("note", "");
      if (const auto p = item.find("published"); p != item.end()) {
        e.published = {p->at("value").get<double>(), p->at("within").get<double>(),
                       p->at("basis").get<std::string>() == "fitted",
                       p->at("source").get<std::string>(), p->value("note", "")};
      }
      out.expectations.push_back(std::move(e));
    }
    return out;
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(fmt::format("not a results file: {}", error.what()));
  }
}

std::string to_csv(const StudyResult& result) {
  std::vector<std::string> axes;
  std::vector<std::string> columns;
  auto add = [](std::vector<std::string>& list, const std::string& name) {
    if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
  };
  // Registered metrics first, in their order, then whatever else a point carries.
  std::vector<std::string> present;
  for (const PointResult& point : result.points) {
    for (const auto& [path, value] : point.axes.items()) add(axes, path);
    for (const auto& [name, value] : point.metrics) add(present, name);
    for (const PhaseResult& phase : point.phases) {
      for (const auto& [name, value] : phase.metrics) add(present, name);
    }
  }
  for (const Metric& metric : metrics()) {
    if (std::find(present.begin(), present.end(), metric.name) != present.end()) {
      columns.push_back(metric.name);
    }
  }
  for (const std::string& name : present) add(columns, name);

  std::string out;
  for (const std::string& path : axes) out += csv_field(path) + ",";
  out += "status,phase";
  for (const std::string& name : columns) out += "," + csv_field(name);
  out += "\n";
  auto row = [&](const PointResult& point, const std::string& phase, const MetricList& list) {
    for (const std::string& path : axes) {
      if (point.axes.contains(path)) {
        const Json& value = point.axes[path];
        out += csv_field(value.is_string() ? value.get<std::string>() : value.dump());
      }
      out += ",";
    }
    out += fmt::format("{},{}", status_name(point.status), csv_field(phase));
    for (const std::string& name : columns) {
      out += ",";
      const std::optional<double> value = find_value(list, name);
      if (value && std::isfinite(*value)) out += fmt::format("{}", *value);
    }
    out += "\n";
  };
  for (const PointResult& point : result.points) {
    row(point, "", point.metrics);
    for (const PhaseResult& phase : point.phases) row(point, phase.name, phase.metrics);
  }
  return out;
}

}  // namespace cesasim::study
