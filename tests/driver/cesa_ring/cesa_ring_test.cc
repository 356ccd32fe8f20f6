// SPDX-License-Identifier: Apache-2.0
// The ring driver over the modelled unit: bytes, keys, full and wrapping rings, doorbells,
// interrupts, polling, cores.
#include "driver/cesa_ring/cesa_ring.h"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

#include "tests/driver/cesa_ring/rig.h"

namespace cesasim::driver {
namespace {

using test::Bytes;
using test::Rig;
using test::RigConfig;

constexpr struct {
  Alg alg;
  std::size_t key_bytes;
} kCiphers[] = {{Alg::aes_cbc, 16},
                {Alg::aes_cbc, 24},
                {Alg::aes_cbc, 32},
                {Alg::des_cbc, 8},
                {Alg::des3_cbc, 24}};

/// In place and out, both directions, from one block to pieces larger than the SRAM; with slots for
/// all keys, and with none.
class Keys : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Slots, Keys, testing::Values(8u, 0u));
TEST_P(Keys, EveryCipherEqualsOpenSsl) {
  RigConfig config;
  config.soc.ring.key_slots = GetParam();
  Rig rig(config);
  rig.run([&] {
    for (const auto& cipher : kCiphers) {
      const Rig::Session s = rig.open(cipher.alg, cipher.key_bytes);
      const std::size_t block = alg_block_bytes(cipher.alg);
      for (std::size_t n : {block, 2 * block, std::size_t{512}, std::size_t{1008},
                            std::size_t{1024}, std::size_t{4096}, std::size_t{65536}}) {
        for (int way = 0; way < 4; ++way) rig.submit(rig.make(s, way & 1, n, way & 2));
        rig.wait();
      }
    }
    rig.check();
  });
  EXPECT_EQ(rig.driver.stats().slot_sessions, GetParam() == 0 ? 0u : 5u);
  EXPECT_EQ(rig.driver.stats().memory_sessions, GetParam() == 0 ? 5u : 0u);
  EXPECT_EQ(rig.driver.driver_stats().requests, 5u * 7 * 4);
  EXPECT_EQ(rig.driver.driver_stats().failed, 0u);
  for (const Rig::Job& job : rig.jobs) EXPECT_TRUE(job.in_softirq);
}

/// A second opinion on single DES, which above is OpenSSL's 3DES with equal keys: the worked
/// example of FIPS 81, appendix C ("Now is the time for all "), CBC.
TEST(CesaRing, DesPublishedVector) {
  Rig rig;
  rig.run([&] {
    Rig::Session s{0, Alg::des_cbc, test::from_hex("0123456789abcdef")};
    CryptoIni cri;
    cri.cri_alg = s.alg;
    cri.cri_klen = 64;
    cri.cri_key = s.key;
    ASSERT_EQ(rig.driver.newsession(&s.lid, cri), 0);
    Rig::Job& job = rig.make(s, true, 24, true);
    const Bytes plain = test::from_hex("4e6f77206973207468652074696d6520666f7220616c6c20");
    const Bytes iv = test::from_hex("1234567890abcdef");
    job.crp.crp_buf = rig.buffer(plain);
    std::copy(iv.begin(), iv.end(), job.crp.crp_desc.crd_iv.begin());
    rig.submit(job);
    rig.wait();
    EXPECT_EQ(rig.read(job.to, 24),
              test::from_hex("e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6"));
  });
}

TEST(CesaRing, IvFromTheBuffer) {
  Rig rig;
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    Rig::Job& job = rig.make(s, false, 512, true);
    job.crp.crp_desc.crd_flags = CRD_F_IV_PRESENT;
    job.crp.crp_desc.crd_inject = 0;
    job.crp.crp_desc.crd_skip = 16;
    job.crp.crp_desc.crd_len = 496;
    const Bytes iv(job.before.begin(), job.before.begin() + 16);
    const Bytes in(job.before.begin() + 16, job.before.end());
    rig.submit(job);
    rig.wait();
    EXPECT_EQ(rig.read(job.to + 16, 496), test::openssl_cbc(false, s.key, iv, in));
    EXPECT_EQ(rig.read(job.to, 16), Bytes(16, 0xEE));
  });
}

