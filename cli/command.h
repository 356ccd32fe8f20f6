// SPDX-License-Identifier: Apache-2.0
// What the files of the commands share: each adds its command to the command line by one function.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "base/text/errors.h"
#include "base/text/terminal.h"
#include "cli/cli.h"

namespace cesasim::cli {

/// What the command that was given does; returns the exit code. Errors that cli_main() turns into
/// messages: UsageError, ConfigError, traces::TraceError, ImageInputError, Interrupted.
using Action = std::function<int()>;

// Each of these adds one command to `app` and sets `chosen` when the command line names it.
void add_run_command(CLI::App& app, Action& chosen);
void add_list_command(CLI::App& app, Action& chosen);
void add_trace_command(CLI::App& app, Action& chosen);
void add_image_command(CLI::App& app, Action& chosen);
void add_cosim_command(CLI::App& app, Action& chosen);
void add_report_command(CLI::App& app, Action& chosen);
void add_diff_command(CLI::App& app, Action& chosen);
void add_fit_command(CLI::App& app, Action& chosen);
void add_validation_command(CLI::App& app, Action& chosen);
void add_baseline_command(CLI::App& app, Action& chosen);

}  // namespace cesasim::cli
