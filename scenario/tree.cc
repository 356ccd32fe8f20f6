// SPDX-License-Identifier: Apache-2.0
#include "scenario/tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

namespace cesasim {
namespace {

constexpr int kMaxDepth = 64;         // an alias that contains itself would never end
constexpr int kMaxNodes = 1'000'000;  // nor, in practice, would aliases of aliases of aliases

/// Refuses a file with more than one document.
class OneDocument : public YAML::EventHandler {
 public:
  explicit OneDocument(const std::string& name) : name_(name) {}
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (std::exchange(seen_, true)) {
      throw ConfigError({name_, mark.line + 1}, "", "a second YAML document",
                        "one document per file");
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  const std::string& name_;
  bool seen_ = false;
};

std::string message(const Position& at, const std::string& key, const std::string& problem,
                    const std::string& valid) {
  std::string out;
  const std::string where = at.str();
  if (!where.empty()) out += where + ": ";
  if (!key.empty()) out += key + ": ";
  out += problem;
  if (!valid.empty()) out += "; valid: " + valid;
  return out;
}

class Converter {
 public:
  Converter(std::string name, Layer layer) : name_(std::move(name)), layer_(layer) {}

  Tree convert(const YAML::Node& node, const std::string& path, int depth) {
    Tree out;
    out.at = position(node.Mark());
    out.layer = layer_;
    if (depth > kMaxDepth || ++nodes_ > kMaxNodes) {
      throw ConfigError(out.at, path, "nested too deeply, or an alias that contains itself");
    }
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        out.kind = Tree::Kind::scalar;
        out.text = node.Scalar();
        out.quoted = node.Tag() == "!";
        break;
      case YAML::NodeType::Sequence:
        out.kind = Tree::Kind::list;
        for (std::size_t i = 0; i < node.size(); ++i) {
          out.items.push_back(convert(node[i], fmt::format("{}[{}]", path, i), depth + 1));
        }
        break;
      case YAML::NodeType::Map:
        out.kind = Tree::Kind::map;
        for (const auto& entry : node) {
          const Position at = position(entry.first.Mark());
          if (!entry.first.IsScalar()) {
            throw ConfigError(at, path, "a key must be a plain name");
          }
          const std::string key = entry.first.Scalar();
          const std::string full = path.empty() ? key : path + "." + key;
          if (const Tree* twice = out.find(key)) {
            throw ConfigError(at, full,
                              fmt::format("given twice (first in line {})", twice->at.line));
          }
          Tree member = convert(entry.second, full, depth + 1);
          member.at = at;
          out.members.emplace_back(key, std::move(member));
        }
        break;
      case YAML::NodeType::Null:
      case YAML::NodeType::Undefined:
        break;
    }
    return out;
  }

 private:
  Position position(const YAML::Mark& mark) const {
    return {name_, mark.is_null() ? 1 : mark.line + 1};
  }

