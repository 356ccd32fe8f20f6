// SPDX-License-Identifier: Apache-2.0
// cesasim trace.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <csignal>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file/atomic_file.h"
#include "cli/command.h"
#include "machine/trace_output.h"
#include "traces/formats/blktrace_reader.h"
#include "traces/generate/trace_generator.h"
#include "traces/trace_cut.h"
#include "traces/trace_info.h"
#include "traces/trace_reader.h"

namespace cesasim::cli {
namespace {

using traces::TraceFormat;

/// What the commands with an input share.
struct InputArguments {
  std::string file;
  std::string format;
  std::string arrivals = "queue";
  traces::TraceOptions options;

  void add_to(CLI::App& command) {
    options.completions = true;
    command
        .add_option("FILE", file,
                    "a trace, plain, gzip or zstd, its format known by content; or the folder of "
                    "blktrace's files")
        ->required();
    command.add_option(
        "--format", format,
        "its format, where the first 64 KiB do not show it: " + traces::format_names());
    command.add_option("--device", options.device,
                       "the device to take if there are several: major,minor (blkparse, "
                       "blktrace), the file (iolog), host,disk (msr) or the disk (biosnoop)");
    command.add_option("--arrivals", arrivals,
                       "what a request of blkparse and blktrace is: queue (Q events: what the "
                       "device was asked; the default) or issue (D events: what its driver was)");
    command.add_flag("--skip-bad-lines", options.skip_bad_lines,
                     "count lines or events that do not parse instead of stopping, and read "
                     "compressed files that are cut short");
  }

  std::unique_ptr<traces::TraceReader> open() const {
    traces::TraceOptions chosen = options;
    if (!format.empty()) {
      chosen.format = traces::format_of_name(format);
      if (chosen.format == TraceFormat::detect) {
        throw UsageError(fmt::format("--format: unknown trace format '{}'; valid: {}", format,
                                     traces::format_names()));
      }
    }
    if (arrivals != "queue" && arrivals != "issue") {
      throw UsageError(
          fmt::format("--arrivals: unknown event '{}'; valid: queue, issue", arrivals));
    }
    if (arrivals == "issue") chosen.arrivals = traces::Arrivals::issue;
    return traces::open_trace(file, chosen);
  }
};

/// What the commands with an output share.
struct OutputArguments {
  std::string path;
  std::string format;

  void add_to(CLI::App& command) {
    command
        .add_option("OUT", path,
                    "the file to write, compressed if it ends in .zst or .gz; - is standard output")
        ->required();
    command.add_option("--to", format,
                       "its format: " + traces::format_names(true) + "; default: as its name ends");
  }

  TraceFormat chosen_format() const {
    if (!format.empty()) {
      const TraceFormat named = traces::format_of_name(format);
      if (named != TraceFormat::detect && traces::format_info(named).write != nullptr) return named;
      throw UsageError(fmt::format("{} '{}'; valid: {}",
                                   named == TraceFormat::detect
                                       ? "unknown trace format"
                                       : "there is no writer of trace format",
                                   format, traces::format_names(true)));
    }
    const TraceFormat by_name = traces::format_of_path(path);
    if (by_name != TraceFormat::detect) return by_name;
    throw UsageError(fmt::format("{}: its name does not say which format to write; give --to {}",
                                 path, traces::format_names(true)));
  }
};

/// While it lives, a signal that ends the program takes the file with it.
class RemoveOnSignal {
 public:
  explicit RemoveOnSignal(std::string file) {
    file_ = std::move(file);
    struct sigaction action = {};
    action.sa_handler = [](int signal) {
      ::unlink(file_.c_str());
      std::signal(signal, SIG_DFL);
      std::raise(signal);
    };
    ::sigaction(SIGINT, &action, &before_[0]);
    ::sigaction(SIGTERM, &action, &before_[1]);
  }
  ~RemoveOnSignal() {
    ::sigaction(SIGINT, &before_[0], nullptr);
    ::sigaction(SIGTERM, &before_[1], nullptr);
  }
  RemoveOnSignal(const RemoveOnSignal&) = delete;
  RemoveOnSignal& operator=(const RemoveOnSignal&) = delete;

