// SPDX-License-Identifier: Apache-2.0
#include "study/matrix/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text/nearest.h"
#include "dmcrypt_model/path_info.h"
#include "machine/result/metrics.h"

namespace cesasim::study {
namespace {

constexpr std::size_t kMaxPoints = 10'000;

[[noreturn]] void unknown(const Tree& member, const std::string& key, const std::string& what,
                          const std::string& name, const std::vector<std::string>& valid) {
  const std::string guess = nearest(name, valid);
  throw ConfigError(member.at, key,
                    guess.empty() ? what : fmt::format("{}, did you mean '{}'?", what, guess),
                    valid.empty() ? "none" : join_names(valid));
}

void check_keys(const Tree& map, const std::string& path, const std::vector<std::string>& valid) {
  for (const auto& [key, member] : map.members) {
    if (std::find(valid.begin(), valid.end(), key) != valid.end()) continue;
    unknown(member, path.empty() ? key : path + "." + key, "unknown key", key, valid);
  }
}

const Tree& need_map(const Tree& node, const std::string& key, const char* valid) {
  if (!node.is_map()) throw ConfigError(node.at, key, "not a map", valid);
  return node;
}

const Tree& need_list(const Tree& node, const std::string& key, const char* valid) {
  if (node.kind != Tree::Kind::list) throw ConfigError(node.at, key, "not a list", valid);
  return node;
}

std::string need_text(const Tree& map, const char* key, const std::string& path,
                      const char* valid) {
  const Tree* node = map.find(key);
  const std::string full = path.empty() ? key : path + "." + key;
  if (node == nullptr) throw ConfigError(map.at, full, "missing", valid);
  if (!node->is_scalar() || node->text.empty()) {
    throw ConfigError(node->at, full, "not a text", valid);
  }
  return node->text;
}

std::vector<std::string> axis_names(const Study& study) {
  std::vector<std::string> out;
  for (const Axis& axis : study.axes) out.push_back(axis.path);
  return out;
}

/// Reads {axis: value, ...} and checks both against the axes.
Selector read_selector(const Tree& node, const std::string& key, const Study& study) {
  need_map(node, key, "a map of axes and values");
  Selector out;
  out.at = node.at;
  for (const auto& [path, value] : node.members) {
    const auto axis = std::find_if(study.axes.begin(), study.axes.end(),
                                   [&path = path](const Axis& a) { return a.path == path; });
    if (axis == study.axes.end()) {
      unknown(value, key + "." + path, "not an axis of this study", path, axis_names(study));
    }
    if (!value.is_scalar()) {
      throw ConfigError(value.at, key + "." + path, "not a single value", "one value of the axis");
    }
    const Json wanted = scalar_json(value);
    std::vector<std::string> values;
    bool found = false;
    for (const Tree& candidate : axis->values) {
      found = found || same_value(scalar_json(candidate), wanted);
      values.push_back(candidate.text);
    }
    if (!found) {
      unknown(value, key + "." + path, fmt::format("the axis has no value '{}'", value.text),
              value.text, values);
    }
    out.values.emplace_back(path, value);
  }
  return out;
}

std::optional<double> read_bound(const Tree& map, const char* key, const std::string& path) {
  const Tree* node = map.find(key);
  if (node == nullptr) return std::nullopt;
  const Json value = node->is_scalar() ? scalar_json(*node) : Json();
  if (!value.is_number()) {
    throw ConfigError(node->at, path + "." + key, "not a number", "a number");
  }
  return value.get<double>();
}

double need_number(const Tree& map, const char* key, const std::string& path, double min,
                   double max) {
  const std::string valid = fmt::format("a number from {:g} to {:g}", min, max);
  const std::optional<double> value = read_bound(map, key, path);
  if (!value) throw ConfigError(map.at, path + "." + key, "missing", valid);
  if (!(*value >= min && *value <= max)) {
    throw ConfigError(map.find(key)->at, path + "." + key, "out of range", valid);
  }
  return *value;
}

Published read_published(const Tree& node, const std::string& path) {
  need_map(node, path, "{value, within, basis, source, note, tolerated}");
  check_keys(node, path, {"value", "within", "basis", "source", "note", "tolerated"});
  Published out;
  out.value = need_number(node, "value", path, 1e-12, 1e15);
  out.within = need_number(node, "within", path, 0, 1000);
  const std::string basis = need_text(node, "basis", path, "fitted or predicted");
  if (basis != "fitted" && basis != "predicted") {
    unknown(*node.find("basis"), path + ".basis", fmt::format("unknown: '{}'", basis), basis,
            {"fitted", "predicted"});
  }
  out.fitted = basis == "fitted";
  out.source = need_text(node, "source", path, "where it was published");
  if (node.find("note") != nullptr) out.note = need_text(node, "note", path, "a text");
  if (out.within > out.aim()) {
    throw ConfigError(
        node.find("within")->at, path + ".within",
        fmt::format("{:g} % is above the aim of {} rows, {:g} %", out.within, basis, out.aim()),
        fmt::format("{:g} or less, and a wider bound as tolerated: {{within, reason}}", out.aim()));
  }
  if (const Tree* tolerated = node.find("tolerated")) {
    const std::string key = path + ".tolerated";
    need_map(*tolerated, key, "{within, reason}");
    check_keys(*tolerated, key, {"within", "reason"});
    out.tolerated = need_number(*tolerated, "within", key, out.within, 1000);
    out.reason = need_text(*tolerated, "reason", key, "why the row misses its aim, in words");
  }
  return out;
}

FitParameter read_fit(const Tree& node, const std::string& path) {
  need_map(node, path, "{key, preset, min, max}");
  check_keys(node, path, {"key", "preset", "min", "max"});
  FitParameter out;
  out.at = node.at;
  out.key = need_text(node, "key", path, "a key of the scenario (see `list parameters`)");
  out.preset = need_text(node, "preset", path, "the preset that holds the value");
  out.min = need_number(node, "min", path, 1e-9, 1e15);
  out.max = need_number(node, "max", path, out.min, 1e15);
  return out;
}

Expectation read_expectation(const Tree& node, const std::string& path, const Study& study) {
  need_map(node, path, "{name, where, metric, phase, relative_to, min, max}");
  check_keys(node, path,
             {"name", "where", "metric", "phase", "relative_to", "min", "max", "published"});
  Expectation out;
  out.at = node.at;
  out.name = need_text(node, "name", path, "what is expected, in words");
  if (const Tree* where = node.find("where")) {
    out.where = read_selector(*where, path + ".where", study);
  } else {
    out.where.at = node.at;
  }
  out.metric = need_text(node, "metric", path, "a metric's name");
  if (find_metric(out.metric) == nullptr) {
    unknown(*node.find("metric"), path + ".metric", fmt::format("unknown metric '{}'", out.metric),
            out.metric, metric_names());
  }
  if (node.find("phase") != nullptr) out.phase = need_text(node, "phase", path, "a phase's name");
  if (const Tree* relative = node.find("relative_to")) {
    const std::string key = path + ".relative_to";
    if (relative->is_map()) {
      out.relative_to = read_selector(*relative, key, study);
      Json values = Json::object();
      for (const auto& [axis, value] : out.relative_to->values) values[axis] = scalar_json(value);
      out.relative_label = point_label(values);
    } else if (!relative->is_scalar() || relative->text != "baseline") {
      throw ConfigError(relative->at, key, "unknown", "baseline, or {axis: value}");
    } else if (!study.baseline) {
      throw ConfigError(relative->at, key, "the study names no baseline",
                        "a key 'baseline' at the top of the study");
    } else {
      out.relative_to = study.baseline;
      out.relative_label = "the baseline";
    }
  }
  out.min = read_bound(node, "min", path);
  out.max = read_bound(node, "max", path);
  if (const Tree* published = node.find("published")) {
    if (out.min || out.max) {
      throw ConfigError(published->at, path + ".published", "given beside min or max",
                        "one of the two");
    }
    out.published = read_published(*published, path + ".published");
    const double margin =
        out.published->value * out.published->tolerated.value_or(out.published->within) / 100;
    out.min = out.published->value - margin;
    out.max = out.published->value + margin;
  }
  if (!out.min && !out.max) {
    throw ConfigError(node.at, path, "no bound", "min, max or both, or published");
  }
  if (out.min && out.max && *out.min > *out.max) {
    throw ConfigError(node.at, path, fmt::format("min {} above max {}", *out.min, *out.max),
                      "min <= max");
  }
  return out;
}

/// {NAME: {key: value, ...}, ...}: every name is a value of the axis.
Axis read_cases(const std::string& path, const Tree& node) {
  const std::string key = "axes." + path;
  if (path.find('.') != std::string::npos) {
    throw ConfigError(node.at, key, "a map of cases under a scenario key",
                      "a list of values, or a name without dots for an axis of cases");
  }
  if (node.members.empty()) throw ConfigError(node.at, key, "no cases", "at least one case");
  Axis axis{path, {}, node.at, {}};
  for (const auto& [name, settings] : node.members) {
    need_map(settings, key + "." + name, "a map from scenario keys to values");
    // Quoted: a case called 1 is a name too.
    axis.values.push_back(Tree::scalar(name, settings.at, Layer::axis, true));
    Axis::Settings list;
    for (const auto& [setting, tree] : settings.members) {
      if (!tree.is_scalar()) {
        throw ConfigError(tree.at, key + "." + name + "." + setting, "not a single value",
                          "key: value, the key with dots, as in soc.cores: 2");
      }
      list.emplace_back(setting, tree);
      list.back().second.layer = Layer::axis;
    }
    axis.cases.push_back(std::move(list));
  }
  return axis;
}

/// What --set leaves of an axis.
void narrow(Axis& axis, const Override& set) {
  if (axis.cases.empty()) {
    axis.values = {set.value};
    return;
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < axis.values.size(); ++i) {
    names.push_back(axis.values[i].text);
    if (names.back() != set.value.text) continue;
    axis.values = {axis.values[i]};
    axis.cases = {axis.cases[i]};
    return;
  }
  unknown(set.value, set.path, fmt::format("no case '{}'", set.value.text), set.value.text, names);
}

void read_axes(const Tree& node, Study& study) {
  need_map(node, "axes", "a map from a scenario key to the list of its values");
  for (const auto& [path, values] : node.members) {
    const std::string key = "axes." + path;
    if (values.is_map()) {
      study.axes.push_back(read_cases(path, values));
      continue;
    }
    need_list(values, key, "a list of values, or a map of named cases");
    if (values.items.empty()) {
      throw ConfigError(values.at, key, "no values", "at least one value");
    }
    Axis axis{path, {}, values.at, {}};
    for (const Tree& value : values.items) {
      if (!value.is_scalar()) {
        throw ConfigError(value.at, key, "an axis takes single values",
                          "numbers, names, true or false");
      }
      for (const Tree& earlier : axis.values) {
        if (same_value(scalar_json(earlier), scalar_json(value))) {
          throw ConfigError(value.at, key, fmt::format("'{}' stands there twice", value.text),
                            "every value once");
        }
      }
      Tree copy = value;
      copy.layer = Layer::axis;
      axis.values.push_back(std::move(copy));
    }
    study.axes.push_back(std::move(axis));
  }
}

Study study_from(const Tree& tree) {
  if (!tree.is_map()) {
    throw ConfigError(tree.at, "", "not a study", "a map with 'name' and 'scenario'");
  }
  check_keys(tree, "", {"name", "doc", "scenario", "axes", "exclude", "baseline", "expect", "fit"});
  Study study;
  study.file = tree.at.file;
  static const char* kNameRule = "letters, digits, '-', '_' and '.' (it names the output folder)";
  study.name = need_text(tree, "name", "", kNameRule);
  for (char c : study.name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_' && c != '.') {
      throw ConfigError(tree.find("name")->at, "name", fmt::format("'{}' in the name", c),
                        kNameRule);
    }
  }
  if (study.name[0] == '.') {
    throw ConfigError(tree.find("name")->at, "name", "starts with a dot", kNameRule);
  }
  if (tree.find("doc") != nullptr) study.doc = need_text(tree, "doc", "", "a text");
  const Tree* scenario = tree.find("scenario");
  if (scenario == nullptr) throw ConfigError(tree.at, "scenario", "missing", "a map of settings");
  study.scenario = need_map(*scenario, "scenario", "a map of settings");
  expand_dotted(study.scenario);
  if (const Tree* axes = tree.find("axes")) read_axes(*axes, study);
  if (const Tree* exclude = tree.find("exclude")) {
    need_list(*exclude, "exclude", "a list of {axis: value}");
    for (std::size_t i = 0; i < exclude->items.size(); ++i) {
      const std::string key = fmt::format("exclude[{}]", i);
      study.exclude.push_back(read_selector(exclude->items[i], key, study));
      if (study.exclude.back().values.empty()) {
        throw ConfigError(exclude->items[i].at, key, "names nothing, so would exclude all",
                          "{axis: value}");
      }
    }
  }
  if (const Tree* baseline = tree.find("baseline")) {
    study.baseline = read_selector(*baseline, "baseline", study);
  }
  if (const Tree* expect = tree.find("expect")) {
    need_list(*expect, "expect", "a list of expectations");
    for (std::size_t i = 0; i < expect->items.size(); ++i) {
      study.expect.push_back(
          read_expectation(expect->items[i], fmt::format("expect[{}]", i), study));
    }
  }
  if (const Tree* fit = tree.find("fit")) {
    need_list(*fit, "fit", "a list of {key, preset, min, max}");
    for (std::size_t i = 0; i < fit->items.size(); ++i) {
      study.fit.push_back(read_fit(fit->items[i], fmt::format("fit[{}]", i)));
    }
  }
  return study;
}

/// The kernel that the tree names; empty: none.
std::string named_kernel(const Tree& tree) {
  const Tree* kernel = tree.find("kernel");
  if (kernel != nullptr && kernel->is_map()) kernel = kernel->find("preset");
  return kernel != nullptr && kernel->is_scalar() ? kernel->text : "";
}

Position path_position(const Tree& tree) {
  const Tree* path = tree.find_path("dmcrypt.path");
  return path != nullptr ? path->at : tree.at;
}

std::string path_name(const Tree& tree) {
  const Tree* path = tree.find_path("dmcrypt.path");
  return path != nullptr && path->is_scalar() ? path->text : DmCryptSettings().path;
}

/// Refuses a study whose points would run on different kernels by default, and gives points of
/// path none the kernel of those that they are compared with.
void choose_kernels(const Study& study, std::vector<Point>& points) {
  const Point* first = nullptr;  // that takes a default
  for (const Point& point : points) {
    const std::optional<std::string> kernel = default_kernel(point.tree);
    if (!kernel || kernel->empty()) continue;
    if (first == nullptr) first = &point;
    const std::string before = *default_kernel(first->tree);
    if (*kernel == before) continue;
    throw ConfigError(
        path_position(point.tree), "kernel",
        fmt::format("not named, and the paths' own differ: {} for {}, {} for {}", before,
                    path_name(first->tree), *kernel, path_name(point.tree)),
        fmt::format("kernel: {} or kernel: {} under 'scenario', for all points", before, *kernel));
  }
  const auto kernel_of = [](const Point& point) {
    const std::string named = named_kernel(point.tree);
    return named.empty() ? default_kernel(point.tree).value_or("") : named;
  };
  std::vector<std::string> kernels;  // of points that have one
  for (const Point& point : points) {
    const std::string kernel = kernel_of(point);
    if (path_name(point.tree) == dmcrypt::kNoCrypt || kernel.empty()) continue;
    if (std::find(kernels.begin(), kernels.end(), kernel) == kernels.end()) {
      kernels.push_back(kernel);
    }
  }
  for (Point& point : points) {
    if (default_kernel(point.tree)) continue;
    std::string kernel = kernels.size() == 1 ? kernels.front() : "";
    if (kernel.empty() && study.baseline) {
      const Json wanted = baseline_axes(*study.baseline, point.axes);
      for (const Point& other : points) {
        if (same_axes(other.axes, wanted)) kernel = kernel_of(other);
      }
    }
    if (kernel.empty() && kernels.size() > 1) {
      throw ConfigError(path_position(point.tree), "kernel",
                        "not named for path none, and the other points run on different ones",
                        fmt::format("kernel: {}", join_names(kernels)));
    }
    if (!kernel.empty()) {
      set_path(point.tree, "kernel",
               Tree::scalar(kernel, path_position(point.tree), Layer::standard));
    }
  }
}

std::string json_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

bool same_value(const Json& a, const Json& b) {
  if (a == b) return true;
  if (a.is_number() && b.is_number()) return a.get<double>() == b.get<double>();
  return json_text(a) == json_text(b);
}

bool same_axes(const Json& a, const Json& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [path, value] : a.items()) {
    if (!b.contains(path) || !same_value(b[path], value)) return false;
  }
  return true;
}

