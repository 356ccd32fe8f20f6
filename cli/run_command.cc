// SPDX-License-Identifier: Apache-2.0
// cesasim run.
#include "cli/run_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <set>
#include <utility>

#include "base/file/atomic_file.h"
#include "base/file/outputs.h"
#include "base/text/junit.h"
#include "base/text/version.h"
#include "cli/command.h"
#include "machine/observe/log_category.h"
#include "study/output/junit.h"
#include "study/output/table.h"
#include "study/run/folder_lock.h"
#include "study/run/partial.h"
#include "study/run/progress_line.h"
#include "study/run/run_study.h"
#include "traces/formats/blktrace_reader.h"
#include "traces/trace_reader.h"

namespace cesasim::cli {
namespace {

void print_config(const study::PreparedStudy& prepared) {
  for (const study::Point& point : prepared.points) {
    const std::string label = study::point_label(point.axes);
    Tree study;
    study.kind = Tree::Kind::map;
    set_path(study, "name", Tree::scalar(prepared.study.name, {}, Layer::scenario));
    study.members.emplace_back("scenario", point.tree);
    fmt::print("---\n# {} {}: {}\n{}", prepared.study.name,
               version_text(kVersion, build_description()), label.empty() ? "one point" : label,
               to_yaml(study));
  }
}

/// What an option says that names a part of a run. Throws UsageError.
TimeWindow time_window(const char* option, const std::string& given) {
  TimeWindow window;
  if (given.empty()) return window;
  const auto number = [&](const std::string& text, double empty) {
    if (text.empty()) return empty;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !(value >= 0) ||
        !std::isfinite(value)) {
      throw UsageError(fmt::format("{}: '{}' is no number of seconds", option, text));
    }
    return value;
  };
  const std::size_t colon = given.find(':');
  if (colon == std::string::npos) {
    throw UsageError(
        fmt::format("{}: '{}'; valid: FROM:TO in simulated seconds, as in 0.5:0.501; either may be "
                    "left out",
                    option, given));
  }
  window.from = number(given.substr(0, colon), window.from);
  window.to = number(given.substr(colon + 1), window.to);
  if (window.to <= window.from) {
    throw UsageError(fmt::format("{}: '{}' ends before it begins", option, given));
  }
  return window;
}

/// The files that options ask for, with the option that does.
std::vector<OutputFile> point_files(const RunArguments& arguments) {
  return {{"--vcd", arguments.vcd},
          {"--export-image", arguments.export_image},
          {"--requests", arguments.requests},
          {"--timeline", arguments.timeline},
          {"--log-file", arguments.log_file},
          {"--record", arguments.record},
          {"--record-disk", arguments.record_disk}};
}

/// A window's option needs the option that it narrows. Throws UsageError.
void check_windows(const RunArguments& arguments) {
  const struct {
    const char* option;
    const std::string& file;
    const std::string& window;
  } windows[] = {{"--vcd", arguments.vcd, arguments.vcd_window},
                 {"--requests", arguments.requests, arguments.requests_window},
                 {"--timeline", arguments.timeline, arguments.timeline_window},
                 {"--log", arguments.log_file, arguments.log_window}};
  for (const auto& w : windows) {
    if (w.file.empty() && !w.window.empty()) {
      throw UsageError(fmt::format("{0}-window: only with {0} FILE", w.option));
    }
  }
}

/// Options that record a point, and what they do not go with. Returns whether there are any. Throws
/// UsageError.
bool check_recording(const RunArguments& arguments,
                     const std::vector<study::PreparedStudy>& studies) {
  check_windows(arguments);
  study::check_metric_globs(arguments.metrics);
  std::size_t points = 0;
  for (const study::PreparedStudy& prepared : studies) points += prepared.points.size();
  const WorkloadSettings& workload = studies.front().points.front().scenario.workload;
  bool any = false;
  for (const auto& [option, file] : point_files(arguments)) {
    if (file.empty()) continue;
    any = true;
    if (points != 1) {
      throw UsageError(fmt::format(
          "{}: the studies have {} points, and the file shows one; choose it with --set, as in "
          "--set workload.trace=traces/mkfs.csv.zst --set dmcrypt.path=ocf-v3 --set "
          "ocf.driver=cesa_tdma",
          option, points));
    }
    const bool of_requests = option != "--vcd" && option != "--export-image";
    if (of_requests && workload.bench.wanted()) {
      throw UsageError(fmt::format(
          "{}: workload.bench has no block requests; valid: a study with workload.trace", option));
    }
  }
  if (any && arguments.resume) {
    throw UsageError(
        "--resume: not with --vcd, --export-image, --requests, --timeline, --log or --record, "
        "which need the point to run");
  }
  return any;
}

void check_sensitivity(const RunArguments& arguments, bool recording) {
  if (arguments.sensitivity.wanted.empty()) {
    if (!arguments.sensitivity.globs.empty()) {
      throw UsageError("--sensitivity-parameters: only with --sensitivity");
    }
  } else if (recording || !arguments.junit.empty()) {
    throw UsageError("--sensitivity: not with --junit or options that record a point");
  }
}

/// What a point is to write down. Throws UsageError.
study::RunnerOptions runner_options(const RunArguments& arguments) {
  study::RunnerOptions out;
  out.worker = {"/proc/self/exe", "worker"};
  out.jobs = arguments.jobs;
  out.vcd.file = arguments.vcd;
  const TimeWindow vcd = time_window("--vcd-window", arguments.vcd_window);
  out.vcd.from = vcd.from;
  out.vcd.to = vcd.to;
  out.export_image = arguments.export_image;
  out.observe.requests = arguments.requests;
  out.observe.requests_window = time_window("--requests-window", arguments.requests_window);
  out.observe.timeline = arguments.timeline;
  out.observe.timeline_window = time_window("--timeline-window", arguments.timeline_window);
  if (arguments.log.empty() != arguments.log_file.empty()) {
    throw UsageError(arguments.log.empty() ? "--log-file: only with --log CATEGORIES"
                                           : "--log: --log-file FILE says where to");
  }
  out.observe.log = arguments.log_file;
  out.observe.log_window = time_window("--log-window", arguments.log_window);
  out.observe.log_categories = parse_log_categories(arguments.log);
  out.observe.record = arguments.record;
  out.observe.record_disk = arguments.record_disk;
  return out;
}

/// Reads, expands and checks the studies. Throws ConfigError.
std::vector<study::PreparedStudy> prepare(const RunArguments& arguments, const Library& library) {
  std::vector<study::Override> overrides;
  for (const std::string& text : arguments.set) overrides.push_back(study::parse_override(text));
  std::vector<study::PreparedStudy> out;
  std::set<std::string> names;
  for (const std::string& name : arguments.studies) {
    study::PreparedStudy prepared;
    prepared.study = study::load_study(library.find_study(name).string());
    if (!names.insert(prepared.study.name).second) {
      throw ConfigError({prepared.study.file, 0}, "name",
                        fmt::format("two studies are called '{}'", prepared.study.name),
                        "different names");
    }
    prepared.points = study::expand(prepared.study, overrides, library, !arguments.print_config);
    prepared.out = arguments.out.empty() ? study::default_folder(prepared.study, arguments.set)
                   : arguments.studies.size() == 1 ? arguments.out
                                                   : arguments.out + "/" + prepared.study.name;
    out.push_back(std::move(prepared));
  }
  return out;
}

/// Every file that the studies are read from.
std::vector<std::string> input_files(const RunArguments& arguments, const Library& library,
                                     const std::vector<study::PreparedStudy>& studies) {
  std::set<std::string> out;
  for (const std::string& name : arguments.studies) out.insert(library.find_study(name).string());
  for (const study::PreparedStudy& prepared : studies) {
    for (const study::Point& point : prepared.points) {
      const std::string& trace = point.scenario.workload.trace_file;
      if (trace.empty()) continue;
      for (std::string& file : traces::trace_files(trace)) out.insert(std::move(file));
    }
  }
  return {out.begin(), out.end()};
}

/// Says which observation windows the run did not come to: their files hold nothing.
void warn_of_empty_windows(const ObserveOptions& observe, const PointResult& point) {
  const std::optional<double> end = find_value(point.metrics, "sim_seconds");
  if (!end) return;
  const auto warn = [&end](const char* option, const std::string& file, const TimeWindow& window) {
    if (file.empty() || window.from < *end) return;
    complain(fmt::format("{}: the run ended at {:.6f} s, before the window; {} is empty", option,
                         *end, file));
  };
  warn("--requests-window", observe.requests, observe.requests_window);
  warn("--timeline-window", observe.timeline, observe.timeline_window);
  warn("--log-window", observe.log, observe.log_window);
}

/// What a run says of its results, and its exit code.
int judge(const study::PreparedStudy& prepared, const study::StudyResult& result,
          const RunArguments& arguments, const study::WorkerOptions& worker) {
  if (!arguments.quiet) {
    fmt::print(
        "{}\nresults: {}/results.json\n",
        study::to_table(prepared.study, result, terminal_width(STDOUT_FILENO), arguments.metrics),
        prepared.out);
  }
  const VcdWindow& vcd = worker.vcd;
  int code = kOk;
  if (const double end = find_value(result.points[0].metrics, "sim_seconds").value_or(0);
      !vcd.file.empty() && vcd.from >= end) {
    complain(fmt::format(
        "--vcd-window: the run ended at {:.6f} s, before the window; {} was not written", end,
        vcd.file));
    code = kBadInput;
  }
  warn_of_empty_windows(worker.observe, result.points[0]);
  for (const study::ExpectationResult& e : result.expectations) {
    if (e.ok.value_or(true)) continue;
    code = kExpectationFailed;
    if (arguments.quiet) {
      complain(fmt::format("{}: expectation failed: {}{}", prepared.study.name, e.name,
                           e.note.empty() ? "" : " (" + e.note + ")"));
    }
  }
  for (const PointResult& point : result.points) {
    if (point.status == Status::ok || point.broken_is_tolerated()) continue;
    code = kPointFailed;
    complain(fmt::format("{}: point '{}' {}: {}", prepared.study.name,
                         study::point_name(point.axes), status_name(point.status), point.error));
  }
  return code;
}

/// Runs the studies one after the other. Throws Interrupted, ResumeError.
int run_studies(const std::vector<study::PreparedStudy>& studies, const RunArguments& arguments,
                const study::RunnerOptions& runner) {
  int code = kOk;
  if (!arguments.sensitivity.wanted.empty()) {
    for (const study::PreparedStudy& prepared : studies) {
      code = std::max(code, run_sensitivity({prepared.study, prepared.points, prepared.work,
                                             prepared.out, arguments.set, arguments.jobs,
                                             arguments.quiet, arguments.progress, arguments.resume},
                                            arguments.sensitivity));
    }
    return code;
  }
  const study::RunStudyOptions options = {runner, arguments.set, arguments.resume, arguments.quiet,
                                          arguments.progress};
  std::vector<study::StudyResult> results;
  for (const study::PreparedStudy& prepared : studies) {
    results.push_back(study::run_study(prepared, options));
    code = std::max(code, judge(prepared, results.back(), arguments, runner));
  }
  // Until here, so that taking up an interrupted run of several studies repeats none of them.
  for (const study::PreparedStudy& prepared : studies) {
    study::PartialResults(prepared.partial_file(), prepared.study.name).remove();
  }
  if (!arguments.junit.empty()) write_file_atomic(arguments.junit, study::to_junit(results));
  return code;
}

void prepare_folders(const std::vector<study::PreparedStudy>& studies) {
  for (const study::PreparedStudy& prepared : studies) {
    try {
      prepare_folder(prepared.out);
    } catch (const OutputError& error) {
      throw UsageError(fmt::format("--out: {}; valid: a folder that can be written", error.what()));
    }
  }
}

}  // namespace