  std::string name_;
  Layer layer_;
  int nodes_ = 0;
};

/// A map that refers to a preset, from the bare name of one.
Tree reference_map(const Tree& name) {
  Tree map;
  map.kind = Tree::Kind::map;
  map.at = name.at;
  map.layer = name.layer;
  Tree preset = name;
  preset.implied = true;
  map.members.emplace_back("preset", std::move(preset));
  return map;
}

bool is_plain_number(const std::string& s) {
  std::size_t i = s.size() > 1 && s[0] == '-' ? 1 : 0;
  if (i >= s.size() || !std::isdigit(static_cast<unsigned char>(s[i]))) return false;
  if (s[i] == '0' && i + 1 < s.size() && s[i + 1] != '.') return false;
  double value = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (error != std::errc() || end != s.data() + s.size() || !std::isfinite(value)) return false;
  std::size_t digits = 0;
  for (char c : s) {
    if (c == 'e' || c == 'E') break;
    if (std::isdigit(static_cast<unsigned char>(c))) ++digits;
  }
  return digits <= 15;
}

/// Unit, mark and origin of a value.
std::string comment(const Tree& tree) {
  std::string out;
  if (!tree.unit.empty()) out += tree.unit;
  auto add = [&out](const std::string& part) {
    if (part.empty()) return;
    if (!out.empty()) out += "; ";
    out += part;
  };
  add(tree.mark);
  if (tree.layer == Layer::standard) {
    add("default");
  } else {
    add(tree.at.str());
  }
  for (char& c : out) {
    if (c == '\n') c = ' ';
  }
  return out;
}

void emit(YAML::Emitter& out, const Tree& tree) {
  switch (tree.kind) {
    case Tree::Kind::empty:
      out << YAML::Null;
      break;
    case Tree::Kind::scalar:
      // What was written in quotes stays a text; else the emitter quotes where it must.
      if (tree.quoted) out << YAML::DoubleQuoted;
      out << tree.text;
      break;
    case Tree::Kind::list:
      out << YAML::BeginSeq;
      for (const Tree& item : tree.items) emit(out, item);
      out << YAML::EndSeq;
      return;
    case Tree::Kind::map:
      out << YAML::BeginMap;
      for (const auto& [key, member] : tree.members) {
        out << YAML::Key << key << YAML::Value;
        emit(out, member);
      }
      out << YAML::EndMap;
      return;
  }
  if (const std::string text = comment(tree); !text.empty()) out << YAML::Comment(text);
}

}  // namespace

std::string Position::str() const {
  if (file.empty()) return "";
  return line > 0 ? file + ":" + std::to_string(line) : file;
}

ConfigError::ConfigError(Position at, std::string key, std::string problem, std::string valid)
    : std::runtime_error(message(at, key, problem, valid)),
      at_(std::move(at)),
      key_(std::move(key)),
      problem_(std::move(problem)),
      valid_(std::move(valid)) {}

Tree::Tree() = default;
Tree::Tree(const Tree& other) = default;
Tree::Tree(Tree&& other) noexcept = default;
Tree& Tree::operator=(const Tree& other) = default;
Tree& Tree::operator=(Tree&& other) noexcept = default;
Tree::~Tree() = default;

Tree Tree::scalar(std::string text, Position at, Layer layer, bool quoted) {
  Tree out;
  out.kind = Kind::scalar;
  out.text = std::move(text);
  out.at = std::move(at);
  out.layer = layer;
  out.quoted = quoted;
  return out;
}

const Tree* Tree::find(std::string_view key) const {
  for (const auto& [name, member] : members) {
    if (name == key) return &member;
  }
  return nullptr;
}

Tree* Tree::find(std::string_view key) {
  return const_cast<Tree*>(static_cast<const Tree*>(this)->find(key));
}

const Tree* Tree::find_path(std::string_view path) const {
  const Tree* node = this;
  while (node != nullptr && !path.empty()) {
    const std::size_t dot = path.find('.');
    node = node->find(path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return node;
}

std::vector<std::string> Tree::keys() const {
  std::vector<std::string> out;
  for (const auto& [name, member] : members) out.push_back(name);
  return out;
}

Tree parse_yaml(const std::string& text, const std::string& name, Layer layer) {
  YAML::Node document;
  bool empty = true;
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    OneDocument counter(name);
    // Not YAML::LoadAll: it makes documents of nothing without end out of some wrong files (",a").
    while (parser.HandleNextDocument(counter)) empty = false;
    if (!empty) document = YAML::Load(text);
  } catch (const YAML::Exception& e) {
    const int line = e.mark.is_null() ? 1 : e.mark.line + 1;
    throw ConfigError({name, line}, "",
                      fmt::format("not valid YAML: {} (column {})", e.msg,
                                  e.mark.is_null() ? 1 : e.mark.column + 1));
  }
  if (empty) {
    Tree out;
    out.at = {name, 1};
    out.layer = layer;
    return out;
  }
  return Converter(name, layer).convert(document, "", 0);
}

Tree load_yaml(const std::string& path, const std::string& shown_name, Layer layer) {
  std::ifstream in(path, std::ios::binary);
  std::string text;
  char buffer[65536];
  // A folder opens like a file and fails on the first read.
  while (in.read(buffer, sizeof(buffer)) || in.gcount() > 0) {
    text.append(buffer, static_cast<std::size_t>(in.gcount()));
  }
  if (!in.is_open() || in.bad()) {
    throw ConfigError({shown_name, 0}, "", "cannot be read as a file");
  }
  return parse_yaml(text, shown_name, layer);
}

void merge(Tree& base, const Tree& over) {
  if (over.is_map()) {
    if (base.is_scalar()) {
      base = reference_map(base);
      base.at = over.at;
    }
    if (!base.is_map()) {
      base = over;
      return;
    }
    for (const auto& [key, value] : over.members) {
      if (Tree* member = base.find(key)) {
        merge(*member, value);
      } else {
        base.members.emplace_back(key, value);
      }
    }
    return;
  }
  if (over.is_scalar() && base.is_map()) {
    Tree name = over;
    name.implied = true;
    if (Tree* preset = base.find("preset")) {
      *preset = std::move(name);
    } else {
      base.members.emplace(base.members.begin(), "preset", std::move(name));
    }
    base.expanded = false;
    return;
  }
  const std::string unit = base.unit;
  const bool implied = base.implied;
  base = over;
  base.implied = base.implied || implied;
  if (base.unit.empty()) base.unit = unit;
}

void set_path(Tree& root, std::string_view path, const Tree& value) {
  Tree layer = value;
  // Wrap the value in maps from the innermost key outwards, then merge the lot.
  std::string_view rest = path;
  for (;;) {
    const std::size_t dot = rest.rfind('.');
    const std::string_view key = dot == std::string_view::npos ? rest : rest.substr(dot + 1);
    if (key.empty()) {
      throw ConfigError(value.at, std::string(path), "an empty name in the key", "name.name...");
    }
    Tree map;
    map.kind = Tree::Kind::map;
    map.at = value.at;
    map.layer = value.layer;
    map.members.emplace_back(std::string(key), std::move(layer));
    layer = std::move(map);
    if (dot == std::string_view::npos) break;
    rest = rest.substr(0, dot);
  }
  merge(root, layer);
}

void expand_dotted(Tree& tree, const std::string& path) {
  if (!tree.is_map()) return;
  std::vector<std::pair<std::string, Tree>> dotted;
  std::vector<std::pair<std::string, Tree>> plain;
  for (auto& entry : tree.members) {
    const bool has_dot = entry.first.find('.') != std::string::npos;
    expand_dotted(entry.second, path.empty() ? entry.first : path + "." + entry.first);
    (has_dot ? dotted : plain).push_back(std::move(entry));
  }
  tree.members = std::move(plain);
  for (const auto& [key, value] : dotted) {
    const Tree* there = tree.find_path(key);
    if (there != nullptr && there->is_scalar() == value.is_scalar()) {
      throw ConfigError(value.at, path.empty() ? key : path + "." + key,
                        fmt::format("given twice (first in line {})", there->at.line));
    }
    set_path(tree, key, value);
  }
}

Json scalar_json(const Tree& tree) {
  if (tree.kind == Tree::Kind::empty) return nullptr;
  if (tree.quoted) return tree.text;
  if (tree.text == "true") return true;
  if (tree.text == "false") return false;
  if (is_plain_number(tree.text)) {
    if (tree.text.find_first_of(".eE") == std::string::npos) return std::stoll(tree.text);
    return std::strtod(tree.text.c_str(), nullptr);
  }
  return tree.text;
}

Json values_json(const Tree& tree) {
  switch (tree.kind) {
    case Tree::Kind::empty:
    case Tree::Kind::scalar:
      return scalar_json(tree);
    case Tree::Kind::list: {
      Json out = Json::array();
      for (const Tree& item : tree.items) out.push_back(values_json(item));
      return out;
    }
    case Tree::Kind::map:
      break;
  }
  Json out = Json::object();
  for (const auto& [key, member] : tree.members) out[key] = values_json(member);
  return out;
}

Json to_json(const Tree& tree) {
  Json out = Json::object();
  out["kind"] = static_cast<int>(tree.kind);
  out["file"] = tree.at.file;
  out["line"] = tree.at.line;
  out["layer"] = static_cast<int>(tree.layer);
  if (tree.kind == Tree::Kind::scalar) out["text"] = tree.text;
  if (tree.quoted) out["quoted"] = true;
  if (tree.expanded) out["expanded"] = true;
  if (tree.implied) out["implied"] = true;
  if (!tree.unit.empty()) out["unit"] = tree.unit;
  if (!tree.mark.empty()) out["mark"] = tree.mark;
  if (!tree.source.empty()) out["source"] = tree.source;
  if (!tree.items.empty()) {
    Json& items = out["items"] = Json::array();
    for (const Tree& item : tree.items) items.push_back(to_json(item));
  }
  if (!tree.members.empty()) {
    Json& members = out["members"] = Json::object();
    for (const auto& [key, member] : tree.members) members[key] = to_json(member);
  }
  return out;
}

Tree tree_from_json(const Json& json) {
  Tree out;
  out.kind = static_cast<Tree::Kind>(json.at("kind").get<int>());
  out.at = {json.at("file").get<std::string>(), json.at("line").get<int>()};
  out.layer = static_cast<Layer>(json.at("layer").get<int>());
  out.text = json.value("text", "");
  out.quoted = json.value("quoted", false);
  out.expanded = json.value("expanded", false);
  out.implied = json.value("implied", false);
  out.unit = json.value("unit", "");
  out.mark = json.value("mark", "");
  out.source = json.value("source", "");
  if (json.contains("items")) {
    for (const Json& item : json["items"]) out.items.push_back(tree_from_json(item));
  }
  if (json.contains("members")) {
    for (const auto& [key, member] : json["members"].items()) {
      out.members.emplace_back(key, tree_from_json(member));
    }
  }
  return out;
}

std::string to_yaml(const Tree& tree) {
  YAML::Emitter out;
  out.SetNullFormat(YAML::LowerNull);
  emit(out, tree);
  return std::string(out.c_str(), out.size()) + "\n";
}

}  // namespace cesasim
