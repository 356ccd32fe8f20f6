// SPDX-License-Identifier: Apache-2.0
// What the program says of itself: the text of --help, and completion for a shell.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace cesasim::cli {

/// Has `app` and all its commands say what they are in this program's words, on a screen of `width`
/// columns (0: no limit). Options refuse empty values from then on. After all commands are added.
void set_help(CLI::App& app, std::size_t width);

/// "cesasim run": the command of `app` that the command line came to.
std::string command_reached(const CLI::App& app);
/// The command itself.
const CLI::App& app_reached(const CLI::App& app);

/// What is wrong with the command line, in words that need no knowledge of the library.
std::string usage_problem(const CLI::ParseError& error);

/// A script for bash that completes commands, options, studies, and keys after --set.
std::string bash_completion(const CLI::App& app);

}  // namespace cesasim::cli
