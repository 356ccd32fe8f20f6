// SPDX-License-Identifier: Apache-2.0
// fio's iolog, versions 2 and 3: what a fio job did, as text.
#pragma once

#include "traces/trace_reader.h"

namespace cesasim::traces {

/// Lines are "[microseconds] FILE ACTION [OFFSET LENGTH]" in bytes; version 3 has the time since
/// the job's start, version 2 has none but for waits, which fio documents as microseconds since
/// the previous wait. read, write, trim, sync and datasync become records, other actions with an
/// offset and a length are left out by name; the FILE is the device.
class IologReader : public LineReader {
 public:
  /// Reads the first line. Throws TraceError if it is not that of an iolog.
  IologReader(LineSource source, const TraceOptions& options);
  static bool recognises_v2(std::string_view head);
  static bool recognises_v3(std::string_view head);

 private:
  IologReader(TraceFormat version, LineSource& source, const TraceOptions& options);
  Parsed parse_line(std::string_view line, TraceRecord& record) override;

  std::uint64_t waited_us_ = 0;  // version 2
};

}  // namespace cesasim::traces
