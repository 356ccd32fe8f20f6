// SPDX-License-Identifier: Apache-2.0
// ocf-async: nobody waits, every sector counts, and nothing that OCF or a driver may do ends
// otherwise than with right data or an error.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "dmcrypt_model/path_ocf_async.h"
#include "machine/check/reference_cipher.h"
#include "tests/dmcrypt_model/bios.h"
#include "tests/dmcrypt_model/engine_driver.h"

namespace cesasim::dmcrypt {
namespace {

using driver::Cryptop;
using test::Bios;
using test::Board;
using test::Bytes;
using test::EngineDriver;

constexpr hw::Ps kMs = hw::kPsPerMs;
constexpr hw::Ps kS = hw::kPsPerS;

class AsyncTest : public testing::Test {
 protected:
  void build(unsigned cores = 1, std::uint32_t max_in_flight = 1024, bool out_of_place = false,
             driver::OcfPolicy policy = driver::OcfPolicy::v2010) {
    board = std::make_unique<Board>(cores);
    board->crypto = std::make_unique<driver::Crypto>(board->kernel, test::test_ocf_costs(), policy);
    engine = std::make_unique<EngineDriver>(board->kernel, *board->crypto);
    engine->two_buffers = out_of_place;
    make(max_in_flight, out_of_place);
  }
  void make(std::uint32_t max_in_flight, bool out_of_place) {
    settings.placement = out_of_place ? "out-of-place" : "in-place";
    settings.max_in_flight = max_in_flight;
    crypt = std::make_unique<OcfAsyncPath>(board->kernel, table, test::test_dmcrypt_costs(),
                                           test::test_cipher_costs(), board->queue, *board->crypto,
                                           settings);
    bios = std::make_unique<Bios>(*board);
  }
  void TearDown() override { crypt.reset(); }
  void sleep(hw::Ps ps) { board->kernel.schedule_timeout(ps); }
  Bytes random(std::size_t bytes) { return test::random_bytes(random_, bytes); }
  Bytes on_disk(std::uint64_t sector, std::size_t bytes) {
    Bytes out(bytes);
    board->soc.disk().store().read(table.start + sector, out.data(),
                                   static_cast<std::uint32_t>(bytes / 512));
    return out;
  }
  Bytes encrypted(std::uint64_t sector, const Bytes& in) {
    const ReferenceCipher cipher("aes-cbc-essiv:sha256", table.key, table.iv_offset);
    Bytes out(in.size());
    for (std::size_t at = 0; at < in.size(); at += 512) {
      cipher.encrypt(sector + at / 512, in.data() + at, out.data() + at);
    }
    return out;
  }

