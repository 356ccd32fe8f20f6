// SPDX-License-Identifier: Apache-2.0
// OCF's software driver through the core: known answers, its context, its errors.
#include "driver/cryptosoft/cryptosoft.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "hw_model/common/fault.h"
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

/// A driver alone: what the core's client cannot set.
class CryptosoftAlone : public testing::Test {
 protected:
  void build() {
    board.crypto = std::make_unique<Crypto>(board.kernel, test::test_ocf_costs(), OcfPolicy::v2010);
    soft = std::make_unique<Cryptosoft>(board.kernel, *board.crypto, test::test_driver_costs(),
                                        test::test_cipher_costs());
  }
  int open(Alg alg, const Bytes& key, std::uint32_t bits) {
    CryptoIni cri;
    cri.cri_alg = alg;
    cri.cri_klen = bits;
    cri.cri_key = key;
    return soft->newsession(&lid, cri);
  }
  int open(Alg alg, const Bytes& key) {
    return open(alg, key, static_cast<std::uint32_t>(key.size() * 8));
  }
  hw::PhysAddr buffer(const Bytes& data) {
    const hw::PhysAddr at = board.kernel.alloc_boot(data.size(), 32);
    std::memcpy(board.kernel.cpu_write(at, data.size()), data.data(), data.size());
    return at;
  }
  Bytes read(hw::PhysAddr at, std::size_t bytes) {
    const std::uint8_t* p = board.kernel.cpu_read(at, bytes);
    return Bytes(p, p + bytes);
  }
  Cryptop request(Alg alg, hw::PhysAddr at, std::uint32_t bytes, std::uint32_t flags) {
    Cryptop crp;
    crp.crp_sid = lid;
    crp.crp_flags = CRYPTO_F_CBIMM;
    crp.crp_buf = at;
    crp.crp_ilen = bytes;
    crp.crp_callback = [](Cryptop*) { return 0; };
    crp.crp_desc.crd_alg = alg;
    crp.crp_desc.crd_len = bytes;
    crp.crp_desc.crd_flags = flags;
    crp.core = board.crypto.get();
    return crp;
  }

  static constexpr std::uint32_t kExplicit = CRD_F_IV_EXPLICIT | CRD_F_IV_PRESENT;
  Board board;
  std::unique_ptr<Cryptosoft> soft;
  std::uint32_t lid = 0;
};

TEST_F(CryptosoftAlone, SessionsNeedAKeyOfTheAlgorithm) {
  build();
  EXPECT_EQ(open(Alg::aes_cbc, Bytes(16), 128), 0);
  EXPECT_EQ(open(Alg::aes_cbc, Bytes(16), 256), EINVAL);
  EXPECT_EQ(open(Alg::aes_cbc, Bytes(20)), EINVAL);
  EXPECT_EQ(open(Alg::aes_cbc, Bytes()), EINVAL);
  EXPECT_EQ(open(Alg::des_cbc, Bytes(8)), 0);
  EXPECT_EQ(open(Alg::des_cbc, Bytes(24)), EINVAL);
  EXPECT_EQ(open(Alg::des3_cbc, Bytes(24)), 0);
  EXPECT_EQ(open(Alg::des3_cbc, Bytes(16)), EINVAL);
  EXPECT_EQ(open(Alg::none, Bytes(16)), EINVAL);
}

TEST_F(CryptosoftAlone, SessionsAreReused) {
  build();
  ASSERT_EQ(open(Alg::aes_cbc, Bytes(16)), 0);
  EXPECT_EQ(lid, 1u);  // entry 0 is not given out
  ASSERT_EQ(open(Alg::aes_cbc, Bytes(16)), 0);
  EXPECT_EQ(lid, 2u);
  EXPECT_EQ(soft->freesession(0), ENOENT);
  EXPECT_EQ(soft->freesession(3), ENOENT);
  EXPECT_EQ(soft->freesession(1), 0);
  EXPECT_EQ(soft->freesession(1), ENOENT);
  ASSERT_EQ(open(Alg::des_cbc, Bytes(8)), 0);
  EXPECT_EQ(lid, 1u);
}

