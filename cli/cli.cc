// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "base/text/terminal.h"
#include "base/text/version.h"
#include "cli/command.h"
#include "cli/help.h"
#include "machine/image.h"
#include "study/run/runner.h"
#include "traces/trace_reader.h"
#include "traces/trace_record.h"

namespace cesasim::cli {

namespace {

/// The commands that people may give.
std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (!command->get_group().empty()) names.push_back(command->get_name());
  }
  return names;
}

/// A standard stream that the caller closed stays closed: no file that is opened later may get its
/// number and what is printed. Writing to it is an error then.
void keep_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest free number, which is `fd`.
    (void)!::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

int dispatch(int argc, char** argv) {
  // A file that would grow too large is an error message and not a death.
  ::signal(SIGXFSZ, SIG_IGN);

  CLI::App app("Simulates disk encryption with a crypto accelerator, from bio to disk.", "cesasim");
  app.set_version_flag("--version", "cesasim " + version_text(kVersion, build_description()));
  app.set_help_all_flag("--help-all", "Print the help of every command and exit");
  app.require_subcommand(1);

  Action chosen;
  Command commands(app);
  add_run_command(commands, chosen);
  add_list_command(commands, chosen);
  add_trace_command(commands, chosen);
  add_image_command(commands, chosen);
  add_cosim_command(commands, chosen);
  add_report_command(commands, chosen);
  add_diff_command(commands, chosen);
  add_fit_command(commands, chosen);
  add_validation_command(commands, chosen);
  add_baseline_command(commands, chosen);
  CLI::App* completion = app.add_subcommand(
      "completion", "A script that has bash complete commands, options and studies");
  completion->footer("In ~/.bashrc:\n  source <(cesasim completion)");
  completion->callback([&] {
    chosen = [&app] {
      fmt::print("{}", bash_completion(app));
      return int{kOk};
    };
  });

  // After the commands, which would inherit it.
  app.footer(
      "Examples:\n"
      "  cesasim run studies/mkfs-vs-bonnie.yaml          compare mkfs and Bonnie over the paths\n"
      "  cesasim run mkfs-vs-bonnie --set soc.cores=2     the same on two cores\n"
      "  cesasim report out/mkfs-vs-bonnie                its results as one HTML page\n"
      "  cesasim diff OLD NEW                             what moved between two runs\n"
      "  cesasim list guide                               every key of a study (docs/studies.md)\n"
      "\n"
      "Exit codes: 0 fine; 1 an expectation or comparison failed; 2 bad input; 3 a point failed or "
      "broke a guarantee; 130 interrupted.\n"
      "Of the launcher beside it: ./cesasim test, ./cesasim build.");

  std::vector<int> fds;
  CLI::App* worker_command = app.add_subcommand("worker", "")->group("");
  worker_command->add_option("FD", fds)->required()->expected(3);
  worker_command->callback(
      [&] { chosen = [&] { return study::worker_main(fds[0], fds[1], fds[2]); }; });
  set_help(app, terminal_width(STDOUT_FILENO));

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    const std::string first = argc > 1 ? argv[1] : "";
    const std::vector<std::string> names = command_names(app);
    if (!first.empty() && first[0] != '-' && std::ranges::find(names, first) == names.end()) {
      complain(fmt::format("unknown command '{}'; valid: {} (and, of the launcher: test, build)",
                           first, fmt::join(names, ", ")));
    } else if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr &&
               app_reached(app).get_require_subcommand_min() > 0) {
      // Nothing chosen: what there is.
      set_help(app, terminal_width(STDERR_FILENO));
      const CLI::App& reached = app_reached(app);
      complain(fmt::format("{}name a command\n\n{}",
                           &reached == &app ? "" : command_reached(app) + ": ", reached.help()));
    } else {
      complain(fmt::format("{}; see {} --help", usage_problem(error), command_reached(app)));
    }
    return kBadInput;
  }

  try {
    return chosen();
  } catch (const UsageError& error) {
    complain(error.what());
    return kBadInput;
  } catch (const ConfigError& error) {
    complain(error.what());
    return kBadInput;
  } catch (const traces::TraceError& error) {
    complain(error.what());
    return kBadInput;
  } catch (const ImageInputError& error) {
    complain(error.what());
    return kBadInput;
  } catch (const Interrupted&) {
    complain("interrupted, nothing written");
    return kInterrupted;
  } catch (const std::exception& error) {
    // Results that cannot be written, processes that cannot be started. A full standard output is
    // reported by the caller.
    if (std::ferror(stdout) == 0) complain(error.what());
    return kPointFailed;
  }
}

}  // namespace

int cli_main(int argc, char** argv) {
  keep_standard_streams();
  const int code = dispatch(argc, argv);
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    complain("standard output cannot be written");
    return std::max<int>(code, kPointFailed);
  }
  return code;
}

}  // namespace cesasim::cli
