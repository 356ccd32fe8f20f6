// SPDX-License-Identifier: Apache-2.0
// Faults of the stock driver, each pinned so that a test fails on the day it goes away or comes
// back (release.h: who has which), and on the day the model hides it. They follow from the driver's
// source and this model, not from silicon. The numbers are README.md's.
#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "hw_model/cesa/registers.h"
#include "tests/stock_driver/fixture.h"
#include "tests/stock_driver/release.h"
#include "tests/stock_driver/workload.h"

namespace cesasim::stock {
namespace {

const HashAlgorithm& hash_named(std::string_view name) {
  for (const HashAlgorithm& alg : hash_algorithms()) {
    if (alg.driver_name == name) return alg;
  }
  throw std::out_of_range(std::string(name));
}

class KnownBugTest : public StockDriverTest {
 protected:
  /// `seen`: the driver has just done what it does by this fault.
  static void expect_bug(int number, bool seen, const std::string& where = "") {
    EXPECT_EQ(seen, has_fault(number))
        << "bug " << number << (seen ? " has come" : " has gone") << " in the driver of Linux "
        << STOCK_LINUX_MAJOR << "." << STOCK_LINUX_MINOR << " " << where;
  }
  Bytes digest(const HashAlgorithm& alg, const Bytes& key, const Bytes& data) {
    Hash hash(alg, key);
    EXPECT_EQ(hash.key_error(), 0);
    HashRequest request(hash);
    EXPECT_EQ(request.digest(Scattered(data), data.size()), -EINPROGRESS);
    EXPECT_TRUE(wait_for(request));
    EXPECT_EQ(request.error(), 0);
    return request.result();
  }
  Bytes update_then_final(const HashAlgorithm& alg, const Bytes& key, const Bytes& data) {
    Hash hash(alg, key);
    HashRequest request(hash);
    EXPECT_EQ(request.init(), 0);
    request.update(Scattered(data), data.size());
    EXPECT_TRUE(wait_for(request));
    EXPECT_EQ(request.final(), -EINPROGRESS);
    EXPECT_TRUE(wait_for(request));
    return request.result();
  }

