// SPDX-License-Identifier: Apache-2.0
// Normalized CSV: a header line naming the columns, then one row per queued request.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "traces/trace_reader.h"

namespace cesasim::traces {

/// Columns `time_ns,op,sector,bytes` are required, `pid,phase,flags,done_ns` optional, in any
/// order; an unknown column is an error. `op` is R, W, F or D; `flags` letters P (preflush),
/// U (FUA), S (sync), M (metadata), A (read-ahead); `done_ns` may be empty.
class CsvReader : public LineReader {
 public:
  /// Reads the header line. Throws TraceError if it is missing or wrong.
  CsvReader(LineSource source, const TraceOptions& options);
  static bool recognises(std::string_view head);

 private:
  enum class Column : std::uint8_t { time_ns, op, sector, bytes, pid, phase, flags, done_ns };
  static constexpr std::size_t kColumns = 8;
  static constexpr std::array<const char*, kColumns> kColumnNames = {
      "time_ns", "op", "sector", "bytes", "pid", "phase", "flags", "done_ns"};

  Parsed parse_line(std::string_view line, TraceRecord& record) override;
  Parsed parse_field(Column column, std::string_view text, TraceRecord& record);

  std::string header_;
  std::vector<Column> columns_;
  bool has_phase_ = false;
};

}  // namespace cesasim::traces
