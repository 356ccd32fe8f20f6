// SPDX-License-Identifier: Apache-2.0
// How many requests were outstanding, over a whole trace, in constant memory beside those.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "base/text/latency_histogram.h"
#include "traces/trace_record.h"

namespace cesasim::traces {

/// Requests outstanding when a new one is queued, the new one not counted.
struct DepthStats {
  LatencyHistogram seen;
  /// Requests whose completion the trace does not tell; they count as never outstanding.
  std::uint64_t unknown = 0;
};

/// Mean number of outstanding requests per interval of time. The intervals double in width when
/// the trace outgrows them.
class DepthSeries {
 public:
  static constexpr std::size_t kBins = 60;

  void add(std::uint64_t from_ns, std::uint64_t to_ns);
  std::uint64_t bin_ns() const { return bin_ns_; }
  /// One mean per interval, from time 0 to the last completion.
  std::vector<double> means() const;

 private:
  std::array<double, kBins> outstanding_ns_{};
  std::uint64_t bin_ns_ = 1'000'000;
  std::uint64_t end_ns_ = 0;
};

/// Follows the requests of a trace in queue order. Where time starts again, nothing is outstanding.
class DepthMeter {
 public:
  /// Requests outstanding just before `record` is queued.
  std::uint64_t queue(const TraceRecord& record);
  /// Its time 0 is the first request's (start_ns()): times may count from 1970.
  const DepthSeries& series() const { return series_; }
  std::uint64_t start_ns() const { return start_ns_; }

 private:
  bool any_ = false;
  std::uint64_t start_ns_ = 0;
  std::uint64_t last_ns_ = 0;
  std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> ends_;
  DepthSeries series_;
};

}  // namespace cesasim::traces
