// SPDX-License-Identifier: Apache-2.0
// cesa_tdma under random arrivals and faults, and where its recovery is easily wrong: an engine
// that shows the last chain's end, one that is slow and not stuck, requests left of a chain.
#include <gtest/gtest.h>

#include "driver/cesa_tdma/cesa_tdma.h"
#include "hw_model/cesa/registers.h"
#include "tests/driver/driver_bench.h"

namespace cesasim::test {
namespace {

using hw::FaultKind;
using hw::FaultRule;

struct Options {
  unsigned cores = 1;
  unsigned engines = 1;
  bool chain = true;
  bool threaded = true;
  std::uint32_t queue_depth = 128;
  double watchdog_ms = 20;  // 0: none
};

DriverBench::MakeDriver tdma(const Options& setup) {
  return [setup](Board& board, driver::Crypto& core) {
    driver::CesaPlatform platform;
    const hw::CesaParams& cesa = board.soc.config().cesa;
    for (unsigned i = 0; i < cesa.engines; ++i) {
      platform.engines.push_back(
          {board.soc.cesa_regs(i), cesa.sram_base(i), cesa.irq(i), i % board.soc.cores()});
    }
    platform.sram_bytes = cesa.sram_bytes;
    platform.dram_bytes = board.soc.dram().size();
    return std::make_unique<driver::CesaTdma>(
        board.kernel, core, test_driver_costs(), platform,
        driver::TdmaSettings{
            .queue_depth = setup.queue_depth, .chain = setup.chain, .threaded_irq = setup.threaded},
        driver::Recovery{setup.watchdog_ms != 0, setup.watchdog_ms});
  };
}

FaultRule nth(FaultKind kind, std::uint64_t n) {
  FaultRule r;
  r.kind = kind;
  r.nth = n;
  return r;
}

FaultRule random_rule(FaultKind kind, double probability) {
  FaultRule r;
  r.kind = kind;
  r.probability = probability;
  if (kind == FaultKind::lost_interrupt || kind == FaultKind::spurious_interrupt) {
    r.first = test_soc(1, 2).cesa.irq(0);
    r.last = test_soc(1, 2).cesa.irq(1);
  }
  return r;
}

/// Bursts and gaps of random size, from as many threads as there are cores.
void random_schedules(DriverBench& bench, int rounds) {
  std::vector<DriverBench::Session> sessions;
  for (const DriverCipher& cipher : kDriverCiphers) sessions.push_back(bench.open(cipher));
  kernel::Kernel& k = bench.board.kernel;
  unsigned others = 0;
  const auto sender = [&](int share) {
    for (int round = 0; round < share; ++round) {
      const unsigned burst = 1 + bench.random() % 12;
      for (unsigned i = 0; i < burst; ++i) {
        const auto& session = sessions[bench.random() % sessions.size()];
        const std::uint32_t block = driver::alg_block_bytes(session.cipher->alg);
        const std::size_t bytes =
            block * (1 + bench.random() % (bench.random() % 6 == 0 ? 500 : 40));
        const unsigned kind = bench.random();
        ASSERT_EQ(bench.post(session, bytes, (kind & 1) != 0, (kind & 2) != 0), 0);
        k.charge(kernel::Activity::user, static_cast<double>(bench.random() % 5000));
      }
      if (bench.random() % 3 == 0) k.schedule_timeout((1 + bench.random() % 3) * hw::kPsPerMs);
      if (bench.random() % 4 == 0) bench.drain_for(20 * hw::kPsPerS);
    }
  };
  for (unsigned core = 1; core < k.cpus(); ++core) {
    ++others;
    k.kthread_run(
        "sender",
        [&] {
          sender(rounds / 2);
          --others;
        },
        0, static_cast<int>(core));
  }
  sender(rounds);
  while (others != 0) k.schedule_timeout(hw::kPsPerMs);
  EXPECT_TRUE(bench.drain_for(100 * hw::kPsPerS)) << bench.outstanding << " never ended";
}

struct Case {
  const char* name;
  Options setup;
};
const Case kCases[] = {
    {"one_engine", {}},
    {"hard_interrupt", {.threaded = false}},
    {"no_chain", {.chain = false}},
    {"small_queue", {.queue_depth = 4}},
    {"two_engines_two_cores", {.cores = 2, .engines = 2, .queue_depth = 16}},
    {"one_engine_two_cores_hard", {.cores = 2, .threaded = false}},
};

class Schedules : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(All, Schedules, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(Schedules, AllRight) {
  const Options& s = GetParam().setup;
  DriverBench bench(tdma(s), {}, s.cores, s.engines);
  bench.run([&] { random_schedules(bench, 250); });
  for (const auto& r : bench.requests) EXPECT_EQ(r.callbacks, 1u);
  EXPECT_EQ(bench.failed(), 0u);
  EXPECT_EQ(bench.driver->driver_stats().watchdog_recoveries, 0u);
}

/// Everything at once: each request ends once, with right data or an error, and there are not more
/// errors than faults that can cause one.
TEST_P(Schedules, UnderAllFaults) {
  Options s = GetParam().setup;
  s.watchdog_ms = 4;  // so that it often meets the handler
  DriverBench bench(
      tdma(s),
      {random_rule(FaultKind::engine_error, 0.01), random_rule(FaultKind::engine_stuck, 0.005),
       random_rule(FaultKind::tdma_bus_error, 0.002), random_rule(FaultKind::lost_interrupt, 0.05),
       random_rule(FaultKind::spurious_interrupt, 0.05), random_rule(FaultKind::queue_full, 0.05),
       random_rule(FaultKind::completion_order, 0.05)},
      s.cores, s.engines);
  bench.run([&] { random_schedules(bench, 250); });
  for (const auto& r : bench.requests) EXPECT_EQ(r.callbacks, 1u);
  const auto outcomes = bench.faults.outcomes();
  std::uint64_t harmful = 0;
  for (const auto& outcome : outcomes) {
    EXPECT_GT(outcome.fired, 0u) << hw::fault_name(outcome.rule->kind);
    if (outcome.rule->kind <= FaultKind::tdma_bus_error) harmful += outcome.fired;
  }
  EXPECT_GT(bench.failed(), 0u);
  EXPECT_LE(bench.failed(), harmful);
  EXPECT_EQ(bench.driver->driver_stats().failed, bench.failed());
}

/// 512 bytes are 5 descriptors and 4 transfers. When the fetch of the next chain's first descriptor
/// fails, CURRENT still names the end of the chain before, whose memory the new one may use again.
TEST(CesaTdmaRecovery, AChainThatDidNotEvenStartIsNotTakenForDone) {
  DriverBench bench(tdma({}), {nth(FaultKind::tdma_bus_error, 10)});
  bench.run([&] {
    const auto session = bench.open(kDriverCiphers[0]);
    bench.post(session, 512, true);
    bench.drain();
    bench.post(session, 512, true);
    EXPECT_TRUE(bench.drain_for(hw::kPsPerS));
    bench.post(session, 512, true);
    EXPECT_TRUE(bench.drain_for(hw::kPsPerS));
  });
  EXPECT_EQ(bench.faults.fired(), 1u);
  EXPECT_EQ(bench.requests[0].etype, 0);
  EXPECT_EQ(bench.requests[1].etype, EIO);
  EXPECT_EQ(bench.requests[2].etype, 0);
}

/// A bus error somewhere in a chain of five: at most one request ends with EIO, the others are
/// right, and nobody waits for the watchdog.
class AtEachAccess : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Accesses, AtEachAccess, testing::Range(19u, 46u, 2u));

TEST_P(AtEachAccess, OneRequestFailsAndTheRestGoesOn) {
  // 9 accesses of the first request alone, 9 of the one that opens the burst, then a chain of five.
  DriverBench bench(tdma({.threaded = false}), {nth(FaultKind::tdma_bus_error, GetParam())});
  bench.run([&] {
    const auto session = bench.open(kDriverCiphers[0]);
    bench.post(session, 512, true);
    bench.drain();
    {
      kernel::Kernel::IrqOff off(bench.board.kernel, hw::Activity::user);
      for (int i = 0; i < 6; ++i) bench.post(session, 512, i % 2 == 0, i == 2);
    }
    EXPECT_TRUE(bench.drain_for(10 * hw::kPsPerMs)) << "before the watchdog's time";
  });
  EXPECT_EQ(bench.faults.fired(), 1u);
  EXPECT_LE(bench.failed(), 1u);
  for (const auto& r : bench.requests) EXPECT_EQ(r.callbacks, 1u);
}

/// Something overwrites a link of a chain, and the DMA goes astray and stops at an address that
/// decodes nothing. Where it was is unknown: none of the chain may pass for done.
TEST(CesaTdmaRecovery, AChainThatTheDmaHasLeftIsNotTakenForDone) {
  DriverBench bench(tdma({.threaded = false}));
  bench.run([&] {
    kernel::Kernel& k = bench.board.kernel;
    const auto session = bench.open(kDriverCiphers[0]);
    const auto word = [&](hw::PhysAddr at) {
      return reinterpret_cast<std::uint32_t*>(k.phys_to_virt(at));
    };
    const hw::PhysAddr astray = k.dma_alloc_coherent(hw::kPageBytes);
    const std::uint32_t own = hw::cesa_bit::tdma_byte_count::kOwn;
    const std::uint32_t nowhere[] = {own | 16, 0xC000'0000, 0xC000'0000, 0};
    std::memcpy(word(astray), nowhere, sizeof nowhere);
    {
      kernel::Kernel::IrqOff off(k, hw::Activity::user);
      for (int i = 0; i < 4; ++i) bench.post(session, 512, true);
      // The first one runs, the others wait as a chain.
      const hw::PhysAddr page =
          k.readl(bench.board.soc.cesa_regs(0) + hw::cesa_reg::kTdmaCurrent, hw::Activity::user) &
          ~(hw::kPageBytes - 1);
      unsigned found = 0;
      for (hw::PhysAddr at = page; at < page + hw::kPageBytes; at += 32) {
        if (word(at)[0] != (own | 512) || word(at)[1] != bench.requests[2].in) continue;
        word(at)[3] = static_cast<std::uint32_t>(astray);
        ++found;
      }
      EXPECT_EQ(found, 1u);
    }
    EXPECT_TRUE(bench.drain_for(hw::kPsPerS));
    bench.post(session, 512, true);
    EXPECT_TRUE(bench.drain_for(hw::kPsPerS));
  });
  const int expected[] = {0, EIO, EIO, EIO, 0};
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(bench.requests[static_cast<std::size_t>(i)].etype, expected[i]) << i;
}

/// A chain that takes many times the watchdog's patience is no stuck engine.
TEST(CesaTdmaRecovery, ALongChainIsNotStuck) {
  DriverBench bench(tdma({.watchdog_ms = 1}));
  hw::Ps longest = 0;
  bench.run([&] {
    const auto session = bench.open(kDriverCiphers[2]);
    for (int i = 0; i < 100; ++i) bench.post(session, 16384, true);
    EXPECT_TRUE(bench.drain_for(10 * hw::kPsPerS));
    for (const auto& r : bench.requests) longest = std::max(longest, r.ended - r.posted);
  });
  EXPECT_GT(longest, 8 * hw::kPsPerMs);
  EXPECT_EQ(bench.failed(), 0u);
  EXPECT_EQ(bench.driver->driver_stats().watchdog_recoveries, 0u);
}

/// What the interrupt thread costs on a burst of sectors.
class Burst : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Both, Burst, testing::Bool(),
                         [](const auto& info) { return info.param ? "thread" : "hard"; });

TEST_P(Burst, CallbacksInTheThreadOrTheHardInterrupt) {
  DriverBench bench(tdma({.threaded = GetParam(), .watchdog_ms = 0}));
  hw::Ps first = 0, last = 0;
  bench.run([&] {
    const auto session = bench.open(kDriverCiphers[0]);
    for (int i = 0; i < 256; ++i) bench.post(session, 512, true);
    bench.drain();
    first = bench.requests.front().posted;
    for (const auto& r : bench.requests) {
      last = std::max(last, r.ended);
      EXPECT_EQ(r.in_irq, !GetParam());
      EXPECT_EQ(r.thread.rfind("irq/22", 0) == 0, GetParam()) << r.thread;
    }
  });
  const driver::DriverStats s = bench.driver->driver_stats();
  EXPECT_EQ(s.requests, 256u);
  EXPECT_EQ(s.interrupts, s.launches);
  RecordProperty("ns_per_request", std::to_string((last - first) / 256 / 1000));
}

}  // namespace
}  // namespace cesasim::test
