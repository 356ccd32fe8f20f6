// SPDX-License-Identifier: Apache-2.0
#include "kernel_model/services/locks.h"

#include <exception>
#include <stdexcept>

namespace cesasim::kernel {

IrqOff::IrqOff(Scheduler& scheduler, Activity activity)
    : scheduler_(scheduler), cpu_(scheduler.smp_processor_id()) {
  scheduler_.charge(activity, scheduler_.costs().lock);
  scheduler_.jitter(activity);
  scheduler_.sync();
  cpu_ = scheduler_.smp_processor_id();
  ++scheduler_.this_cpu().irq_off;
}

IrqOff::~IrqOff() {
  // The time inside must have passed before an interrupt that waits for it is taken and before
  // a core that spins has the lock. Neither shows as an event to come, hence the questions.
  if (std::uncaught_exceptions() == 0) {
    scheduler_.sync();
    const bool awaited =
        scheduler_.this_cpu().irq_raised() || (lock_ != nullptr && lock_->spinning_ != 0);
    if (awaited) scheduler_.sync_now();
  }
  if (lock_ != nullptr) {
    lock_->held_ = false;
    if (lock_->spinning_ != 0) lock_->released_.notify(sc_core::SC_ZERO_TIME);
  }
  --scheduler_.cpus_[cpu_]->irq_off;
  if (std::uncaught_exceptions() == 0) scheduler_.preempt_check_resched();
}

IrqLock::IrqLock(Scheduler& scheduler, SpinLock& lock, Activity activity)
    : IrqOff(scheduler, activity) {
  while (lock.held_) {
    if (lock.cpu_ == cpu_) throw std::logic_error("deadlock: the core holds this lock already");
    scheduler_.sync_now();
    if (!lock.held_) break;
    Cpu& cpu = scheduler_.this_cpu();
    ++lock.spinning_;
    const Ps spun = scheduler_.measured(cpu, false, [&lock] { sc_core::wait(lock.released_); });
    --lock.spinning_;
    cpu.core->account(activity, spun);
    scheduler_.book_time(cpu, spun);
  }
  lock.held_ = true;
  lock.cpu_ = cpu_;
  lock_ = &lock;
}

}  // namespace cesasim::kernel