bool matches(const Selector& selector, const Json& axes) {
  for (const auto& [path, value] : selector.values) {
    if (!axes.contains(path) || !same_value(axes[path], scalar_json(value))) return false;
  }
  return true;
}

Json baseline_axes(const Selector& baseline, const Json& axes) {
  Json out = axes;
  for (const auto& [path, value] : baseline.values) out[path] = scalar_json(value);
  return out;
}

std::string point_label(const Json& axes, const std::string& skip) {
  std::string out;
  for (const auto& [path, value] : axes.items()) {
    if (path == skip) continue;
    if (!out.empty()) out += ' ';
    // Names speak for themselves; a bare number or flag needs its key.
    if (value.is_string()) {
      out += value.get<std::string>();
    } else {
      out += path.substr(path.rfind('.') + 1) + "=" + value.dump();
    }
  }
  return out;
}

std::string point_name(const Json& axes, const std::string& skip) {
  const std::string label = point_label(axes, skip);
  return label.empty() ? "(one point)" : label;
}

Override parse_override(const std::string& text) {
  const Position at{"--set", 0};
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw ConfigError(at, text, "not of the form key=value", "key=value, as in soc.cores=2");
  }
  Override out;
  out.path = text.substr(0, equals);
  const std::string value = text.substr(equals + 1);
  out.value = parse_yaml(value, "--set", Layer::command_line);
  out.value.at = at;
  if (!out.value.is_scalar()) {
    throw ConfigError(at, out.path, value.empty() ? "no value" : "not a single value",
                      "a number, a name, true or false");
  }
  return out;
}

