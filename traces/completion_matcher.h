// Pairs requests with the completions that a trace has as events of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>

#include "traces/trace_record.h"

namespace cesasim::traces {

/// Holds requests, in their order, until their completion is known, at most kWindow of them: a
/// request that is pushed out of the window stays without a completion time.
///
/// What a completion ends, found in real traces: the request of the same operation and range
/// (the oldest, if there are several); else every request inside the range, because a disk's
/// queue merges; else the request with the same end, because of a split bio dm-crypt shows the
/// last fragment only.
class CompletionMatcher {
 public:
  static constexpr std::size_t kWindow = 64 * 1024;

  void queue(const TraceRecord& record);
  void complete(const TraceRecord& completion);
  /// No event will follow: pop() delivers what is left.
  void end() { ended_ = true; }
  /// Takes the oldest request if nothing more can be learnt of it.
  bool pop(TraceRecord& record);

 private:
  /// Requests without completion by their end, per operation; value: their number.
  using ByEnd = std::multimap<std::uint64_t, std::uint64_t>;

  TraceRecord& numbered(std::uint64_t number) {
    return window_[static_cast<std::size_t>(number - first_)];
  }
  ByEnd::iterator finish(ByEnd& open, ByEnd::iterator at, std::uint64_t done_ns);
  void forget(const TraceRecord& record, std::uint64_t number);

  std::deque<TraceRecord> window_;
  std::uint64_t first_ = 0;  // number of the oldest in the window
  ByEnd open_[kOps];
  bool ended_ = false;
};

}  // namespace cesasim::traces
