// SPDX-License-Identifier: Apache-2.0
// Normalized CSV, written.
#pragma once

#include "traces/trace_writer.h"

namespace cesasim::traces {

/// Columns time_ns,op,sector,bytes,pid,phase,flags,done_ns.
class CsvWriter : public TraceWriter {
 public:
  CsvWriter(ByteSink& sink, const Carries& carries);

 private:
  void put(const TraceRecord& record, std::string_view phase) override;
};

}  // namespace cesasim::traces
