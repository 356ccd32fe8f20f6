// create_workqueue of 2.6.12: one thread per CPU, work runs on the CPU that queued it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel_model/kernel.h"

namespace cesasim::kernel {

class Workqueue {
 public:
  Workqueue(Kernel& kernel, const std::string& name);
  /// Queues `fn` on the current CPU's worker. Callable from any context.
  void queue_work(std::function<void()> fn);

 private:
  struct Worker {
    std::deque<std::function<void()>> items;
    Thread* thread = nullptr;
    bool asleep = false;
  };
  void worker_thread(Worker& worker);
  Kernel& kernel_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace cesasim::kernel
