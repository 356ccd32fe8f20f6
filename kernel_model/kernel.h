// A small Linux on the modelled cores: threads, hard and soft interrupts, timers, wait queues.
//
// Software is straight-line C++ on SystemC threads. It *charges* what it costs (charge()), and
// simulated time catches up at synchronisation points (sync(), taken inside every primitive
// that another core, an interrupt or a device could notice). sync() only really waits if some
// other simulated event is due before the local time; otherwise running ahead is unobservable
// and free. Interrupt handlers run on the stack of whatever context they interrupt, as on
// hardware: sync() is where a core takes its interrupts.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <systemc>
#include <vector>

#include "hw_model/common/fault.h"
#include "hw_model/common/units.h"
#include "hw_model/cpu/activity.h"
#include "hw_model/cpu/cpu_core.h"
#include "hw_model/cpu/intc.h"
#include "hw_model/memory/dma_sanitizer.h"
#include "hw_model/memory/dram.h"
#include "kernel_model/params.h"
#include "kernel_model/tracer.h"

namespace cesasim::kernel {

using hw::Activity;
using hw::AllocSite;
using hw::PhysAddr;
using hw::Ps;

class Kernel;
class WaitQueue;

/// A schedulable thread (kernel or user). Created by Kernel::kthread_run.
class Thread {
 public:
  const std::string& name() const { return name_; }
  int nice() const { return nice_; }
  /// Unaccounted local time (charged, not yet waited for).
  Ps pending() const { return pending_; }
  std::uint64_t switches() const { return switches_; }

 private:
  friend class Kernel;
  enum class State { running, runnable, blocked, dead };
  std::string name_;
  int nice_ = 0;
  int bound_cpu_ = -1;          // -1: any
  unsigned cpu_ = 0;            // where it runs or ran last
  bool user_mode_ = false;      // preemptible although the kernel is not
  unsigned preempt_count_ = 0;  // not preemptible, whatever the kernel is
  State state_ = State::runnable;
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

/// Work deferred to softirq context. schedule it with Kernel::tasklet_schedule. Never runs on two
/// cores at once: one that finds it running tries again until it has ended.
struct Tasklet {
  std::function<void()> fn;
  bool scheduled = false;  // TASKLET_STATE_SCHED
  bool running = false;    // TASKLET_STATE_RUN
};

/// One-shot kernel timer; runs in softirq context of cpu 0, rounded up to a tick.
struct Timer {
  std::function<void()> fn;
  bool armed = false;
  Ps expires = 0;
};

/// spinlock_t; take it with Kernel::IrqLock.
class SpinLock {
 private:
  friend class Kernel;
  bool held_ = false;
  unsigned cpu_ = 0;  // of the holder
  unsigned spinning_ = 0;
  sc_core::sc_event released_;
};

/// What the hard part of a threaded interrupt handler found (irqreturn_t).
enum class IrqReturn { none, handled, wake_thread };

class Kernel : public sc_core::sc_module {
 public:
  Kernel(sc_core::sc_module_name name, const KernelCosts& costs, const KernelSettings& settings,
         std::vector<hw::CpuCore*> cores, hw::Intc& intc, hw::Dram& dram);
  ~Kernel() override;

  const KernelCosts& costs() const { return costs_; }
  const KernelSettings& settings() const { return settings_; }
  unsigned cpus() const { return static_cast<unsigned>(cpus_.size()); }
  hw::CpuCore& core(unsigned cpu) { return *cpus_[cpu]->core; }

  // --- time -------------------------------------------------------------------------------
  /// Books `cycles` of the current core on `activity`. Call from a modelled context only.
  void charge(Activity activity, double cycles);
  void charge_ps(Activity activity, Ps ps);
  /// Local time of the current context (simulated time plus what it has charged).
  Ps now() const;
  /// Synchronisation point: lets simulated time catch up if anyone could tell, takes pending
  /// interrupts, and (user mode only) lets a better or equal thread in when due.
  void sync();
  /// As sync(), but always ends with simulated time == local time. Needed before touching a
  /// device or waking another core.
  void sync_now();
  /// Off: every sync() really waits. Slower and, but for ties of a picosecond, the same result;
  /// tests hold the two together.
  void set_run_ahead(bool on) { run_ahead_ = on; }

