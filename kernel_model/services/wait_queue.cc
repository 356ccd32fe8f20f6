// SPDX-License-Identifier: Apache-2.0
#include "kernel_model/services/wait_queue.h"

#include <algorithm>
#include <utility>

namespace cesasim::kernel {

void WaitQueueHead::sleep() {
  Thread& me = scheduler_.current();
  waiters_.push_back(&me);
  scheduler_.set_blocked();
  scheduler_.schedule();
  // wake_up() empties the list; after a timeout this thread is still on it.
  waiters_.erase(std::remove(waiters_.begin(), waiters_.end(), &me), waiters_.end());
}

void WaitQueueHead::wake_up() {
  if (waiters_.empty()) return;
  // A woken thread may take this queue away before the others are woken.
  Scheduler& scheduler = scheduler_;
  const std::vector<Thread*> woken = std::exchange(waiters_, {});
  for (Thread* t : woken) scheduler.wake_up_process(*t);
}

}  // namespace cesasim::kernel
