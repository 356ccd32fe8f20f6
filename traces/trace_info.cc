// SPDX-License-Identifier: Apache-2.0
#include "traces/trace_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace cesasim::traces {
namespace {

std::string sizes_text(const TraceStats& stats) {
  std::string text;
  for (std::size_t i = 0; i < kSizeClasses; ++i) {
    if (stats.sizes[i] == 0) continue;
    fmt::format_to(std::back_inserter(text), "{}{}: {}", text.empty() ? "" : ", ",
                   kSizeClassNames[i], stats.sizes[i]);
  }
  return text;
}

void append_row(std::string& out, const std::string& name, const TraceStats& s) {
  fmt::format_to(std::back_inserter(out),
                 "{:<24} {:>9} {:>9} {:>9} {:>6} {:>6} {:>9.1f} {:>9.1f} {:>7.3f} {:>9.3f}  {}\n",
                 name, s.rows, s.rows_of(Op::read), s.rows_of(Op::write), s.rows_of(Op::flush),
                 s.rows_of(Op::discard), s.mib_of(Op::read), s.mib_of(Op::write),
                 s.sequential_fraction(), s.span_s(), sizes_text(s));
}

void append_depth(std::string& out, const std::string& name, const TraceStats& s) {
  if (s.depth.unknown == s.rows) {
    fmt::format_to(std::back_inserter(out), "{:<24} unknown: no completions\n", name);
    return;
  }
  const LatencyHistogram& seen = s.depth.seen;
  fmt::format_to(std::back_inserter(out), "{:<24} {:>9} {:>9} {:>9} {:>9} {:>9.1f}{}\n", name,
                 seen.percentile(50), seen.percentile(90), seen.percentile(99), seen.max(),
                 seen.mean(),
                 s.depth.unknown == 0
                     ? ""
                     : fmt::format("  ({} rows without a completion not counted as outstanding)",
                                   s.depth.unknown));
}

void append_depth_series(std::string& out, const DepthSeries& series, std::uint64_t start_ns) {
  constexpr std::size_t kPerLine = 10;
  const std::vector<double> means = series.means();
  if (means.empty()) return;
  fmt::format_to(std::back_inserter(out),
                 "\nMean depth over time, one number for {} s, from the first request ({} s) on\n",
                 static_cast<double>(series.bin_ns()) / 1e9, static_cast<double>(start_ns) / 1e9);
  for (std::size_t i = 0; i < means.size(); ++i) {
    const bool last = (i + 1) % kPerLine == 0 || i + 1 == means.size();
    fmt::format_to(std::back_inserter(out), "{:>10.2f}{}", means[i], last ? "\n" : "");
  }
}

nlohmann::json depth_json(const TraceStats& stats) {
  nlohmann::json json;
  json["unknown"] = stats.depth.unknown;
  if (stats.depth.unknown == stats.rows) return json;
  const LatencyHistogram& seen = stats.depth.seen;
  json["p50"] = seen.percentile(50);
  json["p90"] = seen.percentile(90);
  json["p99"] = seen.percentile(99);
  json["max"] = seen.max();
  json["mean"] = seen.mean();
  return json;
}

nlohmann::json stats_json(const TraceStats& stats) {
  nlohmann::json json;
  json["rows"] = stats.rows;
  for (std::size_t i = 0; i < kOps; ++i) {
    const char* name = op_name(static_cast<Op>(i));
    json["rows_by_op"][name] = stats.rows_by_op[i];
    json["bytes_by_op"][name] = stats.bytes_by_op[i];
  }
  json["sizes"] = nlohmann::json::object();
  for (std::size_t i = 0; i < kSizeClasses; ++i) {
    if (stats.sizes[i] != 0) json["sizes"][kSizeClassNames[i]] = stats.sizes[i];
  }
  json["sequential_fraction"] = stats.sequential_fraction();
  json["longest_run_bytes"] = stats.longest_run;
  json["first_ns"] = stats.first_ns;
  json["span_s"] = stats.span_s();
  json["end_sector"] = stats.end_sector;
  return json;
}

}  // namespace