/// FIPS 81 (DES); 3DES with the keys of SP 800-67's example, whose blocks, chained by hand, give
/// this test's answer.
TEST_F(CryptosoftAlone, DesAndTripleDes) {
  build();
  board.run([&] {
    const Bytes plain = from_hex("4e6f77206973207468652074696d6520666f7220616c6c20");
    ASSERT_EQ(open(Alg::des_cbc, from_hex("0123456789abcdef")), 0);
    const hw::PhysAddr at = buffer(plain);
    const Bytes iv = from_hex("1234567890abcdef");
    Cryptop crp = request(Alg::des_cbc, at, 24, kExplicit | CRD_F_ENCRYPT);
    std::copy(iv.begin(), iv.end(), crp.crp_desc.crd_iv.begin());
    EXPECT_EQ(soft->process(&crp, 0), 0);
    EXPECT_EQ(crp.crp_etype, 0);
    EXPECT_EQ(read(at, 24), from_hex("e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6"));
    crp.crp_desc.crd_flags = kExplicit;
    crp.crp_flags = CRYPTO_F_CBIMM;
    EXPECT_EQ(soft->process(&crp, 0), 0);
    EXPECT_EQ(read(at, 24), plain);

    ASSERT_EQ(open(Alg::des3_cbc, from_hex("0123456789abcdef23456789abcdef01456789abcdef0123")), 0);
    // With the IV zero the first block is ECB's; every further block's IV is undone by its
    // plaintext.
    const Bytes ecb_plain = from_hex("54686520717566636b2062726f776e20666f78206a756d70");
    const Bytes ecb_cipher = from_hex("a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900");
    Bytes chained = ecb_plain;
    for (std::size_t i = 8; i < chained.size(); ++i) chained[i] ^= ecb_cipher[i - 8];
    const hw::PhysAddr at3 = buffer(chained);
    crp = request(Alg::des3_cbc, at3, 24, kExplicit | CRD_F_ENCRYPT);
    EXPECT_EQ(soft->process(&crp, 0), 0);
    EXPECT_EQ(crp.crp_etype, 0);
    EXPECT_EQ(read(at3, 24), ecb_cipher);
    // Another algorithm than the session's.
    crp = request(Alg::des_cbc, at3, 24, kExplicit | CRD_F_ENCRYPT);
    EXPECT_EQ(soft->process(&crp, 0), 0);
    EXPECT_EQ(crp.crp_etype, EINVAL);
    EXPECT_EQ(read(at3, 24), ecb_cipher);
    EXPECT_EQ(soft->driver_stats().requests, 4u);
    EXPECT_EQ(soft->driver_stats().failed, 1u);
  });
}

TEST_F(CryptosoftAlone, OutOfPlaceLeavesTheSource) {
  build();
  EXPECT_TRUE(soft->out_of_place());
  board.run([&] {
    std::mt19937 random(5);
    const Bytes key = test::random_bytes(random, 16), iv(16), in = test::random_bytes(random, 544);
    ASSERT_EQ(open(Alg::aes_cbc, key), 0);
    const hw::PhysAddr from = buffer(in), to = buffer(Bytes(544, 0x5A));
    Cryptop crp = request(Alg::aes_cbc, from, 512, kExplicit | CRD_F_ENCRYPT);
    crp.crp_out_buf = to;
    crp.crp_desc.crd_skip = 16;
    EXPECT_EQ(soft->process(&crp, 0), 0);
    EXPECT_EQ(read(from, 544), in);
    Bytes expected(16, 0x5A);
    const Bytes middle = test::openssl_cbc(true, key, iv, Bytes(in.begin() + 16, in.begin() + 528));
    expected.insert(expected.end(), middle.begin(), middle.end());
    expected.resize(544, 0x5A);
    EXPECT_EQ(read(to, 544), expected);
  });
}

/// To encrypt: drawn, and written at crd_inject unless it is PRESENT. Explicit and not PRESENT: the
/// client's is written there.
TEST_F(CryptosoftAlone, IvsOfTheDriver) {
  build();
  board.run([&] {
    const Bytes key(16, 7), plain(64, 0x11);
    ASSERT_EQ(open(Alg::aes_cbc, key), 0);
    std::vector<Bytes> ivs;
    for (int i = 0; i < 2; ++i) {
      Bytes whole(16);
      whole.insert(whole.end(), plain.begin(), plain.end());
      const hw::PhysAddr at = buffer(whole);
      Cryptop crp = request(Alg::aes_cbc, at, 64, CRD_F_ENCRYPT);
      crp.crp_desc.crd_skip = 16;
      EXPECT_EQ(soft->process(&crp, 0), 0);
      ivs.push_back(read(at, 16));
      EXPECT_EQ(read(at + 16, 64), test::openssl_cbc(true, key, ivs.back(), plain));
    }
    EXPECT_NE(ivs[0], ivs[1]);
    const Bytes iv(16, 0x77);
    Bytes whole(16);
    whole.insert(whole.end(), plain.begin(), plain.end());
    const hw::PhysAddr at = buffer(whole);
    Cryptop crp = request(Alg::aes_cbc, at, 64, CRD_F_ENCRYPT | CRD_F_IV_EXPLICIT);
    crp.crp_desc.crd_skip = 16;
    std::copy(iv.begin(), iv.end(), crp.crp_desc.crd_iv.begin());
    EXPECT_EQ(soft->process(&crp, 0), 0);
    EXPECT_EQ(read(at, 16), iv);
    EXPECT_EQ(read(at + 16, 64), test::openssl_cbc(true, key, iv, plain));
  });
}

TEST_F(CryptosoftAlone, EngineErrorIsReportedAndTouchesNothing) {
  hw::FaultRule rule;
  rule.kind = hw::FaultKind::engine_error;
  rule.nth = 2;
  hw::FaultPlan plan({rule}, 1);
  board.kernel.set_faults(&plan);
  build();
  board.run([&] {
    ASSERT_EQ(open(Alg::aes_cbc, Bytes(16)), 0);
    for (int i = 1; i <= 3; ++i) {
      const Bytes plain(32, 0x42);
      const hw::PhysAddr at = buffer(plain);
      Cryptop crp = request(Alg::aes_cbc, at, 32, kExplicit | CRD_F_ENCRYPT);
      EXPECT_EQ(soft->process(&crp, 0), 0);
      EXPECT_EQ(crp.crp_etype, i == 2 ? EIO : 0);
      EXPECT_EQ(read(at, 32) == plain, i == 2);
    }
    EXPECT_EQ(soft->driver_stats().failed, 1u);
  });
}

}  // namespace
}  // namespace cesasim::driver
