// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <utility>

namespace cesasim::cli {

Option* Option::required() {
  option_.required();
  return this;
}

Option* Option::expected(int count) {
  option_.expected(count);
  return this;
}

Option* Option::take_all() {
  option_.take_all();
  return this;
}

Option* Option::allow_extra_args(bool allow) {
  option_.allow_extra_args(allow);
  return this;
}

Option* Option::delimiter(char at) {
  option_.delimiter(at);
  return this;
}

Option* Option::check(const Range& range) {
  option_.check(CLI::Range(range.least, range.most));
  return this;
}

Option* Option::check(const IsMember& valid) {
  option_.check(CLI::IsMember(valid.words));
  return this;
}

Command::Command(CLI::App& app) : app_(app) {}

Command::~Command() = default;

Command* Command::add_subcommand(const std::string& name, const std::string& doc) {
  return commands_.emplace_back(std::make_unique<Command>(*app_.add_subcommand(name, doc))).get();
}

Option* Command::add_option(const std::string& name, std::string& value, const std::string& doc) {
  return keep(app_.add_option(name, value, doc));
}

Option* Command::add_option(const std::string& name, std::vector<std::string>& values,
                            const std::string& doc) {
  return keep(app_.add_option(name, values, doc));
}

Option* Command::add_option(const std::string& name, unsigned& value, const std::string& doc) {
  return keep(app_.add_option(name, value, doc));
}

Option* Command::add_flag(const std::string& name, bool& value, const std::string& doc) {
  return keep(app_.add_flag(name, value, doc));
}

Option* Command::add_flag(const std::string& name, std::string& value, const std::string& doc) {
  return keep(app_.add_flag(name, value, doc));
}

void Command::callback(std::function<void()> action) { app_.callback(std::move(action)); }

void Command::require_subcommand(int count) { app_.require_subcommand(count); }

Option* Command::keep(CLI::Option* option) {
  return options_.emplace_back(std::make_unique<Option>(*option)).get();
}

}  // namespace cesasim::cli