 private:
  static inline std::string file_;
  struct sigaction before_[2];
};

/// Writes a trace by `fill`, says what was lost on the way, and how many requests it has.
void write_trace(const OutputArguments& arguments,
                 const std::function<void(traces::TraceWriter&)>& fill) {
  TraceOutput output(arguments.path, arguments.chosen_format());
  const RemoveOnSignal remove(SparseFile::part_file(arguments.path));
  try {
    fill(output.writer());
  } catch (const traces::TraceWriteError& error) {
    throw UsageError(fmt::format("{}: {}", arguments.path, error.what()));
  } catch (const traces::GeneratorError& error) {
    throw UsageError(error.what());
  }
  for (const std::string& loss : output.writer().losses()) {
    complain(fmt::format("{}: {}", arguments.path, loss));
  }
  output.commit();
  complain(fmt::format("{}: {} requests written", arguments.path, output.writer().rows()));
}

void say_remarks(const traces::TraceReader& reader) {
  for (const std::string& remark : reader.remarks()) complain(remark);
}

void add_info(CLI::App& trace, Action& chosen) {
  CLI::App* command = trace.add_subcommand("info", "Statistics of a trace");
  const auto input = std::make_shared<InputArguments>();
  const auto json = std::make_shared<bool>(false);
  input->add_to(*command);
  command->add_flag("--json", *json, "as JSON");
  command->callback([input, json, &chosen] {
    chosen = [input, json] {
      const auto reader = input->open();
      const traces::TraceInfo info = traces::collect_info(*reader);
      if (*json) say_remarks(*reader);  // the text has them
      fmt::print("{}", *json ? traces::to_json(info).dump(2) + "\n" : traces::to_text(info));
      return kOk;
    };
  });
}

struct CopyArguments {
  InputArguments input;
  OutputArguments output;
  traces::Cut cut;
  std::string time, records, sectors;
  std::vector<std::string> phases, ops;
};

int copy(const CopyArguments& arguments) {
  try {
    refuse_input(arguments.output.path, traces::trace_files(arguments.input.file));
  } catch (const OutputError& error) {
    throw UsageError(fmt::format("{}; valid: another file for OUT", error.what()));
  }
  const auto reader = arguments.input.open();
  write_trace(arguments.output, [&](traces::TraceWriter& writer) {
    const traces::CutCounts counts = traces::copy_trace(*reader, writer, arguments.cut);
    say_remarks(*reader);
    if (counts.kept == 0) {
      throw UsageError(fmt::format("{}: none of the {} requests read fulfils all that is given",
                                   arguments.input.file, counts.read));
    }
    if (counts.kept != counts.read) {
      complain(fmt::format("{} requests kept of {} read", counts.kept, counts.read));
    }
    if (counts.across_edge != 0) {
      complain(fmt::format("{} requests across an edge of the sector range left out",
                           counts.across_edge));
    }
  });
  return kOk;
}

void add_convert(CLI::App& trace, Action& chosen) {
  CLI::App* command = trace.add_subcommand("convert", "Write a trace in another format");
  const auto given = std::make_shared<CopyArguments>();
  given->input.add_to(*command);
  given->output.add_to(*command);
  command->callback([given, &chosen] { chosen = [given] { return copy(*given); }; });
}

/// "FROM:TO" of whole numbers times `unit` (of seconds with a fraction, if `unit` is not 1).
traces::Cut::Range parse_range(const std::string& text, const char* option, double unit = 1) {
  const auto bad = [&] {
    return UsageError(
        fmt::format("{} '{}' is not a range FROM:TO (either may be missing; TO is not part of it)",
                    option, text));
  };
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) throw bad();
  const auto number = [&](std::string_view part, std::uint64_t otherwise) {
    if (part.empty()) return otherwise;
    std::uint64_t whole = 0;
    double real = 0;
    const char* end = part.data() + part.size();
    if (unit == 1) {
      const auto [stop, error] = std::from_chars(part.data(), end, whole);
      if (error != std::errc() || stop != end) throw bad();
      return whole;
    }
    const auto [stop, error] = std::from_chars(part.data(), end, real);
    constexpr double kMost = 1e19;
    if (error != std::errc() || stop != end || !(real >= 0) || real * unit > kMost) throw bad();
    return static_cast<std::uint64_t>(real * unit + 0.5);
  };
  traces::Cut::Range range;
  range.from = number(std::string_view(text).substr(0, colon), range.from);
  range.to = number(std::string_view(text).substr(colon + 1), range.to);
  if (range.from >= range.to) throw bad();
  return range;
}

void read_cut(CopyArguments& given) {
  constexpr double kNsPerS = 1e9;
  if (!given.time.empty()) given.cut.time_ns = parse_range(given.time, "--time", kNsPerS);
  if (!given.records.empty()) given.cut.records = parse_range(given.records, "--records");
  if (!given.sectors.empty()) given.cut.sectors = parse_range(given.sectors, "--sectors");
  given.cut.phases.insert(given.phases.begin(), given.phases.end());
  for (const std::string& name : given.ops) {
    std::size_t op = 0;
    while (op < traces::kOps && name != traces::op_name(static_cast<traces::Op>(op))) ++op;
    if (op == traces::kOps) {
      throw UsageError(
          fmt::format("unknown operation '{}'; valid: read, write, flush, discard", name));
    }
    given.cut.ops.insert(static_cast<traces::Op>(op));
  }
}

void add_cut(CLI::App& trace, Action& chosen) {
  CLI::App* command =
      trace.add_subcommand("cut", "Write a part of a trace: what fulfils all that is given");
  const auto given = std::make_shared<CopyArguments>();
  given->input.add_to(*command);
  given->output.add_to(*command);
  command->add_option("--time", given->time, "FROM:TO in seconds, by the time of queueing");
  command->add_option("--records", given->records, "FROM:TO, numbers of requests from 0");
  command->add_option("--sectors", given->sectors,
                      "FROM:TO in units of 512 bytes; a request must lie in it completely");
  command->add_option("--phase", given->phases, "one or more phases")->delimiter(',');
  command->add_option("--op", given->ops, "one or more of read, write, flush, discard")
      ->delimiter(',');
  command->add_flag("--rebase", given->cut.rebase,
                    "let times begin at 0, and sectors at the start of --sectors");
  command->callback([given, &chosen] {
    chosen = [given] {
      read_cut(*given);
      return copy(*given);
    };
  });
}

/// A generator's command: its parameters, and where the trace goes.
template <class Params>
struct GenerateArguments {
  Params params;
  OutputArguments output;
};

/// `prepare` checks what is given as text; may be empty.
template <class Params>
void when_chosen(CLI::App* command, std::shared_ptr<GenerateArguments<Params>> given,
                 void (*generate)(const Params&, const traces::Emit&), Action& chosen,
                 const std::function<void()>& prepare = {}) {
  given->output.add_to(*command);
  command->callback([given, generate, prepare, &chosen] {
    chosen = [given, generate, prepare] {
      if (prepare) prepare();
      write_trace(given->output, [&](traces::TraceWriter& writer) {
        generate(given->params, [&](const traces::TraceRecord& record, std::string_view phase) {
          writer.write(record, phase);
        });
      });
      return kOk;
    };
  });
}

/// A size in bytes; 4k, 128M and the like in powers of 1024.
CLI::Option* add_size(CLI::App* command, const char* name, std::uint64_t& value,
                      const std::string& doc) {
  return command->add_option(name, value, doc)
      ->transform(CLI::AsSizeValue(false))
      ->capture_default_str();
}

void add_ext2(CLI::App* command, traces::Ext2Params& ext2) {
  add_size(command, "--size", ext2.device_bytes, "size of the partition");
  add_size(command, "--block", ext2.block_bytes, "block size: 1024, 2048 or 4096");
  command
      ->add_option("--blocks-per-group", ext2.blocks_per_group,
                   "blocks per group; 0: as many as one bitmap block describes")
      ->check(CLI::NonNegativeNumber);
  add_size(command, "--inode-ratio", ext2.bytes_per_inode, "bytes per inode");
  add_size(command, "--inode-size", ext2.inode_bytes, "size of an inode");
  command->add_flag("!--no-sparse-super", ext2.sparse_super, "superblock backups in every group");
  command->add_flag("!--no-resize-inode", ext2.resize_inode,
                    "no descriptor blocks kept for growing");
}

void add_mkfs(CLI::App& generate, Action& chosen) {
  CLI::App* command = generate.add_subcommand(
      "mkfs", "What mke2fs writes: metadata in the places that ext2's rules give");
  const auto given = std::make_shared<GenerateArguments<traces::MkfsParams>>();
  traces::MkfsParams& p = given->params;
  p.ext2.device_bytes = 32ull << 30;
  add_ext2(command, p.ext2);
  const std::map<std::string, traces::InodeTables> kTables = {
      {"buffered", traces::InodeTables::buffered},
      {"zeroout", traces::InodeTables::zeroout},
      {"lazy", traces::InodeTables::lazy}};
  command
      ->add_option("--tables", p.tables,
                   "inode tables: buffered (zeroed block by block through the page cache, as in "
                   "2005; the default), zeroout (1 MiB at a time) or lazy (left alone)")
      ->transform(CLI::CheckedTransformer(kTables).description(""));
  command
      ->add_option("--dirty-kib", p.dirty_kib,
                   "buffered tables: KiB still in memory at the final sync")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--rate-mb-s", p.rate_mb_s, "rate that the time stamps pretend")
      ->capture_default_str();
  when_chosen(command, given, &traces::generate_mkfs, chosen);
}

void add_bonnie(CLI::App& generate, Action& chosen) {
  CLI::App* command = generate.add_subcommand(
      "bonnie", "What Bonnie++ 1.03 asks of a disk, all phases, on an ext2 file system");
  const auto given = std::make_shared<GenerateArguments<traces::BonnieParams>>();
  traces::BonnieParams& p = given->params;
  add_ext2(command, p.ext2);
  add_size(command, "--file", p.file_bytes, "size of the file");
  add_size(command, "--chunk", p.chunk_bytes, "unit of the seek phase");
  add_size(command, "--read-ahead", p.read_ahead_bytes, "read-ahead window");
  add_size(command, "--writeback", p.writeback_bytes, "largest write-back bio");
  add_size(command, "--dirty", p.dirty_bytes, "how far write-back lags behind the writer");
  add_size(command, "--cached", p.cached_bytes, "part of the file in memory when seeks begin");
  command->add_option("--seeks", p.seeks, "number of seeks")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--seekers", p.seekers, "processes that seek")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--update-every", p.update_every, "one seek in so many writes")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      ->add_option("--seek-writeback-at", p.seek_writeback_at,
                   "share of the seeks after which their updates are written; later ones go with "
                   "the removed file")
      ->capture_default_str();
  command
      ->add_option("--split-share", p.split_share,
                   "chance that half a slice of write-back is cut in two")
      ->capture_default_str();
  command->add_option("--seed", p.seed, "of the random numbers")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--rate-mb-s", p.rate_mb_s, "rate that the time stamps pretend")
      ->capture_default_str();
  when_chosen(command, given, &traces::generate_bonnie, chosen);
}

