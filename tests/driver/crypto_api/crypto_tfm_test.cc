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

/// IEEE 1619-2007, annex B, vectors 1 to 4 and 10. Vector 1 has two equal keys.
TEST(CryptoTfm, Ieee1619XtsVectors) {
  struct Vector {
    const char* keys;
    const char* data_unit;
    const char* plain;  // of 512 bytes if empty: 00 to ff, twice
    const char* cipher_text;
  };
  const Vector vectors[] = {
      {"0000000000000000000000000000000000000000000000000000000000000000",
       "00000000000000000000000000000000",
       "0000000000000000000000000000000000000000000000000000000000000000",
       "917cf69ebd68b2ec9b9fe9a3eadda692cd43d2f59598ed858c02c2652fbf922e"},
      {"1111111111111111111111111111111122222222222222222222222222222222",
       "33333333330000000000000000000000",
       "4444444444444444444444444444444444444444444444444444444444444444",
       "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0"},
      {"fffefdfcfbfaf9f8f7f6f5f4f3f2f1f022222222222222222222222222222222",
       "33333333330000000000000000000000",
       "4444444444444444444444444444444444444444444444444444444444444444",
       "af85336b597afc1a900b2eb21ec949d292df4c047e0b21532186a5971a227a89"},
      {"2718281828459045235360287471352631415926535897932384626433832795",
       "00000000000000000000000000000000", "",
       "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c"
       "c78cf7f5e543445f8333d8fa7f56000005279fa5d8b5e4ad40e736ddb4d35412"
       "328063fd2aab53e5ea1e0a9f332500a5df9487d07a5c92cc512c8866c7e860ce"
       "93fdf166a24912b422976146ae20ce846bb7dc9ba94a767aaef20c0d61ad0265"
       "5ea92dc4c4e41a8952c651d33174be51a10c421110e6d81588ede82103a252d8"
       "a750e8768defffed9122810aaeb99f9172af82b604dc4b8e51bcb08235a6f434"
       "1332e4ca60482a4ba1a03b3e65008fc5da76b70bf1690db4eae29c5f1badd03c"
       "5ccf2a55d705ddcd86d449511ceb7ec30bf12b1fa35b913f9f747a8afd1b130e"
       "94bff94effd01a91735ca1726acd0b197c4e5b03393697e126826fb6bbde8ecc"
       "1e08298516e2c9ed03ff3c1b7860f6de76d4cecd94c8119855ef5297ca67e9f3"
       "e7ff72b1e99785ca0a7e7720c5b36dc6d72cac9574c8cbbc2f801e23e56fd344"
       "b07f22154beba0f08ce8891e643ed995c94d9a69c9f1b5f499027a78572aeebd"
       "74d20cc39881c213ee770b1010e4bea718846977ae119f7a023ab58cca0ad752"
       "afe656bb3c17256a9f6e9bf19fdd5a38fc82bbe872c5539edb609ef4f79c203e"
       "bb140f2e583cb2ad15b4aa5b655016a8449277dbd477ef2c8d6c017db738b18d"
       "eb4a427d1923ce3ff262735779a418f20a282df920147beabe421ee5319d0568"},
      {"2718281828459045235360287471352662497757247093699959574966967627"
       "3141592653589793238462643383279502884197169399375105820974944592",
       "ff000000000000000000000000000000", "",
       "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b"
       "5d31e276f8fe4a8d66b317f9ac683f44680a86ac35adfc3345befecb4bb188fd"
       "5776926c49a3095eb108fd1098baec70aaa66999a72a82f27d848b21d4a741b0"
       "c5cd4d5fff9dac89aeba122961d03a757123e9870f8acf1000020887891429ca"
       "2a3e7a7d7df7b10355165c8b9a6d0a7de8b062c4500dc4cd120c0f7418dae3d0"
       "b5781c34803fa75421c790dfe1de1834f280d7667b327f6c8cd7557e12ac3a0f"
       "93ec05c52e0493ef31a12d3d9260f79a289d6a379bc70c50841473d1a8cc81ec"
       "583e9645e07b8d9670655ba5bbcfecc6dc3966380ad8fecb17b6ba02469a020a"
       "84e18e8f84252070c13e9f1f289be54fbc481457778f616015e1327a02b140f1"
       "505eb309326d68378f8374595c849d84f4c333ec4423885143cb47bd71c5edae"
       "9be69a2ffeceb1bec9de244fbe15992b11b77c040f12bd8f6a975a44a0f90c29"
       "a9abc3d4d893927284c58754cce294529f8614dcd2aba991925fedc4ae74ffac"
       "6e333b93eb4aff0479da9a410e4450e0dd7ae4c6e2910900575da401fc07059f"
       "645e8b7e9bfdef33943054ff84011493c27b3429eaedb4ed5376441a77ed4385"
       "1ad77f16f541dfd269d50d6a5f14fb0aab1cbb4c1550be97f7ab4066193c4caa"
       "773dad38014bd2092fa755c824bb5e54c4f36ffda9fcea70b9c6e693e148c151"},
  };
  test::Board board;
  board.run([&] {
    for (const Vector& v : vectors) {
      Bytes plain = from_hex(v.plain);
      if (plain.empty()) {
        for (int i = 0; i < 512; ++i) plain.push_back(static_cast<std::uint8_t>(i));
      }
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
