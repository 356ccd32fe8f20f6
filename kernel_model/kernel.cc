#include "kernel_model/kernel.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <utility>

#include "hw_model/common/lookahead.h"

namespace cesasim::kernel {

namespace {
constexpr int kIdleNice = 1000;              // below every real thread
constexpr int kIrqThreadNice = -100;         // SCHED_FIFO: before every other thread
constexpr unsigned kMaxSoftirqRestart = 10;  // as MAX_SOFTIRQ_RESTART

/// Costs may be varied freely; the sanitizer's lines are those of a processor that exists.
std::size_t line_bytes(const KernelCosts& costs) {
  return std::bit_floor(static_cast<std::size_t>(std::clamp(costs.cache_line_bytes, 8.0, 256.0)));
}
}  // namespace

Kernel::Kernel(sc_core::sc_module_name name, const KernelCosts& costs,
               const KernelSettings& settings, std::vector<hw::CpuCore*> cores, hw::Intc& intc,
               hw::Dram& dram)
    : sc_module(name),
      costs_(costs),
      settings_(settings),
      intc_(intc),
      dram_(dram),
      sanitizer_(dram.size(), line_bytes(costs), !settings.non_coherent_dma),
      irqs_(hw::Intc::kLines),
      timer_event_("timer_event") {
  sanitizer_.set_context([this] { return dma_context(); });
  dram_.set_dma_sanitizer(&sanitizer_);
  preempt_full_ = settings_.preempt == "full";
  if (settings_.schedule_seed != 0) dice_.emplace(settings_.schedule_seed);
  jitter_dice_.seed(settings_.schedule_seed);
  jitter_ = static_cast<Ps>(settings_.schedule_jitter_us * static_cast<double>(hw::kPsPerUs));
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
    sc_core::sc_spawn([this, c] { idle_loop(*c); }, sc_core::sc_gen_unique_name("swapper"));
    c->ksoftirqd = &kthread_run(
        "ksoftirqd/" + std::to_string(c->id),
        [this, c] {
          for (;;) {
            set_blocked();
            if (c->tasklets.empty()) schedule();
            set_running();
            if (!c->tasklets.empty()) do_softirq(*c);
            cond_resched();
          }
        },
        19, static_cast<int>(c->id));
  }
  timer_softirq_.fn = [this] { run_timers(); };
  sc_core::sc_spawn_options options;
  options.spawn_method();
  options.dont_initialize();
  options.set_sensitivity(&timer_event_);
  sc_core::sc_spawn([this] { timer_device(); }, "timer_device", &options);
}

Kernel::~Kernel() { dram_.set_dma_sanitizer(nullptr); }

// --- time -----------------------------------------------------------------------------------

void Kernel::charge_ps(Activity activity, Ps ps) {
  this_cpu().core->account(activity, ps);
  current_->pending_ += ps;
  current_->last_activity_ = activity;
}

void Kernel::charge(Activity activity, double cycles) {
  charge_ps(activity, this_cpu().core->cycles(cycles));
}

Ps Kernel::now() const {
  const Ps stamp = sc_core::sc_time_stamp().value();
  return current_ ? stamp + current_->pending_ : stamp;
}

bool Kernel::irq_raised(const Cpu& cpu) const { return cpu.core->irq_level() || cpu.timer_irq; }

bool Kernel::irq_due(const Cpu& cpu) const {
  return cpu.irq_off == 0 && cpu.in_hardirq == 0 && irq_raised(cpu);
}

bool Kernel::should_preempt(const Cpu& cpu) {
  if (cpu.run_queue.empty()) return false;
  if (dice_) return roll(4) == 0;
  const Thread& best = *cpu.run_queue.front();
  const Thread& me = *cpu.running;
  return best.nice_ < me.nice_ ||
         (best.nice_ == me.nice_ && me.slice_used_ + me.pending_ >= timeslice_);
}