/// The whole of `text` as a number.
template <class Number>
bool parse_number(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

/// "4k" and the like, in powers of 1024.
bool parse_size(std::string text, std::uint64_t& bytes) {
  try {
    return CLI::AsSizeValue(false)(text).empty() && parse_number(text, bytes);
  } catch (const CLI::ValidationError&) {  // an unknown unit
    return false;
  }
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (std::size_t to; (to = text.find(at, from)) != std::string::npos; from = to + 1) {
    parts.push_back(text.substr(from, to - from));
  }
  parts.push_back(text.substr(from));
  return parts;
}

/// "4k:70", "64k:30" or "4k".
std::vector<traces::FioParams::Size> parse_sizes(const std::vector<std::string>& texts) {
  std::vector<traces::FioParams::Size> sizes;
  for (const std::string& text : texts) {
    const std::size_t colon = text.find(':');
    const std::string weight = colon == std::string::npos ? "1" : text.substr(colon + 1);
    traces::FioParams::Size size{};
    if (!parse_size(text.substr(0, colon), size.bytes) || !parse_number(weight, size.weight)) {
      throw UsageError(fmt::format("--bs '{}' is not SIZE or SIZE:WEIGHT", text));
    }
    sizes.push_back(size);
  }
  return sizes;
}

void parse_pattern(const std::string& text, traces::FioParams& p) {
  constexpr std::string_view kZipf = "zipf:";
  if (text == "seq") {
    p.pattern = traces::FioPattern::sequential;
  } else if (text == "random") {
    p.pattern = traces::FioPattern::random;
  } else if (text.starts_with(kZipf) && parse_number(text.substr(kZipf.size()), p.zipf_theta)) {
    p.pattern = traces::FioPattern::zipf;
  } else {
    throw UsageError(fmt::format("unknown pattern '{}'; valid: seq, random, zipf:THETA", text));
  }
}

/// "NAME,KEY=VALUE,...": `p` with what the phase has of its own.
traces::FioParams parse_phase(const std::string& text, traces::FioParams p) {
  const std::vector<std::string> parts = split(text, ',');
  p.phase = parts[0];
  const auto is_name = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; };
  if (p.phase.empty() || !std::all_of(p.phase.begin(), p.phase.end(), is_name)) {
    throw UsageError(fmt::format(
        "--phase '{}': a name of letters, digits, _ and - comes first, then KEY=VALUE", text));
  }
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::size_t equals = std::min(parts[i].find('='), parts[i].size());
    const std::string key = parts[i].substr(0, equals);
    const std::string value = equals == parts[i].size() ? "" : parts[i].substr(equals + 1);
    bool good = true;
    if (key == "pattern") {
      parse_pattern(value, p);
    } else if (key == "bs") {
      p.sizes = parse_sizes(split(value, '/'));
    } else if (key == "read-percent") {
      good = parse_number(value, p.read_percent);
    } else if (key == "count") {
      good = parse_number(value, p.count) && p.count > 0;
    } else if (key == "depth") {
      good = parse_number(value, p.depth);
    } else if (key == "jobs") {
      good = parse_number(value, p.jobs);
    } else if (key == "fsync") {
      good = parse_number(value, p.fsync_every);
    } else {
      throw UsageError(fmt::format(
          "--phase '{}': no key '{}'; valid: pattern, read-percent, bs (as 4k:70/64k:30), count, "
          "depth, jobs, fsync",
          text, key));
    }
    if (!good) throw UsageError(fmt::format("--phase '{}': {}: not '{}'", text, key, value));
  }
  return p;
}