  /// How a core's time went, measured on the simulated clock and not from the charges. At any
  /// instant busy + idle == time since the start, and busy <= charged: the rest is debt.
  struct CoreTime {
    Ps busy = 0;
    Ps idle = 0;
  };
  CoreTime core_time(unsigned cpu) const;

  // --- threads ----------------------------------------------------------------------------
  /// Creates a runnable thread. `bound_cpu` < 0: may run anywhere; throws std::out_of_range for
  /// a core that is not there.
  Thread& kthread_run(std::string name, std::function<void()> body, int nice = 0,
                      int bound_cpu = -1);
  Thread& current() { return *current_; }
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
  /// Marks what follows as user mode: preemptible by any better thread and by the slice.
  /// A synchronisation point: kernel time charged before is not preemptible, user time is.
  void user_mode(bool on);
  /// Sleeps for `ps` (rounded up to a tick).
  void schedule_timeout(Ps ps);

  // --- interrupts -------------------------------------------------------------------------
  // There is no free_irq: nothing here is unloaded before the simulation ends. A driver that is to
  // be quiet disables its line: disable_irq and its kin are for drivers written against this model;
  // those that come with it leave their lines on.

  /// Installs the handler of `irq`, enables it and routes it to `cpu`. Throws std::logic_error if
  /// it has one (lines are not shared), std::out_of_range for a line or core that is not there.
  void request_irq(unsigned irq, std::function<bool()> handler, std::string name, unsigned cpu = 0);
  /// request_threaded_irq with IRQF_ONESHOT: when `handler` answers wake_thread (as no handler at
  /// all does), the line stays masked until `thread_fn` has run in a thread of its own,
  /// "irq/N-name", which any other thread gives way to.
  void request_threaded_irq(unsigned irq, std::function<IrqReturn()> handler,
                            std::function<void()> thread_fn, std::string name, unsigned cpu = 0);
  /// Nobody hears of `irq` until enable_irq() has been called as often. The handler, and the thread
  /// of a threaded one, may still be running on another core.
  void disable_irq_nosync(unsigned irq);
  /// The same, and waits until they have ended; sleeps if that is a thread. Throws std::logic_error
  /// where it would wait for itself.
  void disable_irq(unsigned irq);
  /// Takes one disable_irq() back. Throws std::logic_error if there is none ("unbalanced enable").
  void enable_irq(unsigned irq);
  bool in_interrupt() const;
  bool in_irq() const;
  bool irqs_disabled() const { return this_cpu().irq_off != 0 || in_irq(); }
  void local_irq_disable();
  void local_irq_enable();
  void tasklet_schedule(Tasklet& tasklet);
  void mod_timer(Timer& timer, Ps expires_in);
  void del_timer(Timer& timer);
  /// Hard interrupts handled, all cores.
  std::uint64_t interrupts() const { return interrupts_; }
  std::uint64_t spurious_interrupts() const { return spurious_; }
  std::uint64_t context_switches() const { return context_switches_; }
  std::uint64_t irq_count(unsigned irq) const { return irqs_.at(irq).count; }

  // --- locks --------------------------------------------------------------------------------
  /// local_irq_save / restore around code that must not meet an interrupt of this core. Begin
  /// and end are synchronisation points, so an interrupt waits for exactly the time inside.
  class IrqOff {
   public:
    IrqOff(Kernel& kernel, Activity activity);
    ~IrqOff();
    IrqOff(const IrqOff&) = delete;

