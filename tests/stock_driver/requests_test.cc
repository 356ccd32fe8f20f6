// SPDX-License-Identifier: Apache-2.0
// How the driver treats many requests and what goes wrong under them: chains, two engines, the
// backlog, bus errors, lost and false interrupts, memory that runs out, bad requests.
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "hw_model/cesa/registers.h"
#include "tests/stock_driver/fixture.h"

namespace cesasim::stock {
namespace {

const CipherAlgorithm& kCbcAes = cipher_algorithms()[5];
const HashAlgorithm& kSha1 = hash_algorithms()[1];

/// AES-128-CBC encryptions of random data under one key.
class Sectors {
 public:
  explicit Sectors(unsigned seed = 5)
      : rng_(seed), key_(random_bytes(rng_, 16)), cipher_(kCbcAes, key_) {}

  /// Another request; its result from the driver.
  int submit(std::size_t bytes = 512, unsigned flags = 0) {
    Job& job = *jobs_.emplace_back(std::make_unique<Job>());
    job.iv = random_bytes(rng_, 16);
    job.input = random_bytes(rng_, bytes);
    job.request = std::make_unique<CipherRequest>(cipher_, job.iv, Scattered(job.input));
    return job.request->submit(true, flags);
  }
  void submit_all(unsigned n, std::size_t bytes = 512) {
    for (unsigned i = 0; i < n; ++i) ASSERT_EQ(submit(bytes), -EINPROGRESS);
  }

  CipherRequest& request(std::size_t i) { return *jobs_[i]->request; }
  std::size_t size() const { return jobs_.size(); }
  std::size_t ended() const {
    std::size_t n = 0;
    for (const auto& job : jobs_) n += job->request->ended();
    return n;
  }
  void expect_right(std::size_t i) const {
    const Job& job = *jobs_[i];
    EXPECT_TRUE(job.request->ended()) << i;
    EXPECT_EQ(job.request->error(), 0) << i;
    EXPECT_EQ(job.request->output(), reference_cipher(kCbcAes, true, key_, job.iv, job.input)) << i;
  }
  void expect_all_right() const {
    for (std::size_t i = 0; i < jobs_.size(); ++i) expect_right(i);
  }

