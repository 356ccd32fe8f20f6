// SPDX-License-Identifier: Apache-2.0
// cesa_pio with all its ciphers, out of place, in its interrupt thread; under faults with a
// watchdog and, as Linux has it, without.
#include "driver/cesa_pio/cesa_pio.h"

#include <gtest/gtest.h>

#include "tests/driver/driver_bench.h"

namespace cesasim::test {
namespace {

using hw::FaultKind;
using hw::FaultRule;

DriverBench::MakeDriver pio(bool watchdog = false, std::uint32_t queue_depth = 50) {
  return [=](Board& board, driver::Crypto& core) {
    driver::CesaPlatform platform;
    const hw::CesaParams& cesa = board.soc.config().cesa;
    for (unsigned i = 0; i < cesa.engines; ++i) {
      platform.engines.push_back(
          {board.soc.cesa_regs(i), cesa.sram_base(i), cesa.irq(i), i % board.soc.cores()});
    }
    platform.sram_bytes = cesa.sram_bytes;
    platform.dram_bytes = board.soc.dram().size();
    return std::make_unique<driver::CesaPio>(board.kernel, core, test_driver_costs(), platform,
                                             driver::PioSettings{queue_depth},
                                             driver::Recovery{watchdog, 20});
  };
}

/// With the DMA unit and without, as on Orion.
class CesaPioCiphers : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(All, CesaPioCiphers, testing::Bool());

TEST_P(CesaPioCiphers, EveryCipherInPlaceAndOut) {
  DriverBench bench(pio(), {}, 1, 1, driver::OcfPolicy::v2010, GetParam());
  bench.run([&] {
    for (const DriverCipher& cipher : kDriverCiphers) {
      const auto session = bench.open(cipher);
      for (const std::size_t bytes : {16u, 512u, 1920u, 1936u, 4096u, 16384u}) {
        for (const bool encrypt : {true, false}) {
          for (const bool out : {true, false}) {
            ASSERT_EQ(bench.post(session, bytes, encrypt, out), 0);
          }
        }
      }
      bench.drain();
    }
  });
  EXPECT_EQ(bench.failed(), 0u);
}

/// 4096 bytes are three pieces of at most 1920: three operations, three interrupts, every byte
/// copied in and out.
TEST(CesaPio, AnInterruptAndTwoCopiesForEveryPiece) {
  DriverBench bench(pio());
  bench.run([&] {
    bench.post(bench.open(kDriverCiphers[0]), 4096, true);
    bench.drain();
  });
  EXPECT_EQ(bench.driver->driver_stats().interrupts, 3u);
  EXPECT_EQ(bench.driver->driver_stats().launches, 3u);
  EXPECT_EQ(bench.board.kernel.bytes_copied(), 2 * 4096u);
  EXPECT_EQ(bench.board.soc.cesa().stats(0).descriptors, 0u) << "the DMA has no part in it";
  EXPECT_EQ(bench.requests[0].thread, "mv_crypto");
  EXPECT_FALSE(bench.requests[0].in_irq);
}

/// Two cores may find the last place at the same time; one of them gets it.
TEST(CesaPio, TheDepthHoldsForTwoCores) {
  constexpr std::uint32_t kDepth = 2;
  DriverBench bench(pio(false, kDepth), {}, 2, 1);
  bench.run([&] {
    const auto session = bench.open(kDriverCiphers[0]);
    kernel::Kernel& k = bench.board.kernel;
    unsigned sending = 2;
    for (int cpu = 0; cpu < 2; ++cpu) {
      k.kthread_run(
          "sender",
          [&] {
            for (int i = 0; i < 500; ++i) {
              while (bench.outstanding > 200) k.schedule_timeout(hw::kPsPerMs);
              ASSERT_EQ(bench.post(session, 16, true), 0);
              k.charge(kernel::Activity::user, static_cast<double>(bench.random() % 6000));
            }
            --sending;
          },
          0, cpu);
    }
    while (sending != 0) k.schedule_timeout(hw::kPsPerMs);
    bench.drain();
  });
  EXPECT_EQ(bench.failed(), 0u);
  EXPECT_GT(bench.driver->driver_stats().restarts, 0u);
  EXPECT_EQ(bench.driver->driver_stats().max_queue, kDepth);
}

/// The queue takes so many; the core keeps the rest and all of them end.
TEST(CesaPio, AFullQueueIsMadeGood) {
  for (const auto policy : {driver::OcfPolicy::v2010}) {
    DriverBench bench(pio(false, 4), {}, 2, 1, policy);
    bench.run([&] {
      const auto session = bench.open(kDriverCiphers[0]);
      for (int i = 0; i < 100; ++i) ASSERT_EQ(bench.post(session, 512, i % 2 == 0), 0);
      bench.drain();
    });
    EXPECT_GT(bench.driver->driver_stats().restarts, 0u);
    EXPECT_EQ(bench.driver->driver_stats().max_queue, 4u);
  }
}

struct Fault {
  const char* name;
  FaultRule rule;
};

FaultRule rule(FaultKind kind, std::uint64_t nth, std::uint64_t every = 0) {
  FaultRule r;
  r.kind = kind;
  r.nth = nth;
  r.every = every;
  if (kind == FaultKind::lost_interrupt || kind == FaultKind::spurious_interrupt) {
    // The crypto unit's lines, not the disk's.
    r.first = test_soc(1, 2).cesa.irq(0);
    r.last = test_soc(1, 2).cesa.irq(1);
  }
  return r;
}

const Fault kFaults[] = {
    {"engine_error", rule(FaultKind::engine_error, 7, 31)},
    {"engine_stuck", rule(FaultKind::engine_stuck, 5, 40)},
    {"lost_interrupt", rule(FaultKind::lost_interrupt, 2, 3)},
    {"spurious_interrupt", rule(FaultKind::spurious_interrupt, 1, 2)},
    {"queue_full", rule(FaultKind::queue_full, 3, 5)},
    {"completion_order", rule(FaultKind::completion_order, 2, 4)},
};

class CesaPioFaults : public testing::TestWithParam<Fault> {};
INSTANTIATE_TEST_SUITE_P(All, CesaPioFaults, testing::ValuesIn(kFaults),
                         [](const auto& info) { return std::string(info.param.name); });

/// Every request ends once, with right data or an error; the faults happened.
TEST_P(CesaPioFaults, TheWatchdogBringsEveryRequestToAnEnd) {
  DriverBench bench(pio(true), {GetParam().rule}, 2, 2);
  bench.run([&] {
    const auto aes = bench.open(kDriverCiphers[0]);
    const auto des3 = bench.open(kDriverCiphers[4]);
    for (int i = 0; i < 150; ++i) {
      ASSERT_EQ(
          bench.post(i % 3 == 0 ? des3 : aes, i % 5 == 0 ? 4096 : 512, i % 2 == 0, i % 4 == 0), 0);
      if (i % 10 == 9) bench.board.kernel.schedule_timeout(hw::kPsPerMs);
    }
    EXPECT_TRUE(bench.drain_for(20 * hw::kPsPerS)) << bench.outstanding << " never ended";
  });
  EXPECT_GT(bench.faults.fired(), 1u);
  const FaultKind kind = GetParam().rule.kind;
  const bool harms = kind == FaultKind::engine_error || kind == FaultKind::engine_stuck;
  EXPECT_EQ(bench.failed() != 0, harms) << bench.failed();
  EXPECT_LE(bench.failed(), bench.faults.fired());
}

/// The first occasion of every fault at each of its first places, one after the other.
TEST_P(CesaPioFaults, WhereverItHappensFirst) {
  // In one simulation: the n-th request meets the n-th opportunity.
  FaultRule all = GetParam().rule;
  all.nth = 1;
  all.every = 2;
  DriverBench bench(pio(true), {all});
  bench.run([&] {
    const auto session = bench.open(kDriverCiphers[0]);
    for (int i = 0; i < 12; ++i) {
      ASSERT_EQ(bench.post(session, 4096, i % 2 == 0), 0);
      ASSERT_EQ(bench.post(session, 512, i % 2 == 0), 0);
      EXPECT_TRUE(bench.drain_for(10 * hw::kPsPerS));
    }
  });
  EXPECT_GT(bench.faults.fired(), 1u);
}

/// What Linux's driver does: it waits.
TEST(CesaPioWithoutWatchdog, AnOperationThatFailsIsWaitedForForGood) {
  DriverBench bench(pio(), {rule(FaultKind::engine_error, 3)});
  bench.run([&] {
    const auto session = bench.open(kDriverCiphers[0]);
    for (int i = 0; i < 10; ++i) bench.post(session, 512, true);
    EXPECT_FALSE(bench.drain_for(60 * hw::kPsPerS));
    const std::size_t left = bench.outstanding;
    bench.post(session, 512, true);
    EXPECT_FALSE(bench.drain_for(60 * hw::kPsPerS));
    EXPECT_EQ(bench.outstanding, left + 1);
  });
}

TEST(CesaPioWithoutWatchdog, ALostInterruptStopsItForGood) {
  DriverBench bench(pio(), {rule(FaultKind::lost_interrupt, 1)});
  bench.run([&] {
    bench.post(bench.open(kDriverCiphers[0]), 512, true);
    EXPECT_FALSE(bench.drain_for(60 * hw::kPsPerS));
  });
}

}  // namespace
}  // namespace cesasim::test
