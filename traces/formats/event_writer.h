// SPDX-License-Identifier: Apache-2.0
// What blkparse text and binary blktrace have in common: completions and phases are events of
// their own.
#pragma once

#include <queue>
#include <string>
#include <vector>

#include "traces/trace_writer.h"

namespace cesasim::traces {

/// Puts completions between the requests, by time; holds only what is outstanding.
class EventWriter : public TraceWriter {
 protected:
  using TraceWriter::TraceWriter;

  virtual void put_queued(const TraceRecord& record) = 0;
  /// The completion of `record`, at its done_ns.
  virtual void put_completed(const TraceRecord& record) = 0;
  virtual void put_message(std::uint64_t time_ns, const std::string& text) = 0;

 private:
  struct Later {
    // Equal times: in queue order.
    bool operator()(const TraceRecord& a, const TraceRecord& b) const {
      return a.done_ns != b.done_ns ? a.done_ns > b.done_ns : a.line > b.line;
    }
  };

  void put(const TraceRecord& record, std::string_view phase) final {
    complete_until(record.time_ns);
    if (phase != phase_) {
      phase_ = phase;
      put_message(record.time_ns, "phase=" + phase_);
    }
    put_queued(record);
    if (record.done_ns == kUnknownTime) return;
    TraceRecord numbered = record;
    numbered.line = ++number_;
    outstanding_.push(numbered);
  }
  void put_end() final { complete_until(kUnknownTime); }

  void complete_until(std::uint64_t time_ns) {
    while (!outstanding_.empty() && outstanding_.top().done_ns <= time_ns) {
      put_completed(outstanding_.top());
      outstanding_.pop();
    }
  }

  std::priority_queue<TraceRecord, std::vector<TraceRecord>, Later> outstanding_;
  std::uint64_t number_ = 0;
  std::string phase_ = "all";
};

}  // namespace cesasim::traces
