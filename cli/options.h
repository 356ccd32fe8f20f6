// SPDX-License-Identifier: Apache-2.0
// Commands and options as the files of the commands use them. CLI11 is behind it, in options.cc:
// its header takes longer to compile than most of those files.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace cesasim::cli {

/// A number from `least` to `most`.
struct Range {
  unsigned least, most;
};

/// One of these words.
struct IsMember {
  std::vector<std::string> words;
};

/// An option, flag or positional argument. Its functions are CLI11's of the same names.
class Option {
 public:
  explicit Option(CLI::Option& option) : option_(option) {}
  Option* required();
  Option* expected(int count);
  Option* take_all();
  Option* allow_extra_args(bool allow);
  Option* delimiter(char at);
  Option* check(const Range& range);
  Option* check(const IsMember& valid);

 private:
  CLI::Option& option_;
};

/// A command. Its functions are CLI11's of the same names. What they return lives as long as it.
class Command {
 public:
  explicit Command(CLI::App& app);
  ~Command();

  Command* add_subcommand(const std::string& name, const std::string& doc);
  Option* add_option(const std::string& name, std::string& value, const std::string& doc);
  Option* add_option(const std::string& name, std::vector<std::string>& values,
                     const std::string& doc);
  Option* add_option(const std::string& name, unsigned& value, const std::string& doc);
  Option* add_flag(const std::string& name, bool& value, const std::string& doc);
  /// "--name{word}": `value` becomes "word", or what stands behind "--name=".
  Option* add_flag(const std::string& name, std::string& value, const std::string& doc);
  void callback(std::function<void()> action);
  void require_subcommand(int count);

  /// For what only CLI11 itself has.
  CLI::App& library() { return app_; }

 private:
  Option* keep(CLI::Option* option);

  CLI::App& app_;
  std::vector<std::unique_ptr<Command>> commands_;
  std::vector<std::unique_ptr<Option>> options_;
};

}  // namespace cesasim::cli