/// The first eight keys get slots; slots of closed sessions are erased and used again, but not
/// while a request needs them.
TEST(CesaRing, MoreSessionsThanKeySlots) {
  Rig rig;
  const auto valid = [&] { return rig.soc.ring().core().peek(hw::ring_unit_reg::kKeyValid); };
  rig.run([&] {
    std::vector<Rig::Session> sessions;
    for (unsigned i = 0; i < 20; ++i) {
      sessions.push_back(rig.open(kCiphers[i % 5].alg, kCiphers[i % 5].key_bytes));
    }
    for (int round = 0; round < 3; ++round) {
      for (const auto& s : sessions) rig.submit(rig.make(s, round & 1, 512, round & 1));
    }
    rig.wait();
    EXPECT_EQ(rig.driver.stats().slot_sessions, 8u);
    EXPECT_EQ(rig.driver.stats().memory_sessions, 12u);
    EXPECT_EQ(valid(), 0xFFu);
    rig.submit(rig.make(sessions[1], true, 65536, false));
    EXPECT_EQ(rig.driver.freesession(sessions[0].lid), 0);
    EXPECT_EQ(rig.driver.freesession(sessions[1].lid), 0);  // in use
    EXPECT_EQ(rig.driver.freesession(sessions[0].lid), ENOENT);
    EXPECT_EQ(rig.driver.freesession(99), ENOENT);
    const Rig::Session a = rig.open(Alg::aes_cbc, 32), b = rig.open(Alg::aes_cbc, 16);
    rig.submit(rig.make(a, true, 512, true));
    EXPECT_EQ(rig.driver.stats().slot_sessions, 9u);
    rig.submit(rig.make(b, true, 512, true));
    EXPECT_EQ(rig.driver.stats().slot_sessions, 9u);
    EXPECT_EQ(rig.driver.stats().memory_sessions, 13u);
    rig.wait();
    EXPECT_EQ(valid(), 0xFFu);
    for (std::size_t i = 2; i < 20; ++i) rig.driver.freesession(sessions[i].lid);
    const Rig::Session c = rig.open(Alg::des3_cbc, 24);
    rig.submit(rig.make(c, true, 512, true));
    rig.wait();
    EXPECT_EQ(rig.driver.stats().slot_sessions, 10u);
    EXPECT_EQ(std::popcount(valid()), 2);  // a's and c's: the others are erased
    rig.check();
  });
}

/// Indexes of 16 bits run on past the ring's size and round again.
TEST(CesaRing, IndexesWrapRound) {
  RigConfig config;
  config.settings.entries = 16;
  config.settings.coalesce = "adaptive";
  config.settings.coalesce_count = 8;
  config.settings.coalesce_us = 50;
  Rig rig(config);
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    Rig::Job& job = rig.make(s, true, 16, true);
    std::vector<Rig::Job> copies(64, job);
    for (Rig::Job& c : copies) {
      c.crp.crp_opaque = &c;
      c.to = c.crp.crp_out_buf = rig.buffer(Bytes(16));
    }
    rig.jobs.clear();
    for (unsigned i = 0; i < 70000; ++i) {
      Rig::Job& c = copies[i % 64];
      if (i >= 64 && c.ended != i / 64) rig.wait();
      ASSERT_EQ(c.ended, i / 64);
      ASSERT_TRUE(i < 64 || rig.read(c.to, 16) == c.expected) << i;
      rig.submit(c, i % 5 != 0 ? CRYPTO_HINT_MORE : 0);
    }
    rig.wait();
    for (std::size_t i = 1; i < rig.order.size(); ++i) {
      ASSERT_EQ((rig.order[i] - rig.order[i - 1] + 64) % 64, 1);  // in order
    }
  });
  EXPECT_EQ(rig.soc.ring().stats().completed, 70000u);
}

TEST(CesaRing, AFullRingRefusesAndGoesOn) {
  RigConfig config;
  config.settings.entries = 8;
  Rig rig(config);
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    for (int i = 0; i < 200; ++i) rig.submit(rig.make(s, true, 1024, i & 1), CRYPTO_HINT_MORE);
    rig.wait();
    rig.check();
  });
  EXPECT_GT(rig.driver.driver_stats().restarts, 10u);
  EXPECT_EQ(rig.driver.driver_stats().max_queue, 8u);
  EXPECT_EQ(rig.driver.driver_stats().requests, 200u);
}

