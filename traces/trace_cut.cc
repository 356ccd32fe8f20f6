// SPDX-License-Identifier: Apache-2.0
#include "traces/trace_cut.h"

#include <algorithm>

namespace cesasim::traces {

CutCounts copy_trace(TraceReader& reader, TraceWriter& writer, const Cut& cut) {
  CutCounts counts;
  TraceRecord record;
  std::uint64_t origin = 0;
  while (reader.next(record)) {
    const std::uint64_t number = counts.read++;
    if (number >= cut.records.to) {
      --counts.read;
      break;
    }
    const std::string& phase = reader.phase_name(record.phase);
    if (!cut.records.holds(number) || !cut.time_ns.holds(record.time_ns)) continue;
    if (!cut.ops.empty() && !cut.ops.contains(record.op)) continue;
    if (!cut.phases.empty() && !cut.phases.contains(phase)) continue;
    if (record.op != Op::flush) {
      const std::uint64_t end = record.end_sector();
      if (record.sector >= cut.sectors.to || end <= cut.sectors.from) continue;
      if (record.sector < cut.sectors.from || end > cut.sectors.to) {
        ++counts.across_edge;
        continue;
      }
    }
    if (cut.rebase) {
      if (counts.kept == 0) origin = record.time_ns;
      // A row may be earlier than the one before it; none is earlier than 0.
      const std::uint64_t back = std::min(origin, record.time_ns);
      record.time_ns -= back;
      if (record.done_ns != kUnknownTime) record.done_ns -= back;
      if (record.op != Op::flush) record.sector -= cut.sectors.from;
    }
    ++counts.kept;
    writer.write(record, phase);
  }
  return counts;
}

}  // namespace cesasim::traces
