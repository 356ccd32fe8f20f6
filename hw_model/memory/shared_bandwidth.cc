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
  const double shared = alone / std::max(kMinShare, 1.0 - taken);
  const Ps duration = std::max<Ps>({own_ps, static_cast<Ps>(shared + 0.5), 1});
  flows_[master] = {start + duration, alone / static_cast<double>(duration)};
  return duration;
}

}  // namespace cesasim::hw
