// Text output of blkparse in its default format:
//   major,minor cpu sequence seconds.nanoseconds pid action rwbs [sector + sectors] [[command]]
#pragma once

#include "traces/trace_reader.h"

namespace cesasim::traces {

/// Q lines become records; lines of other actions are checked up to their action and passed
/// over, as is the summary that blkparse prints without -q. The format has no phases: all
/// records are in phase "all".
class BlkparseReader : public TraceReader {
 public:
  BlkparseReader(LineSource source, const TraceOptions& options);
  TraceFormat format() const override { return TraceFormat::blkparse; }
  static bool recognises(std::string_view first_line);

 private:
  Parsed parse_line(std::string_view line, TraceRecord& record) override;
  Parsed parse_rwbs(std::string_view rwbs, TraceRecord& record);

  std::string device_;         // of the records
  bool device_given_ = false;  // by the caller, not by the first Q line
  bool in_summary_ = false;
};

}  // namespace cesasim::traces
