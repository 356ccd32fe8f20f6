// SPDX-License-Identifier: Apache-2.0
#include "study/result/result.h"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

namespace cesasim::study {
namespace {

Json optional_json(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}

std::optional<double> optional_from(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return json.get<double>();
}

}  // namespace

Json to_json(const StudyResult& result) {
  Json out;
  out["schema"] = kResultSchema;
  out["study"] = result.study;
  out["version"] = result.version;
  if (!result.build.empty()) out["build"] = result.build;
  if (!result.overrides.empty()) out["overrides"] = result.overrides;
  if (!result.baseline.empty()) out["baseline"] = result.baseline;
  if (!result.doc.empty()) out["doc"] = result.doc;
  if (!result.date.empty()) out["date"] = result.date;
  if (!result.command.empty()) out["command"] = result.command;
  if (!result.trust.empty()) out["trust"] = result.trust;
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
      if (e.published->tolerated) {
        item["published"]["tolerated"] =
            Json{{"within", *e.published->tolerated}, {"reason", e.published->reason}};
      }
      if (e.misses_aim()) item["misses_aim"] = true;
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
    out.build = json.value("build", "");
    out.overrides = json.value("overrides", std::vector<std::string>{});
    out.baseline = json.value("baseline", Json::object());
    out.doc = json.value("doc", "");
    out.date = json.value("date", "");
    out.command = json.value("command", "");
    out.trust = json.value("trust", Json::array());
    for (const char* list : {"points", "expectations"}) {
      if (!json.at(list).is_array()) {
        throw std::runtime_error(fmt::format("not a results file: {} is no list", list));
      }
    }
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
        if (const auto wider = p->find("tolerated"); wider != p->end()) {
          e.published->tolerated = wider->at("within").get<double>();
          e.published->reason = wider->at("reason").get<std::string>();
        }
      }
      out.expectations.push_back(std::move(e));
    }
    return out;
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(fmt::format("not a results file: {}", json_problem(error)));
  }
}

}  // namespace cesasim::study
