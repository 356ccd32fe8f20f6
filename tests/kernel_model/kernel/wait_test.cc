// SPDX-License-Identifier: Apache-2.0
// Sleeping and waking: wait queues, time-outs, workqueues.
#include <memory>
#include <optional>

#include "kernel_model/workqueue.h"
#include "tests/kernel_model/kernel/bench.h"

namespace cesasim::kernel {
namespace {

constexpr Ps kFirst = kSwitch;

TEST(WaitQueue, DoesNotSleepForWhatIsTrueAlready) {
  Bench b;
  WaitQueue wait(b.k());
  b.thread("t", [&] {
    wait.wait_event([] { return true; });
    EXPECT_TRUE(wait.wait_event_timeout([] { return true; }, kMs));
    EXPECT_EQ(b.k().now(), kFirst);
  });
  b.go();
}

TEST(WaitQueue, WakesEverybodyInOrder) {
  Bench b;
  WaitQueue wait(b.k());
  bool go = false;
  for (const char* name : {"a", "b", "c"}) {
    b.thread(name, [&b, &wait, &go, name] {
      wait.wait_event([&] { return go; });
      b.note(name);
    });
  }
  b.thread("waker", [&] {
    EXPECT_TRUE(wait.active());
    wait.wake_up();  // the condition is still false: they sleep on
    b.k().schedule_timeout(kMs);
    EXPECT_TRUE(wait.active());
    go = true;
    wait.wake_up();
    b.note("waker");
  });
  b.go();
  EXPECT_EQ(b.log, (Log{"waker", "a", "b", "c"}));
  EXPECT_FALSE(wait.active());
}

TEST(WaitQueue, TimesOutAtATick) {
  Bench b;
  WaitQueue wait(b.k());
  b.thread("t", [&] {
    EXPECT_FALSE(wait.wait_event_timeout([] { return false; }, 3 * kMs));
    // Armed at 0.00x ms for 3 ms: the tick after. Interrupt, softirq, wake-up, switch from
    // idle, and the timer deleted.
    EXPECT_EQ(b.k().now(),
              4 * kMs + kIrqCost + 150 * kCycle + 500 * kCycle + kSwitch + 100 * kCycle);
    EXPECT_FALSE(wait.active());
  });
  b.go();
}

TEST(WaitQueue, AConditionInTimeBeatsTheTimeout) {
  Bench b;
  WaitQueue wait(b.k());
  bool go = false;
  b.device(5, {2500 * kUs}, [&] {
    go = true;
    wait.wake_up();
  });
  b.thread("t", [&] {
    EXPECT_TRUE(wait.wait_event_timeout([&] { return go; }, 10 * kMs));
    EXPECT_LT(b.k().now(), 3 * kMs);
  });
  b.go();
}

TEST(WaitQueue, AWakeUpWithoutTheConditionDoesNotEndTheWait) {
  Bench b;
  WaitQueue wait(b.k());
  int tests = 0;
  b.device(5, {kMs + 1, 2 * kMs + 1}, [&] { wait.wake_up(); });
  b.thread("t", [&] {
    EXPECT_FALSE(wait.wait_event_timeout([&] { return ++tests < 0; }, 5 * kMs));
    EXPECT_GT(b.k().now(), 6 * kMs);
  });
  b.go();
  EXPECT_GE(tests, 4);
}

TEST(WaitQueue, ScheduleTimeoutSleepsAtLeastThatLong) {
  Bench b;
  b.thread("t", [&] {
    for (const Ps ps : {Ps{1}, kTick - 1, kTick, 7 * kTick + 3}) {
      const Ps start = b.k().now();
      b.k().schedule_timeout(ps);
      EXPECT_GE(b.k().now(), start + ps);
      EXPECT_LT(b.k().now(), start + ps + kTick + 10 * kUs);
    }
  });
  b.go();
}

TEST(WakeUp, BeforeTheSleepIsNotLost) {
  Bench b;
  Thread* t = nullptr;
  b.device(5, {kFirst + 10 * kUs}, [&] { b.k().wake_up_process(*t); });
  t = &b.thread("t", [&] {
    b.k().set_blocked();
    b.use(50 * kUs);  // the interrupt comes between the test and the sleep
    b.k().schedule();
    EXPECT_LT(b.k().now(), kMs);
  });
  b.go();
}

TEST(WakeUp, DuringTheSwitchIsNotLost) {
  Bench b;
  Thread* t = nullptr;
  b.device(5, {kFirst + kSwitch / 2}, [&] { b.k().wake_up_process(*t); });
  t = &b.thread("t", [&] {
    b.k().set_blocked();
    b.k().schedule();
    EXPECT_LT(b.k().now(), kMs);
  });
  b.go();
}

TEST(WakeUp, AtEveryInstantOfGoingToSleepCounts) {
  Bench b;
  Thread* t = nullptr;
  int wakes = 0;
  b.device(5, {}, [&] {
    ++wakes;
    b.k().wake_up_process(*t);
  });
  constexpr int kRounds = 60;
  t = &b.thread("t", [&] {
    for (int i = 0; i < kRounds; ++i) {
      b.k().sync_now();
      const int before = wakes;
      b.at(stamp() + static_cast<Ps>(i) * 50'000 + 1, [&] { b.intc->set_line(5, true); });
      while (wakes == before) {
        b.k().set_blocked();
        if (wakes == before) b.k().schedule();
        b.k().set_running();
      }
    }
  });
  b.go();
  EXPECT_EQ(wakes, kRounds);
}

TEST(WakeUp, TheQueueMayGoAwayWithTheWoken) {
  // The waiter owns the queue; it wakes on another core while wake_up() is still at work.
  Bench b(with_cpus(2));
  auto wait = std::make_unique<WaitQueue>(b.k());
  WaitQueue* const queue = wait.get();
  bool go = false;
  b.thread(
      "other", [&] { queue->wait_event_timeout([&] { return go; }, kMs); }, 0, 1);
  b.thread(
      "owner",
      [&] {
        wait->wait_event([&] { return go; });
        b.k().schedule_timeout(kMs);
        wait.reset();
      },
      -5, 1);
  b.thread(
      "waker",
      [&] {
        b.k().schedule_timeout(kMs);
        go = true;
        b.use(20 * kMs);  // "other" has timed out long ago
        queue->wake_up();
      },
      0, 0);
  b.go();
}

TEST(Workqueue, RunsInOrder) {
  Bench b;
  Workqueue wq(b.k(), "kcryptd");
  Log names;
  b.thread("t", [&] {
    for (int i = 0; i < 5; ++i) {
      wq.queue_work([&b, &names, i] {
        b.note(std::to_string(i));
        names.push_back(b.k().current().name());
      });
    }
    b.note("queued");
    b.k().schedule_timeout(5 * kMs);
  });
  b.go();
  EXPECT_EQ(b.log, (Log{"queued", "0", "1", "2", "3", "4"}));
  EXPECT_EQ(names, Log(5, "kcryptd/0"));
}

TEST(Workqueue, RunsOnTheCoreThatQueued) {
  Bench b(with_cpus(3));
  Workqueue wq(b.k(), "w");
  for (int cpu = 0; cpu < 3; ++cpu) {
    b.thread(
        "t",
        [&b, &wq, cpu] {
          bool done = false;
          wq.queue_work([&b, &done, cpu] {
            EXPECT_EQ(b.k().smp_processor_id(), static_cast<unsigned>(cpu));
            done = true;
          });
          b.k().schedule_timeout(5 * kMs);
          EXPECT_TRUE(done);
        },
        0, cpu);
  }
  b.go();
}

TEST(Workqueue, WorkersAreBetterThanUsers) {
  Bench b;
  Workqueue wq(b.k(), "w");
  b.thread("t", [&] {
    b.k().schedule_timeout(2 * kMs);  // the worker goes to sleep
    wq.queue_work([&] { b.note("work"); });
    b.note("kernel");
    b.use_as_user(kMs);
    b.note("user");
  });
  b.go();
  EXPECT_EQ(b.log, (Log{"kernel", "work", "user"}));
}

TEST(Workqueue, TakesWorkFromInterrupts) {
  Bench b;
  Workqueue wq(b.k(), "w");
  bool in_interrupt = true;
  b.device(5, {3 * kMs}, [&] { wq.queue_work([&] { in_interrupt = b.k().in_interrupt(); }); });
  b.thread("t", [&] {
    b.k().schedule_timeout(5 * kMs);
    EXPECT_FALSE(in_interrupt);
  });
  b.go();
}

TEST(Workqueue, WorkMaySleepAndQueueMore) {
  Bench b;
  Workqueue wq(b.k(), "w");
  b.thread("t", [&] {
    wq.queue_work([&] {
      b.note("first");
      wq.queue_work([&] { b.note("third"); });
      b.k().schedule_timeout(3 * kMs);
      b.note("second");
    });
    b.k().schedule_timeout(20 * kMs);
  });
  b.go();
  EXPECT_EQ(b.log, (Log{"first", "second", "third"}));
}

TEST(Workqueue, NoWorkIsForgottenAtAnyInstantOfGoingToSleep) {
  Bench b;
  Workqueue wq(b.k(), "w");
  int done = 0;
  b.device(5, {}, [&] { wq.queue_work([&] { ++done; }); });
  b.thread("t", [&] {
    for (int i = 0; i < 100; ++i) {
      const int before = done;
      b.k().sync_now();
      const Ps now = stamp();
      // Two items, the second while the worker works, goes to sleep or sleeps.
      b.at(now + 1, [&] { b.intc->set_line(5, true); });
      b.at(now + 1 + static_cast<Ps>(i) * 100'000, [&] { b.intc->set_line(5, true); });
      b.k().schedule_timeout(3 * kMs);
      // Closer together one interrupt may cover both.
      if (i > 10) {
        EXPECT_EQ(done, before + 2) << i;
      }
    }
  });
  b.go();
}

TEST(Workqueue, WorkAtTheSameInstantOnTwoCoresIsParallel) {
  Bench b(with_cpus(2));
  Workqueue wq(b.k(), "w");
  for (int cpu = 0; cpu < 2; ++cpu) {
    b.thread(
        "t",
        [&b, &wq, cpu] {
          b.k().schedule_timeout(2 * kMs);
          const Ps start = b.k().now();
          Ps end = 0;
          wq.queue_work([&] {
            b.use(5 * kMs);
            end = b.k().now();
          });
          b.k().schedule_timeout(20 * kMs);
          EXPECT_LT(end, start + 5 * kMs + 100 * kUs);
        },
        0, cpu);
  }
  b.go();
}

}  // namespace
}  // namespace cesasim::kernel
