// SPDX-License-Identifier: Apache-2.0
#include "machine/observe/time_bins.h"

#include <algorithm>

namespace cesasim {

std::size_t TimeBins::bin(Ps at) {
  while (at / width_ >= kMost) {
    const std::size_t count = bins();
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t t = 0; t < tracks_; ++t) {
        const double moved = sum(t, i);
        sum(t, i) = 0;
        sum(t, i / 2) += moved;
      }
    }
    sums_.resize((count + 1) / 2 * tracks_);
    width_ *= 2;
  }
  const std::size_t index = at / width_;
  if (index >= bins()) sums_.resize((index + 1) * tracks_);
  return index;
}

void TimeBins::spread(std::size_t track, Ps from, Ps to, double rate) {
  if (to <= from) return;
  cover(to);  // first: it may change the width
  while (from < to) {
    const Ps end = std::min(to, (from / width_ + 1) * width_);
    sum(track, from / width_) += rate * static_cast<double>(end - from);
    from = end;
  }
}

double TimeBins::total(std::size_t track) const {
  double total = 0;
  for (std::size_t i = 0; i < bins(); ++i) total += at(track, i);
  return total;
}

}  // namespace cesasim
