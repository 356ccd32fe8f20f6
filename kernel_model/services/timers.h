// SPDX-License-Identifier: Apache-2.0
// Kernel timers, and the sleeping that a timer ends.
#pragma once

#include <functional>
#include <list>
#include <systemc>

#include "kernel_model/services/interrupts.h"
#include "kernel_model/services/scheduler.h"
#include "kernel_model/services/wait_queue.h"

namespace cesasim::kernel {

/// One-shot kernel timer; runs in softirq context of cpu 0, rounded up to a tick.
struct Timer {
  std::function<void()> fn;
  bool armed = false;
  Ps expires = 0;
};

class Timers {
 public:
  void mod_timer(Timer& timer, Ps expires_in);
  /// del_timer_sync: on return the timer's function is not running.
  void del_timer(Timer& timer);
  /// Sleeps for `ps` (rounded up to a tick).
  void schedule_timeout(Ps ps);

 protected:
  Timers(Scheduler& scheduler, Interrupts& interrupts);
  ~Timers() = default;

 private:
  friend class WaitQueue;
  void run_timers();
  void arm_timer_device();

  Scheduler& scheduler_;
  Interrupts& interrupts_;
  std::list<Timer*> timers_;  // by expiry
  Timer* running_timer_ = nullptr;
  sc_core::sc_event timer_event_;
};

/// A wait queue whose sleepers may give up.
class WaitQueue : public WaitQueueHead {
 public:
  explicit WaitQueue(Timers& timers) : WaitQueueHead(timers.scheduler_), timers_(timers) {}

  /// As wait_event, but gives up after `timeout`. Returns false on a timeout.
  template <class Condition>
  bool wait_event_timeout(Condition condition, Ps timeout) {
    scheduler_.sync();
    if (condition()) return true;
    bool expired = false;
    Timer timer;
    Thread& me = scheduler_.current();
    timer.fn = [&] {
      expired = true;
      scheduler_.wake_up_process(me);
    };
    timers_.mod_timer(timer, timeout);
    while (!condition() && !expired) sleep();
    timers_.del_timer(timer);
    return condition();
  }

 private:
  Timers& timers_;
};

}  // namespace cesasim::kernel
