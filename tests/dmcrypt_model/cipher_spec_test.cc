// SPDX-License-Identifier: Apache-2.0
// The cipher string and the key of a table line: what is taken, and why the rest is not.
#include "dmcrypt_model/cipher_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>

namespace cesasim::dmcrypt {
namespace {

template <class F>
std::string why(F f) {
  try {
    f();
  } catch (const CipherSpecError& error) {
    return error.what();
  }
  return "";
}

TEST(CipherSpec, Good) {
  const struct {
    const char* text;
    const char* means;
    std::uint32_t block_bytes;
    std::uint32_t iv_bytes;
  } rows[] = {
      {"aes", "aes-cbc-plain", 16, 16},
      {"aes-plain", "aes-cbc-plain", 16, 16},
      {"aes-cbc-plain", "aes-cbc-plain", 16, 16},
      {"aes-cbc-essiv:sha256", "aes-cbc-essiv:sha256", 16, 16},
      {"aes-cbc-essiv:md5", "aes-cbc-essiv:md5", 16, 16},
      {"aes-cbc-essiv:sha512", "aes-cbc-essiv:sha512", 16, 16},
      {"aes-cbc-essiv:sha3-256", "aes-cbc-essiv:sha3-256", 16, 16},
      {"aes-cbc-plain64", "aes-cbc-plain64", 16, 16},
      {"aes-cbc-plain64be", "aes-cbc-plain64be", 16, 16},
      {"aes-cbc-benbi", "aes-cbc-benbi", 16, 16},
      {"aes-cbc-null", "aes-cbc-null", 16, 16},
      {"aes-ecb", "aes-ecb", 16, 0},
      {"aes-xts-plain64", "aes-xts-plain64", 16, 16},
      {"aes-xts-benbi", "aes-xts-benbi", 16, 16},
      {"des", "des-cbc-plain", 8, 8},
      {"des-ecb", "des-ecb", 8, 0},
      {"des-cbc-essiv:md5", "des-cbc-essiv:md5", 8, 8},
      {"des3_ede-plain", "des3_ede-cbc-plain", 8, 8},
      {"des3_ede-cbc-essiv:sha256", "des3_ede-cbc-essiv:sha256", 8, 8},
      {"des3_ede-cbc-plain64be", "des3_ede-cbc-plain64be", 8, 8},
  };
  for (const auto& row : rows) {
    const CipherSpec spec = CipherSpec::parse(row.text);
    EXPECT_EQ(spec.str(), row.means) << row.text;
    EXPECT_EQ(spec.block_bytes(), row.block_bytes) << row.text;
    EXPECT_EQ(spec.iv_bytes(), row.iv_bytes) << row.text;
    EXPECT_EQ(CipherSpec::parse(spec.str()).str(), row.means);
  }
  const CipherSpec spec = CipherSpec::parse("aes-cbc-essiv:sha256");
  EXPECT_EQ(spec.cipher, "aes");
  EXPECT_EQ(spec.chainmode, "cbc");
  EXPECT_EQ(spec.ivmode, "essiv");
  EXPECT_EQ(spec.ivopts, "sha256");
}

TEST(CipherSpec, BadAndWhy) {
  const struct {
    const char* text;
    const char* why;
  } rows[] = {
      {"", "the cipher '' is not modelled"},
      {"-", "the cipher '' is not modelled"},
      {"twofish-cbc-plain", "the cipher 'twofish' is not modelled"},
      {"AES-cbc-plain", "the cipher 'AES' is not modelled"},
      {"des3-cbc-plain", "the cipher 'des3' is not modelled"},
      {"capi:cbc(aes)-plain64", "the capi syntax"},
      {"aes-", "unknown chaining mode ''"},
      {"aes-plain64", "unknown chaining mode 'plain64'"},
      {"aes-plain-x", "unknown chaining mode 'plain'"},
      {"aes-pcbc-plain", "unknown chaining mode 'pcbc'"},
      {"aes-cbc", "the chaining mode cbc requires an IV mechanism"},
      {"aes-xts", "the chaining mode xts requires an IV mechanism"},
      {"aes-ecb-plain", "the chaining mode ecb takes no IV"},
      {"des-xts-plain", "xts needs a cipher with blocks of 16 bytes"},
      {"des3_ede-xts-plain", "xts needs a cipher with blocks of 16 bytes"},
      {"aes-cbc-", "invalid IV mode ''"},
      {"aes-cbc-Plain", "invalid IV mode 'Plain'"},
      {"aes-cbc-plain-x", "invalid IV mode 'plain-x'"},
      {"aes-cbc-lmk", "the IV mode lmk is not modelled"},
      {"aes-cbc-plain:x", "the IV mode plain takes no option"},
      {"aes-cbc-null:", "the IV mode null takes no option"},
      {"aes-cbc-essiv", "digest algorithm missing"},
      {"aes-cbc-essiv:", "digest algorithm missing"},
      {"aes-cbc-essiv:sha257", "the hash 'sha257' is not known"},
      {"aes-cbc-essiv:SHA256", "the hash 'SHA256' is not known"},
      {"aes-cbc-essiv:shake128", "the hash 'shake128' is not known"},
      {"aes-cbc-essiv:sha1", "gives a salt of 160 bits, but aes takes keys of 128, 192 or 256"},
      {"des3_ede-cbc-essiv:sha1", "gives a salt of 160 bits, but des3_ede takes keys of 192"},
      {"aes-cbc-essiv:sha256:x", "one option at most"},
  };
  for (const auto& row : rows) {
    const std::string message = why([&] { CipherSpec::parse(row.text); });
    EXPECT_THAT(message, testing::HasSubstr(row.why)) << row.text << " gave: " << message;
    EXPECT_THAT(message, testing::HasSubstr("cipher '" + std::string(row.text) + "'"));
    EXPECT_THAT(message, testing::HasSubstr("valid: "));
  }
}

TEST(ParseKey, GoodAndBad) {
  const CipherSpec spec = CipherSpec::parse("aes");
  EXPECT_EQ(parse_key("000102030405060708090a0b0c0d0EfF", spec),
            (std::vector<std::uint8_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0x0e, 0xff}));
  EXPECT_EQ(parse_key(std::string(48, '0'), spec).size(), 24u);
  EXPECT_EQ(parse_key(std::string(64, 'f'), spec).size(), 32u);
  EXPECT_EQ(why([&] { parse_key("000", spec); }), "key: an odd number of hexadecimal digits");
  EXPECT_EQ(why([&] { parse_key("0g" + std::string(30, '0'), spec); }),
            "key: '0g' is not a hexadecimal byte");
  EXPECT_EQ(why([&] { parse_key(std::string(34, '0'), spec); }),
            "key: 136 bits, but aes takes 128, 192 or 256");
  EXPECT_EQ(why([&] { parse_key("", spec); }), "key: 0 bits, but aes takes 128, 192 or 256");
}

TEST(ParseKey, SizesOfEveryCipher) {
  const struct {
    const char* cipher;
    std::vector<unsigned> bits;
  } rows[] = {
      {"aes-cbc-plain", {128, 192, 256}}, {"aes-ecb", {128, 192, 256}},
      {"aes-xts-plain64", {256, 512}},    {"des-cbc-plain", {64}},
      {"des3_ede-cbc-plain", {192}},
  };
  for (const auto& row : rows) {
    const CipherSpec spec = CipherSpec::parse(row.cipher);
    for (unsigned bits = 0; bits <= 576; bits += 8) {
      const bool good = std::find(row.bits.begin(), row.bits.end(), bits) != row.bits.end();
      EXPECT_EQ(why([&] { parse_key(std::string(bits / 4, 'a'), spec); }).empty(), good)
          << row.cipher << " " << bits;
    }
  }
  EXPECT_EQ(why([] { parse_key(std::string(96, '1'), CipherSpec::parse("aes-xts-plain")); }),
            "key: 384 bits, but aes in xts takes 256 or 512");
}

/// 2.6.12 (as patched) cuts a salt that is too long, later kernels refuse it.
TEST(Essiv, TheSaltOfTwoTimes) {
  const std::vector<std::uint8_t> key = {1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<std::uint8_t> md5(16), sha512(64);
  EVP_Digest(key.data(), key.size(), md5.data(), nullptr, EVP_md5(), nullptr);
  EVP_Digest(key.data(), key.size(), sha512.data(), nullptr, EVP_sha512(), nullptr);
  auto first = [](std::vector<std::uint8_t> v, std::size_t n) {
    v.resize(n);
    return v;
  };
  const CipherSpec aes = CipherSpec::parse("aes-cbc-essiv:md5");
  EXPECT_EQ(essiv_salt(aes, key, EssivSalt::cut), md5);
  EXPECT_EQ(essiv_salt(aes, key, EssivSalt::whole), md5);
  const CipherSpec des = CipherSpec::parse("des-cbc-essiv:md5");
  EXPECT_EQ(essiv_salt(des, key, EssivSalt::cut), first(md5, 8));
  EXPECT_THAT(why([&] { essiv_salt(des, key, EssivSalt::whole); }), testing::HasSubstr("128 bits"));
  const CipherSpec big = CipherSpec::parse("aes-cbc-essiv:sha512");
  EXPECT_EQ(essiv_salt(big, key, EssivSalt::cut), first(sha512, 32));
  EXPECT_THAT(why([&] { essiv_salt(big, key, EssivSalt::whole); }),
              testing::HasSubstr("does not cut it"));
}

}  // namespace
}  // namespace cesasim::dmcrypt
