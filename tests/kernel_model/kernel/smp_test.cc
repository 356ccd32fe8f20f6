// SPDX-License-Identifier: Apache-2.0
// Several cores.
#include <algorithm>
#include <stdexcept>

#include "kernel_model/workqueue.h"
#include "tests/kernel_model/kernel/bench.h"

namespace cesasim::kernel {
namespace {

TEST(Smp, TwoCoresRunInParallel) {
  Bench b(with_cpus(2));
  for (int i = 0; i < 2; ++i) {
    b.thread("t", [&b] {
      b.use(50 * kMs);
      EXPECT_LT(b.k().now(), 51 * kMs);
    });
  }
  b.go();
  EXPECT_EQ(b.cores[0]->accounted(Activity::user), 50 * kMs);
  EXPECT_EQ(b.cores[1]->accounted(Activity::user), 50 * kMs);
}

TEST(Smp, BoundThreadsStay) {
  Bench b(with_cpus(2));
  for (int i = 0; i < 3; ++i) {
    b.thread(
        "t",
        [&b] {
          for (int n = 0; n < 5; ++n) {
            EXPECT_EQ(b.k().smp_processor_id(), 0u);
            b.use_as_user(12 * kMs);
            b.k().schedule_timeout(kMs);
          }
        },
        0, 0);
  }
  b.go();
  EXPECT_EQ(b.cores[1]->accounted(Activity::user), 0u);
}

TEST(Smp, BindingToACoreThatIsNotThereIsAnError) {
  Bench b(with_cpus(2));
  EXPECT_THROW(b.k().kthread_run(
                   "t", [] {}, 0, 2),
               std::out_of_range);
}

TEST(Smp, AWokenThreadGoesToAnIdleCore) {
  Bench b(with_cpus(2));
  WaitQueue wait(b.k());
  bool go = false;
  Ps woken = 0;
  b.thread("sleeper", [&] {
    wait.wait_event([&] { return go; });
    woken = b.k().now();
    EXPECT_EQ(b.k().smp_processor_id(), 1u);
  });
  b.thread(
      "waker",
      [&] {
        b.k().schedule_timeout(2 * kMs);
        b.k().charge_ps(Activity::user, 100 * kUs);
        go = true;
        wait.wake_up();
        const Ps sent = b.k().now();
        b.use(5 * kMs);
        // Not before the waker's own time: the other core cannot know earlier.
        EXPECT_EQ(woken, sent + kSwitch);
      },
      0, 0);
  b.go();
}

TEST(Smp, ANewThreadStartsNoEarlierThanItsCreation) {
  Bench b(with_cpus(2));
  b.thread(
      "creator",
      [&] {
        b.k().schedule_timeout(2 * kMs);
        b.k().charge_ps(Activity::user, 100 * kUs);
        const Ps created = b.k().now();
        Ps started = 0;
        b.k().kthread_run("new", [&] { started = b.k().now(); });
        b.use(5 * kMs);
        EXPECT_EQ(started, created + kSwitch);
      },
      0, 0);
  b.go();
}

TEST(Smp, ACoreThatIsSwitchingIsNotIdle) {
  // Cores 1 and 2 idle: two new threads in a row must not both land on core 1.
  Bench b(with_cpus(3));
  b.thread(
      "creator",
      [&] {
        b.k().schedule_timeout(2 * kMs);
        for (int i = 0; i < 2; ++i) {
          b.k().charge_ps(Activity::user, 300 * kCycle);
          const Ps created = b.k().now();
          b.thread("new", [&b, created] {
            EXPECT_EQ(b.k().now(), created + kSwitch);
            b.use(10 * kMs);
          });
        }
        b.use(20 * kMs);
      },
      0, 0);
  b.go();
}

TEST(Smp, AnIdleCoreTakesWaitingWork) {
  Bench b(with_cpus(2));
  b.thread(
      "short", [&] { b.use(3 * kMs); }, 0, 1);
  b.thread(
      "long", [&] { b.use(30 * kMs); }, 0, 0);
  b.thread("third", [&] {
    EXPECT_EQ(b.k().smp_processor_id(), 1u);
    EXPECT_LT(b.k().now(), 3 * kMs + 100 * kUs);
  });
  b.go();
}

TEST(Smp, AThreadPutAsideByABoundOneMovesToAnIdleCoreAtTheNextTick) {
  // It is preempted in the middle of a charge: what it has not lived through yet moves along.
  Bench b(with_cpus(2));
  Workqueue wq(b.k(), "w");
  b.device(5, {2500 * kUs}, [&] { wq.queue_work([&] { b.use(40 * kMs); }); });
  b.thread("user", [&] {
    b.k().schedule_timeout(kMs);
    const Ps start = b.k().now();
    ASSERT_EQ(b.k().smp_processor_id(), 0u);
    b.use_as_user(5 * kMs);
    EXPECT_EQ(b.k().smp_processor_id(), 1u);
    EXPECT_LT(b.k().now(), start + 5 * kMs + kTick);
    EXPECT_GE(b.k().now(), start + 5 * kMs);
  });
  b.thread(
      "end", [&] { b.k().schedule_timeout(60 * kMs); }, 0, 1);
  b.go();
  EXPECT_EQ(b.cores[0]->accounted(Activity::user) + b.cores[1]->accounted(Activity::user),
            45 * kMs);
}

TEST(Smp, ASpinLockExcludesToThePicosecond) {
  Bench b(with_cpus(2));
  SpinLock lock;
  std::vector<std::pair<Ps, Ps>> held;
  for (int cpu = 0; cpu < 2; ++cpu) {
    b.thread(
        "t",
        [&b, &lock, &held, cpu] {
          for (int i = 0; i < 20; ++i) {
            b.k().charge_ps(Activity::user, (cpu + 1) * 700'000 + i * 123'457);
            Ps from, to;
            {
              Kernel::IrqLock l(b.k(), lock, Activity::driver);
              from = b.k().now();
              b.k().charge_ps(Activity::driver, 2 * kUs);  // no synchronisation point inside
              to = b.k().now();
            }
            held.push_back({from, to});
          }
        },
        0, cpu);
  }
  b.go();
  std::sort(held.begin(), held.end());
  for (std::size_t i = 1; i < held.size(); ++i) {
    EXPECT_LE(held[i - 1].second, held[i].first) << i;
  }
  EXPECT_GT(b.cores[0]->accounted(Activity::driver) + b.cores[1]->accounted(Activity::driver),
            40 * (2 * kUs + 50 * kCycle))
      << "spinning is booked";
}

TEST(Smp, ASpinnerGetsTheLockWhenItIsReleased) {
  Bench b(with_cpus(2));
  SpinLock lock;
  Ps released = 0, got = 0;
  b.thread(
      "holder",
      [&] {
        Kernel::IrqLock l(b.k(), lock, Activity::driver);
        b.k().charge_ps(Activity::driver, 50 * kUs);
        b.k().sync_now();
        b.k().charge_ps(Activity::driver, 30 * kUs);  // nothing due: it could run ahead
        released = b.k().now();
      },
      0, 0);
  b.thread(
      "spinner",
      [&] {
        b.k().charge_ps(Activity::user, 10 * kUs);
        Kernel::IrqLock l(b.k(), lock, Activity::driver);
        got = b.k().now();
      },
      0, 1);
  b.go();
  EXPECT_GT(released, 0u);
  EXPECT_EQ(got, released);
}

TEST(Smp, TakingAHeldLockOnItsOwnCoreIsADeadlock) {
  Bench b;
  SpinLock lock;
  b.thread("t", [&] {
    Kernel::IrqLock outer(b.k(), lock, Activity::driver);
    EXPECT_THROW(Kernel::IrqLock(b.k(), lock, Activity::driver), std::logic_error);
  });
  b.go();
}

TEST(Smp, WakingAThreadThatIsBeingSwitchedOutElsewhere) {
  // The wake-up arrives at every instant of the other core's way to sleep.
  Bench b(with_cpus(2));
  int given = 0, taken = 0;
  Thread* t = nullptr;
  constexpr int kRounds = 80;
  t = &b.thread("sleeper", [&] {
    for (int i = 0; i < kRounds; ++i) {
      for (;;) {
        b.k().set_blocked();
        if (taken < given) break;
        b.k().schedule();
      }
      b.k().set_running();
      ++taken;
    }
  });
  b.thread(
      "waker",
      [&] {
        for (int i = 0; i < kRounds; ++i) {
          b.use(3 * kUs + i * 77'777);
          b.k().sync_now();
          ++given;
          b.k().wake_up_process(*t);
        }
      },
      0, 0);
  b.go();
  EXPECT_EQ(taken, kRounds);
}

TEST(Smp, TwoWakersOfAThreadThatFallsAsleepAgain) {
  // The second waker decides at its local time, ahead of simulated time; by then the first has
  // woken the sleeper, which has run and is on its way to sleep again on another core.
  Bench b(with_cpus(4));
  int given = 0, taken = 0;
  constexpr int kRounds = 120;
  Thread& sleeper = b.thread("sleeper", [&] {
    for (;;) {
      b.k().set_blocked();
      if (taken == given) b.k().schedule();
      b.k().set_running();
      taken = given;
      if (taken == 2 * kRounds) return;
    }
  });
  for (int cpu = 0; cpu < 2; ++cpu) {
    b.thread(
        "waker",
        [&b, &given, &sleeper, cpu] {
          for (int i = 0; i < kRounds; ++i) {
            b.k().schedule_timeout(kMs);
            // Woken within a few microseconds of each other; then one ahead of the other by more
            // and more.
            b.k().charge_ps(Activity::user, 1 + (cpu == 1 ? i * 100'000 : 0));
            ++given;
            b.k().wake_up_process(sleeper);
          }
        },
        0, cpu);
  }
  b.go();
  EXPECT_EQ(taken, 2 * kRounds);
}

TEST(Smp, MoreThreadsThanCoresShareThem) {
  Bench b(with_cpus(4));
  for (int i = 0; i < 9; ++i) b.thread("t", [&b] { b.use_as_user(20 * kMs); });
  b.go();
  Ps sum = 0;
  for (unsigned cpu = 0; cpu < 4; ++cpu) {
    const Ps used = b.cores[cpu]->accounted(Activity::user);
    EXPECT_GE(used, 40 * kMs);
    EXPECT_LE(used, 60 * kMs);
    sum += used;
  }
  EXPECT_EQ(sum, 180 * kMs);
}

}  // namespace
}  // namespace cesasim::kernel
