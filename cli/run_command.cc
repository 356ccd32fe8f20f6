// cesasim run.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>

#include "base/file/atomic_file.h"
#include "base/text/version.h"
#include "cli/command.h"
#include "cli/progress_line.h"
#include "cli/sensitivity_run.h"
#include "study/diff/baseline.h"
#include "study/matrix/study.h"
#include "study/output/csv.h"
#include "study/output/junit.h"
#include "study/output/table.h"
#include "study/result/result.h"
#include "study/run/folder_lock.h"
#include "study/run/partial.h"
#include "study/run/runner.h"
#include "traces/formats/blktrace_reader.h"
#include "traces/trace_reader.h"

namespace cesasim::study {
namespace {

struct RunArguments {
  std::vector<std::string> studies;
  std::vector<std::string> set;
  unsigned jobs = 0;
  std::string out;
  bool quiet = false;
  bool print_config = false;
  bool progress = false;
  bool resume = false;
  std::string junit;
  SensitivityArguments sensitivity;
  std::string vcd;
  std::string vcd_window;
  std::string export_image;
  std::string requests;
  std::string requests_window;
  std::string timeline;
  std::string timeline_window;
  std::string record;
  std::string record_disk;
};

struct Prepared {
  Study study;
  std::vector<Point> points;
  std::vector<double> work;  ///< of each point
  std::string out;

