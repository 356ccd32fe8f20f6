// The kernel's cipher API: bytes as OpenSSL and NIST have them, time exactly as priced.
#include "driver/crypto_api/crypto_tfm.h"

#include <gtest/gtest.h>

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