TEST(CesaRing, WhatItCannotDoEndsWithEinval) {
  Rig rig;
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    const auto refused = [&](auto change) {
      Rig::Job& job = rig.make(s, true, 64, false);
      change(job.crp);
      rig.submit(job);
      EXPECT_EQ(job.ended, 1u);
      EXPECT_EQ(job.crp.crp_etype, EINVAL);
    };
    refused([](Cryptop& c) { c.crp_sid += 5; });
    refused([](Cryptop& c) { c.crp_sid = 0; });
    refused([](Cryptop& c) { c.crp_buf = 0; });
    refused([](Cryptop& c) { c.crp_desc.crd_alg = Alg::des_cbc; });
    refused([](Cryptop& c) { c.crp_desc.crd_len = 0; });
    refused([](Cryptop& c) { c.crp_desc.crd_len = 24; });
    CryptoIni cri;
    const Bytes key(8);
    cri.cri_key = key;
    cri.cri_klen = 64;
    std::uint32_t lid = 0;
    for (Alg alg : {Alg::aes_cbc, Alg::des3_cbc, Alg::none}) {
      cri.cri_alg = alg;
      EXPECT_EQ(rig.driver.newsession(&lid, cri), EINVAL);
    }
    cri.cri_alg = Alg::des_cbc;
    cri.cri_klen = 56;
    EXPECT_EQ(rig.driver.newsession(&lid, cri), EINVAL);
  });
  EXPECT_EQ(rig.driver.driver_stats().requests, 0u);
  EXPECT_EQ(rig.driver.driver_stats().failed, 6u);
}

/// The unit itself refuses an overlap: EIO, and nothing else suffers.
TEST(CesaRing, ARefusedDescriptorIsAnError) {
  RigConfig config;
  config.soc.checkers = true;
  Rig rig(config);
  rig.kernel.kthread_run("t", [&] {
    rig.sleep();
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    rig.submit(rig.make(s, true, 512, true));
    Rig::Job& bad = rig.make(s, true, 512, true);
    bad.crp.crp_out_buf = bad.crp.crp_buf + 512;
    bad.crp.crp_desc.crd_len = 1024;
    rig.submit(bad);
    rig.submit(rig.make(s, true, 512, true));
    rig.wait();
    EXPECT_EQ(bad.crp.crp_etype, EIO);
    rig.check(1);
    sc_core::sc_stop();
  });
  sc_core::sc_start();
  EXPECT_EQ(rig.soc.ring().stats().failed, 1u);
}

TEST(CesaRing, BadSettingsAreRefused) {
  RigConfig config;
  hw::Soc soc("soc", config.soc);
  kernel::Kernel kernel("kernel", test::test_kernel_costs(), config.kernel, soc.core_list(),
                        soc.intc(), soc.dram());
  test::DirectCore core(kernel);
  const auto refuse = [&](auto change) {
    RingSettings s = test::ring_settings();
    RingPlatform p{soc.ring_regs(), {80}, {0}};
    Recovery r{true, 10};
    change(s, p, r);
    EXPECT_THROW(CesaRing(kernel, core, test::test_driver_costs(), p, s, r), std::invalid_argument);
  };
  refuse([](auto& s, auto&, auto&) { s.entries = 100; });
  refuse([](auto& s, auto&, auto&) { s.entries = 1; });
  refuse([](auto& s, auto&, auto&) { s.entries = 8192; });
  refuse([](auto& s, auto&, auto&) { s.doorbell_batch = 0; });
  refuse([](auto& s, auto&, auto&) { s.coalesce = "fixed", s.coalesce_count = 256; });
  refuse([](auto& s, auto&, auto&) { s.coalesce = "fixed", s.coalesce_count = 4; });
  refuse([](auto&, auto& p, auto&) { p.irqs.clear(); });
  refuse([](auto&, auto& p, auto&) { p.irq_cpus.clear(); });
  refuse([](auto&, auto&, auto& r) { r.watchdog_ms = 0; });
}

// --- doorbells -------------------------------------------------------------------------------

