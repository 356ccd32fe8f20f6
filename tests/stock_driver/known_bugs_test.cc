// Faults of the stock driver (Linux 6.1), each pinned so that a test fails on the day it goes
// away, and on the day the model hides it. They follow from the driver's source and this model,
// not from silicon. The numbers are README.md's.
#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "hw_model/cesa/registers.h"
#include "tests/stock_driver/fixture.h"

namespace cesasim::stock {
namespace {

const HashAlgorithm& hash_named(const std::string& name) {
  for (const HashAlgorithm& alg : hash_algorithms()) {
    if (alg.driver_name == name) return alg;
  }
  throw std::out_of_range(name);
}

class KnownBugTest : public StockDriverTest {
 protected:
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
  EXPECT_NE(digest(md5, {}, {}), reference_hash(md5, {}, {})) << "bug 1 has gone";
  // The padding of an empty message is 64 bytes and belongs at 0x80, where data starts.
  EXPECT_EQ(board.engine().sram()[0x80], 0x00);
  EXPECT_EQ(board.engine().sram()[0x80 + 64], 0x80);

  const Bytes whole_block = random_bytes(rng_, 64);
  EXPECT_NE(update_then_final(md5, {}, whole_block), reference_hash(md5, {}, whole_block));
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
  EXPECT_NE(digest(sha1, {}, too_long), reference_hash(sha1, {}, too_long)) << "bug 1 has gone";
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
    EXPECT_EQ(board.kernel.take_reports(), std::vector<std::string>{kDoubleFree})
        << "bug 2 has gone";
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
    Bytes restarted;
    for (std::size_t at = 0; at < data.size(); at += 1920) {
      const Bytes part(data.begin() + at, data.begin() + std::min(at + 1920, data.size()));
      const Bytes out = reference_cipher(alg, true, key, iv, part);
      restarted.insert(restarted.end(), out.begin(), out.end());
    }
    EXPECT_EQ(request.output(), restarted) << alg.driver_name << ": bug 3 has gone";
    EXPECT_NE(request.output(), reference_cipher(alg, true, key, iv, data)) << alg.driver_name;
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
    EXPECT_NE(digest(alg, key, {}), reference_hash(alg, key, {})) << "bug 4 has gone";
    for (const unsigned size : {64u, 128u, 1920u}) {
      const Bytes data = random_bytes(rng_, size);
      EXPECT_NE(update_then_final(alg, key, data), reference_hash(alg, key, data))
          << "bug 4 has gone";
      EXPECT_EQ(digest(alg, key, data), reference_hash(alg, key, data));
    }
    const Bytes fits = random_bytes(rng_, 65535);
    EXPECT_EQ(digest(alg, key, fits), reference_hash(alg, key, fits));
    const Bytes too_long = random_bytes(rng_, 65536);
    EXPECT_NE(digest(alg, key, too_long), reference_hash(alg, key, too_long)) << "bug 4 has gone";
  }
}

// Bug 5. remove() leaves the global behind: no second probe until the module is reloaded.
TEST_F(KnownBugTest, NoRebindWithoutReload) {
  Board& board = boot(kKirkwood);
  board.kernel.remove();
  EXPECT_EQ(board.kernel.take_reports(), std::vector<std::string>());
  EXPECT_EQ(board.probe_again(), -EEXIST) << "bug 5 has gone";
  EXPECT_EQ(board.kernel.take_reports(),
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
  EXPECT_EQ(unbind(), std::vector<std::string>{"dma_pool_destroy cesa_cache: 1 objects busy"})
      << "bug 6 has gone";
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
  EXPECT_DEATH(board.kernel.run_until_quiet(), "") << "bug 7 has gone";
  board.engine().write(hw::cesa_reg::kCmd, hw::cesa_bit::cmd::kStop, 0);
  board.kernel.memory.release(nothing_to_do);
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
