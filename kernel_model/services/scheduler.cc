// SPDX-License-Identifier: Apache-2.0
#include "kernel_model/services/scheduler.h"

#include <sysc/kernel/sc_spawn.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "hw_model/common/lookahead.h"

namespace cesasim::kernel {

namespace {
constexpr int kIdleNice = 1000;  // below every real thread
}  // namespace

Scheduler::Scheduler(const KernelCosts& costs, const KernelSettings& settings,
                     const std::vector<hw::CpuCore*>& cores)
    : costs_(costs), settings_(settings) {
  preempt_full_ = settings_.preempt == "full";
  if (settings_.schedule_seed != 0) dice_.emplace(settings_.schedule_seed);
  jitter_dice_.seed(settings_.schedule_seed);
  jitter_ = static_cast<Ps>(settings_.schedule_jitter_us * static_cast<double>(hw::kPsPerUs));
  tick_ = settings_.tick();
  timeslice_ = static_cast<Ps>(settings_.timeslice_ms * hw::kPsPerMs);
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
}

void Scheduler::start_idle_thread(Cpu& cpu) {
  sc_core::sc_spawn([this, &cpu] { idle_loop(cpu); }, sc_core::sc_gen_unique_name("swapper"));
}

// --- time -----------------------------------------------------------------------------------

bool Scheduler::should_preempt(const Cpu& cpu) {
  if (cpu.run_queue.empty()) return false;
  if (dice_) return roll(4) == 0;
  const Thread& best = *cpu.run_queue.front();
  const Thread& me = *cpu.running;
  return best.nice_ < me.nice_ ||
         (best.nice_ == me.nice_ && me.slice_used_ + me.pending_ >= timeslice_);
}

bool Scheduler::preemptible(const Cpu& cpu, const Thread& thread) const {
  // In the kernel's own code: wherever no lock is held (that is, interrupts are on).
  const bool mode = thread.user_mode_ || (preempt_full_ && &thread != &cpu.idle);
  return mode && thread.preempt_count_ == 0 && thread.state_ == Thread::State::running &&
         &thread == cpu.running && cpu.irq_off == 0 && cpu.in_hardirq == 0 && !cpu.in_softirq;
}

void Scheduler::catch_up(bool always) {
  Thread* const me = current_;
  Ps left = std::exchange(me->pending_, 0);
  Ps first = std::exchange(me->not_preempted_, 0);
  for (;;) {
    Cpu& cpu = *cpus_[me->cpu_];
    if (cpu.irq_due()) {
      do_irq_(cpu);
      // What the interrupt has charged and not yet waited for comes before anything else that
      // this core might do now.
      const Ps tail = std::exchange(me->pending_, 0);
      me->not_preempted_ = 0;
      if (tail != 0 && (cpu.irq_due() || (preemptible(cpu, *me) && should_preempt(cpu)))) {
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

Ps Scheduler::wait_on_core(Cpu& cpu, Ps ps, bool interruptible) {
  return measured(cpu, false, [&] {
    if (interruptible) {
      // The time-out is a notification of the same event: an earlier one replaces it.
      cpu.core->event().notify(hw::to_sc_time(ps));
      sc_core::wait(cpu.core->event());
    } else {
      sc_core::wait(hw::to_sc_time(ps));
    }
  });
}

Scheduler::CoreTime Scheduler::core_time(unsigned cpu) const {
  const Cpu& c = *cpus_[cpu];
  const Ps since = hw::now_ps() - c.wait_since;
  return {c.waited_busy + (c.waiting_idle ? 0 : since),
          c.waited_idle + (c.waiting_idle ? since : 0)};
}

void Scheduler::jitter(Activity activity) {
  if (jitter_ != 0 && jitter_dice_() % 2 == 0) charge_ps(activity, jitter_dice_() % jitter_);
}

void Scheduler::user_mode(bool on) {
  if (current_->user_mode_ == on) return;
  // Whoever waits for this core may have it as soon as the kernel's part is over.
  catch_up(!run_ahead_ || (on && !this_cpu().run_queue.empty()));
  current_->user_mode_ = on;
}

// --- scheduler ------------------------------------------------------------------------------

Thread& Scheduler::kthread_run(std::string name, std::function<void()> body, int nice,
                               int bound_cpu) {
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

void Scheduler::run_thread(Thread* thread) {
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

void Scheduler::enqueue(Cpu& cpu, Thread& thread, bool front) {
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
    other->core->event().notify(hw::to_sc_time(tick_ - hw::now_ps() % tick_));
    return;
  }
}

bool Scheduler::is_idle(const Cpu& cpu) const {
  return cpu.running == &cpu.idle && !cpu.switching && cpu.run_queue.empty();
}

unsigned Scheduler::select_cpu(const Thread& thread) {
  if (thread.bound_cpu_ >= 0) return static_cast<unsigned>(thread.bound_cpu_);
  if (dice_) return static_cast<unsigned>(roll(cpus_.size()));
  if (is_idle(*cpus_[thread.cpu_])) return thread.cpu_;
  for (const auto& c : cpus_) {
    if (is_idle(*c)) return c->id;
  }
  return thread.cpu_;
}

Thread* Scheduler::pick_next(Cpu& cpu) {
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

void Scheduler::switch_to(Cpu& cpu, Thread& next) {
  Thread* const me = current_;
  if (tracer_ != nullptr) tracer_->thread(cpu.id, next.name_, hw::now_ps());
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

void Scheduler::must_not_be_atomic() const {
  if (this_cpu().in_interrupt() || this_cpu().irq_off != 0) {
    throw std::logic_error("scheduling while atomic: " + current_->name_);
  }
}

void Scheduler::schedule() {
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

void Scheduler::preempt() {
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

void Scheduler::cond_resched() {
  must_not_be_atomic();
  sync();
  if (should_preempt(this_cpu())) preempt();
}

void Scheduler::yield() {
  must_not_be_atomic();
  sync();
  Cpu& cpu = this_cpu();
  if (cpu.run_queue.empty() || cpu.run_queue.front()->nice_ > current_->nice_) return;
  current_->slice_used_ = timeslice_;
  preempt();
}

void Scheduler::wake_up_process(Thread& thread) {
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

void Scheduler::wake_from_outside(Thread& thread) {
  if (thread.state_ != Thread::State::blocked) return;
  if (cpus_[thread.cpu_]->running == &thread) {  // still on its way to sleep
    thread.state_ = Thread::State::running;
    return;
  }
  Cpu& cpu = *cpus_[select_cpu(thread)];
  thread.cpu_ = cpu.id;
  thread.state_ = Thread::State::runnable;
  enqueue(cpu, thread, false);
  cpu.core->kick();
}

Thread& Scheduler::kthread_run_from_outside(std::string name, std::function<void()> body,
                                            int nice) {
  Thread* const interrupted = std::exchange(current_, nullptr);
  Thread& thread = kthread_run(std::move(name), std::move(body), nice);
  current_ = interrupted;
  return thread;
}

void Scheduler::preempt_check_resched() {
  if (!preempt_full_) return;
  Cpu& cpu = this_cpu();
  if (cpu.irq_off == 0) not_preempted_until_now();
  if (!cpu.run_queue.empty() && preemptible(cpu, *current_)) sync_now();
}

void Scheduler::idle_loop(Cpu& cpu) {
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
    measured(cpu, true, [&] {
      if (tracer_ != nullptr) tracer_->idle(cpu.id, true, hw::now_ps());
      sc_core::wait(cpu.core->event());
      if (tracer_ != nullptr) tracer_->idle(cpu.id, false, hw::now_ps());
    });
  }
}

}  // namespace cesasim::kernel
