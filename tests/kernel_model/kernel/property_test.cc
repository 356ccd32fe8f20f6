// SPDX-License-Identifier: Apache-2.0
// What must hold in every schedule: interrupt threads lose nothing, works run once and in their
// number, a mempool's guarantee is one. Each seed is a process of its own.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <random>

#include "hw_model/common/fault.h"
#include "kernel_model/mempool.h"
#include "kernel_model/workqueue.h"
#include "tests/kernel_model/kernel/bench.h"

namespace cesasim::kernel {
namespace {

struct Machine {
  unsigned cpus;
  const char* preempt;
};
class EverySchedule : public testing::TestWithParam<Machine> {
 protected:
  /// Runs `program` for every schedule_seed (0, the plain scheduler, included).
  void for_seeds(std::uint32_t seeds, const std::function<void(Bench&, std::uint32_t)>& program) {
    for (std::uint32_t seed = 0; seed < seeds; ++seed) {
      const pid_t pid = fork();
      ASSERT_GE(pid, 0);
      if (pid == 0) {
        BenchOptions o = with_cpus(GetParam().cpus);
        o.settings.preempt = GetParam().preempt;
        o.settings.schedule_seed = seed;
        o.settings.schedule_jitter_us = seed != 0 ? 3 : 0;
        Bench b(o);
        program(b, seed);
        std::fflush(stdout);
        _exit(HasFailure() ? 1 : 0);
      }
      int status = 0;
      waitpid(pid, &status, 0);
      ASSERT_EQ(status, 0) << "schedule_seed " << seed;
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Machines, EverySchedule,
                         testing::Values(Machine{1, "none"}, Machine{1, "full"}, Machine{2, "none"},
                                         Machine{3, "full"}));

/// A device that raises its line while it holds events, at random times; its thread takes what
/// there is, a part of it without looking again, as a level interrupt allows.
TEST_P(EverySchedule, AnInterruptThreadLosesNothing) {
  for_seeds(100, [](Bench& b, std::uint32_t seed) {
    Kernel& k = b.k();
    constexpr int kEvents = 60;
    std::mt19937 random(seed);
    std::deque<int> events;
    std::vector<int> taken;
    bool in_thread = false;
    k.request_threaded_irq(
        Bench::kIrq,
        [&] {
          EXPECT_FALSE(in_thread) << "the line was not masked";
          EXPECT_TRUE(k.irqs_disabled());
          return IrqReturn::wake_thread;
        },
        [&] {
          EXPECT_FALSE(k.irqs_disabled());
          in_thread = true;
          b.use(10 * kUs, Activity::driver);
          k.sync_now();
          for (int n = 0; n < 3 && !events.empty(); ++n) {
            taken.push_back(events.front());
            events.pop_front();
            b.use(3 * kUs, Activity::driver);
          }
          k.sync_now();
          if (events.empty()) b.intc->set_line(Bench::kIrq, false);
          in_thread = false;
        },
        "unit", GetParam().cpus - 1);
    for (int i = 0; i < kEvents; ++i) {
      b.at(kMs + random() % (2 * kMs), [&, i] {
        events.push_back(i);
        b.intc->set_line(Bench::kIrq, true);
      });
    }
    for (int t = 0; t < 3; ++t) {
      b.thread("app", [&, t] {
        for (int i = 0; i < 40; ++i) {
          b.use((50 + 30 * t) * kUs, Activity::fs);
          k.cond_resched();
        }
        while (taken.size() < kEvents) k.schedule_timeout(kTick);
      });
    }
    b.go();
    std::sort(taken.begin(), taken.end());
    for (int i = 0; i < kEvents; ++i) EXPECT_EQ(taken[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(taken.size(), static_cast<std::size_t>(kEvents));
  });
}

/// Works of three kinds from threads and interrupts.
TEST_P(EverySchedule, EveryWorkRunsOnceAndInItsNumber) {
  for_seeds(100, [](Bench& b, std::uint32_t seed) {
    Kernel& k = b.k();
    struct Queue {
      std::unique_ptr<Workqueue> wq;
      int limit = 0;        // of works at once
      bool sorted = false;  // one worker: in the order of queueing
      std::vector<int> order = {};
      int queued = 0, inside = 0, most = 0;
    };
    std::vector<Queue> queues(3);
    queues[0] = {std::make_unique<Workqueue>(k, "events"), static_cast<int>(k.cpus()), false};
    queues[1] = {std::make_unique<Workqueue>(k, "single", WorkqueueOptions{.unbound = true}), 1,
                 true};
    queues[2] = {std::make_unique<Workqueue>(
                     k, "kcryptd", WorkqueueOptions{.unbound = true, .max_active = 3, .nice = 0}),
                 3, false};
    const auto queue_one = [&](Queue& q) {
      q.wq->queue_work([&k, &q, &b, n = q.queued++] {
        EXPECT_FALSE(k.in_interrupt());
        q.most = std::max(q.most, ++q.inside);
        EXPECT_LE(q.inside, q.limit);
        q.order.push_back(n);
        b.use(static_cast<Ps>(5 + n % 7) * kUs, Activity::dm);
        if (n % 5 == 0) k.schedule_timeout(kTick / 2);
        --q.inside;
      });
    };
    std::mt19937 random(seed);
    std::vector<Ps> times;
    for (int i = 0; i < 20; ++i) times.push_back(random() % (3 * kMs));
    b.device(Bench::kIrq, times, [&] { queue_one(queues[random() % 3]); });
    for (unsigned t = 0; t < 3; ++t) {
      b.thread("app", [&, t] {
        for (int i = 0; i < 25; ++i) {
          queue_one(queues[(t + static_cast<unsigned>(i)) % 3]);
          b.use(40 * kUs, Activity::fs);
          if (i % 6 == 0) k.schedule_timeout(kTick);
        }
        k.schedule_timeout(4 * kMs);  // no more interrupts
        for (Queue& q : queues) {
          while (static_cast<int>(q.order.size()) != q.queued || q.inside != 0) {
            k.schedule_timeout(kTick);
          }
        }
      });
    }
    b.go();
    for (Queue& q : queues) {
      EXPECT_GT(q.most, 0);
      // A lock orders the queueing; the number was drawn before it, so only one core is sure.
      if (!q.sorted || k.cpus() > 1 || seed != 0) std::sort(q.order.begin(), q.order.end());
      for (int n = 0; n < q.queued; ++n) EXPECT_EQ(q.order[static_cast<std::size_t>(n)], n);
    }
  });
}

/// Threads that hold up to two pages each of a pool that guarantees one more than they can hold
/// while they wait for their second, while the page allocator fails often or always.
TEST_P(EverySchedule, AMempoolsGuaranteeHolds) {
  for_seeds(100, [](Bench& b, std::uint32_t seed) {
    Kernel& k = b.k();
    constexpr unsigned kThreads = 5;
    hw::FaultRule rule;
    rule.kind = hw::FaultKind::page_alloc;
    rule.probability = seed % 2 == 0 ? 1 : 0.5;
    hw::FaultPlan plan({rule}, seed);
    PageMempool pool(k, kThreads + 1, Activity::dm);
    k.set_faults(&plan);
    std::vector<PhysAddr> held;
    const auto take = [&] {
      const PhysAddr page = pool.alloc(true);
      EXPECT_NE(page, 0u);
      EXPECT_EQ(std::count(held.begin(), held.end(), page), 0) << "two have one page";
      held.push_back(page);
      return page;
    };
    const auto give = [&](PhysAddr page) {
      held.erase(std::find(held.begin(), held.end(), page));
      pool.free(page);
    };
    for (unsigned t = 0; t < kThreads; ++t) {
      b.thread("writer", [&, t] {
        for (unsigned i = 0; i < 12; ++i) {
          const PhysAddr first = take();
          b.use((10 + t) * kUs, Activity::dm);
          if (i % 3 == t % 3) k.schedule_timeout(kTick);
          const PhysAddr second = take();
          b.use(5 * kUs, Activity::dm);
          give(first);
          give(second);
        }
      });
    }
    b.go();
    EXPECT_TRUE(held.empty());
    EXPECT_EQ(pool.reserve(), kThreads + 1);
  });
}

}  // namespace
}  // namespace cesasim::kernel