  Rng rng_{10};
};

// Bug 1. Without TDMA the padding that the driver writes itself lands behind the place that it is
// hashed from: it adds the padding's length to the message's before it computes the address.
TEST_F(KnownBugTest, PioHashPaddingInTheWrongPlace) {
  Board& board = boot(kOrion);
  const HashAlgorithm& md5 = hash_named("mv-md5");
  expect_bug(1, digest(md5, {}, {}) != reference_hash(md5, {}, {}));
  // The padding of an empty message is 64 bytes and belongs at 0x80, where data starts.
  const unsigned padding_at = has_fault(1) ? 0x80 + 64 : 0x80;
  EXPECT_EQ(board.engine().sram()[padding_at], 0x80);
  EXPECT_EQ(board.engine().sram()[0x80], has_fault(1) ? 0x00 : 0x80);

  const Bytes whole_block = random_bytes(rng_, 64);
  expect_bug(1, update_then_final(md5, {}, whole_block) != reference_hash(md5, {}, whole_block));
  // Where the engine pads there is nothing to put in the wrong place.
  const Bytes some = random_bytes(rng_, 100);
  EXPECT_EQ(digest(md5, {}, some), reference_hash(md5, {}, some));
  EXPECT_EQ(update_then_final(md5, {}, some), reference_hash(md5, {}, some));
}

TEST_F(KnownBugTest, PioPaddingOfLongMessages) {
  boot(kOrion);
  const HashAlgorithm& sha1 = hash_named("mv-sha1");
  const Bytes fits = random_bytes(rng_, 65535);
  EXPECT_EQ(digest(sha1, {}, fits), reference_hash(sha1, {}, fits));
  const Bytes too_long = random_bytes(rng_, 65536);
  expect_bug(1, digest(sha1, {}, too_long) != reference_hash(sha1, {}, too_long));
}

// Bug 2. The pointer to the DMA copy of the left-over bytes survives their release; a later step
// of the same message that has no left-over bytes releases them again.
TEST_F(KnownBugTest, HashCacheFreedTwice) {
  Board& board = boot(kKirkwood);
  const HashAlgorithm& sha1 = hash_named("mv-sha1");
  {
    Hash hash(sha1);
    HashRequest request(hash);
    const Bytes data = random_bytes(rng_, 128);
    ASSERT_EQ(request.init(), 0);
    // 10 bytes stay with the driver, the next step takes them along and leaves none.
    ASSERT_EQ(request.update(Scattered(Bytes(data.begin(), data.begin() + 10)), 10), 0);
    ASSERT_EQ(request.update(Scattered(Bytes(data.begin() + 10, data.end())), 118), -EINPROGRESS);
    ASSERT_TRUE(wait_for(request));
    EXPECT_EQ(board.kernel.take_reports(), std::vector<std::string>());
    ASSERT_EQ(request.final(), -EINPROGRESS);
    ASSERT_TRUE(wait_for(request));
    expect_bug(2, board.kernel.take_reports() == std::vector<std::string>{kDoubleFree});
    EXPECT_EQ(request.result(), reference_hash(sha1, {}, data));
  }
}

// Bug 3. Without TDMA every payload of 1920 bytes starts with the request's IV again.
TEST_F(KnownBugTest, PioCbcRestartsItsIv) {
  boot(kOrion);
  for (const CipherAlgorithm& alg : cipher_algorithms()) {
    if (alg.iv_bytes == 0) continue;
    const Bytes key = random_bytes(rng_, alg.key_bytes.back());
    const Bytes iv = random_bytes(rng_, alg.iv_bytes);
    const Bytes data = random_bytes(rng_, 2 * 1920 + 64);
    Cipher cipher(alg, key);
    CipherRequest request(cipher, iv, Scattered(data));
    ASSERT_EQ(request.submit(true), -EINPROGRESS);
    ASSERT_TRUE(wait_for(request));
    EXPECT_EQ(request.error(), 0);
    Bytes restarted;
    for (std::size_t at = 0; at < data.size(); at += 1920) {
      const Bytes part(data.begin() + at, data.begin() + std::min(at + 1920, data.size()));
      const Bytes out = reference_cipher(alg, true, key, iv, part);
      restarted.insert(restarted.end(), out.begin(), out.end());
    }
    const Bytes right = reference_cipher(alg, true, key, iv, data);
    EXPECT_EQ(request.output(), has_fault(3) ? restarted : right) << alg.driver_name;
    expect_bug(3, request.output() != right, alg.driver_name);
  }
}

// Bug 4. An HMAC whose last step finds nothing to hash, or that is longer than the engine's
// length field: the driver pads, without counting the key's block, and nobody applies the outer
// hash.
TEST_F(KnownBugTest, HmacPaddedByTheDriver) {
  boot(kArmada38x);
  for (const char* name : {"mv-hmac-md5", "mv-hmac-sha1", "mv-hmac-sha256"}) {
    const HashAlgorithm& alg = hash_named(name);
    const Bytes key = random_bytes(rng_, 20);
    expect_bug(4, digest(alg, key, {}) != reference_hash(alg, key, {}), name);
    for (const unsigned size : {64u, 128u, 1920u}) {
      const Bytes data = random_bytes(rng_, size);
      expect_bug(4, update_then_final(alg, key, data) != reference_hash(alg, key, data), name);
      EXPECT_EQ(digest(alg, key, data), reference_hash(alg, key, data));
    }
    const Bytes fits = random_bytes(rng_, 65535);
    EXPECT_EQ(digest(alg, key, fits), reference_hash(alg, key, fits));
    const Bytes too_long = random_bytes(rng_, 65536);
    expect_bug(4, digest(alg, key, too_long) != reference_hash(alg, key, too_long), name);
  }
}

// Bug 5. remove() leaves the global behind: no second probe until the module is reloaded.
TEST_F(KnownBugTest, NoRebindWithoutReload) {
  Board& board = boot(kKirkwood);
  board.kernel.remove();
  EXPECT_EQ(board.kernel.take_reports(), std::vector<std::string>());
  const int error = board.probe_again();
  EXPECT_EQ(error, has_fault(5) ? -EEXIST : 0);
  expect_bug(5, board.kernel.take_reports() ==
                    std::vector<std::string>{"mv_crypto: Only one CESA device authorized"});
}

// Bug 6. A hash request that fails half built keeps the DMA copy of the left-over bytes.
TEST_F(KnownBugTest, HashCacheLostWhenMemoryRunsOut) {
  Board& board = boot(kKirkwood);
  {
    Hash hash(hash_named("mv-sha1"));
    HashRequest request(hash);
    const Bytes data = random_bytes(rng_, 210);
    ASSERT_EQ(request.init(), 0);
    ASSERT_EQ(request.update(Scattered(Bytes(data.begin(), data.begin() + 10)), 10), 0);
    board.kernel.fail_pool_allocation(2);  // the copy, its descriptor, and then no more
    EXPECT_EQ(request.finup(Scattered(Bytes(data.begin() + 10, data.end())), 200), -ENOMEM);
  }
  expect_bug(6,
             unbind() == std::vector<std::string>{"dma_pool_destroy cesa_cache: 1 objects busy"});
}

// Bug 7. A done cause for which no request is under way (here: somebody else started the engine)
// is a null pointer: the handler completes what it believes to be running.
TEST_F(KnownBugTest, DoneWithoutARequestIsFatal) {
  Board& board = boot(kKirkwood);
  const HashAlgorithm& sha1 = hash_named("mv-sha1");
  const Bytes data = random_bytes(rng_, 100);
  EXPECT_EQ(digest(sha1, {}, data), reference_hash(sha1, {}, data));  // sets CFG, MASK, CONTROL
  const std::uint32_t nothing_to_do = board.kernel.memory.allocate(16, 16);
  const std::uint32_t descriptor[4] = {0x80000000, 0, 0, 0};
  std::memcpy(board.kernel.memory.host(nothing_to_do), descriptor, sizeof descriptor);
  board.engine().write(hw::cesa_reg::kTdmaNext, nothing_to_do, 0);
  board.engine().write(hw::cesa_reg::kCmd, hw::cesa_bit::cmd::kActivate0, 0);
  if (has_fault(7)) {
    EXPECT_DEATH(board.kernel.run_until_quiet(), "") << "bug 7 has gone";
  } else {
    board.kernel.run_until_quiet();
  }
  board.engine().write(hw::cesa_reg::kCmd, hw::cesa_bit::cmd::kStop, 0);
  board.kernel.memory.release(nothing_to_do);
}

// Bug 8. Setting an HMAC's key hashes with requests of its own that may go to the backlog, but
// takes the answer that says so for a failure: the key is refused and the request freed where it
// waits.
TEST_F(KnownBugTest, KeySetWhileTheQueueIsFull) {
  const HashAlgorithm& alg = hash_named("mv-hmac-sha1");
  const CipherAlgorithm& cipher = cipher_algorithms().back();
  for (const unsigned key_bytes : {20u, 100u}) {  // a key longer than a block is hashed first
    Board& board = boot(kKirkwood);
    {
      std::vector<std::unique_ptr<CipherJob>> jobs;
      for (int i = 0; i < 1 + 128; ++i) {  // one at work, 128 in the queue
        jobs.push_back(std::make_unique<CipherJob>(cipher, rng_, 512));
        ASSERT_EQ(jobs.back()->request.submit(jobs.back()->encrypt), -EINPROGRESS);
      }
      const Bytes key = random_bytes(rng_, key_bytes);
      Hash hash(alg, key);
      EXPECT_EQ(hash.key_error(), has_fault(8) ? -EBUSY : 0) << key_bytes;
      expect_bug(8, board.kernel.take_reports() == std::vector<std::string>{kFreedWhileQueued});
      if (!has_fault(8)) {
        board.kernel.run_until_quiet();
        for (const auto& job : jobs) {
          ASSERT_TRUE(job->request.ended());
          job->check(cipher);
        }
        const Bytes data = random_bytes(rng_, 100);
        HashRequest request(hash);
        ASSERT_EQ(request.digest(Scattered(data), data.size()), -EINPROGRESS);
        ASSERT_TRUE(wait_for(request));
        EXPECT_EQ(request.result(), reference_hash(alg, key, data));
      }
    }
    // Where the request has gone nothing can go on: its descriptors are in the chain.
    EXPECT_EQ(unbind().empty(), !has_fault(8));
    EXPECT_EQ(board.stats().guest_errors, 0u) << board.stats().last_report;
    board_.reset();
  }
}

// Not a bug but a habit: all eight IV/digest words are restored, of whatever hash. Nothing but
// SHA-256 uses the last three.
TEST_F(KnownBugTest, RestoresWordsThatAKirkwoodDoesNotUse) {
  Board& board = boot(kKirkwood);
  const HashAlgorithm& sha1 = hash_named("mv-sha1");
  const Bytes data = random_bytes(rng_, 100);
  for (unsigned i = 5; i < 8; ++i) {
    board.engine().poke(hw::cesa_reg::ivdig(i), 0xDEAD0000 + i);
  }
  EXPECT_EQ(update_then_final(sha1, {}, data), reference_hash(sha1, {}, data));
  for (unsigned i = 5; i < 8; ++i) {
    EXPECT_NE(board.engine().peek(hw::cesa_reg::ivdig(i)), 0xDEAD0000 + i) << "not restored";
  }
  EXPECT_EQ(board.stats().guest_errors, 0u);
}

}  // namespace
}  // namespace cesasim::stock
