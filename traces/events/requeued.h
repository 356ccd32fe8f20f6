// SPDX-License-Identifier: Apache-2.0
// Requests that a driver handed back to be issued again: their second issue is no new request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <tuple>

#include "traces/trace_record.h"

namespace cesasim::traces {

class RequeuedRequests {
 public:
  void requeued(const TraceRecord& request) {
    constexpr std::size_t kMost = 4096;  // a driver has no more in hand
    if (requests_.size() < kMost) requests_.insert(key(request));
  }
  /// True if `request`, issued now, had been handed back.
  bool issued_again(const TraceRecord& request) {
    const auto found = requests_.find(key(request));
    if (found == requests_.end()) return false;
    requests_.erase(found);
    return true;
  }

 private:
  using Key = std::tuple<Op, std::uint64_t>;
  // Without its size: a requeue event of blkparse without a range does not tell it.
  static Key key(const TraceRecord& r) { return {r.op, r.op == Op::flush ? 0 : r.sector}; }

  std::multiset<Key> requests_;
};

}  // namespace cesasim::traces