std::size_t size_class(std::uint64_t bytes) {
  constexpr std::uint64_t kKib = 1024;
  if (bytes < 4 * kKib) return 0;
  constexpr std::array<std::uint64_t, kSizeClasses - 2> kUpTo = {
      4 * kKib, 16 * kKib, 64 * kKib, 128 * kKib, 512 * kKib, 1024 * kKib};
  const auto* bound = std::lower_bound(kUpTo.begin(), kUpTo.end(), bytes);
  return 1 + static_cast<std::size_t>(bound - kUpTo.begin());
}

void TraceStats::add(const TraceRecord& record) {
  first_ns = rows == 0 ? record.time_ns : std::min(first_ns, record.time_ns);
  last_ns = std::max(last_ns, record.time_ns);
  ++rows;
  const auto op = static_cast<std::size_t>(record.op);
  ++rows_by_op[op];
  bytes_by_op[op] += record.bytes;
  if (record.op == Op::flush) return;
  end_sector = std::max(end_sector, record.end_sector());
  if (record.op == Op::discard) return;
  ++sizes[size_class(record.bytes)];
  if (previous_end_[op] == record.sector) {
    ++sequential;
  } else {
    run_bytes_[op] = 0;
  }
  run_bytes_[op] += record.bytes;
  longest_run = std::max(longest_run, run_bytes_[op]);
  previous_end_[op] = record.end_sector();
}

void SizeCounts::add(const TraceRecord& record) {
  const std::pair key(record.op, record.bytes);
  const auto found = counts_.find(key);
  if (found != counts_.end()) {
    ++found->second;
  } else if (counts_.size() < kMaxSizes) {
    counts_.emplace(key, 1);
  } else {
    ++others_;
  }
}

std::vector<SizeCounts::Entry> SizeCounts::top(std::size_t n) const {
  std::vector<Entry> entries;
  for (const auto& [key, count] : counts_) entries.push_back({key.first, key.second, count});
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.count > b.count; });
  if (entries.size() > n) entries.resize(n);
  return entries;
}

double TraceStats::sequential_fraction() const {
  const std::uint64_t moved = rows_of(Op::read) + rows_of(Op::write);
  return moved == 0 ? 0 : static_cast<double>(sequential) / static_cast<double>(moved);
}

TraceInfo collect_info(TraceReader& reader) {
  TraceInfo info;
  info.path = reader.path();
  info.format = format_name(reader.format());
  info.encoding = reader.encoding();
  TraceRecord record;
  TraceStats* of_pid = nullptr;
  std::uint32_t last_pid = 0;
  DepthMeter meter;
  while (reader.next(record)) {
    const std::uint64_t depth = meter.queue(record);
    const auto add_depth = [&](TraceStats& stats) {
      stats.depth.seen.add(depth);
      if (record.done_ns == kUnknownTime) ++stats.depth.unknown;
    };
    info.all.add(record);
    info.sizes.add(record);
    add_depth(info.all);
    while (info.phases.size() <= record.phase) {
      info.phases.emplace_back(reader.phase_name(static_cast<std::uint32_t>(info.phases.size())),
                               TraceStats{});
    }
    TraceStats& phase = info.phases[record.phase].second;
    phase.add(record);
    add_depth(phase);
    if (of_pid == nullptr || last_pid != record.pid) {
      const bool room = info.pids.size() < TraceInfo::kMaxPids || info.pids.contains(record.pid);
      of_pid = room ? &info.pids[record.pid] : nullptr;
    }
    last_pid = record.pid;
    if (of_pid != nullptr) {
      of_pid->add(record);
    } else {
      ++info.rows_of_other_pids;
    }
  }
  info.depth_over_time = meter.series();
  info.depth_start_ns = meter.start_ns();
  info.skipped_lines = reader.skipped_lines();
  info.first_skipped = reader.first_skipped();
  info.notes = reader.notes();
  info.remarks = reader.remarks();
  return info;
}

