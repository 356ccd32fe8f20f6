// SPDX-License-Identifier: Apache-2.0
#include "scenario/tree_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text/nearest.h"

namespace cesasim {
namespace {

std::string number_range(const char* unit, double min, double max) {
  return fmt::format("a number in {}, {:.10g} .. {:.10g}", unit, min, max);
}

std::string count_range(const char* unit, std::uint64_t min, std::uint64_t max) {
  return fmt::format("a whole number in {}, {} .. {}", unit, min, max);
}

const char* kind_name(const Tree& tree) {
  switch (tree.kind) {
    case Tree::Kind::empty:
      return "nothing";
    case Tree::Kind::scalar:
      return "a single value";
    case Tree::Kind::list:
      return "a list";
    case Tree::Kind::map:
      return "a map";
  }
  return "";
}

std::string shown(const Tree& tree) {
  if (tree.is_scalar()) return fmt::format("'{}'", tree.text);
  if (const Tree* preset = tree.find("preset"); preset != nullptr && preset->implied) {
    return fmt::format("'{}'", preset->text);
  }
  return kind_name(tree);
}

std::optional<double> parse_number(const Tree& tree) {
  if (!tree.is_scalar() || tree.quoted) return std::nullopt;
  const char* begin = tree.text.data();
  const char* end = begin + tree.text.size();
  if (begin != end && *begin == '+') ++begin;
  double value = 0;
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

/// A whole number, or what lies beyond 64 bits or below zero and is out of any range.
struct Whole {
  std::uint64_t value = 0;
  bool outside = false;
};

/// Decimal or 0x hexadecimal; negative and huge ones parse so that they can be called out of range.
std::optional<Whole> parse_whole(const Tree& tree) {
  if (!tree.is_scalar() || tree.quoted) return std::nullopt;
  std::string_view s = tree.text;
  const bool negative = s.starts_with("-");
  if (negative) s.remove_prefix(1);
  int base = 10;
  if (s.starts_with("0x") || s.starts_with("0X")) {
    base = 16;
    s.remove_prefix(2);
  }
  Whole whole;
  const auto [stop, error] = std::from_chars(s.data(), s.data() + s.size(), whole.value, base);
  if (error == std::errc::invalid_argument || stop != s.data() + s.size()) return std::nullopt;
  whole.outside = error != std::errc() || (negative && whole.value != 0);
  return whole;
}

}  // namespace

TreeReader::TreeReader(Tree& root, const Library& library) : library_(library) {
  frames_.push_back({&root, "", "", {}, {}});
  if (!root.is_map()) {
    fail(root.at, "", fmt::format("{} where a map of settings is needed", kind_name(root)),
         "key: value");
    top().node = nullptr;
  }
}

std::string TreeReader::path(const char* name) const {
  const std::string& group = frames_.back().path;
  return group.empty() ? name : group + "." + name;
}

Tree* TreeReader::lookup(const char* name) {
  top().asked.push_back(name);
  if (top().node == nullptr) return nullptr;
  return top().node->find(name);
}

void TreeReader::fail(Position at, std::string key, std::string problem, std::string valid) {
  if (other_) return;
  other_.emplace(std::move(at), std::move(key), std::move(problem), std::move(valid));
}

void TreeReader::missing(const char* name, const std::string& valid) {
  if (top().node == nullptr) return;
  if (top().preset.empty()) {
    fail(top().node->at, path(name), "missing", valid);
  } else {
    fail(top().preset_at, path(name), fmt::format("preset '{}' gives no value", top().preset),
         valid);
  }
}

void TreeReader::check_source(const Tree& value, const std::string& key, const char* unit) {
  if (value.layer != Layer::preset) return;
  if (value.unit != unit) {
    fail(value.at, key,
         value.unit.empty() ? "no unit" : fmt::format("unit '{}' does not fit", value.unit), unit);
  } else if (value.mark.empty()) {
    fail(value.at, key, "no mark", "mark: measured, spec, derived or assumed");
  } else if (value.source.empty()) {
    fail(value.at, key, "no source", "source: where the value comes from, or why it is assumed");
  }
}

void TreeReader::number(const char* name, double& value, const char* unit, double min, double max,
                        const char*) {
  Tree* node = lookup(name);
  if (node == nullptr) return missing(name, number_range(unit, min, max));
  read_number(name, *node, value, unit, min, max);
}

void TreeReader::optional_number(const char* name, double& value, const char* unit, double min,
                                 double max, const char*) {
  Tree* node = lookup(name);
  if (node == nullptr) return store_default(name, fmt::format("{}", value));
  read_number(name, *node, value, unit, min, max);
}

void TreeReader::read_number(const char* name, Tree& node, double& value, const char* unit,
                             double min, double max) {
  const std::string valid = number_range(unit, min, max);
  const std::optional<double> parsed = parse_number(node);
  if (!parsed) {
    return fail(node.at, path(name), fmt::format("not a number: {}", shown(node)), valid);
  }
  if (*parsed < min || *parsed > max) {
    return fail(node.at, path(name), fmt::format("out of range: {}", node.text), valid);
  }
  check_source(node, path(name), unit);
  if (node.unit.empty()) node.unit = unit;
  value = *parsed;
}

template <class Int>
void TreeReader::read_count(const char* name, const Tree& node, Int& value, const char* unit,
                            Int min, Int max) {
  const std::string valid = count_range(unit, min, max);
  const std::optional<Whole> parsed = parse_whole(node);
  if (!parsed) {
    return fail(node.at, path(name), fmt::format("not a whole number: {}", shown(node)), valid);
  }
  if (parsed->outside || parsed->value < min || parsed->value > max) {
    return fail(node.at, path(name), fmt::format("out of range: {}", node.text), valid);
  }
  check_source(node, path(name), unit);
  value = static_cast<Int>(parsed->value);
}

void TreeReader::count(const char* name, std::uint32_t& value, const char* unit, std::uint32_t min,
                       std::uint32_t max, const char*) {
  Tree* node = lookup(name);
  if (node == nullptr) return missing(name, count_range(unit, min, max));
  read_count(name, *node, value, unit, min, max);
  if (node->unit.empty()) node->unit = unit;
}

template <class Int>
void TreeReader::read_optional_count(const char* name, Int& value, const char* unit, Int min,
                                     Int max) {
  Tree* node = lookup(name);
  if (node == nullptr) return store_default(name, std::to_string(value));
  read_count(name, *node, value, unit, min, max);
  if (node->unit.empty()) node->unit = unit;
}

void TreeReader::optional_count(const char* name, std::uint32_t& value, const char* unit,
                                std::uint32_t min, std::uint32_t max, const char*) {
  read_optional_count(name, value, unit, min, max);
}

void TreeReader::optional_count(const char* name, std::uint64_t& value, const char* unit,
                                std::uint64_t min, std::uint64_t max, const char*) {
  read_optional_count(name, value, unit, min, max);
}

void TreeReader::flag(const char* name, bool& value, const char*) {
  Tree* node = lookup(name);
  if (node == nullptr) return store_default(name, value ? "true" : "false");
  if (node->is_scalar() && !node->quoted && (node->text == "true" || node->text == "false")) {
    value = node->text == "true";
    return;
  }
  fail(node->at, path(name), fmt::format("neither true nor false: {}", shown(*node)),
       "true, false");
}

void TreeReader::choice(const char* name, std::string& value,
                        const std::vector<std::string>& choices, const char*) {
  Tree* node = lookup(name);
  const std::string valid = join_names(choices);
  if (node == nullptr) {
    if (value.empty()) return missing(name, valid);
    return store_default(name, value);
  }
  if (!node->is_scalar()) {
    return fail(node->at, path(name), fmt::format("not a name: {}", shown(*node)), valid);
  }
  if (std::find(choices.begin(), choices.end(), node->text) == choices.end()) {
    return fail(node->at, path(name),
                fmt::format("unknown: '{}'{}", node->text, did_you_mean(node->text, choices)),
                valid);
  }
  value = node->text;
}

void TreeReader::text(const char* name, std::string& value, const char* valid, const char*) {
  Tree* node = lookup(name);
  if (node == nullptr) {
    if (value.empty()) return missing(name, valid);
    return store_default(name, value, true);
  }
  if (!node->is_scalar() || node->text.empty()) {
    return fail(node->at, path(name), fmt::format("not a text: {}", shown(*node)), valid);
  }
  value = node->text;
}

void TreeReader::store_default(const char* name, std::string text, bool quoted) {
  if (top().node == nullptr) return;
  top().node->members.emplace_back(
      name, Tree::scalar(std::move(text), top().node->at, Layer::standard, quoted));
}

void TreeReader::begin_group(const char* name, const char*) {
  Tree* node = lookup(name);
  Frame frame{node, path(name), top().preset, top().preset_at, {}};
  if (node == nullptr && top().node != nullptr) {
    // An absent group is an empty one: its fields have defaults or are named as missing.
    Tree empty;
    empty.kind = Tree::Kind::map;
    empty.at = top().node->at;
    top().node->members.emplace_back(name, std::move(empty));
    frame.node = &top().node->members.back().second;
  } else if (node != nullptr) {
    const Tree* preset = node->find("preset");
    if (!node->is_map() || (preset != nullptr && preset->implied)) {
      fail(preset != nullptr ? preset->at : node->at, path(name),
           fmt::format("{} where a map of settings is needed", shown(*node)), "key: value");
      frame.node = nullptr;
    }
  }
  frames_.push_back(std::move(frame));
}

void TreeReader::begin_reference(const char* name, const char* kind, std::string& preset,
                                 const char*) {
  Tree* node = lookup(name);
  Frame frame{nullptr, path(name), "", {}, {"preset"}};
  if (top().node == nullptr) {
    frames_.push_back(std::move(frame));
    return;
  }
  if (node == nullptr) {
    if (preset.empty()) {
      missing(name, library_.preset_choices(kind));
      frames_.push_back(std::move(frame));
      return;
    }
    top().node->members.emplace_back(name, Tree::scalar(preset, top().node->at, Layer::standard));
    node = &top().node->members.back().second;
  }
  if (node->is_scalar()) {
    Tree map;
    map.kind = Tree::Kind::map;
    map.at = node->at;
    map.layer = node->layer;
    map.members.emplace_back("preset", *node);
    *node = std::move(map);
  }
  if (node->is_map() && node->find("preset") == nullptr && !preset.empty()) {
    node->members.emplace_back("preset", Tree::scalar(preset, node->at, Layer::standard));
  }
  const Tree* chosen = node->find("preset");
  if (chosen == nullptr) {
    fail(node->at, path(name) + ".preset",
         node->is_map() ? "missing: these settings override a preset, which one?"
                        : fmt::format("{} where a preset is needed", kind_name(*node)),
         library_.preset_choices(kind));
    frames_.push_back(std::move(frame));
    return;
  }
  if (!node->expanded) {
    try {
      Tree values = library_.load_preset(kind, *chosen, path(name));
      const Position at = values.at;
      Tree overrides = *node;
      Tree head = *chosen;
      head.implied = false;
      std::erase_if(overrides.members, [](const auto& m) { return m.first == "preset"; });
      if (values.find("preset") != nullptr) {
        throw ConfigError(values.find("preset")->at, path(name) + ".preset",
                          "a preset cannot build on another preset");
      }
      merge(values, overrides);
      values.members.emplace(values.members.begin(), "preset", std::move(head));
      values.expanded = true;
      values.at = at;
      *node = std::move(values);
    } catch (const ConfigError& error) {
      if (!other_) other_ = error;
      frames_.push_back(std::move(frame));
      return;
    }
  }
  preset = node->find("preset")->text;
  frame.node = node;
  frame.preset = preset;
  frame.preset_at = node->at;
  frames_.push_back(std::move(frame));
}

std::vector<std::string> TreeReader::member_groups() {
  std::vector<std::string> out;
  if (top().node == nullptr) return out;
  for (const auto& [key, member] : top().node->members) {
    if (key != "preset") out.push_back(key);
  }
  return out;
}

void TreeReader::end_group() {
  check_unknown(top());
  frames_.pop_back();
}

void TreeReader::check_unknown(const Frame& frame) {
  if (frame.node == nullptr || unknown_key_) return;
  for (const auto& [key, member] : frame.node->members) {
    if (std::find(frame.asked.begin(), frame.asked.end(), key) != frame.asked.end()) continue;
    const std::string guess = nearest(key, frame.asked);
    unknown_key_.emplace(
        member.at, frame.path.empty() ? key : frame.path + "." + key,
        guess.empty() ? "unknown key" : fmt::format("unknown key, did you mean '{}'?", guess),
        join_names(frame.asked));
    return;
  }
}

void TreeReader::finish() {
  check_unknown(top());
  if (unknown_key_) throw *unknown_key_;
  if (other_) throw *other_;
}

}  // namespace cesasim
