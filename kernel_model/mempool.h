// SPDX-License-Identifier: Apache-2.0
// mempool_t: a reserve of preallocated elements behind an allocator that may fail.
#pragma once

#include <cstdint>
#include <vector>

#include "kernel_model/kernel.h"

namespace cesasim::kernel {

/// Page mempool: dm-crypt's bounce pages (AllocSite::bounce_pages). alloc(may_wait=false) takes
/// from the allocator, then from the reserve, and returns 0 if both are empty; with may_wait it
/// sleeps until an element comes back. As in mm/mempool.c (2.6.12), elements freed refill the
/// reserve first.
class PageMempool {
 public:
  PageMempool(Kernel& kernel, unsigned min_nr, Activity activity);
  PhysAddr alloc(bool may_wait);
  void free(PhysAddr page);
  unsigned reserve() const { return static_cast<unsigned>(reserve_.size()); }
  std::uint64_t waits() const { return waits_; }

 private:
  Kernel& kernel_;
  unsigned min_nr_;
  Activity activity_;
  std::vector<PhysAddr> reserve_;
  WaitQueue wait_;
  std::uint64_t waits_ = 0;
};

}  // namespace cesasim::kernel
