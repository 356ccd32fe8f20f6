// SPDX-License-Identifier: Apache-2.0
// Statistics of a trace (`cesasim trace info`), gathered in one pass.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "traces/trace_depth.h"
#include "traces/trace_reader.h"

namespace cesasim::traces {

/// Size classes of reads and writes, half-open upwards: "4K-16K" is more than 4 KiB up to
/// 16 KiB.
inline constexpr std::size_t kSizeClasses = 8;
inline constexpr std::array<const char*, kSizeClasses> kSizeClassNames = {
    "<4K", "4K", "4K-16K", "16K-64K", "64K-128K", "128K-512K", "512K-1M", ">1M"};
std::size_t size_class(std::uint64_t bytes);

/// Figures of a set of records: a trace, a phase or a submitter. Sequence counts as within
/// the set.
struct TraceStats {
  std::uint64_t rows = 0;
  std::array<std::uint64_t, kOps> rows_by_op{};   // index: Op
  std::array<std::uint64_t, kOps> bytes_by_op{};  // index: Op
  std::array<std::uint64_t, kSizeClasses> sizes{};
  /// Reads and writes that start where the previous one of their direction ended.
  std::uint64_t sequential = 0;
  /// Bytes of the longest run of such requests.
  std::uint64_t longest_run = 0;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
  /// First sector after the highest that a read, write or discard touches.
  std::uint64_t end_sector = 0;

  DepthStats depth;

  void add(const TraceRecord& record);

  std::uint64_t rows_of(Op op) const { return rows_by_op[static_cast<std::size_t>(op)]; }
  std::uint64_t bytes_of(Op op) const { return bytes_by_op[static_cast<std::size_t>(op)]; }
  double mib_of(Op op) const { return static_cast<double>(bytes_of(op)) / (1 << 20); }
  /// Share of reads and writes that are sequential; 0 if there are none.
  double sequential_fraction() const;
  /// Time from the earliest to the latest record, in seconds.
  double span_s() const { return static_cast<double>(last_ns - first_ns) / 1e9; }

 private:
  // Where the previous read and write ended; the top value matches no sector.
  std::array<std::uint64_t, 2> previous_end_{~0ull, ~0ull};
  std::array<std::uint64_t, 2> run_bytes_{};
};

/// How often which sizes occur, exactly, for as many sizes as fit.
class SizeCounts {
 public:
  static constexpr std::size_t kMaxSizes = 4096;
  struct Entry {
    Op op;
    std::uint64_t bytes;
    std::uint64_t count;
  };

  void add(const TraceRecord& record);
  /// The most frequent, by count.
  std::vector<Entry> top(std::size_t n) const;
  std::size_t distinct() const { return counts_.size(); }
  /// Requests of sizes that did not fit any more.
  std::uint64_t others() const { return others_; }

 private:
  std::map<std::pair<Op, std::uint64_t>, std::uint64_t> counts_;
  std::uint64_t others_ = 0;
};

struct TraceInfo {
  std::string path;
  std::string format;
  std::string encoding;
  std::uint64_t skipped_lines = 0;
  std::string first_skipped;
  TraceNotes notes;
  std::vector<std::string> remarks;  ///< both, in sentences
  TraceStats all;
  SizeCounts sizes;
  DepthSeries depth_over_time;
  std::uint64_t depth_start_ns = 0;  ///< its time 0
  /// In order of appearance. A phase that occurs several times is one entry.
  std::vector<std::pair<std::string, TraceStats>> phases;
  /// At most kMaxPids, because they are held in memory; the other rows count in `all` only.
  std::map<std::uint32_t, TraceStats> pids;
  static constexpr std::size_t kMaxPids = 4096;
  std::uint64_t rows_of_other_pids = 0;
};

/// Reads `reader` to its end; depths need its option `completions`. Throws TraceError as
/// TraceReader::next().
TraceInfo collect_info(TraceReader& reader);

/// For people: a heading and one table row each for the trace, its phases and submitters.
std::string to_text(const TraceInfo& info);
nlohmann::json to_json(const TraceInfo& info);

}  // namespace cesasim::traces
