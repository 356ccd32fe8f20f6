// SPDX-License-Identifier: Apache-2.0
// Full preemption, interrupt threads, workqueues of 6.x, device memory, allocations that fail, and
// schedules drawn from a seed.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>
#include <sstream>

#include "hw_model/common/fault.h"
#include "kernel_model/mempool.h"
#include "kernel_model/workqueue.h"
#include "tests/kernel_model/kernel/bench.h"

namespace cesasim::kernel {
namespace {

BenchOptions with(const char* preempt, unsigned cpus = 1, std::uint32_t seed = 0) {
  BenchOptions o = with_cpus(cpus);
  o.settings.preempt = preempt;
  o.settings.schedule_seed = seed;
  o.settings.schedule_jitter_us = seed != 0 ? 3 : 0;
  return o;
}

/// The time that one thread needs for 1000 locks, in a process of its own (SystemC elaborates
/// once).
Ps time_of_locks(std::uint32_t seed, double jitter_us) {
  int fd[2];
  EXPECT_EQ(pipe(fd), 0);
  const pid_t child = fork();
  if (child == 0) {
    BenchOptions o = with("none", 1);
    o.settings.schedule_seed = seed;
    o.settings.schedule_jitter_us = jitter_us;
    Bench b(o);
    Kernel& k = b.k();
    Ps end = 0;
    k.kthread_run("locks", [&] {
      SpinLock spin;
      const Ps start = k.now();
      for (int i = 0; i < 1000; ++i) Kernel::IrqLock lock(k, spin, Activity::sched);
      end = k.now() - start;
      k.sync_now();
      sc_core::sc_stop();
    });
    sc_core::sc_start();
    const bool written = write(fd[1], &end, sizeof end) == sizeof end;
    _exit(written ? 0 : 1);
  }
  close(fd[1]);
  Ps end = 0;
  EXPECT_EQ(read(fd[0], &end, sizeof end), static_cast<ssize_t>(sizeof end));
  close(fd[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  return end;
}

/// A seed changes orders, of which one thread has none; delays are asked for by themselves, with a
/// seed or without.
TEST(KernelSchedule, TheSeedAloneDelaysNothing) {
  const Ps plain = time_of_locks(0, 0);
  EXPECT_GT(plain, 0u);
  for (const std::uint32_t seed : {1u, 7u, 99u}) EXPECT_EQ(time_of_locks(seed, 0), plain) << seed;
  for (const std::uint32_t seed : {0u, 7u}) {
    // Every other lock by 1.5 us in the mean: 750 us.
    const Ps delayed = time_of_locks(seed, 3) - plain;
    EXPECT_GT(delayed, 600 * hw::kPsPerUs) << seed;
    EXPECT_LT(delayed, 900 * hw::kPsPerUs) << seed;
    EXPECT_EQ(time_of_locks(seed, 3) - plain, delayed) << seed;
  }
  EXPECT_NE(time_of_locks(1, 3), time_of_locks(2, 3));
}

/// An interrupt at 2.5 ms wakes a better thread while another computes in the kernel from 1 to 11
/// ms.
Ps woken_at(const char* preempt, bool locked) {
  Bench b(with(preempt));
  Kernel& k = b.k();
  WaitQueue wait(k);
  bool event = false;
  Ps ran = 0;
  b.device(Bench::kIrq, {5 * kMs / 2}, [&] {
    event = true;
    wait.wake_up();
  });
  b.thread(
      "better",
      [&] {
        wait.wait_event([&] { return event; });
        k.sync_now();
        ran = stamp();
      },
      -10);
  b.thread("worker", [&] {
    k.schedule_timeout(kTick / 2);  // the better one sleeps first
    SpinLock lock;
    const auto work = [&] {
      for (int i = 0; i < 100; ++i) b.use(100 * kUs, Activity::fs);
    };
    if (locked) {
      Kernel::IrqLock guard(k, lock, Activity::fs);
      work();
    } else {
      work();
    }
  });
  b.go();
  return ran;
}

TEST(Preempt, NoneLetsKernelCodeRunToItsEnd) { EXPECT_GT(woken_at("none", false), 10 * kMs); }
TEST(Preempt, FullLetsTheBetterThreadInAtOnce) {
  const Ps at = woken_at("full", false);
  EXPECT_GE(at, 5 * kMs / 2);
  EXPECT_LT(at, 5 * kMs / 2 + 120 * kUs);
}
TEST(Preempt, FullWaitsForALock) { EXPECT_GT(woken_at("full", true), 10 * kMs); }

/// A slice is for equals too, in the kernel.
TEST(Preempt, FullSharesTheCoreAmongEquals) {
  Bench b(with("full"));
  std::vector<char> order;
  for (const char name : {'a', 'b'}) {
    b.thread(std::string(1, name), [&b, &order, name] {
      for (int i = 0; i < 30; ++i) {
        b.use(kMs, Activity::fs);
        order.push_back(name);
      }
    });
  }
  b.go();
  const auto changes = std::inner_product(order.begin() + 1, order.end(), order.begin(), 0,
                                          std::plus<>(), std::not_equal_to<>());
  EXPECT_GE(changes, 4) << std::string(order.begin(), order.end());
}

TEST(ThreadedIrq, RunsInAThreadOfItsOwnWithTheLineMasked) {
  Bench b;
  Kernel& k = b.k();
  std::vector<std::string> threads;
  k.request_threaded_irq(
      Bench::kIrq, nullptr,
      [&] {
        threads.push_back(k.current().name());
        EXPECT_FALSE(k.in_interrupt());
        b.use(50 * kUs, Activity::driver);  // the level is up all the time
        b.intc->set_line(Bench::kIrq, false);
      },
      "unit");
  for (const Ps t : {2 * kMs, 4 * kMs}) {
    b.at(t, [&] { b.intc->set_line(Bench::kIrq, true); });
  }
  b.thread("app", [&] { k.schedule_timeout(6 * kMs); });
  b.go();
  EXPECT_EQ(threads, (std::vector<std::string>{"irq/5-unit", "irq/5-unit"}));
  EXPECT_EQ(k.irq_count(Bench::kIrq), 2u);
}

// A line that a driver has disabled stays so when its thread, which had it masked, has run; and
// disable_irq waits for the thread.
TEST(ThreadedIrq, DisablingWaitsForTheThreadAndOutlastsIt) {
  Bench b;
  Kernel& k = b.k();
  int runs = 0;
  Ps ended = 0;
  k.request_threaded_irq(
      Bench::kIrq, nullptr,
      [&] {
        ++runs;
        k.schedule_timeout(2 * kMs);  // a thread may sleep; the line is up all the time
        ended = k.now();
        if (runs == 2) b.intc->set_line(Bench::kIrq, false);
      },
      "unit");
  b.at(kMs, [&] { b.intc->set_line(Bench::kIrq, true); });
  b.thread("app", [&] {
    k.schedule_timeout(2 * kMs);
    k.disable_irq_nosync(Bench::kIrq);
    EXPECT_EQ(ended, 0u);
    k.disable_irq(Bench::kIrq);
    EXPECT_NE(ended, 0u);
    k.enable_irq(Bench::kIrq);
    k.schedule_timeout(4 * kMs);
    EXPECT_EQ(runs, 1);
    k.enable_irq(Bench::kIrq);
    k.schedule_timeout(4 * kMs);
  });
  b.go();
  EXPECT_EQ(runs, 2);
}

TEST(ThreadedIrq, ALineThatStaysUpIsHandledAgain) {
  Bench b;
  Kernel& k = b.k();
  int runs = 0;
  k.request_threaded_irq(
      Bench::kIrq, [] { return IrqReturn::wake_thread; },
      [&] {
        if (++runs == 3) b.intc->set_line(Bench::kIrq, false);
      },
      "unit");
  b.at(kMs, [&] { b.intc->set_line(Bench::kIrq, true); });
  b.thread("app", [&] { k.schedule_timeout(5 * kMs); });
  b.go();
  EXPECT_EQ(runs, 3);
}

// A line that is up when it is requested interrupts at once, on either core.
class ThreadedIrqOf : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Cores, ThreadedIrqOf, testing::Values(0u, 1u));

TEST_P(ThreadedIrqOf, ALineThatIsUpAlreadyFindsItsThread) {
  Bench b(with_cpus(2));
  Kernel& k = b.k();
  int runs = 0;
  b.intc->set_line(Bench::kIrq, true);
  b.thread(
      "driver",
      [&] {
        k.charge_ps(Activity::driver, 10 * kUs);  // its core is ahead of the other one
        k.request_threaded_irq(
            Bench::kIrq, nullptr,
            [&] {
              ++runs;
              b.intc->set_line(Bench::kIrq, false);
            },
            "unit", GetParam());
        k.schedule_timeout(2 * kMs);
      },
      0, 0);
  b.go();
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(k.irq_count(Bench::kIrq), 1u);
}

TEST(ThreadedIrq, TheHardPartMayDoWithout) {
  Bench b;
  Kernel& k = b.k();
  int hard = 0, thread = 0;
  k.request_threaded_irq(
      Bench::kIrq,
      [&] {
        b.intc->set_line(Bench::kIrq, false);
        return ++hard == 1 ? IrqReturn::handled : IrqReturn::none;
      },
      [&] { ++thread; }, "unit");
  for (const Ps t : {kMs, 2 * kMs}) {
    b.at(t, [&] { b.intc->set_line(Bench::kIrq, true); });
  }
  b.thread("app", [&] { k.schedule_timeout(5 * kMs); });
  b.go();
  EXPECT_EQ(hard, 2);
  EXPECT_EQ(thread, 0);
  EXPECT_EQ(k.spurious_interrupts(), 1u);
}

/// Device memory word by word: 16 cycles to write one, 40 to read one; and the DRAM's 8 bytes a ns.
TEST(DeviceMemory, CopiesAreChargedByTheWord) {
  BenchOptions o;
  o.costs.io_write_word = 16;
  o.costs.io_read_word = 40;
  o.costs.memcpy_setup = 0;
  Bench b(o);
  Kernel& k = b.k();
  b.thread("app", [&] {
    const hw::PhysAddr page = k.alloc_boot(512, 64);
    for (int i = 0; i < 512; ++i) k.cpu_write(page, 512)[i] = static_cast<std::uint8_t>(i * 3);
    Ps start = k.now();
    k.memcpy_toio(0xF0000100, page, 256);
    EXPECT_EQ(k.now() - start, 64 * 16 * kCycle + 256 / 8 * kCycle);
    std::memset(k.cpu_write(page, 512), 0, 512);
    start = k.now();
    k.memcpy_fromio(page + 4, 0xF0000100, 256);
    EXPECT_EQ(k.now() - start, 64 * 40 * kCycle + 256 / 8 * kCycle);
    for (int i = 0; i < 256; ++i) {
      ASSERT_EQ(k.cpu_read(page, 512)[i + 4], static_cast<std::uint8_t>(i * 3));
    }
    EXPECT_EQ(k.bytes_copied(), 512u);
    // A descriptor is no copy of data; three bytes are a word.
    std::uint8_t out[3] = {1, 2, 3}, in[3] = {};
    start = k.now();
    k.toio(0xF0000010, out, 3, Activity::driver);
    k.fromio(in, 0xF0000010, 3, Activity::driver);
    EXPECT_EQ(k.now() - start, (16 + 40) * kCycle);
    EXPECT_EQ(std::memcmp(in, out, 3), 0);
    EXPECT_EQ(k.bytes_copied(), 512u);
  });
  b.go();
}

TEST(Workqueues, UnboundOnesRunSoManyAtOnceAndEveryWorkOnce) {
  Bench b(with_cpus(2));
  Kernel& k = b.k();
  Workqueue wq(k, "kcryptd", {.unbound = true, .max_active = 3, .nice = 0});
  std::vector<int> ran(60);
  int inside = 0, most = 0;
  std::set<unsigned> cpus;
  b.thread("app", [&] {
    for (int i = 0; i < 60; ++i) {
      wq.queue_work([&, i] {
        most = std::max(most, ++inside);
        cpus.insert(k.smp_processor_id());
        k.schedule_timeout(kTick);
        --inside;
        ++ran[static_cast<std::size_t>(i)];
      });
    }
    k.schedule_timeout(100 * kMs);
  });
  b.go();
  EXPECT_EQ(most, 3);
  EXPECT_EQ(ran, std::vector<int>(60, 1));
  EXPECT_EQ(cpus.size(), 2u);
}

TEST(Workqueues, BoundOnesStayOnTheirCore) {
  Bench b(with_cpus(2));
  Kernel& k = b.k();
  Workqueue wq(k, "kcryptd");
  int wrong = 0, ran = 0;
  for (unsigned cpu = 0; cpu < 2; ++cpu) {
    b.thread(
        "app",
        [&, cpu] {
          for (int i = 0; i < 20; ++i) {
            wq.queue_work([&, cpu] {
              wrong += k.smp_processor_id() != cpu;
              ++ran;
            });
            if (i % 5 == 0) k.schedule_timeout(kTick);
          }
          k.schedule_timeout(10 * kMs);
        },
        0, static_cast<int>(cpu));
  }
  b.go();
  EXPECT_EQ(ran, 40);
  EXPECT_EQ(wrong, 0);
}

hw::FaultRule always(hw::FaultKind kind, double probability = 1) {
  hw::FaultRule r;
  r.kind = kind;
  r.probability = probability;
  return r;
}

/// The page allocator gives nothing: whoever needs no more than the reserve gets through, however
/// many there are, as long as each takes only what the pool guarantees at once.
TEST(Mempools, NobodyWaitsForEverBelowTheGuarantee) {
  Bench b(with_cpus(2));
  Kernel& k = b.k();
  hw::FaultPlan plan({always(hw::FaultKind::page_alloc)}, 1);
  PageMempool pool(k, 4, Activity::dm);
  k.set_faults(&plan);
  int rounds = 0;
  for (int t = 0; t < 6; ++t) {
    b.thread("writer", [&] {
      for (int i = 0; i < 20; ++i) {
        const hw::PhysAddr page = pool.alloc(true);
        EXPECT_NE(page, 0u);
        if (i % 3 == 0) k.schedule_timeout(kTick);
        b.use(20 * kUs, Activity::dm);
        pool.free(page);
        ++rounds;
      }
    });
  }
  b.go();
  EXPECT_EQ(rounds, 120);
  EXPECT_EQ(pool.reserve(), 4u);
  EXPECT_GT(pool.waits(), 0u);
}

TEST(Allocations, FailWhenARuleSaysSo) {
  Bench b;
  Kernel& k = b.k();
  hw::FaultRule slab = always(hw::FaultKind::request_alloc, 0);
  slab.nth = 2;
  slab.every = 3;
  hw::FaultPlan plan({slab, always(hw::FaultKind::page_alloc)}, 1);
  b.thread("app", [&] {
    EXPECT_NE(k.alloc_page(Activity::dm, hw::AllocSite::page_cache), 0u);
    k.set_faults(&plan);
    EXPECT_EQ(k.alloc_page(Activity::dm, hw::AllocSite::page_cache), 0u);
    std::string got;
    for (int i = 0; i < 8; ++i)
      got += k.slab_alloc(Activity::ocf, hw::AllocSite::ocf_request) ? '1' : '0';
    EXPECT_EQ(got, "10110110");
  });
  b.go();
}

// --- seeds ------------------------------------------------------------------------------------

/// Producers and consumers over a lock and a wait queue, with interrupts, timers and tasklets
/// about. Returns the order in which things happened; every invariant is checked.
std::string program(unsigned cpus, const char* preempt, std::uint32_t seed) {
  int fd[2];
  if (pipe(fd) != 0) return "no pipe";
  const pid_t pid = fork();
  if (pid == 0) {
    close(fd[0]);
    Bench b(with(preempt, cpus, seed));
    Kernel& k = b.k();
    SpinLock lock;
    WaitQueue items(k);
    std::ostringstream log;
    std::vector<int> queue, taken(40);
    int inside = 0, produced = 0, consumed = 0;
    Tasklet tasklet[2];
    Timer timer[2];
    for (int i = 0; i < 2; ++i) {
      tasklet[i].fn = [&log, i] { log << "s" << i; };
      timer[i].fn = [&log, i] { log << "t" << i; };
      b.device(static_cast<unsigned>(5 + i), {kMs, 2 * kMs}, [&, i] {
        log << "i" << i;
        k.tasklet_schedule(tasklet[0]);
        k.tasklet_schedule(tasklet[1]);
      });
    }
    for (int p = 0; p < 2; ++p) {
      b.thread("producer", [&, p] {
        k.mod_timer(timer[p], kMs);
        for (int i = 0; i < 20; ++i) {
          b.use(static_cast<Ps>(130 + 7 * p) * kUs, Activity::fs);
          {
            Kernel::IrqLock guard(k, lock, Activity::fs);
            EXPECT_EQ(++inside, 1);
            b.use(kUs, Activity::fs);
            queue.push_back(produced++);
            --inside;
          }
          items.wake_up();
          if (i % 4 == 0) k.cond_resched();
        }
      });
    }
    for (int c = 0; c < 3; ++c) {
      b.thread("consumer", [&, c] {
        for (;;) {
          items.wait_event([&] { return !queue.empty() || consumed == 40; });
          Kernel::IrqLock guard(k, lock, Activity::fs);
          if (consumed == 40) break;
          if (queue.empty()) continue;
          EXPECT_EQ(++inside, 1);
          ++taken[static_cast<std::size_t>(queue.front())];
          queue.erase(queue.begin());
          log << "c" << c;
          b.use(2 * kUs, Activity::fs);
          --inside;
          if (++consumed == 40) items.wake_up();
        }
      });
    }
    b.go();
    EXPECT_EQ(taken, std::vector<int>(40, 1));
    EXPECT_EQ(consumed, 40);
    log << '@' << stamp();
    std::string out = log.str() + (testing::Test::HasFailure() ? "FAILED" : "");
    if (write(fd[1], out.data(), out.size()) < 0) _exit(2);
    std::fflush(stdout);
    _exit(0);
  }
  close(fd[1]);
  std::string out;
  char buffer[4096];
  for (ssize_t n; (n = read(fd[0], buffer, sizeof buffer)) > 0;) {
    out.append(buffer, static_cast<std::size_t>(n));
  }
  close(fd[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  return status == 0 ? out : out + "CRASHED";
}

class Seeds : public testing::TestWithParam<std::pair<unsigned, const char*>> {};
INSTANTIATE_TEST_SUITE_P(All, Seeds,
                         testing::Values(std::pair{1u, "none"}, std::pair{1u, "full"},
                                         std::pair{2u, "none"}, std::pair{3u, "full"}));

TEST_P(Seeds, EverySeedIsAnotherLegalSchedule) {
  const auto [cpus, preempt] = GetParam();
  std::set<std::string> seen;
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    const std::string log = program(cpus, preempt, seed);
    ASSERT_THAT(log, testing::Not(testing::HasSubstr("FAILED"))) << "schedule_seed " << seed;
    ASSERT_THAT(log, testing::Not(testing::HasSubstr("CRASHED"))) << "schedule_seed " << seed;
    seen.insert(log.substr(0, log.find('@')));
  }
  EXPECT_GT(seen.size(), 100u) << "orders";
  for (const std::uint32_t seed : {0u, 1u, 99u}) {
    EXPECT_EQ(program(cpus, preempt, seed), program(cpus, preempt, seed)) << seed;
  }
}

}  // namespace
}  // namespace cesasim::kernel
