// SPDX-License-Identifier: Apache-2.0
// What each path takes, and the reasons for the rest.
#include "dmcrypt_model/path_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cesasim::dmcrypt {
namespace {

CryptTable table(const std::string& cipher) {
  CryptTable t;
  t.cipher = CipherSpec::parse(cipher);
  t.key.assign(t.cipher.key_bits().back() / 8, 7);
  t.sectors = 4096;
  return t;
}

std::string why(const std::string& path, const CryptTable& t, const PathSettings& settings = {},
                bool driver_out_of_place = false) {
  try {
    check_path(path, t, settings, driver_out_of_place);
  } catch (const CipherSpecError& error) {
    return error.what();
  }
  return "";
}

/// Who takes what: s standard, o ocf-v1 and ocf-v3, l ocf-lsp, a ocf-async, m modern.
TEST(PathInfo, CiphersOfEveryPath) {
  const struct {
    const char* cipher;
    std::string takers;
  } rows[] = {
      {"aes-cbc-plain", "solam"},
      {"aes-cbc-essiv:sha256", "solam"},
      {"aes-cbc-essiv:sha512", "soa"},
      {"aes-cbc-plain64", "am"},
      {"aes-cbc-plain64be", "am"},
      {"aes-cbc-benbi", "am"},
      {"aes-cbc-null", "lam"},
      {"aes-ecb", "sm"},
      {"aes-xts-plain64", "m"},
      {"aes-xts-plain", "m"},
      {"des-cbc-plain", "solam"},
      {"des-cbc-essiv:md5", "soa"},
      {"des-ecb", "sm"},
      {"des3_ede-cbc-plain", "solam"},
      {"des3_ede-cbc-essiv:sha256", "soa"},
      {"des3_ede-cbc-null", "lam"},
  };
  for (const auto& row : rows) {
    for (const PathInfo& path : crypt_paths()) {
      const std::string name = path.name;
      if (name == kNoCrypt) continue;
      const char letter = name == "ocf-v1" || name == "ocf-v3"
                              ? 'o'
                              : (name.substr(0, 4) == "ocf-" ? name[4] : name[0]);
      const std::string message = why(name, table(row.cipher));
      EXPECT_EQ(message.empty(), row.takers.find(letter) != std::string::npos)
          << name << " " << row.cipher << " " << message;
      if (!message.empty()) {
        EXPECT_THAT(message, testing::HasSubstr("valid: "));
      }
    }
  }
}

TEST(PathInfo, Reasons) {
  EXPECT_THAT(why("standard", table("aes-xts-plain64")),
              testing::HasSubstr("unknown chaining mode 'xts'"));
  EXPECT_THAT(why("standard", table("aes-cbc-plain64")),
              testing::HasSubstr("invalid IV mode 'plain64'"));
  EXPECT_THAT(why("ocf-v3", table("aes-ecb")),
              testing::HasSubstr("OCF has no session for it 'ecb'; valid: cbc"));
  EXPECT_THAT(why("ocf-v4", table("aes")),
              testing::HasSubstr("there is no path 'ocf-v4'; valid: standard, ocf-v1"));
  CryptTable t = table("aes");
  t.key.resize(17);
  EXPECT_THAT(why("standard", t), testing::HasSubstr("a key of 136 bits"));
}

TEST(PathInfo, NoneEncryptsNothing) {
  CryptTable t;
  t.sectors = 4096;
  EXPECT_EQ(why(kNoCrypt, t), "");
  EXPECT_NE(why(kNoCrypt, table("aes-cbc-plain")).find("valid: neither"), std::string::npos);
  t.sector_size = 4096;
  EXPECT_NE(why(kNoCrypt, t).find("nothing is encrypted"), std::string::npos);
}

TEST(PathInfo, OptionsAndSizesAreModernOnly) {
  CryptTable t = table("aes");
  t.sector_size = 4096;
  PathSettings cut;
  cut.max_write_size = 65536;
  for (const PathInfo& path : crypt_paths()) {
    if (std::string(path.name) == kNoCrypt) continue;
    const bool modern = std::string(path.name) == "modern";
    EXPECT_EQ(why(path.name, t).find("option 'sector_size:4096'") == std::string::npos, modern);
    EXPECT_EQ(why(path.name, table("aes"), cut).find("max_write_size") == std::string::npos,
              modern);
  }
}

TEST(PathInfo, Placement) {
  for (const PathInfo& path : crypt_paths()) {
    const std::string name = path.name;
    if (name == kNoCrypt) continue;
    PathSettings s;
    s.placement = "in-place";
    EXPECT_EQ(why(name, table("aes"), s), "");
    s.placement = "out-of-place";
    const bool two_buffers = name == "standard" || name == "modern";
    EXPECT_EQ(why(name, table("aes"), s, false).empty(), two_buffers) << name;
    EXPECT_EQ(why(name, table("aes"), s, true).empty(), two_buffers || name == "ocf-async") << name;
    s.placement = "beside";
    EXPECT_THAT(why(name, table("aes"), s, true), testing::HasSubstr("placement 'beside'"));
  }
  PathSettings none;
  none.max_in_flight = 0;
  EXPECT_THAT(why("ocf-async", table("aes"), none), testing::HasSubstr("max_in_flight 0"));
}

}  // namespace
}  // namespace cesasim::dmcrypt