  /// Several submitters with random bios under whatever the engine does. A write that failed must
  /// not have reached the disk (these bios are one conversion each), one that did not must have,
  /// enciphered; a read that did not fail gets what was written.
  void torture(unsigned submitters, int rounds) {
    constexpr std::uint64_t kRegion = 512;
    const ReferenceCipher cipher("aes-cbc-essiv:sha256", table.key, table.iv_offset);
    Bytes shadow(submitters * kRegion * 512);
    for (std::size_t s = 0; s < submitters * kRegion; ++s) {  // a disk that has been used
      Bytes raw(512);
      cipher.encrypt(s, shadow.data() + s * 512, raw.data());
      board->soc.disk().store().write(table.start + s, raw.data(), 1);
    }
    // What a sector may become: the data of the write that is on its way there.
    Bytes next = shadow;
    std::uint64_t wrong = 0;
    board->soc.disk().set_write_observer(
        [&](std::uint64_t sector, const std::uint8_t* data, std::uint32_t sectors) {
          for (std::uint32_t i = 0; i < sectors; ++i) {
            const std::uint64_t s = sector - table.start + i;
            Bytes plain(512);
            cipher.decrypt(s, data + i * 512, plain.data());
            if (!std::equal(plain.begin(), plain.end(),
                            next.begin() + static_cast<std::ptrdiff_t>(s * 512))) {
              ++wrong;
            }
          }
        });
    unsigned running = submitters;
    kernel::WaitQueue done(board->kernel);
    auto submitter = [&](unsigned id) {
      std::mt19937 r(id + 1);
      Bios mine(*board);
      for (int round = 0; round < rounds; ++round) {
        for (unsigned b = 0; b < 4; ++b) {  // disjoint
          const std::uint64_t first = r() % 96;
          const std::uint64_t n = 1 + r() % (r() % 3 == 0 ? 128 - first : 8);
          const std::uint64_t sector = id * kRegion + b * 128 + first;
          if (r() % 3 != 0) {
            const Bytes data = test::random_bytes(r, n * 512);
            std::copy(data.begin(), data.end(),
                      next.begin() + static_cast<std::ptrdiff_t>(sector * 512));
            mine.write(*crypt, sector, data, &r);
          } else {
            mine.read(*crypt, sector, n * 512, &r);
          }
        }
        mine.wait();
        for (const Bios::One& one : mine.all) {
          const auto at = static_cast<std::ptrdiff_t>(one.bio.sector * 512);
          const auto end = at + static_cast<std::ptrdiff_t>(one.bio.size);
          if (one.error != 0) {
            EXPECT_EQ(one.error, -EIO);
            ++failed;
          }
          if (one.bio.op == kernel::BioOp::write) {
            if (one.error == 0) {
              std::copy(next.begin() + at, next.begin() + end, shadow.begin() + at);
            } else {
              std::copy(shadow.begin() + at, shadow.begin() + end, next.begin() + at);
            }
          } else if (one.error == 0) {
            EXPECT_EQ(mine.data(one), Bytes(shadow.begin() + at, shadow.begin() + end));
          }
          ++ended;
        }
        mine.check_and_free();
      }
      if (--running == 0) done.wake_up();
    };
    for (unsigned i = 0; i < submitters; ++i) {
      board->kernel.kthread_run("submitter", [&, i] { submitter(i); });
    }
    board->run([&] { done.wait_event([&] { return running == 0; }); });
    EXPECT_EQ(ended, submitters * static_cast<unsigned>(rounds) * 4);
    EXPECT_EQ(wrong, 0u) << "sectors that reached the disk and should not have";
    for (std::size_t s = 0; s < submitters * kRegion; ++s) {
      Bytes plain(512);
      cipher.decrypt(s, on_disk(s, 512).data(), plain.data());
      const auto at = shadow.begin() + static_cast<std::ptrdiff_t>(s * 512);
      ASSERT_TRUE(std::equal(plain.begin(), plain.end(), at)) << "sector " << s;
    }
    EXPECT_EQ(board->crypto->outstanding(), 0u);
    EXPECT_EQ(board->soc.mbus().decode_errors(), 0u);
  }

