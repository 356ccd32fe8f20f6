// SPDX-License-Identifier: Apache-2.0
// Hard interrupts, softirqs, tasklets and timers.
#include <algorithm>
#include <stdexcept>

#include "tests/kernel_model/kernel/bench.h"

namespace cesasim::kernel {
namespace {

constexpr Ps kFirst = kSwitch;  // when the first thread starts
constexpr Ps kEntry = 300 * kCycle;
constexpr Ps kExit = 200 * kCycle;
constexpr Ps kSoftirq = 150 * kCycle;

TEST(Interrupt, StealsExactlyWhatItCosts) {
  Bench b;
  Ps handled = 0;
  b.device(Bench::kIrq, {kFirst + 300 * kUs}, [&] {
    handled = b.k().now();
    EXPECT_TRUE(b.k().in_irq());
    b.k().charge_ps(Activity::driver, 7 * kUs);
  });
  Ps used = 0;
  b.thread("t", [&] {
    b.use(kMs);
    used = b.k().current().time();
    EXPECT_FALSE(b.k().in_interrupt());
    EXPECT_EQ(b.k().now(), kFirst + kMs + kIrqCost + 7 * kUs);
  });
  b.go();
  EXPECT_EQ(handled, kFirst + 300 * kUs + kEntry);
  EXPECT_EQ(used, kMs) << "the interrupt's time is not the thread's";
  EXPECT_EQ(b.k().interrupt_time(), kIrqCost + 7 * kUs);
  EXPECT_EQ(b.cores[0]->accounted(Activity::irq), kIrqCost);
  EXPECT_EQ(b.k().interrupts(), 1u);
  EXPECT_EQ(b.k().irq_count(Bench::kIrq), 1u);
}

TEST(Interrupt, TakenByAnIdleCoreAtOnce) {
  Bench b;
  Ps handled = 0;
  b.device(Bench::kIrq, {3 * kMs}, [&] { handled = b.k().now(); });
  b.thread("t", [&] { b.k().schedule_timeout(5 * kMs); });
  b.go();
  EXPECT_EQ(handled, 3 * kMs + kEntry);
}

TEST(Interrupt, GoesToTheCoreItIsRoutedTo) {
  Bench b(with_cpus(2));
  unsigned cpu = 9;
  b.device(
      Bench::kIrq, {kMs}, [&] { cpu = b.k().smp_processor_id(); }, 1);
  b.thread(
      "t", [&] { b.use(5 * kMs); }, 0, 0);
  b.go();
  EXPECT_EQ(cpu, 1u);
  EXPECT_EQ(b.cores[0]->accounted(Activity::irq), 0u);
}

TEST(Interrupt, HardInterruptsDoNotNest) {
  Bench b;
  Log order;
  Ps second = 0;
  b.device(6, {kFirst + 10 * kUs}, [&] {
    order.push_back("first in");
    b.use(20 * kUs);
    b.k().sync_now();
    order.push_back("first out");
  });
  b.device(5, {kFirst + 15 * kUs}, [&] {
    order.push_back("second");
    second = b.k().now();
  });
  b.thread("t", [&] { b.use(100 * kUs); });
  b.go();
  EXPECT_EQ(order, (Log{"first in", "first out", "second"}));
  EXPECT_EQ(second, kFirst + 30 * kUs + kIrqCost + kEntry);
}

TEST(Interrupt, HardOverSoftOverThread) {
  Bench b;
  Log order;
  Tasklet tasklet{[&] {
    order.push_back("soft in");
    EXPECT_TRUE(b.k().in_interrupt());
    EXPECT_FALSE(b.k().in_irq());
    b.use(50 * kUs);
    order.push_back("soft out");
    EXPECT_EQ(b.k().now(), kFirst + 60 * kUs + 2 * kIrqCost + kSoftirq);
  }};
  b.device(5, {kFirst + 10 * kUs}, [&] { b.k().tasklet_schedule(tasklet); });
  b.device(6, {kFirst + 40 * kUs}, [&] { order.push_back("hard"); });
  b.thread("t", [&] {
    b.use(100 * kUs);
    order.push_back("thread");
    EXPECT_EQ(b.k().now(), kFirst + 150 * kUs + 2 * kIrqCost + kSoftirq);
  });
  b.go();
  EXPECT_EQ(order, (Log{"soft in", "hard", "soft out", "thread"}));
}

TEST(Interrupt, ATaskletOfAnInterruptDuringASoftirqRunsAfterIt) {
  Bench b;
  Log order;
  Tasklet second{[&] { order.push_back("second"); }};
  Tasklet first{[&] {
    b.use(50 * kUs);
    order.push_back("first");
  }};
  b.device(5, {kFirst + 10 * kUs}, [&] { b.k().tasklet_schedule(first); });
  b.device(6, {kFirst + 40 * kUs}, [&] { b.k().tasklet_schedule(second); });
  b.thread("t", [&] {
    b.use(100 * kUs);
    order.push_back("thread");
  });
  b.go();
  EXPECT_EQ(order, (Log{"first", "second", "thread"}));
}

TEST(Interrupt, ALevelFiresUntilItIsCleared) {
  Bench b;
  int count = 0;
  b.k().request_irq(
      7,
      [&] {
        if (++count == 3) b.intc->set_line(7, false);
        return true;
      },
      "sticky");
  b.at(kFirst + 10 * kUs, [&] { b.intc->set_line(7, true); });
  b.thread("t", [&] {
    b.use(100 * kUs);
    EXPECT_EQ(b.k().now(), kFirst + 100 * kUs + 3 * kIrqCost);
  });
  b.go();
  EXPECT_EQ(count, 3);
  EXPECT_EQ(b.intc->raised(7), 1u);
}

TEST(Interrupt, AnUnclaimedOneIsSpurious) {
  Bench b;
  b.k().request_irq(
      7,
      [&] {
        b.intc->set_line(7, false);
        return false;
      },
      "shy");
  b.at(kFirst + 10 * kUs, [&] { b.intc->set_line(7, true); });
  b.thread("t", [&] { b.use(100 * kUs); });
  b.go();
  EXPECT_EQ(b.k().interrupts(), 1u);
  EXPECT_EQ(b.k().spurious_interrupts(), 1u);
}

TEST(Interrupt, ALineThatFallsADeltaLaterIsOneInterruptEvenAtNoCost) {
  BenchOptions o;
  o.costs = KernelCosts{};
  o.costs.cache_line_bytes = 32;
  Bench b(o);
  sc_core::sc_event cleared;
  sc_core::sc_spawn_options method;
  method.spawn_method();
  method.dont_initialize();
  method.set_sensitivity(&cleared);
  sc_core::sc_spawn([&] { b.intc->set_line(7, false); }, "device", &method);
  int count = 0;
  b.k().request_irq(
      7,
      [&] {
        if (++count > 5) b.intc->set_line(7, false);  // or the core would never come out
        cleared.notify(sc_core::SC_ZERO_TIME);        // as a device behind an sc_signal does
        return true;
      },
      "device");
  b.at(10 * kUs, [&] { b.intc->set_line(7, true); });
  b.thread("t", [&] { b.use(100 * kUs); });
  b.go();
  EXPECT_EQ(count, 1);
}

TEST(DisableIrq, CountsItsCalls) {
  Bench b;
  std::vector<Ps> taken;
  b.device(7, {kFirst + 10 * kUs, kFirst + 200 * kUs}, [&] { taken.push_back(b.k().now()); });
  b.thread("t", [&] {
    b.k().disable_irq(7);
    b.k().disable_irq_nosync(7);
    b.use(30 * kUs);
    b.k().enable_irq(7);
    b.use(30 * kUs);
    EXPECT_TRUE(taken.empty()) << "one of two calls is not taken back";
    b.k().enable_irq(7);
    b.k().sync_now();
    EXPECT_EQ(taken.size(), 1u) << "the level is still up";
    b.use(200 * kUs);
    EXPECT_EQ(taken.size(), 2u);
  });
  b.go();
}

TEST(DisableIrq, AnUnbalancedEnableIsAnError) {
  Bench b;
  b.device(7, {}, nullptr);
  b.thread("t", [&] {
    EXPECT_THROW(b.k().enable_irq(7), std::logic_error);
    b.k().disable_irq(7);
    b.k().enable_irq(7);
    EXPECT_THROW(b.k().enable_irq(7), std::logic_error);
    for (const auto call :
         {&Kernel::disable_irq, &Kernel::disable_irq_nosync, &Kernel::enable_irq}) {
      try {
        (b.k().*call)(8);
        ADD_FAILURE() << "nobody has requested it";
      } catch (const std::logic_error& error) {
        EXPECT_STREQ(error.what(), "interrupt 8 has not been requested");
      }
    }
  });
  b.go();
}

TEST(DisableIrq, WaitsForTheHandlerOnAnotherCore) {
  Bench b(with_cpus(2));
  Ps ended = 0, disabled = 0;
  b.device(
      7, {kFirst + 10 * kUs},
      [&] {
        b.use(100 * kUs, Activity::driver);
        b.k().sync_now();
        ended = b.k().now();
      },
      1);
  b.thread(
      "t",
      [&] {
        b.use(20 * kUs);
        b.k().sync_now();
        b.k().disable_irq_nosync(7);
        EXPECT_EQ(ended, 0u) << "does not wait";
        b.k().disable_irq(7);
        disabled = b.k().now();
      },
      0, 0);
  b.thread(
      "other", [&] { b.use(300 * kUs); }, 0, 1);
  b.go();
  EXPECT_GE(disabled, ended);
  EXPECT_GT(ended, 0u);
}

TEST(DisableIrq, ByItsOwnHandlerIsADeadlock) {
  Bench b;
  b.device(7, {kFirst + 10 * kUs}, [&] {
    EXPECT_THROW(b.k().disable_irq(7), std::logic_error);
    b.k().disable_irq_nosync(7);
    b.k().enable_irq(7);
  });
  b.thread("t", [&] { b.use(100 * kUs); });
  b.go();
}

TEST(Interrupt, ALineHasOneHandler) {
  Bench b;
  b.device(7, {}, nullptr);
  EXPECT_THROW(b.device(7, {}, nullptr), std::logic_error);
}

TEST(Interrupt, ACoreThatIsNotThereLeavesTheLineFree) {
  Bench b;
  EXPECT_THROW(b.device(7, {}, nullptr, 1), std::out_of_range);
  EXPECT_THROW(b.k().request_threaded_irq(
                   7, nullptr, [] {}, "unit", 1),
               std::out_of_range);
  bool handled = false;
  b.device(7, {kFirst + 10 * kUs}, [&] { handled = true; });
  b.thread("t", [&] { b.use(100 * kUs); });
  b.go();
  EXPECT_TRUE(handled);
}

// Two interrupts, each on its core, schedule the same tasklet; the second while it runs.
class TaskletOnTwoCores : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Costs, TaskletOnTwoCores, testing::Bool(),
                         [](const auto& costs) { return costs.param ? "some" : "none"; });

TEST_P(TaskletOnTwoCores, RunsOnOneAtATime) {
  BenchOptions o = with_cpus(2);
  if (!GetParam()) {
    o.costs = KernelCosts{};
    o.costs.cache_line_bytes = 32;
  }
  Bench b(o);
  unsigned inside = 0, most = 0;
  std::vector<unsigned> cores;
  std::vector<Ps> begun, ended;
  Tasklet tasklet{[&] {
    begun.push_back(b.k().now());
    most = std::max(most, ++inside);
    cores.push_back(b.k().smp_processor_id());
    b.use(50 * kUs, Activity::driver);
    b.k().sync_now();
    --inside;
    ended.push_back(b.k().now());
  }};
  b.device(
      5, {kFirst + 10 * kUs}, [&] { b.k().tasklet_schedule(tasklet); }, 0);
  b.device(
      6, {kFirst + 30 * kUs}, [&] { b.k().tasklet_schedule(tasklet); }, 1);
  for (int cpu : {0, 1})
    b.thread(
        "t", [&] { b.use(300 * kUs); }, 0, cpu);
  b.go();
  EXPECT_EQ(most, 1u);
  ASSERT_EQ(cores, (std::vector<unsigned>{0, 1})) << "the other core's turn is not lost";
  EXPECT_GE(begun[1], ended[0]);
}

// What finds its tasklet running for long is left to ksoftirqd, and that leaves threads time.
TEST(Tasklet, ThatRunsElsewhereDoesNotKeepTheCoreFromItsThreads) {
  Bench b(with_cpus(2));
  int runs = 0;
  Ps thread_ended = 0, tasklet_ended = 0;
  WaitQueue wait(b.k());
  bool woken = false;
  Tasklet tasklet{[&] {
    if (++runs == 1) b.use(5 * kMs, Activity::driver);
    b.k().sync_now();
    if (runs == 1) tasklet_ended = b.k().now();
  }};
  b.device(
      5, {kFirst + 10 * kUs}, [&] { b.k().tasklet_schedule(tasklet); }, 0);
  b.device(
      6, {kFirst + 30 * kUs}, [&] { b.k().tasklet_schedule(tasklet); }, 1);
  b.device(
      7, {kFirst + kMs},
      [&] {
        woken = true;
        wait.wake_up();
      },
      1);
  b.thread(
      "t",
      [&] {
        b.use(100 * kUs);
        wait.wait_event([&] { return woken; });
        b.use(100 * kUs);
        thread_ended = b.k().now();
      },
      0, 1);
  b.thread(
      "other", [&] { b.use(7 * kMs); }, 0, 0);
  b.go();
  EXPECT_EQ(runs, 2);
  EXPECT_LT(thread_ended, tasklet_ended);
}

TEST(Tasklet, FromAThreadRunsInKsoftirqd) {
  Bench b;
  Log order;
  std::string where;
  Tasklet tasklet{[&] {
    order.push_back("tasklet");
    where = b.k().current().name();
    EXPECT_TRUE(b.k().in_interrupt());
  }};
  b.thread("t", [&] {
    b.k().tasklet_schedule(tasklet);
    b.k().tasklet_schedule(tasklet);  // is on its way already
    b.use(50 * kUs);
    order.push_back("thread");
    b.k().schedule_timeout(kMs);
  });
  b.go();
  EXPECT_EQ(order, (Log{"thread", "tasklet"}));
  EXPECT_EQ(where, "ksoftirqd/0");
}

TEST(Tasklet, OneOfAThreadIsTakenAlongByTheNextInterrupt) {
  Bench b;
  std::string where;
  Tasklet tasklet{[&] { where = b.k().current().name(); }};
  b.device(5, {kFirst + 10 * kUs}, nullptr);
  b.thread("t", [&] {
    b.k().tasklet_schedule(tasklet);
    b.use(50 * kUs);
    EXPECT_EQ(where, "t");
  });
  b.go();
}

TEST(Tasklet, OneThatKeepsComingBackLeavesThreadsTime) {
  // After ten rounds the rest is ksoftirqd's, as MAX_SOFTIRQ_RESTART has it.
  Bench b;
  int runs = 0;
  Tasklet tasklet;
  tasklet.fn = [&] {
    b.use(10 * kUs);
    if (++runs < 1000) b.k().tasklet_schedule(tasklet);
  };
  b.device(5, {kFirst + 10 * kUs}, [&] { b.k().tasklet_schedule(tasklet); });
  b.thread("t", [&] {
    b.use(100 * kUs);
    EXPECT_EQ(runs, 10);
    b.k().schedule_timeout(50 * kMs);
    EXPECT_EQ(runs, 1000);
  });
  b.go();
}

TEST(Timer, RunsInASoftirqAtATick) {
  Bench b;
  Ps fired = 0;
  Timer timer;
  timer.fn = [&] {
    fired = b.k().now();
    EXPECT_TRUE(b.k().in_interrupt());
    EXPECT_FALSE(b.k().in_irq());
  };
  b.thread("t", [&] {
    b.k().mod_timer(timer, 1);
    EXPECT_TRUE(timer.armed);
    b.use(5 * kMs);
    EXPECT_FALSE(timer.armed);
  });
  b.go();
  EXPECT_EQ(fired, kTick + kIrqCost + kSoftirq);
}

TEST(Timer, ExpiryIsRoundedUpToATick) {
  Bench b;
  std::vector<Ps> expires;
  Timer timer{[] {}};
  b.thread("t", [&] {
    Ps align = 0;
    for (const Ps in : {Ps{0}, Ps{1}, kTick, kTick + 1}) {
      align += 3 * kTick;  // arming costs 100 cycles: due counts from this multiple of a tick
      b.k().charge_ps(Activity::user, align - b.k().now() - 100 * kCycle);
      b.k().mod_timer(timer, in);
      expires.push_back(timer.expires);
      b.k().del_timer(timer);
    }
  });
  b.go();
  EXPECT_EQ(expires, (std::vector<Ps>{3 * kMs, 7 * kMs, 10 * kMs, 14 * kMs}));
}

TEST(Timer, FireInOrderOfExpiryThenOfArming) {
  Bench b;
  Log order;
  std::vector<std::unique_ptr<Timer>> timers;
  for (const char* name : {"a", "b", "c", "d"}) {
    timers.push_back(std::make_unique<Timer>());
    timers.back()->fn = [&order, name] { order.push_back(name); };
  }
  b.thread("t", [&] {
    b.k().mod_timer(*timers[0], 3 * kMs);
    b.k().mod_timer(*timers[1], 1 * kMs);
    b.k().mod_timer(*timers[2], 3 * kMs);
    b.k().mod_timer(*timers[3], 2 * kMs);
    b.k().mod_timer(*timers[0], 3 * kMs);  // again: now after c
    b.use(10 * kMs);
  });
  b.go();
  EXPECT_EQ(order, (Log{"b", "d", "c", "a"}));
}

TEST(Timer, ArmingAgainMovesIt) {
  Bench b;
  std::vector<Ps> fired;
  Timer timer;
  timer.fn = [&] { fired.push_back(timer.expires); };
  b.thread("t", [&] {
    b.k().mod_timer(timer, 2 * kMs);
    b.k().mod_timer(timer, 5 * kMs);
    b.use(4 * kMs);
    EXPECT_TRUE(fired.empty());
    b.k().mod_timer(timer, 0);
    b.use(4 * kMs);
  });
  b.go();
  EXPECT_EQ(fired, (std::vector<Ps>{5 * kMs}));
}

TEST(Timer, MayArmItself) {
  Bench b;
  std::vector<Ps> fired;
  Timer timer;
  timer.fn = [&] {
    fired.push_back(timer.expires);
    if (fired.size() < 3) b.k().mod_timer(timer, kMs);
  };
  b.thread("t", [&] {
    b.k().mod_timer(timer, kMs);
    b.use(20 * kMs);
  });
  b.go();
  EXPECT_EQ(fired, (std::vector<Ps>{2 * kMs, 4 * kMs, 6 * kMs}));
}

TEST(Timer, DeletedInTimeDoesNotFire) {
  Bench b;
  bool fired = false;
  Timer timer{[&] { fired = true; }};
  b.thread("t", [&] {
    b.k().mod_timer(timer, 2 * kMs);
    b.use(kMs);
    b.k().del_timer(timer);
    b.k().del_timer(timer);
    b.use(5 * kMs);
  });
  b.go();
  EXPECT_FALSE(fired);
}

TEST(Timer, DeletedTooLateHasFired) {
  // The thread's local time is past the expiry when it deletes the timer.
  Bench b;
  bool fired = false;
  Timer timer{[&] { fired = true; }};
  b.thread("t", [&] {
    b.k().mod_timer(timer, 2 * kMs);
    b.k().charge_ps(Activity::user, 5 * kMs);
    b.k().del_timer(timer);
    EXPECT_TRUE(fired);
  });
  b.go();
}

TEST(Timer, MovedTooLateFiresTwice) {
  Bench b;
  int fired = 0;
  Timer timer{[&] { ++fired; }};
  b.thread("t", [&] {
    b.k().mod_timer(timer, 2 * kMs);
    b.k().charge_ps(Activity::user, 5 * kMs);
    b.k().mod_timer(timer, 2 * kMs);
    b.use(10 * kMs);
  });
  b.go();
  EXPECT_EQ(fired, 2);
}

}  // namespace
}  // namespace cesasim::kernel
