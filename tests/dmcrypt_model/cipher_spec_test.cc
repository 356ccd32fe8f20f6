// The cipher string and the key of a table line: what is taken, and why the rest is not.
#include "dmcrypt_model/cipher_spec.h"

#include <gtest/gtest.h>

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
  } rows[] = {
      {"aes", "aes-cbc-plain"},
      {"aes-plain", "aes-cbc-plain"},
      {"aes-cbc-plain", "aes-cbc-plain"},
      {"aes-cbc-essiv:sha256", "aes-cbc-essiv:sha256"},
      {"aes-cbc-essiv:md5", "aes-cbc-essiv:md5"},
  };
  for (const auto& row : rows) EXPECT_EQ(CipherSpec::parse(row.text).str(), row.means) << row.text;
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
      {"", "the cipher '' is not modelled yet"},
      {"twofish-cbc-plain", "the cipher 'twofish' is not modelled yet"},
      {"AES-cbc-plain", "the cipher 'AES' is not modelled yet"},
      {"aes-cbc", "the mode cbc needs an IV mode"},
      {"aes-xts-plain64", "the chaining mode 'xts' is not modelled yet"},
      {"aes-ecb", "the chaining mode 'ecb' is not modelled yet"},
      {"aes-cbc-plain64", "the IV mode 'plain64' is not modelled yet"},
      {"aes-cbc-", "the IV mode '' is not modelled yet"},
      {"aes-cbc-plain:x", "the IV mode plain takes no option"},
      {"aes-cbc-essiv", "the IV mode essiv needs a hash"},
      {"aes-cbc-essiv:", "the IV mode essiv needs a hash"},
      {"aes-cbc-essiv:sha257", "the hash 'sha257' is not known"},
      {"aes-cbc-essiv:sha256:x", "one option at most"},
      {"aes-cbc-plain-x", "too many parts"},
  };
  for (const auto& row : rows) {
    const std::string message = why([&] { CipherSpec::parse(row.text); });
    EXPECT_NE(message.find(row.why), std::string::npos) << row.text << " gave: " << message;
    EXPECT_NE(message.find("cipher '" + std::string(row.text) + "'"), std::string::npos);
    EXPECT_NE(message.find("valid: "), std::string::npos);
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

}  // namespace
}  // namespace cesasim::dmcrypt
