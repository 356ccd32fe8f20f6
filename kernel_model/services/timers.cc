// SPDX-License-Identifier: Apache-2.0
#include "kernel_model/services/timers.h"

#include <sysc/kernel/sc_spawn.h>

#include <algorithm>

#include "hw_model/tlm/sc_time.h"

namespace cesasim::kernel {

Timers::Timers(Scheduler& scheduler, Interrupts& interrupts)
    : scheduler_(scheduler), interrupts_(interrupts), timer_event_("timer_event") {
  interrupts_.timer_softirq_.fn = [this] { run_timers(); };
  sc_core::sc_spawn_options options;
  options.spawn_method();
  options.dont_initialize();
  options.set_sensitivity(&timer_event_);
  sc_core::sc_spawn([this] { interrupts_.raise_timer_irq(); }, "timer_device", &options);
}

void Timers::mod_timer(Timer& timer, Ps expires_in) {
  scheduler_.sync();  // if it was due before now, it has fired
  scheduler_.charge(Activity::sched, scheduler_.costs().timer);
  if (timer.armed) timers_.remove(&timer);
  const Ps due = scheduler_.now() + expires_in;
  timer.expires = (due + scheduler_.tick_ - 1) / scheduler_.tick_ * scheduler_.tick_;
  timer.armed = true;
  auto it = std::find_if(timers_.begin(), timers_.end(),
                         [&](const Timer* t) { return t->expires > timer.expires; });
  timers_.insert(it, &timer);
  arm_timer_device();
}

void Timers::del_timer(Timer& timer) {
  scheduler_.sync();
  scheduler_.charge(Activity::sched, scheduler_.costs().timer);
  // del_timer_sync: a function that cpu 0 is in the middle of must end before its owner goes.
  while (running_timer_ == &timer && !interrupts_.in_interrupt()) {
    scheduler_.cpu_relax(Activity::sched, scheduler_.costs().lock);
  }
  if (!timer.armed) return;
  timer.armed = false;
  timers_.remove(&timer);
  arm_timer_device();
}

void Timers::arm_timer_device() {
  timer_event_.cancel();
  if (timers_.empty()) return;
  const Ps stamp = hw::now_ps();
  const Ps due = std::max(timers_.front()->expires, stamp);
  timer_event_.notify(hw::to_sc_time(due - stamp));
}

void Timers::run_timers() {
  const Ps stamp = hw::now_ps();
  while (!timers_.empty() && timers_.front()->expires <= stamp) {
    auto chosen = timers_.begin();
    if (scheduler_.dice_) {
      const auto due = std::count_if(timers_.begin(), timers_.end(),
                                     [stamp](const Timer* t) { return t->expires <= stamp; });
      std::advance(chosen, scheduler_.roll(static_cast<std::uint64_t>(due)));
    }
    Timer* t = *chosen;
    timers_.erase(chosen);
    t->armed = false;
    running_timer_ = t;
    t->fn();
    running_timer_ = nullptr;
  }
  arm_timer_device();
}

void Timers::schedule_timeout(Ps ps) {
  WaitQueue wait(*this);
  wait.wait_event_timeout([] { return false; }, ps);
}

}  // namespace cesasim::kernel
