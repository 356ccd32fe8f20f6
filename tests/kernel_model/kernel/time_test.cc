// SPDX-License-Identifier: Apache-2.0
// Charges, simulated time and the accounts of the cores.
#include <stdexcept>

#include "tests/kernel_model/kernel/bench.h"

namespace cesasim::kernel {
namespace {

// The first thread of a core starts when the idle thread has switched to it.
constexpr Ps kFirst = kSwitch;

TEST(Time, ChargingMovesTimeExactly) {
  Bench b;
  b.thread("t", [&] {
    EXPECT_EQ(b.k().now(), kFirst);
    b.k().charge(Activity::user, 123);
    b.k().charge_ps(Activity::fs, 7);
    EXPECT_EQ(b.k().now(), kFirst + 123'007);
    EXPECT_EQ(stamp(), kFirst) << "charging alone moves nothing";
    b.k().sync_now();
    EXPECT_EQ(b.k().now(), kFirst + 123'007);
    EXPECT_EQ(stamp(), kFirst + 123'007);
  });
  b.go();
  EXPECT_EQ(b.cores[0]->accounted(Activity::user), 123'000u);
  EXPECT_EQ(b.cores[0]->accounted(Activity::fs), 7u);
}

TEST(Time, FractionsOfACycleRoundToThePicosecond) {
  Bench b;
  b.thread("t", [&] {
    b.k().charge(Activity::user, 1.2345);
    EXPECT_EQ(b.k().now(), kFirst + 1235);
  });
  b.go();
}

TEST(Time, RunsAheadWhileNobodyCouldTell) {
  Bench b;
  Thread* t = nullptr;
  t = &b.thread("t", [&] {
    for (int i = 0; i < 10; ++i) b.use(1000);
    EXPECT_EQ(stamp(), kFirst);
    EXPECT_EQ(t->pending(), 10'000u);
    EXPECT_EQ(b.k().now(), kFirst + 10'000);
  });
  b.go();
}

TEST(Time, StopsRunningAheadAtTheNextEvent) {
  Bench b;
  Ps seen = 0;
  b.at(kFirst + 5000, [&] { seen = b.cores[0]->accounted(Activity::user); });
  b.thread("t", [&] {
    b.use(4999);
    EXPECT_EQ(stamp(), kFirst);
    b.use(1);  // reaches the event
    EXPECT_EQ(stamp(), kFirst + 5000);
  });
  b.go();
  EXPECT_EQ(seen, 5000u);
}

TEST(Time, EagerSyncAlwaysWaits) {
  Bench b;
  b.k().set_run_ahead(false);
  b.thread("t", [&] {
    b.use(1000);
    EXPECT_EQ(stamp(), kFirst + 1000);
  });
  b.go();
}

TEST(Time, BusyAndIdleMakeUpTheTimeOnEveryCoreAtAnyTime) {
  Bench b(with_cpus(2));
  unsigned looks = 0;
  sc_core::sc_spawn([&] {
    for (;;) {
      sc_core::wait(sc_core::sc_time::from_value(77'777));
      ++looks;
      for (unsigned cpu = 0; cpu < 2; ++cpu) {
        const auto t = b.k().core_time(cpu);
        ASSERT_EQ(t.busy + t.idle, stamp()) << "core " << cpu;
        ASSERT_LE(t.busy, b.charged(cpu)) << "core " << cpu;
      }
    }
  });
  b.device(
      Bench::kIrq, {400 * kUs, 900 * kUs, 5 * kMs}, [&] { b.use(3 * kUs); }, 1);
  for (int i = 0; i < 3; ++i) {
    b.thread("t" + std::to_string(i), [&b, i] {
      for (int n = 0; n < 5; ++n) {
        b.use_as_user((i + 1) * 300 * kUs);
        b.k().schedule_timeout(kMs);
      }
    });
  }
  b.go();
  EXPECT_GT(looks, 60u);
}

TEST(Time, BusyIsTheChargesLessTheDebt) {
  Bench b;
  Thread* t = nullptr;
  t = &b.thread("t", [&] {
    for (const Ps ps : {1000u, 20'000u, 5u}) {
      b.use(ps);
      EXPECT_EQ(b.k().core_time(0).busy + t->pending(), b.charged(0));
    }
    b.k().sync_now();
    EXPECT_EQ(b.k().core_time(0).busy, b.charged(0));
  });
  b.go();
}

TEST(Time, AnIdleCoreIsIdle) {
  Bench b(with_cpus(2));
  b.thread(
      "t", [&] { b.use(5 * kMs); }, 0, 0);
  b.go();
  // The other core only started its own ksoftirqd (there and back to idle).
  EXPECT_EQ(b.k().core_time(1).busy, 2 * kSwitch);
}

TEST(Time, InterruptsOffDefersToTheExactEnd) {
  Bench b;
  const Ps begin = kFirst + 50 * kCycle;
  Ps handled = 0;
  b.device(Bench::kIrq, {begin + 10 * kUs}, [&] { handled = b.k().now(); });
  b.thread("t", [&] {
    {
      Kernel::IrqOff off(b.k(), Activity::user);
      EXPECT_EQ(b.k().now(), begin);
      b.k().charge_ps(Activity::user, 30 * kUs);
    }
    b.k().charge_ps(Activity::user, 20 * kUs);
    b.k().sync();
    EXPECT_EQ(b.k().now(), begin + 50 * kUs + kIrqCost);
  });
  b.go();
  EXPECT_EQ(handled, begin + 30 * kUs + 300 * kCycle);
}

TEST(Time, LocalIrqDisableNestsAndDefers) {
  Bench b;
  Ps handled = 0;
  b.device(Bench::kIrq, {kFirst + 10 * kUs}, [&] { handled = b.k().now(); });
  b.thread("t", [&] {
    b.k().local_irq_disable();
    b.k().local_irq_disable();
    b.use(20 * kUs);
    b.k().local_irq_enable();
    b.use(20 * kUs);
    EXPECT_EQ(handled, 0u);
    b.k().charge_ps(Activity::user, 5 * kUs);
    b.k().local_irq_enable();
    EXPECT_EQ(handled, kFirst + 45 * kUs + 300 * kCycle);
  });
  b.go();
}

TEST(Time, EnablingWhatIsEnabledIsAnError) {
  Bench b;
  b.thread("t", [&] { EXPECT_THROW(b.k().local_irq_enable(), std::logic_error); });
  b.go();
}

TEST(Time, SleepingWithInterruptsOffIsAnError) {
  Bench b;
  SpinLock lock;
  b.thread("t", [&] {
    {
      Kernel::IrqLock held(b.k(), lock, Activity::user);
      b.k().set_blocked();
      EXPECT_THROW(b.k().schedule(), std::logic_error);
      b.k().set_running();
      EXPECT_THROW(b.k().schedule_timeout(kMs), std::logic_error);
      b.k().set_running();
      EXPECT_THROW(b.k().cond_resched(), std::logic_error);
      EXPECT_THROW(b.k().yield(), std::logic_error);
    }
    b.k().schedule_timeout(2 * kMs);
  });
  b.go();
}

TEST(Time, SleepingInAnInterruptIsAnError) {
  Bench b;
  int thrown = 0;
  auto sleep = [&] {
    try {
      b.k().schedule();
    } catch (const std::logic_error&) {
      ++thrown;
    }
    try {
      b.k().cond_resched();
    } catch (const std::logic_error&) {
      ++thrown;
    }
  };
  Tasklet tasklet{sleep};
  b.device(Bench::kIrq, {kFirst + 10 * kUs}, [&] {
    sleep();
    b.k().tasklet_schedule(tasklet);
  });
  b.thread("t", [&] { b.use(50 * kUs); });
  b.go();
  EXPECT_EQ(thrown, 4);
}

TEST(Time, TheUsersClockIsTheChargedOne) {
  Bench b;
  b.thread("t", [&] {
    b.k().user_mode(true);
    b.k().charge_ps(Activity::user, 3 * kUs);
    b.k().user_mode(false);
    b.k().charge_ps(Activity::fs, 2 * kUs);
    EXPECT_EQ(b.k().now(), kFirst + 5 * kUs);
  });
  b.go();
}

}  // namespace
}  // namespace cesasim::kernel
