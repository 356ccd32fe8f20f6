// Text output of blkparse in its default format:
//   major,minor cpu sequence seconds.nanoseconds pid action rwbs [sector + sectors] [[command]]
#pragma once

#include "traces/trace_reader.h"

namespace cesasim::traces {

/// Q lines become records, C lines their completions; lines of other actions are checked up to
/// their action and passed over, as is the summary that blkparse prints without -q. Messages
/// (action m) that begin or end a phase do so; without any, all records are in phase "all".
class BlkparseReader : public LineReader {
 public:
  BlkparseReader(LineSource source, const TraceOptions& options);
  static bool recognises(std::string_view head);

 private:
  Parsed parse_line(std::string_view line, TraceRecord& record) override;
  Parsed parse_request(std::string_view rwbs, std::string_view rest, TraceRecord& record);
  Parsed parse_rwbs(std::string_view rwbs, TraceRecord& record);

  std::string phase_ = "all";
  bool in_summary_ = false;
};

}  // namespace cesasim::traces
