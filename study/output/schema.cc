// SPDX-License-Identifier: Apache-2.0
#include "study/output/schema.h"

#include <algorithm>
#include <string>
#include <vector>

#include "machine/result/metrics.h"
#include "scenario/names.h"
#include "scenario/parameter_list.h"
#include "study/result/result.h"

namespace cesasim::study {
namespace {

constexpr const char* kDraft = "http://json-schema.org/draft-07/schema#";
// What stands in the listed keys for names of the user's own: rules of faults, phases of a trace.
constexpr const char* kFreeNames[] = {"faults.NAME", "workload.user.default"};

Json described(Json schema, const std::string& doc) {
  schema["description"] = doc;
  return schema;
}

Json type(const char* name) { return Json{{"type", name}}; }

Json list_of(Json items) { return Json{{"type", "array"}, {"items", std::move(items)}}; }

Json map_of(Json values) {
  return Json{{"type", "object"}, {"additionalProperties", std::move(values)}};
}

Json scalar() { return Json{{"type", {"string", "number", "boolean"}}}; }

Json object(Json properties, const std::vector<std::string>& required = {}) {
  Json out = {
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) out["required"] = required;
  return out;
}

/// What a key takes.
Json schema_of(const ParameterInfo& p) {
  Json out;
  if (p.type == "number" || p.type == "count") {
    out = {
        {"type", p.type == "count" ? "integer" : "number"}, {"minimum", p.min}, {"maximum", p.max}};
  } else if (p.type == "flag") {
    out = type("boolean");
  } else if (p.type == "choice") {
    Json& choices = out["enum"] = Json::array();
    for (const std::string& choice : p.choices) {
      choices.push_back(choice);
      // 2005 is as good as "2005".
      const bool digits = std::ranges::all_of(choice, [](char c) { return c >= '0' && c <= '9'; });
      if (digits) choices.push_back(std::stoul(choice));
    }
  } else {
    out = {{"type", {"string", "number"}}};
  }
  std::string doc = p.doc;
  if (!p.unit.empty()) doc += " [" + p.unit + "]";
  if (!p.valid.empty() && p.type != "choice") doc += " (" + p.valid + ")";
  return described(out, doc);
}

Json reference_to(const ParameterInfo& p) { return Json{{"$ref", "#/definitions/" + p.path}}; }

/// A dotted key as a regular expression.
std::string escaped_dots(const std::string& key) {
  std::string out;
  for (const char c : key) out += c == '.' ? std::string("\\.") : std::string(1, c);
  return out;
}

/// The keys below `prefix`, nested, with those in dotted notation beside them.
Json keys_below(const std::vector<ParameterInfo>& all, const std::string& prefix) {
  Json properties = Json::object();
  Json patterns = Json::object();
  for (const ParameterInfo& p : all) {
    if (!p.path.starts_with(prefix)) continue;
    const std::string rest = p.path.substr(prefix.size());
    const std::size_t dot = rest.find('.');
    if (dot == std::string::npos) {
      const bool has_keys = std::ranges::any_of(
          all, [&](const ParameterInfo& q) { return q.path.starts_with(p.path + "."); });
      Json one = reference_to(p);
      if (has_keys) {
        Json group = keys_below(all, p.path + ".");
        group["properties"]["preset"] = type("string");
        one = described(Json{{"anyOf", {type("string"), std::move(group)}}}, p.doc);
      }
      properties[rest] = std::move(one);
      continue;
    }
    std::string dotted = rest;
    bool free = false;
    for (const std::string name : kFreeNames) {
      const std::size_t last = name.rfind('.') + 1;
      if (!p.path.starts_with(name + ".") || prefix.size() > last) continue;
      // As a pattern: any name in the place of NAME.
      free = true;
      dotted = "^" + escaped_dots(name.substr(prefix.size(), last - prefix.size())) + "[^.]+" +
               escaped_dots(p.path.substr(name.size())) + "$";
    }
    (free ? patterns : properties)[dotted] = reference_to(p);
    const std::string group = rest.substr(0, dot);
    const bool named = std::ranges::any_of(all, [&](const ParameterInfo& q) {
      return q.path == prefix + group;  // a preset: done above
    });
    if (!named && !properties.contains(group)) {
      properties[group] = keys_below(all, prefix + group + ".");
    }
  }
  Json out = object(std::move(properties));
  for (const std::string name : kFreeNames) {
    const std::size_t last = name.rfind('.') + 1;
    if (name.substr(0, last) != prefix) continue;
    const std::string member = name.substr(last);
    out["additionalProperties"] = out["properties"][member];
    if (member == "NAME") out["properties"].erase(member);
  }
  if (!patterns.empty()) out["patternProperties"] = std::move(patterns);
  return out;
}

Json axes_schema(const std::vector<ParameterInfo>& all) {
  Json properties = Json::object();
  for (const ParameterInfo& p : all) {
    if (p.path.find("NAME") != std::string::npos) continue;
    Json values = list_of(reference_to(p));
    values["minItems"] = 1;
    properties[p.path] = described(values, p.doc);
  }
  Json values = list_of(scalar());
  values["minItems"] = 1;
  Json cases = map_of(map_of(scalar()));
  cases["minProperties"] = 1;
  Json out = object(std::move(properties));
  out["additionalProperties"] = Json{{"anyOf", {std::move(values), std::move(cases)}}};
  return described(out, "every combination is a point; the last axis varies fastest");
}

Json published_schema() {
  return object(
      {{"value", type("number")},
       {"within", described(type("number"), "per cent that the simulation may be off")},
       {"basis", Json{{"enum", {"fitted", "predicted"}}}},
       {"source", described(type("string"), "where it was published")},
       {"note", type("string")},
       {"tolerated",
        object({{"within", described(type("number"), "per cent that do not fail the run")},
                {"reason", described(type("string"), "why it is off its aim")}},
               {"within", "reason"})}},
      {"value", "within", "basis", "source"});
}

Json expectation_schema() {
  Json metric_names_json = Json{{"enum", metric_names()}};
  Json relative = {{"anyOf", {Json{{"const", "baseline"}}, map_of(scalar())}}};
  return object(
      {{"name", described(type("string"), "what is expected, in words")},
       {"where", described(map_of(scalar()), "the points it is about: axis and value; none: all")},
       {"metric", described(metric_names_json, "see `cesasim list metrics`")},
       {"phase", described(type("string"), "of this phase of the trace; none: the whole run")},
       {"relative_to", described(relative, "divided by the value of that point")},
       {"min", type("number")},
       {"max", type("number")},
       {"published", published_schema()}},
      {"name", "metric"});
}

/// Values by the name of a metric; null where a point has none.
Json metric_values() {
  Json properties = Json::object();
  for (const Metric& m : metrics()) {
    properties[m.name] =
        described(Json{{"type", {"number", "null"}}}, std::string(m.doc) + " [" + m.unit + "]");
  }
  return Json{{"type", "object"},
              {"properties", std::move(properties)},
              {"additionalProperties", Json{{"type", {"number", "null"}}}}};
}

Json point_schema() {
  const Json counts = map_of(Json{{"type", "integer"}, {"minimum", 0}});
  Json out =
      object({{"axes", map_of(scalar())},
              {"status", Json{{"enum", {"ok", "failed", "broken"}}}},
              {"error", type("string")},
              {"metrics", Json{{"$ref", "#/definitions/metrics"}}},
              {"phases", list_of(object({{"name", type("string")},
                                         {"metrics", Json{{"$ref", "#/definitions/metrics"}}}},
                                        {"name", "metrics"}))},
              {"integrity", counts},
              {"faults", map_of(object({{"kind", type("string")},
                                        {"opportunities", type("integer")},
                                        {"fired", type("integer")},
                                        {"hit", counts}},
                                       {"kind", "opportunities", "fired"}))},
              {"broken_guarantees", list_of(type("string"))},
              {"dma_hazards", list_of(type("string"))},
              {"notes", list_of(type("string"))},
              {"series", Json{{"type", {"object", "array"}}}},
              {"latency_histogram", Json{{"type", {"object", "array"}}}},
              {"config", described(type("object"), "the resolved scenario")}},
             {"axes", "status", "metrics", "phases", "integrity", "config"});
  return out;
}

Json judged_schema() {
  const Json number = {{"type", {"number", "null"}}};
  return object({{"name", type("string")},
                 {"ok", described(Json{{"type", {"boolean", "null"}}}, "null: not checked")},
                 {"value", number},
                 {"bound", object({{"min", number}, {"max", number}}, {"min", "max"})},
                 {"metric", type("string")},
                 {"phase", type("string")},
                 {"relative", type("boolean")},
                 {"relative_to", type("string")},
                 {"point", type("string")},
                 {"note", type("string")},
                 {"published", published_schema()}},
                {"name", "ok", "value", "bound", "metric", "relative"});
}

Json trust_schema() {
  const Json count = {{"type", "integer"}, {"minimum", 0}};
  return object(
      {{"board", type("string")},
       {"driver", type("string")},
       {"paths", list_of(type("string"))},
       {"basis", described(Json{{"enum", {"direct", "engine", "none"}}},
                           "direct: this way was measured; engine: the driver or the cipher was, "
                           "the path was not; none")},
       {"fitted", described(count, "published rows that chose parameters")},
       {"predicted", described(count, "published rows that did not")},
       {"largest_error_percent", described(type("number"), "of throughput")},
       {"largest_time_error_percent", described(type("number"), "of processor time")},
       {"assumed", described(count, "most values of a point that presets only assume")},
       {"default_bounds", described(count, "of them without bounds of their own")},
       {"text", type("string")}},
      {"board", "driver", "paths", "basis", "text"});
}

}  // namespace

Json study_schema() {
  const std::vector<ParameterInfo> all = list_parameters();
  Json name = Json{{"type", {"string", "number"}}, {"pattern", "^[A-Za-z0-9_-][A-Za-z0-9_.-]*$"}};
  Json fit = object({{"key", type("string")},
                     {"preset", type("string")},
                     {"min", type("number")},
                     {"max", type("number")}},
                    {"key", "preset", "min", "max"});
  Json keys = Json::object();
  for (const ParameterInfo& p : all) keys[p.path] = schema_of(p);
  Json out = {{"$schema", kDraft}, {"title", "a study of cesasim"}};
  out.update(object(
      {{"name", described(name, "names the folder of the results")},
       {"doc", described(type("string"), "what it asks, in one line")},
       {"scenario", described(keys_below(all, ""), "what all points share")},
       {"axes", axes_schema(all)},
       {"exclude", described(list_of(map_of(scalar())), "points that do not run")},
       {"baseline", described(map_of(scalar()), "what the table compares with")},
       {"expect", described(list_of(expectation_schema()), "exit code 1 if one does not hold")},
       {"fit", described(list_of(fit), "values of presets that `cesasim fit` may choose")}},
      {"name", "scenario"}));
  out["definitions"] = std::move(keys);
  return out;
}

Json results_schema() {
  Json out = {{"$schema", kDraft},
              {"title", "results of a study of cesasim"},
              {"definitions", {{"metrics", metric_values()}}}};
  out.update(object({{"schema", Json{{"const", kResultSchema}}},
                     {"study", type("string")},
                     {"version", type("string")},
                     {"build", described(type("string"), "git description of the program")},
                     {"overrides", list_of(type("string"))},
                     {"baseline", map_of(scalar())},
                     {"trust", list_of(trust_schema())},
                     {"points", list_of(point_schema())},
                     {"expectations", list_of(judged_schema())}},
                    {"schema", "study", "version", "points", "expectations"}));
  return out;
}

}  // namespace cesasim::study