int run(const RunArguments& arguments) {
  // Everything is checked before anything runs.
  const Library library = Library::locate();
  std::vector<study::PreparedStudy> studies = prepare(arguments, library);
  if (arguments.print_config) {
    for (const study::PreparedStudy& prepared : studies) print_config(prepared);
    return kOk;
  }
  const study::RunnerOptions runner = runner_options(arguments);
  check_sensitivity(arguments, check_recording(arguments, studies));
  std::vector<OutputFile> outputs = point_files(arguments);
  outputs.push_back({"--junit", arguments.junit});
  check_outputs(outputs, input_files(arguments, library, studies));
  for (study::PreparedStudy& prepared : studies)
    prepared.work = study::check_traces(prepared.points);
  prepare_folders(studies);
  std::vector<study::FolderLock> locks;
  try {
    for (const study::PreparedStudy& prepared : studies)
      locks.emplace_back(prepared.out, study::command_line());
  } catch (const study::FolderInUse& error) {
    throw UsageError(fmt::format("--out: {}", error.what()));
  }
  if (!arguments.junit.empty()) write_file_atomic(arguments.junit, unfinished_junit("cesasim"));
  try {
    return run_studies(studies, arguments, runner);
  } catch (const Interrupted&) {
    return kInterrupted;  // run_study() has said how to go on
  } catch (const study::ResumeError& error) {
    throw UsageError(fmt::format("--resume: {}", error.what()));
  }
}

