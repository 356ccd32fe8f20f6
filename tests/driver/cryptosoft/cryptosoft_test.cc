// OCF's software driver through the core: known answers, its context, its errors.
#include "driver/cryptosoft/cryptosoft.h"

#include <gtest/gtest.h>

#include "tests/driver/ocf_client.h"

namespace cesasim::driver {
namespace {

using test::Board;
using test::Bytes;
using test::from_hex;
using test::OcfClient;

TEST(Cryptosoft, NistVectors) {
  Board board;
  board.add_ocf(OcfPolicy::v2005, "cryptosoft");
  board.run([&] {
    const Bytes iv = from_hex(test::kNistIv);
    for (const auto& v : test::kNistCbc) {
      OcfClient client(board, *board.crypto);
      client.open(from_hex(v.key));
      EXPECT_EQ(client.run(true, from_hex(test::kNistPlaintext), iv), from_hex(v.ciphertext));
      EXPECT_EQ(client.run(false, from_hex(v.ciphertext), iv), from_hex(test::kNistPlaintext));
    }
  });
}

TEST(Cryptosoft, LengthsEqualOpenSsl) {
  Board board;
  board.add_ocf(OcfPolicy::v2010, "cryptosoft");
  board.run([&] {
    std::mt19937 random(3);
    OcfClient client(board, *board.crypto);
    const Bytes key = test::random_bytes(random, 16);
    client.open(key);
    for (std::size_t n : {16u, 512u, 1920u, 4096u, 65536u}) {
      const Bytes iv = test::random_bytes(random, 16);
      const Bytes in = test::random_bytes(random, n);
      EXPECT_EQ(client.run(true, in, iv), test::openssl_cbc(true, key, iv, in)) << n;
      EXPECT_EQ(client.run(false, in, iv), test::openssl_cbc(false, key, iv, in)) << n;
    }
  });
}

/// crd_skip bytes stay as they are; an implicit IV stands in the buffer at crd_inject.
TEST(Cryptosoft, SkipAndIvInTheBuffer) {
  Board board;
  board.add_ocf(OcfPolicy::v2010, "cryptosoft");
  board.run([&] {
    std::mt19937 random(4);
    OcfClient client(board, *board.crypto);
    const Bytes key = test::random_bytes(random, 32);
    client.open(key);
    Bytes data = test::random_bytes(random, 16 + 64);
    const hw::PhysAddr at = client.buffer(data);
    client.post(false, at, 64, Bytes(16), [](Cryptop& crp) {
      crp.crp_desc.crd_skip = 16;
      crp.crp_desc.crd_flags = 0;
    });
    client.wait();
    const Bytes iv(data.begin(), data.begin() + 16);
    Bytes expected = iv;
    const Bytes plain = test::openssl_cbc(false, key, iv, Bytes(data.begin() + 16, data.end()));
    expected.insert(expected.end(), plain.begin(), plain.end());
    EXPECT_EQ(client.read(at, data.size()), expected);
  });
}

/// Errors end the request with an etype; process() itself never fails.
TEST(Cryptosoft, ErrorsGoIntoTheRequest) {
  Board board;
  board.add_ocf(OcfPolicy::v2010, "cryptosoft");
  board.run([&] {
    OcfClient client(board, *board.crypto);
    client.open(Bytes(16));
    const hw::PhysAddr at = client.buffer(Bytes(64));
    auto etype = [&](auto change) {
      EXPECT_EQ(client.post(true, at, 64, Bytes(16), change), 0);
      client.wait();
      return client.posts.back().etype;
    };
    EXPECT_EQ(etype([](Cryptop&) {}), 0);
    EXPECT_EQ(etype([](Cryptop& c) { c.crp_sid += 5; }), ENOENT);
    EXPECT_EQ(etype([](Cryptop& c) { c.crp_sid &= ~std::uint64_t{0xffffffff}; }), ENOENT);
    EXPECT_EQ(etype([](Cryptop& c) { c.crp_buf = 0; }), EINVAL);
    EXPECT_EQ(etype([](Cryptop& c) { c.crp_desc.crd_alg = Alg::none; }), EINVAL);
    EXPECT_EQ(etype([](Cryptop& c) { c.crp_desc.crd_len = 8; }), EINVAL);
    EXPECT_EQ(etype([](Cryptop& c) { c.crp_desc.crd_len = 24; }), EINVAL);
    EXPECT_EQ(board.crypto->stats().cs_errs, 6u);
    EXPECT_EQ(board.crypto->crypto_freesession(client.sid), 0);
    EXPECT_EQ(board.crypto->crypto_freesession(client.sid), ENOENT);
    EXPECT_EQ(etype([](Cryptop&) {}), ENOENT);
  });
}

TEST(Cryptosoft, SessionsNeedAnAesKey) {
  Board board;
  board.add_ocf(OcfPolicy::v2005, "cryptosoft");
  OcfClient client(board, *board.crypto);
  EXPECT_EQ(client.open(Bytes(16), 128), 0);
  EXPECT_EQ(client.open(Bytes(16), 256), EINVAL);
  EXPECT_EQ(client.open(Bytes(20), 160), EINVAL);
  EXPECT_EQ(client.open(Bytes(), 0), EINVAL);
}

}  // namespace
}  // namespace cesasim::driver
