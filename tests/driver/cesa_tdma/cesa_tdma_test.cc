// SPDX-License-Identifier: Apache-2.0
// The CESA driver over the modelled silicon: bytes, chains, interrupts, back-pressure.
#include "driver/cesa_tdma/cesa_tdma.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/driver/ocf_client.h"
#include "tests/support/for_seeds.h"

namespace cesasim::driver {
namespace {

using test::Board;
using test::Bytes;
using test::from_hex;
using test::OcfClient;

std::string policy_name(OcfPolicy policy) { return policy == OcfPolicy::v2005 ? "v2005" : "v2010"; }

class CesaTdmaTest : public testing::Test {
 protected:
  void build(unsigned cores = 1, unsigned engines = 1, OcfPolicy policy = OcfPolicy::v2010) {
    board = std::make_unique<Board>(cores, engines);
    add(policy);
  }
  void build(const hw::SocConfig& soc, OcfPolicy policy = OcfPolicy::v2010) {
    board = std::make_unique<Board>(soc, test::test_kernel_costs(), test::test_kernel_settings());
    add(policy);
  }
  void add(OcfPolicy policy) {
    board->add_ocf(policy, "cesa_tdma");
    client = std::make_unique<OcfClient>(*board, *board->crypto);
  }
  const hw::CesaStats& engine(unsigned i = 0) { return board->soc.cesa().stats(i); }
  const CesaTdmaStats& driver() { return board->cesa_tdma->stats(); }
  void TearDown() override {
    if (!board) return;
    for (unsigned i = 0; i < board->soc.cesa().engines(); ++i) {
      EXPECT_EQ(engine(i).guest_errors, 0u) << engine(i).last_report;
      EXPECT_EQ(engine(i).unimplemented, 0u) << engine(i).last_report;
      EXPECT_EQ(engine(i).reserved_writes, 0u);
    }
    EXPECT_EQ(board->soc.cesa().decode_errors(), 0u);
    EXPECT_EQ(board->soc.mbus().decode_errors(), 0u);
    if (!spurious_expected) {
      EXPECT_EQ(board->kernel.spurious_interrupts(), 0u);
    }
    for (const auto& post : client->posts) {
      EXPECT_EQ(post.callbacks, 1u);
      EXPECT_EQ(post.etype, expected_etype);
    }
    EXPECT_EQ(board->crypto->outstanding(), 0u);
  }
  void sleep(hw::Ps ps = 3 * hw::kPsPerMs) { board->kernel.schedule_timeout(ps); }