namespace {

void add_sensitivity_options(Command& command, RunArguments& arguments) {
  command
      .add_flag("--sensitivity{assumed}", arguments.sensitivity.wanted,
                "in place of the results: which conclusions depend on values that presets only "
                "assume; --sensitivity=all varies derived and measured ones too. Writes "
                "sensitivity.md and sensitivity.json")
      ->check(IsMember{{"assumed", "all"}});
  command
      .add_option("--sensitivity-parameters", arguments.sensitivity.globs,
                  "only parameters with such a name, as 'soc.costs.kernel.*'; repeatable")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
}

/// Options that write down what happens in a point.
void add_recording_options(Command& command, RunArguments& arguments) {
  command.add_option("--vcd", arguments.vcd,
                     "write the crypto unit's signals to this file (VCD, for GTKWave); for a "
                     "study of one point");
  command.add_option("--vcd-window", arguments.vcd_window,
                     "part of the run for --vcd, FROM:TO in simulated seconds");
  command.add_option("--export-image", arguments.export_image,
                     "write what the simulated disk holds after the run to this file (sparse); "
                     "for a study of one point");
  command.add_option("--requests", arguments.requests,
                     "write a row for every request, with the time of each stage (CSV; .zst and "
                     ".gz compress); for a study of one point");
  command.add_option("--requests-window", arguments.requests_window,
                     "requests submitted then only, FROM:TO in simulated seconds");
  command.add_option("--timeline", arguments.timeline,
                     "write what ran when, as Chrome trace events (JSON, for Perfetto; .zst and "
                     ".gz compress); for a study of one point");
  command.add_option("--timeline-window", arguments.timeline_window,
                     "part of the run for --timeline, FROM:TO in simulated seconds");
  std::vector<std::string> categories;
  for (const LogCategoryInfo& info : log_categories()) categories.emplace_back(info.name);
  command
      .add_option(
          "--log", arguments.log,
          fmt::format("write what happens to --log-file, line by line, of these categories: "
                      "all, {}; for a study of one point",
                      fmt::join(categories, ", ")))
      ->delimiter(',')
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  command.add_option("--log-file", arguments.log_file, "file of --log (.zst and .gz compress)");
  command.add_option("--log-window", arguments.log_window,
                     "part of the run for --log, FROM:TO in simulated seconds");
  command.add_option("--record", arguments.record,
                     "write the requests that came to the dm device as a trace (format by name, "
                     "else normalized CSV); for a study of one point");
  command.add_option("--record-disk", arguments.record_disk,
                     "the same of the commands that reached the disk");
}

}  // namespace