bool Kernel::preemptible(const Cpu& cpu, const Thread& thread) const {
  // In the kernel's own code: wherever no lock is held (that is, interrupts are on).
  const bool mode = thread.user_mode_ || (preempt_full_ && &thread != &cpu.idle);
  return mode && thread.preempt_count_ == 0 && thread.state_ == Thread::State::running &&
         &thread == cpu.running && cpu.irq_off == 0 && cpu.in_hardirq == 0 && !cpu.in_softirq;
}

void Kernel::catch_up(bool always) {
  Thread* const me = current_;
  Ps left = std::exchange(me->pending_, 0);
  Ps first = std::exchange(me->not_preempted_, 0);
  for (;;) {
    Cpu& cpu = *cpus_[me->cpu_];
    if (irq_due(cpu)) {
      do_irq(cpu);
      // What the interrupt has charged and not yet waited for comes before anything else that
      // this core might do now.
      const Ps tail = std::exchange(me->pending_, 0);
      me->not_preempted_ = 0;
      if (tail != 0 && (irq_due(cpu) || (preemptible(cpu, *me) && should_preempt(cpu)))) {
        me->slice_used_ += wait_on_core(cpu, tail, false);
      } else {
        left += tail;
      }
      continue;
    }
    const bool may_preempt = preemptible(cpu, *me);
    if (may_preempt && first == 0 && should_preempt(cpu)) {
      me->debt_ = left;  // if another core takes the thread, it takes the debt along
      preempt();
      me->debt_ = 0;
      continue;
    }
    if (left == 0) return;
    Ps step = left;
    const bool contended = may_preempt && !cpu.run_queue.empty();
    // Nobody can notice the difference before the next simulated event: keep the debt.
    if (!always && !contended && hw::nothing_due_within(left)) {
      me->pending_ += left;
      me->not_preempted_ = first;
      return;
    }
    if (first != 0) {
      step = first;
    } else if (contended && cpu.run_queue.front()->nice_ == me->nice_ &&
               me->slice_used_ < timeslice_) {
      step = std::min(step, timeslice_ - me->slice_used_);
    }
    const Ps waited = wait_on_core(cpu, step, cpu.irq_off == 0 && cpu.in_hardirq == 0);
    left -= waited;
    first -= std::min(first, waited);
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

void Kernel::jitter(Activity activity) {
  if (jitter_ != 0 && jitter_dice_() % 2 == 0) charge_ps(activity, jitter_dice_() % jitter_);
}

void Kernel::sync() { catch_up(!run_ahead_); }

void Kernel::sync_now() { catch_up(true); }

void Kernel::user_mode(bool on) {
  if (current_->user_mode_ == on) return;
  // Whoever waits for this core may have it as soon as the kernel's part is over.
  catch_up(!run_ahead_ || (on && !this_cpu().run_queue.empty()));
  current_->user_mode_ = on;
}

// --- scheduler ------------------------------------------------------------------------------

Thread& Kernel::kthread_run(std::string name, std::function<void()> body, int nice, int bound_cpu) {
  if (bound_cpu >= static_cast<int>(cpus_.size())) {
    throw std::out_of_range("thread " + name + " bound to a core that is not there");
  }
  threads_.push_back(std::make_unique<Thread>());
  Thread& t = *threads_.back();
  t.name_ = std::move(name);
  t.nice_ = nice;
  t.bound_cpu_ = bound_cpu;
  t.cpu_ = bound_cpu >= 0 ? static_cast<unsigned>(bound_cpu) : (current_ ? current_->cpu_ : 0);
  t.body_ = std::move(body);
  t.state_ = Thread::State::blocked;
  sc_core::sc_spawn([this, thread = &t] { run_thread(thread); },
                    sc_core::sc_gen_unique_name("thread"));
  // A thread's process first waits for its turn; it must get there before it is picked, so
  // the first wake-up goes through the idle loop or the creator's next switch.
  // Other cores are at simulated time: none may start it before its creator's local time.
  if (cpus_.size() > 1 && current_ != nullptr && current_->pending_ != 0) sync_now();
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
  thread->user_mode_ = false;
  thread->state_ = Thread::State::dead;
  schedule();
}

void Kernel::enqueue(Cpu& cpu, Thread& thread, bool front) {
  if (!front) thread.slice_used_ = 0;  // behind its equals with a new slice
  auto before = [&](const Thread* other) {
    return front ? other->nice_ >= thread.nice_ : other->nice_ > thread.nice_;
  };
  auto it = std::find_if(cpu.run_queue.begin(), cpu.run_queue.end(), before);
  cpu.run_queue.insert(it, &thread);
  // What the waker has charged so far comes before the thread that it wakes.
  if ((preempt_full_ || dice_) && current_ != nullptr && current_ != &thread &&
      cpu.running == current_) {
    current_->not_preempted_ = current_->pending_;
  }
  if (thread.bound_cpu_ >= 0 || cpus_.size() == 1 || cpu.running == &cpu.idle) return;
  // rebalance_tick: an idle core looks for work on the others at the next tick.
  for (auto& other : cpus_) {
    if (!is_idle(*other)) continue;
    const Ps stamp = sc_core::sc_time_stamp().value();
    other->core->event().notify(sc_core::sc_time::from_value(tick_ - stamp % tick_));
    return;
  }
}

bool Kernel::is_idle(const Cpu& cpu) const {
  return cpu.running == &cpu.idle && !cpu.switching && cpu.run_queue.empty();
}

unsigned Kernel::select_cpu(const Thread& thread) {
  if (thread.bound_cpu_ >= 0) return static_cast<unsigned>(thread.bound_cpu_);
  if (dice_) return static_cast<unsigned>(roll(cpus_.size()));
  if (is_idle(*cpus_[thread.cpu_])) return thread.cpu_;
  for (const auto& c : cpus_) {
    if (is_idle(*c)) return c->id;
  }
  return thread.cpu_;
}

Thread* Kernel::pick_next(Cpu& cpu) {
  if (cpu.run_queue.empty()) {
    // Idle balancing: take an unbound waiting thread from another core.
    const std::uint64_t from = roll(cpus_.size());
    for (std::size_t i = 0; i < cpus_.size(); ++i) {
      const auto& other = cpus_[(from + i) % cpus_.size()];
      if (other.get() == &cpu) continue;
      auto it = std::find_if(other->run_queue.begin(), other->run_queue.end(),
                             [](const Thread* t) { return t->bound_cpu_ < 0; });
      if (it == other->run_queue.end()) continue;
      Thread* t = *it;
      other->run_queue.erase(it);
      if (t->debt_ != 0) other->core->move_account(*cpu.core, t->last_activity_, t->debt_);
      t->cpu_ = cpu.id;
      return t;
    }
    return &cpu.idle;
  }
  const auto chosen =
      std::next(cpu.run_queue.begin(), static_cast<std::ptrdiff_t>(roll(cpu.run_queue.size())));
  Thread* t = *chosen;
  cpu.run_queue.erase(chosen);
  return t;
}

void Kernel::switch_to(Cpu& cpu, Thread& next) {
  Thread* const me = current_;
  if (tracer_ != nullptr) tracer_->thread(cpu.id, next.name_, sc_core::sc_time_stamp().value());
  cpu.running = &next;
  next.cpu_ = cpu.id;
  next.state_ = Thread::State::running;
  ++next.switches_;
  if (&next != &cpu.idle) ++context_switches_;
  next.resume_.notify(sc_core::SC_ZERO_TIME);
  if (me->state_ == Thread::State::dead) return;
  do {
    sc_core::wait(me->resume_);
  } while (cpus_[me->cpu_]->running != me);
  current_ = me;
}

void Kernel::must_not_be_atomic() const {
  if (in_interrupt() || this_cpu().irq_off != 0) {
    throw std::logic_error("scheduling while atomic: " + current_->name_);
  }
}

void Kernel::schedule() {
  Thread* const me = current_;
  must_not_be_atomic();
  if (me->before_sleep_ && me->state_ == Thread::State::blocked) me->before_sleep_();
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
  ++me->preempt_count_;
  charge(Activity::sched, costs_.context_switch);
  sync_now();
  --me->preempt_count_;
  // Taken by another core meanwhile?
  if (cpu.run_queue.empty() || (!dice_ && !should_preempt(cpu))) return;
  me->state_ = Thread::State::runnable;
  // A thread that used up its slice goes behind its equals, a preempted one stays in front.
  enqueue(cpu, *me, me->slice_used_ < timeslice_);
  switch_to(cpu, *pick_next(cpu));
}

void Kernel::cond_resched() {
  must_not_be_atomic();
  sync();
  if (should_preempt(this_cpu())) preempt();
}

void Kernel::yield() {
  must_not_be_atomic();
  sync();
  Cpu& cpu = this_cpu();
  if (cpu.run_queue.empty() || cpu.run_queue.front()->nice_ > current_->nice_) return;
  current_->slice_used_ = timeslice_;
  preempt();
}

void Kernel::wake_up_process(Thread& thread) {
  if (thread.state_ != Thread::State::blocked) return;
  charge(Activity::sched, costs_.wake_up);
  jitter(Activity::sched);
  unsigned target = 0;
  for (;;) {
    if (thread.state_ != Thread::State::blocked) return;
    const bool leaving = cpus_[thread.cpu_]->running == &thread;  // still on its way to sleep
    target = leaving ? thread.cpu_ : select_cpu(thread);
    if (target == current_->cpu_ || current_->pending_ == 0) {
      if (!leaving) break;
      thread.state_ = Thread::State::running;
      return;
    }
    // The other core is at simulated time. Until that has caught up everything may have
    // changed: somebody else may have woken the thread, it may have run and left again.
    sync_now();
  }
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
      cpu.switching = true;
      charge(Activity::sched, costs_.context_switch);
      // The switch itself: nobody else can be picked meanwhile, the thread is off the queue.
      sync_now();
      cpu.switching = false;
      switch_to(cpu, *next);
      continue;
    }
    const Ps start = sc_core::sc_time_stamp().value();
    cpu.wait_since = start;
    cpu.waiting_idle = true;
    if (tracer_ != nullptr) tracer_->idle(cpu.id, true, start);
    sc_core::wait(cpu.core->event());
    current_ = me;
    const Ps waited = sc_core::sc_time_stamp().value() - start;
    if (tracer_ != nullptr) tracer_->idle(cpu.id, false, start + waited);
    cpu.waiting_idle = false;
    cpu.wait_since = start + waited;
    cpu.waited_idle += waited;
  }
}