  std::unique_ptr<Board> board;
  std::unique_ptr<OcfClient> client;
  int expected_etype = 0;
  bool spurious_expected = false;
};

class CesaTdmaPolicy : public CesaTdmaTest, public testing::WithParamInterface<OcfPolicy> {};
INSTANTIATE_TEST_SUITE_P(All, CesaTdmaPolicy, testing::Values(OcfPolicy::v2005, OcfPolicy::v2010),
                         [](const auto& info) { return policy_name(info.param); });

TEST_F(CesaTdmaTest, NistVectors) {
  build();
  board->run([&] {
    const Bytes iv = from_hex(test::kNistIv);
    for (const auto& v : test::kNistCbc) {
      client->open(from_hex(v.key));
      EXPECT_EQ(client->run(true, from_hex(test::kNistPlaintext), iv), from_hex(v.ciphertext));
      EXPECT_EQ(client->run(false, from_hex(v.ciphertext), iv), from_hex(test::kNistPlaintext));
    }
  });
  for (const auto& post : client->posts) EXPECT_TRUE(post.in_irq);
}

/// Up to 64 KiB: many chunks, which hand the chaining value on through the SRAM.
TEST_F(CesaTdmaTest, LengthsEqualOpenSsl) {
  build();
  board->run([&] {
    std::mt19937 random(5);
    for (std::size_t key_bytes : {16u, 24u, 32u}) {
      const Bytes key = test::random_bytes(random, key_bytes);
      client->open(key);
      for (std::size_t n : {16u, 32u, 512u, 1904u, 1920u, 1936u, 4096u, 16384u, 65536u}) {
        const Bytes iv = test::random_bytes(random, 16);
        const Bytes in = test::random_bytes(random, n);
        EXPECT_EQ(client->run(true, in, iv), test::openssl_cbc(true, key, iv, in)) << n;
        EXPECT_EQ(client->run(false, in, iv), test::openssl_cbc(false, key, iv, in)) << n;
      }
    }
  });
}

/// The Armada 370 keeps the first 32 bytes of the SRAM: 1888 bytes per chunk.
TEST_F(CesaTdmaTest, ReservedSramMakesSmallerChunks) {
  hw::SocConfig soc = test::test_soc();
  soc.cesa.sram_reserved_bytes = 32;
  build(soc);
  board->run([&] {
    std::mt19937 random(6);
    const Bytes key = test::random_bytes(random, 16), iv = test::random_bytes(random, 16);
    client->open(key);
    const Bytes one = test::random_bytes(random, 1888), two = test::random_bytes(random, 1904);
    EXPECT_EQ(client->run(true, one, iv), test::openssl_cbc(true, key, iv, one));
    EXPECT_EQ(engine().operations, 1u);
    EXPECT_EQ(client->run(true, two, iv), test::openssl_cbc(true, key, iv, two));
    EXPECT_EQ(engine().operations, 3u);
  });
}

/// Table 3.2 of the reference.
TEST_F(CesaTdmaTest, DescriptorsBytesAndInterruptsOfOneRequest) {
  build();
  struct Row {
    std::uint32_t bytes, chunks, descriptors;
  };
  const Row rows[] = {{16, 1, 5},    {512, 1, 5},   {1920, 1, 5},
                      {4096, 3, 13}, {8192, 5, 21}, {16384, 9, 37}};
  board->run([&] {
    client->open(Bytes(16));
    for (const Row& row : rows) {
      const hw::CesaStats before = engine();
      client->run(true, Bytes(row.bytes), Bytes(16));
      EXPECT_EQ(engine().descriptors - before.descriptors, row.descriptors) << row.bytes;
      EXPECT_EQ(engine().operations - before.operations, row.chunks) << row.bytes;
      EXPECT_EQ(engine().interrupts - before.interrupts, 1u) << row.bytes;
      EXPECT_EQ(engine().chains - before.chains, 1u) << row.bytes;
      EXPECT_EQ(engine().tdma_bytes_in - before.tdma_bytes_in,
                128 + 32 * (row.chunks - 1) + row.bytes);
      EXPECT_EQ(engine().tdma_bytes_out - before.tdma_bytes_out, row.bytes + 128);
      EXPECT_EQ(engine().bytes_ciphered - before.bytes_ciphered, row.bytes);
    }
  });
}

/// Requests that arrive while the engine runs form the next chain: one launch, one interrupt.
TEST_F(CesaTdmaTest, RequestsQueuedMeanwhileAreOneChain) {
  build();
  board->run([&] {
    client->open(Bytes(16));
    std::mt19937 random(8);
    const hw::PhysAddr big = client->buffer(Bytes(65536));
    std::vector<hw::PhysAddr> small;
    Bytes data = test::random_bytes(random, 512);
    for (int i = 0; i < 20; ++i) small.push_back(client->buffer(data));
    client->post(true, big, 65536, Bytes(16));  // keeps the engine busy
    for (hw::PhysAddr at : small) client->post(true, at, 512, Bytes(16));
    client->wait();
    const Bytes expected = test::openssl_cbc(true, Bytes(16), Bytes(16), data);
    for (hw::PhysAddr at : small) EXPECT_EQ(client->read(at, 512), expected);
  });
  EXPECT_EQ(driver().launches, 2u);
  EXPECT_EQ(driver().max_chain, 20u);
  EXPECT_EQ(engine().chains, 2u);
  EXPECT_EQ(engine().interrupts, 2u);
  EXPECT_EQ(board->kernel.irq_count(22), 2u);
}

/// More than the queue holds: ERESTART, and everything still ends, in either policy.
TEST_P(CesaTdmaPolicy, QueueFullAndEverythingCompletes) {
  build(1, 1, GetParam());
  board->run([&] {
    client->open(Bytes(16));
    std::mt19937 random(9);
    const Bytes data = test::random_bytes(random, 4096);
    const Bytes expected = test::openssl_cbc(true, Bytes(16), Bytes(16), data);
    for (int round = 0; round < 3; ++round) {
      std::vector<hw::PhysAddr> at;
      for (int i = 0; i < 300; ++i) at.push_back(client->buffer(data));
      for (hw::PhysAddr a : at) EXPECT_EQ(client->post(true, a, 4096, Bytes(16)), 0);
      client->wait();
      for (hw::PhysAddr a : at) ASSERT_EQ(client->read(a, 4096), expected);
    }
  });
  EXPECT_GT(driver().restarts, 0u);
  EXPECT_EQ(driver().max_queue, 128u);
  EXPECT_EQ(driver().requests, 900u);
}

/// An interrupt between the driver's ERESTART and the core's mark must not freeze the queue. The
/// 2005 core forgets such an unblocking always, the 2010 core when another dispatch comes between.
TEST_P(CesaTdmaPolicy, BackPressureOnTwoCores) {
  auto costs = test::test_kernel_costs();
  costs.lock = 10000;  // holds the window open
  board = std::make_unique<Board>(test::test_soc(2, 1), costs, test::test_kernel_settings());
  add(GetParam());
  constexpr int kEach = 20000;
  int sending = 2;
  board->run(
      [&] {
        client->open(Bytes(16));
        const hw::PhysAddr at[2] = {client->buffer(Bytes(8192)), client->buffer(Bytes(8192))};
        auto sender = [&](hw::PhysAddr a) {
          std::mt19937 random(static_cast<unsigned>(a));
          for (int i = 0; i < kEach; ++i) {
            board->kernel.charge(kernel::Activity::user, static_cast<double>(random() % 500));
            while (client->outstanding > 800) sleep(hw::kPsPerMs);  // the 2010 core's limit
            // Now and then a long one: so the engine's ends fall anywhere into the senders' work.
            const std::size_t bytes = random() % 4 == 0 ? 8192 : 16 * (1 + random() % 64);
            EXPECT_EQ(client->post(true, a, bytes, Bytes(16)), 0);
          }
          --sending;
        };
        board->kernel.kthread_run("second", [&] { sender(at[1]); });
        sender(at[0]);
        for (int i = 0; i < 10000 && (sending != 0 || client->outstanding != 0); ++i) sleep();
        EXPECT_EQ(client->outstanding, 0u);
      },
      100 * hw::kPsPerS);
  EXPECT_GT(driver().restarts, 50u);
  EXPECT_LE(driver().max_queue, 128u);
}

/// An engine that never answers again: the machine comes to rest, so that it can be told.
TEST_P(CesaTdmaPolicy, ADeadEngineLeavesNothingTicking) {
  hw::SocConfig soc = test::test_soc();
  soc.cesa.chain_limit = 3;  // stops in the middle of the first chain
  build(soc, GetParam());
  board->kernel.kthread_run("sender", [&] {
    client->open(Bytes(16));
    const hw::PhysAddr at = client->buffer(Bytes(512));
    for (int i = 0; i < 300; ++i) client->post(true, at, 512, Bytes(16));
    client->wait();
  });
  sc_core::sc_start(10, sc_core::SC_SEC);
  EXPECT_FALSE(sc_core::sc_pending_activity());
  EXPECT_EQ(client->outstanding, 300u);
  EXPECT_EQ(driver().requests, 128u);
  EXPECT_EQ(engine().guest_errors, 1u);
  board.reset();  // nothing of what TearDown() expects holds
}

TEST_F(CesaTdmaTest, TwoEnginesShareTheLoad) {
  build(2, 2);
  board->run([&] {
    client->open(Bytes(16));
    std::vector<hw::PhysAddr> at;
    for (int i = 0; i < 100; ++i) at.push_back(client->buffer(Bytes(4096)));
    for (hw::PhysAddr a : at) client->post(true, a, 4096, Bytes(16));
    client->wait();
    const Bytes expected = test::openssl_cbc(true, Bytes(16), Bytes(16), Bytes(4096));
    for (hw::PhysAddr a : at) ASSERT_EQ(client->read(a, 4096), expected);
  });
  EXPECT_EQ(engine(0).bytes_ciphered + engine(1).bytes_ciphered, 100u * 4096);
  EXPECT_NEAR(static_cast<double>(engine(0).bytes_ciphered), 50.0 * 4096, 10.0 * 4096);
  EXPECT_GT(board->kernel.irq_count(22), 0u);
  EXPECT_GT(board->kernel.irq_count(23), 0u);
}

/// A session of the second engine's load only: large requests count by bytes, not by number.
TEST_F(CesaTdmaTest, TheEngineWithFewerBytesOutstandingIsChosen) {
  build(1, 2);
  board->run([&] {
    client->open(Bytes(16));
    const hw::PhysAddr big = client->buffer(Bytes(65536));
    std::vector<hw::PhysAddr> small;
    for (int i = 0; i < 10; ++i) small.push_back(client->buffer(Bytes(512)));
    client->post(true, big, 65536, Bytes(16));
    for (hw::PhysAddr a : small) client->post(true, a, 512, Bytes(16));
    client->wait();
  });
  EXPECT_EQ(engine(0).bytes_ciphered, 65536u);
  EXPECT_EQ(engine(1).bytes_ciphered, 5120u);
}

/// A request before the probe thread has set the engine up waits for it.
TEST_P(CesaTdmaPolicy, RequestsBeforeTheProbeWait) {
  build(1, 1, GetParam());
  Bytes result;
  // Runs before the probe: better priority.
  bool done = false;
  board->kernel.kthread_run(
      "early",
      [&] {
        client->open(Bytes(16));
        result = client->run(true, Bytes(512), Bytes(16));
        done = true;
      },
      -20);
  board->run([&] {
    for (int i = 0; i < 100 && !done; ++i) sleep();
  });
  EXPECT_TRUE(done);
  EXPECT_EQ(result, test::openssl_cbc(true, Bytes(16), Bytes(16), Bytes(512)));
}

/// The handler is called although nothing has ended: it says so and touches nothing.
TEST_F(CesaTdmaTest, ASpuriousInterruptIsSurvived) {
  build();
  sc_core::sc_spawn([&] {
    sc_core::wait(50, sc_core::SC_US);
    for (int i = 0; i < 5; ++i) {  // glitches on the line, shorter than the handler
      board->soc.intc().set_line(22, true);
      sc_core::wait(150, sc_core::SC_NS);
      board->soc.intc().set_line(22, false);
      sc_core::wait(20, sc_core::SC_US);
    }
  });
  board->run([&] {
    client->open(Bytes(16));
    const hw::PhysAddr at = client->buffer(Bytes(65536));
    client->post(true, at, 65536, Bytes(16));
    client->wait();
    EXPECT_GE(board->kernel.now(), 200 * hw::kPsPerUs);
    EXPECT_EQ(client->read(at, 65536), test::openssl_cbc(true, Bytes(16), Bytes(16), Bytes(65536)));
  });
  EXPECT_GE(board->kernel.spurious_interrupts(), 5u);
  spurious_expected = true;
  EXPECT_EQ(driver().launches, 1u);
  EXPECT_EQ(engine().interrupts, 1u);
}

TEST_F(CesaTdmaTest, WhatItCannotDoEndsWithEinval) {
  build();
  expected_etype = EINVAL;
  board->run([&] {
    client->open(Bytes(16));
    const hw::PhysAddr at = client->buffer(Bytes(64));
    auto refused = [&](auto change) {
      EXPECT_EQ(client->post(true, at, 64, Bytes(16), change), 0);
      client->wait();
    };
    refused([](Cryptop& c) { c.crp_sid += 5; });
    refused([](Cryptop& c) { c.crp_sid &= ~std::uint64_t{0xffffffff}; });
    refused([](Cryptop& c) { c.crp_buf = 0; });
    refused([](Cryptop& c) { c.crp_desc.crd_alg = Alg::none; });
    refused([](Cryptop& c) { c.crp_desc.crd_len = 0; });
    refused([](Cryptop& c) { c.crp_desc.crd_len = 24; });
    EXPECT_EQ(board->crypto->crypto_freesession(client->sid), 0);
    EXPECT_EQ(board->crypto->crypto_freesession(client->sid), ENOENT);
    refused([](Cryptop&) {});
  });
  EXPECT_EQ(board->crypto->stats().cs_errs, 7u);
  EXPECT_EQ(driver().requests, 0u);
}

/// The driver's pools cannot grow: a request fails or waits, the machine goes on.
TEST_P(CesaTdmaPolicy, NoMemoryForDescriptors) {
  hw::SocConfig soc = test::test_soc();
  soc.dram.size_mib = 1;
  build(soc, GetParam());
  board->run([&] {
    client->open(Bytes(16));
    const hw::PhysAddr at = client->buffer(Bytes(65536));
    std::vector<hw::PhysAddr> taken;
    while (const hw::PhysAddr page =
               board->kernel.alloc_page(kernel::Activity::fs, hw::AllocSite::page_cache)) {
      taken.push_back(page);
    }
    client->post(true, at, 65536, Bytes(16));
    client->wait();
    EXPECT_EQ(client->posts.back().etype, ENOMEM);
    for (hw::PhysAddr page : taken) board->kernel.free_page(page, kernel::Activity::fs);
    for (int i = 0; i < 40; ++i) client->post(true, at, 65536, Bytes(16));
    client->wait();
    EXPECT_EQ(client->posts.back().etype, 0);
    client->posts.clear();  // one was refused on purpose
  });
}

/// Two cores and two engines with descriptors for little more than one request: who finds none
/// waits for those in flight and does not fail, and nobody takes what another one counts on.
TEST(CesaTdmaMemory, WhoFindsNoDescriptorsWaitsForThem) {
  test::for_seeds(1, 60, [](unsigned seed) {
    hw::SocConfig soc = test::test_soc(2, 2);
    soc.dram.size_mib = 4;
    kernel::KernelSettings settings = test::test_kernel_settings();
    settings.schedule_seed = seed;
    settings.schedule_jitter_us = 3;
    settings.preempt = "full";
    Board board(soc, test::test_kernel_costs(), settings);
    board.driver_settings.cesa_tdma.threaded_irq = true;  // other threads come in between
    board.add_ocf(seed % 2 == 0 ? OcfPolicy::v2005 : OcfPolicy::v2010, "cesa_tdma");
    OcfClient client(board, *board.crypto);
    board.run([&] {
      client.open(Bytes(16));
      std::vector<hw::PhysAddr> at;
      for (int i = 0; i < 24; ++i) at.push_back(client.buffer(Bytes(32768)));
      client.post(true, at[0], 32768, Bytes(16));  // two pages of each pool, or one
      client.wait();
      while (board.kernel.alloc_page(kernel::Activity::fs, hw::AllocSite::page_cache) != 0) {
      }
      std::minstd_rand random(seed);
      unsigned sending = 2;
      for (int cpu = 0; cpu < 2; ++cpu) {
        board.kernel.kthread_run(
            "sender",
            [&, cpu] {
              for (int i = 0; i < 12; ++i) {
                board.kernel.charge(kernel::Activity::user, random() % 30000);
                board.kernel.sync();
                client.post(true, at[static_cast<std::size_t>(12 * cpu + i)],
                            i % 3 == 0 ? 32768 : 512, Bytes(16));
              }
              --sending;
            },
            0, cpu);
      }
      while (sending != 0) board.kernel.schedule_timeout(hw::kPsPerMs);
      client.wait();
    });
    EXPECT_GT(board.cesa_tdma->stats().restarts, 0u);
    for (const auto& post : client.posts) EXPECT_EQ(post.etype, 0);
  });
}

/// Descriptors and contexts go back to their pools: memory use does not grow.
TEST_F(CesaTdmaTest, PoolsDoNotLeak) {
  build();
  board->run([&] {
    client->open(Bytes(16));
    const hw::PhysAddr at = client->buffer(Bytes(16384));
    auto burst = [&] {
      for (int i = 0; i < 100; ++i) client->post(true, at, 16384, Bytes(16));
      client->wait();
    };
    burst();
    const std::size_t free = board->kernel.free_pages();
    for (int i = 0; i < 5; ++i) burst();
    EXPECT_EQ(board->kernel.free_pages(), free);
  });
}

TEST(CesaTdmaSetup, NeedsAnEngine) {
  Board board;
  Crypto crypto(board.kernel, test::test_ocf_costs(), OcfPolicy::v2005);
  EXPECT_THROW(CesaTdma(board.kernel, crypto, test::test_driver_costs(), CesaPlatform{}),
               std::invalid_argument);
}

}  // namespace
}  // namespace cesasim::driver
