// SPDX-License-Identifier: Apache-2.0
#include "cli/sensitivity_run.h"

#include <fmt/format.h>

#include <memory>

#include "base/file/atomic_file.h"
#include "base/text/version.h"
#include "cli/command.h"
#include "study/run/progress_line.h"
#include "study/sensitivity/sensitivity.h"

namespace cesasim::cli {

int run_sensitivity(const SensitivityRun& run, const SensitivityArguments& arguments) {
  study::SensitivityOptions options;
  if (arguments.wanted == "all") options.marks = {"assumed", "derived", "measured"};
  options.globs = arguments.globs;
  options.runner.worker = {"/proc/self/exe", "worker"};
  options.runner.jobs = run.jobs;
  options.work = run.work;

  study::PartialResults partial(run.out + "/sensitivity-partial.jsonl", run.study.name);
  if (run.resume && partial.exists()) {
    partial.load();
  } else if (partial.exists()) {
    complain(
        fmt::format("{}: {} of an interrupted run is dropped (--resume "
                    "would go on with it)",
                    run.study.name, partial.file()));
    partial.remove();
  }
  const study::ProgressLine::Style style = study::ProgressLine::choose(run.quiet, run.progress);
  std::unique_ptr<study::ProgressLine> line;
  std::string shown;
  if (style != study::ProgressLine::Style::none) {
    options.on_status = [&](const std::string& stage, const study::RunnerOptions::Status& status) {
      if (shown != stage) {
        line = std::make_unique<study::ProgressLine>(run.study.name + ", " + stage, style, 0,
                                                     "simulations");
        shown = stage;
      }
      line->show(status);
    };
  }
  study::SensitivityResult result;
  try {
    result = study::analyse_sensitivity(run.study, run.points, options, partial);
  } catch (const Interrupted&) {
    line.reset();
    complain(partial.exists()
                 ? fmt::format("interrupted; what was simulated is kept in {}; "
                               "to go on: {}{}",
                               partial.file(), study::command_line(), run.resume ? "" : " --resume")
                 : "interrupted before a point had ended, nothing written");
    throw;
  }
  line.reset();
  result.version = kVersion;
  result.build = build_description();
  result.overrides = run.overrides;
  if (result.parameters.empty()) {
    throw UsageError(fmt::format(
        "--sensitivity: the presets of {} hold no parameter to "
        "vary{}; `cesasim run --print-config` "
        "shows the marks",
        run.study.name,
        arguments.globs.empty() ? "" : " of the names that --sensitivity-parameters gives"));
  }
  const std::string text = study::to_markdown(result, study::command_line());
  write_file_atomic(
      run.out + "/sensitivity.json",
      study::to_json(result).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  write_file_atomic(run.out + "/sensitivity.md", text);
  partial.remove();
  if (!run.quiet) {
    fmt::print("{}\nwritten: {}/sensitivity.md, {}/sensitivity.json\n", text, run.out, run.out);
  }
  return kOk;
}

}  // namespace cesasim::cli
