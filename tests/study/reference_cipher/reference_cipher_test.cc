// The judge itself, judged by bytes that a real dm-crypt wrote.
#include "study/reference_cipher.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace cesasim::study {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes splitmix_plaintext(std::uint64_t seed, std::size_t bytes) {
  Bytes out(bytes);
  std::uint64_t state = seed;
  for (std::size_t i = 0; i < bytes; i += 8) {
    state += 0x9E3779B97F4A7C15u;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    for (std::size_t b = 0; b < 8; ++b) out[i + b] = static_cast<std::uint8_t>(z >> (8 * b));
  }
  return out;
}

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
  const Bytes plain = splitmix_plaintext(0x123456789abcdef, 2097152);
  ASSERT_EQ(sha256_hex(plain), all["plaintext"]["sha256"]);
  const ReferenceCipher cipher(vector["cipher"].get<std::string>(),
                               from_hex(vector["key_hex"].get<std::string>()),
                               vector["iv_offset"].get<std::uint64_t>());
  Bytes encrypted(plain.size()), back(plain.size());
  for (std::size_t at = 0; at < plain.size(); at += 512) {
    cipher.encrypt(at / 512, &plain[at], &encrypted[at]);
    cipher.decrypt(at / 512, &encrypted[at], &back[at]);
  }
  EXPECT_EQ(sha256_hex(encrypted), vector["ciphertext_sha256"]);
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
                         testing::Values("s1-cbc-plain", "s2-cbc-essiv"),
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

TEST(ReferenceCipher, RefusesWhatItDoesNotKnow) {
  EXPECT_THROW(ReferenceCipher("aes-xts-plain64", Bytes(32), 0), std::invalid_argument);
  EXPECT_THROW(ReferenceCipher("aes-cbc-plain", Bytes(20), 0), std::invalid_argument);
  EXPECT_THROW(ReferenceCipher("aes-cbc-essiv:nohash", Bytes(16), 0), std::invalid_argument);
  EXPECT_THROW(ReferenceCipher("aes-cbc-essiv:sha1", Bytes(16), 0), std::invalid_argument);
}

}  // namespace
}  // namespace cesasim::study