void add_run_command(Command& app, Action& chosen) {
  const auto given = std::make_shared<RunArguments>();
  RunArguments& arguments = *given;
  Command* command = app.add_subcommand("run", "Run every point of one or more studies");
  command->add_option("STUDY", arguments.studies, "a study's name, or the path of its file")
      ->required();
  command
      ->add_option("--set", arguments.set,
                   "override one value, key=value (see `list parameters`); repeatable")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command->add_option("--jobs", arguments.jobs, "points at a time (default: one per processor)")
      ->check(Range{1u, 4096u});
  command->add_option("--out", arguments.out,
                      "folder for the results (default: out/STUDY, with the overrides added); one "
                      "run at a time");
  command->add_flag("--quiet", arguments.quiet, "no table and no progress, only errors");
  command->add_flag("--progress", arguments.progress,
                    "report the progress on standard error now and then, also where that is "
                    "no terminal");
  command->add_flag("--resume", arguments.resume,
                    "continue an interrupted run: take the points that had finished from "
                    "partial.jsonl in the results' folder if program, configuration and trace are "
                    "the same, and run the others");
  command
      ->add_option("--metrics", arguments.metrics,
                   "a further table with these metrics, as 'stage_us.*' (see `list metrics`); "
                   "repeatable")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command->add_option("--junit", arguments.junit,
                      "write points and expectations of all the studies to this file as JUnit XML");
  command->add_flag("--print-config", arguments.print_config,
                    "print every point's resolved scenario as YAML and stop");
  add_sensitivity_options(*command, arguments);
  add_recording_options(*command, arguments);
  command->callback([given, &chosen] { chosen = [given] { return run(*given); }; });
}

}  // namespace cesasim::cli