/// Prefetch 4: the first five ring at once, as the unit has no more than four others. Then one
/// doorbell for eight, and the last, without a hint, for what is left.
TEST(CesaRing, DoorbellsAreBatchedWhileMoreFollow) {
  RigConfig config;
  config.settings.entries = 128;
  Rig rig(config);
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::des3_cbc, 24);  // 123 us each: none ends meanwhile
    std::vector<Rig::Job*> jobs;
    for (int i = 0; i < 5 + 24 + 3; ++i) jobs.push_back(&rig.make(s, true, 4096, false));
    for (Rig::Job* job : jobs) rig.submit(*job, job == jobs.back() ? 0 : CRYPTO_HINT_MORE);
    EXPECT_EQ(rig.driver.driver_stats().launches, 5u + 3 + 1);
    rig.wait();
    rig.check();
  });
  EXPECT_EQ(rig.driver.driver_stats().launches, 9u);
  EXPECT_EQ(rig.soc.ring().stats().doorbells, 9u);
  EXPECT_EQ(rig.driver.stats().batched, 3u * 7 + 2);
}

TEST(CesaRing, WithoutAHintEachRings) {
  Rig rig;
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    for (int i = 0; i < 20; ++i) rig.submit(rig.make(s, true, 4096, false));
    rig.wait();
    rig.check();
  });
  EXPECT_EQ(rig.soc.ring().stats().doorbells, 20u);
  EXPECT_EQ(rig.driver.stats().batched, 0u);
}

/// All announce a successor, and it never comes: whatever the number, all end, and soon.
TEST(CesaRing, ABrokenPromiseLeavesNothingBehind) {
  RigConfig config;
  config.settings.doorbell_batch = 32;
  config.settings.coalesce = "fixed";
  config.settings.coalesce_count = 16;
  config.settings.coalesce_us = 100;
  config.recovery.watchdog = false;
  Rig rig(config);
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    for (unsigned n = 1; n <= 40; ++n) {
      for (unsigned i = 0; i < n; ++i) rig.submit(rig.make(s, true, 512, true), CRYPTO_HINT_MORE);
      // 40 x 2 us, and the coalescing time for each time that the unit runs low.
      ASSERT_TRUE(rig.wait(5 * hw::kPsPerMs)) << n;
    }
    rig.check();
  });
  EXPECT_GT(rig.driver.stats().batched, 100u);
}

// --- interrupts ------------------------------------------------------------------------------

/// Bursts of 16 KiB requests: 1024 blocks of 11 cycles at 200 MHz are 56 us each, long against what
/// the software does in between, so completions come one by one.
struct Burst {
  const char* coalesce;
  std::uint32_t count;
  double us;
  unsigned requests;
  unsigned interrupts;
};
class Coalescing : public testing::TestWithParam<Burst> {};
INSTANTIATE_TEST_SUITE_P(
    Bursts, Coalescing,
    testing::Values(Burst{"off", 1, 0, 16, 16}, Burst{"fixed", 1, 0, 16, 16},
                    Burst{"fixed", 4, 10000, 16, 4},
                    // Four, four, and two when the time is over.
                    Burst{"fixed", 4, 1000, 10, 3},
                    // The count is never reached: each interrupt is a time that is over. From the
                    // first completion 100 us take in one more: 2 each.
                    Burst{"fixed", 200, 100, 16, 8},
                    // Interrupts after 1, 5, 9, 11, 13, 14, 15 and 16 completions: with 15 left
                    // the count is 7, rounded down to 4; with 11 left 4; with 7 and 5, 2; then 1.
                    Burst{"adaptive", 8, 10000, 16, 8},
                    // At most 3: after 1, 4, 7, 10 (6 left: 2), 12, 14 (2 left: 1), 15, 16.
                    Burst{"adaptive", 3, 10000, 16, 8},
                    // At most 2: after 1, 3, 5, 7, 9, 11, 13 (3 left: 1), 14, 15, 16.
                    Burst{"adaptive", 2, 10000, 16, 10},
                    // One request at a time never waits.
                    Burst{"adaptive", 8, 10000, 1, 1}));
TEST_P(Coalescing, InterruptsByHand) {
  const Burst& b = GetParam();
  RigConfig config;
  config.settings.coalesce = b.coalesce;
  config.settings.coalesce_count = b.count;
  config.settings.coalesce_us = b.us;
  config.settings.entries = 32;
  Rig rig(config);
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    std::vector<Rig::Job*> jobs;
    for (unsigned i = 0; i < b.requests; ++i) jobs.push_back(&rig.make(s, true, 16384, false));
    for (Rig::Job* job : jobs) rig.submit(*job);
    rig.wait();
    rig.check();
  });
  EXPECT_EQ(rig.irqs(), b.interrupts);
  EXPECT_EQ(rig.driver.driver_stats().interrupts, b.interrupts);
  EXPECT_EQ(rig.kernel.spurious_interrupts(), 0u);
}

