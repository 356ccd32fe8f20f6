// SPDX-License-Identifier: Apache-2.0
// Cores, threads and the passing of time: what software costs, who runs where, and when simulated
// time catches up.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <systemc>
#include <utility>
#include <vector>

#include "hw_model/common/units.h"
#include "hw_model/cpu/activity.h"
#include "hw_model/cpu/cpu_core.h"
#include "hw_model/tlm/sc_time.h"
#include "kernel_model/params.h"
#include "kernel_model/tracer.h"

namespace cesasim::kernel {

using hw::Activity;
using hw::Ps;

struct Tasklet;

/// A schedulable thread (kernel or user). Created by Scheduler::kthread_run.
class Thread {
 public:
  const std::string& name() const { return name_; }
  int nice() const { return nice_; }
  /// Unaccounted local time (charged, not yet waited for).
  Ps pending() const { return pending_; }
  std::uint64_t switches() const { return switches_; }
  /// Time charged so far, without that of the interrupts that it was interrupted by.
  Ps time() const { return time_; }

 private:
  friend class Scheduler;
  enum class State { running, runnable, blocked, dead };
  std::string name_;
  int nice_ = 0;
  int bound_cpu_ = -1;          // -1: any
  unsigned cpu_ = 0;            // where it runs or ran last
  bool user_mode_ = false;      // preemptible although the kernel is not
  unsigned preempt_count_ = 0;  // not preemptible, whatever the kernel is
  State state_ = State::runnable;
  Ps time_ = 0;
  Ps pending_ = 0;
  Ps not_preempted_ = 0;  // so much of pending_ comes before any preemption
  Ps debt_ = 0;           // preempted before simulated time caught up with this much
  Activity last_activity_ = Activity::user;  // of what it charged
  Ps slice_used_ = 0;
  std::uint64_t switches_ = 0;
  std::function<void()> body_;
  std::function<void()> before_sleep_;
  sc_core::sc_event resume_;
};

/// What the kernel keeps of one core (Linux: its per-CPU data).
struct Cpu {
  unsigned id = 0;
  hw::CpuCore* core = nullptr;
  Thread idle;
  Thread* running = nullptr;
  std::list<Thread*> run_queue;  // best nice first, FIFO within one
  bool switching = false;        // the idle thread has picked a thread and is on its way to it
  unsigned irq_off = 0;
  unsigned in_hardirq = 0;
  bool in_softirq = false;
  std::deque<Tasklet*> tasklets;
  bool timer_irq = false;
  Thread* ksoftirqd = nullptr;
  Ps wait_since = 0;  // start of the wait in progress
  bool waiting_idle = false;
  Ps waited_busy = 0;  // simulated time that passed for charges
  Ps waited_idle = 0;

  bool irq_raised() const { return core->irq_level() || timer_irq; }
  bool irq_due() const { return irq_off == 0 && in_hardirq == 0 && irq_raised(); }
  bool in_interrupt() const { return in_hardirq != 0 || in_softirq; }
};

class Scheduler {
 public:
  const KernelCosts& costs() const { return costs_; }
  const KernelSettings& settings() const { return settings_; }
  unsigned cpus() const { return static_cast<unsigned>(cpus_.size()); }
  hw::CpuCore& core(unsigned cpu) { return *cpus_[cpu]->core; }

  // --- time -------------------------------------------------------------------------------
  /// Books `cycles` of the current core on `activity`. Call from a modelled context only.
  void charge(Activity activity, double cycles) {
    charge_ps(activity, this_cpu().core->cycles(cycles));
  }
  void charge_ps(Activity activity, Ps ps) {
    Cpu& cpu = this_cpu();
    cpu.core->account(activity, ps);
    book_time(cpu, ps);
    current_->pending_ += ps;
    current_->last_activity_ = activity;
  }
  /// Local time of the current context (simulated time plus what it has charged).
  Ps now() const { return hw::now_ps() + (current_ != nullptr ? current_->pending_ : 0); }
  /// Synchronisation point: lets simulated time catch up if anyone could tell, takes pending
  /// interrupts, and (user mode only) lets a better or equal thread in when due.
  void sync() { catch_up(!run_ahead_); }
  /// As sync(), but always ends with simulated time == local time. Needed before touching a
  /// device or waking another core.
  void sync_now() { catch_up(true); }
  /// Off: every sync() really waits. Slower and, but for ties of a picosecond, the same result;
  /// tests hold the two together.
  void set_run_ahead(bool on) { run_ahead_ = on; }
  /// One round of a loop that waits for another core: `cycles` and one more, for without any the
  /// other core would never get on.
  void cpu_relax(Activity activity, double cycles) {
    charge(activity, cycles + 1);
    sync_now();
  }

  /// How a core's time went, measured on the simulated clock and not from the charges. At any
  /// instant busy + idle == time since the start, and busy <= charged: the rest is debt.
  struct CoreTime {
    Ps busy = 0;
    Ps idle = 0;
  };
  CoreTime core_time(unsigned cpu) const;
  /// Time charged so far in hard and soft interrupts, all cores. With the time of all threads, the
  /// idle ones included, it is all that was charged.
  Ps interrupt_time() const { return interrupt_time_; }

