#include "study/cli/cli.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cosim/device/injection.h"
#include "cosim/host/process.h"
#include "cosim/host/selftest.h"
#include "study/atomic_file.h"
#include "study/cli/image_command.h"
#include "study/config/nearest.h"
#include "study/config/scenario.h"
#include "study/config/study.h"
#include "study/image.h"
#include "study/metrics.h"
#include "study/result.h"
#include "study/runner.h"
#include "study/table.h"
#include "study/version.h"
#include "traces/trace_info.h"
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
  std::string vcd;
  std::string vcd_window;
  std::string export_image;
};

/// Arguments that make no sense together.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void complain(const std::string& message) {
  std::fflush(stdout);  // what was said before comes first also where both go to one file
  fmt::print(stderr, "cesasim: {}\n", message);
}

std::string duration(double seconds) {
  const long s = static_cast<long>(seconds + 0.5);
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

/// One line on the terminal, rewritten in place; nothing anywhere else.
class ProgressLine {
 public:
  ProgressLine(std::string study, bool wanted)
      : study_(std::move(study)),
        active_(wanted && ::isatty(STDERR_FILENO) != 0),
        start_(std::chrono::steady_clock::now()) {}
  ~ProgressLine() { clear(); }

  bool active() const { return active_; }
  void show(const RunnerOptions::Status& status) {
    const double elapsed =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    std::string left;
    // Too early an estimate is worse than none.
    if (status.fraction > 0.02) {
      left = ", left " + duration(elapsed / status.fraction * (1 - status.fraction));
    }
    fmt::print(stderr, "\r{}: {}/{} points, {:.1f} s simulated, elapsed {}{}\x1b[K", study_,
               status.done, status.total, status.sim_seconds, duration(elapsed), left);
    std::fflush(stderr);
    shown_ = true;
  }
  void clear() {
    if (shown_) fmt::print(stderr, "\r\x1b[K");
    shown_ = false;
  }

 private:
  std::string study_;
  bool active_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point start_;
};

struct Prepared {
  Study study;
  std::vector<Point> points;
  std::string out;
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
  if (!arguments.vcd_window.empty()) {
    const std::size_t colon = arguments.vcd_window.find(':');
    const auto number = [&](const std::string& text, double empty) {
      if (text.empty()) return empty;
      double value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size() || !(value >= 0) ||
          !std::isfinite(value)) {
        throw UsageError(fmt::format("--vcd-window: '{}' is no number of seconds", text));
      }
      return value;
    };
    if (colon == std::string::npos) {
      throw UsageError(
          fmt::format("--vcd-window: '{}'; valid: FROM:TO in simulated seconds, "
                      "as in 0.5:0.501; either may be left out",
                      arguments.vcd_window));
    }
    vcd.from = number(arguments.vcd_window.substr(0, colon), vcd.from);
    vcd.to = number(arguments.vcd_window.substr(colon + 1), vcd.to);
    if (vcd.to <= vcd.from) {
      throw UsageError(
          fmt::format("--vcd-window: '{}' ends before it begins", arguments.vcd_window));
    }
  }
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

int run_study(const Prepared& prepared, const RunArguments& arguments) {
  RunnerOptions options;
  options.vcd = vcd_window(arguments, prepared.points.size());
  options.export_image = arguments.export_image;
  options.worker = {"/proc/self/exe", "worker"};
  options.jobs = arguments.jobs;
  ProgressLine line(prepared.study.name, !arguments.quiet);
  if (line.active()) {
    options.on_status = [&line](const RunnerOptions::Status& status) { line.show(status); };
  }
  StudyResult result;
  result.study = prepared.study.name;
  result.version = kVersion;
  result.overrides = arguments.set;
  try {
    result.points = run_points(prepared.points, options);
  } catch (const Interrupted&) {
    if (!options.vcd.file.empty()) std::remove(vcd_part_file(options.vcd.file).c_str());
    if (!options.export_image.empty()) {
      std::remove(SparseFile::part_file(options.export_image).c_str());
    }
    throw;
  }
  line.clear();
  result.expectations = check_expectations(prepared.study, result.points);

  write_file_atomic(prepared.out + "/results.json",
                    to_json(result).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  write_file_atomic(prepared.out + "/results.csv", to_csv(result));
  if (!arguments.quiet) {
    fmt::print("{}\nresults: {}/results.json\n", to_table(prepared.study, result), prepared.out);
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
  return code;
}

/// Reads every trace to its end once, so that a bad line or a request beyond the disk is known
/// before anything runs. Throws TraceError.
void check_traces(const std::vector<Point>& points) {
  struct Use {
    std::uint64_t sectors;  // of the smallest disk it is replayed on
    traces::TraceOptions options;
  };
  std::map<std::string, Use> uses;
  for (const Point& point : points) {
    const std::uint64_t sectors = point.scenario.disk.sectors();
    const WorkloadSettings& w = point.scenario.workload;
    auto [it, added] = uses.emplace(w.trace_file, Use{sectors, w.trace_options()});
    if (!added) it->second.sectors = std::min(it->second.sectors, sectors);
  }
  for (const auto& [file, use] : uses) {
    const std::uint64_t sectors = use.sectors;
    const auto reader = traces::open_trace(file, use.options);
    traces::TraceRecord record;
    std::uint64_t records = 0;
    while (reader->next(record)) {
      ++records;
      if (record.op == traces::Op::read || record.op == traces::Op::write) {
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
}

/// "out/STUDY", or with overrides a folder of their own beside it, so that the results to
/// compare with stay: "out/STUDY,soc.cores=2".
std::string default_folder(const Study& study, const RunArguments& arguments) {
  std::string name = study.name;
  for (const std::string& set : arguments.set) name += "," + set;
  for (char& c : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                       std::string_view("._=,-+:").find(c) != std::string_view::npos;
    if (!plain) c = '_';
  }
  return "out/" + name.substr(0, 200);
}

int run(const RunArguments& arguments) {
  const Library library = Library::locate();
  std::vector<Override> overrides;
  for (const std::string& text : arguments.set) overrides.push_back(parse_override(text));
  // Everything is checked before anything runs.
  std::vector<Prepared> all;
  std::set<std::string> names;
  for (const std::string& name : arguments.studies) {
    Prepared prepared;
    prepared.study = load_study(library.find_study(name).string());
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
  for (const Prepared& prepared : all) check_traces(prepared.points);
  for (const Prepared& prepared : all) {
    try {
      prepare_folder(prepared.out);
    } catch (const OutputError& error) {
      complain(fmt::format("--out: {}; valid: a folder that can be written", error.what()));
      return kBadInput;
    }
  }
  int code = kOk;
  for (const Prepared& prepared : all) code = std::max(code, run_study(prepared, arguments));
  return code;
}

void list_named(const std::vector<Named>& table) {
  for (const Named& entry : table) fmt::print("{:<18}  {}\n", entry.name, entry.doc);
}

void list_files(const std::vector<Listed>& files, bool with_kind) {
  for (const Listed& file : files) {
    if (with_kind) {
      fmt::print("{:<8}  {:<24}  {}\n", file.kind, file.name, file.doc);
    } else {
      fmt::print("{:<24}  {}\n", file.name, file.doc);
    }
  }
}

void list_metrics() {
  for (const Metric& metric : metrics()) {
    const char* better = metric.better == Metric::Better::lower    ? "lower is better"
                         : metric.better == Metric::Better::higher ? "higher is better"
                                                                   : "";
    fmt::print("{:<24}  {:<12}  {}{}{}\n", metric.name, metric.unit, metric.doc,
               *better != '\0' ? "; " : "", better);
  }
}

void list_parameter_table() {
  for (const ParameterInfo& p : list_parameters()) {
    std::string valid = p.valid;
    if (p.type == "number" || p.type == "count") {
      valid =
          fmt::format("{:.10g} .. {:.10g}{}{}", p.min, p.max, p.valid.empty() ? "" : "; ", p.valid);
    }
    fmt::print("{:<44}  {:<7}  {:<14}  {}  [{}]\n", p.path, p.type, p.unit, p.doc, valid);
  }
}

void list(const std::string& what) {
  if (what == "paths") return list_named(path_list());
  if (what == "drivers") return list_named(driver_list());
  if (what == "faults") return list_named(fault_list());
  if (what == "metrics") return list_metrics();
  if (what == "parameters") return list_parameter_table();
  const Library library = Library::locate();
  if (what == "presets") return list_files(library.presets(), true);
  if (what == "studies") return list_files(library.studies(), false);
  for (const char* section : {"paths", "drivers", "faults", "presets", "studies"}) {
    fmt::print("{}:\n", section);
    list(section);
    fmt::print("\n");
  }
  fmt::print("also: cesasim list metrics, cesasim list parameters\n");
}

int trace_info(const std::string& file, const traces::TraceOptions& options, bool json) {
  const auto reader = traces::open_trace(file, options);
  const traces::TraceInfo info = traces::collect_info(*reader);
  if (json) {
    fmt::print("{}\n", traces::to_json(info).dump(2));
  } else {
    fmt::print("{}", traces::to_text(info));
    if (reader->skipped_lines() != 0) {
      fmt::print("\n{} lines skipped, the first: {}\n", reader->skipped_lines(),
                 reader->first_skipped());
    }
  }
  return kOk;
}

struct CosimArguments {
  std::string soc;
  std::string kernel;
  std::string module_dir;
  std::string device_log;
  std::string inject;
  std::string junit;
  std::vector<std::string> command;
  unsigned wall_limit = 600;
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

/// Runs one of the two and turns what stops it into a message and an exit code.
int cosim_guarded(int (*what)(const CosimArguments&), const CosimArguments& arguments) {
  try {
    return what(arguments);
  } catch (const cosim::UsageError& error) {
    complain(error.what());
    return kBadInput;
  } catch (const cosim::BuildError& error) {
    complain(error.what());
    return kBadInput;
  } catch (const std::invalid_argument& error) {
    complain(error.what());
    return kBadInput;
  } catch (const cosim::Interrupted&) {
    complain("interrupted");
    return kInterrupted;
  }
}

int dispatch(int argc, char** argv) {
  // A file that would grow too large is an error message and not a death.
  ::signal(SIGXFSZ, SIG_IGN);

  CLI::App app("Simulates disk encryption with a crypto accelerator, from bio to disk.", "cesasim");
  app.set_version_flag("--version", std::string("cesasim ") + kVersion);
  app.require_subcommand(1);

  RunArguments arguments;
  CLI::App* run_command = app.add_subcommand("run", "Run every point of one or more studies");
  run_command->add_option("STUDY", arguments.studies, "a study's name, or the path of its file")
      ->required();
  run_command
      ->add_option("--set", arguments.set,
                   "override one value, key=value (see `list parameters`); repeatable")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  run_command->add_option("--jobs", arguments.jobs, "points at a time (default: one per processor)")
      ->check(CLI::Range(1u, 4096u));
  run_command->add_option("--out", arguments.out,
                          "folder for the results (default: out/STUDY, with the overrides added)");
  run_command->add_flag("--quiet", arguments.quiet, "no table and no progress, only errors");
  run_command->add_flag("--print-config", arguments.print_config,
                        "print every point's resolved scenario as YAML and stop");

  run_command->add_option("--vcd", arguments.vcd,
                          "write the crypto unit's signals to this file (VCD, for GTKWave); for a "
                          "study of one point");
  run_command->add_option("--vcd-window", arguments.vcd_window,
                          "part of the run for --vcd, FROM:TO in simulated seconds");
  run_command->add_option(
      "--export-image", arguments.export_image,
      "write what the simulated disk holds after the run to this file (sparse); "
      "for a study of one point");

  std::string what;
  CLI::App* list_command = app.add_subcommand("list", "What there is to choose from");
  list_command
      ->add_option("WHAT", what, "paths, drivers, faults, presets, studies, metrics, parameters")
      ->check(CLI::IsMember(
          {"paths", "drivers", "faults", "presets", "studies", "metrics", "parameters"}));

  CLI::App* trace_command = app.add_subcommand("trace", "Look at traces");
  trace_command->require_subcommand(1);
  std::string trace_file;
  bool trace_json = false;
  CLI::App* info_command = trace_command->add_subcommand("info", "Statistics of a trace");
  info_command->add_option("FILE", trace_file, "a trace file")->required();
  info_command->add_flag("--json", trace_json, "as JSON");
  traces::TraceOptions trace_options;
  info_command->add_option("--device", trace_options.device,
                           "blkparse: the device to take, as major,minor");
  info_command->add_flag("--skip-bad-lines", trace_options.skip_bad_lines,
                         "count lines that do not parse instead of stopping");

  ImageArguments image;
  CLI::App* image_app =
      app.add_subcommand("image", "Encrypt or decrypt a file through the simulated dm-crypt");
  image_app->require_subcommand(1);
  CLI::App* encrypt_command = image_app->add_subcommand(
      "encrypt", "Write IN to the mapping; OUT is the disk up to the mapping's end");
  CLI::App* decrypt_command =
      image_app->add_subcommand("decrypt", "Read the mapping of the disk IN; OUT is what came");
  for (CLI::App* command : {encrypt_command, decrypt_command}) {
    command
        ->add_option("--table", image.table,
                     "the mapping as dmsetup takes it (the device's name does not matter)")
        ->required();
    command->add_option("--path", image.path, "data path, see `list paths` (modern)");
    command->add_option("--driver", image.driver, "driver, see `list drivers` (cryptosoft)");
    command->add_option("--policy", image.policy,
                        "OCF core: 2005, 2006, 2010, marvell (2010; ocf-lsp: marvell)");
    command->add_option("--soc", image.soc, "soc preset (kirkwood-88f6281)");
    command->add_option("--placement", image.placement, "native, in-place, out-of-place (native)");
    command->add_flag("--quiet", image.quiet, "only errors");
    command->add_option("IN", image.in, "a file or a block device")->required();
    command->add_option("OUT", image.out, "a file; replaced when all has gone well")->required();
  }

  CosimArguments cosim;
  CLI::App* cosim_command =
      app.add_subcommand("cosim", "The crypto unit under a real Linux kernel with its own driver");
  cosim_command->require_subcommand(1);
  CLI::App* selftest_command = cosim_command->add_subcommand(
      "selftest", "The kernel's self tests and dm-crypt on every SoC, or on one");
  CLI::App* boot_command =
      cosim_command->add_subcommand("run", "Boot the kernel and run a command in it");
  for (CLI::App* command : {selftest_command, boot_command}) {
    command->add_option("--soc", cosim.soc,
                        "soc preset (default: selftest all kinds, run armada-370)");
    command->add_option("--kernel", cosim.kernel,
                        "kernel source tree, or a folder with a built User-mode Linux "
                        "(default: Debian's linux-source-6.1)");
    command->add_option("--module-dir", cosim.module_dir,
                        "sources of a driver to load instead of the kernel's");
    command->add_option("--wall-limit", cosim.wall_limit, "seconds that one boot may take (600)")
        ->check(CLI::Range(1u, 86400u));
  }
  selftest_command->add_flag("--quick", cosim.quick, "self tests and dm-crypt only");
  selftest_command
      ->add_option("--fuzz", cosim.fuzz,
                   "iterations of the kernel's randomized tests (100; 0: none)")
      ->check(CLI::Range(0u, 1000000u));
  selftest_command
      ->add_option("--seconds", cosim.seconds, "simulated seconds of concurrent load (60)")
      ->check(CLI::Range(1u, 3000u));
  selftest_command->add_option("--junit", cosim.junit, "write the results as JUnit XML");
  boot_command->add_option("--device-log", cosim.device_log,
                           "write every register access, DMA access and interrupt");
  boot_command->add_option("--inject", cosim.inject,
                           "a fault: bus-error@N, lost-irq@N, stuck@N, kill@N");
  boot_command
      ->add_option("--simulated-limit", cosim.simulated_limit,
                   "simulated seconds that the guest may take (3600)")
      ->check(CLI::Range(1u, 10000000u));
  boot_command->add_flag("--console", cosim.console, "show the kernel's log at the end");
  boot_command->add_option("COMMAND", cosim.command, "after --: a command for the guest")
      ->required();

  std::vector<int> fds;
  CLI::App* worker_command = app.add_subcommand("worker", "")->group("");
  worker_command->add_option("FD", fds)->required()->expected(3);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    const std::string_view first = argc > 1 ? argv[1] : "";
    if (!first.empty() && first[0] != '-' && first != "run" && first != "list" &&
        first != "trace" && first != "image" && first != "cosim") {
      complain(fmt::format(
          "unknown command '{}'; valid: run, list, trace, image, cosim (and, of the launcher: "
          "test, build)",
          first));
    } else {
      complain(fmt::format("{}; see cesasim --help", error.what()));
    }
    return kBadInput;
  }

  try {
    if (*run_command) return run(arguments);
    if (*list_command) {
      list(what);
      return kOk;
    }
    if (*info_command) return trace_info(trace_file, trace_options, trace_json);
    if (*encrypt_command || *decrypt_command) {
      image_command(static_cast<bool>(*encrypt_command), image);
      return kOk;
    }
    if (*selftest_command) return cosim_guarded(cosim_selftest, cosim);
    if (*boot_command) return cosim_guarded(cosim_run, cosim);
    return worker_main(fds[0], fds[1], fds[2]);
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
    // told by the caller.
    if (std::ferror(stdout) == 0) complain(error.what());
    return kPointFailed;
  }
}

}  // namespace

int cli_main(int argc, char** argv) {
  const int code = dispatch(argc, argv);
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    complain("standard output cannot be written");
    return std::max<int>(code, kPointFailed);
  }
  return code;
}

}  // namespace cesasim::study