   protected:
    Kernel& kernel_;
    unsigned cpu_;
    SpinLock* lock_ = nullptr;
  };
  /// spin_lock_irqsave / spin_unlock_irqrestore: a synchronisation point and a cost; another
  /// core that finds the lock held spins (booked on `activity`) until it is released. Taking a
  /// lock that the own core holds throws std::logic_error: it would spin for ever.
  class IrqLock : public IrqOff {
   public:
    IrqLock(Kernel& kernel, SpinLock& lock, Activity activity);
  };

  // --- tracing ------------------------------------------------------------------------------
  /// Tells `tracer` what goes on from here on; not owned, nullptr: nobody. Set it before the first
  /// thread runs.
  void set_tracer(Tracer* tracer) { tracer_ = tracer; }
  /// From a modelled context: something has happened to the bio `id` (0: nobody's).
  void trace(TraceEvent event, std::uint64_t id, std::uint64_t value = 0) {
    if (tracer_ != nullptr && id != 0) [[unlikely]] {
      tracer_->event(event, id, value, smp_processor_id(), now());
    }
  }

  // --- memory -----------------------------------------------------------------------------
  /// Faults on purpose from here on; not owned, nullptr: none.
  void set_faults(hw::FaultPlan* plan) { faults_ = plan; }
  /// For drivers: whether a fault happens here and now.
  bool fault(hw::FaultKind kind, std::uint64_t where = 0) {
    return faults_ != nullptr && faults_->has(kind) && faults_->fires(kind, now(), where);
  }
  /// One object from a slab cache, as charge_slab_alloc(); false if there is none
  /// (FaultKind::request_alloc; the modelled slabs themselves never run out).
  bool slab_alloc(Activity activity, AllocSite site) {
    charge_slab_alloc(activity);
    return !fault(hw::FaultKind::request_alloc, static_cast<std::uint64_t>(site));
  }
  /// One 4 KiB page of the modelled DRAM for `site`; charges page_alloc. Returns 0 when none is
  /// left, or on FaultKind::page_alloc.
  PhysAddr alloc_page(Activity activity, AllocSite site);
  /// Whoever waits for memory holds one of these meanwhile, so that a run that starves can say so.
  class MemoryWait {
   public:
    MemoryWait(Kernel& kernel, AllocSite site);
    ~MemoryWait();
    MemoryWait(const MemoryWait&) = delete;

   private:
    Kernel& kernel_;
    AllocSite site_;
  };
  /// Those who wait at one place.
  struct MemoryWaiters {
    unsigned count = 0;
    hw::Ps since = 0;  ///< there has always been one since then
  };
  const MemoryWaiters& memory_waiters(AllocSite site) const {
    return memory_waiters_[static_cast<std::size_t>(site)];
  }
  /// Throws std::logic_error for what is no page.
  void free_page(PhysAddr page, Activity activity);
  /// Physically contiguous memory set aside for good: uncharged, never freed, from before the
  /// first thread runs or later. Throws std::bad_alloc when the modelled DRAM is full.
  PhysAddr alloc_boot(std::size_t bytes, std::size_t align);
  /// Coherent (uncached) memory that a driver shares with its device, whole pages as in 2.6.
  /// A driver's pools keep what they get, so it is never freed; callable at any time. Not
  /// charged: growing a pool is rare and its cost is the pool's. Throws std::bad_alloc.
  PhysAddr dma_alloc_coherent(std::size_t bytes);
  /// Where the bytes at `addr` really are. For coherent memory and for what is no part of the
  /// modelled software (checkers, tests): the DMA sanitizer does not see accesses through it.
  std::uint8_t* phys_to_virt(PhysAddr addr) { return dram_.host(addr); }
  /// The same for modelled software that reads, writes or reads and writes these bytes now.
  /// Tells the DMA sanitizer; charges nothing.
  const std::uint8_t* cpu_read(PhysAddr addr, std::size_t bytes) {
    sanitizer_.cpu_read(addr, bytes);
    return dram_.host(addr);
  }
  std::uint8_t* cpu_write(PhysAddr addr, std::size_t bytes) {
    sanitizer_.cpu_write(addr, bytes);
    return dram_.host(addr);
  }
  std::uint8_t* cpu_update(PhysAddr addr, std::size_t bytes) {
    sanitizer_.cpu_read(addr, bytes);
    return cpu_write(addr, bytes);
  }
  std::size_t free_pages() const { return free_list_.size() + untouched_pages_; }
  void charge_slab_alloc(Activity activity) { charge(activity, costs_.slab_alloc); }
  void charge_slab_free(Activity activity) { charge(activity, costs_.slab_free); }
  /// Copies between two places of the modelled DRAM, charged as Activity::copy with its share
  /// of DRAM bandwidth and counted in bytes_copied().
  void memcpy(PhysAddr dst, PhysAddr src, std::size_t bytes);
  std::uint64_t bytes_copied() const { return bytes_copied_; }
  /// Books the DRAM traffic of work done by the current core and stretches it if the memory
  /// is busy: charges `activity` with what `cycles` of work on `dram_bytes` take.
  void charge_with_dram(Activity activity, double cycles, std::uint64_t dram_bytes);