  std::string partial_file() const { return out + "/partial.jsonl"; }
};

void print_config(const Prepared& prepared) {
  for (const Point& point : prepared.points) {
    std::string text = "---\n";
    const std::string label = point_label(point.axes);
    text += fmt::format("# {} {}: {}\n", prepared.study.name, kVersion,
                        label.empty() ? "one point" : label);
    text += fmt::format("name: {}\nscenario:\n", prepared.study.name);
    text += to_yaml(point.tree, 2);
    fmt::print("{}", text);
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

/// What --requests, --timeline and --record ask for, refused if it cannot be. Throws UsageError.
ObserveOptions observe_options(const RunArguments& arguments, const std::vector<Point>& points,
                               std::size_t count) {
  ObserveOptions out;
  if (arguments.requests.empty() && !arguments.requests_window.empty()) {
    throw UsageError("--requests-window: only with --requests FILE");
  }
  if (arguments.timeline.empty() && !arguments.timeline_window.empty()) {
    throw UsageError("--timeline-window: only with --timeline FILE");
  }
  out.requests = arguments.requests;
  out.requests_window = time_window("--requests-window", arguments.requests_window);
  out.timeline = arguments.timeline;
  out.timeline_window = time_window("--timeline-window", arguments.timeline_window);
  out.record = arguments.record;
  out.record_disk = arguments.record_disk;
  std::set<std::string> files{arguments.vcd, arguments.export_image};
  for (const auto& [option, file] : out.files()) {
    if (count != 1) {
      throw UsageError(
          fmt::format("{}: the studies have {} points, and the file is of one; choose it with "
                      "--set, as for --vcd",
                      option, count));
    }
    if (points.front().scenario.workload.bench.wanted()) {
      throw UsageError(fmt::format(
          "{}: workload.bench has no block requests; valid: a study with workload.trace", option));
    }
    if (!files.insert(*file).second) {
      throw UsageError(fmt::format("{}: {} is asked for twice", option, *file));
    }
    if (*file == "-") {
      throw UsageError(fmt::format("{}: '-' is no file", option));
    }
    try {
      const SparseFile probe(*file);
    } catch (const OutputError& error) {
      throw UsageError(fmt::format("{}: {}; valid: a file in a folder that can be written", option,
                                   error.what()));
    }
  }
  return out;
}

/// What --vcd and --vcd-window ask for. Throws UsageError.
VcdWindow vcd_window(const RunArguments& arguments, std::size_t points) {
  VcdWindow vcd;
  if (arguments.vcd.empty()) {
    if (!arguments.vcd_window.empty()) throw UsageError("--vcd-window: only with --vcd FILE");
    return vcd;
  }
  if (points != 1) {
    throw UsageError(fmt::format(
        "--vcd: the studies have {} points, and a VCD file shows one; choose it with --set, as in "
        "--set workload.trace=traces/mkfs.csv.zst --set dmcrypt.path=ocf-v3 --set "
        "ocf.driver=cesa_tdma",
        points));
  }
  vcd.file = arguments.vcd;
  const TimeWindow window = time_window("--vcd-window", arguments.vcd_window);
  vcd.from = window.from;
  vcd.to = window.to;
  return vcd;
}

/// What --export-image asks for, refused if it cannot be. Throws UsageError.
void check_export(const std::string& file, std::size_t points) {
  if (file.empty()) return;
  if (points != 1) {
    throw UsageError(fmt::format(
        "--export-image: the studies have {} points, and an image shows the disk of one; choose it "
        "with --set, as for --vcd",
        points));
  }
  try {
    const SparseFile probe(file);
  } catch (const OutputError& error) {
    throw UsageError(
        fmt::format("--export-image: {}; valid: a file in a folder that can be "
                    "written",
                    error.what()));
  }
}

/// Runs the points that need running, keeping each as it ends so that an interrupted run can be
/// taken up. Errors: Interrupted, after telling how; ResumeError.
std::vector<PointResult> run_kept(const Prepared& prepared, const RunArguments& arguments,
                                  RunnerOptions options) {
  Identifier identifier;
  std::vector<PointIdentity> identities;
  for (const Point& point : prepared.points) identities.push_back(identifier.of(point));
  PartialResults partial(prepared.partial_file(), prepared.study.name);
  std::vector<std::optional<PointResult>> results(prepared.points.size());
  std::vector<std::pair<PointIdentity, PointResult>> kept;
  std::vector<std::size_t> to_run;
  if (arguments.resume && partial.exists()) partial.load();
  for (std::size_t i = 0; i < prepared.points.size(); ++i) {
    std::string why;
    if (arguments.resume) results[i] = partial.take(prepared.points[i], identities[i], why);
    if (results[i]) {
      kept.emplace_back(identities[i], *results[i]);
      continue;
    }
    to_run.push_back(i);
    if (!why.empty()) {
      complain(fmt::format("{}: point '{}' runs again: {}", prepared.study.name,
                           point_name(prepared.points[i].axes), why));
    }
  }
  if (arguments.resume && !arguments.quiet) {
    complain(
        fmt::format("{}: {} of {} points were finished, {} to run{}", prepared.study.name,
                    kept.size(), results.size(), to_run.size(),
                    partial.damaged() > 0 ? " (a line that was not complete is left out)" : ""));
  } else if (!arguments.resume && partial.exists()) {
    complain(fmt::format("{}: {} of an interrupted run is dropped (--resume would go on with it)",
                         prepared.study.name, partial.file()));
  }
  partial.start(kept);

  std::vector<Point> points;
  for (std::size_t i : to_run) {
    points.push_back(prepared.points[i]);
    if (!prepared.work.empty()) options.weights.push_back(prepared.work[i]);
  }
  ProgressLine line(prepared.study.name, ProgressLine::choose(arguments.quiet, arguments.progress),
                    kept.size());
  if (line.active()) {
    options.on_status = [&line](const RunnerOptions::Status& status) { line.show(status); };
  }
  std::size_t finished = kept.size();
  bool told = false;
  options.on_result = [&](std::size_t index, const PointResult& result) {
    // One that failed may do better next time.
    if (result.status == Status::failed) return;
    ++finished;
    if (!partial.append(identities[to_run[index]], result) && !told) {
      told = true;
      line.clear();
      complain(fmt::format("{}: cannot be written; an interrupted run would start anew",
                           partial.file()));
    }
  };
  try {
    std::vector<PointResult> ran = run_points(points, options);
    for (std::size_t i = 0; i < ran.size(); ++i) results[to_run[i]] = std::move(ran[i]);
  } catch (const Interrupted&) {
    line.clear();
    if (partial.exists()) {
      complain(fmt::format("interrupted; {} of {} points are kept in {}; to go on: {}{}", finished,
                           results.size(), partial.file(), command_line(),
                           arguments.resume ? "" : " --resume"));
    } else {
      complain("interrupted before a point had ended, nothing written");
    }
    throw;
  }
  std::vector<PointResult> out;
  for (std::optional<PointResult>& result : results) out.push_back(std::move(*result));
  return out;
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
}

int run_study(const Prepared& prepared, const RunArguments& arguments,
              std::vector<StudyResult>& all) {
  RunnerOptions options;
  options.vcd = vcd_window(arguments, prepared.points.size());
  options.export_image = arguments.export_image;
  options.observe = observe_options(arguments, prepared.points, prepared.points.size());
  options.worker = {"/proc/self/exe", "worker"};
  options.jobs = arguments.jobs;
  StudyResult result;
  result.study = prepared.study.name;
  result.version = kVersion;
  result.overrides = arguments.set;
  result.doc = prepared.study.doc;
  result.date = fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr)));
  result.command = command_line();
  if (prepared.study.baseline) {
    for (const auto& [path, value] : prepared.study.baseline->values) {
      result.baseline[path] = scalar_json(value);
    }
  }
  try {
    result.points = run_kept(prepared, arguments, options);
  } catch (const Interrupted&) {
    if (!options.vcd.file.empty()) std::remove(vcd_part_file(options.vcd.file).c_str());
    if (!options.export_image.empty()) {
      std::remove(SparseFile::part_file(options.export_image).c_str());
    }
    for (const auto& [option, file] : options.observe.files()) {
      std::remove(SparseFile::part_file(*file).c_str());
    }
    throw;
  }
  result.expectations = check_expectations(prepared.study, result.points);

