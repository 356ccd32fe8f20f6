// SPDX-License-Identifier: Apache-2.0
// The command line.
#pragma once

namespace cesasim::cli {

/// Runs the command named by the arguments; messages go to standard error. Returns an ExitCode.
int cli_main(int argc, char** argv);

}  // namespace cesasim::cli
