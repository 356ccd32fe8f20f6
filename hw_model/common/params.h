// SPDX-License-Identifier: Apache-2.0
// Every model keeps its physical parameters in a struct that lists its own fields once, in
// `describe(ParamVisitor&)`. The preset loader, --print-config and the parameter list are all
// visitors, so they cannot drift apart.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cesasim::hw {

/// No model can be built with the value of a parameter: which one, and what would be valid.
class ParamError : public std::invalid_argument {
 public:
  /// `model`: a word for the text ("ring"); `problem` goes on after the field's name.
  ParamError(const std::string& model, std::string field, const std::string& problem,
             std::string valid)
      : invalid_argument(model + ": " + field + " " + problem),
        field_(std::move(field)),
        valid_(std::move(valid)) {}

  /// As describe() names it.
  const std::string& field() const { return field_; }
  const std::string& valid() const { return valid_; }

 private:
  std::string field_;
  std::string valid_;
};

/// Walks the fields of a parameter struct. Names are snake_case and form a path with the
/// groups around them; units are SI or field terms ("Hz", "cycles", "cycles/byte", "ns").
class ParamVisitor {
 public:
  virtual ~ParamVisitor() = default;
  /// A physical quantity. `min`/`max` are the bounds outside which the input is refused.
  virtual void number(const char* name, double& value, const char* unit, double min, double max,
                      const char* doc) = 0;
  /// A whole number (a count, a size in bytes, an interrupt number).
  virtual void count(const char* name, std::uint32_t& value, const char* unit, std::uint32_t min,
                     std::uint32_t max, const char* doc) = 0;
  virtual void flag(const char* name, bool& value, const char* doc) = 0;
  /// One of a fixed set of names.
  virtual void choice(const char* name, std::string& value, const std::vector<std::string>& choices,
                      const char* doc) = 0;
  virtual void begin_group(const char* name, const char* doc) = 0;
  virtual void end_group() = 0;

  /// Visits a nested struct as a group.
  template <class T>
  void group(const char* name, T& params, const char* doc) {
    begin_group(name, doc);
    params.describe(*this);
    end_group();
  }
};

}  // namespace cesasim::hw
