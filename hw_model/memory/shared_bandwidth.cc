#include "hw_model/memory/shared_bandwidth.h"

#include <algorithm>

namespace cesasim::hw {

Ps SharedBandwidth::transfer(unsigned master, Ps start, std::uint64_t bytes, Ps own_ps) {
  bytes_ += bytes;
  if (bytes == 0) return own_ps;
  double taken = 0;
  for (unsigned i = 0; i < kMbusMasters; ++i) {
    if (i != master && flows_[i].end > start) taken += flows_[i].share;
  }
  const double available = std::max(kMinShare, 1.0 - taken);
  const Ps alone = transfer_ps(bytes, bytes_per_second_);
  const Ps shared = static_cast<Ps>(static_cast<double>(alone) / available);
  const Ps duration = std::max<Ps>({own_ps, shared, 1});
  flows_[master] = {start + duration, static_cast<double>(alone) / static_cast<double>(duration)};
  return duration;
}

}  // namespace cesasim::hw
