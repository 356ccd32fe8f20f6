// SPDX-License-Identifier: Apache-2.0
// What the files of the commands share: each adds its command to the command line by one function.
#pragma once

#include <functional>

#include "base/text/errors.h"
#include "base/text/terminal.h"
#include "cli/cli.h"
#include "cli/options.h"

namespace cesasim::cli {

/// What the command that was given does; returns the exit code. Errors that cli_main() turns into
/// messages: UsageError, ConfigError, traces::TraceError, ImageInputError, Interrupted.
using Action = std::function<int()>;

// Each of these adds one command to `app` and sets `chosen` when the command line names it.
void add_run_command(Command& app, Action& chosen);
void add_list_command(Command& app, Action& chosen);
void add_trace_command(Command& app, Action& chosen);
void add_image_command(Command& app, Action& chosen);
void add_cosim_command(Command& app, Action& chosen);
void add_report_command(Command& app, Action& chosen);
void add_diff_command(Command& app, Action& chosen);
void add_fit_command(Command& app, Action& chosen);
void add_validation_command(Command& app, Action& chosen);
void add_baseline_command(Command& app, Action& chosen);

}  // namespace cesasim::cli
