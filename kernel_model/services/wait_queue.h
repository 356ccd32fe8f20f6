// SPDX-License-Identifier: Apache-2.0
// Threads that sleep for a condition.
#pragma once

#include <vector>

#include "kernel_model/services/scheduler.h"

namespace cesasim::kernel {

/// wait_queue_head_t. wake_up() makes all sleepers runnable; each tests its condition again.
class WaitQueueHead {
 public:
  explicit WaitQueueHead(Scheduler& scheduler) : scheduler_(scheduler) {}

  /// Sleeps until `condition()`; the condition is tested after every wake-up.
  template <class Condition>
  void wait_event(Condition condition) {
    scheduler_.sync();
    while (!condition()) sleep();
  }
  void wake_up();
  bool active() const { return !waiters_.empty(); }

 protected:
  void sleep();
  Scheduler& scheduler_;

 private:
  std::vector<Thread*> waiters_;
};

}  // namespace cesasim::kernel