// --- polling ---------------------------------------------------------------------------------

TEST(CesaRing, BelowTheThresholdThereIsNoInterrupt) {
  RigConfig config;
  config.settings.poll_below = 1;
  config.settings.poll_us = 1000;
  Rig rig(config);
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    for (int i = 0; i < 100; ++i) {
      Rig::Job& job = rig.make(s, true, 512, i & 1);
      rig.submit(job);
      EXPECT_EQ(job.ended, 1u);  // when process() returns
      EXPECT_FALSE(job.in_irq || job.in_softirq);
    }
    rig.check();
  });
  EXPECT_EQ(rig.irqs(), 0u);
  EXPECT_EQ(rig.driver.driver_stats().interrupts, 0u);
  EXPECT_GT(rig.driver.driver_stats().polls, 100u);
}

/// A request that takes longer than poll_us ends by interrupt; one submitted in an interrupt, too.
TEST(CesaRing, AfterPollUsTheInterruptTakesOver) {
  RigConfig config;
  config.settings.poll_below = 4;
  config.settings.poll_us = 20;
  Rig rig(config);
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    Rig::Job& slow = rig.make(s, true, 16384, false);  // 56 us
    Rig::Job& next = rig.make(s, true, 512, false);
    slow.then = [&] { rig.submit(next, 0, false); };
    const hw::Ps start = rig.kernel.now();
    rig.submit(slow);
    EXPECT_EQ(slow.ended, 0u);
    EXPECT_GE(rig.kernel.now() - start, 20 * hw::kPsPerUs);
    EXPECT_LT(rig.kernel.now() - start, 30 * hw::kPsPerUs);
    rig.wait();
    EXPECT_TRUE(slow.in_softirq);
    EXPECT_TRUE(next.in_softirq);
    EXPECT_EQ(rig.irqs(), 2u);
    // And back again.
    rig.submit(rig.make(s, true, 512, false));
    EXPECT_EQ(rig.outstanding, 0u);
    EXPECT_EQ(rig.irqs(), 2u);
    rig.check();
  });
  EXPECT_EQ(rig.kernel.spurious_interrupts(), 0u);
}

/// A callback that submits from the poll: the same poll takes it, no deeper stack, no interrupt.
TEST(CesaRing, APolledCallbackThatSubmitsIsPolledFor) {
  RigConfig config;
  config.settings.poll_below = 4;
  config.settings.poll_us = 100000;
  Rig rig(config);
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    std::vector<Rig::Job*> jobs;
    for (int i = 0; i < 500; ++i) jobs.push_back(&rig.make(s, true, 64, false));
    for (std::size_t i = 0; i + 1 < jobs.size(); ++i) {
      jobs[i]->then = [&rig, next = jobs[i + 1]] { rig.submit(*next, 0, false); };
    }
    rig.submit(*jobs[0]);
    EXPECT_EQ(rig.outstanding, 0u);
    rig.check();
  });
  EXPECT_EQ(rig.irqs(), 0u);
}

// --- cores and engines -----------------------------------------------------------------------

TEST(CesaRing, EachCoreHasItsRing) {
  RigConfig config;
  config.soc = test::test_soc(2, 1);
  Rig rig(config);
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    unsigned sending = 2;
    for (unsigned cpu = 0; cpu < 2; ++cpu) {
      rig.kernel.kthread_run(
          "sender",
          [&, cpu] {
            for (unsigned i = 0; i < 30 + 10 * cpu; ++i) rig.submit(rig.make(s, true, 2048, i & 1));
            --sending;
          },
          0, static_cast<int>(cpu));
    }
    while (sending != 0) rig.sleep();
    rig.wait();
    rig.check();
  });
  EXPECT_EQ(rig.irqs(0), 30u);
  EXPECT_EQ(rig.irqs(1), 40u);
}

