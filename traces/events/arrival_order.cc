// SPDX-License-Identifier: Apache-2.0
#include "traces/events/arrival_order.h"

#include <algorithm>

namespace cesasim::traces {

ArrivalOrder::Place ArrivalOrder::push(const TraceRecord& record) {
  if (record.time_ns < delivered_ns_) {
    next_stretch_ = record;
    return Place::too_late;
  }
  if (rows_.empty() || record.time_ns >= rows_.back().time_ns) {
    rows_.push_back(record);
    return Place::last;
  }
  const auto after = std::upper_bound(
      rows_.begin(), rows_.end(), record.time_ns,
      [](std::uint64_t time, const TraceRecord& row) { return time < row.time_ns; });
  rows_.insert(after, record);
  return Place::moved;
}

bool ArrivalOrder::pop(TraceRecord& record) {
  if (rows_.empty() && next_stretch_) {
    rows_.push_back(*next_stretch_);
    next_stretch_.reset();
    delivered_ns_ = 0;
  }
  if (rows_.empty() || (!ended_ && !next_stretch_ && rows_.size() < kWindow)) return false;
  record = rows_.front();
  rows_.pop_front();
  delivered_ns_ = record.time_ns;
  return true;
}

}  // namespace cesasim::traces
