// SPDX-License-Identifier: Apache-2.0
// Initial vectors against an independent computation, and what they cost.
#include "dmcrypt_model/iv_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "tests/support/board.h"

namespace cesasim::dmcrypt {
namespace {

const std::vector<std::uint8_t> kKey = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
                                        0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
constexpr std::uint64_t kSectors[] = {0,          1,          255,         256,
                                      0x12345678, 0xffffffff, 0x100000000, 0x123456789abcdef0};

std::unique_ptr<IvGenerator> make(test::Board& board, const std::string& cipher) {
  return IvGenerator::make(board.kernel, CipherSpec::parse(cipher), kKey,
                           test::test_dmcrypt_costs(), test::test_cipher_costs());
}

TEST(Iv, PlainIsTheLow32BitsLittleEndian) {
  test::Board board;
  auto iv = make(board, "aes-cbc-plain");
  board.run([&] {
    for (std::uint64_t sector : kSectors) {
      Iv got;
      got.fill(0xEE);
      iv->generate(sector, got);
      Iv expected{};
      for (std::size_t i = 0; i < 4; ++i) {
        expected[i] = static_cast<std::uint8_t>(sector >> (8 * i));
      }
      EXPECT_EQ(got, expected) << sector;
    }
  });
}

TEST(Iv, EssivEncryptsTheSectorWithTheHashOfTheKey) {
  test::Board board;
  auto sha256 = make(board, "aes-cbc-essiv:sha256");
  auto md5 = make(board, "aes-cbc-essiv:md5");
  std::uint8_t salt256[32], salt128[16];
  ASSERT_EQ(EVP_Digest(kKey.data(), kKey.size(), salt256, nullptr, EVP_sha256(), nullptr), 1);
  ASSERT_EQ(EVP_Digest(kKey.data(), kKey.size(), salt128, nullptr, EVP_md5(), nullptr), 1);
  auto ecb = [](const EVP_CIPHER* cipher, const std::uint8_t* salt, std::uint64_t sector) {
    std::uint8_t in[16] = {};
    for (std::size_t i = 0; i < 8; ++i) in[i] = static_cast<std::uint8_t>(sector >> (8 * i));
    Iv out;
    int n = 0;
    EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(ctx, cipher, nullptr, salt, nullptr);
    EVP_EncryptUpdate(ctx, out.data(), &n, in, 16);
    EVP_CIPHER_CTX_free(ctx);
    return out;
  };
  board.run([&] {
    for (std::uint64_t sector : kSectors) {
      Iv got;
      sha256->generate(sector, got);
      EXPECT_EQ(got, ecb(EVP_aes_256_ecb(), salt256, sector)) << sector;
      md5->generate(sector, got);
      EXPECT_EQ(got, ecb(EVP_aes_128_ecb(), salt128, sector)) << sector;
    }
  });
}

/// By hand: the numbers, where they stand, and how long the IV is (16 bytes, 8 for DES and 3DES).
TEST(Iv, TheOthersByHand) {
  test::Board board;
  const struct {
    const char* cipher;
    std::uint64_t sector;
    Iv iv;
  } rows[] = {
      {"aes-cbc-plain64", 0x0123456789abcdef, {0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01}},
      {"aes-cbc-plain64be",
       0x0123456789abcdef,
       {0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}},
      {"des3_ede-cbc-plain64be",
       0x0123456789abcdef,
       {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}},
      // 32 blocks of AES a sector, 64 of DES; the first block is number 1.
      {"aes-cbc-benbi", 0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
      {"aes-cbc-benbi", 9, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x21}},
      {"aes-xts-benbi", 9, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x21}},
      {"des-cbc-benbi", 9, {0, 0, 0, 0, 0, 0, 0x02, 0x41}},
      {"aes-cbc-null", 77, {}},
      {"des-cbc-plain", 0x1122334455667788, {0x88, 0x77, 0x66, 0x55}},
  };
  board.run([&] {
    for (const auto& row : rows) {
      Iv got;
      got.fill(0xEE);
      make(board, row.cipher)->generate(row.sector, got);
      EXPECT_EQ(got, row.iv) << row.cipher;
    }
  });
  EXPECT_EQ(make(board, "aes-ecb"), nullptr);
}

/// 100 cycles of dm each; essiv also one block of AES-256: 100 + 16 * (50 + 4 * 5).
TEST(Iv, Cost) {
  test::Board board;
  auto plain = make(board, "aes-cbc-plain");
  auto essiv = make(board, "aes-cbc-essiv:sha256");
  board.run([&] {
    auto spent = [&](hw::Activity a) { return board.soc.core(0).accounted(a); };
    Iv iv;
    const hw::Ps dm = spent(hw::Activity::dm);
    const hw::Ps cipher = spent(hw::Activity::cipher);
    plain->generate(1, iv);
    EXPECT_EQ(spent(hw::Activity::dm) - dm, 100'000u);
    EXPECT_EQ(spent(hw::Activity::cipher) - cipher, 0u);
    essiv->generate(1, iv);
    EXPECT_EQ(spent(hw::Activity::dm) - dm, 200'000u);
    EXPECT_EQ(spent(hw::Activity::cipher) - cipher, 1'220'000u);
  });
}

TEST(Iv, AHashThatGivesNoAesKeyIsRefused) {
  test::Board board;
  try {
    make(board, "aes-cbc-essiv:sha1");
    FAIL();
  } catch (const CipherSpecError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("160 bits"));
  }
}

}  // namespace
}  // namespace cesasim::dmcrypt
