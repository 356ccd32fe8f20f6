// SPDX-License-Identifier: Apache-2.0
#include "study/run/run_study.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <ctime>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/file/atomic_file.h"
#include "base/file/fingerprint.h"
#include "base/text/terminal.h"
#include "base/text/version.h"
#include "hw_model/common/units.h"
#include "scenario/crypt_table.h"
#include "study/output/csv.h"
#include "study/published/trust.h"
#include "study/result/expectations.h"
#include "study/run/partial.h"
#include "study/run/progress_line.h"
#include "traces/trace_reader.h"

namespace cesasim::study {
namespace {

/// What a device asks of the rows that go onto it.
struct Rules {
  std::uint64_t sectors;  // its size, in units of 512 bytes
  std::uint32_t unit;     // bytes in which dm-crypt ciphers
  bool operator<(const Rules& other) const {
    return std::tie(sectors, unit) < std::tie(other.sectors, other.unit);
  }
};

/// The rule that `record` breaks, and what would be valid; "" if it fits.
std::string broken_rule(const traces::TraceRecord& record, const Rules& rules) {
  if (record.op != traces::Op::read && record.op != traces::Op::write) return "";
  if (record.end_sector() > rules.sectors) {
    return fmt::format(
        "sectors {} to {} are beyond the device, which has {}; valid: a larger disk "
        "(disk.capacity_gib) or a trace of a smaller one",
        record.sector, record.end_sector() - 1, rules.sectors);
  }
  if ((record.sector * hw::kSectorBytes | record.bytes) % rules.unit != 0) {
    return fmt::format(
        "a {} of {} bytes at sector {} does not fit dmcrypt.sector_size {}: a request must begin "
        "and end at a multiple of it, and dm-crypt fails others (EIO); valid: sector_size 512, or "
        "a trace of a device with sectors of {} bytes",
        op_name(record.op), record.bytes, record.sector, rules.unit, rules.unit);
  }
  return "";
}

/// The points of one run: those that an interrupted run had finished, and those to run.
class KeptRun {
 public:
  KeptRun(const PreparedStudy& prepared, const RunStudyOptions& options)
      : prepared_(prepared),
        options_(options),
        partial_(prepared.partial_file(), prepared.study.name),
        results_(prepared.points.size()) {
    for (const Point& point : prepared.points) identities_.push_back(identifier_.of(point));
    take_finished();
  }

  /// Errors: as run_study().
  std::vector<PointResult> run() {
    RunnerOptions runner = options_.runner;
    std::vector<Point> points;
    for (std::size_t i : to_run_) {
      points.push_back(prepared_.points[i]);
      if (!prepared_.work.empty()) runner.weights.push_back(prepared_.work[i]);
    }
    ProgressLine line(prepared_.study.name, ProgressLine::choose(options_.quiet, options_.progress),
                      finished_);
    if (line.active()) {
      runner.on_status = [&line](const RunnerOptions::Status& status) { line.show(status); };
    }
    runner.on_result = [&](std::size_t index, const PointResult& result) {
      keep(to_run_[index], result, line);
    };
    try {
      std::vector<PointResult> ran = run_points(points, runner);
      for (std::size_t i = 0; i < ran.size(); ++i) results_[to_run_[i]] = std::move(ran[i]);
    } catch (const Interrupted&) {
      line.clear();
      say_how_to_go_on();
      throw;
    }
    std::vector<PointResult> out;
    for (std::optional<PointResult>& result : results_) out.push_back(std::move(*result));
    return out;
  }

 private:
  void take_finished() {
    std::vector<std::pair<PointIdentity, PointResult>> kept;
    if (options_.resume && partial_.exists()) partial_.load();
    for (std::size_t i = 0; i < results_.size(); ++i) {
      std::string why;
      if (options_.resume) results_[i] = partial_.take(prepared_.points[i], identities_[i], why);
      if (results_[i]) {
        kept.emplace_back(identities_[i], *results_[i]);
        continue;
      }
      to_run_.push_back(i);
      if (!why.empty()) {
        complain(fmt::format("{}: point '{}' runs again: {}", prepared_.study.name,
                             point_name(prepared_.points[i].axes), why));
      }
    }
    finished_ = kept.size();
    say_what_is_kept();
    partial_.start(kept);
  }

  void say_what_is_kept() const {
    if (options_.resume && !options_.quiet) {
      complain(
          fmt::format("{}: {} of {} points were finished, {} to run{}", prepared_.study.name,
                      finished_, results_.size(), to_run_.size(),
                      partial_.damaged() > 0 ? " (a line that was not complete is left out)" : ""));
    } else if (!options_.resume && partial_.exists()) {
      complain(fmt::format("{}: {} of an interrupted run is dropped (--resume would go on with it)",
                           prepared_.study.name, partial_.file()));
    }
  }

  void keep(std::size_t index, const PointResult& result, ProgressLine& line) {
    // One that failed may do better next time.
    if (result.status == Status::failed) return;
    ++finished_;
    if (partial_.append(identities_[index], result) || told_) return;
    told_ = true;
    line.clear();
    complain(fmt::format("{}: cannot be written; an interrupted run would start again",
                         partial_.file()));
  }

