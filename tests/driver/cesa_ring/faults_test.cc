// SPDX-License-Identifier: Apache-2.0
// The ring driver when the hardware fails: every request ends once, with the right data or with
// EIO; and the same under random schedules, hints, sizes and settings.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/driver/cesa_ring/rig.h"

namespace cesasim::driver {
namespace {

using hw::FaultKind;
using hw::FaultRule;
using test::for_seeds;
using test::Rig;
using test::RigConfig;

FaultRule nth(FaultKind kind, std::uint64_t n, std::uint64_t every = 0) {
  FaultRule rule;
  rule.name = "fault";
  rule.kind = kind;
  rule.nth = n;
  rule.every = every;
  return rule;
}

/// `count` requests at once, then all that is left to the driver.
void burst(Rig& rig, unsigned count, bool out_of_place, std::size_t bytes = 512) {
  const Rig::Session s = rig.open(Alg::aes_cbc, 16);
  std::vector<Rig::Job*> jobs;
  for (unsigned i = 0; i < count; ++i) jobs.push_back(&rig.make(s, i & 1, bytes, out_of_place));
  for (Rig::Job* job : jobs) rig.submit(*job);
  EXPECT_TRUE(rig.wait(2000 * hw::kPsPerMs));
}

TEST(CesaRingFaults, AnEngineErrorEndsItsRequestAlone) {
  RigConfig config;
  config.faults = {nth(FaultKind::engine_error, 3, 5)};
  Rig rig(config);
  rig.run([&] {
    burst(rig, 20, false);
    for (std::size_t i = 0; i < 20; ++i) {
      EXPECT_EQ(rig.jobs[i].crp.crp_etype, i % 5 == 2 ? EIO : 0) << i;
    }
    rig.check(4);
  });
  EXPECT_EQ(rig.driver.stats().resets, 0u);
  EXPECT_EQ(rig.driver.driver_stats().failed, 4u);
}

/// In place, the engine has its first four requests, the prefetch queue four more, and one fetch
/// may have been under way: these fail. The other 28 come to nothing worse than being late.
TEST(CesaRingFaults, AStuckEngineInPlace) {
  RigConfig config;
  config.faults = {nth(FaultKind::engine_stuck, 1)};
  Rig rig(config);
  rig.run([&] {
    burst(rig, 40, false);
    for (std::size_t i = 0; i < 40; ++i) {
      EXPECT_EQ(rig.jobs[i].crp.crp_etype, i < 12 ? EIO : 0) << i;
    }
    rig.check(12);
  });
  EXPECT_EQ(rig.driver.stats().resets, 1u);
  EXPECT_EQ(rig.driver.stats().resubmitted, 28u);
  EXPECT_EQ(rig.driver.driver_stats().watchdog_recoveries, 1u);
}

/// With a destination of its own every request is done again, the one that hung too.
TEST(CesaRingFaults, AStuckEngineOutOfPlace) {
  RigConfig config;
  config.faults = {nth(FaultKind::engine_stuck, 7)};
  Rig rig(config);
  rig.run([&] {
    burst(rig, 40, true);
    rig.check(0);
    for (const Rig::Job& job : rig.jobs) {
      EXPECT_LT(job.finished - job.submitted, 45 * hw::kPsPerMs);  // twice watchdog_ms and ticks
    }
  });
  EXPECT_EQ(rig.driver.stats().resets, 1u);
  EXPECT_EQ(rig.driver.stats().resubmitted, 34u);
}

/// An engine that hangs again and again: each request is tried three times, then fails.
TEST(CesaRingFaults, AnEngineThatAlwaysHangs) {
  RigConfig config;
  config.faults = {nth(FaultKind::engine_stuck, 1, 1)};
  Rig rig(config);
  rig.run([&] {
    burst(rig, 30, true);
    rig.check(30);
  });
  EXPECT_GE(rig.driver.stats().resets, CesaRing::kRetries + 1);
}

/// Both rings have requests in the engine that hangs; after the resets all is well.
TEST(CesaRingFaults, AStuckEngineUnderTwoRings) {
  RigConfig config;
  config.soc = test::test_soc(2, 2);
  config.faults = {nth(FaultKind::engine_stuck, 9)};
  Rig rig(config);
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 32);
    unsigned sending = 2;
    for (int cpu = 0; cpu < 2; ++cpu) {
      rig.kernel.kthread_run(
          "sender",
          [&] {
            for (int i = 0; i < 100; ++i) rig.submit(rig.make(s, true, 1024, true));
            --sending;
          },
          0, cpu);
    }
    while (sending != 0) rig.sleep();
    EXPECT_TRUE(rig.wait(2000 * hw::kPsPerMs));
    rig.check(0);
  });
  EXPECT_GE(rig.driver.stats().resets, 1u);
}

