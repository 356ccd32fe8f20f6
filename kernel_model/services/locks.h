// SPDX-License-Identifier: Apache-2.0
// What keeps interrupts and other cores out.
#pragma once

#include <systemc>

#include "kernel_model/services/scheduler.h"

namespace cesasim::kernel {

/// spinlock_t; take it with an IrqLock.
class SpinLock {
 private:
  friend class IrqLock;
  friend class IrqOff;
  bool held_ = false;
  unsigned cpu_ = 0;  // of the holder
  unsigned spinning_ = 0;
  sc_core::sc_event released_;
};

/// local_irq_save / restore around code that must not meet an interrupt of this core. Begin
/// and end are synchronisation points, so an interrupt waits for exactly the time inside.
class IrqOff {
 public:
  IrqOff(Scheduler& scheduler, Activity activity);
  ~IrqOff();
  IrqOff(const IrqOff&) = delete;

 protected:
  Scheduler& scheduler_;
  unsigned cpu_;
  SpinLock* lock_ = nullptr;
};

/// spin_lock_irqsave / spin_unlock_irqrestore: a synchronisation point and a cost; another
/// core that finds the lock held spins (booked on `activity`) until it is released. Taking a
/// lock that the own core holds throws std::logic_error: it would spin for ever.
class IrqLock : public IrqOff {
 public:
  IrqLock(Scheduler& scheduler, SpinLock& lock, Activity activity);
};

}  // namespace cesasim::kernel