TEST(CesaRing, WithoutPerCoreAllUseRingZero) {
  RigConfig config;
  config.soc = test::test_soc(2, 1);
  config.settings.per_core = false;
  Rig rig(config);
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    unsigned sending = 2;
    for (unsigned cpu = 0; cpu < 2; ++cpu) {
      rig.kernel.kthread_run(
          "sender",
          [&] {
            for (unsigned i = 0; i < 100; ++i) rig.submit(rig.make(s, true, 2048, i & 1));
            --sending;
          },
          0, static_cast<int>(cpu));
    }
    while (sending != 0) rig.sleep();
    rig.wait();
    rig.check();
  });
  EXPECT_EQ(rig.irqs(1), 0u);
  EXPECT_GT(rig.core.restarts, 0u);
}

/// More lines than the unit has rings: those it has are used.
TEST(CesaRing, MoreCoresThanRings) {
  RigConfig config;
  config.soc = test::test_soc(2, 1);
  config.soc.ring.rings = 1;
  Rig rig(config);
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    unsigned sending = 2;
    for (unsigned cpu = 0; cpu < 2; ++cpu) {
      rig.kernel.kthread_run(
          "sender",
          [&] {
            for (unsigned i = 0; i < 50; ++i) rig.submit(rig.make(s, false, 512, i & 1));
            --sending;
          },
          0, static_cast<int>(cpu));
    }
    while (sending != 0) rig.sleep();
    rig.wait();
    rig.check();
  });
}

/// Two engines take a burst in little more than half the time, and it still ends in order.
TEST(CesaRing, TwoEnginesWorkAndTheOrderHolds) {
  RigConfig config;
  config.soc = test::test_soc(1, 2);
  Rig rig(config);
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    std::vector<Rig::Job*> jobs;
    for (int i = 0; i < 50; ++i) {
      jobs.push_back(&rig.make(s, true, 1 + i % 3 == 1 ? 16384 : 2048, false));
    }
    std::size_t bytes = 0;
    const hw::Ps start = rig.kernel.now();
    for (Rig::Job* job : jobs) rig.submit(*job), bytes += job->before.size();
    rig.wait();
    const double took = static_cast<double>(rig.kernel.now() - start) / hw::kPsPerUs;
    const double one_engine = static_cast<double>(bytes) / 16 * 11 / 200;
    EXPECT_LT(took, 0.65 * one_engine);
    EXPECT_EQ(rig.order, jobs);
    rig.check();
  });
}

// --- faults asked of the driver --------------------------------------------------------------

TEST(CesaRing, FullOnPurpose) {
  RigConfig config;
  config.faults.push_back(
      {.name = "full", .kind = hw::FaultKind::queue_full, .nth = 1, .every = 3});
  Rig rig(config);
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    for (int i = 0; i < 30; ++i) {
      rig.submit(rig.make(s, true, 512, false));
      if (i % 4 == 0) rig.wait();  // the next is refused with nothing in flight
    }
    rig.wait();
    rig.check();
  });
  EXPECT_EQ(rig.driver.driver_stats().restarts, 15u);
}

TEST(CesaRing, OneCompletionAfterItsSuccessor) {
  RigConfig config;
  config.faults.push_back(
      {.name = "order", .kind = hw::FaultKind::completion_order, .nth = 3, .every = 100});
  Rig rig(config);
  rig.run([&] {
    const Rig::Session s = rig.open(Alg::aes_cbc, 16);
    for (int i = 0; i < 5; ++i) rig.submit(rig.make(s, true, 4096, false));
    rig.wait();
    const std::vector<Rig::Job*> expected = {&rig.jobs[0], &rig.jobs[1], &rig.jobs[3], &rig.jobs[2],
                                             &rig.jobs[4]};
    EXPECT_EQ(rig.order, expected);
    rig.check();
  });
}

/// Requests before the probe wait for it.
TEST(CesaRing, RequestsBeforeTheProbeWait) {
  Rig rig;
  const Rig::Session s = rig.open(Alg::aes_cbc, 16);
  rig.kernel.kthread_run(
      "early", [&] { rig.submit(rig.make(s, true, 512, true)); }, -20);
  rig.run([&] {
    rig.wait();
    rig.check();
  });
  EXPECT_EQ(rig.jobs.size(), 1u);
  EXPECT_GE(rig.core.restarts, 1u);
}

}  // namespace
}  // namespace cesasim::driver
