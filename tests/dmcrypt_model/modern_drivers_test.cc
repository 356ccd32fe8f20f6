// SPDX-License-Identifier: Apache-2.0
// modern over the real drivers, which it shares with OCF: data right with each of them; full
// queues, lost interrupts and failing engines end in right data or in errors that the bios carry.
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "dmcrypt_model/modern.h"
#include "driver/cesa_hal/cesa_hal.h"
#include "driver/cesa_pio/cesa_pio.h"
#include "driver/cesa_ring/cesa_ring.h"
#include "driver/cesa_tdma/cesa_tdma.h"
#include "machine/check/reference_cipher.h"
#include "tests/dmcrypt_model/bios.h"

namespace cesasim::dmcrypt {
namespace {

using test::Bios;
using test::Board;
using test::Bytes;

constexpr hw::Ps kMs = hw::kPsPerMs;

class ModernDrivers : public testing::TestWithParam<std::string> {
 protected:
  void build(std::vector<hw::FaultRule> rules = {}) {
    plan = std::make_unique<hw::FaultPlan>(std::move(rules), 1);
    hw::SocConfig soc = test::test_soc(2, 2);
    soc.faults = plan.get();
    board = std::make_unique<Board>(soc, test::test_kernel_costs(), test::test_kernel_settings());
    board->kernel.set_faults(plan.get());
    api = std::make_unique<driver::SkcipherApi>(board->kernel, test::test_driver_costs(),
                                                test::test_cipher_costs());
    driver::CesaPlatform platform;
    const hw::CesaParams& cesa = board->soc.config().cesa;
    for (unsigned i = 0; i < 2; ++i) {
      platform.engines.push_back({board->soc.cesa_regs(i), cesa.sram_base(i), cesa.irq(i), i});
    }
    platform.sram_bytes = cesa.sram_bytes;
    platform.dram_bytes = board->soc.dram().size();
    platform.tclk_hz = cesa.clock_hz;
    std::string name = GetParam();
    if (name.ends_with("_xts")) {
      name.resize(name.size() - 4);
      cipher_text = "aes-xts-plain64";
      table = test::crypt_table(cipher_text, 32);
    }
    if (name.rfind("cesa_tdma", 0) == 0) {
      driver::TdmaSettings settings;
      settings.queue_depth = 2;  // soon full
      settings.threaded_irq = name == "cesa_tdma";
      device = std::make_unique<driver::CesaTdma>(board->kernel, *api, test::test_driver_costs(),
                                                  platform, settings, driver::Recovery{true, 20});
    } else if (name == "cesa_ring") {
      driver::RingSettings settings;
      settings.entries = 4;
      settings.doorbell_batch = 2;
      settings.coalesce = "adaptive";
      settings.coalesce_count = 2;
      settings.coalesce_us = 20;
      driver::RingPlatform ring;
      ring.regs = board->soc.ring_regs();
      ring.irqs = {board->soc.config().ring.irq(0), board->soc.config().ring.irq(1)};
      ring.irq_cpus = {0, 1};
      ring.tclk_hz = board->soc.config().ring.clock_hz;
      device = std::make_unique<driver::CesaRing>(board->kernel, *api, test::test_driver_costs(),
                                                  ring, settings, driver::Recovery{true, 20});
    } else if (name == "cesa_pio") {
      driver::PioSettings settings;
      settings.queue_depth = 2;
      device = std::make_unique<driver::CesaPio>(board->kernel, *api, test::test_driver_costs(),
                                                 platform, settings, driver::Recovery{true, 20});
    } else {
      driver::HalSettings settings;
      settings.generation = name == "cesa_hal" ? "kirkwood" : "armada";
      settings.kirkwood_slots = 3;
      settings.armada_slots = 2;
      settings.chain = name != "cesa_hal";
      settings.max_chain = 20;
      device = std::make_unique<driver::CesaHal>(board->kernel, *api, test::test_driver_costs(),
                                                 platform, settings);
    }
    crypt =
        std::make_unique<ModernPath>(board->kernel, table, test::test_dmcrypt_costs(),
                                     test::test_cipher_costs(), board->queue, *api, PathSettings{});
    bios = std::make_unique<Bios>(*board);
  }
  void TearDown() override { crypt.reset(); }

