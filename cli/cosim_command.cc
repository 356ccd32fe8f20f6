// SPDX-License-Identifier: Apache-2.0
// cesasim cosim.
#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "base/process/process.h"
#include "cli/command.h"
#include "cosim/device/injection.h"
#include "cosim/host/edits.h"
#include "cosim/host/mutants.h"
#include "cosim/host/selftest.h"
#include "scenario/scenario.h"
#include "study/matrix/study.h"

namespace cesasim::cli {
namespace {

struct CosimArguments {
  std::string soc;
  std::string kernel;
  std::string module_dir;
  std::string device_log;
  std::string inject;
  std::string junit;
  std::string only;
  std::vector<std::string> command;
  unsigned wall_limit = 0;
  unsigned simulated_limit = 3600;
  unsigned seconds = 60;
  unsigned fuzz = 100;
  bool quick = false;
  bool console = false;
};

// One SoC of each kind that the driver knows apart.
const char* const kSelftestSocs[] = {"armada-370", "armada-385", "kirkwood-88f6281",
                                     "orion-88f5182"};

/// The crypto unit and the memory of a `soc` preset. Throws ConfigError.
cosim::Board cosim_board(const std::string& soc, const Library& library) {
  const Position at = {"--soc", 0};
  Tree tree;
  tree.kind = Tree::Kind::map;
  tree.at = at;
  set_path(tree, "soc", Tree::scalar(soc, at, Layer::command_line));
  // The rest of a scenario is not looked at.
  set_path(tree, "disk", Tree::scalar("flash", at, Layer::command_line));
  set_path(tree, "workload.trace", Tree::scalar("none", at, Layer::command_line));
  const Scenario scenario = resolve_scenario(tree, library, /*check_files=*/false);
  return {soc, scenario.soc.cesa, scenario.soc.dram};
}

cosim::KernelOptions cosim_kernel(const CosimArguments& arguments, const Library& library) {
  cosim::KernelOptions kernel;
  kernel.home = library.home();
  kernel.kernel = arguments.kernel;
  kernel.module_dir = arguments.module_dir;
  kernel.progress = complain;
  return kernel;
}

int cosim_selftest(const CosimArguments& arguments) {
  const Library library = Library::locate();
  cosim::SelftestOptions options;
  options.kernel = cosim_kernel(arguments, library);
  options.quick = arguments.quick;
  options.fuzz_iterations = arguments.fuzz;
  options.concurrency_seconds = arguments.seconds;
  options.wall_limit = std::chrono::seconds(arguments.wall_limit);
  options.junit_file = arguments.junit;
  if (!arguments.soc.empty()) {
    options.boards.push_back(cosim_board(arguments.soc, library));
  } else {
    for (const char* soc : kSelftestSocs) options.boards.push_back(cosim_board(soc, library));
  }
  return cosim::run_selftest(options);
}

int cosim_run(const CosimArguments& arguments) {
  const Library library = Library::locate();
  cosim::RunOptions options;
  options.kernel = cosim_kernel(arguments, library);
  options.board = cosim_board(arguments.soc.empty() ? kSelftestSocs[0] : arguments.soc, library);
  if (!arguments.inject.empty()) options.injection = cosim::parse_injection(arguments.inject);
  options.device_log = arguments.device_log;
  options.command = arguments.command;
  options.wall_limit = std::chrono::seconds(arguments.wall_limit);
  options.simulated_limit_s = arguments.simulated_limit;
  options.console = arguments.console;
  return cosim::run_command(options);
}

int cosim_mutants(const CosimArguments& arguments) {
  const Library library = Library::locate();
  cosim::MutantsOptions options;
  options.kernel = cosim_kernel(arguments, library);
  options.board = [&library](const std::string& soc) { return cosim_board(soc, library); };
  options.only = arguments.only;
  options.wall_limit = std::chrono::seconds(arguments.wall_limit);
  options.junit_file = arguments.junit;
  return cosim::run_mutants(options);
}

/// Runs one of them; what cannot be parsed is bad input too.
int cosim_guarded(int (*what)(const CosimArguments&), const CosimArguments& arguments) {
  try {
    return what(arguments);
  } catch (const std::invalid_argument& error) {
    complain(error.what());
    return kBadInput;
  }
}

}  // namespace

void add_cosim_command(Command& app, Action& chosen) {
  const auto given = std::make_shared<CosimArguments>();
  CosimArguments& cosim = *given;
  Command* cosim_command =
      app.add_subcommand("cosim", "The crypto unit under a real Linux kernel with its own driver");
  cosim_command->require_subcommand(1);
  Command* selftest_command = cosim_command->add_subcommand(
      "selftest", "The kernel's self tests and dm-crypt on every SoC, or on one");
  Command* boot_command =
      cosim_command->add_subcommand("run", "Boot the kernel and run a command in it");
  Command* mutants_command = cosim_command->add_subcommand(
      "mutants", "Whether selftest's load catches known bugs that are built into the driver again");
  for (Command* command : {selftest_command, boot_command}) {
    command->add_option("--soc", cosim.soc,
                        "soc preset (default: selftest all kinds, run armada-370)");
    command->add_option("--module-dir", cosim.module_dir,
                        "sources of a driver to load instead of the kernel's");
  }
  for (Command* command : {selftest_command, boot_command, mutants_command}) {
    command->add_option("--kernel", cosim.kernel,
                        "kernel source tree, or a folder with a built User-mode Linux "
                        "(default: the distribution's linux-source)");
    command
        ->add_option("--wall-limit", cosim.wall_limit,
                     "seconds of host time that one boot may take (default: none; a boot that does "
                     "not get on ends anyway)")
        ->check(Range{1u, 86400u});
  }
  selftest_command->add_flag("--quick", cosim.quick, "self tests and dm-crypt only");
  selftest_command
      ->add_option("--fuzz", cosim.fuzz,
                   "iterations of the kernel's randomized tests (100; 0: none)")
      ->check(Range{0u, 1000000u});
  selftest_command
      ->add_option("--seconds", cosim.seconds, "simulated seconds of concurrent load (60)")
      ->check(Range{1u, 3000u});
  for (Command* command : {selftest_command, mutants_command}) {
    command->add_option("--junit", cosim.junit, "write the results as JUnit XML");
  }
  mutants_command->add_option("--only", cosim.only, "one of cosim/kernel/mutants (all)");
  boot_command->add_option("--device-log", cosim.device_log,
                           "write every register access, DMA access and interrupt");
  boot_command->add_option("--inject", cosim.inject,
                           "a fault: bus-error@N, lost-irq@N, stuck@N, kill@N");
  boot_command
      ->add_option("--simulated-limit", cosim.simulated_limit,
                   "simulated seconds that the guest may take (3600)")
      ->check(Range{1u, 10000000u});
  boot_command->add_flag("--console", cosim.console, "show the kernel's log at the end");
  boot_command->add_option("COMMAND", cosim.command, "after --: a command for the guest")
      ->required();
  selftest_command->callback(
      [given, &chosen] { chosen = [given] { return cosim_guarded(cosim_selftest, *given); }; });
  mutants_command->callback(
      [given, &chosen] { chosen = [given] { return cosim_guarded(cosim_mutants, *given); }; });
  boot_command->callback(
      [given, &chosen] { chosen = [given] { return cosim_guarded(cosim_run, *given); }; });
}

}  // namespace cesasim::cli
