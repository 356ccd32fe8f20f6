// SPDX-License-Identifier: Apache-2.0
// cesasim fit and cesasim validation: the model against published figures.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <system_error>
#include <vector>

#include "base/file/atomic_file.h"
#include "base/file/files.h"
#include "base/file/outputs.h"
#include "cli/command.h"
#include "scenario/library.h"
#include "study/matrix/study.h"
#include "study/published/fit.h"
#include "study/published/validation.h"

namespace cesasim::cli {
namespace {

struct FitArguments {
  std::string study;
  unsigned jobs = 0;
  bool write = false;
};

/// Before hours of runs: the lines of the values are as they must be, the files can be written.
void check_preset_files(const study::Study& study, const Library& library) {
  std::vector<OutputFile> outputs;
  for (const auto& [file, text] : study::fitted_files(study::fit_start(study, library))) {
    outputs.push_back({"--write", file});
  }
  check_outputs(outputs, {});
}

int run_fit(const FitArguments& arguments) {
  const Library library = Library::locate();
  const study::Study study = study::load_study(library.find_study(arguments.study).string());
  if (study.fit.empty()) {
    throw UsageError(
        fmt::format("{}: the study names no parameters to fit; valid: a study with a "
                    "key 'fit'",
                    study.name));
  }
  if (arguments.write) check_preset_files(study, library);
  study::RunnerOptions options;
  options.worker = {"/proc/self/exe", "worker"};
  options.jobs = arguments.jobs;
  const bool show = ::isatty(STDERR_FILENO) != 0;
  const study::FitResult result =
      study::fit(study, library, options, [show](const study::FitResult& r) {
        if (!show) return;
        fmt::print(stderr, "\r{} runs, off by {:.2f} %\x1b[K", r.evaluations, r.after);
        std::fflush(stderr);
      });
  if (show) fmt::print(stderr, "\r\x1b[K");
  fmt::print("{} figures, {} parameters, {} runs; root mean square error {:.2f} % -> {:.2f} %\n\n",
             result.figures, result.parameters.size(), result.evaluations, result.before,
             result.after);
  fmt::print("{:<48}  {:<20}  {:>10}  {:>10}  {:>18}\n", "parameter", "preset", "was", "is",
             "bounds");
  for (const study::FittedParameter& p : result.parameters) {
    fmt::print("{:<48}  {:<20}  {:>10.4g}  {:>10.4g}  {:>18}{}\n", p.parameter->key,
               p.parameter->preset, p.before, p.after,
               fmt::format("{:g} .. {:g}", p.parameter->min, p.parameter->max),
               p.at_bound ? "  at its bound" : "");
  }
  if (arguments.write) {
    for (const auto& [file, text] : study::fitted_files(result)) {
      write_file_atomic(file, text);
      fmt::print("written: {}\n", file);
    }
  }
  return kOk;
}

struct ValidationArguments {
  std::string results;
  std::string output;
};

int validation(const ValidationArguments& arguments) {
  std::string file = arguments.results;
  if (!file.ends_with(".json")) file += "/results.json";
  check_outputs({{"--output", arguments.output}}, {file});
  std::string table;
  try {
    table = study::validation_markdown(study::study_result_from_json(Json::parse(read_file(file))));
  } catch (const std::system_error& error) {
    throw UsageError(fmt::format("{}; valid: a folder of results", error.what()));
  } catch (const std::exception& error) {
    throw UsageError(fmt::format("{}: {}", file, error.what()));
  }
  if (arguments.output.empty()) {
    fmt::print("{}", table);
  } else {
    write_file_atomic(arguments.output, table);
  }
  return kOk;
}

}  // namespace

void add_fit_command(Command& app, Action& chosen) {
  const auto given = std::make_shared<FitArguments>();
  Command* command = app.add_subcommand(
      "fit", "Choose preset values so that a study meets the published figures it names");
  command->add_option("STUDY", given->study, "a study with a key 'fit', as published")->required();
  command->add_option("--jobs", given->jobs, "points at a time (default: one per processor)")
      ->check(Range{1u, 4096u});
  command->add_flag("--write", given->write, "put the values into the preset files");
  command->callback([given, &chosen] { chosen = [given] { return run_fit(*given); }; });
}

void add_validation_command(Command& app, Action& chosen) {
  const auto given = std::make_shared<ValidationArguments>();
  Command* command = app.add_subcommand(
      "validation",
      "The table of published and simulated figures, from a run's results (Markdown)");
  command->add_option("RESULTS", given->results, "a folder of results, or results.json")
      ->required();
  command->add_option("--output", given->output, "write to this file instead of standard output");
  command->callback([given, &chosen] { chosen = [given] { return validation(*given); }; });
}

}  // namespace cesasim::cli
