// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <regex>
#include <vector>

#include "base/text/wrap.h"

namespace cesasim::cli {
namespace {

constexpr std::size_t kTextColumn = 28;

std::vector<const CLI::App*> visible_commands(const CLI::App& app) {
  std::vector<const CLI::App*> out;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (!command->get_group().empty()) out.push_back(command);
  }
  return out;
}

/// The library gives flags no type.
bool is_flag(const CLI::Option& option) { return option.get_type_name().empty(); }

/// What stands for an option's value: FILE, FOLDER, N ...; "" for a flag.
std::string value_name(const CLI::Option& option) {
  static const std::map<std::string, std::string> names = {
      {"--set", "KEY=VALUE"},
      {"--out", "FOLDER"},
      {"--junit", "FILE"},
      {"--output", "FILE"},
      {"--vcd", "FILE"},
      {"--vcd-window", "FROM:TO"},
      {"--export-image", "FILE"},
      {"--requests", "FILE"},
      {"--requests-window", "FROM:TO"},
      {"--timeline", "FILE"},
      {"--timeline-window", "FROM:TO"},
      {"--log", "CATEGORIES"},
      {"--log-file", "FILE"},
      {"--log-window", "FROM:TO"},
      {"--record", "FILE"},
      {"--record-disk", "FILE"},
      {"--device-log", "FILE"},
      {"--sensitivity-parameters", "NAME"},
      {"--metrics", "NAME"},
      {"--tolerance", "NAME=PERCENT"},
      {"--baseline", "AXIS=VALUE"},
      {"--module-dir", "FOLDER"},
      {"--soc", "PRESET"},
  };
  const std::string name = option.get_name(false, false);
  if (name == "--sensitivity") return "";
  if (is_flag(option)) return "";
  if (const auto it = names.find(name); it != names.end()) return it->second;
  const std::string type = option.get_type_name();
  return type.starts_with("UINT") || type.starts_with("INT") || type.starts_with("FLOAT") ? "N"
                                                                                          : "VALUE";
}

/// "1 to 4096", "csv, msr": the values that the library checks for; "" if it checks none.
std::string valid_values(const CLI::Option& option) {
  static const std::regex range(R"(in \[([^ ]+) - ([^ ]+)\])");
  static const std::regex list(R"(\{(.*)\})");
  if (option.check_name("--sensitivity")) return "";  // its name shows them
  const std::string type = option.get_type_name();
  std::smatch found;
  if (std::regex_search(type, found, range)) return found[1].str() + " to " + found[2].str();
  if (std::regex_search(type, found, list)) {
    return std::regex_replace(found[1].str(), std::regex(","), ", ");
  }
  return "";
}

class Help : public CLI::Formatter {
 public:
  explicit Help(std::size_t width) : width_(width) {
    label("SUBCOMMAND", "COMMAND");
    label("SUBCOMMANDS", "COMMANDS");
    label("Positionals", "Arguments");
  }

  std::string make_option(const CLI::Option* option, bool positional) const override {
    // Of the whole program: its own page names it.
    if (option->check_name("--help-all") && of_command(option)) return "";
    std::string name = positional ? option->get_name(true, false) : names_of(*option);
    if (positional && option->get_expected_max() > 1) name += "...";
    const std::string value = positional ? "" : value_name(*option);
    if (!value.empty()) name += " " + value;
    std::string text = option->get_description();
    // Some say in their own words what is valid.
    if (const std::string valid = valid_values(*option);
        !valid.empty() && text.find(valid.substr(0, valid.find(','))) == std::string::npos) {
      text += fmt::format(" ({})", valid);
    }
    if (!positional && option->get_required()) text += "; must be given";
    return name_and_text("  " + name, text, kTextColumn, width_);
  }

  std::string make_subcommands(const CLI::App* app, CLI::AppFormatMode) const override {
    std::string out;
    for (const CLI::App* command : visible_commands(*app)) {
      out += name_and_text("  " + command->get_name(), command->get_description(), 14, width_);
    }
    return out.empty() ? "" : "\nCommands:\n" + out;
  }

  std::string make_description(const CLI::App* app) const override {
    const std::string text = app->get_description();
    return text.empty() ? "" : fold_lines(text, width_, 0) + "\n";
  }

  std::string make_expanded(const CLI::App* app) const override {
    std::string out = "\n" + app->get_display_name() + ": " + make_description(app);
    out += make_positionals(app) + make_groups(app, CLI::AppFormatMode::Sub);
    return out + make_subcommands(app, CLI::AppFormatMode::Sub);
  }

