// SPDX-License-Identifier: Apache-2.0
#include "kernel_model/services/interrupts.h"

#include <stdexcept>
#include <systemc>
#include <utility>

namespace cesasim::kernel {

namespace {
constexpr int kIrqThreadNice = -100;         // SCHED_FIFO: before every other thread
constexpr unsigned kMaxSoftirqRestart = 10;  // as MAX_SOFTIRQ_RESTART
}  // namespace

Interrupts::Interrupts(Scheduler& scheduler, hw::Intc& intc)
    : scheduler_(scheduler), intc_(intc), irqs_(hw::Intc::kLines) {
  scheduler_.do_irq_ = [this](Cpu& cpu) { do_irq(cpu); };
  for (auto& cpu : scheduler_.cpus_) {
    scheduler_.start_idle_thread(*cpu);
    Cpu* c = cpu.get();
    c->ksoftirqd = &scheduler_.kthread_run(
        "ksoftirqd/" + std::to_string(c->id),
        [this, c] {
          for (;;) {
            scheduler_.set_blocked();
            if (c->tasklets.empty()) scheduler_.schedule();
            scheduler_.set_running();
            if (!c->tasklets.empty()) do_softirq(*c);
            scheduler_.cond_resched();
          }
        },
        19, static_cast<int>(c->id));
  }
}

Interrupts::Irq& Interrupts::setup_irq(unsigned irq, std::function<bool()> handler,
                                       std::string name, unsigned cpu) {
  Irq& slot = irqs_.at(irq);
  if (slot.handler) throw std::logic_error("interrupt " + std::to_string(irq) + " is taken");
  intc_.route(irq, cpu);
  slot.handler = std::move(handler);
  slot.name = std::move(name);
  return slot;
}

void Interrupts::request_irq(unsigned irq, std::function<bool()> handler, std::string name,
                             unsigned cpu) {
  setup_irq(irq, std::move(handler), std::move(name), cpu);
  intc_.enable(irq, true);
}

void Interrupts::request_threaded_irq(unsigned irq, std::function<IrqReturn()> handler,
                                      std::function<void()> thread_fn, std::string name,
                                      unsigned cpu) {
  const std::string thread_name = "irq/" + std::to_string(irq) + "-" + name;
  Irq& slot = setup_irq(
      irq,
      [this, irq, handler = std::move(handler)] {
        const IrqReturn result = handler ? handler() : IrqReturn::wake_thread;
        if (result == IrqReturn::wake_thread) {
          Irq& own = irqs_[irq];
          scheduler_.charge(Activity::irq, scheduler_.costs_.mmio_write);
          scheduler_.sync();
          own.masked = true;
          update_irq_line(irq);
          own.thread_active = true;
          scheduler_.wake_up_process(*own.thread);
        }
        return result != IrqReturn::none;
      },
      std::move(name), cpu);
  slot.wait_for_threads = std::make_unique<WaitQueueHead>(scheduler_);
  slot.thread = &scheduler_.kthread_run(
      thread_name,
      [this, irq, &slot, fn = std::move(thread_fn)] {
        for (;;) {
          scheduler_.set_blocked();
          if (!slot.thread_active) scheduler_.schedule();
          scheduler_.set_running();
          if (!slot.thread_active) continue;
          fn();
          scheduler_.charge(Activity::irq, scheduler_.costs_.mmio_write);
          scheduler_.sync_now();  // a line that is still high interrupts at once
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

Interrupts::Irq& Interrupts::requested(unsigned irq) {
  Irq& slot = irqs_.at(irq);
  if (!slot.handler) {
    throw std::logic_error("interrupt " + std::to_string(irq) + " has not been requested");
  }
  return slot;
}

void Interrupts::update_irq_line(unsigned irq) {
  const Irq& slot = irqs_[irq];
  intc_.enable(irq, slot.depth == 0 && !slot.masked);
}

void Interrupts::disable_irq_nosync(unsigned irq) {
  Irq& slot = requested(irq);
  scheduler_.charge(Activity::irq, scheduler_.costs_.mmio_write);
  scheduler_.sync();
  ++slot.depth;
  update_irq_line(irq);
}

void Interrupts::disable_irq(unsigned irq) {
  const Irq& slot = requested(irq);
  if (scheduler_.current_ == slot.thread ||
      (slot.in_progress && slot.cpu == scheduler_.smp_processor_id())) {
    throw std::logic_error("deadlock: disable_irq of interrupt " + std::to_string(irq) + " (" +
                           slot.name + ") waits for its handler, which calls it");
  }
  disable_irq_nosync(irq);
  synchronize_irq(irq);
}

void Interrupts::synchronize_irq(unsigned irq) {
  const Irq& slot = irqs_[irq];
  while (slot.in_progress) {
    scheduler_.cpu_relax(Activity::irq, scheduler_.costs_.lock);
  }
  if (slot.thread_active) slot.wait_for_threads->wait_event([&] { return !slot.thread_active; });
}

void Interrupts::enable_irq(unsigned irq) {
  Irq& slot = requested(irq);
  if (slot.depth == 0) {
    throw std::logic_error("unbalanced enable for interrupt " + std::to_string(irq) + " (" +
                           slot.name + ")");
  }
  scheduler_.charge(Activity::irq, scheduler_.costs_.mmio_write);
  scheduler_.sync_now();  // a line that is still high interrupts at once
  --slot.depth;
  update_irq_line(irq);
}

void Interrupts::local_irq_disable() {
  scheduler_.sync();
  ++scheduler_.this_cpu().irq_off;
}

void Interrupts::local_irq_enable() {
  Cpu& cpu = scheduler_.this_cpu();
  if (cpu.irq_off == 0) throw std::logic_error("interrupts enabled that were not disabled");
  // The time with interrupts off ends here, and one that has waited for it comes after it.
  scheduler_.sync();
  if (cpu.irq_raised()) scheduler_.sync_now();
  if (scheduler_.preempt_full_) scheduler_.not_preempted_until_now();
  if (--cpu.irq_off == 0 && cpu.in_hardirq == 0) scheduler_.sync();
}

void Interrupts::do_irq(Cpu& cpu) {
  ++cpu.in_hardirq;
  const Ps from = scheduler_.now();
  scheduler_.jitter(Activity::irq);
  scheduler_.charge(Activity::irq, scheduler_.costs_.irq_entry);
  if (cpu.timer_irq) {
    static const std::string kTimer = "timer";
    if (scheduler_.tracer_ != nullptr) {
      scheduler_.tracer_->enter(cpu.id, TraceContext::hardirq, -1, kTimer, from);
    }
    cpu.timer_irq = false;
    // raise_softirq(TIMER_SOFTIRQ).
    if (!std::exchange(timer_softirq_.scheduled, true)) cpu.tasklets.push_front(&timer_softirq_);
  } else {
    const int number =
        intc_.pending(cpu.id, static_cast<unsigned>(scheduler_.roll(hw::Intc::kLines)));
    if (scheduler_.tracer_ != nullptr) {
      static const std::string kSpurious = "spurious";
      scheduler_.tracer_->enter(cpu.id, TraceContext::hardirq, number,
                                number < 0 ? kSpurious : irqs_[static_cast<unsigned>(number)].name,
                                from);
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
  scheduler_.charge(Activity::irq, scheduler_.costs_.irq_exit);
  scheduler_.sync();
  if (scheduler_.costs_.irq_exit == 0) {
    // A line behind a signal falls a delta cycle after the handler cleared its cause.
    Thread* const me = scheduler_.current_;
    sc_core::wait(sc_core::SC_ZERO_TIME);
    scheduler_.current_ = me;
  }
  if (scheduler_.tracer_ != nullptr) scheduler_.tracer_->leave(cpu.id, scheduler_.now());
  --cpu.in_hardirq;
  if (!cpu.tasklets.empty() && !cpu.in_softirq) do_softirq(cpu);
}

void Interrupts::do_softirq(Cpu& cpu) {
  cpu.in_softirq = true;
  static const std::string kSoftirq = "softirq";
  if (scheduler_.tracer_ != nullptr) {
    scheduler_.tracer_->enter(cpu.id, TraceContext::softirq, 0, kSoftirq, scheduler_.now());
  }
  // Each round runs what was pending at its start. What keeps coming is left to ksoftirqd (and
  // to the next interrupt), so that threads get on.
  for (unsigned round = 0; round < kMaxSoftirqRestart && !cpu.tasklets.empty(); ++round) {
    for (std::size_t n = cpu.tasklets.size(); n != 0; --n) {
      const auto chosen = cpu.tasklets.begin() + static_cast<std::ptrdiff_t>(scheduler_.roll(n));
      Tasklet* t = *chosen;
      cpu.tasklets.erase(chosen);
      if (t->running) {
        // On another core: it stays scheduled on this one, which tries again. A cycle at least, or
        // time would not pass and the other core would never end it.
        cpu.tasklets.push_back(t);
        scheduler_.cpu_relax(Activity::irq, scheduler_.costs_.softirq);
        continue;
      }
      t->scheduled = false;
      t->running = true;
      scheduler_.charge(Activity::irq, scheduler_.costs_.softirq);
      t->fn();
      scheduler_.sync();
      t->running = false;
    }
  }
  if (scheduler_.tracer_ != nullptr) scheduler_.tracer_->leave(cpu.id, scheduler_.now());
  cpu.in_softirq = false;
  if (!cpu.tasklets.empty()) scheduler_.wake_up_process(*cpu.ksoftirqd);
}

void Interrupts::tasklet_schedule(Tasklet& tasklet) {
  if (tasklet.scheduled) return;
  tasklet.scheduled = true;
  Cpu& cpu = scheduler_.this_cpu();
  cpu.tasklets.push_back(&tasklet);
  if (!in_interrupt()) scheduler_.wake_up_process(*cpu.ksoftirqd);
}

void Interrupts::raise_timer_irq() {
  Cpu& cpu = *scheduler_.cpus_[0];
  cpu.timer_irq = true;
  cpu.core->kick();
}

}  // namespace cesasim::kernel
