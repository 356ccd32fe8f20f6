// SPDX-License-Identifier: Apache-2.0
// Full preemption in detail: when the better thread starts, and what holds it back.
#include "kernel_model/workqueue.h"
#include "tests/kernel_model/kernel/bench.h"

namespace cesasim::kernel {
namespace {

BenchOptions full(unsigned cpus = 1) {
  BenchOptions o = with_cpus(cpus);
  o.settings.preempt = "full";
  return o;
}

/// A better thread that sleeps until `event`, and when it ran.
struct Better {
  explicit Better(Bench& b, int nice = -10) : wait(b.k()) {
    b.thread(
        "better",
        [this, &b] {
          wait.wait_event([this] { return event; });
          b.k().sync_now();
          ran = stamp();
          b.note("better");
        },
        nice);
  }
  void wake() {
    event = true;
    wait.wake_up();
  }
  WaitQueue wait;
  bool event = false;
  Ps ran = 0;
};

TEST(PreemptFull, WhatTheWakerHasDoneComesFirst) {
  // 500 us of kernel work not yet waited for, then the wake-up: the thread that is woken cannot
  // run before it is.
  Bench b(full());
  Better better(b);
  Ps woke = 0;
  b.thread("waker", [&] {
    b.k().schedule_timeout(kTick);
    b.k().charge_ps(Activity::fs, 500 * kUs);
    better.wake();
    woke = b.k().now();
    b.use(5 * kMs, Activity::fs);
    b.note("waker");
  });
  b.go();
  EXPECT_GE(better.ran, woke);
  EXPECT_LE(better.ran, woke + 2 * kSwitch);
  EXPECT_EQ(b.log, (Log{"better", "waker"}));
}

TEST(PreemptFull, AThreadWokenUnderALockRunsWhenItIsReleased) {
  Bench b(full());
  Better better(b);
  SpinLock lock;
  Ps released = 0;
  b.thread("waker", [&] {
    b.k().schedule_timeout(kTick);
    {
      Kernel::IrqLock guard(b.k(), lock, Activity::fs);
      better.wake();
      b.use(300 * kUs, Activity::fs);
      released = b.k().now();
      b.note("in the lock");
    }
    b.note("behind it");
  });
  b.go();
  EXPECT_GE(better.ran, released);
  EXPECT_LE(better.ran, released + 2 * kSwitch);
  EXPECT_EQ(b.log, (Log{"in the lock", "better", "behind it"}));
}

TEST(PreemptFull, AnInterruptInTheMiddleOfALongChargeLetsTheBetterThreadIn) {
  Bench b(full());
  Better better(b);
  b.device(Bench::kIrq, {3 * kMs}, [&] { better.wake(); });
  Ps ended = 0;
  b.thread("cipher", [&] {
    b.k().schedule_timeout(kTick);
    b.use(20 * kMs, Activity::cipher);  // one charge
    b.k().sync_now();
    ended = stamp();
  });
  b.go();
  EXPECT_GT(better.ran, 3 * kMs);
  EXPECT_LE(better.ran, 3 * kMs + kIrqCost + 2 * kSwitch);
  EXPECT_GT(ended, 20 * kMs);  // and the rest of the charge is lived through afterwards
}

TEST(PreemptFull, AWorseThreadWaits) {
  Bench b(full());
  Better worse(b, 10);
  b.device(Bench::kIrq, {3 * kMs}, [&] { worse.wake(); });
  Ps ended = 0;
  b.thread("cipher", [&] {
    b.k().schedule_timeout(kTick);
    b.use(20 * kMs, Activity::cipher);
    b.k().sync_now();
    ended = stamp();
  });
  b.go();
  EXPECT_GE(worse.ran, ended);
}

TEST(PreemptFull, NotInATasklet) {
  Bench b(full());
  Better better(b);
  Tasklet tasklet;
  Ps tasklet_ended = 0;
  tasklet.fn = [&] {
    better.wake();
    b.use(2 * kMs, Activity::driver);
    b.k().sync_now();
    tasklet_ended = stamp();
  };
  b.device(Bench::kIrq, {3 * kMs}, [&] { b.k().tasklet_schedule(tasklet); });
  b.thread("app", [&] {
    b.k().schedule_timeout(kTick);
    b.use(10 * kMs, Activity::fs);
  });
  b.go();
  EXPECT_GT(tasklet_ended, 5 * kMs);
  EXPECT_GE(better.ran, tasklet_ended);
  EXPECT_LE(better.ran, tasklet_ended + kIrqCost + 2 * kSwitch);
}

TEST(PreemptFull, AWorkqueueMovesNothingToAnotherCore) {
  // Per-CPU work queued by threads that are preempted and moved between the cores all the time.
  Bench b(full(2));
  Kernel& k = b.k();
  Workqueue wq(k, "w");
  int queued = 0, ran = 0;
  for (int t = 0; t < 5; ++t) {
    b.thread(
        "t" + std::to_string(t),
        [&, t] {
          for (int i = 0; i < 100; ++i) {
            b.use((20 + 7 * t) * kUs, Activity::fs);
            ++queued;
            wq.queue_work([&, submitter = &k.current()] {
              EXPECT_NE(submitter, &k.current());
              b.use(5 * kUs, Activity::dm);
              ++ran;
            });
            if (i % 9 == t) k.schedule_timeout(kTick);
          }
          while (ran != queued) k.schedule_timeout(kTick);
        },
        t % 3);
  }
  b.go();
  EXPECT_EQ(ran, 500);
}

}  // namespace
}  // namespace cesasim::kernel