 private:
  struct Job {
    Bytes iv, input;
    std::unique_ptr<CipherRequest> request;
  };
  Rng rng_;
  Bytes key_;
  Cipher cipher_;
  std::vector<std::unique_ptr<Job>> jobs_;
};

// --- Chains

TEST_F(StockDriverTest, WhatIsQueuedWhileTheEngineRunsBecomesOneChain) {
  Board& board = boot(kKirkwood);
  {
    Sectors sectors;
    sectors.submit_all(100);
    board.kernel.run_until_quiet();
    sectors.expect_all_right();
  }
  // The first starts alone, the others wait for it and go together.
  EXPECT_EQ(board.stats().chains, 2u);
  EXPECT_EQ(board.stats().interrupts, 2u);
  EXPECT_EQ(board.kernel.interrupts_delivered(irq_line(0)), 2u);
  EXPECT_EQ(board.stats().operations, 100u);
  // Context, data, launch, data, IV: five descriptors each.
  EXPECT_EQ(board.stats().descriptors, 500u);
}

TEST_F(StockDriverTest, OneAfterTheOtherIsOneInterruptEach) {
  Board& board = boot(kKirkwood);
  Sectors sectors;
  for (unsigned i = 0; i < 10; ++i) {
    ASSERT_EQ(sectors.submit(), -EINPROGRESS);
    ASSERT_TRUE(wait_for(sectors.request(i)));
  }
  sectors.expect_all_right();
  EXPECT_EQ(board.stats().interrupts, 10u);
}

TEST_F(StockDriverTest, WholeDigestsJoinAChainPartialOnesEndIt) {
  Board& board = boot(kKirkwood);
  Rng rng(6);
  const Bytes data = random_bytes(rng, 640);
  Sectors sectors;
  Hash hash(kSha1);
  HashRequest whole(hash), partial(hash);
  ASSERT_EQ(partial.init(), 0);
  sectors.submit_all(3);  // chains 1 and 2
  ASSERT_EQ(whole.digest(Scattered(data), data.size()), -EINPROGRESS);
  sectors.submit_all(2);
  ASSERT_EQ(partial.update(Scattered(data), data.size()), -EINPROGRESS);  // the last of chain 2
  sectors.submit_all(2);                                                  // chain 3
  board.kernel.run_until_quiet();
  EXPECT_EQ(board.stats().chains, 3u);
  EXPECT_EQ(board.stats().interrupts, 3u);
  // One whose state has to be loaded first cannot follow in a chain.
  sectors.submit_all(2);                     // chains 4 and 5
  ASSERT_EQ(partial.final(), -EINPROGRESS);  // chain 6
  board.kernel.run_until_quiet();
  EXPECT_EQ(board.stats().chains, 6u);
  sectors.expect_all_right();
  EXPECT_EQ(whole.result(), reference_hash(kSha1, {}, data));
  EXPECT_EQ(partial.result(), reference_hash(kSha1, {}, data));
}

TEST_F(StockDriverTest, WithoutTdmaEveryPayloadIsAnInterrupt) {
  Board& board = boot(kOrion);
  const CipherAlgorithm& ecb = cipher_algorithms()[4];
  Rng rng(7);
  const Bytes key = random_bytes(rng, 32);
  const Bytes data = random_bytes(rng, 4 * 1920 + 16);
  Cipher cipher(ecb, key);
  CipherRequest request(cipher, {}, Scattered(data, rng));
  ASSERT_EQ(request.submit(true), -EINPROGRESS);
  ASSERT_TRUE(wait_for(request));
  EXPECT_EQ(request.output(), reference_cipher(ecb, true, key, {}, data));
  EXPECT_EQ(board.stats().interrupts, 5u);
  EXPECT_EQ(board.stats().descriptors, 0u);
}

// --- Two engines

TEST_F(StockDriverTest, EqualRequestsAlternateBetweenTheEngines) {
  Board& board = boot(kArmada38x);
  Sectors sectors;
  sectors.submit_all(40);
  board.kernel.run_until_quiet();
  sectors.expect_all_right();
  for (unsigned i = 0; i < 2; ++i) {
    EXPECT_EQ(board.engine(i).stats().operations, 20u);
    EXPECT_EQ(board.kernel.interrupts_delivered(irq_line(i)), 2u);
  }
}

TEST_F(StockDriverTest, TheEngineWithFewerBytesIsChosen) {
  Board& board = boot(kArmada38x);
  Sectors sectors;
  sectors.submit_all(1, 16 * 512);
  sectors.submit_all(16, 512);  // as many bytes together
  board.kernel.run_until_quiet();
  sectors.expect_all_right();
  EXPECT_EQ(board.engine(0).stats().operations, 5u);  // fragments of the large one
  EXPECT_EQ(board.engine(1).stats().operations, 16u);
}

// --- The queue

TEST_F(StockDriverTest, BeyondTheQueueOnlyTheBacklog) {
  constexpr unsigned kQueue = 128;  // CESA_CRYPTO_DEFAULT_MAX_QLEN
  Board& board = boot(kKirkwood);
  Sectors sectors, refused(8);
  sectors.submit_all(1 + kQueue);  // the first runs
  EXPECT_EQ(refused.submit(), -ENOSPC);
  for (unsigned i = 0; i < 5; ++i) {
    EXPECT_EQ(sectors.submit(512, CRYPTO_TFM_REQ_MAY_BACKLOG), -EBUSY);
  }
  EXPECT_EQ(refused.submit(), -ENOSPC);
  board.kernel.run_until_quiet();
  sectors.expect_all_right();
  for (std::size_t i = 0; i < sectors.size(); ++i) {
    EXPECT_EQ(sectors.request(i).promoted(), i > kQueue ? 1u : 0u) << i;
  }
  EXPECT_EQ(refused.ended(), 0u);
  EXPECT_EQ(refused.submit(), -EINPROGRESS);  // there is room again
  board.kernel.run_until_quiet();
  refused.expect_right(2);
}

// --- Errors

// The driver knows no TDMA error: it neither unmasks them nor looks at ERROR_CAUSE, and it has no
// time limit. One bus error stops its engine for good, and quietly.
TEST_F(StockDriverTest, ABusErrorStopsAnEngineForGood) {
  // The transfers of the first request: descriptor, context, descriptor, data, descriptor,
  // descriptor, data, descriptor, context.
  for (const unsigned nth : {0u, 1u, 3u, 6u, 8u}) {
    Board& board = boot(kKirkwood);
    {
      Sectors sectors;
      board.fail_dma(nth);
      sectors.submit_all(3);
      board.kernel.run_until_quiet();
      EXPECT_EQ(sectors.ended(), 0u) << nth;
      EXPECT_EQ(board.kernel.interrupts_delivered(irq_line(0)), 0u);
      using namespace hw::cesa_reg;  // NOLINT(google-build-using-namespace): names only
      EXPECT_EQ(board.engine().peek(kTdmaErrorCause), hw::cesa_bit::tdma_error::kDataError);
      EXPECT_EQ(board.engine().peek(kIntCause) & hw::cesa_bit::irq::kAccel0DmaDone, 0u);
      EXPECT_EQ(board.engine().peek(kCmd), 0u);
      // What comes later is accepted and waits behind it.
      EXPECT_EQ(sectors.submit(), -EINPROGRESS);
      board.kernel.run_until_quiet();
      EXPECT_EQ(sectors.ended(), 0u);
      EXPECT_EQ(board.stats().chains, 1u);
    }
    EXPECT_EQ(board.stats().guest_errors, 1u);
    // We gave up the three that wait behind the first.
    EXPECT_EQ(board.kernel.take_reports(), std::vector<std::string>(3, kFreedWhileQueued));
    // Four requests' descriptors, contexts and mappings; a tfm is not in use any more.
    const std::vector<std::string> left = unbind();
    EXPECT_EQ(left.size(), 2u + 4u);
    EXPECT_NE(std::find(left.begin(), left.end(), "dma_pool_destroy tdma_desc: 20 objects busy"),
              left.end());
    EXPECT_NE(std::find(left.begin(), left.end(), "dma_pool_destroy cesa_op: 4 objects busy"),
              left.end());
    board_.reset();
  }
}

TEST_F(StockDriverTest, ALateInterruptIsNoHarm) {
  Board& board = boot(kKirkwood);
  Sectors sectors;
  board.kernel.hold_interrupts(true);
  sectors.submit_all(20);
  board.kernel.run_until_quiet();
  EXPECT_EQ(sectors.ended(), 0u);
  board.kernel.hold_interrupts(false);
  board.kernel.run_until_quiet();
  sectors.expect_all_right();
}

// A level cannot be lost on its way, but something else may clear the cause. The driver waits
// without a time limit, and so does all that is queued behind.
TEST_F(StockDriverTest, ALostInterruptStopsAnEngineForGood) {
  Board& board = boot(kArmada38x);
  Sectors sectors;
  board.kernel.hold_interrupts(true);
  sectors.submit_all(4);
  board.kernel.run_until_quiet();
  board.engine(0).write(hw::cesa_reg::kIntCause, 0, 0);
  board.kernel.hold_interrupts(false);
  board.kernel.run_until_quiet();
  // Those of the other engine end. Its load is lower then, so it gets what comes.
  EXPECT_EQ(sectors.ended(), 2u);
  sectors.expect_right(1);
  sectors.expect_right(3);
  sectors.submit_all(2);
  board.kernel.run_until_quiet();
  sectors.expect_right(4);
  EXPECT_FALSE(sectors.request(0).ended());
  EXPECT_FALSE(sectors.request(2).ended());
  // Starting the stuck engine's chain by hand announces what was done before: the driver goes on
  // from there.
  EXPECT_EQ(board.engine(0).stats().chains, 1u);
  board.engine(0).write(hw::cesa_reg::kTdmaNext, board.engine(0).peek(hw::cesa_reg::kTdmaCurrent),
                        0);
  board.engine(0).write(hw::cesa_reg::kCmd, hw::cesa_bit::cmd::kActivate0, 0);
  board.kernel.run_until_quiet();
  sectors.expect_all_right();
}

TEST_F(StockDriverTest, AFalseInterruptIsNotItsOwn) {
  Board& board = boot(kKirkwood);
  EXPECT_EQ(board.kernel.spurious_interrupt(irq_line(0)), IRQ_NONE);
  Sectors sectors;
  sectors.submit_all(10);
  unsigned false_ones = 0;
  board.kernel.run_until([&] {
    if (!board.irq(irq_line(0))) {
      EXPECT_EQ(board.kernel.spurious_interrupt(irq_line(0)), IRQ_NONE);
      ++false_ones;
    }
    return sectors.ended() == 10;
  });
  EXPECT_GT(false_ones, 50u);  // about one for every descriptor
  sectors.expect_all_right();
}

TEST_F(StockDriverTest, MemoryThatRunsOutIsReportedAndGivenBack) {
  Board& board = boot(kKirkwood);
  unsigned n = 0;
  for (bool failed = true; failed; ++n) {
    Sectors sectors;
    const std::size_t before = board.kernel.memory.live_blocks();
    board.kernel.fail_pool_allocation(n);
    const int result = sectors.submit(3008);
    failed = !board.kernel.pool_failure_pending();
    EXPECT_EQ(result, failed ? -ENOMEM : -EINPROGRESS);
    board.kernel.run_until_quiet();
    EXPECT_EQ(sectors.ended(), failed ? 0u : 1u);
    EXPECT_EQ(board.kernel.memory.live_blocks(), before) << "allocation " << n;
  }
  // Two fragments of context, data, launch and data; the IV; two contexts; and one that worked.
  EXPECT_EQ(n, 2u * 4 + 1 + 2 + 1);
}

TEST_F(StockDriverTest, BadRequestsAreRefused) {
  Board& board = boot(kKirkwood);
  Rng rng(9);
  EXPECT_EQ(Cipher(kCbcAes, Bytes(20)).key_error(), -EINVAL);
  EXPECT_EQ(Cipher(kCbcAes, Bytes(8)).key_error(), -EINVAL);
  Cipher cipher(kCbcAes, random_bytes(rng, 16));
  CipherRequest part_of_a_block(cipher, Bytes(16), Scattered(Bytes(24)));
  EXPECT_EQ(part_of_a_block.submit(true), -EINVAL);
  CipherRequest nothing(cipher, Bytes(16), Scattered(Bytes()));
  EXPECT_EQ(nothing.submit(true), 0);
  CipherRequest short_output(cipher, Bytes(16), Scattered(Bytes(64)),
                             std::make_unique<Scattered>(Bytes(48)));
  EXPECT_EQ(short_output.submit(true), -EINVAL);
  EXPECT_EQ(board.kernel.take_reports(),
            std::vector<std::string>{"mv_crypto: Invalid number of dst SG"});
  EXPECT_EQ(board.stats().chains, 0u);
}

TEST_F(StockDriverTest, WeakDesKeysAreRefusedOnDemand) {
  boot(kKirkwood);
  const Bytes weak(8, 0x01);
  Cipher des(cipher_algorithms()[1], weak);
  EXPECT_EQ(des.key_error(), 0);
  des.tfm()->base.crt_flags = CRYPTO_TFM_REQ_FORBID_WEAK_KEYS;
  EXPECT_EQ(crypto_skcipher_setkey(des.tfm(), weak.data(), 8), -EINVAL);
  Cipher des3(cipher_algorithms()[3], Bytes(24, 0x13));
  EXPECT_EQ(des3.key_error(), 0);
  des3.tfm()->base.crt_flags = CRYPTO_TFM_REQ_FORBID_WEAK_KEYS;
  EXPECT_EQ(crypto_skcipher_setkey(des3.tfm(), Bytes(24, 0x13).data(), 24), -EINVAL);
}

// --- The memory that the tests rely on

TEST(DmaMemoryTest, OnlyLiveBlocksAnswer) {
  DmaMemory memory;
  const std::uint32_t a = memory.allocate(100, 16);
  const std::uint32_t b = memory.allocate(64, 128, 5);
  EXPECT_EQ(b % 128, 5u);
  std::uint8_t bytes[128] = {};
  EXPECT_TRUE(memory.device_write(a, bytes, 100));
  EXPECT_TRUE(memory.device_read(a + 99, bytes, 1));
  EXPECT_FALSE(memory.device_read(a + 99, bytes, 2));
  EXPECT_FALSE(memory.device_read(a - 1, bytes, 1));
  EXPECT_FALSE(memory.device_read(0, bytes, 1));
  EXPECT_FALSE(memory.device_read(0xFFFFFFFF, bytes, 1));
  EXPECT_FALSE(memory.device_read(hw::PhysAddr{a} + (hw::PhysAddr{1} << 32), bytes, 1));
  EXPECT_TRUE(memory.release(a));
  EXPECT_FALSE(memory.release(a));
  EXPECT_FALSE(memory.device_read(a, bytes, 1));
  EXPECT_TRUE(memory.device_read(b, bytes, 64));
}

TEST(DmaMemoryTest, FullAndAroundTheEnd) {
  DmaMemory memory;
  std::vector<std::uint32_t> blocks;
  while (const std::uint32_t at = memory.allocate(1 << 20, 1)) blocks.push_back(at);
  EXPECT_EQ(blocks.size(), 14u);  // of 15, with the guards
  EXPECT_TRUE(memory.release(blocks[3]));
  EXPECT_EQ(memory.allocate(1 << 20, 1), blocks[3]);
  EXPECT_EQ(memory.allocate(1 << 20, 1), 0u);
}

}  // namespace
}  // namespace cesasim::stock