  Bytes cipher(bool encrypt, std::uint64_t sector, const Bytes& in) {
    const ReferenceCipher reference(cipher_text, table.key, table.iv_offset);
    Bytes out(in.size());
    for (std::size_t at = 0; at < in.size(); at += 512) {
      encrypt ? reference.encrypt(sector + at / 512, in.data() + at, out.data() + at)
              : reference.decrypt(sector + at / 512, in.data() + at, out.data() + at);
    }
    return out;
  }
  Bytes on_disk(std::uint64_t sector, std::size_t bytes) {
    Bytes out(bytes);
    board->soc.disk().store().read(table.start + sector, out.data(),
                                   static_cast<std::uint32_t>(bytes / 512));
    return out;
  }
  /// Three clients, writes and reads; every bio right, or failed without a trace. Returns how many
  /// failed.
  unsigned storm(unsigned seed) {
    constexpr std::uint64_t kRegion = 64;
    std::mt19937 fill(77);
    const Bytes before = test::random_bytes(fill, 96 * kRegion * 512);
    board->soc.disk().store().write(table.start, before.data(), 96 * kRegion);
    unsigned running = 3, failed = 0;
    for (unsigned t = 0; t < 3; ++t) {
      board->kernel.kthread_run("client", [&, t] {
        std::mt19937 r(seed * 10 + t);
        for (unsigned i = 0; i < 32; ++i) {
          const std::uint64_t at = (t * 32 + i) * kRegion;
          const std::size_t bytes = 512 * (1 + r() % kRegion);
          if (r() % 2 == 0) {
            bios->write(*crypt, at, test::random_bytes(r, bytes));
          } else {
            bios->read(*crypt, at, bytes);
          }
          if (r() % 4 == 0) board->kernel.schedule_timeout(kMs);
        }
        --running;
      });
    }
    board->run([&] {
      while (running != 0) board->kernel.schedule_timeout(kMs);
      bios->wait();
      for (const auto& one : bios->all) {
        const std::uint64_t at = one.bio.sector;
        const auto from = before.begin() + static_cast<std::ptrdiff_t>(at * 512);
        const Bytes old(from, from + one.bio.size);
        if (one.error != 0) {
          ++failed;
          EXPECT_EQ(on_disk(at, one.bio.size), old);
        } else if (one.bio.op == BioOp::write) {
          EXPECT_EQ(on_disk(at, one.bio.size), cipher(true, at, one.written));
        } else {
          EXPECT_EQ(bios->data(one), cipher(false, at, old));
        }
      }
      bios->check_and_free();
      EXPECT_EQ(api->backlog(), 0u);
    });
    return failed;
  }
  hw::FaultRule at_random(hw::FaultKind kind, double probability) {
    hw::FaultRule rule;
    rule.kind = kind;
    rule.probability = probability;
    return rule;
  }

  std::string cipher_text = "aes-cbc-essiv:sha256";
  CryptTable table = test::crypt_table(cipher_text);
  std::unique_ptr<hw::FaultPlan> plan;
  std::unique_ptr<Board> board;
  std::unique_ptr<driver::SkcipherApi> api;
  std::unique_ptr<driver::CryptoDriver> device;
  std::unique_ptr<ModernPath> crypt;
  std::unique_ptr<Bios> bios;
};

std::string case_name(const testing::TestParamInfo<std::string>& info) { return info.param; }

INSTANTIATE_TEST_SUITE_P(All, ModernDrivers,
                         testing::Values("cesa_tdma", "cesa_tdma_hardirq", "cesa_hal",
                                         "cesa_hal_armada", "cesa_ring", "cesa_tdma_xts",
                                         "cesa_pio_xts", "cesa_ring_xts"),
                         case_name);

TEST_P(ModernDrivers, RightData) {
  build();
  if (GetParam().ends_with("_xts")) {
    const std::string own = GetParam().substr(0, GetParam().size() - 4);
    EXPECT_EQ(crypt->driver_name(), own == "cesa_ring" ? own : "xts(" + own + ")");
  }
  EXPECT_EQ(storm(1), 0u);
  if (!GetParam().starts_with("cesa_ring")) {  // which is faster than these cores fill it
    EXPECT_GT(api->stats().backlogged, 0u) << "the driver was never full";
  }
  EXPECT_EQ(api->stats().ended_twice, 0u);
  EXPECT_GT(device->driver_stats().requests, 1000u);
}

/// As if full, at random, also with nothing in flight; results out of order; someone tries rmmod.
TEST_P(ModernDrivers, FullOutOfOrderAndInUse) {
  build({at_random(hw::FaultKind::queue_full, 0.2), at_random(hw::FaultKind::completion_order, 0.2),
         at_random(hw::FaultKind::unregister, 0.01)});
  EXPECT_EQ(storm(2), 0u);
  EXPECT_GT(api->stats().unregister_refused, 0u);
  for (const auto& outcome : plan->outcomes()) EXPECT_GT(outcome.fired, 0u);
}

class ModernRecovers : public ModernDrivers {};
INSTANTIATE_TEST_SUITE_P(All, ModernRecovers,
                         testing::Values("cesa_tdma", "cesa_tdma_hardirq", "cesa_ring",
                                         "cesa_tdma_xts", "cesa_ring_xts"),
                         case_name);

/// With the driver's watchdog: no bio is lost, what the engine spoilt is reported.
TEST_P(ModernRecovers, FailingEngine) {
  build({at_random(hw::FaultKind::engine_error, 0.003),
         at_random(hw::FaultKind::engine_stuck, 0.001)});
  const unsigned failed = storm(3);
  EXPECT_GT(failed, 0u);
  EXPECT_LT(failed, 90u);
  for (const auto& outcome : plan->outcomes()) EXPECT_GT(outcome.fired, 0u);
}

TEST_P(ModernRecovers, LostInterrupts) {
  hw::FaultRule rule = at_random(hw::FaultKind::lost_interrupt, 0.05);
  const hw::SocConfig soc = test::test_soc(2, 2);
  const bool ring = GetParam().starts_with("cesa_ring");
  rule.first = ring ? soc.ring.irq(0) : soc.cesa.irq0;
  rule.last = ring ? soc.ring.irq(1) : soc.cesa.irq1;
  build({rule});
  EXPECT_EQ(storm(4), 0u);
  EXPECT_GT(plan->fired(), 0u);
  EXPECT_GT(device->driver_stats().watchdog_recoveries, 0u);
}

}  // namespace
}  // namespace cesasim::dmcrypt
