// SPDX-License-Identifier: Apache-2.0
// Configuration as a tree of values that remember where they came from. Layers (preset file,
// scenario, axis, command line) are merged into one tree; typed readers then walk it.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text/json.h"

namespace cesasim {

/// A place in the user's input. `line` counts from 1; 0 means the input has no lines
/// (the command line).
struct Position {
  std::string file;
  int line = 0;
  /// "file:line", or "file" alone.
  std::string str() const;
};

/// Bad input. what() reads "FILE:LINE: key: problem; valid: ...".
class ConfigError : public std::runtime_error {
 public:
  ConfigError(Position at, std::string key, std::string problem, std::string valid = "");
  const Position& at() const { return at_; }
  const std::string& key() const { return key_; }
  const std::string& problem() const { return problem_; }
  const std::string& valid() const { return valid_; }

 private:
  Position at_;
  std::string key_, problem_, valid_;
};

/// Which layer a value came from, lowest first.
enum class Layer { standard, preset, scenario, axis, command_line };

struct Tree {
  enum class Kind { empty, scalar, list, map };

  // Defined where Tree is complete: clang looks too early into a vector of pairs with it.
  Tree();
  Tree(const Tree& other);
  Tree(Tree&& other) noexcept;
  Tree& operator=(const Tree& other);
  Tree& operator=(Tree&& other) noexcept;
  ~Tree();

  Kind kind = Kind::empty;
  std::string text;     ///< scalar: as written
  bool quoted = false;  ///< scalar: written in quotes, so never a number
  std::vector<Tree> items;
  std::vector<std::pair<std::string, Tree>> members;  ///< map, in file order

  Position at;
  Layer layer = Layer::standard;
  std::string unit, mark, source;  ///< given by preset files
  /// Between what the value lies for all that is known; given by preset files.
  std::optional<std::pair<double, double>> bounds;
  /// Map: the preset named by its `preset` member has been merged in.
  bool expanded = false;
  /// Scalar `preset` member that came from giving a name where a map stood before.
  bool implied = false;

  static Tree scalar(std::string text, Position at, Layer layer, bool quoted = false);

  bool is_map() const { return kind == Kind::map; }
  bool is_scalar() const { return kind == Kind::scalar; }
  /// Member `key`, or nullptr (also if this is no map).
  const Tree* find(std::string_view key) const;
  Tree* find(std::string_view key);
  /// Descendant by dotted path, or nullptr.
  const Tree* find_path(std::string_view path) const;
  /// Names of the members.
  std::vector<std::string> keys() const;
};

/// Reads one YAML document. `name` is what messages call it. Errors: ConfigError for syntax
/// errors, duplicate keys, several documents, or nesting deeper than 64.
Tree parse_yaml(const std::string& text, const std::string& name, Layer layer);
/// The same from a file. Errors: also ConfigError if it cannot be read.
Tree load_yaml(const std::string& path, const std::string& shown_name, Layer layer);

/// Lays `over` over `base`. Maps merge key by key. A name laid over a map, or a map over a
/// name, means the map's `preset`: changing the preset keeps the overrides made so far.
void merge(Tree& base, const Tree& over);

/// Lays `value` at dotted `path`. Errors: ConfigError (at value.at) on an empty path part.
void set_path(Tree& root, std::string_view path, const Tree& value);

/// Turns dotted keys in maps (at every level) into nested maps. Errors: ConfigError if that
/// gives one value twice.
void expand_dotted(Tree& tree, const std::string& path = "");

/// The scalar as JSON: number, boolean or string. Digits that would not survive the way
/// through a number (keys in hexadecimal, leading zeros) stay strings.
Json scalar_json(const Tree& scalar);
/// Values only, as the results carry them.
Json values_json(const Tree& tree);

/// Everything, to hand a tree to another process and back.
Json to_json(const Tree& tree);
Tree tree_from_json(const Json& json);

/// YAML text that reads back as the same values; comments name unit, mark and origin.
std::string to_yaml(const Tree& tree);

}  // namespace cesasim