  try {
    write_file_atomic(prepared.out + "/results.json",
                      to_json(result).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    write_file_atomic(prepared.out + "/results.csv", to_csv(result));
  } catch (const OutputError&) {
    const PartialResults partial(prepared.partial_file(), prepared.study.name);
    if (partial.exists()) {
      complain(fmt::format("the points that ran are kept in {}; once there is room: {}{}",
                           partial.file(), command_line(), arguments.resume ? "" : " --resume"));
    }
    throw;
  }
  if (!arguments.quiet) {
    fmt::print("{}\nresults: {}/results.json\n",
               to_table(prepared.study, result, terminal_width(STDOUT_FILENO)), prepared.out);
  }

  int code = kOk;
  if (const double end = find_value(result.points[0].metrics, "sim_seconds").value_or(0);
      !options.vcd.file.empty() && options.vcd.from >= end) {
    complain(
        fmt::format("--vcd-window: the run ended at {:.6f} s, before the window; {} was not "
                    "written",
                    end, options.vcd.file));
    code = kBadInput;
  }
  warn_of_empty_windows(options.observe, result.points[0]);
  for (const ExpectationResult& e : result.expectations) {
    if (e.ok && !*e.ok) {
      code = kExpectationFailed;
      if (arguments.quiet) {
        complain(fmt::format("{}: expectation failed: {}{}", prepared.study.name, e.name,
                             e.note.empty() ? "" : " (" + e.note + ")"));
      }
    }
  }
  for (const PointResult& point : result.points) {
    if (point.status == Status::ok || point.broken_is_tolerated()) continue;
    code = kPointFailed;
    complain(fmt::format("{}: point '{}' {}: {}", prepared.study.name, point_name(point.axes),
                         status_name(point.status), point.error));
  }
  all.push_back(std::move(result));
  return code;
}

/// Reads every trace to its end once, so that a bad line or a request beyond the disk is known
/// before anything runs. Returns how much work each point is, in bytes. Throws TraceError.
std::vector<double> check_traces(const std::vector<Point>& points) {
  // The same file may be read in two ways.
  using Way = std::tuple<std::string, std::string, bool>;
  const auto way = [](const WorkloadSettings& w) {
    return Way(w.trace_file, w.device, w.skip_bad_lines);
  };
  struct Use {
    std::uint64_t sectors;  // of the smallest disk it is replayed on
    traces::TraceOptions options;
  };
  std::map<Way, Use> uses;
  for (const Point& point : points) {
    const std::uint64_t sectors = point.scenario.disk.sectors();
    const WorkloadSettings& w = point.scenario.workload;
    if (w.bench.wanted()) continue;
    auto [it, added] = uses.emplace(way(w), Use{sectors, w.trace_options()});
    if (!added) it->second.sectors = std::min(it->second.sectors, sectors);
  }
  // A request costs about as much as the bytes of a small one.
  constexpr double kBytesPerRequest = 4096;
  std::map<Way, double> work;
  for (const auto& [key, use] : uses) {
    const std::string& file = std::get<0>(key);
    const std::uint64_t sectors = use.sectors;
    double& bytes = work[key];
    const auto reader = traces::open_trace(file, use.options);
    traces::TraceRecord record;
    std::uint64_t records = 0;
    while (reader->next(record)) {
      ++records;
      bytes += kBytesPerRequest;
      if (record.op == traces::Op::read || record.op == traces::Op::write) {
        bytes += static_cast<double>(record.bytes);
        if (record.end_sector() > sectors) {
          throw traces::TraceError(
              file, record.line,
              fmt::format("sectors {} to {} are beyond the disk, which has {}; valid: a larger "
                          "disk (disk.capacity_gib) or a trace of a smaller one",
                          record.sector, record.end_sector() - 1, sectors));
        }
      }
    }
    if (records == 0) throw traces::TraceError(file, 0, "the trace holds no request");
  }
  std::vector<double> out;
  for (const Point& point : points) {
    const WorkloadSettings& w = point.scenario.workload;
    out.push_back(w.bench.wanted()
                      ? static_cast<double>(w.bench.requests) *
                            (kBytesPerRequest + static_cast<double>(w.bench.block_bytes))
                      : work[way(w)]);
  }
  return out;
}

/// "out/STUDY", or with overrides a folder of their own beside it, so that the results to
/// compare with stay: "out/STUDY,soc.cores=2". Where that would be long, or not tell other
/// overrides apart, a hash of all of them stands at its end; results.json has them as they were
/// given.
std::string default_folder(const Study& study, const RunArguments& arguments) {
  constexpr std::size_t kMostCharacters = 60;
  std::string name = study.name;
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a
  const auto add = [&hash](const std::string& text) {
    for (const char c : text + '\0') {
      hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    }
  };
  add(study.name);
  bool exact = study.name.find(',') == std::string::npos;
  for (const std::string& set : arguments.set) {
    name += "," + set;
    add(set);
    exact = exact && set.find(',') == std::string::npos;  // which stands between them
  }
  for (char& c : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                       std::string_view("_.=,-+:").find(c) != std::string_view::npos;
    if (plain) continue;
    c = '_';
    exact = false;
  }
  // A name with '_' of its own is told from a folded one by the hash of the latter.
  if (exact && name.size() <= kMostCharacters + study.name.size()) return "out/" + name;
  return fmt::format("out/{}-{:012x}", name.substr(0, kMostCharacters + study.name.size()),
                     hash & 0xffffffffffff);
}

int run(const RunArguments& arguments) {
  const Library library = Library::locate();
  std::vector<Override> overrides;
  for (const std::string& text : arguments.set) overrides.push_back(parse_override(text));
  // Everything is checked before anything runs.
  std::vector<Prepared> all;
  std::vector<std::string> inputs;
  std::set<std::string> names;
  for (const std::string& name : arguments.studies) {
    Prepared prepared;
    inputs.push_back(library.find_study(name).string());
    prepared.study = load_study(inputs.back());
    if (!names.insert(prepared.study.name).second) {
      throw ConfigError({prepared.study.file, 0}, "name",
                        fmt::format("two studies are called '{}'", prepared.study.name),
                        "different names");
    }
    prepared.points = expand(prepared.study, overrides, library, !arguments.print_config);
    prepared.out = arguments.out.empty()           ? default_folder(prepared.study, arguments)
                   : arguments.studies.size() == 1 ? arguments.out
                                                   : arguments.out + "/" + prepared.study.name;
    all.push_back(std::move(prepared));
  }
  if (arguments.print_config) {
    for (const Prepared& prepared : all) print_config(prepared);
    return kOk;
  }
  std::size_t points = 0;
  for (const Prepared& prepared : all) points += prepared.points.size();
  if (const VcdWindow vcd = vcd_window(arguments, points); !vcd.file.empty()) {
    // As the recorder will: so that an unwritable place is known before anything runs.
    const std::string part = vcd_part_file(vcd.file);
    std::FILE* probe =
        std::filesystem::is_directory(vcd.file) ? nullptr : std::fopen(part.c_str(), "w");
    if (probe == nullptr) {
      throw UsageError(
          fmt::format("--vcd: {} cannot be written; valid: a file in a folder that "
                      "can be written",
                      vcd.file));
    }
    std::fclose(probe);
    std::remove(part.c_str());
  }
  check_export(arguments.export_image, points);
  if (!arguments.vcd.empty() && arguments.vcd == arguments.export_image) {
    throw UsageError(fmt::format("--export-image: {} is asked for twice", arguments.vcd));
  }
  const ObserveOptions observe = observe_options(arguments, all.front().points, points);
  const bool watched =
      !arguments.vcd.empty() || !arguments.export_image.empty() || observe.wanted();
  if (arguments.resume && watched) {
    throw UsageError(
        "--resume: not with --vcd, --export-image, --requests, --timeline or --record, which need "
        "the point to run");
  }
  if (arguments.sensitivity.wanted.empty()) {
    if (!arguments.sensitivity.globs.empty()) {
      throw UsageError("--sensitivity-parameters: only with --sensitivity");
    }
  } else if (watched || !arguments.junit.empty()) {
    throw UsageError("--sensitivity: not with --junit or options that record a point");
  }
  for (const Prepared& prepared : all) {
    for (const Point& point : prepared.points) {
      if (point.scenario.workload.trace_file.empty()) continue;
      for (std::string& file : traces::trace_files(point.scenario.workload.trace_file)) {
        if (inputs.back() != file) inputs.push_back(std::move(file));
      }
    }
  }
  std::vector<std::pair<const char*, std::string>> outputs = {
      {"--vcd", arguments.vcd},
      {"--export-image", arguments.export_image},
      {"--junit", arguments.junit}};
  for (const auto& [option, file] : observe.files()) outputs.emplace_back(option, *file);
  for (const auto& [option, file] : outputs) {
    try {
      refuse_input(file, inputs);
    } catch (const OutputError& error) {
      throw UsageError(fmt::format("{}: {}; valid: another file", option, error.what()));
    }
  }
  if (!arguments.junit.empty()) {
    // Before anything runs, as for the folders below; and what CI finds if nothing comes after it.
    try {
      write_file_atomic(arguments.junit,
                        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                        "<testsuites tests=\"1\" failures=\"0\" errors=\"1\">\n"
                        "  <testsuite name=\"cesasim\" tests=\"1\" failures=\"0\" errors=\"1\">\n"
                        "    <testcase name=\"run\" classname=\"cesasim\">\n"
                        "      <error message=\"the run did not come to its end\"/>\n"
                        "    </testcase>\n  </testsuite>\n</testsuites>\n");
    } catch (const OutputError& error) {
      throw UsageError(
          fmt::format("--junit: {}; valid: a file in a folder that can be written", error.what()));
    }
  }
  for (Prepared& prepared : all) prepared.work = check_traces(prepared.points);
  for (const Prepared& prepared : all) {
    try {
      prepare_folder(prepared.out);
    } catch (const OutputError& error) {
      complain(fmt::format("--out: {}; valid: a folder that can be written", error.what()));
      return kBadInput;
    }
  }
  std::vector<FolderLock> locks;
  try {
    for (const Prepared& prepared : all) locks.emplace_back(prepared.out, command_line());
  } catch (const FolderInUse& error) {
    throw UsageError(fmt::format("--out: {}", error.what()));
  }
  int code = kOk;
  std::vector<StudyResult> results;
  try {
    for (const Prepared& prepared : all) {
      if (!arguments.sensitivity.wanted.empty()) {
        code =
            std::max(code, run_sensitivity({prepared.study, prepared.points, prepared.work,
                                            prepared.out, arguments.set, arguments.jobs,
                                            arguments.quiet, arguments.progress, arguments.resume},
                                           arguments.sensitivity));
        continue;
      }
      code = std::max(code, run_study(prepared, arguments, results));
    }
  } catch (const Interrupted&) {
    return kInterrupted;  // run_kept() has told about it
  } catch (const ResumeError& error) {
    throw UsageError(fmt::format("--resume: {}", error.what()));
  }
  // Until here, so that taking up an interrupted run of several studies repeats none of them.
  for (const Prepared& prepared : all) {
    if (!arguments.sensitivity.wanted.empty()) break;
    PartialResults(prepared.partial_file(), prepared.study.name).remove();
  }
  if (!arguments.junit.empty()) write_file_atomic(arguments.junit, to_junit(results));
  return code;
}

}  // namespace

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
  arguments.quiet = true;
  if (const int code = run(arguments); code != kOk) {
    if (code != kInterrupted) {
      complain("no baseline was written: these results are none to compare with");
    }
    return code;
  }
  try {
    prepare_folder(folder.string());
  } catch (const OutputError& error) {
    complain(error.what());
    return kBadInput;
  }
  for (const std::string& name : arguments.studies) {
    const Study study = load_study(library.find_study(name).string());
    const std::string file = (folder / (study.name + ".json")).string();
    write_file_atomic(file, baseline_text(load_results(default_folder(study, arguments)).result));
    fmt::print("{}\n", shown_path(file));
  }
  return kOk;
}

}  // namespace

