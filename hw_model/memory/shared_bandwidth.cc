// SPDX-License-Identifier: Apache-2.0
#include "hw_model/memory/shared_bandwidth.h"

#include <algorithm>

namespace cesasim::hw {

Ps SharedBandwidth::transfer(unsigned master, Ps start, std::uint64_t bytes, Ps own_ps) {
  bytes_ += bytes;
  if (bytes == 0) return own_ps;
  double taken = 0;
  bool first_use = true;
  for (unsigned i : seen_) {
    if (i == master) {
      first_use = false;
    } else if (flows_[i].end > start) {
      taken += flows_[i].share;
    }
  }
  if (first_use) seen_.push_back(master);
  const double alone = static_cast<double>(bytes) * ps_per_byte_;
  double share = 1.0 - taken;
  if (alone > share * static_cast<double>(own_ps))
    share = std::max(share, fair_share(master, start));
  const Ps duration = std::max<Ps>({own_ps, static_cast<Ps>(alone / share + 0.5), 1});
  flows_[master] = {start + duration, alone / static_cast<double>(duration)};
  return duration;
}

// Water filling: who takes less than an equal part leaves the rest to the others.
double SharedBandwidth::fair_share(unsigned master, Ps start) const {
  double level = 0;
  for (;;) {
    double left = 1;
    unsigned sharers = 1;
    for (unsigned i : seen_) {
      if (i == master || flows_[i].end <= start) continue;
      if (flows_[i].share <= level) {
        left -= flows_[i].share;
      } else {
        ++sharers;
      }
    }
    const double next = left / sharers;
    if (next <= level) return level;
    level = next;
  }
}

}  // namespace cesasim::hw