TEST(CesaRingFaults, WithoutRecoveryAHungEngineStaysSo) {
  RigConfig config;
  config.faults = {nth(FaultKind::engine_stuck, 3)};
  config.recovery.watchdog = false;
  Rig rig(config);
  Rig::Session s;  // out here: a thread that hangs never gives back what its stack holds
  rig.kernel.kthread_run("test", [&] {
    rig.sleep();
    s = rig.open(Alg::aes_cbc, 16);
    for (int i = 0; i < 20; ++i) rig.submit(rig.make(s, true, 512, true));
    rig.wait();
  });
  sc_core::sc_start(10, sc_core::SC_SEC);
  EXPECT_FALSE(sc_core::sc_pending_activity());
  EXPECT_EQ(rig.outstanding, 18u);
}

/// Each access of the unit to memory refused in turn: descriptor, key, data, result, completion.
TEST(CesaRingFaults, EachDmaAccessRefusedOnce) {
  for (const bool out_of_place : {false, true}) {
    for_seeds(1, 48, [&](unsigned n) {
      RigConfig config;
      config.faults = {nth(FaultKind::tdma_bus_error, n)};
      config.soc.ring.key_slots = n % 2;
      Rig rig(config);
      rig.run([&] {
        burst(rig, 12, out_of_place);
        rig.check(Rig::kAny);
        const auto failed = std::count_if(rig.jobs.begin(), rig.jobs.end(),
                                          [](auto& job) { return job.crp.crp_etype != 0; });
        // One access is one request's; only of a completion that could not be written does nobody
        // know what was done to the data behind it.
        EXPECT_LE(failed, out_of_place ? 1 : 12);
        // And the ring works.
        const Rig::Session s = rig.open(Alg::aes_cbc, 24);
        for (int i = 0; i < 10; ++i) {
          rig.submit(rig.make(s, true, 512, out_of_place));
        }
        EXPECT_TRUE(rig.wait(2000 * hw::kPsPerMs));
        for (std::size_t i = 12; i < rig.jobs.size(); ++i) EXPECT_EQ(rig.jobs[i].crp.crp_etype, 0);
        rig.check(Rig::kAny);
      });
      EXPECT_EQ(rig.plan.fired(), 1u);
    });
  }
}

TEST(CesaRingFaults, ALostInterruptIsMadeGood) {
  for (const char* coalesce : {"off", "adaptive"}) {
    for_seeds(1, 10, [&](unsigned n) {
      RigConfig config;
      config.faults = {nth(FaultKind::lost_interrupt, n, n % 2 == 0 ? 4 : 0)};
      config.faults[0].first = config.faults[0].last = config.soc.ring.irq(0);
      config.settings.coalesce = coalesce;
      config.settings.coalesce_count = 8;
      config.settings.coalesce_us = 100;
      Rig rig(config);
      rig.run([&] {
        for (int round = 0; round < 12; ++round) burst(rig, 5, round & 1);
        rig.check(0);
        EXPECT_GT(rig.driver.stats().lost_interrupts, 0u);
        EXPECT_EQ(rig.driver.stats().resets, 0u);
      });
      EXPECT_EQ(rig.plan.fired(), rig.driver.stats().lost_interrupts);
    });
  }
}

TEST(CesaRingFaults, SpuriousInterruptsAreNotTheDrivers) {
  RigConfig config;
  config.faults = {nth(FaultKind::spurious_interrupt, 1, 2)};
  config.faults[0].first = config.faults[0].last = config.soc.ring.irq(0);
  Rig rig(config);
  rig.run([&] {
    for (int round = 0; round < 10; ++round) burst(rig, 5, round & 1);
    rig.sleep();
    rig.check(0);
  });
  EXPECT_GT(rig.plan.fired(), 5u);
  EXPECT_GT(rig.kernel.spurious_interrupts(), 0u);
  EXPECT_LE(rig.kernel.spurious_interrupts(), rig.plan.fired());
  EXPECT_EQ(rig.driver.stats().resets, 0u);
}

// --- random runs -----------------------------------------------------------------------------

template <class T>
T pick(std::mt19937& random, std::initializer_list<T> of) {
  return of.begin()[random() % of.size()];
}

