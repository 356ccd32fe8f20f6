// SPDX-License-Identifier: Apache-2.0
// Workqueues: create_workqueue of 2.6.12 (a thread per CPU, work runs on the CPU that queued it)
// and the kinds of 6.x that dm-crypt asks for.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel_model/kernel.h"

namespace cesasim::kernel {

struct WorkqueueOptions {
  /// WQ_UNBOUND: the workers share one list and run anywhere. Else each CPU has its own.
  bool unbound = false;
  /// Works running at once, of each CPU or (unbound) in all. A worker that sleeps counts.
  unsigned max_active = 1;
  /// Of the workers; by default that of the kernel's workqueues.
  std::optional<int> nice = std::nullopt;
};

class Workqueue {
 public:
  Workqueue(Kernel& kernel, const std::string& name, const WorkqueueOptions& options = {});
  /// Queues `fn`: on the current CPU's list, or the common one. Callable from any context.
  void queue_work(std::function<void()> fn);

 private:
  struct Worker {
    Thread* thread = nullptr;
    bool asleep = false;
  };
  struct List {
    std::deque<std::function<void()>> items;
    std::vector<std::unique_ptr<Worker>> workers;
  };
  void worker_thread(List& list, Worker& worker);
  Kernel& kernel_;
  bool unbound_;
  std::vector<std::unique_ptr<List>> lists_;
};

}  // namespace cesasim::kernel