  // --- devices ----------------------------------------------------------------------------
  std::uint32_t readl(PhysAddr addr, Activity activity);
  void writel(std::uint32_t value, PhysAddr addr, Activity activity);
  /// A posted write that the device does not act on before a later writel (set-up of an idle
  /// engine): done without synchronising, so early by at most the local time not yet waited for.
  void writel_relaxed(std::uint32_t value, PhysAddr addr, Activity activity);
  /// Copies between memory and a device's memory, word by word and uncached: charged as
  /// Activity::copy with the DRAM's share, counted in bytes_copied(). A synchronisation point.
  void memcpy_toio(PhysAddr dst_io, PhysAddr src, std::size_t bytes);
  void memcpy_fromio(PhysAddr dst, PhysAddr src_io, std::size_t bytes);
  /// The same for what a driver has at hand (descriptors, keys): no data copy, no DRAM traffic.
  void toio(PhysAddr dst_io, const void* src, std::size_t bytes, Activity activity);
  void fromio(void* dst, PhysAddr src_io, std::size_t bytes, Activity activity);
  using DmaDirection = hw::DmaDirection;
  /// Cache maintenance and fixed cost of mapping a buffer for a device. Bus address = physical.
  /// Virtual for tests, whose kernels forget one and see whether the sanitizer finds out.
  virtual PhysAddr dma_map_single(PhysAddr addr, std::size_t bytes, DmaDirection direction);
  virtual void dma_unmap_single(PhysAddr addr, std::size_t bytes, DmaDirection direction);
  /// Gives a mapped buffer, or a part of it, to the CPU and back to the device without unmapping.
  /// As with map and unmap, the cache maintenance is done on the way to the device.
  void dma_sync_single_for_cpu(PhysAddr addr, std::size_t bytes, DmaDirection direction);
  void dma_sync_single_for_device(PhysAddr addr, std::size_t bytes, DmaDirection direction);
  const hw::DmaSanitizer& dma_sanitizer() const { return sanitizer_; }

 private:
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
    std::unique_ptr<WaitQueue> wait_for_threads;
  };
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
  };