  void say_how_to_go_on() const {
    if (!partial_.exists()) {
      complain("interrupted before a point had ended, nothing written");
      return;
    }
    complain(fmt::format("interrupted; {} of {} points are kept in {}; to go on: {}{}", finished_,
                         results_.size(), partial_.file(), command_line(),
                         options_.resume ? "" : " --resume"));
  }

  const PreparedStudy& prepared_;
  const RunStudyOptions& options_;
  Identifier identifier_;
  std::vector<PointIdentity> identities_;
  PartialResults partial_;
  std::vector<std::optional<PointResult>> results_;
  std::vector<std::size_t> to_run_;
  std::size_t finished_ = 0;
  bool told_ = false;
};

/// What a point that did not end leaves of the files it was to write.
void remove_parts(const WorkerOptions& options) {
  if (!options.vcd.file.empty()) {
    std::remove(vcd_link(options.vcd.file).c_str());
    std::remove(SparseFile::part_file(options.vcd.file).c_str());
  }
  if (!options.export_image.empty()) {
    std::remove(SparseFile::part_file(options.export_image).c_str());
  }
  for (const auto& [option, file] : options.observe.files()) {
    std::remove(SparseFile::part_file(*file).c_str());
  }
}

}  // namespace

std::string default_folder(const Study& study, const std::vector<std::string>& overrides) {
  constexpr std::size_t kMostCharacters = 60;
  constexpr std::size_t kHashCharacters = 12;
  std::string name = study.name;
  Fingerprint hash;
  hash.add(study.name);
  bool exact = study.name.find(',') == std::string::npos;
  for (const std::string& set : overrides) {
    name += "," + set;
    hash.add(set);
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
  const std::size_t room = kMostCharacters + study.name.size();
  if (exact && name.size() <= room) return "out/" + name;
  return "out/" + name.substr(0, room) + "-" + hash.hex(kHashCharacters);
}

std::vector<double> check_traces(const std::vector<Point>& points) {
  // The same file may be read in several ways.
  using Way = std::tuple<std::string, std::string, std::string, std::string, bool>;
  const auto way = [](const WorkloadSettings& w) {
    return Way(w.trace_file, w.device, w.format, w.arrivals, w.skip_bad_lines);
  };
  struct Misfit {
    std::uint64_t line = 0;
    std::string rule;
    std::uint64_t rows = 0;
  };
  struct Use {
    traces::TraceOptions options;
    std::map<Rules, Misfit> devices;  // that it is replayed on
  };
  std::map<Way, Use> uses;
  for (const Point& point : points) {
    const WorkloadSettings& w = point.scenario.workload;
    if (w.bench.wanted()) continue;
    const auto table = crypt_table(point.scenario.dmcrypt, point.scenario.disk.sectors());
    Use& use = uses[way(w)];
    use.options = w.trace_options();
    use.devices[{table.sectors, table.sector_size}];
  }
  // A request costs about as much as the bytes of a small one.
  constexpr double kBytesPerRequest = 4096;
  std::map<Way, double> work;
  for (auto& [key, use] : uses) {
    const std::string& file = std::get<0>(key);
    double& bytes = work[key];
    const auto reader = traces::open_trace(file, use.options);
    traces::TraceRecord record;
    while (reader->next(record)) {
      bytes += kBytesPerRequest;
      if (record.op == traces::Op::read || record.op == traces::Op::write) {
        bytes += static_cast<double>(record.bytes);
      }
      for (auto& [rules, misfit] : use.devices) {
        const std::string rule = broken_rule(record, rules);
        if (rule.empty() || misfit.rows++ != 0) continue;
        misfit.line = record.line;
        misfit.rule = rule;
      }
    }
    for (const auto& [rules, misfit] : use.devices) {
      if (misfit.rows == 0) continue;
      throw traces::TraceError(
          file, misfit.line,
          misfit.rule + (misfit.rows == 1 ? ""
                                          : fmt::format(" ({} rows do not fit, this is the first)",
                                                        misfit.rows)));
    }
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

StudyResult run_study(const PreparedStudy& prepared, const RunStudyOptions& options) {
  StudyResult result;
  result.study = prepared.study.name;
  result.version = kVersion;
  result.build = build_description();
  result.overrides = options.overrides;
  result.doc = prepared.study.doc;
  result.date = fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr)));
  result.command = command_line();
  if (prepared.study.baseline) {
    for (const auto& [path, value] : prepared.study.baseline->values) {
      result.baseline[path] = scalar_json(value);
    }
  }
  try {
    result.points = KeptRun(prepared, options).run();
  } catch (const Interrupted&) {
    remove_parts(options.runner);
    throw;
  }
  result.expectations = check_expectations(prepared.study, result.points);
  result.trust = to_json(trust_of(prepared.points, published_rows(Library::locate())));
  try {
    write_file_atomic(prepared.out + "/results.json",
                      to_json(result).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    write_file_atomic(prepared.out + "/results.csv", to_csv(result));
  } catch (const OutputError&) {
    const PartialResults partial(prepared.partial_file(), prepared.study.name);
    if (partial.exists()) {
      complain(fmt::format("the points that ran are kept in {}; once there is room: {}{}",
                           partial.file(), command_line(), options.resume ? "" : " --resume"));
    }
    throw;
  }
  return result;
}

}  // namespace cesasim::study
