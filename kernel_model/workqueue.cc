// SPDX-License-Identifier: Apache-2.0
#include "kernel_model/workqueue.h"

#include <algorithm>
#include <utility>

namespace cesasim::kernel {

Workqueue::Workqueue(Kernel& kernel, const std::string& name, const WorkqueueOptions& options)
    : kernel_(kernel), unbound_(options.unbound) {
  const int nice = options.nice.value_or(kernel.settings().workqueue_nice());
  const unsigned lists = unbound_ ? 1 : kernel.cpus();
  for (unsigned cpu = 0; cpu < lists; ++cpu) {
    lists_.push_back(std::make_unique<List>());
    List* list = lists_.back().get();
    for (unsigned i = 0; i < std::max(1u, options.max_active); ++i) {
      list->workers.push_back(std::make_unique<Worker>());
      Worker* w = list->workers.back().get();
      std::string title = name + "/";
      title += unbound_ ? "u" + std::to_string(i) : std::to_string(cpu);
      if (!unbound_ && i != 0) title += ":" + std::to_string(i);
      w->thread = &kernel.kthread_run(
          title, [this, list, w] { worker_thread(*list, *w); }, nice,
          unbound_ ? -1 : static_cast<int>(cpu));
    }
  }
}

void Workqueue::queue_work(std::function<void()> fn) {
  Kernel::IrqOff irq_off(kernel_, Activity::sched);
  kernel_.charge(Activity::sched, kernel_.costs().queue_work);
  // A worker of another core may take it at once, which is at simulated time.
  if (unbound_ && kernel_.cpus() > 1) kernel_.sync_now();
  List& list = *lists_[unbound_ ? 0 : kernel_.smp_processor_id()];
  list.items.push_back(std::move(fn));
  for (auto& worker : list.workers) {
    if (!worker->asleep) continue;
    worker->asleep = false;
    kernel_.wake_up_process(*worker->thread);
    return;
  }
}

void Workqueue::worker_thread(List& list, Worker& worker) {
  for (;;) {
    while (!list.items.empty()) {
      auto fn = std::move(list.items.front());
      list.items.pop_front();
      fn();
      kernel_.sync();
    }
    worker.asleep = true;
    kernel_.set_blocked();
    if (list.items.empty()) kernel_.schedule();
    kernel_.set_running();
    worker.asleep = false;
  }
}

}  // namespace cesasim::kernel
