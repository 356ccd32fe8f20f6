// SPDX-License-Identifier: Apache-2.0
// ocf-lsp: what Marvell's descendant of the patch does otherwise than ocf-v3, faults included.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dmcrypt_model/path_ocf.h"
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

class LspTest : public testing::Test {
 protected:
  void build(unsigned cores = 1, driver::OcfPolicy policy = driver::OcfPolicy::marvell) {
    board = std::make_unique<Board>(cores);
    board->crypto = std::make_unique<driver::Crypto>(board->kernel, test::test_ocf_costs(), policy);
    engine = std::make_unique<EngineDriver>(board->kernel, *board->crypto);
    crypt = std::make_unique<OcfLspPath>(board->kernel, table, test::test_dmcrypt_costs(),
                                         test::test_cipher_costs(), board->queue, *board->crypto);
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

  CryptTable table = test::crypt_table();
  std::unique_ptr<Board> board;
  std::unique_ptr<EngineDriver> engine;
  std::unique_ptr<OcfLspPath> crypt;
  std::unique_ptr<Bios> bios;
  std::mt19937 random_{3};
};

/// A driver with few slots, as the CESA's: with ocf-v3 a bio of 128 KiB would fail.
TEST_F(LspTest, RefusedRequestsAreTriedAgain) {
  build(2);
  engine->refuse = [this](Cryptop&) { return engine->queue.size() >= 63 ? ERESTART : 0; };
  const Bytes data = random(131072);
  board->run([&] {
    for (unsigned i = 0; i < 4; ++i) bios->write(*crypt, 256 * i, data);
    bios->wait();
    for (const auto& one : bios->all) EXPECT_EQ(one.error, 0);
    bios->check_and_free();
  });
  for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(on_disk(256 * i, 131072), encrypted(256 * i, data));
  EXPECT_GT(crypt->stats().retries, 4u);
  EXPECT_EQ(engine->max_queue, 63u);
  EXPECT_EQ(crypt->stats().convert_errors, 0u);
}

/// With nothing inside OCF there is nobody to wait for: it asks again and again.
TEST_F(LspTest, WithNothingInsideItSpins) {
  build();
  bool busy = true;
  engine->refuse = [&](Cryptop&) { return busy ? ERESTART : 0; };
  board->kernel.kthread_run(
      "other",
      [&] {
        sleep(20 * kMs);
        busy = false;
      },
      -20);
  board->run([&] {
    auto& write = bios->write(*crypt, 0, random(512));
    bios->wait();
    EXPECT_EQ(write.error, 0);
    EXPECT_GE(write.ended_at, 20 * kMs);
    bios->check_and_free();
  });
  EXPECT_GT(crypt->stats().retries, 1000u);
  EXPECT_EQ(crypt->stats().waits, 0u);
}

/// The submitter does nothing, kcryptd everything.
TEST_F(LspTest, KcryptdDoesEverything) {
  build();
  engine->manual = true;
  board->run([&] {
    bios->write(*crypt, 0, random(4096));
    EXPECT_EQ(engine->queue.size(), 0u);
    sleep(5 * kMs);
    ASSERT_EQ(engine->queue.size(), 8u);
    EXPECT_EQ(engine->queue[0]->crp_flags & driver::CRYPTO_F_BATCH, driver::CRYPTO_F_BATCH);
    EXPECT_EQ(engine->queue[0]->crp_flags & driver::CRYPTO_F_CBIMM, driver::CRYPTO_F_CBIMM);
    while (!engine->queue.empty()) engine->complete(engine->queue.front());
    bios->wait();
    bios->check_and_free();
  });
}

/// A write that waits for its sectors holds up its processor's kcryptd: a read of other sectors
/// cannot even be submitted to the disk.
TEST_F(LspTest, AWriteHoldsUpReads) {
  build();
  engine->manual = true;
  board->run([&] {
    bios->write(*crypt, 0, random(4096));
    sleep(5 * kMs);
    auto& read = bios->read(*crypt, 1000, 512);
    sleep(100 * kMs);
    EXPECT_EQ(board->queue.stats().read_requests, 0u);
    while (!engine->queue.empty()) engine->complete(engine->queue.front());
    sleep(5 * kMs);
    EXPECT_EQ(board->queue.stats().read_requests, 1u);
    EXPECT_EQ(read.ends, 0u);
    engine->complete(engine->queue.front());
    bios->wait();
    bios->check_and_free();
  });
}

/// The error of a read's conversion is never seen: the bio never ends.
TEST_F(LspTest, AReadWhoseConversionFailsNeverEnds) {
  build();
  hw::FaultRule rule;
  rule.name = "none";
  rule.kind = hw::FaultKind::request_alloc;
  rule.nth = 3;
  rule.times = 1;
  hw::FaultPlan plan({rule}, 1);
  board->run([&] {
    board->kernel.set_faults(&plan);
    auto& read = bios->read(*crypt, 0, 4096);
    sleep(100 * kS);
    EXPECT_EQ(plan.fired(), 1u);
    EXPECT_EQ(read.ends, 0u);
    EXPECT_EQ(crypt->stats().convert_errors, 1u);
    board->kernel.set_faults(nullptr);
  });
}

/// As ocf-v3: order assumed, crp_etype ignored.
TEST_F(LspTest, TheFaultsOfV3AreThere) {
  build();
  engine->manual = true;
  const Bytes data = random(4096);
  board->run([&] {
    auto& write = bios->write(*crypt, 0, data);
    sleep(5 * kMs);
    while (!engine->queue.empty()) engine->complete(engine->queue.front(), EIO);
    bios->wait();
    EXPECT_EQ(write.error, 0);
    EXPECT_NE(on_disk(0, 4096), encrypted(0, data));
    EXPECT_EQ(crypt->stats().ignored_errors, 8u);
    auto& read = bios->read(*crypt, 0, 4096);
    sleep(20 * kMs);
    ASSERT_EQ(engine->queue.size(), 8u);
    engine->complete(engine->queue.back());
    EXPECT_EQ(read.ends, 1u);
    while (!engine->queue.empty()) engine->complete(engine->queue.front());
    bios->check_and_free();
  });
}

/// A request that ends inside its own dispatch: the callback takes the lock that is held around it,
/// and the original's processor stops for good. Here it is counted and the run goes on.
TEST_F(LspTest, ARequestThatEndsInsideDispatchIsADeadlock) {
  build();
  engine->at_once = true;
  const Bytes data = random(4096);
  board->run([&] {
    bios->write(*crypt, 0, data);
    bios->wait();
    EXPECT_EQ(crypt->stats().self_deadlocks, 8u);
    bios->check_and_free();
  });
  EXPECT_EQ(on_disk(0, 4096), encrypted(0, data));
}

/// A driver that goes away: every sector comes back with EAGAIN, and nobody looks.
TEST_F(LspTest, AMovedSessionIsLost) {
  build();
  const Bytes data = random(4096);
  board->run([&] {
    board->crypto->crypto_unregister_all(engine->id);
    bios->write(*crypt, 0, data);
    bios->wait();
    EXPECT_EQ(crypt->stats().ignored_errors, 8u);
    bios->check_and_free();
  });
  EXPECT_EQ(on_disk(0, 4096), data);
}

TEST_F(LspTest, ASoftwareDriverIsRefused) {
  board = std::make_unique<Board>(1);
  board->add_ocf(driver::OcfPolicy::marvell, "cryptosoft");
  try {
    crypt = std::make_unique<OcfLspPath>(board->kernel, table, test::test_dmcrypt_costs(),
                                         test::test_cipher_costs(), board->queue, *board->crypto);
    FAIL();
  } catch (const CipherSpecError& error) {
    const std::string why = error.what();
    EXPECT_THAT(why, testing::HasSubstr("cryptosoft"));
    EXPECT_THAT(why, testing::HasSubstr("lock"));
    EXPECT_THAT(why, testing::HasSubstr("valid: a hardware driver"));
  }
}

}  // namespace
}  // namespace cesasim::dmcrypt
