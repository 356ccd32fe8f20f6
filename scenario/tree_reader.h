// SPDX-License-Identifier: Apache-2.0
// Fills typed parameters from a tree, expanding references to presets on the way.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "scenario/library.h"
#include "scenario/tree.h"
#include "scenario/visitor.h"

namespace cesasim {

/// Walks a parameter struct and reads each field from the tree. Defaults of optional keys are
/// written back, so that the tree ends fully resolved. Errors are collected; finish() throws
/// the most telling one (an unknown key before the missing value it may explain).
class TreeReader : public ScenarioVisitor {
 public:
  TreeReader(Tree& root, const Library& library);

  void number(const char* name, double& value, const char* unit, double min, double max,
              const char* doc) override;
  void count(const char* name, std::uint32_t& value, const char* unit, std::uint32_t min,
             std::uint32_t max, const char* doc) override;
  void flag(const char* name, bool& value, const char* doc) override;
  void choice(const char* name, std::string& value, const std::vector<std::string>& choices,
              const char* doc) override;
  void begin_group(const char* name, const char* doc) override;
  void end_group() override;
  void text(const char* name, std::string& value, const char* valid, const char* doc) override;
  void optional_count(const char* name, std::uint32_t& value, const char* unit, std::uint32_t min,
                      std::uint32_t max, const char* doc) override;
  void optional_count(const char* name, std::uint64_t& value, const char* unit, std::uint64_t min,
                      std::uint64_t max, const char* doc) override;
  void optional_number(const char* name, double& value, const char* unit, double min, double max,
                       const char* doc) override;
  void begin_reference(const char* name, const char* kind, std::string& preset,
                       const char* doc) override;
  std::vector<std::string> member_groups() override;

  /// Checks the root for unknown keys and throws the first error, if any.
  void finish();

 private:
  struct Frame {
    Tree* node;  ///< nullptr: the group could not be opened; its fields are not read
    std::string path;
    std::string preset;  ///< innermost preset whose values these are
    Position preset_at;  ///< where its values start
    std::vector<std::string> asked;
  };

  Frame& top() { return frames_.back(); }
  std::string path(const char* name) const;
  Tree* lookup(const char* name);
  void fail(Position at, std::string key, std::string problem, std::string valid);
  void missing(const char* name, const std::string& valid);
  void check_source(const Tree& value, const std::string& key, const char* unit);
  void read_number(const char* name, Tree& node, double& value, const char* unit, double min,
                   double max);
  template <class Int>
  void read_count(const char* name, const Tree& node, Int& value, const char* unit, Int min,
                  Int max);
  template <class Int>
  void read_optional_count(const char* name, Int& value, const char* unit, Int min, Int max);
  void store_default(const char* name, std::string text, bool quoted = false);
  void check_unknown(const Frame& frame);

  const Library& library_;
  std::vector<Frame> frames_;
  std::optional<ConfigError> unknown_key_;
  std::optional<ConfigError> other_;
};

}  // namespace cesasim
