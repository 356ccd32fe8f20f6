// SPDX-License-Identifier: Apache-2.0
// Hard interrupts, their threads, and what they leave to softirq context. Handlers run on the stack
// of whatever context they interrupt, as on hardware.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hw_model/cpu/intc.h"
#include "kernel_model/services/scheduler.h"
#include "kernel_model/services/wait_queue.h"

namespace cesasim::kernel {

/// Work deferred to softirq context. Schedule it with Interrupts::tasklet_schedule. Never runs on
/// two cores at once: one that finds it running tries again until it has ended.
struct Tasklet {
  std::function<void()> fn;
  bool scheduled = false;  // TASKLET_STATE_SCHED
  bool running = false;    // TASKLET_STATE_RUN
};

/// What the hard part of a threaded interrupt handler found (irqreturn_t).
enum class IrqReturn { none, handled, wake_thread };

class Interrupts {
 public:
  // There is no free_irq: nothing here is unloaded before the simulation ends. A driver that is to
  // be quiet disables its line: disable_irq and its kin are for drivers written against this model;
  // those that come with it leave their lines on.

  /// Installs the handler of `irq`, enables it and routes it to `cpu`. Throws std::logic_error if
  /// it has one (lines are not shared), std::out_of_range for a line or core that is not there.
  void request_irq(unsigned irq, std::function<bool()> handler, std::string name, unsigned cpu = 0);
  /// request_threaded_irq with IRQF_ONESHOT: when `handler` returns wake_thread (as no handler at
  /// all does), the line stays masked until `thread_fn` has run in a thread of its own,
  /// "irq/N-name", which any other thread gives way to.
  void request_threaded_irq(unsigned irq, std::function<IrqReturn()> handler,
                            std::function<void()> thread_fn, std::string name, unsigned cpu = 0);
  /// No handler of `irq` is called until enable_irq() has been called as often. The handler, and
  /// the thread of a threaded one, may still be running on another core.
  void disable_irq_nosync(unsigned irq);
  /// The same, and waits until they have ended; sleeps if that is a thread. Throws std::logic_error
  /// where it would wait for itself.
  void disable_irq(unsigned irq);
  /// Takes one disable_irq() back. Throws std::logic_error if there is none ("unbalanced enable").
  void enable_irq(unsigned irq);
  bool in_interrupt() const { return scheduler_.this_cpu().in_interrupt(); }
  bool in_irq() const { return scheduler_.this_cpu().in_hardirq != 0; }
  bool irqs_disabled() const { return scheduler_.this_cpu().irq_off != 0 || in_irq(); }
  void local_irq_disable();
  void local_irq_enable();
  void tasklet_schedule(Tasklet& tasklet);
  /// Hard interrupts handled, all cores.
  std::uint64_t interrupts() const { return interrupts_; }
  std::uint64_t spurious_interrupts() const { return spurious_; }
  std::uint64_t irq_count(unsigned irq) const { return irqs_.at(irq).count; }

 protected:
  /// Starts each core's idle thread and ksoftirqd.
  Interrupts(Scheduler& scheduler, hw::Intc& intc);
  ~Interrupts() = default;

 private:
  friend class Timers;

  struct Irq {                      // irq_desc
    std::function<bool()> handler;  // returns true if the device had raised it
    std::string name;
    std::uint64_t count = 0;
    unsigned depth = 0;        // disable_irq() calls to take back
    bool masked = false;       // IRQF_ONESHOT: until its thread has run
    bool in_progress = false;  // the handler, on `cpu`
    unsigned cpu = 0;
    Thread* thread = nullptr;  // of a threaded one
    bool thread_active = false;
    std::unique_ptr<WaitQueueHead> wait_for_threads;
  };

  void do_irq(Cpu& cpu);
  void do_softirq(Cpu& cpu);
  /// Everything but the enabling.
  Irq& setup_irq(unsigned irq, std::function<bool()> handler, std::string name, unsigned cpu);
  Irq& requested(unsigned irq);
  void update_irq_line(unsigned irq);
  void synchronize_irq(unsigned irq);
  /// The timer's interrupt, which raises timer_softirq_ on core 0.
  void raise_timer_irq();

  Scheduler& scheduler_;
  hw::Intc& intc_;
  std::vector<Irq> irqs_;
  Tasklet timer_softirq_;  // TIMER_SOFTIRQ, which comes before tasklets
  std::uint64_t interrupts_ = 0;
  std::uint64_t spurious_ = 0;
};

}  // namespace cesasim::kernel