// --- interrupts -----------------------------------------------------------------------------

Kernel::Irq& Kernel::setup_irq(unsigned irq, std::function<bool()> handler, std::string name,
                               unsigned cpu) {
  Irq& slot = irqs_.at(irq);
  if (slot.handler) throw std::logic_error("interrupt " + std::to_string(irq) + " is taken");
  intc_.route(irq, cpu);
  slot.handler = std::move(handler);
  slot.name = std::move(name);
  return slot;
}

void Kernel::request_irq(unsigned irq, std::function<bool()> handler, std::string name,
                         unsigned cpu) {
  setup_irq(irq, std::move(handler), std::move(name), cpu);
  intc_.enable(irq, true);
}

void Kernel::request_threaded_irq(unsigned irq, std::function<IrqReturn()> handler,
                                  std::function<void()> thread_fn, std::string name, unsigned cpu) {
  const std::string thread_name = "irq/" + std::to_string(irq) + "-" + name;
  Irq& slot = setup_irq(
      irq,
      [this, irq, handler = std::move(handler)] {
        const IrqReturn result = handler ? handler() : IrqReturn::wake_thread;
        if (result == IrqReturn::wake_thread) {
          Irq& own = irqs_[irq];
          charge(Activity::irq, costs_.mmio_write);
          sync();
          own.masked = true;
          update_irq_line(irq);
          own.thread_active = true;
          wake_up_process(*own.thread);
        }
        return result != IrqReturn::none;
      },
      std::move(name), cpu);
  slot.wait_for_threads = std::make_unique<WaitQueue>(*this);
  slot.thread = &kthread_run(
      thread_name,
      [this, irq, &slot, fn = std::move(thread_fn)] {
        for (;;) {
          set_blocked();
          if (!slot.thread_active) schedule();
          set_running();
          if (!slot.thread_active) continue;
          fn();
          charge(Activity::irq, costs_.mmio_write);
          sync_now();  // a line that is still high interrupts at once
          slot.thread_active = false;
          slot.masked = false;
          update_irq_line(irq);
          slot.wait_for_threads->wake_up();
        }
      },
      kIrqThreadNice, static_cast<int>(cpu));
  // Last: kthread_run may let time pass, and a line that is already high interrupts at once.
  intc_.enable(irq, true);
}

