// SPDX-License-Identifier: Apache-2.0
// The CSV of the MSR-Cambridge block traces, which the SNIA distributes.
#pragma once

#include "traces/trace_reader.h"

namespace cesasim::traces {

/// Columns Timestamp,Hostname,DiskNumber,Type,Offset,Size,ResponseTime, with or without a header
/// line that says so. Timestamp is a Windows file time (100 ns since 1601), ResponseTime is in 100
/// ns (0: unknown), Offset and Size are in bytes, Type is Read or Write; other types are left out
/// by name. Time counts from the earliest row; the device is "Hostname,DiskNumber".
class MsrReader : public LineReader {
 public:
  MsrReader(LineSource source, const TraceOptions& options)
      : LineReader(std::move(source), TraceFormat::msr, options) {}
  static bool recognises(std::string_view head);

 private:
  Parsed parse_line(std::string_view line, TraceRecord& record) override;
  std::uint64_t origin() const override { return origin_; }

  std::uint64_t origin_ = kUnknownTime;  // the earliest so far, ns since 1601
};

}  // namespace cesasim::traces
