// SPDX-License-Identifier: Apache-2.0
#include "scenario/library.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "base/text/nearest.h"

namespace fs = std::filesystem;

namespace cesasim {
namespace {

const std::vector<std::string> kKinds = {"soc",    "cesa",    "ring", "disk", "costs",
                                         "kernel", "drivers", "user", "api",  "application"};
const std::vector<std::string> kMarks = {"measured", "spec", "derived", "assumed"};

bool is_path(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".yml");
}

void check_keys(const Tree& map, const std::string& path, const std::vector<std::string>& valid) {
  for (const auto& [key, member] : map.members) {
    if (std::find(valid.begin(), valid.end(), key) != valid.end()) continue;
    const std::string guess = nearest(key, valid);
    throw ConfigError(
        member.at, path.empty() ? key : path + "." + key,
        guess.empty() ? "unknown key" : fmt::format("unknown key, did you mean '{}'?", guess),
        join_names(valid));
  }
}

std::string text_of(const Tree& map, const char* key, const std::string& path, bool required) {
  const Tree* member = map.find(key);
  if (member == nullptr) {
    if (required) throw ConfigError(map.at, path + "." + key, "missing", "a text");
    return "";
  }
  if (!member->is_scalar() || (required && member->text.empty())) {
    throw ConfigError(member->at, path + "." + key, "not a text", "a text");
  }
  return member->text;
}

/// `bounds: [LOW, HIGH]`, with the value between them.
std::pair<double, double> read_bounds(const Tree& node, const Tree& value,
                                      const std::string& path) {
  const char* valid = "[LOW, HIGH], two numbers with the value between them";
  const auto number = [](const Tree& tree) -> std::optional<double> {
    const Json json = tree.is_scalar() ? scalar_json(tree) : Json();
    return json.is_number() ? std::optional(json.get<double>()) : std::nullopt;
  };
  if (node.kind != Tree::Kind::list || node.items.size() != 2) {
    throw ConfigError(node.at, path, "not a pair", valid);
  }
  const std::optional<double> low = number(node.items[0]), high = number(node.items[1]);
  const std::optional<double> middle = number(value);
  if (!low || !high || !middle) throw ConfigError(node.at, path, "not numbers", valid);
  if (*low > *middle || *middle > *high) {
    throw ConfigError(node.at, path, fmt::format("{} is not between them", value.text), valid);
  }
  return {*low, *high};
}

/// Turns `{value: V, unit: U, mark: M, source: S, bounds: [LOW, HIGH]}` into a scalar that carries
/// the rest.
Tree collapse(const Tree& tree, const std::string& path) {
  if (tree.kind == Tree::Kind::list) {
    throw ConfigError(tree.at, path, "a list in a preset", "{value, unit, mark, source} or a map");
  }
  if (!tree.is_map()) return tree;
  const Tree* value = tree.find("value");
  if (value == nullptr) {
    Tree out = tree;
    for (auto& [key, member] : out.members) {
      member = collapse(member, path.empty() ? key : path + "." + key);
    }
    return out;
  }
  check_keys(tree, path, {"value", "unit", "mark", "source", "bounds"});
  if (!value->is_scalar()) {
    throw ConfigError(value->at, path + ".value", "not a single value", "a number or a name");
  }
  Tree out = *value;
  out.at = tree.at;
  out.unit = text_of(tree, "unit", path, false);
  out.mark = text_of(tree, "mark", path, false);
  out.source = text_of(tree, "source", path, false);
  if (const Tree* bounds = tree.find("bounds")) {
    out.bounds = read_bounds(*bounds, *value, path + ".bounds");
  }
  if (!out.mark.empty() && std::find(kMarks.begin(), kMarks.end(), out.mark) == kMarks.end()) {
    throw ConfigError(tree.find("mark")->at, path + ".mark",
                      fmt::format("unknown mark '{}'", out.mark), join_names(kMarks));
  }
  return out;
}

/// Reads a preset file and checks its head.
Tree read_preset(const fs::path& file, const std::string& kind, bool shipped) {
  const Tree tree = load_yaml(file.string(), shown_path(file), Layer::preset);
  if (!tree.is_map()) {
    throw ConfigError(tree.at, "", "not a preset file", "a map with 'preset' and 'values'");
  }
  check_keys(tree, "", {"preset", "values"});
  const Tree* head = tree.find("preset");
  if (head == nullptr || !head->is_map()) {
    throw ConfigError(head ? head->at : tree.at, "preset", "missing or not a map",
                      "{kind, name, doc}");
  }
  check_keys(*head, "preset", {"kind", "name", "doc"});
  const std::string found = text_of(*head, "kind", "preset", true);
  if (found != kind) {
    throw ConfigError(head->find("kind")->at, "preset.kind",
                      fmt::format("'{}' where a preset of kind '{}' is needed", found, kind), kind);
  }
  const std::string name = text_of(*head, "name", "preset", true);
  if (shipped && name != file.stem().string()) {
    throw ConfigError(head->find("name")->at, "preset.name",
                      fmt::format("'{}' differs from the file's name", name), file.stem().string());
  }
  text_of(*head, "doc", "preset", true);
  const Tree* values = tree.find("values");
  if (values == nullptr || !values->is_map()) {
    throw ConfigError(values ? values->at : tree.at, "values", "missing or not a map",
                      "a map of values");
  }
  return collapse(*values, "");
}

bool has_presets(const fs::path& folder) {
  std::error_code error;
  return fs::is_directory(folder / "studies" / "presets", error);
}

fs::path search_up(fs::path folder) {
  for (; !folder.empty(); folder = folder.parent_path()) {
    if (has_presets(folder)) return folder;
    if (folder == folder.root_path()) break;
  }
  return {};
}

std::vector<fs::path> yaml_files(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".yaml") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// The doc line of a file for the listings; a file that does not parse is listed as such.
std::string doc_line(const fs::path& file, const char* path) {
  try {
    const Tree tree = load_yaml(file.string(), shown_path(file), Layer::scenario);
    const Tree* doc = tree.find_path(path);
    std::string text = doc == nullptr ? "" : doc->text;
    text = text.substr(0, text.find('\n'));
    return text;
  } catch (const ConfigError& error) {
    return fmt::format("({})", error.what());
  }
}

}  // namespace

