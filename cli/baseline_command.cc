// SPDX-License-Identifier: Apache-2.0
// cesasim baseline.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "base/file/atomic_file.h"
#include "cli/command.h"
#include "cli/run_command.h"
#include "study/diff/baseline.h"
#include "study/run/run_study.h"

namespace cesasim::cli {
namespace {

/// Runs the studies and writes studies/baselines/NAME.json of each.
int write_baselines(RunArguments arguments, bool all) {
  const Library library = Library::locate();
  const std::filesystem::path folder = library.home() / "studies" / "baselines";
  if (all) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".json") {
        arguments.studies.push_back(entry.path().stem().string());
      }
    }
    std::sort(arguments.studies.begin(), arguments.studies.end());
    if (arguments.studies.empty()) {
      throw UsageError(fmt::format("--all: no baseline in {}", shown_path(folder)));
    }
  }
  if (arguments.studies.empty()) throw UsageError("baseline: name the studies, or give --all");
  try {
    prepare_folder(folder.string());
  } catch (const OutputError& error) {
    throw UsageError(fmt::format("{}; valid: a CESASIM_HOME that can be written", error.what()));
  }
  arguments.quiet = true;
  if (const int code = run(arguments); code != kOk) {
    if (code != kInterrupted) {
      complain("no baseline was written: the run did not succeed");
    }
    return code;
  }
  for (const std::string& name : arguments.studies) {
    const study::Study study = study::load_study(library.find_study(name).string());
    const std::string file = (folder / (study.name + ".json")).string();
    write_file_atomic(file,
                      study::baseline_text(
                          study::load_results(study::default_folder(study, arguments.set)).result));
    fmt::print("{}\n", shown_path(file));
  }
  return kOk;
}

}  // namespace

void add_baseline_command(Command& app, Action& chosen) {
  const auto given = std::make_shared<RunArguments>();
  const auto all = std::make_shared<bool>(false);
  Command* command = app.add_subcommand("baseline",
                                        "Run studies and keep their results in studies/baselines, "
                                        "for `cesasim diff` to compare with");
  command->add_option("STUDY", given->studies, "a study's name, or the path of its file");
  command->add_flag("--all", *all, "all studies that have a baseline");
  command->add_option("--jobs", given->jobs, "points at a time (default: one per processor)")
      ->check(Range{1u, 4096u});
  command->add_flag("--progress", given->progress, "as in run");
  command->add_flag("--resume", given->resume, "as in run");
  command->callback(
      [given, all, &chosen] { chosen = [given, all] { return write_baselines(*given, *all); }; });
}

}  // namespace cesasim::cli