Kernel::Irq& Kernel::requested(unsigned irq) {
  Irq& slot = irqs_.at(irq);
  if (!slot.handler) {
    throw std::logic_error("interrupt " + std::to_string(irq) + " has not been requested");
  }
  return slot;
}

void Kernel::update_irq_line(unsigned irq) {
  const Irq& slot = irqs_[irq];
  intc_.enable(irq, slot.depth == 0 && !slot.masked);
}

void Kernel::disable_irq_nosync(unsigned irq) {
  Irq& slot = requested(irq);
  charge(Activity::irq, costs_.mmio_write);
  sync();
  ++slot.depth;
  update_irq_line(irq);
}

void Kernel::disable_irq(unsigned irq) {
  const Irq& slot = requested(irq);
  if (current_ == slot.thread || (slot.in_progress && slot.cpu == smp_processor_id())) {
    throw std::logic_error("deadlock: disable_irq of interrupt " + std::to_string(irq) + " (" +
                           slot.name + ") waits for its handler, which calls it");
  }
  disable_irq_nosync(irq);
  synchronize_irq(irq);
}

void Kernel::synchronize_irq(unsigned irq) {
  const Irq& slot = irqs_[irq];
  while (slot.in_progress) {
    charge(Activity::irq, costs_.lock + 1);
    sync_now();
  }
  if (slot.thread_active) slot.wait_for_threads->wait_event([&] { return !slot.thread_active; });
}

