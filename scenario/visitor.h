// SPDX-License-Identifier: Apache-2.0
// What a scenario adds to hw::ParamVisitor: references to presets, free texts, and values with
// a default. One walk (describe_scenario) serves the reader, the parameter list and the test
// that varies every parameter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hw_model/common/params.h"

namespace cesasim {

/// A choice or text whose variable holds a non-empty string has that as its default; an empty
/// one is required. Flags always have a default. Numbers and counts have none, except through
/// optional_count and optional_number.
class ScenarioVisitor : public hw::ParamVisitor {
 public:
  virtual void text(const char* name, std::string& value, const char* valid, const char* doc) = 0;
  virtual void optional_count(const char* name, std::uint32_t& value, const char* unit,
                              std::uint32_t min, std::uint32_t max, const char* doc) = 0;
  /// For sector numbers and the like, which the kernel keeps in 64 bits.
  virtual void optional_count(const char* name, std::uint64_t& value, const char* unit,
                              std::uint64_t min, std::uint64_t max, const char* doc) = 0;
  virtual void optional_number(const char* name, double& value, const char* unit, double min,
                               double max, const char* doc) = 0;
  /// Opens a group whose values come from the preset of `kind` that the key names (a bare name,
  /// a path, or a map with `preset` and overrides). Closed by end_group().
  virtual void begin_reference(const char* name, const char* kind, std::string& preset,
                               const char* doc) = 0;
  /// Names of the groups present inside the open group (for maps with free keys).
  virtual std::vector<std::string> member_groups() = 0;

  template <class T>
  void reference(const char* name, const char* kind, std::string& preset, T& params,
                 const char* doc) {
    begin_reference(name, kind, preset, doc);
    params.describe(*this);
    end_group();
  }
};

}  // namespace cesasim
