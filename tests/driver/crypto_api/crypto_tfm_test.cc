// SPDX-License-Identifier: Apache-2.0
// The kernel's cipher API: bytes as OpenSSL and the standards have them, time exactly as priced.
#define OPENSSL_SUPPRESS_DEPRECATED  // DES_*: an implementation of DES beside EVP's
#include "driver/crypto_api/crypto_tfm.h"

#include <gtest/gtest.h>
#include <openssl/des.h>

#include <algorithm>

#include "tests/driver/vectors.h"
#include "tests/support/board.h"

namespace cesasim::driver {
namespace {

using test::Bytes;
using test::from_hex;

TEST(CryptoTfm, NistCbcVectors) {
  test::Board board;
  board.run([&] {
    const Bytes iv = from_hex(test::kNistIv);
    const Bytes plain = from_hex(test::kNistPlaintext);
    for (const auto& v : test::kNistCbc) {
      CryptoTfm tfm(board.kernel, test::test_cipher_costs(), CipherMode::cbc, from_hex(v.key));
      Bytes data(plain.size());
      EXPECT_EQ(tfm.encrypt(data.data(), plain.data(), plain.size(), iv.data()), 0);
      EXPECT_EQ(data, from_hex(v.ciphertext)) << v.bits;
      EXPECT_EQ(tfm.decrypt(data.data(), data.data(), data.size(), iv.data()), 0);  // in place
      EXPECT_EQ(data, plain) << v.bits;
    }
    EXPECT_EQ(iv, from_hex(test::kNistIv)) << "the IV is not written";
  });
}

TEST(CryptoTfm, EcbIsFips197) {
  test::Board board;
  board.run([&] {
    const Bytes plain = from_hex("00112233445566778899aabbccddeeff");
    CryptoTfm tfm(board.kernel, test::test_cipher_costs(), CipherMode::ecb,
                  from_hex("000102030405060708090a0b0c0d0e0f"));
    Bytes out(16);
    EXPECT_EQ(tfm.encrypt(out.data(), plain.data(), 16, nullptr), 0);
    EXPECT_EQ(out, from_hex("69c4e0d86a7b0430d8cdb78070b4c55a"));
    EXPECT_EQ(tfm.decrypt(out.data(), out.data(), 16, nullptr), 0);
    EXPECT_EQ(out, plain);
  });
}

/// FIPS 81, appendix C: one text in ECB and CBC. SP 800-67, appendix B: the 3DES example.
TEST(CryptoTfm, DesAndTripleDesPublishedExamples) {
  struct Example {
    Cipher cipher;
    CipherMode mode;
    const char* key;
    const char* iv;
    const char* plain;
    const char* cipher_text;
  };
  const Example examples[] = {
      {Cipher::des, CipherMode::ecb, "0123456789abcdef", "",
       "4e6f77206973207468652074696d6520666f7220616c6c20",
       "3fa40e8a984d48156a271787ab8883f9893d51ec4b563b53"},
      {Cipher::des, CipherMode::cbc, "0123456789abcdef", "1234567890abcdef",
       "4e6f77206973207468652074696d6520666f7220616c6c20",
       "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6"},
      {Cipher::des3, CipherMode::ecb, "0123456789abcdef23456789abcdef01456789abcdef0123", "",
       "54686520717566636b2062726f776e20666f78206a756d70",
       "a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900"},
  };
  test::Board board;
  board.run([&] {
    for (const Example& e : examples) {
      const Bytes plain = from_hex(e.plain), iv = from_hex(e.iv);
      CryptoTfm tfm(board.kernel, test::test_cipher_costs(), e.cipher, e.mode, from_hex(e.key));
      EXPECT_EQ(tfm.block_bytes(), 8u);
      EXPECT_EQ(tfm.iv_bytes(), iv.size());
      Bytes out(plain.size());
      EXPECT_EQ(tfm.encrypt(out.data(), plain.data(), plain.size(), iv.data()), 0);
      EXPECT_EQ(out, from_hex(e.cipher_text));
      EXPECT_EQ(tfm.decrypt(out.data(), out.data(), out.size(), iv.data()), 0);
      EXPECT_EQ(out, plain);
    }
  });
}

/// Against OpenSSL's low-level DES, which shares no mode loop with EVP.
TEST(CryptoTfm, RandomDesEqualsLowLevelDes) {
  test::Board board;
  board.run([&] {
    std::mt19937 random(8);
    for (int i = 0; i < 100; ++i) {
      const bool triple = i % 2 != 0;
      const Bytes key = test::random_bytes(random, triple ? 24 : 8);
      const Bytes iv = test::random_bytes(random, 8);
      const Bytes in = test::random_bytes(random, 8 * (1 + random() % 64));
      DES_key_schedule ks[3];
      for (unsigned k = 0; k < 3; ++k) {
        DES_cblock one;
        std::copy_n(key.begin() + (triple ? 8 * k : 0), 8, one);
        DES_set_key_unchecked(&one, &ks[k]);
      }
      CryptoTfm tfm(board.kernel, test::test_cipher_costs(), triple ? Cipher::des3 : Cipher::des,
                    CipherMode::cbc, key);
      for (const int encrypt : {DES_ENCRYPT, DES_DECRYPT}) {
        Bytes expected(in.size()), out(in.size());
        DES_cblock chain;
        std::copy_n(iv.begin(), 8, chain);
        const long n = static_cast<long>(in.size());
        triple ? DES_ede3_cbc_encrypt(in.data(), expected.data(), n, &ks[0], &ks[1], &ks[2], &chain,
                                      encrypt)
               : DES_ncbc_encrypt(in.data(), expected.data(), n, &ks[0], &chain, encrypt);
        ASSERT_EQ(encrypt ? tfm.encrypt(out.data(), in.data(), in.size(), iv.data())
                          : tfm.decrypt(out.data(), in.data(), in.size(), iv.data()),
                  0);
        ASSERT_EQ(out, expected) << i;
      }
    }
  });
}

TEST(CryptoTfm, Ieee1619XtsVectors) {
  test::Board board;
  board.run([&] {
    for (const test::XtsVector& v : test::kIeee1619Vectors) {
      const Bytes plain = v.plain_text();
      CryptoTfm tfm(board.kernel, test::test_cipher_costs(), Cipher::aes, CipherMode::xts,
                    from_hex(v.keys));
      EXPECT_EQ(tfm.iv_bytes(), 16u);
      const Bytes iv = from_hex(v.data_unit);
      Bytes out(plain.size());
      EXPECT_EQ(tfm.encrypt(out.data(), plain.data(), plain.size(), iv.data()), 0);
      EXPECT_EQ(out, from_hex(v.cipher_text));
      EXPECT_EQ(tfm.decrypt(out.data(), out.data(), out.size(), iv.data()), 0);
      EXPECT_EQ(out, plain);
    }
  });
}

TEST(CryptoTfm, RandomXtsUnitsEqualOpenSsl) {
  test::Board board;
  board.run([&] {
    std::mt19937 random(9);
    for (int i = 0; i < 100; ++i) {
      const Bytes key = test::random_bytes(random, i % 2 != 0 ? 64 : 32);
      const Bytes iv = test::random_bytes(random, 16);
      const Bytes in = test::random_bytes(random, 16 * (1 + random() % 256));
      CryptoTfm tfm(board.kernel, test::test_cipher_costs(), Cipher::aes, CipherMode::xts, key);
      for (const int encrypt : {1, 0}) {
        std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> ctx(EVP_CIPHER_CTX_new(),
                                                                            &EVP_CIPHER_CTX_free);
        Bytes expected(in.size()), out(in.size());
        int n = 0;
        ASSERT_EQ(
            EVP_CipherInit_ex(ctx.get(), key.size() == 64 ? EVP_aes_256_xts() : EVP_aes_128_xts(),
                              nullptr, key.data(), iv.data(), encrypt),
            1);
        ASSERT_EQ(EVP_CipherUpdate(ctx.get(), expected.data(), &n, in.data(),
                                   static_cast<int>(in.size())),
                  1);
        ASSERT_EQ(encrypt ? tfm.encrypt(out.data(), in.data(), in.size(), iv.data())
                          : tfm.decrypt(out.data(), in.data(), in.size(), iv.data()),
                  0);
        ASSERT_EQ(out, expected) << i;
      }
    }
  });
}

TEST(CryptoTfm, RandomBuffersEqualOpenSsl) {
  test::Board board;
  board.run([&] {
    std::mt19937 random(7);
    for (int i = 0; i < 200; ++i) {
      const Bytes key = test::random_bytes(random, 16 + 8 * (random() % 3));
      const Bytes iv = test::random_bytes(random, 16);
      const Bytes in = test::random_bytes(random, 16 * (1 + random() % 64));
      CryptoTfm tfm(board.kernel, test::test_cipher_costs(), CipherMode::cbc, key);
      Bytes out(in.size());
      ASSERT_EQ(tfm.encrypt(out.data(), in.data(), in.size(), iv.data()), 0);
      ASSERT_EQ(out, test::openssl_cbc(true, key, iv, in));
      ASSERT_EQ(tfm.decrypt(out.data(), in.data(), in.size(), iv.data()), 0);
      ASSERT_EQ(out, test::openssl_cbc(false, key, iv, in));
    }
  });
}

/// setup + n * (per byte of 128 bits + rounds more * per round), all on Activity::cipher.
TEST(CryptoTfm, ChargesSetupPlusBytes) {
  test::Board board;
  board.run([&] {
    CipherCosts costs;
    costs.aes_setup = 1000;
    costs.aes128_encrypt_per_byte = 40;
    costs.aes128_decrypt_per_byte = 60;
    costs.aes_round_per_byte = 3;
    costs.dram_bytes_per_byte = 0;
    const Bytes in(4096), iv(16);
    Bytes out(4096);
    for (std::size_t key_bytes : {16u, 24u, 32u}) {
      const Bytes key(key_bytes);
      const double rounds = (static_cast<double>(key_bytes) - 16) / 4;
      CryptoTfm tfm(board.kernel, costs, CipherMode::cbc, key);
      for (std::size_t n : {16u, 512u, 4096u}) {
        for (bool encrypt : {true, false}) {
          hw::CpuCore& core = board.soc.core(0);
          const hw::Ps before = core.accounted(kernel::Activity::cipher);
          const hw::Ps now = board.kernel.now();
          encrypt ? tfm.encrypt(out.data(), in.data(), n, iv.data())
                  : tfm.decrypt(out.data(), in.data(), n, iv.data());
          const double cycles = 1000 + static_cast<double>(n) * ((encrypt ? 40 : 60) + 3 * rounds);
          // 1 GHz: a cycle is 1000 ps.
          EXPECT_EQ(core.accounted(kernel::Activity::cipher) - before,
                    static_cast<hw::Ps>(cycles * 1000));
          EXPECT_EQ(board.kernel.now() - now, static_cast<hw::Ps>(cycles * 1000));
        }
      }
    }
  });
}

/// XTS: one block more (the tweak), and its price per byte on top of AES's with half the key. DES
/// and 3DES have a price per byte of their own.
TEST(CryptoTfm, ChargesOtherModesAndCiphers) {
  test::Board board;
  board.run([&] {
    CipherCosts costs;
    costs.aes_setup = 1000;
    costs.aes128_encrypt_per_byte = 40;
    costs.aes128_decrypt_per_byte = 60;
    costs.aes_round_per_byte = 3;
    costs.xts_per_byte = 7;
    costs.des_per_byte = 90;
    costs.des3_per_byte = 250;
    struct Case {
      Cipher cipher;
      CipherMode mode;
      std::size_t key_bytes;
      double encrypt, decrypt;  // cycles for 512 bytes
    };
    const Case cases[] = {
        {Cipher::aes, CipherMode::xts, 32, 1000 + 16 * 40 + 512 * 47, 1000 + 16 * 40 + 512 * 67},
        {Cipher::aes, CipherMode::xts, 64, 1000 + 16 * 52 + 512 * 59, 1000 + 16 * 52 + 512 * 79},
        {Cipher::des, CipherMode::cbc, 8, 1000 + 512 * 90, 1000 + 512 * 90},
        {Cipher::des3, CipherMode::ecb, 24, 1000 + 512 * 250, 1000 + 512 * 250},
    };
    for (const Case& c : cases) {
      CryptoTfm tfm(board.kernel, costs, c.cipher, c.mode, Bytes(c.key_bytes));
      Bytes data(512), iv(16);
      hw::Ps start = board.kernel.now();
      EXPECT_EQ(tfm.encrypt(data.data(), data.data(), 512, iv.data()), 0);
      EXPECT_EQ(board.kernel.now() - start, static_cast<hw::Ps>(c.encrypt * 1000));
      start = board.kernel.now();
      EXPECT_EQ(tfm.decrypt(data.data(), data.data(), 512, iv.data()), 0);
      EXPECT_EQ(board.kernel.now() - start, static_cast<hw::Ps>(c.decrypt * 1000));
      EXPECT_EQ(data, Bytes(512));
    }
  });
}

TEST(CryptoTfm, RefusesOtherKeysModesAndLengths) {
  test::Board board;
  const auto make = [&](Cipher cipher, CipherMode mode, std::size_t key_bytes) {
    CryptoTfm(board.kernel, test::test_cipher_costs(), cipher, mode, Bytes(key_bytes));
  };
  EXPECT_THROW(make(Cipher::des, CipherMode::cbc, 16), std::invalid_argument);
  EXPECT_THROW(make(Cipher::des3, CipherMode::cbc, 16), std::invalid_argument);
  EXPECT_THROW(make(Cipher::aes, CipherMode::xts, 16), std::invalid_argument);
  EXPECT_THROW(make(Cipher::aes, CipherMode::xts, 33), std::invalid_argument);
  EXPECT_THROW(make(Cipher::des, CipherMode::xts, 8), std::invalid_argument);
  EXPECT_THROW(make(Cipher::des3, CipherMode::xts, 24), std::invalid_argument);
  EXPECT_NO_THROW(make(Cipher::aes, CipherMode::xts, 48));
  board.run([&] {
    Bytes data(32, 0xAB), iv(16);
    CryptoTfm xts(board.kernel, test::test_cipher_costs(), Cipher::aes, CipherMode::xts, Bytes(32));
    EXPECT_EQ(xts.encrypt(data.data(), data.data(), 24, iv.data()), -EINVAL);
    CryptoTfm des(board.kernel, test::test_cipher_costs(), Cipher::des, CipherMode::cbc, Bytes(8));
    EXPECT_EQ(des.encrypt(data.data(), data.data(), 12, iv.data()), -EINVAL);
    EXPECT_EQ(data, Bytes(32, 0xAB));
    EXPECT_EQ(des.encrypt(data.data(), data.data(), 24, iv.data()), 0);
  });
}

TEST(CryptoTfm, RefusesWhatAesCannotDo) {
  test::Board board;
  EXPECT_THROW(CryptoTfm(board.kernel, test::test_cipher_costs(), CipherMode::cbc, Bytes(20)),
               std::invalid_argument);
  EXPECT_THROW(CryptoTfm(board.kernel, test::test_cipher_costs(), CipherMode::ecb, Bytes(0)),
               std::invalid_argument);
  board.run([&] {
    CryptoTfm tfm(board.kernel, test::test_cipher_costs(), CipherMode::cbc, Bytes(16));
    Bytes data(32, 0xAB), iv(16);
    EXPECT_EQ(tfm.encrypt(data.data(), data.data(), 0, iv.data()), -EINVAL);
    EXPECT_EQ(tfm.decrypt(data.data(), data.data(), 20, iv.data()), -EINVAL);
    EXPECT_EQ(data, Bytes(32, 0xAB));
  });
}

}  // namespace
}  // namespace cesasim::driver
