// SPDX-License-Identifier: Apache-2.0
// Text output of blkparse in its default format:
//   major,minor cpu sequence seconds.nanoseconds pid [cgroup] action rwbs WHAT
// where WHAT, by the action and what the request has, is one of
//   sector + sectors [(elapsed)] [command]         a range
//   [(elapsed)] [command]                          no range: a flush, a zone command
//   sector [(elapsed)] [error]                     C and R without a range
//   bytes [(CDB)] [command], or [(CDB)] [error]    a pass-through request (its C has no number)
#pragma once

#include "traces/events/requeued.h"
#include "traces/trace_reader.h"

namespace cesasim::traces {

/// Q lines (or D lines, as TraceOptions::arrivals says) become records, C lines their completions;
/// lines of other actions are checked up to their action and passed over, as is the summary that
/// blkparse prints without -q, and pass-through requests. Messages (action m) that begin or end a
/// phase do so; without any, all records are in phase "all".
class BlkparseReader : public LineReader {
 public:
  BlkparseReader(LineSource source, const TraceOptions& options);
  static bool recognises(std::string_view head);

 private:
  Parsed parse_line(std::string_view line, TraceRecord& record) override;
  Parsed parse_arrival(std::string_view device, std::string_view rwbs, std::string_view rest,
                       TraceRecord& record);
  Parsed parse_completion(std::string_view rwbs, std::string_view rest, TraceRecord& record);
  Parsed parse_sectors(std::string_view sectors, TraceRecord& record);

  std::string phase_ = "all";
  RequeuedRequests requeued_;
  bool in_summary_ = false;
};

}  // namespace cesasim::traces