void add_baseline_command(CLI::App& app, Action& chosen) {
  const auto given = std::make_shared<RunArguments>();
  const auto all = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("baseline",
                                         "Run studies and keep their results in studies/baselines, "
                                         "for `cesasim diff` to compare with");
  command->add_option("STUDY", given->studies, "a study's name, or the path of its file");
  command->add_flag("--all", *all, "all studies that have a baseline");
  command->add_option("--jobs", given->jobs, "points at a time (default: one per processor)")
      ->check(CLI::Range(1u, 4096u));
  command->add_flag("--progress", given->progress, "as in run");
  command->add_flag("--resume", given->resume, "as in run");
  command->callback(
      [given, all, &chosen] { chosen = [given, all] { return write_baselines(*given, *all); }; });
}

void add_run_command(CLI::App& app, Action& chosen) {
  const auto given = std::make_shared<RunArguments>();
  RunArguments& arguments = *given;
  CLI::App* command = app.add_subcommand("run", "Run every point of one or more studies");
  command->add_option("STUDY", arguments.studies, "a study's name, or the path of its file")
      ->required();
  command
      ->add_option("--set", arguments.set,
                   "override one value, key=value (see `list parameters`); repeatable")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command->add_option("--jobs", arguments.jobs, "points at a time (default: one per processor)")
      ->check(CLI::Range(1u, 4096u));
  command->add_option(
      "--out", arguments.out,
      "folder for the results (default: out/STUDY, with the overrides added); one run at a time");
  command->add_flag("--quiet", arguments.quiet, "no table and no progress, only errors");
  command->add_flag("--progress", arguments.progress,
                    "tell on standard error now and then how far the run is, also where that is "
                    "no terminal");
  command->add_flag("--resume", arguments.resume,
                    "go on with an interrupted run: take the points that had finished from "
                    "partial.jsonl in the results' folder if program, configuration and trace are "
                    "the same, and run the others");
  command->add_option("--junit", arguments.junit,
                      "write points and expectations of all the studies to this file as JUnit XML");
  command
      ->add_flag("--sensitivity{assumed}", arguments.sensitivity.wanted,
                 "in place of the results: which conclusions hang on values that presets only "
                 "assume; --sensitivity=all varies derived and measured ones too. Writes "
                 "sensitivity.md and sensitivity.json")
      ->check(CLI::IsMember({"assumed", "all"}));
  command
      ->add_option("--sensitivity-parameters", arguments.sensitivity.globs,
                   "only parameters with such a name, as 'soc.costs.kernel.*'; repeatable")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command->add_flag("--print-config", arguments.print_config,
                    "print every point's resolved scenario as YAML and stop");

  command->add_option("--vcd", arguments.vcd,
                      "write the crypto unit's signals to this file (VCD, for GTKWave); for a "
                      "study of one point");
  command->add_option("--vcd-window", arguments.vcd_window,
                      "part of the run for --vcd, FROM:TO in simulated seconds");
  command->add_option("--export-image", arguments.export_image,
                      "write what the simulated disk holds after the run to this file (sparse); "
                      "for a study of one point");
  command->add_option("--requests", arguments.requests,
                      "write a row for every request, with the time of each stage (CSV; .zst and "
                      ".gz compress); for a study of one point");
  command->add_option("--requests-window", arguments.requests_window,
                      "requests submitted then only, FROM:TO in simulated seconds");
  command->add_option("--timeline", arguments.timeline,
                      "write what ran when, as Chrome trace events (JSON, for Perfetto; .zst and "
                      ".gz compress); for a study of one point");
  command->add_option("--timeline-window", arguments.timeline_window,
                      "part of the run for --timeline, FROM:TO in simulated seconds");
  command->add_option("--record", arguments.record,
                      "write the requests that came to the dm device as a trace (format by name, "
                      "else normalized CSV); for a study of one point");
  command->add_option("--record-disk", arguments.record_disk,
                      "the same of the commands that reached the disk");
  command->callback([given, &chosen] { chosen = [given] { return run(*given); }; });
}

}  // namespace cesasim::study
