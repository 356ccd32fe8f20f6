#include "kernel_model/kernel.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include "hw_model/base/lookahead.h"

namespace cesasim::kernel {

namespace {
constexpr int kIdleNice = 1000;  // below every real thread
}

Kernel::Kernel(sc_core::sc_module_name name, const KernelCosts& costs,
               const KernelSettings& settings, std::vector<hw::CpuCore*> cores, hw::Intc& intc,
               hw::Dram& dram)
    : sc_module(name),
      costs_(costs),
      settings_(settings),
      intc_(intc),
      dram_(dram),
      irqs_(hw::Intc::kLines),
      timer_event_("timer_event") {
  tick_ = static_cast<Ps>(1e12 / settings_.hz);
  timeslice_ = static_cast<Ps>(settings_.timeslice_ms * hw::kPsPerMs);
  boot_top_ = hw::kPageBytes;  // page 0 stays unused: address 0 means "no page"
  next_page_ = dram_.size();
  untouched_pages_ = dram_.size() / hw::kPageBytes - 1;
  for (hw::CpuCore* core : cores) {
    auto cpu = std::make_unique<Cpu>();
    cpu->id = core->id();
    cpu->core = core;
    cpu->idle.name_ = "swapper/" + std::to_string(cpu->id);
    cpu->idle.nice_ = kIdleNice;
    cpu->idle.cpu_ = cpu->id;
    cpu->idle.bound_cpu_ = static_cast<int>(cpu->id);
    cpu->idle.state_ = Thread::State::running;
    cpu->running = &cpu->idle;
    cpus_.push_back(std::move(cpu));
  }
  for (auto& cpu : cpus_) {
    Cpu* c = cpu.get();
    sc_core::sc_spawn([this, c] { idle_loop(*c); },
                      sc_core::sc_gen_unique_name("swapper"));
    c->ksoftirqd = &kthread_run(
        "ksoftirqd/" + std::to_string(c->id),
        [this, c] {
          for (;;) {
            set_blocked();
            if (c->tasklets.empty()) schedule();
            set_running();
            if (!c->tasklets.empty()) do_softirq(*c);
          }
        },
        19, static_cast<int>(c->id));
  }
  sc_core::sc_spawn_options options;
  options.spawn_method();
  options.dont_initialize();
  options.set_sensitivity(&timer_event_);
  sc_core::sc_spawn([this] { timer_device(); }, "timer_device", &options);
}

Kernel::~Kernel() = default;

// --- time -----------------------------------------------------------------------------------

void Kernel::charge_ps(Activity activity, Ps ps) {
  this_cpu().core->account(activity, ps);
  current_->pending_ += ps;
}

void Kernel::charge(Activity activity, double cycles) {
  charge_ps(activity, this_cpu().core->cycles(cycles));
}

Ps Kernel::now() const {
  const Ps stamp = sc_core::sc_time_stamp().value();
  return current_ ? stamp + current_->pending_ : stamp;
}

bool Kernel::irq_due(const Cpu& cpu) const {
  return cpu.irq_off == 0 && cpu.in_hardirq == 0 && (cpu.core->irq_level() || cpu.timer_irq);
}

bool Kernel::should_preempt(const Cpu& cpu) const {
  if (cpu.run_queue.empty()) return false;
  const Thread& best = *cpu.run_queue.front();
  const Thread& me = *cpu.running;
  return best.nice_ < me.nice_ || (best.nice_ == me.nice_ && me.slice_used_ >= timeslice_);
}

void Kernel::catch_up(bool always) {
  Thread* const me = current_;
  Ps left = std::exchange(me->pending_, 0);
  for (;;) {
    Cpu& cpu = *cpus_[me->cpu_];
    if (irq_due(cpu)) {
      do_irq(cpu);
      left += std::exchange(me->pending_, 0);  // what the handler may have left to catch up
      continue;
    }
    const bool preemptible =
        me->user_mode_ && cpu.in_hardirq == 0 && !cpu.in_softirq && me == cpu.running;
    if (preemptible && should_preempt(cpu)) {
      me->in_debt_ = left != 0;  // a thread in debt stays on its core, where it was charged
      preempt();
      me->in_debt_ = false;
      continue;
    }
    if (left == 0) return;
    Ps step = left;
    if (!always) {
      // Nobody can notice the difference before the next simulated event: keep the debt.
      const bool quiet = hw::nothing_due_within(left);
      const bool slice_matters = preemptible && !cpu.run_queue.empty();
      if (quiet && !slice_matters) {
        me->slice_used_ += left;
        me->pending_ += left;
        return;
      }
    }
    if (preemptible && !cpu.run_queue.empty() && cpu.run_queue.front()->nice_ == me->nice_ &&
        me->slice_used_ < timeslice_) {
      step = std::min(step, timeslice_ - me->slice_used_);
    }
    const Ps waited = wait_on_core(cpu, step, cpu.irq_off == 0 && cpu.in_hardirq == 0);
    left -= waited;
    me->slice_used_ += waited;
  }
}

Ps Kernel::wait_on_core(Cpu& cpu, Ps ps, bool interruptible) {
  Thread* const me = current_;
  const Ps start = sc_core::sc_time_stamp().value();
  cpu.wait_since = start;
  cpu.waiting_idle = false;
  if (interruptible) {
    // The time-out is a notification of the same event: an earlier one replaces it.
    cpu.core->event().notify(sc_core::sc_time::from_value(ps));
    sc_core::wait(cpu.core->event());
  } else {
    sc_core::wait(sc_core::sc_time::from_value(ps));
  }
  current_ = me;
  const Ps waited = sc_core::sc_time_stamp().value() - start;
  cpu.waited_busy += waited;
  cpu.wait_since = start + waited;
  return waited;
}

Kernel::CoreTime Kernel::core_time(unsigned cpu) const {
  const Cpu& c = *cpus_[cpu];
  const Ps since = sc_core::sc_time_stamp().value() - c.wait_since;
  return {c.waited_busy + (c.waiting_idle ? 0 : since),
          c.waited_idle + (c.waiting_idle ? since : 0)};
}

void Kernel::sync() { catch_up(!run_ahead_); }

void Kernel::sync_now() { catch_up(true); }

// --- scheduler ------------------------------------------------------------------------------

Thread& Kernel::kthread_run(std::string name, std::function<void()> body, int nice,
                            int bound_cpu) {
  threads_.push_back(std::make_unique<Thread>());
  Thread& t = *threads_.back();
  t.name_ = std::move(name);
  t.nice_ = nice;
  t.bound_cpu_ = bound_cpu;
  t.cpu_ = bound_cpu >= 0 ? static_cast<unsigned>(bound_cpu)
                          : (current_ ? current_->cpu_ : 0);
  t.body_ = std::move(body);
  t.state_ = Thread::State::blocked;
  sc_core::sc_spawn([this, thread = &t] { run_thread(thread); },
                    sc_core::sc_gen_unique_name("thread"));
  // A thread's process first waits for its turn; it must get there before it is picked, so
  // the first wake-up goes through the idle loop or the creator's next switch.
  t.state_ = Thread::State::runnable;
  Cpu& cpu = *cpus_[select_cpu(t)];
  t.cpu_ = cpu.id;
  enqueue(cpu, t, false);
  if (cpu.running == &cpu.idle) cpu.core->kick();
  return t;
}

void Kernel::run_thread(Thread* thread) {
  if (cpus_[thread->cpu_]->running != thread) {
    do {
      sc_core::wait(thread->resume_);
    } while (cpus_[thread->cpu_]->running != thread);
  }
  current_ = thread;
  thread->body_();
  sync();
  thread->state_ = Thread::State::dead;
  schedule();
}

void Kernel::enqueue(Cpu& cpu, Thread& thread, bool front) {
  auto before = [&](const Thread* other) {
    return front ? other->nice_ >= thread.nice_ : other->nice_ > thread.nice_;
  };
  auto it = std::find_if(cpu.run_queue.begin(), cpu.run_queue.end(), before);
  cpu.run_queue.insert(it, &thread);
}

unsigned Kernel::select_cpu(const Thread& thread) const {
  if (thread.bound_cpu_ >= 0) return static_cast<unsigned>(thread.bound_cpu_);
  auto idle = [](const Cpu& c) { return c.running == &c.idle && c.run_queue.empty(); };
  if (idle(*cpus_[thread.cpu_])) return thread.cpu_;
  for (const auto& c : cpus_) {
    if (idle(*c)) return c->id;
  }
  return thread.cpu_;
}

Thread* Kernel::pick_next(Cpu& cpu) {
  if (cpu.run_queue.empty()) {
    // Idle balancing: take an unbound waiting thread from another core.
    for (auto& other : cpus_) {
      if (other.get() == &cpu) continue;
      auto it = std::find_if(other->run_queue.begin(), other->run_queue.end(),
                             [](const Thread* t) { return t->bound_cpu_ < 0 && !t->in_debt_; });
      if (it == other->run_queue.end()) continue;
      Thread* t = *it;
      other->run_queue.erase(it);
      t->cpu_ = cpu.id;
      return t;
    }
    return &cpu.idle;
  }
  Thread* t = cpu.run_queue.front();
  cpu.run_queue.pop_front();
  return t;
}

void Kernel::switch_to(Cpu& cpu, Thread& next) {
  Thread* const me = current_;
  cpu.running = &next;
  cpu.need_resched = false;
  next.cpu_ = cpu.id;
  next.state_ = Thread::State::running;
  next.slice_used_ = 0;
  ++next.switches_;
  if (&next != &cpu.idle) ++context_switches_;
  next.resume_.notify(sc_core::SC_ZERO_TIME);
  if (me->state_ == Thread::State::dead) return;
  do {
    sc_core::wait(me->resume_);
  } while (cpus_[me->cpu_]->running != me);
  current_ = me;
}

void Kernel::schedule() {
  Thread* const me = current_;
  if (in_interrupt()) throw std::logic_error("scheduling while atomic: " + me->name_);
  sync();
  // A wake-up that comes before the switch is done only clears the blocked state.
  if (me->state_ == Thread::State::running) return;
  charge(Activity::sched, costs_.context_switch);
  sync_now();
  if (me->state_ == Thread::State::running) return;
  Cpu& cpu = *cpus_[me->cpu_];
  switch_to(cpu, *pick_next(cpu));
}

void Kernel::preempt() {
  Thread* const me = current_;
  Cpu& cpu = *cpus_[me->cpu_];
  const bool user = std::exchange(me->user_mode_, false);
  charge(Activity::sched, costs_.context_switch);
  sync_now();
  me->user_mode_ = user;
  if (!should_preempt(cpu)) return;  // taken by another core meanwhile
  me->state_ = Thread::State::runnable;
  // A thread that used up its slice goes behind its equals, a preempted one stays in front.
  enqueue(cpu, *me, me->slice_used_ < timeslice_);
  switch_to(cpu, *pick_next(cpu));
}

void Kernel::cond_resched() {
  sync();
  if (should_preempt(this_cpu())) preempt();
}

void Kernel::yield() {
  sync();
  Cpu& cpu = this_cpu();
  if (cpu.run_queue.empty()) return;
  current_->slice_used_ = timeslice_;
  if (cpu.run_queue.front()->nice_ <= current_->nice_) preempt();
}

void Kernel::wake_up_process(Thread& thread) {
  if (thread.state_ != Thread::State::blocked) return;
  charge(Activity::sched, costs_.wake_up);
  if (cpus_[thread.cpu_]->running == &thread) {  // still on its way to sleep
    if (thread.cpu_ != current_->cpu_) sync_now();
    if (cpus_[thread.cpu_]->running == &thread) {
      thread.state_ = Thread::State::running;
      return;
    }
  }
  const unsigned target = select_cpu(thread);
  if (target != current_->cpu_) sync_now();  // the other core runs at simulated time
  if (thread.state_ != Thread::State::blocked) return;
  Cpu& cpu = *cpus_[target];
  thread.cpu_ = target;
  thread.state_ = Thread::State::runnable;
  enqueue(cpu, thread, false);
  if (target != current_->cpu_ || cpu.running == &cpu.idle) cpu.core->kick();
}

void Kernel::schedule_timeout(Ps ps) {
  WaitQueue wait(*this);
  wait.wait_event_timeout([] { return false; }, ps);
}

void Kernel::idle_loop(Cpu& cpu) {
  Thread* const me = &cpu.idle;
  if (current_ == nullptr) current_ = me;
  for (;;) {
    current_ = me;
    sync_now();
    Thread* next = pick_next(cpu);
    if (next != me) {
      me->state_ = Thread::State::runnable;
      charge(Activity::sched, costs_.context_switch);
      // The switch itself: nobody else can be picked meanwhile, the thread is off the queue.
      sync_now();
      switch_to(cpu, *next);
      continue;
    }
    const Ps start = sc_core::sc_time_stamp().value();
    cpu.wait_since = start;
    cpu.waiting_idle = true;
    sc_core::wait(cpu.core->event());
    current_ = me;
    const Ps waited = sc_core::sc_time_stamp().value() - start;
    cpu.waiting_idle = false;
    cpu.wait_since = start + waited;
    cpu.waited_idle += waited;
  }
}

// --- interrupts -----------------------------------------------------------------------------

void Kernel::request_irq(unsigned irq, std::function<bool()> handler, std::string name,
                         unsigned cpu) {
  Irq& slot = irqs_.at(irq);
  if (slot.handler) throw std::logic_error("interrupt " + std::to_string(irq) + " is taken");
  slot.handler = std::move(handler);
  slot.name = std::move(name);
  intc_.route(irq, cpu);
  intc_.enable(irq, true);
}

bool Kernel::in_irq() const { return this_cpu().in_hardirq != 0; }

bool Kernel::in_interrupt() const {
  const Cpu& cpu = this_cpu();
  return cpu.in_hardirq != 0 || cpu.in_softirq;
}

void Kernel::local_irq_disable() {
  sync();
  ++this_cpu().irq_off;
}

void Kernel::local_irq_enable() {
  Cpu& cpu = this_cpu();
  if (--cpu.irq_off == 0 && cpu.in_hardirq == 0) sync();
}

void Kernel::do_irq(Cpu& cpu) {
  ++cpu.in_hardirq;
  charge(Activity::irq, costs_.irq_entry);
  if (cpu.timer_irq) {
    cpu.timer_irq = false;
    run_timers();
  } else {
    const int number = intc_.pending(cpu.id);
    if (number >= 0) {
      Irq& irq = irqs_[static_cast<unsigned>(number)];
      ++irq.count;
      ++interrupts_;
      if (!irq.handler || !irq.handler()) ++spurious_;
    }
  }
  charge(Activity::irq, costs_.irq_exit);
  sync();
  --cpu.in_hardirq;
  if (!cpu.tasklets.empty() && !cpu.in_softirq) do_softirq(cpu);
}

void Kernel::do_softirq(Cpu& cpu) {
  cpu.in_softirq = true;
  while (!cpu.tasklets.empty()) {
    Tasklet* t = cpu.tasklets.front();
    cpu.tasklets.pop_front();
    t->scheduled = false;
    charge(Activity::irq, costs_.softirq);
    t->fn();
    sync();
  }
  sync_now();
  cpu.in_softirq = false;
}

void Kernel::tasklet_schedule(Tasklet& tasklet) {
  if (tasklet.scheduled) return;
  tasklet.scheduled = true;
  Cpu& cpu = this_cpu();
  cpu.tasklets.push_back(&tasklet);
  if (!in_interrupt()) wake_up_process(*cpu.ksoftirqd);
}

// --- timers ---------------------------------------------------------------------------------

void Kernel::mod_timer(Timer& timer, Ps expires_in) {
  charge(Activity::sched, costs_.timer);
  if (timer.armed) timers_.remove(&timer);
  const Ps due = now() + expires_in;
  timer.expires = (due + tick_ - 1) / tick_ * tick_;
  timer.armed = true;
  auto it = std::find_if(timers_.begin(), timers_.end(),
                         [&](const Timer* t) { return t->expires > timer.expires; });
  timers_.insert(it, &timer);
  arm_timer_device();
}

void Kernel::del_timer(Timer& timer) {
  charge(Activity::sched, costs_.timer);
  if (!timer.armed) return;
  timer.armed = false;
  timers_.remove(&timer);
  arm_timer_device();
}

void Kernel::arm_timer_device() {
  timer_event_.cancel();
  if (timers_.empty()) return;
  const Ps stamp = sc_core::sc_time_stamp().value();
  const Ps due = std::max(timers_.front()->expires, stamp);
  timer_event_.notify(sc_core::sc_time::from_value(due - stamp));
}

void Kernel::timer_device() {
  cpus_[0]->timer_irq = true;
  cpus_[0]->core->kick();
}

void Kernel::run_timers() {
  const Ps stamp = sc_core::sc_time_stamp().value();
  while (!timers_.empty() && timers_.front()->expires <= stamp) {
    Timer* t = timers_.front();
    timers_.pop_front();
    t->armed = false;
    t->fn();
  }
  arm_timer_device();
}

// --- locks ----------------------------------------------------------------------------------

Kernel::IrqOff::IrqOff(Kernel& kernel, Activity activity)
    : kernel_(kernel), cpu_(kernel.smp_processor_id()) {
  kernel_.charge(activity, kernel_.costs_.lock);
  kernel_.sync();
  cpu_ = kernel_.smp_processor_id();
  ++kernel_.this_cpu().irq_off;
}

Kernel::IrqOff::~IrqOff() { --kernel_.cpus_[cpu_]->irq_off; }

Kernel::IrqLock::IrqLock(Kernel& kernel, SpinLock& lock, Activity activity)
    : IrqOff(kernel, activity), lock_(lock) {
  while (lock_.held_) {
    kernel_.sync_now();
    if (!lock_.held_) break;
    Cpu& cpu = kernel_.this_cpu();
    Thread* const me = kernel_.current_;
    const Ps start = sc_core::sc_time_stamp().value();
    cpu.wait_since = start;
    ++lock_.spinning_;
    sc_core::wait(lock_.released_);
    --lock_.spinning_;
    kernel_.current_ = me;
    const Ps spun = sc_core::sc_time_stamp().value() - start;
    cpu.waited_busy += spun;
    cpu.wait_since = start + spun;
    cpu.core->account(activity, spun);
  }
  lock_.held_ = true;
}

Kernel::IrqLock::~IrqLock() {
  lock_.held_ = false;
  if (lock_.spinning_ != 0) lock_.released_.notify(sc_core::SC_ZERO_TIME);
}

// --- memory ---------------------------------------------------------------------------------

PhysAddr Kernel::alloc_page(Activity activity) {
  charge(activity, costs_.page_alloc);
  if (!free_list_.empty()) {
    const PhysAddr page = free_list_.back();
    free_list_.pop_back();
    return page;
  }
  if (untouched_pages_ == 0) return 0;
  --untouched_pages_;
  next_page_ -= hw::kPageBytes;
  return next_page_;
}

void Kernel::free_page(PhysAddr page, Activity activity) {
  charge(activity, costs_.page_free);
  free_list_.push_back(page);
}

PhysAddr Kernel::alloc_boot(std::size_t bytes, std::size_t align) {
  const PhysAddr start = (boot_top_ + align - 1) / align * align;
  const PhysAddr end = start + bytes;
  const std::size_t pages = (end - 1) / hw::kPageBytes - (boot_top_ - 1) / hw::kPageBytes;
  if (pages > untouched_pages_) throw std::bad_alloc();
  untouched_pages_ -= pages;
  boot_top_ = end;
  return start;
}

PhysAddr Kernel::dma_alloc_coherent(std::size_t bytes) {
  const std::size_t pages = (bytes + hw::kPageBytes - 1) / hw::kPageBytes;
  return alloc_boot(pages * hw::kPageBytes, hw::kPageBytes);
}

void Kernel::charge_with_dram(Activity activity, double cycles, std::uint64_t dram_bytes) {
  hw::CpuCore& core = *this_cpu().core;
  charge_ps(activity, dram_.bandwidth().transfer(hw::mbus_master_cpu(core.id()), now(),
                                                 dram_bytes, core.cycles(cycles)));
}

void Kernel::memcpy(PhysAddr dst, PhysAddr src, std::size_t bytes) {
  std::memcpy(phys_to_virt(dst), phys_to_virt(src), bytes);
  bytes_copied_ += bytes;
  const double n = static_cast<double>(bytes);
  charge_with_dram(Activity::copy, costs_.memcpy_setup + n * costs_.memcpy_per_byte,
                   static_cast<std::uint64_t>(n * costs_.memcpy_dram_bytes_per_byte));
}

// --- devices --------------------------------------------------------------------------------

// A device access happens at the core's local time: nothing is due before it after sync(), so
// the target need not be called later, only told how far ahead the core is.
std::uint32_t Kernel::readl(PhysAddr addr, Activity activity) {
  sync();
  const Ps ahead = current_->pending_;
  sc_core::sc_time delay = sc_core::sc_time::from_value(ahead);
  const std::uint32_t value = this_cpu().core->read32(addr, delay);
  charge_ps(activity, delay.value() - ahead);  // the core stalls until the data is there
  return value;
}

void Kernel::writel(std::uint32_t value, PhysAddr addr, Activity activity) {
  charge(activity, costs_.mmio_write);
  sync();
  // Posted: the write buffer hides the path from the core, so what is added to delay is not
  // charged.
  sc_core::sc_time delay = sc_core::sc_time::from_value(current_->pending_);
  this_cpu().core->write32(addr, value, delay);
}

void Kernel::writel_relaxed(std::uint32_t value, PhysAddr addr, Activity activity) {
  charge(activity, costs_.mmio_write);
  sc_core::sc_time delay;
  this_cpu().core->write32(addr, value, delay);
}

void Kernel::charge_lines(Activity activity, std::size_t bytes, double per_line) {
  const double lines = std::ceil(static_cast<double>(bytes) / costs_.cache_line_bytes);
  charge_with_dram(activity, lines * per_line, bytes);
}

PhysAddr Kernel::dma_map_single(PhysAddr addr, std::size_t bytes, DmaDirection direction) {
  charge(Activity::cache, costs_.dma_map);
  if (settings_.non_coherent_dma) {
    // A device's reads need the lines written back; its writes need them gone (2.6: both
    // before the transfer, consistent_sync / dma_cache_maint).
    if (direction != DmaDirection::from_device) {
      charge_lines(Activity::cache, bytes, costs_.dma_clean_per_line);
    }
    if (direction != DmaDirection::to_device) {
      charge_lines(Activity::cache, bytes, costs_.dma_invalidate_per_line);
    }
  }
  return addr;
}

void Kernel::dma_unmap_single(PhysAddr, std::size_t, DmaDirection) {
  charge(Activity::cache, costs_.dma_map);
}

// --- wait queues ----------------------------------------------------------------------------

void WaitQueue::sleep() {
  Thread& me = kernel_.current();
  waiters_.push_back(&me);
  kernel_.set_blocked();
  kernel_.schedule();
  // wake_up() empties the list; after a timeout this thread is still on it.
  waiters_.erase(std::remove(waiters_.begin(), waiters_.end(), &me), waiters_.end());
}

void WaitQueue::wake_up() {
  if (waiters_.empty()) return;
  std::vector<Thread*> woken;
  woken.swap(waiters_);
  for (Thread* t : woken) kernel_.wake_up_process(*t);
}

}  // namespace cesasim::kernel