  PathSettings settings;
  CryptTable table = test::crypt_table();
  std::unique_ptr<Board> board;
  std::unique_ptr<EngineDriver> engine;
  std::unique_ptr<OcfAsyncPath> crypt;
  std::unique_ptr<Bios> bios;
  std::mt19937 random_{99};
  unsigned failed = 0;
  unsigned ended = 0;
};

// --- nobody waits ---------------------------------------------------------------------------

/// The submitter goes on while its sectors are inside; the last callback, in whatever order,
/// submits the clone, from a thread because it runs in an interrupt.
TEST_F(AsyncTest, AWriteReturnsBeforeItIsEncrypted) {
  build();
  engine->manual = true;
  const Bytes one = random(4096);
  const Bytes two = random(8192);
  board->run([&] {
    bios->write(*crypt, 0, one);
    bios->write(*crypt, 100, two);
    ASSERT_EQ(engine->queue.size(), 24u);
    EXPECT_EQ(crypt->stats().max_parallel_writes, 2u);
    const std::vector<Cryptop*> held = engine->queue;
    for (std::size_t i = 24; i-- > 1;) engine->complete(held[i]);
    sleep(20 * kMs);
    EXPECT_EQ(bios->outstanding, 1u);  // the second went to the disk
    EXPECT_EQ(on_disk(100, 8192), encrypted(100, two));
    EXPECT_EQ(board->soc.disk().store().written_sectors(), 16u);
    engine->complete(held[0]);
    bios->wait();
    bios->check_and_free();
  });
  EXPECT_EQ(on_disk(0, 4096), encrypted(0, one));
  EXPECT_EQ(crypt->stats().waits, 0u);
}

/// The last callback in an interrupt must not submit (it could sleep): a workqueue does.
TEST_F(AsyncTest, FromAnInterruptAWorkqueueSubmits) {
  build();
  board->run([&] {
    for (int i = 0; i < 20; ++i)
      bios->write(*crypt, 256u * static_cast<unsigned>(i), random(65536));
    bios->wait();
    for (const auto& one : bios->all) EXPECT_EQ(one.error, 0);
    bios->check_and_free();
  });
  EXPECT_EQ(board->soc.disk().store().written_sectors(), 20 * 128u);
}

/// Reads are counted too: the callback of the last sector of the bio is nothing special.
TEST_F(AsyncTest, AReadEndsWithItsLastCallbackInAnyOrder) {
  build();
  const Bytes data = random(4096);
  board->run([&] {
    bios->write(*crypt, 0, data);
    bios->wait();
    engine->manual = true;
    auto& read = bios->read(*crypt, 0, 4096);
    sleep(20 * kMs);
    const std::vector<Cryptop*> held = engine->queue;
    ASSERT_EQ(held.size(), 8u);
    for (std::size_t i = 8; i-- > 1;) engine->complete(held[i]);
    EXPECT_EQ(read.ends, 0u);
    engine->complete(held[0]);
    EXPECT_EQ(read.ends, 1u);
    EXPECT_EQ(bios->data(read), data);
    bios->check_and_free();
  });
}

TEST_F(AsyncTest, InPlaceCopiesOutOfPlaceDoesNot) {
  build(1, 1024, true);
  const Bytes data = random(65536);
  board->run([&] {
    bios->write(*crypt, 0, data);
    bios->wait();
    EXPECT_EQ(board->kernel.bytes_copied(), 0u);
    crypt.reset();
    make(1024, false);
    bios->write(*crypt, 200, data);
    bios->wait();
    EXPECT_EQ(board->kernel.bytes_copied(), 65536u);
    bios->check_and_free();
  });
  EXPECT_EQ(on_disk(0, data.size()), encrypted(0, data));
  EXPECT_EQ(on_disk(200, data.size()), encrypted(200, data));
}

// --- back-pressure --------------------------------------------------------------------------

/// At max_in_flight the submitter sleeps; it goes on when a quarter is done.
TEST_F(AsyncTest, TheLimitHoldsSubmittersUp) {
  build(1, 16);
  engine->manual = true;
  unsigned returned = 0;
  board->kernel.kthread_run("writer", [&] {
    bios->write(*crypt, 0, random(16384));
    ++returned;
  });
  board->run([&] {
    sleep(5 * kMs);
    EXPECT_EQ(engine->queue.size(), 16u);
    for (int i = 0; i < 3; ++i) engine->complete(engine->queue.front());
    sleep(5 * kMs);
    EXPECT_EQ(engine->queue.size(), 13u);
    engine->complete(engine->queue.front());
    sleep(5 * kMs);
    EXPECT_EQ(engine->queue.size(), 16u);
    EXPECT_EQ(returned, 0u);
    while (engine->completed < 32) {
      if (engine->queue.empty()) sleep(kMs);
      if (!engine->queue.empty()) engine->complete(engine->queue.back());
    }
    bios->wait();
    EXPECT_EQ(returned, 1u);
    bios->check_and_free();
  });
  EXPECT_EQ(crypt->stats().max_in_flight, 16u);
}

/// The core's limit of 1000 requests, which makes bios of ocf-v3 fail, is waited for.
TEST_F(AsyncTest, TheCoresLimitIsWaitedFor) {
  build(1, 4096);
  engine->manual = true;
  bool stop = false, stopped = false;
  board->kernel.kthread_run("engine", [&] {
    while (!stop) {
      sleep(50 * kMs);
      while (!engine->queue.empty()) engine->complete(engine->queue.back());
    }
    stopped = true;
  });
  board->run([&] {
    for (unsigned i = 0; i < 8; ++i) bios->write(*crypt, 256 * i, random(131072));
    bios->wait();
    for (const auto& one : bios->all) EXPECT_EQ(one.error, 0);
    bios->check_and_free();
    stop = true;
    while (!stopped) sleep(50 * kMs);
  });
  EXPECT_EQ(engine->max_queue, 1000u);
  EXPECT_GT(board->crypto->stats().cs_drops, 0u);
  EXPECT_GT(crypt->stats().retries, 0u);
}

/// Writers and readers that fill limit and memory at the same time: all get through.
TEST_F(AsyncTest, SmallLimitsAndLittleMemoryDoNotDeadlock) {
  hw::SocConfig soc = test::test_soc(2);
  soc.dram.size_mib = 2;
  board = std::make_unique<Board>(soc, test::test_kernel_costs(), test::test_kernel_settings());
  board->crypto = std::make_unique<driver::Crypto>(board->kernel, test::test_ocf_costs(),
                                                   driver::OcfPolicy::v2010);
  engine = std::make_unique<EngineDriver>(board->kernel, *board->crypto);
  make(5, false);
  unsigned running = 6;
  board->run([&] {
    std::vector<Bios::One*> ready;
    std::vector<Bytes> data;
    for (unsigned i = 0; i < 6; ++i) {
      data.push_back(random(i == 0 ? 180224 : 61440));  // more than the reserve of 32 pages
      ready.push_back(&bios->make(i < 4 ? kernel::BioOp::write : kernel::BioOp::read, 512 * i,
                                  data[i], nullptr));
    }
    std::vector<hw::PhysAddr> taken;
    while (const hw::PhysAddr page =
               board->kernel.alloc_page(kernel::Activity::fs, hw::AllocSite::page_cache)) {
      taken.push_back(page);
    }
    for (Bios::One* one : ready) {
      board->kernel.kthread_run("submitter", [&, one] {
        bios->submit(*one, *crypt);
        --running;
      });
    }
    bios->wait();
    EXPECT_EQ(running, 0u);
    for (Bios::One* one : ready) EXPECT_EQ(one->error, 0);
    for (unsigned i = 0; i < 4; ++i) {
      EXPECT_EQ(on_disk(512 * i, data[i].size()), encrypted(512 * i, data[i])) << i;
    }
    for (hw::PhysAddr page : taken) board->kernel.free_page(page, kernel::Activity::fs);
    bios->check_and_free();
  });
  EXPECT_LE(crypt->stats().max_in_flight, 5u);
  EXPECT_GT(crypt->stats().waits, 0u);
}

// --- whatever a driver does -----------------------------------------------------------------

TEST_F(AsyncTest, RandomOrder) {
  build(2, 200);
  torture(3, 25);
  EXPECT_EQ(failed, 0u);
  EXPECT_EQ(crypt->stats().failed_sectors, 0u);
}

TEST_F(AsyncTest, RandomOrderOutOfPlace) {
  build(2, 200, true);
  torture(3, 25);
  EXPECT_EQ(failed, 0u);
  EXPECT_EQ(board->kernel.bytes_copied(), 0u);
}

TEST_F(AsyncTest, RandomFailures) {
  build(2, 200);
  engine->verdict = [this](Cryptop&) { return engine->random() % 100 == 0 ? EIO : 0; };
  torture(3, 25);
  EXPECT_GT(failed, 20u);
  EXPECT_LT(failed, ended);
  EXPECT_GT(crypt->stats().failed_sectors, 20u);
  EXPECT_EQ(crypt->stats().convert_errors, failed);
}

/// No room, no memory, full, for good: the first three are waited for.
TEST_F(AsyncTest, RandomRefusals) {
  build(2, 200, false, driver::OcfPolicy::v2006);  // 2010 leaks a place in its limit each time
  engine->refuse = [this](Cryptop& crp) {
    (void)crp;
    return engine->random() % 20 == 0 ? ENOMEM : 0;
  };
  torture(3, 25);
  EXPECT_EQ(failed, 0u);
  EXPECT_GT(crypt->stats().retries, 50u);
}

TEST_F(AsyncTest, ARefusalForGoodIsAnError) {
  build(1);
  engine->refuse = [](Cryptop&) { return EINVAL; };
  board->run([&] {
    auto& write = bios->write(*crypt, 0, random(65536));
    auto& read = bios->read(*crypt, 0, 65536);
    bios->wait();
    EXPECT_EQ(write.error, -EIO);
    EXPECT_EQ(read.error, -EIO);
    bios->check_and_free();
  });
  EXPECT_EQ(board->soc.disk().store().written_sectors(), 0u);
  EXPECT_EQ(crypt->stats().failed_sectors, 2u);  // the rest is not even tried
}

/// The driver is full and the core keeps what it refused: others overtake.
TEST_F(AsyncTest, ADriverThatRestarts) {
  build(2, 200, false, driver::OcfPolicy::v2005);
  engine->refuse = [this](Cryptop&) { return engine->queue.size() >= 7 ? ERESTART : 0; };
  engine->verdict = [this](Cryptop&) {
    board->crypto->crypto_unblock(engine->id, driver::CRYPTO_SYMQ);
    return 0;
  };
  torture(3, 10);
  EXPECT_EQ(failed, 0u);
  EXPECT_GT(board->crypto->stats().cs_blocks, 10u);
}

/// Marvell's core hands ERESTART to the client, who is to try again.
TEST_F(AsyncTest, ADriverWhoseRestartsReachTheClient) {
  settings.batch = true;
  build(2, 200, false, driver::OcfPolicy::marvell);
  engine->refuse = [this](Cryptop&) { return engine->queue.size() >= 7 ? ERESTART : 0; };
  torture(3, 5);
  EXPECT_EQ(failed, 0u);
  EXPECT_EQ(engine->max_queue, 7u);
}

/// FaultKind::unregister: the core itself moves the sessions.
TEST_F(AsyncTest, DriversThatComeAndGo) {
  build(2, 200, true, driver::OcfPolicy::v2010);
  EngineDriver other(board->kernel, *board->crypto);
  other.two_buffers = true;
  hw::FaultRule rule;
  rule.name = "away";
  rule.kind = hw::FaultKind::unregister;
  rule.nth = 500;
  rule.every = 700;
  rule.times = 8;
  hw::FaultPlan plan({rule}, 7);
  board->kernel.set_faults(&plan);
  torture(3, 20);
  EXPECT_GT(plan.fired(), 3u);
  EXPECT_GT(crypt->stats().migrations, 3u);
  EXPECT_EQ(failed, 0u);
  crypt.reset();
}

/// The session moves while requests are inside: the first of the new sessions is taken, the others
/// are closed, every sector is posted again, nothing fails. (Here the driver plays the core's
/// part.)
TEST_F(AsyncTest, ASessionThatMoves) {
  build(2, 200);
  std::set<std::uint64_t> dead;
  unsigned moves = 0;
  std::uint64_t bounced = 0;
  engine->verdict = [&](Cryptop& crp) {
    if (engine->random() % 200 == 0 && dead.insert(crp.crp_sid).second) ++moves;
    if (dead.count(crp.crp_sid) == 0) return 0;
    ++bounced;
    driver::CryptoIni cri;
    cri.cri_alg = driver::Alg::aes_cbc;
    cri.cri_klen = 128;
    cri.cri_key = table.key;
    EXPECT_EQ(board->crypto->crypto_newsession(&crp.crp_sid, cri), 0);
    return EAGAIN;
  };
  torture(3, 20);
  EXPECT_EQ(failed, 0u);
  EXPECT_GT(moves, 5u);
  EXPECT_GT(bounced, moves);
  EXPECT_EQ(crypt->stats().migrations, moves);
  // Those that died were the core's to close; of the others one is in use.
  std::size_t open = 0;
  for (const auto& session : engine->sessions) open += dead.count(session.first) == 0 ? 1 : 0;
  EXPECT_EQ(open, 1u);
}

/// Out of place, and the driver that takes over has one buffer only: what was inside and what comes
/// after is copied and ciphered in place.
TEST_F(AsyncTest, ASessionThatMovesToADriverWithOneBuffer) {
  build(1, 1024, true);
  engine->manual = true;
  EngineDriver other(board->kernel, *board->crypto);
  other.called = "one buffer";
  const Bytes one = random(4096);
  const Bytes two = random(8192);
  board->run([&] {
    bios->write(*crypt, 0, one);
    ASSERT_EQ(engine->queue.size(), 8u);
    EXPECT_NE(engine->queue[0]->crp_out_buf, 0u);
    board->crypto->crypto_unregister_all(engine->id);
    while (!engine->queue.empty()) {
      Cryptop* crp = engine->queue.back();
      driver::CryptoIni cri;
      cri.cri_alg = crp->crp_desc.crd_alg;
      cri.cri_klen = crp->crp_desc.crd_klen;
      cri.cri_key = crp->crp_desc.crd_key;
      ASSERT_EQ(board->crypto->crypto_newsession(&crp->crp_sid, cri, driver::CRYPTO_CRID_HARDWARE),
                0);
      engine->complete(crp, EAGAIN);
    }
    bios->wait();
    EXPECT_EQ(board->kernel.bytes_copied(), 4096u);
    bios->write(*crypt, 100, two);
    bios->wait();
    EXPECT_EQ(board->kernel.bytes_copied(), 12288u);
    for (const auto& bio : bios->all) EXPECT_EQ(bio.error, 0);
    bios->check_and_free();
  });
  EXPECT_EQ(on_disk(0, 4096), encrypted(0, one));
  EXPECT_EQ(on_disk(100, 8192), encrypted(100, two));
  EXPECT_EQ(crypt->stats().migrations, 1u);
  EXPECT_EQ(other.sessions.size(), 1u);
  crypt.reset();
}

/// Nobody takes the session for a while, then somebody does.
TEST_F(AsyncTest, NoDriverForAWhile) {
  build(1);
  bool away = true;
  engine->verdict = [&](Cryptop&) { return away ? EAGAIN : 0; };
  // No new session either.
  board->run([&] {
    board->crypto->crypto_unregister_all(engine->id);
    const Bytes data = random(4096);
    auto& write = bios->write(*crypt, 0, data);
    sleep(2 * kS);
    EXPECT_EQ(write.ends, 0u);
    EngineDriver back(board->kernel, *board->crypto);
    away = false;
    bios->wait();
    EXPECT_EQ(write.error, 0);
    EXPECT_EQ(on_disk(0, 4096), encrypted(0, data));
    EXPECT_EQ(crypt->stats().migrations, 1u);
    bios->check_and_free();
    crypt.reset();
  });
}

TEST_F(AsyncTest, NoDriverAnyMore) {
  build(1);
  board->run([&] {
    board->crypto->crypto_unregister_all(engine->id);
    auto& write = bios->write(*crypt, 0, random(4096));
    bios->wait();
    EXPECT_EQ(write.error, -EIO);
    EXPECT_GE(write.ended_at, 30 * kS);
    EXPECT_LT(write.ended_at, 31 * kS);
    bios->check_and_free();
  });
  EXPECT_EQ(board->soc.disk().store().written_sectors(), 0u);
}

/// The core ciphers with interrupts off, holding its queue's lock (2005, as the change log has it):
/// the callback may neither sleep nor dispatch.
TEST_F(AsyncTest, CallbacksWithInterruptsOff) {
  board = std::make_unique<Board>(2);
  driver::OcfOptions options(driver::OcfPolicy::v2005);
  options.irqs_off = driver::IrqsOff::backlog;
  board->crypto = std::make_unique<driver::Crypto>(board->kernel, test::test_ocf_costs(), options);
  board->cryptosoft = std::make_unique<driver::Cryptosoft>(
      board->kernel, *board->crypto, test::test_driver_costs(), test::test_cipher_costs());
  make(200, false);
  hw::FaultRule rule;
  rule.name = "engine";
  rule.kind = hw::FaultKind::engine_error;
  rule.probability = 0.01;
  hw::FaultPlan plan({rule}, 7);
  board->kernel.set_faults(&plan);
  torture(3, 10);
  EXPECT_GT(failed, 0u);
  EXPECT_EQ(board->crypto->stats().self_deadlocks, 0u);
}

/// Requests for which there is no memory at first.
TEST_F(AsyncTest, NoMemoryForRequestsNowAndThen) {
  build(2, 200);
  hw::FaultRule rule;
  rule.name = "r";
  rule.kind = hw::FaultKind::request_alloc;
  rule.probability = 0.05;
  hw::FaultPlan plan({rule}, 7);
  board->kernel.set_faults(&plan);
  torture(2, 15);
  EXPECT_GT(plan.fired(), 20u);
  EXPECT_EQ(failed, 0u);
  EXPECT_GT(crypt->stats().retries, 20u);
}

}  // namespace
}  // namespace cesasim::dmcrypt
