// SPDX-License-Identifier: Apache-2.0
#include "hw_model/crypto/cipher_engine.h"

#include <gtest/gtest.h>
#include <openssl/aes.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "hw_model/common/aes_key_schedule.h"
#include "tests/hw_model/cesa/aes_vectors.h"

namespace cesasim::hw {
namespace {

using test::Bytes;

/// One shot through OpenSSL with a fresh context: the independent judge.
Bytes openssl(const Bytes& key, const Bytes* iv, bool decrypt, const Bytes& in) {
  const EVP_CIPHER* c = nullptr;
  switch (key.size()) {
    case 16:
      c = iv ? EVP_aes_128_cbc() : EVP_aes_128_ecb();
      break;
    case 24:
      c = iv ? EVP_aes_192_cbc() : EVP_aes_192_ecb();
      break;
    default:
      c = iv ? EVP_aes_256_cbc() : EVP_aes_256_ecb();
      break;
  }
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  EXPECT_EQ(EVP_CipherInit_ex(ctx, c, nullptr, key.data(), iv ? iv->data() : nullptr, !decrypt), 1);
  EVP_CIPHER_CTX_set_padding(ctx, 0);
  Bytes out(in.size());
  int n = 0;
  EXPECT_EQ(EVP_CipherUpdate(ctx, out.data(), &n, in.data(), static_cast<int>(in.size())), 1);
  EVP_CIPHER_CTX_free(ctx);
  return out;
}

Bytes random_bytes(std::mt19937& rng, std::size_t n) {
  Bytes b(n);
  for (auto& x : b) x = static_cast<std::uint8_t>(rng());
  return b;
}

Bytes start_key(const Bytes& key) {
  Bytes start(key.size());
  aes_decrypt_start_from_key(key, start);
  return start;
}

class KeySchedule : public testing::TestWithParam<unsigned> {};

// FIPS 197, appendix A: the last words of the three expansions.
TEST(KeyScheduleExamples, Fips197) {
  EXPECT_EQ(start_key(test::from_hex(test::kKey128)),
            test::from_hex("d014f9a8c9ee2589e13f0cc8b6630ca6"));
  // The key of 192 bits adds words 46 and 47; the next test is about their order.
  const Bytes last192 = start_key(test::from_hex(test::kKey192));
  EXPECT_EQ(Bytes(last192.begin(), last192.begin() + 16),
            test::from_hex("e98ba06f448c773c8ecc720401002202"));
  const Bytes last256 = start_key(test::from_hex(test::kKey256));
  EXPECT_EQ(Bytes(last256.begin(), last256.begin() + 16),
            test::from_hex("fe4890d1e6188d0b046df344706c631e"));
}

// OpenSSL's own expansion is the judge of the order of the words.
TEST_P(KeySchedule, StartKeyIsTheEndOfOpenSslsSchedule) {
  std::mt19937 rng(GetParam());
  for (int i = 0; i < 200; ++i) {
    const Bytes key = random_bytes(rng, GetParam());
    AES_KEY schedule;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    ASSERT_EQ(AES_set_encrypt_key(key.data(), static_cast<int>(8 * key.size()), &schedule), 0);
#pragma GCC diagnostic pop
    const unsigned nk = GetParam() / 4;
    const unsigned total = 4 * (static_cast<unsigned>(schedule.rounds) + 1);
    // OpenSSL's assembly keeps words in memory order or byte-swapped; accept the one in which
    // the first round key equals the key.
    const bool swapped = std::memcmp(schedule.rd_key, key.data(), 4) != 0;
    const auto word = [&](unsigned w, std::uint8_t* out) {
      std::memcpy(out, &schedule.rd_key[w], 4);
      if (swapped) std::reverse(out, out + 4);
    };
    Bytes expected(key.size());
    for (unsigned w = 0; w < 4; ++w) word(total - 4 + w, &expected[4 * w]);
    for (unsigned w = 4; w < nk; ++w) word(total - nk + w - 4, &expected[4 * w]);
    EXPECT_EQ(start_key(key), expected);
  }
}

TEST_P(KeySchedule, InversionGivesTheKeyBack) {
  std::mt19937 rng(GetParam() + 1);
  for (int i = 0; i < 1000; ++i) {
    const Bytes key = random_bytes(rng, GetParam());
    Bytes back(key.size());
    aes_key_from_decrypt_start(start_key(key), back);
    ASSERT_EQ(back, key);
  }
}
INSTANTIATE_TEST_SUITE_P(Sizes, KeySchedule, testing::Values(16u, 24u, 32u));

TEST(CipherEngineVectors, Sp800_38a) {
  CipherEngine engine;
  for (const test::AesVector& v : test::kSp800Vectors) {
    SCOPED_TRACE(v.name);
    const Bytes key = test::from_hex(v.key);
    const Bytes start = start_key(key);
    const Bytes plain = test::from_hex(test::kSp800Plaintext);
    const Bytes cipher = test::from_hex(v.ciphertext);
    Bytes iv = test::from_hex(test::kSp800Iv);
    Bytes out(plain.size());
    const auto size = static_cast<std::uint32_t>(plain.size());
    const auto keys = static_cast<std::uint32_t>(key.size());
    engine.run({CipherAlgorithm::aes, key.data(), keys, v.cbc, false, iv.data(), iv.data(),
                plain.data(), out.data(), size});
    EXPECT_EQ(out, cipher);
    if (v.cbc) {
      EXPECT_EQ(iv, Bytes(cipher.end() - 16, cipher.end())) << "chaining value";
    }
    iv = test::from_hex(test::kSp800Iv);
    engine.run({CipherAlgorithm::aes, start.data(), keys, v.cbc, true, iv.data(), iv.data(),
                cipher.data(), out.data(), size});
    EXPECT_EQ(out, plain);
    if (v.cbc) {
      EXPECT_EQ(iv, Bytes(cipher.end() - 16, cipher.end())) << "chaining value";
    }
  }
}

// Few keys, so that cached contexts meet many IVs; more keys than cache slots, so that some
// are thrown out.
TEST(CipherEngineDifferential, RandomKeysLengthsAndModes) {
  std::mt19937 rng(20240611);
  CipherEngine engine;
  std::vector<Bytes> keys;
  for (int i = 0; i < 12; ++i) keys.push_back(random_bytes(rng, 16 + 8 * (rng() % 3)));
  for (int i = 0; i < 4000; ++i) {
    const Bytes& key = keys[rng() % keys.size()];
    const bool cbc = rng() % 4 != 0;
    const bool decrypt = rng() % 2;
    const Bytes in = random_bytes(rng, 16 * (1 + rng() % 60));
    const Bytes iv = random_bytes(rng, 16);
    const Bytes expected = openssl(key, cbc ? &iv : nullptr, decrypt, in);
    const Bytes given = decrypt ? start_key(key) : key;
    Bytes next(16);
    Bytes out = in;  // in place
    engine.run({CipherAlgorithm::aes, given.data(), static_cast<std::uint32_t>(given.size()), cbc,
                decrypt, iv.data(), next.data(), out.data(), out.data(),
                static_cast<std::uint32_t>(out.size())});
    ASSERT_EQ(out, expected) << "case " << i;
    if (cbc) {
      const Bytes& cipher = decrypt ? in : expected;
      ASSERT_EQ(next, Bytes(cipher.end() - 16, cipher.end()));
    }
  }
}

TEST(CipherEngineOverlap, BlocksGoOneAfterAnother) {
  std::mt19937 rng(3);
  for (const bool cbc : {false, true}) {
    for (const bool decrypt : {false, true}) {
      for (const int shift : {-16, -8, -4, 4, 8, 16, 32}) {
        const Bytes key = random_bytes(rng, 16);
        const Bytes given = decrypt ? start_key(key) : key;
        const Bytes iv = random_bytes(rng, 16);
        Bytes memory = random_bytes(rng, 256);
        // The judge: one block at a time through fresh contexts.
        Bytes expected = memory;
        Bytes chain = iv;
        for (int b = 0; b < 5; ++b) {
          const auto src = expected.begin() + 64 + 16 * b;
          const Bytes block(src, src + 16);
          const Bytes result = openssl(key, cbc ? &chain : nullptr, decrypt, block);
          std::copy(result.begin(), result.end(), expected.begin() + 64 + shift + 16 * b);
          chain = decrypt ? block : result;
        }
        CipherEngine engine;
        Bytes next(16);
        engine.run({CipherAlgorithm::aes, given.data(), 16, cbc, decrypt, iv.data(), next.data(),
                    memory.data() + 64, memory.data() + 64 + shift, 80});
        EXPECT_EQ(memory, expected) << cbc << decrypt << " shift " << shift;
      }
    }
  }
}

TEST(CipherEngineKeys, UnchangedKeyIsNotExpandedAgain) {
  CipherEngine engine;
  const Bytes a(16, 1), b(16, 2);
  Bytes data(512), iv(16);
  const auto run = [&](const Bytes& key, bool decrypt) {
    engine.run({CipherAlgorithm::aes, key.data(), 16, true, decrypt, iv.data(), iv.data(),
                data.data(), data.data(), 512});
  };
  for (int i = 0; i < 10; ++i) run(a, false);
  EXPECT_EQ(engine.key_setups(), 1u);
  for (int i = 0; i < 10; ++i) {
    run(a, false);
    run(b, false);
    run(a, true);
  }
  EXPECT_EQ(engine.key_setups(), 3u);
}

// One key, two algorithms: the cached context of the one must not serve the other.
TEST(CipherEngineKeys, EdeAndEeeWithTheSameKey) {
  CipherEngine engine;
  Bytes key(24);
  for (unsigned i = 0; i < 24; ++i) key[i] = static_cast<std::uint8_t>(17 * i + 1);
  const auto run = [&](CipherAlgorithm algorithm) {
    Bytes data(8);
    engine.run({.algorithm = algorithm,
                .key = key.data(),
                .key_bytes = 24,
                .src = data.data(),
                .dst = data.data(),
                .bytes = 8});
    return data;
  };
  const Bytes ede = run(CipherAlgorithm::des3_ede);
  EXPECT_NE(run(CipherAlgorithm::des3_eee), ede);
  EXPECT_EQ(run(CipherAlgorithm::des3_ede), ede);
  EXPECT_EQ(engine.key_setups(), 2u);
}

}  // namespace
}  // namespace cesasim::hw