  std::string make_footer(const CLI::App* app) const override {
    const std::string text = app->get_footer();
    return text.empty() ? "" : fold_lines(text, width_, 4) + "\n";
  }

 private:
  static std::string names_of(const CLI::Option& option) {
    if (option.check_name("--sensitivity")) return "--sensitivity[=all]";
    std::string out;
    for (const std::string& name : option.get_snames()) out += "-" + name + ", ";
    for (const std::string& name : option.get_lnames()) out += "--" + name + ", ";
    return out.substr(0, out.size() - 2);
  }
  bool of_command(const CLI::Option* option) const { return option != root_help_all_; }

 public:
  const CLI::Option* root_help_all_ = nullptr;

 private:
  std::size_t width_;
};

void adopt(CLI::App& app, const std::shared_ptr<Help>& help) {
  app.formatter(help);
  for (CLI::Option* option : app.get_options()) {
    if (option->get_positional() || is_flag(*option)) continue;
    option->check(
        [](const std::string& value) {
          return value.empty() ? std::string("'' is no value; valid: a value that is not empty")
                               : std::string();
        },
        "");
  }
  for (CLI::App* command : app.get_subcommands({})) adopt(*command, help);
}

void add_cases(const CLI::App& app, const std::string& path, std::string& steps,
               std::string& words) {
  std::string choices;
  for (const CLI::App* command : visible_commands(app)) {
    const std::string below = path.empty() ? command->get_name() : path + " " + command->get_name();
    choices += command->get_name() + " ";
    steps += fmt::format("      '{} {}') path='{}' ;;\n", path, command->get_name(), below);
    add_cases(*command, below, steps, words);
  }
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) choices += "--" + name + " ";
  }
  while (!choices.empty() && choices.back() == ' ') choices.pop_back();
  words += fmt::format("    '{}') words='{}' ;;\n", path, choices);
}

}  // namespace

void set_help(CLI::App& app, std::size_t width) {
  const auto help = std::make_shared<Help>(width);
  help->root_help_all_ = app.get_help_all_ptr();
  adopt(app, help);
}

const CLI::App& app_reached(const CLI::App& app) {
  const CLI::App* at = &app;
  for (;;) {
    const std::vector<CLI::App*> below = at->get_subcommands();
    if (below.empty()) return *at;
    at = below.back();
  }
}

std::string command_reached(const CLI::App& app) {
  std::string out;
  for (const CLI::App* at = &app_reached(app); at != nullptr; at = at->get_parent()) {
    out = at->get_name() + (out.empty() ? "" : " ") + out;
  }
  return out;
}

std::string usage_problem(const CLI::ParseError& error) {
  const std::pair<const char*, const char*> words[] = {
      {R"(^A subcommand is required$)", "a command is missing"},
      {R"(^(.*) is required$)", "$1 is missing"},
      {R"(^(\S+): \d+ required .* missing$)", "$1: its value is missing"},
      {R"(^The following arguments? (was|were) not expected: (.*)$)", "not expected: $2"},
      {R"(^Could not convert: (\S+) = (.*)$)", "$1: '$2' is no number"},
      {R"(^(\S+): Value (\S*) not in range (\S+) to (\S+)$)",
       "$1: $2 is out of range; valid: $3 to $4"},
      {R"(^(\S+): (\S*) not in \{(.*)\}$)", "$1: '$2' is unknown; valid: $3"},
  };
  const std::string text = error.what();
  for (const auto& [pattern, plain] : words) {
    const std::regex regex(pattern);
    if (!std::regex_match(text, regex)) continue;
    // Lists of the library have no spaces.
    return std::regex_replace(std::regex_replace(text, regex, plain), std::regex(",(?=[a-z])"),
                              ", ");
  }
  return text;
}

std::string bash_completion(const CLI::App& app) {
  std::string steps, words;
  add_cases(app, "", steps, words);
  return fmt::format(
      R"sh(# Completion of cesasim for bash: source <(cesasim completion)
_cesasim() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} path='' words='' word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$path $word" in
{}    esac
  done
  case "$path" in
{}  esac
  if [ "$prev" = --set ]; then
    words=$("${{COMP_WORDS[0]}}" list parameters 2>/dev/null | cut -d' ' -f1 | sed 's/$/=/')
    compopt -o nospace
  elif [ "${{cur#-}}" = "$cur" ]; then
    case "$path" in
      run|baseline|fit) words="$words $("${{COMP_WORDS[0]}}" list studies 2>/dev/null | cut -d' ' -f1)" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -o default -F _cesasim cesasim
)sh",
      steps, words);
}

}  // namespace cesasim::cli