struct FioArguments {
  traces::FioParams common;
  std::vector<std::string> sizes;
  std::string pattern = "random";
  std::vector<std::string> phases;

  std::vector<traces::FioParams> all() const {
    traces::FioParams p = common;
    if (!sizes.empty()) p.sizes = parse_sizes(sizes);
    parse_pattern(pattern, p);
    std::vector<traces::FioParams> out;
    for (const std::string& phase : phases) out.push_back(parse_phase(phase, p));
    if (out.empty()) out.push_back(p);
    return out;
  }
};

void generate_fio(const FioArguments& arguments, const traces::Emit& emit) {
  traces::generate_fio(arguments.all(), emit);
}

void add_fio(CLI::App& generate, Action& chosen) {
  CLI::App* command = generate.add_subcommand("fio", "Mixes of reads and writes, as of fio jobs");
  const auto given = std::make_shared<GenerateArguments<FioArguments>>();
  traces::FioParams& p = given->params.common;
  command->add_option("--pattern", given->params.pattern, "seq, random or zipf:THETA")
      ->capture_default_str();
  command->add_option("--read-percent", p.read_percent, "share of reads")->capture_default_str();
  command->add_option("--bs", given->params.sizes, "block sizes with weights: 4k:70,64k:30")
      ->delimiter(',');
  add_size(command, "--offset", p.offset_bytes, "start of the region");
  add_size(command, "--region", p.region_bytes, "size of the region");
  command
      ->add_option("--jobs", p.jobs,
                   "processes that do this beside each other, each under a pid of its own: each is "
                   "a submitter of its own in a replay")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_size(command, "--offset-increment", p.offset_increment_bytes,
           "from the region of a job to that of the next; 0: all use one");
  command->add_option("--count", p.count, "reads and writes of each job")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--phase", given->params.phases,
                   "NAME,KEY=VALUE,...: a phase with these in place of the common options "
                   "(pattern, read-percent, bs as 4k:70/64k:30, count, depth, jobs, fsync); "
                   "repeatable, one begins when the one before has ended")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command
      ->add_option("--depth", p.depth,
                   "requests of a job in flight, by the time stamps: they count in an open replay "
                   "only; in a closed one workload.depth does")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      ->add_option("--service-us", p.service_us,
                   "time of a request, from which time stamps and completions are made (open "
                   "replay only)")
      ->capture_default_str();
  command->add_option("--fsync", p.fsync_every, "a flush after so many writes of a job; 0: none")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--seed", p.seed, "of the random numbers")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  when_chosen<FioArguments>(command, given, &generate_fio, chosen,
                            [given] { (void)given->params.all(); });
}

std::string formats_text() {
  std::string text = "Formats, by name:\n";
  for (const traces::TraceFormatInfo& info : traces::trace_formats()) {
    text += fmt::format("  {:<9} {}\n", info.name, info.doc);
  }
  return text;
}

}  // namespace

void add_trace_command(Command& app, Action& chosen) {
  CLI::App* trace =
      app.library().add_subcommand("trace", "Look at traces, convert, cut and make them");
  trace->require_subcommand(1);
  trace->footer(formats_text());
  add_info(*trace, chosen);
  add_convert(*trace, chosen);
  add_cut(*trace, chosen);
  CLI::App* generate = trace->add_subcommand("generate", "Make a trace from parameters");
  generate->require_subcommand(1);
  add_mkfs(*generate, chosen);
  add_bonnie(*generate, chosen);
  add_fio(*generate, chosen);
  for (CLI::App* command : trace->get_subcommands({})) command->footer(formats_text());
}

}  // namespace cesasim::cli
