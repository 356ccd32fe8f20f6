// SPDX-License-Identifier: Apache-2.0
// cesasim diff.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>

#include "cli/command.h"
#include "study/diff/compare.h"

namespace cesasim::cli {
namespace {

struct DiffArguments {
  std::string before, after;
  std::vector<std::string> tolerances;
  bool json = false;
  bool all = false;
};

int diff(const DiffArguments& arguments) {
  study::Comparison comparison;
  try {
    study::Tolerances tolerances;
    for (const std::string& text : arguments.tolerances) tolerances.add(text);
    const study::LoadedResults before = study::load_results(arguments.before);
    const study::LoadedResults after = study::load_results(arguments.after);
    comparison = study::compare_results(before, after, tolerances);
  } catch (const std::invalid_argument& error) {
    throw UsageError(fmt::format("--tolerance: {}", error.what()));
  } catch (const study::ResultsInputError& error) {
    throw UsageError(error.what());
  } catch (const std::exception&) {
    throw UsageError(fmt::format("{} and {} cannot be compared: a file is damaged or edited",
                                 arguments.before, arguments.after));
  }
  if (arguments.json) {
    fmt::print("{}\n", study::to_json(comparison, arguments.all)
                           .dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    fmt::print("{}", study::to_text(comparison, arguments.all, terminal_width(STDOUT_FILENO)));
  }
  return comparison.same() ? kOk : kExpectationFailed;
}

}  // namespace

void add_diff_command(Command& app, Action& chosen) {
  const auto given = std::make_shared<DiffArguments>();
  Command* command = app.add_subcommand(
      "diff", "What changed from one run of a study to another; exit code 1 if anything did");
  command
      ->add_option(
          "OLD", given->before,
          "results.json, a folder that holds one, or a baseline (studies/baselines/NAME.json)")
      ->required();
  command->add_option("NEW", given->after, "the same of the other run")->required();
  command
      ->add_option(
          "--tolerance", given->tolerances,
          "NAME=PERCENT or NAME=PERCENT,ABSOLUTE: how far a metric may move, by that share "
          "of the old value or by so much in its own unit (for values near zero). NAME is "
          "a metric, a group (latency_us, integrity) or default; repeatable. Without it: "
          "not at all, as runs are deterministic. host_seconds is never compared")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command->add_flag("--json", given->json, "as JSON (schema cesasim-diff-1)");
  command->add_flag("--all", given->all, "also what did not move");
  command->callback([given, &chosen] { chosen = [given] { return diff(*given); }; });
}

}  // namespace cesasim::cli
