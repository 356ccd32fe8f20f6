// SPDX-License-Identifier: Apache-2.0
// The judge itself, judged by bytes that a real dm-crypt wrote.
#include "machine/check/reference_cipher.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/splitmix_plaintext.h"

namespace cesasim {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::string sha256_hex(const Bytes& data) {
  std::uint8_t digest[32];
  EVP_Digest(data.data(), data.size(), digest, nullptr, EVP_sha256(), nullptr);
  std::string hex;
  for (std::uint8_t b : digest) {
    char text[3];
    std::snprintf(text, sizeof text, "%02x", b);
    hex += text;
  }
  return hex;
}

Bytes from_hex(const std::string& hex) {
  Bytes out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return out;
}

class ReferenceCipherVectors : public testing::TestWithParam<const char*> {};

TEST_P(ReferenceCipherVectors, EqualsTheRealKernel) {
  std::ifstream file("tests/vectors/vectors.json");
  ASSERT_TRUE(file);
  const auto all = nlohmann::json::parse(file);
  nlohmann::json vector;
  for (const auto& v : all["vectors"]) {
    if (v["name"] == GetParam()) vector = v;
  }
  ASSERT_FALSE(vector.is_null());
  const Bytes plain = test::splitmix_plaintext(0x123456789abcdef, 2097152);
  ASSERT_EQ(sha256_hex(plain), all["plaintext"]["sha256"].get<std::string>());
  const ReferenceCipher cipher(vector["cipher"].get<std::string>(),
                               from_hex(vector["key_hex"].get<std::string>()),
                               vector["iv_offset"].get<std::uint64_t>());
  Bytes encrypted(plain.size()), back(plain.size());
  for (std::size_t at = 0; at < plain.size(); at += 512) {
    cipher.encrypt(at / 512, &plain[at], &encrypted[at]);
    cipher.decrypt(at / 512, &encrypted[at], &back[at]);
  }
  EXPECT_EQ(sha256_hex(encrypted), vector["ciphertext_sha256"].get<std::string>());
  EXPECT_TRUE(back == plain);
  // The captured bytes themselves, so that a difference shows where.
  std::ifstream head("tests/vectors/" + std::string(GetParam()) + ".first64k.bin",
                     std::ios::binary);
  const Bytes captured((std::istreambuf_iterator<char>(head)), std::istreambuf_iterator<char>());
  ASSERT_EQ(captured.size(), 65536u);
  for (std::size_t at = 0; at < captured.size(); at += 512) {
    ASSERT_TRUE(std::equal(&captured[at], &captured[at] + 512, &encrypted[at]))
        << "sector " << at / 512;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ReferenceCipherVectors,
                         testing::Values("s1-cbc-plain", "s2-cbc-essiv", "s3-xts-plain64"),
                         [](const auto& info) { return std::string(info.param).substr(0, 2); });

/// plain wraps at 2^32 sectors, essiv does not.
TEST(ReferenceCipher, SectorsBeyond32Bits) {
  const Bytes key(16, 0x42), in(512, 0x11);
  Bytes low(512), high(512);
  const ReferenceCipher plain("aes-cbc-plain", key, 0);
  plain.encrypt(5, in.data(), low.data());
  plain.encrypt(5 + (std::uint64_t{1} << 32), in.data(), high.data());
  EXPECT_EQ(low, high);
  const ReferenceCipher essiv("aes-cbc-essiv:sha256", key, 0);
  essiv.encrypt(5, in.data(), low.data());
  essiv.encrypt(5 + (std::uint64_t{1} << 32), in.data(), high.data());
  EXPECT_NE(low, high);
}

TEST(ReferenceCipher, OffsetMovesTheIv) {
  const Bytes key(32, 0x42), in(512, 0x11);
  Bytes a(512), b(512);
  ReferenceCipher("aes-cbc-essiv:sha256", key, 100).encrypt(5, in.data(), a.data());
  ReferenceCipher("aes-cbc-essiv:sha256", key, 0).encrypt(105, in.data(), b.data());
  EXPECT_EQ(a, b);
}

/// NIST SP 800-17, table A.1 round 0: DES of zeros but one bit under the key of ones; and a key
/// three times is the same in 3DES.
TEST(ReferenceCipher, DesIsDes) {
  const Bytes key(8, 0x01);
  Bytes in(512), out(512), triple(512);
  in[0] = 0x80;
  ReferenceCipher("des-ecb", key, 0).encrypt(0, in.data(), out.data());
  EXPECT_EQ(Bytes(out.begin(), out.begin() + 8), from_hex("95f8a5e5dd31d900"));
  ReferenceCipher("des3_ede-ecb", Bytes(24, 0x01), 0).encrypt(0, in.data(), triple.data());
  EXPECT_EQ(out, triple);
}

/// IEEE 1619-2007, vectors 1 (both halves of the key equal, which OpenSSL refuses) and 2.
TEST(ReferenceCipher, XtsIsXts) {
  Bytes in(512), out(512);
  ReferenceCipher("aes-xts-plain64", Bytes(32), 0).encrypt(0, in.data(), out.data());
  EXPECT_EQ(Bytes(out.begin(), out.begin() + 32),
            from_hex("917cf69ebd68b2ec9b9fe9a3eadda692cd43d2f59598ed858c02c2652fbf922e"));
  Bytes key(16, 0x11);
  key.insert(key.end(), 16, 0x22);
  std::fill(in.begin(), in.end(), 0x44);
  ReferenceCipher("aes-xts-plain64", key, 0x3333333333).encrypt(0, in.data(), out.data());
  EXPECT_EQ(Bytes(out.begin(), out.begin() + 32),
            from_hex("c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0"));
}

/// The IV of a unit by hand: its first ciphertext block under CBC, with the IV as the plaintext,
/// is the encryption of zeros.
TEST(ReferenceCipher, IvModes) {
  struct {
    const char* cipher;
    std::uint32_t unit;
    bool large;
    std::uint64_t sector;
    const char* iv;
  } cases[] = {
      {"aes-cbc-plain", 512, false, 0x1122334455667788, "88776655000000000000000000000000"},
      {"aes-cbc-plain64", 512, false, 0x1122334455667788, "88776655443322110000000000000000"},
      {"aes-cbc-plain64be", 512, false, 0x1122334455667788, "00000000000000001122334455667788"},
      {"aes-cbc-null", 512, false, 77, "00000000000000000000000000000000"},
      {"aes-cbc-benbi", 512, false, 2, "00000000000000000000000000000041"},
      {"aes-cbc-plain64", 4096, false, 16, "10000000000000000000000000000000"},
      {"aes-cbc-plain64", 4096, true, 16, "02000000000000000000000000000000"},
  };
  const Bytes key(16, 0x42);
  for (const auto& c : cases) {
    Bytes in(c.unit), out(c.unit), zeros(512), wanted(512);
    const Bytes iv = from_hex(c.iv);
    std::copy(iv.begin(), iv.end(), in.begin());
    ReferenceCipher(c.cipher, key, 0, c.unit, c.large).encrypt(c.sector, in.data(), out.data());
    ReferenceCipher("aes-ecb", key, 0).encrypt(0, zeros.data(), wanted.data());
    EXPECT_TRUE(std::equal(out.begin(), out.begin() + 16, wanted.begin())) << c.cipher << c.unit;
  }
}

TEST(ReferenceCipher, RefusesWhatItDoesNotKnow) {
  EXPECT_THROW(ReferenceCipher("aes-xts-plain64", Bytes(33), 0), std::invalid_argument);
  EXPECT_THROW(ReferenceCipher("des-xts-plain64", Bytes(16), 0), std::invalid_argument);
  EXPECT_THROW(ReferenceCipher("aes-cbc-lmk", Bytes(16), 0), std::invalid_argument);
  EXPECT_THROW(ReferenceCipher("aes-ecb-plain", Bytes(16), 0), std::invalid_argument);
  EXPECT_THROW(ReferenceCipher("des-cbc-plain", Bytes(16), 0), std::invalid_argument);
  EXPECT_THROW(ReferenceCipher("aes-cbc-plain", Bytes(16), 0, 1536), std::invalid_argument);
  EXPECT_THROW(ReferenceCipher("aes-cbc-plain", Bytes(20), 0), std::invalid_argument);
  EXPECT_THROW(ReferenceCipher("aes-cbc-essiv:nohash", Bytes(16), 0), std::invalid_argument);
  EXPECT_THROW(ReferenceCipher("aes-cbc-essiv:sha1", Bytes(16), 0), std::invalid_argument);
}

}  // namespace
}  // namespace cesasim