  Cpu& this_cpu() { return *cpus_[current_->cpu_]; }
  const Cpu& this_cpu() const { return *cpus_[current_->cpu_]; }
  void run_thread(Thread* thread);
  void idle_loop(Cpu& cpu);
  bool is_idle(const Cpu& cpu) const;
  void must_not_be_atomic() const;
  Ps wait_on_core(Cpu& cpu, Ps ps, bool interruptible);
  void catch_up(bool always);
  bool irq_raised(const Cpu& cpu) const;
  bool irq_due(const Cpu& cpu) const;
  void do_irq(Cpu& cpu);
  void do_softirq(Cpu& cpu);
  /// Everything but the enabling.
  Irq& setup_irq(unsigned irq, std::function<bool()> handler, std::string name, unsigned cpu);
  Irq& requested(unsigned irq);
  void update_irq_line(unsigned irq);
  void synchronize_irq(unsigned irq);
  void run_timers();
  void arm_timer_device();
  void timer_device();
  void enqueue(Cpu& cpu, Thread& thread, bool front);
  Thread* pick_next(Cpu& cpu);
  void switch_to(Cpu& cpu, Thread& next);
  unsigned select_cpu(const Thread& thread);
  bool should_preempt(const Cpu& cpu);
  bool preemptible(const Cpu& cpu, const Thread& thread) const;
  void preempt();
  /// With a schedule_seed: 0 to n - 1 by its dice; else 0.
  std::uint64_t roll(std::uint64_t n) { return dice_ && n != 0 ? (*dice_)() % n : 0; }
  /// With schedule_jitter_us: a delay that real hardware may take and the model's costs leave out.
  void jitter(Activity activity);
  void charge_lines(Activity activity, std::size_t bytes, double per_line,
                    std::uint64_t dram_bytes);
  void charge_maintenance(std::size_t bytes, DmaDirection direction);
  hw::DmaContext dma_context() const;

  KernelCosts costs_;
  KernelSettings settings_;
  hw::Intc& intc_;
  hw::Dram& dram_;
  hw::DmaSanitizer sanitizer_;
  std::vector<std::unique_ptr<Cpu>> cpus_;
  std::vector<std::unique_ptr<Thread>> threads_;
  hw::FaultPlan* faults_ = nullptr;
  std::array<MemoryWaiters, static_cast<std::size_t>(AllocSite::count)> memory_waiters_{};
  Tracer* tracer_ = nullptr;
  std::vector<Irq> irqs_;
  Thread* current_ = nullptr;
  std::list<Timer*> timers_;  // by expiry
  Timer* running_timer_ = nullptr;
  Tasklet timer_softirq_;
  sc_core::sc_event timer_event_;
  Ps tick_ = 0;
  Ps timeslice_ = 0;
  bool run_ahead_ = true;
  bool preempt_full_ = false;
  std::optional<std::mt19937_64> dice_;
  std::mt19937_64 jitter_dice_;  // of its own: delays do not change what dice_ throws
  Ps jitter_ = 0;                // longest delay; 0: none
  std::uint64_t interrupts_ = 0;
  std::uint64_t spurious_ = 0;
  std::uint64_t context_switches_ = 0;
  std::uint64_t bytes_copied_ = 0;
  std::vector<PhysAddr> free_list_;
  PhysAddr boot_top_ = 0;
  PhysAddr next_page_ = 0;
  std::size_t untouched_pages_ = 0;
};

/// Threads sleeping for a condition. wake_up() makes all of them runnable (they re-test).
class WaitQueue {
 public:
  explicit WaitQueue(Kernel& kernel) : kernel_(kernel) {}

  /// Sleeps until `condition()`; the condition is tested after every wake-up.
  template <class Condition>
  void wait_event(Condition condition) {
    kernel_.sync();
    while (!condition()) sleep();
  }
  /// As wait_event, but gives up after `timeout`. Returns false on a timeout.
  template <class Condition>
  bool wait_event_timeout(Condition condition, Ps timeout) {
    kernel_.sync();
    if (condition()) return true;
    bool expired = false;
    Timer timer;
    Thread& me = kernel_.current();
    timer.fn = [&] {
      expired = true;
      kernel_.wake_up_process(me);
    };
    kernel_.mod_timer(timer, timeout);
    while (!condition() && !expired) sleep();
    kernel_.del_timer(timer);
    return condition();
  }
  void wake_up();
  bool active() const { return !waiters_.empty(); }

 private:
  void sleep();
  Kernel& kernel_;
  std::vector<Thread*> waiters_;
};

}  // namespace cesasim::kernel