void Kernel::enable_irq(unsigned irq) {
  Irq& slot = requested(irq);
  if (slot.depth == 0) {
    throw std::logic_error("unbalanced enable for interrupt " + std::to_string(irq) + " (" +
                           slot.name + ")");
  }
  charge(Activity::irq, costs_.mmio_write);
  sync_now();  // a line that is still high interrupts at once
  --slot.depth;
  update_irq_line(irq);
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
  if (cpu.irq_off == 0) throw std::logic_error("interrupts enabled that were not disabled");
  // The time with interrupts off ends here, and one that has waited for it comes after it.
  sync();
  if (irq_raised(cpu)) sync_now();
  if (preempt_full_) current_->not_preempted_ = current_->pending_;
  if (--cpu.irq_off == 0 && cpu.in_hardirq == 0) sync();
}

void Kernel::do_irq(Cpu& cpu) {
  ++cpu.in_hardirq;
  const Ps from = now();
  jitter(Activity::irq);
  charge(Activity::irq, costs_.irq_entry);
  if (cpu.timer_irq) {
    static const std::string kTimer = "timer";
    if (tracer_ != nullptr) tracer_->enter(cpu.id, TraceContext::hardirq, -1, kTimer, from);
    cpu.timer_irq = false;
    // raise_softirq(TIMER_SOFTIRQ), which comes before tasklets.
    if (!std::exchange(timer_softirq_.scheduled, true)) cpu.tasklets.push_front(&timer_softirq_);
  } else {
    const int number = intc_.pending(cpu.id, static_cast<unsigned>(roll(hw::Intc::kLines)));
    if (tracer_ != nullptr) {
      static const std::string kSpurious = "spurious";
      tracer_->enter(cpu.id, TraceContext::hardirq, number,
                     number < 0 ? kSpurious : irqs_[static_cast<unsigned>(number)].name, from);
    }
    if (number >= 0) {
      Irq& irq = irqs_[static_cast<unsigned>(number)];
      ++irq.count;
      ++interrupts_;
      irq.in_progress = true;
      irq.cpu = cpu.id;
      if (!irq.handler || !irq.handler()) ++spurious_;
      irq.in_progress = false;
    }
  }
  charge(Activity::irq, costs_.irq_exit);
  sync();
  if (costs_.irq_exit == 0) {
    // A line behind a signal falls a delta cycle after the handler cleared its cause.
    Thread* const me = current_;
    sc_core::wait(sc_core::SC_ZERO_TIME);
    current_ = me;
  }
  if (tracer_ != nullptr) tracer_->leave(cpu.id, now());
  --cpu.in_hardirq;
  if (!cpu.tasklets.empty() && !cpu.in_softirq) do_softirq(cpu);
}

