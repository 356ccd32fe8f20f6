// SPDX-License-Identifier: Apache-2.0
// The CSV in which the CloudPhysics block traces (VMware vSCSI) are passed around.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "traces/trace_reader.h"

namespace cesasim::traces {

/// A header line names the columns, in any order: `time` (seconds) or `timestamp` or `ts`
/// (microseconds); `lbn` or `lba` (units of 512 bytes); `size` or `len` (bytes); `op` or `cmd`, the
/// SCSI operation code in hexadecimal (28: READ(10), 2a: WRITE(10)), or r or w; others are not
/// read. Of `cmd`, which some write in decimal, 40 and 42 are READ(10) and WRITE(10), too. Codes
/// beside read, write and synchronize cache are left out by name. Time counts from the earliest
/// row; no completions.
class CloudPhysicsReader : public LineReader {
 public:
  CloudPhysicsReader(LineSource source, const TraceOptions& options);
  static bool recognises(std::string_view head);

 private:
  enum class Column : std::uint8_t { seconds, microseconds, sector, bytes, op, cmd, other };

  Parsed parse_line(std::string_view line, TraceRecord& record) override;
  Parsed parse_operation(std::string_view text, bool may_be_decimal, TraceRecord& record,
                         std::string& other);
  std::uint64_t origin() const override { return origin_; }
  static bool parse_header(std::string_view line, std::vector<Column>& columns);

  std::string header_;
  std::vector<Column> columns_;
  std::uint64_t origin_ = kUnknownTime;
};

}  // namespace cesasim::traces
