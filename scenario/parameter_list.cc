// SPDX-License-Identifier: Apache-2.0
#include "scenario/parameter_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text/nearest.h"
#include "scenario/describe.h"
#include "scenario/settings.h"

namespace cesasim {
namespace {

class ParameterLister : public ScenarioVisitor {
 public:
  void number(const char* name, double&, const char* unit, double min, double max,
              const char* doc) override {
    add_range(name, "number", unit, min, max, "", doc);
  }
  void count(const char* name, std::uint32_t&, const char* unit, std::uint32_t min,
             std::uint32_t max, const char* doc) override {
    add_range(name, "count", unit, min, max, "", doc);
  }
  void optional_count(const char* name, std::uint32_t& value, const char* unit, std::uint32_t min,
                      std::uint32_t max, const char* doc) override {
    add_range(name, "count", unit, min, max, fmt::format("default {}", value), doc);
  }
  void optional_count(const char* name, std::uint64_t& value, const char* unit, std::uint64_t min,
                      std::uint64_t max, const char* doc) override {
    add_range(name, "count", unit, min, max, fmt::format("default {}", value), doc);
  }
  void optional_number(const char* name, double& value, const char* unit, double min, double max,
                       const char* doc) override {
    add_range(name, "number", unit, min, max, fmt::format("default {}", value), doc);
  }
  void flag(const char* name, bool&, const char* doc) override {
    add(name, {.type = "flag", .valid = "true, false", .doc = doc});
  }
  void choice(const char* name, std::string& value, const std::vector<std::string>& choices,
              const char* doc) override {
    std::string valid = join_names(choices);
    if (!value.empty()) valid += "; default " + value;
    add(name, {.type = "choice", .valid = valid, .doc = doc, .choices = choices});
  }
  void text(const char* name, std::string& value, const char* valid, const char* doc) override {
    std::string all = valid;
    if (!value.empty()) all += "; default " + value;
    add(name, {.type = "text", .valid = all, .doc = doc});
  }
  void begin_group(const char* name, const char*) override { path_.push_back(name); }
  void end_group() override { path_.pop_back(); }
  void begin_reference(const char* name, const char* kind, std::string& preset,
                       const char* doc) override {
    std::string valid = fmt::format("a {} preset, or the path of a preset file", kind);
    if (!preset.empty()) valid += "; default " + preset;
    add(name, {.type = "preset", .valid = valid, .doc = doc});
    path_.push_back(name);
  }
  std::vector<std::string> member_groups() override { return {}; }

  std::vector<ParameterInfo> found;

 private:
  static std::string text_of(double number) { return fmt::format("{:.10g}", number); }
  static std::string text_of(std::uint64_t count) { return std::to_string(count); }
  static std::string text_of(std::uint32_t count) { return std::to_string(count); }
  template <class T>
  void add_range(const char* name, const char* type, const char* unit, T min, T max,
                 const std::string& valid, const char* doc) {
    ParameterInfo info = {.type = type, .unit = unit, .valid = valid, .doc = doc};
    info.min = static_cast<double>(min);
    info.max = static_cast<double>(max);
    info.min_text = text_of(min);
    info.max_text = text_of(max);
    add(name, std::move(info));
  }
  void add(const char* name, ParameterInfo added) {
    std::string path;
    for (const std::string& part : path_) path += part + ".";
    path += name;
    for (ParameterInfo& info : found) {
      if (info.path == path) return add_choices(info, added.choices);
    }
    added.path = path;
    found.push_back(std::move(added));
  }
  /// What may be chosen can hang on another choice (kernel.elevator on kernel.block): list it all.
  static void add_choices(ParameterInfo& info, const std::vector<std::string>& more) {
    const std::size_t before = join_names(info.choices).size();
    for (const std::string& choice : more) {
      if (std::ranges::find(info.choices, choice) == info.choices.end()) {
        info.choices.push_back(choice);
      }
    }
    if (!info.choices.empty()) info.valid.replace(0, before, join_names(info.choices));
  }
  std::vector<std::string> path_;
};

}  // namespace
std::vector<ParameterInfo> list_parameters() {
  Scenario scenario;
  scenario.faults.emplace_back();
  scenario.faults.back().name = "NAME";
  ParameterLister lister;
  describe_scenario(lister, scenario);
  // Some structs describe only the fields of the kind in use; list those of the others too.
  scenario.disk.kind = "flash";
  scenario.kernel.block = "mq";
  scenario.workload.bench.algorithm = kBenchAlgorithms[0].name;
  describe_scenario(lister, scenario);
  return lister.found;
}

}  // namespace cesasim