std::string to_text(const TraceInfo& info) {
  std::string out = fmt::format("{}: {}, {}; device of at least {} sectors ({:.1f} MiB)\n",
                                info.path, info.format, info.encoding, info.all.end_sector,
                                static_cast<double>(info.all.end_sector) / 2048);
  for (const std::string& remark : info.remarks) out += "  " + remark + "\n";
  fmt::format_to(std::back_inserter(out),
                 "{:<24} {:>9} {:>9} {:>9} {:>6} {:>6} {:>9} {:>9} {:>7} {:>9}  {}\n", "", "rows",
                 "reads", "writes", "flush", "disc.", "MiB read", "MiB wr.", "seq.", "span s",
                 "sizes (reads and writes)");
  append_row(out, "all", info.all);
  for (const auto& [name, stats] : info.phases) append_row(out, name, stats);
  for (const auto& [pid, stats] : info.pids) append_row(out, fmt::format("pid {}", pid), stats);
  if (info.rows_of_other_pids != 0) {
    fmt::format_to(std::back_inserter(out), "{} rows of further pids\n", info.rows_of_other_pids);
  }
  fmt::format_to(std::back_inserter(out),
                 "\nSizes ({} different; the longest sequential run is {} "
                 "KiB):",
                 info.sizes.distinct(), info.all.longest_run / 1024);
  constexpr std::size_t kTop = 12;
  for (const SizeCounts::Entry& entry : info.sizes.top(kTop)) {
    fmt::format_to(std::back_inserter(out), " {} {} x{}", op_name(entry.op), entry.bytes,
                   entry.count);
  }
  fmt::format_to(std::back_inserter(out),
                 "\n\nDepth: requests outstanding when a new one was queued\n"
                 "{:<24} {:>9} {:>9} {:>9} {:>9} {:>9}\n",
                 "", "p50", "p90", "p99", "max", "mean");
  append_depth(out, "all", info.all);
  for (const auto& [name, stats] : info.phases) append_depth(out, name, stats);
  append_depth_series(out, info.depth_over_time, info.depth_start_ns);
  return out;
}

nlohmann::json to_json(const TraceInfo& info) {
  nlohmann::json json;
  json["path"] = info.path;
  json["format"] = info.format;
  json["encoding"] = info.encoding;
  json["skipped_lines"] = info.skipped_lines;
  json["first_skipped"] = info.first_skipped;
  const auto notes = [](const std::vector<TraceNotes::Note>& from) {
    nlohmann::json out = nlohmann::json::array();
    for (const TraceNotes::Note& note : from) {
      out.push_back({{"what", note.what}, {"count", note.count}});
      if (note.first != 0) out.back()["first"] = note.first;
    }
    return out;
  };
  json["operations_left_out"] = notes(info.notes.operations_left_out());
  json["notes"] = notes(info.notes.others());
  json["all"] = stats_json(info.all);
  json["all"]["depth"] = depth_json(info.all);
  json["top_sizes"] = nlohmann::json::array();
  constexpr std::size_t kTop = 32;
  for (const SizeCounts::Entry& entry : info.sizes.top(kTop)) {
    json["top_sizes"].push_back(
        {{"op", op_name(entry.op)}, {"bytes", entry.bytes}, {"count", entry.count}});
  }
  json["distinct_sizes"] = info.sizes.distinct();
  json["depth_over_time"]["start_s"] = static_cast<double>(info.depth_start_ns) / 1e9;
  json["depth_over_time"]["bin_s"] = static_cast<double>(info.depth_over_time.bin_ns()) / 1e9;
  json["depth_over_time"]["mean"] = info.depth_over_time.means();
  json["phases"] = nlohmann::json::array();
  for (const auto& [name, stats] : info.phases) {
    nlohmann::json phase = stats_json(stats);
    phase["depth"] = depth_json(stats);
    phase["name"] = name;
    json["phases"].push_back(std::move(phase));
  }
  json["pids"] = nlohmann::json::object();
  for (const auto& [pid, stats] : info.pids) json["pids"][std::to_string(pid)] = stats_json(stats);
  return json;
}

}  // namespace cesasim::traces
