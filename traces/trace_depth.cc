// SPDX-License-Identifier: Apache-2.0
#include "traces/trace_depth.h"

#include <algorithm>

namespace cesasim::traces {

void DepthSeries::add(std::uint64_t from_ns, std::uint64_t to_ns) {
  constexpr std::uint64_t kWidest = std::uint64_t{1} << 62;
  while (bin_ns_ < kWidest && (to_ns - 1) / bin_ns_ >= kBins && to_ns > 0) {
    for (std::size_t i = 0; i < kBins; ++i) {
      outstanding_ns_[i] =
          2 * i + 1 < kBins ? outstanding_ns_[2 * i] + outstanding_ns_[2 * i + 1] : 0;
    }
    bin_ns_ *= 2;
  }
  end_ns_ = std::max(end_ns_, to_ns);
  for (std::uint64_t at = from_ns; at < to_ns;) {
    const std::uint64_t n = std::min(to_ns - at, bin_ns_ - at % bin_ns_);
    outstanding_ns_[at / bin_ns_] += static_cast<double>(n);
    at += n;
  }
}

std::vector<double> DepthSeries::means() const {
  std::vector<double> means;
  for (std::size_t i = 0; i < kBins && i <= (end_ns_ - 1) / bin_ns_ && end_ns_ > 0; ++i) {
    const std::uint64_t width = std::min(bin_ns_, end_ns_ - i * bin_ns_);
    means.push_back(outstanding_ns_[i] / static_cast<double>(width));
  }
  return means;
}

std::uint64_t DepthMeter::queue(const TraceRecord& record) {
  if (!any_) start_ns_ = record.time_ns;
  any_ = true;
  if (record.time_ns < last_ns_) ends_ = {};
  last_ns_ = record.time_ns;
  while (!ends_.empty() && ends_.top() <= record.time_ns) ends_.pop();
  const std::uint64_t depth = ends_.size();
  if (record.done_ns != kUnknownTime) {
    ends_.push(record.done_ns);
    series_.add(record.time_ns - std::min(start_ns_, record.time_ns),
                record.done_ns - std::min(start_ns_, record.done_ns));
  }
  return depth;
}

}  // namespace cesasim::traces