Library Library::locate() {
  if (const char* home = std::getenv("CESASIM_HOME"); home != nullptr && *home != '\0') {
    if (!has_presets(home)) {
      throw ConfigError({}, "CESASIM_HOME", fmt::format("no studies/presets in '{}'", home));
    }
    return Library(home);
  }
  std::error_code error;
  fs::path found = search_up(fs::current_path(error));
  if (found.empty()) found = search_up(fs::read_symlink("/proc/self/exe", error));
  if (found.empty()) {
    throw ConfigError({}, "", "the folder studies/presets is nowhere above the current directory",
                      "set CESASIM_HOME to the folder that holds it");
  }
  return Library(found);
}

std::string shown_path(const fs::path& path) {
  std::error_code error;
  const fs::path here = fs::current_path(error);
  const fs::path full = fs::absolute(path, error).lexically_normal();
  const fs::path relative = full.lexically_relative(here);
  if (relative.empty() || *relative.begin() == "..") return full.string();
  return relative.string();
}

std::vector<std::string> Library::preset_names(const std::string& kind) const {
  std::vector<std::string> names;
  for (const fs::path& file : yaml_files(home_ / "studies" / "presets" / kind)) {
    names.push_back(file.stem().string());
  }
  return names;
}

std::string Library::preset_choices(const std::string& kind) const {
  const std::string names = join_names(preset_names(kind));
  return names.empty() ? "the path of a preset file" : names + ", or the path of a preset file";
}

Tree Library::load_preset(const std::string& kind, const Tree& name, const std::string& key) const {
  if (!name.is_scalar() || name.text.empty()) {
    throw ConfigError(name.at, key, "not a preset's name", preset_choices(kind));
  }
  auto cached = [this, &kind](const fs::path& file, bool shipped) {
    const auto id = std::make_pair(kind, file.string());
    auto found = cache_.find(id);
    if (found == cache_.end()) {
      found = cache_.emplace(id, read_preset(file, kind, shipped)).first;
    }
    return found->second;
  };
  if (is_path(name.text)) return cached(find_file(name, key), false);
  const fs::path file = home_ / "studies" / "presets" / kind / (name.text + ".yaml");
  std::error_code error;
  if (!fs::exists(file, error)) {
    const std::vector<std::string> names = preset_names(kind);
    throw ConfigError(
        name.at, key,
        fmt::format("no {} preset '{}'{}", kind, name.text, did_you_mean(name.text, names)),
        preset_choices(kind));
  }
  return cached(file, true);
}

std::vector<Listed> Library::presets() const {
  std::vector<Listed> out;
  for (const std::string& kind : kKinds) {
    for (const fs::path& file : yaml_files(home_ / "studies" / "presets" / kind)) {
      out.push_back({kind, file.stem().string(), doc_line(file, "preset.doc"), file});
    }
  }
  return out;
}

std::vector<Listed> Library::studies() const {
  std::vector<Listed> out;
  for (const fs::path& file : yaml_files(home_ / "studies")) {
    out.push_back({"study", file.stem().string(), doc_line(file, "doc"), file});
  }
  return out;
}

fs::path Library::find_study(const std::string& name) const {
  if (is_path(name)) {
    return find_file(Tree::scalar(name, {}, Layer::command_line), "");
  }
  const fs::path file = home_ / "studies" / (name + ".yaml");
  std::error_code error;
  if (!fs::exists(file, error)) {
    std::vector<std::string> names;
    for (const Listed& study : studies()) names.push_back(study.name);
    throw ConfigError({}, "", fmt::format("no study '{}'{}", name, did_you_mean(name, names)),
                      join_names(names) + ", or the path of a study file");
  }
  return file;
}

fs::path Library::find_file(const Tree& name, const std::string& key) const {
  std::vector<fs::path> tried;
  const fs::path path = name.text;
  if (path.is_absolute()) {
    tried.push_back(path);
  } else {
    std::error_code error;
    tried.push_back(fs::current_path(error) / path);
    if (name.at.line > 0 && !name.at.file.empty()) {
      tried.push_back(fs::absolute(name.at.file, error).parent_path() / path);
    }
    tried.push_back(home_ / path);
  }
  std::vector<std::string> shown;
  for (const fs::path& candidate : tried) {
    std::error_code error;
    if (!fs::exists(candidate, error)) {
      const std::string text = candidate.lexically_normal().string();
      if (std::find(shown.begin(), shown.end(), text) == shown.end()) shown.push_back(text);
      continue;
    }
    if (fs::is_directory(candidate, error)) {
      throw ConfigError(name.at, key, fmt::format("'{}' is a folder", name.text), "a file");
    }
    if (!std::ifstream(candidate)) {
      throw ConfigError(name.at, key, fmt::format("'{}' cannot be read", candidate.string()),
                        "a readable file");
    }
    return candidate.lexically_normal();
  }
  throw ConfigError(name.at, key, fmt::format("no file '{}'", name.text),
                    "an existing file (looked for " + join_names(shown) + ")");
}

}  // namespace cesasim