/// A machine, settings and faults from a seed.
RigConfig random_config(unsigned seed, bool faults) {
  std::mt19937 random(seed);
  RigConfig c;
  const unsigned cores = 1 + random() % 2;
  c.soc = test::test_soc(cores, 1 + random() % 2);
  c.soc.checkers = seed % 8 == 0;
  c.soc.ring.rings = 1 + random() % 3;
  c.soc.ring.key_slots = pick(random, {0u, 2u, 8u});
  c.soc.ring.prefetch_descriptors = pick(random, {1u, 4u, 16u});
  c.soc.ring.engine_queue = 1 + random() % 4;
  c.rings = 1 + random() % 3;
  c.kernel.schedule_seed = seed;
  c.kernel.schedule_jitter_us = 3;
  c.kernel.preempt = pick<const char*>(random, {"none", "full"});
  c.settings.entries = 1u << (1 + random() % 7);
  c.settings.per_core = random() % 4 != 0;
  c.settings.doorbell_batch = pick(random, {1u, 2u, 8u, 32u, 500u});
  c.settings.coalesce = pick<const char*>(random, {"off", "fixed", "adaptive"});
  c.settings.coalesce_count = 1 + random() % 40;
  c.settings.coalesce_us = pick(random, {5.0, 100.0, 1000.0});
  c.settings.poll_below = pick(random, {0u, 0u, 1u, 4u, 100u});
  c.settings.poll_us = pick(random, {0.0, 3.0, 50.0});
  c.recovery.watchdog_ms = 5;
  c.seed = seed;
  if (faults) {
    for (const FaultKind kind :
         {FaultKind::engine_error, FaultKind::engine_stuck, FaultKind::tdma_bus_error,
          FaultKind::lost_interrupt, FaultKind::spurious_interrupt, FaultKind::queue_full,
          FaultKind::completion_order}) {
      if (random() % 2 != 0) continue;
      FaultRule rule;
      rule.name = "random";
      rule.kind = kind;
      rule.probability = pick(random, {0.002, 0.02});
      if (kind == FaultKind::lost_interrupt || kind == FaultKind::spurious_interrupt) {
        rule.first = c.soc.ring.irq(0);
        rule.last = rule.first + 2;
      }
      rule.times = 1 + random() % 6;
      c.faults.push_back(rule);
    }
  }
  return c;
}

/// Senders on all cores with random hints (which they need not keep), sizes, pauses, and callbacks
/// that submit.
void random_run(const RigConfig& config) {
  Rig rig(config);
  const unsigned cores = rig.soc.cores();
  rig.run([&] {
    std::vector<Rig::Session> sessions;
    for (int i = 0; i < 4; ++i) {
      const Alg alg = pick(rig.random, {Alg::aes_cbc, Alg::des_cbc, Alg::des3_cbc});
      const std::size_t key = alg == Alg::des_cbc    ? 8
                              : alg == Alg::des3_cbc ? 24
                                                     : 16 + 8 * (rig.random() % 3);
      sessions.push_back(rig.open(alg, key));
    }
    const auto job = [&]() -> Rig::Job& {
      const std::size_t bytes = 16 * (1 + rig.random() % (rig.random() % 8 == 0 ? 512 : 64));
      return rig.make(sessions[rig.random() % 4], rig.random() & 1, bytes, rig.random() & 1);
    };
    unsigned sending = 2 * cores;
    const unsigned promise = 1 + rig.random() % 10;
    for (unsigned i = 0; i < 2 * cores; ++i) {
      rig.kernel.kthread_run(
          "sender" + std::to_string(i),
          [&] {
            for (int n = 0; n < 40; ++n) {
              Rig::Job& next = job();
              if (rig.random() % 8 == 0) {
                Rig::Job& chained = job();
                next.then = [&rig, &chained] {
                  if (!rig.submit(chained, 0, false)) {  // refused: it never began
                    --rig.outstanding;
                    ++chained.ended;
                    chained.crp.crp_etype = EIO;
                  }
                };
              }
              rig.submit(next, rig.random() % promise != 0 ? CRYPTO_HINT_MORE : 0);
              if (rig.random() % 4 == 0) {
                rig.kernel.charge(kernel::Activity::user,
                                  static_cast<double>(rig.random() % 20000));
                rig.kernel.sync();
              }
              if (rig.random() % 16 == 0) rig.sleep(hw::kPsPerMs);
            }
            --sending;
          },
          0, static_cast<int>(i % cores));
    }
    for (int i = 0; i < 2000 && (sending != 0 || rig.outstanding != 0); ++i) rig.sleep();
    EXPECT_EQ(sending, 0u);
    EXPECT_EQ(rig.outstanding, 0u);
    rig.sleep(20 * hw::kPsPerMs);  // whatever might end twice has the time to
    rig.check(Rig::kAny);
    if (config.faults.empty()) {
      EXPECT_EQ(rig.driver.stats().resets, 0u);
      EXPECT_EQ(rig.driver.stats().lost_interrupts, 0u);
      EXPECT_EQ(rig.driver.driver_stats().failed, 0u);
    }
  });
}

class Seeds : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Of60, Seeds, testing::Values(1u, 61u, 121u, 181u));

TEST_P(Seeds, WithoutFaultsEachEndsOnceWithItsData) {
  for_seeds(GetParam(), 60, [](unsigned seed) { random_run(random_config(seed, false)); });
}

TEST_P(Seeds, WithFaultsEachEndsOnceWithItsDataOrAnError) {
  for_seeds(GetParam(), 60, [](unsigned seed) { random_run(random_config(seed, true)); });
}

}  // namespace
}  // namespace cesasim::driver