  // --- threads ----------------------------------------------------------------------------
  /// Creates a runnable thread. `bound_cpu` < 0: may run anywhere; throws std::out_of_range for
  /// a core that is not there.
  Thread& kthread_run(std::string name, std::function<void()> body, int nice = 0,
                      int bound_cpu = -1);
  Thread& current() { return *current_; }
  /// Calls visit(thread) for each that was created, the dead ones included.
  template <class Visit>
  void for_each_thread(Visit visit) const {
    for (const auto& thread : threads_) visit(std::as_const(*thread));
  }
  unsigned smp_processor_id() const { return current_->cpu_; }
  /// The current thread sleeps until wake_up_process(). set_blocked() before testing the
  /// condition makes a wake-up in between count (as set_current_state does). Wake-ups may be
  /// spurious: test the condition again. schedule(), cond_resched() and yield() throw
  /// std::logic_error in an interrupt or with interrupts off ("scheduling while atomic").
  void set_blocked() { current_->state_ = Thread::State::blocked; }
  void set_running() { current_->state_ = Thread::State::running; }
  void schedule();
  /// `fn` runs in `thread` whenever it is about to sleep, not when it is preempted (what
  /// sched_submit_work does for a plug); it must not sleep itself. Empty: nothing.
  void set_before_sleep(Thread& thread, std::function<void()> fn) {
    thread.before_sleep_ = std::move(fn);
  }
  /// Gives way if a better thread, or one of the same priority after the slice, is waiting.
  void cond_resched();
  void yield();
  void wake_up_process(Thread& thread);
  /// As wake_up_process(), from a SystemC process that is none of this kernel's contexts and stands
  /// for the world outside: nothing is charged, and the caller does not wait.
  void wake_from_outside(Thread& thread);
  /// As kthread_run(), likewise.
  Thread& kthread_run_from_outside(std::string name, std::function<void()> body, int nice = 0);
  /// Marks what follows as user mode: preemptible by any better thread and by the slice.
  /// A synchronisation point: kernel time charged before is not preemptible, user time is.
  void user_mode(bool on);
  std::uint64_t context_switches() const { return context_switches_; }

  // --- tracing ------------------------------------------------------------------------------
  /// Notifies `tracer` of what happens from here on; not owned, nullptr: none. Set it before the
  /// first thread runs.
  void set_tracer(Tracer* tracer) { tracer_ = tracer; }
  /// From a modelled context: something has happened to the bio `id` (0: nobody's).
  void trace(TraceEvent event, std::uint64_t id, std::uint64_t value = 0) {
    if (tracer_ != nullptr && id != 0) [[unlikely]] {
      tracer_->event(event, id, value, smp_processor_id(), now());
    }
  }

 protected:
  Scheduler(const KernelCosts& costs, const KernelSettings& settings,
            const std::vector<hw::CpuCore*>& cores);
  ~Scheduler() = default;

 private:
  friend class Interrupts;
  friend class IrqLock;
  friend class IrqOff;
  friend class Memory;
  friend class Mmio;
  friend class Timers;

  /// Adds to the time of whoever charges it.
  void book_time(const Cpu& cpu, Ps ps) {
    (cpu.in_interrupt() ? interrupt_time_ : current_->time_) += ps;
  }
  Cpu& this_cpu() { return *cpus_[current_->cpu_]; }
  const Cpu& this_cpu() const { return *cpus_[current_->cpu_]; }
  void start_idle_thread(Cpu& cpu);
  void run_thread(Thread* thread);
  void idle_loop(Cpu& cpu);
  bool is_idle(const Cpu& cpu) const;
  void must_not_be_atomic() const;
  /// Runs `wait()` in the current thread and counts what passed as busy or idle time of `cpu`.
  template <class Wait>
  Ps measured(Cpu& cpu, bool idle, Wait wait) {
    Thread* const me = current_;
    const Ps start = hw::now_ps();
    cpu.wait_since = start;
    cpu.waiting_idle = idle;
    wait();
    current_ = me;
    const Ps waited = hw::now_ps() - start;
    (idle ? cpu.waited_idle : cpu.waited_busy) += waited;
    cpu.waiting_idle = false;
    cpu.wait_since = start + waited;
    return waited;
  }
  Ps wait_on_core(Cpu& cpu, Ps ps, bool interruptible);
  void catch_up(bool always);
  void enqueue(Cpu& cpu, Thread& thread, bool front);
  Thread* pick_next(Cpu& cpu);
  void switch_to(Cpu& cpu, Thread& next);
  unsigned select_cpu(const Thread& thread);
  bool should_preempt(const Cpu& cpu);
  bool preemptible(const Cpu& cpu, const Thread& thread) const;
  void preempt();
  /// What the current thread has charged so far comes before any preemption.
  void not_preempted_until_now() { current_->not_preempted_ = current_->pending_; }
  /// At the end of a section that was not preemptible.
  void preempt_check_resched();
  /// With a schedule_seed: 0 to n - 1 by its dice; else 0.
  std::uint64_t roll(std::uint64_t n) { return dice_ && n != 0 ? (*dice_)() % n : 0; }
  /// With schedule_jitter_us: a delay that real hardware may take and the model's costs leave out.
  void jitter(Activity activity);

  KernelCosts costs_;
  KernelSettings settings_;
  std::vector<std::unique_ptr<Cpu>> cpus_;
  std::vector<std::unique_ptr<Thread>> threads_;
  Thread* current_ = nullptr;
  std::function<void(Cpu&)> do_irq_;  // set by the interrupts
  Tracer* tracer_ = nullptr;
  Ps tick_ = 0;
  Ps timeslice_ = 0;
  bool run_ahead_ = true;
  bool preempt_full_ = false;
  std::optional<std::mt19937_64> dice_;
  std::mt19937_64 jitter_dice_;  // of its own: delays do not change what dice_ throws
  Ps jitter_ = 0;                // longest delay; 0: none
  Ps interrupt_time_ = 0;
  std::uint64_t context_switches_ = 0;
};

}  // namespace cesasim::kernel
