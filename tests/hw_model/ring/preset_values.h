// SPDX-License-Identifier: Apache-2.0
// Reads a preset file into a parameter struct and expects it to be complete.
#pragma once

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <set>
#include <string>
#include <vector>

#include "hw_model/common/params.h"

namespace cesasim::test {

class FromYaml : public hw::ParamVisitor {
 public:
  explicit FromYaml(YAML::Node values) : values_(std::move(values)) {}

  void number(const char* name, double& value, const char* unit, double min, double max,
              const char*) override {
    value = entry(name, unit)["value"].as<double>();
    EXPECT_GE(value, min) << name;
    EXPECT_LE(value, max) << name;
  }
  void count(const char* name, std::uint32_t& value, const char* unit, std::uint32_t min,
             std::uint32_t max, const char*) override {
    value = entry(name, unit)["value"].as<std::uint32_t>();
    EXPECT_GE(value, min) << name;
    EXPECT_LE(value, max) << name;
  }
  void flag(const char* name, bool& value, const char*) override {
    value = entry(name, nullptr)["value"].as<bool>();
  }
  void choice(const char* name, std::string&, const std::vector<std::string>&,
              const char*) override {
    ADD_FAILURE() << name;
  }
  void begin_group(const char* name, const char*) override { ADD_FAILURE() << name; }
  void end_group() override {}

  std::set<std::string> seen;

 private:
  YAML::Node entry(const char* name, const char* unit) {
    seen.insert(name);
    const YAML::Node e = values_[name];
    EXPECT_TRUE(e.IsDefined()) << name << " is missing";
    if (!e.IsDefined()) return YAML::Load("{value: 1}");
    if (unit != nullptr) {
      EXPECT_EQ(e["unit"].as<std::string>(""), unit) << name;
    }
    static const std::set<std::string> kMarks = {"measured", "spec", "derived", "assumed"};
    EXPECT_TRUE(kMarks.count(e["mark"].as<std::string>(""))) << name;
    EXPECT_FALSE(e["source"].as<std::string>("").empty()) << name;
    return e;
  }
  YAML::Node values_;
};

/// Parameters of the shipped preset `kind`/`name`.
template <class Params>
Params shipped_preset(const std::string& kind, const std::string& name) {
  Params params;
  FromYaml visitor(YAML::LoadFile("studies/presets/" + kind + "/" + name + ".yaml")["values"]);
  params.describe(visitor);
  return params;
}

}  // namespace cesasim::test
