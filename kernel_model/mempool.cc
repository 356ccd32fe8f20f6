// SPDX-License-Identifier: Apache-2.0
#include "kernel_model/mempool.h"

namespace cesasim::kernel {

PageMempool::PageMempool(Kernel& kernel, unsigned min_nr, Activity activity)
    : kernel_(kernel), min_nr_(min_nr), activity_(activity), wait_(kernel) {
  for (unsigned i = 0; i < min_nr; ++i) {
    reserve_.push_back(kernel.alloc_boot(hw::kPageBytes, hw::kPageBytes));
  }
}

PhysAddr PageMempool::alloc(bool may_wait) {
  for (;;) {
    if (const PhysAddr page = kernel_.alloc_page(activity_, AllocSite::bounce_pages)) return page;
    if (!reserve_.empty()) {
      const PhysAddr page = reserve_.back();
      reserve_.pop_back();
      return page;
    }
    if (!may_wait) return 0;
    ++waits_;
    // An allocator that has pages and yet failed would fail again: wait for our own.
    const bool exhausted = kernel_.free_pages() == 0 || min_nr_ == 0;
    const Kernel::MemoryWait waiting(kernel_, AllocSite::bounce_pages);
    wait_.wait_event([this, exhausted] {
      return !reserve_.empty() || (exhausted && kernel_.free_pages() != 0);
    });
  }
}

void PageMempool::free(PhysAddr page) {
  if (reserve_.size() < min_nr_) {
    kernel_.charge(activity_, kernel_.costs().page_free);
    reserve_.push_back(page);
  } else {
    kernel_.free_page(page, activity_);
  }
  wait_.wake_up();
}

}  // namespace cesasim::kernel