Study load_study(const std::string& file) {
  return study_from(load_yaml(file, shown_path(file), Layer::scenario));
}

Study parse_study(const std::string& text, const std::string& name) {
  return study_from(parse_yaml(text, name, Layer::scenario));
}

std::vector<Point> expand(const Study& study, const std::vector<Override>& overrides,
                          const Library& library, bool check_files) {
  std::vector<Axis> axes = study.axes;
  for (const Override& set : overrides) {
    for (Axis& axis : axes) {
      if (axis.path == set.path) narrow(axis, set);
    }
  }
  std::size_t count = 1;
  for (const Axis& axis : axes) {
    count *= axis.values.size();
    if (count > kMaxPoints) {
      throw ConfigError(axis.at, "axes", fmt::format("more than {} points", kMaxPoints),
                        "fewer values");
    }
  }
  std::vector<Point> points;
  for (std::size_t n = 0; n < count; ++n) {
    Point point;
    point.tree = study.scenario;
    std::vector<std::size_t> chosen(axes.size());
    for (std::size_t i = axes.size(), rest = n; i-- > 0;) {
      chosen[i] = rest % axes[i].values.size();
      rest /= axes[i].values.size();
    }
    for (std::size_t i = 0; i < axes.size(); ++i) {
      point.axes[axes[i].path] = scalar_json(axes[i].values[chosen[i]]);
    }
    bool excluded = false;
    for (const Selector& selector : study.exclude) {
      excluded = excluded || matches(selector, point.axes);
    }
    if (excluded) continue;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const Axis& axis = axes[i];
      if (axis.cases.empty()) {
        set_path(point.tree, axis.path, axis.values[chosen[i]]);
      } else {
        for (const auto& [path, value] : axis.cases[chosen[i]]) set_path(point.tree, path, value);
      }
    }
    for (const Override& set : overrides) {
      const bool of_cases = std::any_of(axes.begin(), axes.end(), [&set](const Axis& axis) {
        return axis.path == set.path && !axis.cases.empty();
      });
      if (!of_cases) set_path(point.tree, set.path, set.value);
    }
    point.index = points.size();
    points.push_back(std::move(point));
  }
  choose_kernels(study, points);
  for (Point& point : points) {
    point.scenario = resolve_scenario(point.tree, library, check_files);
  }
  if (points.empty()) {
    throw ConfigError({study.file, 0}, "exclude", "no point is left", "exclude fewer points");
  }

  // An expectation that names no point is a slip, unless --set took its points away.
  const bool narrowed =
      std::any_of(overrides.begin(), overrides.end(), [&study](const Override& set) {
        return std::any_of(study.axes.begin(), study.axes.end(),
                           [&set](const Axis& axis) { return axis.path == set.path; });
      });
  if (narrowed) return points;
  for (const Expectation& expectation : study.expect) {
    bool any = false;
    for (const Point& point : points) {
      if (!matches(expectation.where, point.axes)) continue;
      any = true;
      if (!expectation.relative_to) continue;
      const Json wanted = baseline_axes(*expectation.relative_to, point.axes);
      if (std::none_of(points.begin(), points.end(),
                       [&wanted](const Point& p) { return same_axes(p.axes, wanted); })) {
        throw ConfigError(
            expectation.at, "expect." + expectation.name,
            fmt::format("the baseline point of '{}' is excluded", point_label(point.axes)),
            "a baseline that runs");
      }
    }
    if (!any) {
      throw ConfigError(expectation.where.at, "expect." + expectation.name + ".where",
                        "names no point of the study", "values of points that run");
    }
  }
  return points;
}

}  // namespace cesasim::study
