// SPDX-License-Identifier: Apache-2.0
#include "traces/formats/csv_writer.h"

#include <fmt/format.h>

#include <iterator>

namespace cesasim::traces {

CsvWriter::CsvWriter(ByteSink& sink, const Carries& carries) : TraceWriter(sink, carries) {
  out() = "time_ns,op,sector,bytes,pid,phase,flags,done_ns\n";
}

void CsvWriter::put(const TraceRecord& record, std::string_view phase) {
  constexpr char kOpLetters[kOps] = {'R', 'W', 'F', 'D'};
  fmt::format_to(std::back_inserter(out()), "{},{},{},{},{},{},", record.time_ns,
                 kOpLetters[static_cast<std::size_t>(record.op)], record.sector, record.bytes,
                 record.pid, phase);
  constexpr std::string_view kFlagLetters = "PUSMA";  // in the order of RecordFlag's bits
  for (std::size_t bit = 0; bit < kFlagLetters.size(); ++bit) {
    if ((record.flags >> bit & 1) != 0) out() += kFlagLetters[bit];
  }
  out() += ',';
  if (record.done_ns != kUnknownTime) {
    fmt::format_to(std::back_inserter(out()), "{}", record.done_ns);
  }
  out() += '\n';
}

}  // namespace cesasim::traces
