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
  if (previous_end_[op] == record.sector) ++sequential;
  previous_end_[op] = record.end_sector();
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
  while (reader.next(record)) {
    info.all.add(record);
    while (info.phases.size() <= record.phase) {
      info.phases.emplace_back(reader.phase_name(static_cast<std::uint32_t>(info.phases.size())),
                               TraceStats{});
    }
    info.phases[record.phase].second.add(record);
    if (of_pid == nullptr || last_pid != record.pid) of_pid = &info.pids[record.pid];
    last_pid = record.pid;
    of_pid->add(record);
  }
  info.skipped_lines = reader.skipped_lines();
  return info;
}

std::string to_text(const TraceInfo& info) {
  std::string out = fmt::format("{}: {}, {}; device of at least {} sectors ({:.1f} MiB)\n",
                                info.path, info.format, info.encoding, info.all.end_sector,
                                static_cast<double>(info.all.end_sector) / 2048);
  if (info.skipped_lines != 0) {
    fmt::format_to(std::back_inserter(out), "{} lines did not parse and are left out\n",
                   info.skipped_lines);
  }
  fmt::format_to(std::back_inserter(out),
                 "{:<24} {:>9} {:>9} {:>9} {:>6} {:>6} {:>9} {:>9} {:>7} {:>9}  {}\n", "", "rows",
                 "reads", "writes", "flush", "disc.", "MiB read", "MiB wr.", "seq.", "span s",
                 "sizes (reads and writes)");
  append_row(out, "all", info.all);
  for (const auto& [name, stats] : info.phases) append_row(out, name, stats);
  for (const auto& [pid, stats] : info.pids) append_row(out, fmt::format("pid {}", pid), stats);
  return out;
}

nlohmann::json to_json(const TraceInfo& info) {
  nlohmann::json json;
  json["path"] = info.path;
  json["format"] = info.format;
  json["encoding"] = info.encoding;
  json["skipped_lines"] = info.skipped_lines;
  json["all"] = stats_json(info.all);
  json["phases"] = nlohmann::json::array();
  for (const auto& [name, stats] : info.phases) {
    nlohmann::json phase = stats_json(stats);
    phase["name"] = name;
    json["phases"].push_back(std::move(phase));
  }
  json["pids"] = nlohmann::json::object();
  for (const auto& [pid, stats] : info.pids) json["pids"][std::to_string(pid)] = stats_json(stats);
  return json;
}

}  // namespace cesasim::traces
