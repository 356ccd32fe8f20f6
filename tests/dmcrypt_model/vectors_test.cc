// SPDX-License-Identifier: Apache-2.0
// Bytes written by a real dm-crypt (Linux 6.1, tests/vectors) must come out of every path and
// driver, and must be read back.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "dmcrypt_model/paths.h"
#include "tests/support/board.h"
#include "tests/support/splitmix_plaintext.h"

namespace cesasim {
namespace {

using nlohmann::json;

std::string sha256_hex(const std::vector<std::uint8_t>& data) {
  std::uint8_t digest[32];
  EVP_Digest(data.data(), data.size(), digest, nullptr, EVP_sha256(), nullptr);
  std::string hex;
  char buffer[3];
  for (std::uint8_t b : digest) {
    std::snprintf(buffer, sizeof buffer, "%02x", b);
    hex += buffer;
  }
  return hex;
}

struct PathDriver {
  const char* path;
  const char* driver;
  const char* placement = "native";
};
using Case = std::tuple<std::string, PathDriver>;

class DmCryptVectors : public testing::TestWithParam<Case> {};

TEST_P(DmCryptVectors, BytesEqualTheRealKernels) {
  const auto& [name, path_and_driver] = GetParam();
  const std::string path = path_and_driver.path;
  const std::string driver = path_and_driver.driver;
  std::ifstream file("tests/vectors/vectors.json");
  ASSERT_TRUE(file) << "tests/vectors/vectors.json";
  const json all = json::parse(file);
  json vector;
  for (const json& v : all["vectors"]) {
    if (v["name"] == name) vector = v;
  }
  ASSERT_FALSE(vector.is_null());
  const auto plaintext = test::splitmix_plaintext(0x123456789abcdef, 2097152);
  ASSERT_EQ(sha256_hex(plaintext), all["plaintext"]["sha256"].get<std::string>());

  test::Board board;
  if (!driver.empty()) {
    board.add_ocf(path == "ocf-lsp" ? driver::OcfPolicy::marvell : driver::OcfPolicy::v2005,
                  driver);
  }
  dmcrypt::CryptTable table;
  table.cipher = dmcrypt::CipherSpec::parse(vector["cipher"].get<std::string>());
  table.key = dmcrypt::parse_key(vector["key_hex"].get<std::string>(), table.cipher);
  table.iv_offset = vector["iv_offset"];
  table.start = vector["data_offset_sectors"];
  table.sectors = 4096;
  dmcrypt::PathSettings settings;
  settings.placement = path_and_driver.placement;
  const auto target = dmcrypt::make_target(path, board.kernel, table, test::test_dmcrypt_costs(),
                                           test::test_cipher_costs(), board.queue,
                                           board.crypto.get(), nullptr, settings);
  kernel::BlockDevice& crypt = *target;

  std::vector<std::uint8_t> back(plaintext.size());
  board.run([&] {
    // Bios of several sizes, as a writer would send them.
    const std::size_t sizes[] = {131072, 4096, 512, 65536, 1024};
    std::size_t at = 0;
    for (std::size_t i = 0; at < plaintext.size(); ++i) {
      const std::size_t n = std::min(sizes[i % 5], plaintext.size() - at);
      ASSERT_EQ(board.write(crypt, at / 512, std::span(plaintext).subspan(at, n)), 0);
      at += n;
    }
    for (at = 0; at < back.size(); at += 131072) {
      ASSERT_EQ(board.read(crypt, at / 512, std::span(back).subspan(at, 131072)), 0);
    }
  });
  EXPECT_EQ(back, plaintext);
  std::vector<std::uint8_t> ciphertext(plaintext.size());
  board.soc.disk().store().read(table.start, ciphertext.data(), 4096);
  EXPECT_EQ(sha256_hex(ciphertext), vector["ciphertext_sha256"].get<std::string>());
  if (board.cesa_tdma) {
    EXPECT_EQ(board.cesa_tdma->stats().requests, 2 * 4096u);
    EXPECT_EQ(board.soc.cesa().stats(0).guest_errors, 0u) << board.soc.cesa().stats(0).last_report;
  }
  EXPECT_EQ(board.soc.mbus().decode_errors(), 0u);
}

INSTANTIATE_TEST_SUITE_P(
    All, DmCryptVectors,
    testing::Combine(
        testing::Values("s1-cbc-plain", "s2-cbc-essiv"),
        testing::Values(PathDriver{"standard", ""}, PathDriver{"standard", "", "in-place"},
                        PathDriver{"ocf-v1", "cryptosoft"}, PathDriver{"ocf-v1", "cesa_tdma"},
                        PathDriver{"ocf-v3", "cryptosoft"}, PathDriver{"ocf-v3", "cesa_tdma"},
                        PathDriver{"ocf-lsp", "cesa_tdma"}, PathDriver{"ocf-async", "cryptosoft"},
                        PathDriver{"ocf-async", "cesa_tdma"})),
    [](const auto& info) {
      const PathDriver& how = std::get<1>(info.param);
      std::string name = std::get<0>(info.param) + "_" + how.path + "_" + how.driver +
                         (how.placement[0] == 'i' ? "in_place" : "");
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

}  // namespace
}  // namespace cesasim
