// SPDX-License-Identifier: Apache-2.0
// The output of biosnoop (bcc, and its libbpf version): a row per I/O that ended.
#pragma once

#include "traces/trace_reader.h"

namespace cesasim::traces {

/// A heading, then rows of TIME(s) COMM PID DISK T SECTOR BYTES [PATTERN] [QUE(ms)] LAT(ms). TIME
/// is that of the end, in seconds from the first I/O that ended; LAT the time from issue to end,
/// QUE (option -Q) that from queueing to issue: a request was queued at TIME - LAT - QUE. COMM may
/// hold blanks. T is R or W, or the kernel's letters (rwbs.h). Time counts from the earliest
/// request; the device is DISK. What lost its begin (LAT 0.00 of BYTES 0 and the like) is left out
/// by name.
class BiosnoopReader : public LineReader {
 public:
  BiosnoopReader(LineSource source, const TraceOptions& options);
  static bool recognises(std::string_view head);

 private:
  Parsed parse_line(std::string_view line, TraceRecord& record) override;
  std::uint64_t origin() const override { return origin_; }
  bool parse_heading(std::string_view line);

  bool has_que_ = false;
  bool has_pattern_ = false;
  std::uint64_t origin_ = kUnknownTime;
};

}  // namespace cesasim::traces
