#include "kernel_model/workqueue.h"

#include <utility>

namespace cesasim::kernel {

Workqueue::Workqueue(Kernel& kernel, const std::string& name) : kernel_(kernel) {
  for (unsigned cpu = 0; cpu < kernel.cpus(); ++cpu) {
    workers_.push_back(std::make_unique<Worker>());
    Worker* w = workers_.back().get();
    w->thread = &kernel.kthread_run(
        name + "/" + std::to_string(cpu), [this, w] { worker_thread(*w); },
        kernel.settings().workqueue_nice(), static_cast<int>(cpu));
  }
}

void Workqueue::queue_work(std::function<void()> fn) {
  Kernel::IrqOff irq_off(kernel_, Activity::sched);
  kernel_.charge(Activity::sched, kernel_.costs().queue_work);
  Worker& w = *workers_[kernel_.smp_processor_id()];
  w.items.push_back(std::move(fn));
  if (w.asleep) kernel_.wake_up_process(*w.thread);
}

void Workqueue::worker_thread(Worker& worker) {
  for (;;) {
    while (!worker.items.empty()) {
      auto fn = std::move(worker.items.front());
      worker.items.pop_front();
      fn();
      kernel_.sync();
    }
    worker.asleep = true;
    kernel_.set_blocked();
    if (worker.items.empty()) kernel_.schedule();
    kernel_.set_running();
    worker.asleep = false;
  }
}

}  // namespace cesasim::kernel
