// SPDX-License-Identifier: Apache-2.0
// Who runs on one core, and when.
#include "kernel_model/workqueue.h"
#include "tests/kernel_model/kernel/bench.h"

namespace cesasim::kernel {
namespace {

constexpr Ps kFirst = kSwitch;

TEST(Scheduler, BestNiceFirstThenFirstCome) {
  Bench b;
  for (const auto& [name, nice] : std::vector<std::pair<std::string, int>>{
           {"a5", 5}, {"b0", 0}, {"c-5", -5}, {"d0", 0}, {"e5", 5}, {"f-10", -10}}) {
    b.thread(
        name, [&b, name = name] { b.note(name); }, nice);
  }
  b.go();
  EXPECT_EQ(b.log, (Log{"f-10", "c-5", "b0", "d0", "a5", "e5"}));
}

TEST(Scheduler, ASwitchCostsTheSameFromThreadToThread) {
  Bench b;
  b.thread("a", [&] { b.use(10 * kUs); });
  b.thread("b", [&] { EXPECT_EQ(b.k().now(), kFirst + 10 * kUs + kSwitch); });
  b.go();
}

TEST(Scheduler, AKernelThreadIsNotPreempted) {
  Bench b;
  WaitQueue wait(b.k());
  bool go = false;
  Ps better_ran = 0;
  b.thread(
      "better",
      [&] {
        wait.wait_event([&] { return go; });
        better_ran = b.k().now();
      },
      -10);
  b.device(5, {100 * kUs}, [&] {
    go = true;
    wait.wake_up();
  });
  Ps done = 0;
  b.thread("kernel", [&] {
    b.use(50 * kMs);
    done = b.k().now();
  });
  b.go();
  EXPECT_EQ(better_ran, done + kSwitch);
}

TEST(Scheduler, AUserThreadIsPreemptedByABetterOneAtOnce) {
  Bench b;
  WaitQueue wait(b.k());
  bool go = false;
  Ps better_ran = 0;
  b.thread(
      "better",
      [&] {
        wait.wait_event([&] { return go; });
        better_ran = b.k().now();
        b.use(20 * kUs);
      },
      -10);
  const Ps raised = 100 * kUs;
  b.device(5, {raised}, [&] {
    go = true;
    wait.wake_up();
  });
  b.thread("user", [&] {
    const Ps start = b.k().now();
    b.use_as_user(kMs);
    EXPECT_EQ(b.k().now(), start + kMs + kIrqCost + 500 * kCycle + 2 * kSwitch + 20 * kUs);
  });
  b.go();
  EXPECT_EQ(better_ran, raised + kIrqCost + 500 * kCycle + kSwitch);
}

TEST(Scheduler, AUserThreadIsNotPreemptedByAnEqualBeforeItsSliceEnds) {
  Bench b;
  b.thread("a", [&] {
    b.use_as_user(kSlice - 1);
    b.note("a");
  });
  b.thread("b", [&] { b.note("b"); });
  b.go();
  EXPECT_EQ(b.log, (Log{"a", "b"}));
}

TEST(Scheduler, EqualsTakeTurnsBySlice) {
  Bench b;
  std::vector<Ps> ended(2);
  for (int i = 0; i < 2; ++i) {
    b.thread("u" + std::to_string(i), [&b, &ended, i] {
      b.use_as_user(25 * kMs);
      ended[i] = b.k().now();
    });
  }
  b.go();
  // 10 a, 10 b, 10 a, 10 b, 5 a, 5 b.
  EXPECT_EQ(ended[0], kFirst + 45 * kMs + 4 * kSwitch);
  EXPECT_EQ(ended[1], kFirst + 50 * kMs + 5 * kSwitch);
}

TEST(Scheduler, ASliceIsNotUsedUpTwiceByRunningAhead) {
  // 90 syncs that wait for nothing use 9 ms, not 90 * 91 / 2 times 0.1 ms.
  Bench b;
  WaitQueue wait(b.k());
  bool go = false;
  b.thread("b", [&] {
    wait.wait_event([&] { return go; });
    b.note("b");
  });
  b.thread("a", [&] {
    b.k().schedule_timeout(2 * kMs);  // whoever starts up has gone to sleep
    b.k().user_mode(true);
    for (int i = 0; i < 90; ++i) b.use(100 * kUs);
    go = true;
    wait.wake_up();
    b.use(500 * kUs);
    b.note("a has its slice");
    b.use(kMs);
    b.note("a");
  });
  b.go();
  EXPECT_EQ(b.log, (Log{"a has its slice", "b", "a"}));
}

TEST(Scheduler, APreemptedThreadKeepsWhatItHasUsedOfItsSlice) {
  // A better thread comes every 3 ms; the equals must still take turns.
  Bench b;
  bool stop = false;
  b.thread(
      "better",
      [&] {
        while (!stop) {
          b.use(10 * kUs);
          b.k().schedule_timeout(3 * kMs);
        }
      },
      -10);
  Ps b_ran = 0;
  b.thread("a", [&] {
    b.use_as_user(60 * kMs);
    stop = true;
  });
  b.thread("b", [&] { b_ran = b.k().now(); });
  b.go();
  EXPECT_GT(b_ran, kSlice);
  EXPECT_LT(b_ran, kSlice + kMs);
}

TEST(Scheduler, APreemptedThreadComesBackBeforeItsEquals) {
  Bench b;
  b.thread(
      "better",
      [&] {
        b.k().schedule_timeout(2 * kMs);
        b.note("better");
      },
      -10);
  b.thread("a", [&] {
    b.use_as_user(5 * kMs);
    b.note("a");
  });
  b.thread("b", [&] { b.note("b"); });
  b.go();
  EXPECT_EQ(b.log, (Log{"better", "a", "b"}));
}

TEST(Scheduler, KernelTimeBeforeUserModeIsNotPreemptible) {
  Bench b;
  b.thread("a", [&] {
    b.k().schedule_timeout(kMs);  // b runs now, and then waits behind a
    const Ps start = b.k().now();
    WaitQueue none(b.k());
    b.k().kthread_run(
        "better", [&b, start] { EXPECT_EQ(b.k().now(), start + 100 * kUs + kSwitch); }, -5);
    b.k().charge_ps(Activity::fs, 100 * kUs);
    b.use_as_user(100 * kUs);
    EXPECT_EQ(b.k().now(), start + 200 * kUs + 2 * kSwitch);
  });
  b.go();
}

TEST(Scheduler, UserTimeBeforeKernelModeIsPreemptible) {
  Bench b;
  WaitQueue wait(b.k());
  bool go = false;
  Ps ran = 0;
  b.thread(
      "better",
      [&] {
        wait.wait_event([&] { return go; });
        ran = b.k().now();
      },
      -10);
  b.device(5, {100 * kUs}, [&] {
    go = true;
    wait.wake_up();
  });
  b.thread("a", [&] {
    b.k().user_mode(true);
    b.k().charge_ps(Activity::user, kMs);
    b.k().user_mode(false);  // a system call: no sync() by the caller
    b.k().charge_ps(Activity::fs, kMs);
  });
  b.go();
  EXPECT_EQ(ran, 100 * kUs + kIrqCost + 500 * kCycle + kSwitch);
}

TEST(Scheduler, CondReschedGivesWayToABetterThread) {
  Bench b;
  b.thread("a", [&] {
    b.k().kthread_run(
        "better", [&b] { b.note("better"); }, -5);
    b.use(kMs);
    b.note("before");
    b.k().cond_resched();
    b.note("after");
  });
  b.go();
  EXPECT_EQ(b.log, (Log{"before", "better", "after"}));
}

TEST(Scheduler, CondReschedGivesWayToAnEqualAfterTheSliceOnly) {
  Bench b;
  b.thread("a", [&] {
    b.k().charge_ps(Activity::fs, kSlice - 1);
    b.k().cond_resched();
    b.note("within");
    b.k().charge_ps(Activity::fs, 1);
    b.k().cond_resched();
    b.note("after");
  });
  b.thread("b", [&] { b.note("b"); });
  b.go();
  EXPECT_EQ(b.log, (Log{"within", "b", "after"}));
}

TEST(Scheduler, CondReschedNeverGivesWayToAWorseThread) {
  Bench b;
  b.thread("a", [&] {
    b.k().charge_ps(Activity::fs, 2 * kSlice);
    b.k().cond_resched();
    b.note("a");
  });
  b.thread(
      "worse", [&] { b.note("worse"); }, 5);
  b.go();
  EXPECT_EQ(b.log, (Log{"a", "worse"}));
}

TEST(Scheduler, YieldGivesWayToEqualsInTurn) {
  Bench b;
  for (const char* name : {"a", "b", "c"}) {
    b.thread(name, [&b, name] {
      for (int i = 0; i < 2; ++i) {
        b.note(name);
        b.k().yield();
      }
    });
  }
  b.go();
  EXPECT_EQ(b.log, (Log{"a", "b", "c", "a", "b", "c"}));
}

TEST(Scheduler, AYieldThatFindsNobodyCostsNoSlice) {
  Bench b;
  b.thread(
      "worse", [&] { b.note("worse"); }, 10);
  b.thread("a", [&] {
    b.k().user_mode(true);
    b.k().yield();
    b.k().user_mode(false);
    b.k().kthread_run("equal", [&b] { b.note("equal"); });
    b.use_as_user(kMs);
    b.note("a");
  });
  b.go();
  EXPECT_EQ(b.log, (Log{"a", "equal", "worse"}));
}

TEST(Scheduler, AThreadMayEndInUserMode) {
  // A better thread wakes while the core switches away from the dead one.
  Bench b;
  WaitQueue wait(b.k());
  bool go = false;
  b.device(5, {}, [&] {
    go = true;
    wait.wake_up();
  });
  b.thread(
      "better",
      [&] {
        wait.wait_event([&] { return go; });
        b.note("better");
      },
      -10);
  b.thread("a", [&] {
    b.k().schedule_timeout(2 * kMs);
    b.k().kthread_run("user", [&b] {
      b.k().user_mode(true);
      b.k().charge_ps(Activity::user, 500 * kUs);
      b.at(b.k().now() + kSwitch / 2, [&b] { b.intc->set_line(5, true); });
      b.note("user");
    });
    b.k().schedule_timeout(5 * kMs);
    b.note("a");
  });
  b.go();
  EXPECT_EQ(b.log, (Log{"user", "better", "a"}));
}

TEST(Scheduler, GoingToSleepInUserModeIsNotUndoneByAPreemption) {
  Bench b;
  Thread* sleeper = nullptr;
  sleeper = &b.thread("sleeper", [&] {
    b.k().kthread_run(
        "better", [&b] { b.note("better"); }, -5);
    b.k().user_mode(true);
    b.k().set_blocked();
    b.k().schedule();
    b.k().user_mode(false);
    b.note("woken");
  });
  b.thread("waker", [&] {
    b.note("waker");
    b.k().wake_up_process(*sleeper);
  });
  b.go();
  EXPECT_EQ(b.log, (Log{"better", "waker", "woken"}));
}

TEST(Scheduler, WakingADeadThreadDoesNothing) {
  Bench b;
  Thread& dead = b.thread("dead", [] {});
  b.thread("a", [&] {
    b.k().wake_up_process(dead);
    b.k().schedule_timeout(kMs);
    b.k().wake_up_process(dead);
  });
  b.go();
}

TEST(Scheduler, WakingARunningThreadCostsNothing) {
  Bench b;
  Thread* a = nullptr;
  a = &b.thread("a", [&] {
    const Ps before = b.k().now();
    b.k().wake_up_process(*a);
    EXPECT_EQ(b.k().now(), before);
  });
  b.go();
}

TEST(Scheduler, SwitchesAreCounted) {
  Bench b;
  Thread& a = b.thread("a", [&] {
    b.k().schedule_timeout(kMs);
    b.k().schedule_timeout(kMs);
  });
  b.go();
  EXPECT_EQ(a.switches(), 3u);
  EXPECT_EQ(b.k().context_switches(), 4u);  // and ksoftirqd's first
}

}  // namespace
}  // namespace cesasim::kernel