void Kernel::do_softirq(Cpu& cpu) {
  cpu.in_softirq = true;
  static const std::string kSoftirq = "softirq";
  if (tracer_ != nullptr) tracer_->enter(cpu.id, TraceContext::softirq, 0, kSoftirq, now());
  // Each round runs what was pending at its start. What keeps coming is left to ksoftirqd (and
  // to the next interrupt), so that threads get on.
  for (unsigned round = 0; round < kMaxSoftirqRestart && !cpu.tasklets.empty(); ++round) {
    for (std::size_t n = cpu.tasklets.size(); n != 0; --n) {
      const auto chosen = cpu.tasklets.begin() + static_cast<std::ptrdiff_t>(roll(n));
      Tasklet* t = *chosen;
      cpu.tasklets.erase(chosen);
      if (t->running) {
        // On another core: it stays scheduled on this one, which tries again. A cycle at least, or
        // time would not pass and the other core would never end it.
        cpu.tasklets.push_back(t);
        charge(Activity::irq, costs_.softirq + 1);
        sync_now();
        continue;
      }
      t->scheduled = false;
      t->running = true;
      charge(Activity::irq, costs_.softirq);
      t->fn();
      sync();
      t->running = false;
    }
  }
  if (tracer_ != nullptr) tracer_->leave(cpu.id, now());
  cpu.in_softirq = false;
  if (!cpu.tasklets.empty()) wake_up_process(*cpu.ksoftirqd);
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
  sync();  // if it was due before now, it has fired
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
  sync();
  charge(Activity::sched, costs_.timer);
  // del_timer_sync: a function that cpu 0 is in the middle of must end before its owner goes.
  while (running_timer_ == &timer && !in_interrupt()) {
    charge(Activity::sched, costs_.lock + 1);
    sync_now();
  }
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
    auto chosen = timers_.begin();
    if (dice_) {
      const auto due = std::count_if(timers_.begin(), timers_.end(),
                                     [stamp](const Timer* t) { return t->expires <= stamp; });
      std::advance(chosen, roll(static_cast<std::uint64_t>(due)));
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

// --- locks ----------------------------------------------------------------------------------

Kernel::IrqOff::IrqOff(Kernel& kernel, Activity activity)
    : kernel_(kernel), cpu_(kernel.smp_processor_id()) {
  kernel_.charge(activity, kernel_.costs_.lock);
  kernel_.jitter(activity);
  kernel_.sync();
  cpu_ = kernel_.smp_processor_id();
  ++kernel_.this_cpu().irq_off;
}

Kernel::IrqOff::~IrqOff() {
  // The time inside must have passed before an interrupt that waits for it is taken and before
  // a core that spins has the lock. Neither shows as an event to come, hence the questions.
  if (std::uncaught_exceptions() == 0) {
    kernel_.sync();
    const bool awaited =
        kernel_.irq_raised(kernel_.this_cpu()) || (lock_ != nullptr && lock_->spinning_ != 0);
    if (awaited) kernel_.sync_now();
  }
  if (lock_ != nullptr) {
    lock_->held_ = false;
    if (lock_->spinning_ != 0) lock_->released_.notify(sc_core::SC_ZERO_TIME);
  }
  --kernel_.cpus_[cpu_]->irq_off;
  // preempt_check_resched: a better thread that was woken inside comes now.
  if (kernel_.preempt_full_ && std::uncaught_exceptions() == 0) {
    Cpu& cpu = kernel_.this_cpu();
    if (cpu.irq_off == 0) kernel_.current_->not_preempted_ = kernel_.current_->pending_;
    if (!cpu.run_queue.empty() && kernel_.preemptible(cpu, *kernel_.current_)) kernel_.sync_now();
  }
}

Kernel::IrqLock::IrqLock(Kernel& kernel, SpinLock& lock, Activity activity)
    : IrqOff(kernel, activity) {
  while (lock.held_) {
    if (lock.cpu_ == cpu_) throw std::logic_error("deadlock: the core holds this lock already");
    kernel_.sync_now();
    if (!lock.held_) break;
    Cpu& cpu = kernel_.this_cpu();
    Thread* const me = kernel_.current_;
    const Ps start = sc_core::sc_time_stamp().value();
    cpu.wait_since = start;
    ++lock.spinning_;
    sc_core::wait(lock.released_);
    --lock.spinning_;
    kernel_.current_ = me;
    const Ps spun = sc_core::sc_time_stamp().value() - start;
    cpu.waited_busy += spun;
    cpu.wait_since = start + spun;
    cpu.core->account(activity, spun);
  }
  lock.held_ = true;
  lock.cpu_ = cpu_;
  lock_ = &lock;
}

// --- memory ---------------------------------------------------------------------------------

Kernel::MemoryWait::MemoryWait(Kernel& kernel, AllocSite site) : kernel_(kernel), site_(site) {
  MemoryWaiters& w = kernel_.memory_waiters_[static_cast<std::size_t>(site_)];
  if (w.count++ == 0) w.since = kernel_.now();
}

Kernel::MemoryWait::~MemoryWait() {
  --kernel_.memory_waiters_[static_cast<std::size_t>(site_)].count;
}

PhysAddr Kernel::alloc_page(Activity activity, AllocSite site) {
  charge(activity, costs_.page_alloc);
  if (fault(hw::FaultKind::page_alloc, static_cast<std::uint64_t>(site))) return 0;
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
  if (page == 0 || page % hw::kPageBytes != 0 || page >= dram_.size()) {
    throw std::logic_error("free_page: not a page");
  }
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
  const std::size_t size = (bytes + hw::kPageBytes - 1) / hw::kPageBytes * hw::kPageBytes;
  PhysAddr addr = 0;
  if (size == hw::kPageBytes && untouched_pages_ == 0 && !free_list_.empty()) {
    addr = free_list_.back();  // one that was in use before
    free_list_.pop_back();
  } else {
    addr = alloc_boot(size, hw::kPageBytes);
  }
  sanitizer_.coherent_memory(addr, size);
  return addr;
}

void Kernel::charge_with_dram(Activity activity, double cycles, std::uint64_t dram_bytes) {
  hw::CpuCore& core = *this_cpu().core;
  charge_ps(activity, dram_.bandwidth().transfer(hw::mbus_master_cpu(core.id()), now(), dram_bytes,
                                                 core.cycles(cycles)));
}

void Kernel::memcpy(PhysAddr dst, PhysAddr src, std::size_t bytes) {
  const std::uint8_t* const from = cpu_read(src, bytes);
  std::memcpy(cpu_write(dst, bytes), from, bytes);
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

void Kernel::toio(PhysAddr dst_io, const void* src, std::size_t bytes, Activity activity) {
  charge(activity, std::ceil(static_cast<double>(bytes) / 4) * costs_.io_write_word);
  sync();
  // What the path takes is in the cost of a word: the accesses are pipelined.
  sc_core::sc_time delay = sc_core::sc_time::from_value(current_->pending_);
  auto* data = static_cast<std::uint8_t*>(const_cast<void*>(src));  // a TLM write only reads it
  this_cpu().core->transfer(tlm::TLM_WRITE_COMMAND, dst_io, data, static_cast<unsigned>(bytes),
                            delay);
}

void Kernel::fromio(void* dst, PhysAddr src_io, std::size_t bytes, Activity activity) {
  charge(activity, std::ceil(static_cast<double>(bytes) / 4) * costs_.io_read_word);
  sync();
  sc_core::sc_time delay = sc_core::sc_time::from_value(current_->pending_);
  this_cpu().core->transfer(tlm::TLM_READ_COMMAND, src_io, static_cast<std::uint8_t*>(dst),
                            static_cast<unsigned>(bytes), delay);
}

void Kernel::memcpy_toio(PhysAddr dst_io, PhysAddr src, std::size_t bytes) {
  const std::uint8_t* const from = cpu_read(src, bytes);
  bytes_copied_ += bytes;
  charge_with_dram(Activity::copy, costs_.memcpy_setup, bytes);
  toio(dst_io, from, bytes, Activity::copy);
}

void Kernel::memcpy_fromio(PhysAddr dst, PhysAddr src_io, std::size_t bytes) {
  bytes_copied_ += bytes;
  charge_with_dram(Activity::copy, costs_.memcpy_setup, bytes);
  fromio(cpu_write(dst, bytes), src_io, bytes, Activity::copy);
}

void Kernel::charge_lines(Activity activity, std::size_t bytes, double per_line,
                          std::uint64_t dram_bytes) {
  const double lines = std::ceil(static_cast<double>(bytes) / costs_.cache_line_bytes);
  charge_with_dram(activity, lines * per_line, dram_bytes);
}

/// A device's reads need the lines written back; its writes need them gone (2.6: both before the
/// transfer, consistent_sync / dma_cache_maint). Both ways is one pass of clean-and-invalidate,
/// which costs what a clean does. Only lines written back move data.
void Kernel::charge_maintenance(std::size_t bytes, DmaDirection direction) {
  charge(Activity::cache, costs_.dma_map);
  if (!settings_.non_coherent_dma) return;
  if (direction != DmaDirection::from_device) {
    charge_lines(Activity::cache, bytes, costs_.dma_clean_per_line, bytes);
  } else {
    charge_lines(Activity::cache, bytes, costs_.dma_invalidate_per_line, 0);
  }
}

PhysAddr Kernel::dma_map_single(PhysAddr addr, std::size_t bytes, DmaDirection direction) {
  charge_maintenance(bytes, direction);
  sanitizer_.map(addr, bytes, direction);
  return addr;
}

void Kernel::dma_unmap_single(PhysAddr addr, std::size_t bytes, DmaDirection direction) {
  charge(Activity::cache, costs_.dma_map);
  sanitizer_.unmap(addr, bytes, direction);
}

void Kernel::dma_sync_single_for_cpu(PhysAddr addr, std::size_t bytes, DmaDirection direction) {
  charge(Activity::cache, costs_.dma_map);
  sanitizer_.sync_for_cpu(addr, bytes, direction);
}

void Kernel::dma_sync_single_for_device(PhysAddr addr, std::size_t bytes, DmaDirection direction) {
  charge_maintenance(bytes, direction);
  sanitizer_.sync_for_device(addr, bytes, direction);
}

hw::DmaContext Kernel::dma_context() const {
  if (current_ == nullptr) return {};  // before the first thread runs
  return {&current_->name_, now(), current_->cpu_, in_interrupt()};
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
  // A woken thread may take this queue away before the others are woken.
  Kernel& kernel = kernel_;
  const std::vector<Thread*> woken = std::exchange(waiters_, {});
  for (Thread* t : woken) kernel.wake_up_process(*t);
}

}  // namespace cesasim::kernel
