// SPDX-License-Identifier: Apache-2.0
// A part of a trace (`cesasim trace cut`).
#pragma once

#include <cstdint>
#include <limits>
#include <set>
#include <string>

#include "traces/trace_reader.h"
#include "traces/trace_writer.h"

namespace cesasim::traces {

/// What to keep: all that is given must hold. Ranges include `from` and not `to`.
struct Cut {
  struct Range {
    std::uint64_t from = 0;
    std::uint64_t to = std::numeric_limits<std::uint64_t>::max();
    bool holds(std::uint64_t value) const { return value >= from && value < to; }
  };
  Range time_ns;                 ///< of queueing
  Range records;                 ///< by number in the trace, from 0
  Range sectors;                 ///< a request must lie in it completely; flushes do
  std::set<std::string> phases;  ///< empty: all
  std::set<Op> ops;              ///< empty: all
  /// Let times begin at 0, and sectors at the start of the sector range.
  bool rebase = false;
};

struct CutCounts {
  std::uint64_t read = 0;
  std::uint64_t kept = 0;
  /// Left out because they lie across an edge of the sector range.
  std::uint64_t across_edge = 0;
};

/// Copies what `cut` keeps; does not finish the writer. Throws as TraceReader::next() and
/// TraceWriter::write().
CutCounts copy_trace(TraceReader& reader, TraceWriter& writer, const Cut& cut = {});

}  // namespace cesasim::traces
