// SPDX-License-Identifier: Apache-2.0
// Puts the rows of a trace in order of time, as far as a window of them shows it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "traces/trace_record.h"

namespace cesasim::traces {

/// Rows of equal time keep their order. A row that is earlier than one already delivered begins a
/// new stretch (as when two captures stand in one file): what is held is delivered first.
class ArrivalOrder {
 public:
  static constexpr std::size_t kWindow = 4096;

  enum class Place : std::uint8_t {
    last,      ///< in order
    moved,     ///< earlier than a row before it, and put in its place
    too_late,  ///< earlier than a row that is delivered: it stays where it is
  };

  /// Precondition: pop() has returned false since the last push().
  Place push(const TraceRecord& record);
  /// No row will follow.
  void end() { ended_ = true; }
  /// Takes the next row if it is known.
  bool pop(TraceRecord& record);

 private:
  std::deque<TraceRecord> rows_;
  std::optional<TraceRecord> next_stretch_;
  std::uint64_t delivered_ns_ = 0;  // of this stretch
  bool ended_ = false;
};

}  // namespace cesasim::traces
