// SPDX-License-Identifier: Apache-2.0
// Log-linear histogram: percentiles of any range of values in fixed memory.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace cesasim {

/// Counts values in 64 linear steps per power of two (exact below 128), so that a percentile
/// is within 1/128 (0.8 %) of the true value. Minimum, maximum and mean are exact. Values
/// have no unit here; replay records picoseconds.
class LatencyHistogram {
 public:
  void add(std::uint64_t value) {
    if (counts_.empty()) counts_.resize(kBuckets);
    ++counts_[bucket(value)];
    ++count_;
    sum_ += static_cast<double>(value);
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
  }
  void merge(const LatencyHistogram& other) {
    if (other.counts_.empty()) return;
    if (counts_.empty()) counts_.resize(kBuckets);
    for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
  }

  std::uint64_t count() const { return count_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  std::uint64_t min() const { return count_ == 0 ? 0 : min_; }
  std::uint64_t max() const { return max_; }
  /// The smallest value that at least `percent` of the values do not exceed; 0 if there are none.
  std::uint64_t percentile(double percent) const {
    if (count_ == 0) return 0;
    const double wanted = std::ceil(percent / 100 * static_cast<double>(count_));
    const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      seen += counts_[i];
      if (seen >= rank) return std::clamp(middle(i), min_, max_);
    }
    return max_;
  }
  /// Calls visit(upper, count) for the ranges that hold values, from the lowest on; `upper` is
  /// beyond the last value of a range. `steps` of them, a power of two up to 64, make a power of
  /// two.
  template <class Visit>
  void for_each_bucket(std::size_t steps, Visit visit) const {
    const std::size_t together = kSteps / steps;
    for (std::size_t i = 0; i < counts_.size(); i += together) {
      std::uint64_t count = 0;
      for (std::size_t j = i; j < i + together; ++j) count += counts_[j];
      if (count != 0) visit(low(i + together - 1) + size(i + together - 1), count);
    }
  }

 private:
  static constexpr unsigned kStepBits = 6;
  static constexpr std::uint64_t kSteps = 1u << kStepBits;
  static constexpr std::size_t kBuckets = (64 - kStepBits + 1) * kSteps;

  static std::size_t bucket(std::uint64_t value) {
    if (value < 2 * kSteps) return static_cast<std::size_t>(value);
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - kStepBits - 1;
    return shift * kSteps + static_cast<std::size_t>(value >> shift);
  }
  /// Of the values in a bucket: the lowest, and how many there are.
  static std::uint64_t low(std::size_t bucket) {
    if (bucket < 2 * kSteps) return bucket;
    return (bucket % kSteps + kSteps) << (bucket / kSteps - 1);
  }
  static std::uint64_t size(std::size_t bucket) {
    return bucket < 2 * kSteps ? 1 : std::uint64_t{1} << (bucket / kSteps - 1);
  }
  static std::uint64_t middle(std::size_t bucket) { return low(bucket) + (size(bucket) >> 1); }

  std::vector<std::uint64_t> counts_;  // on the heap: simulated threads have small stacks
  std::uint64_t count_ = 0;
  double sum_ = 0;
  std::uint64_t min_ = ~std::uint64_t{0};
  std::uint64_t max_ = 0;
};

}  // namespace cesasim
