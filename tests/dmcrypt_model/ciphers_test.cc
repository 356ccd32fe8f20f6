// SPDX-License-Identifier: Apache-2.0
// Every cipher, mode, key length and IV through the paths that take them, against OpenSSL: what
// stands on the disk, and what is read back.
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "dmcrypt_model/paths.h"
#include "tests/dmcrypt_model/bios.h"
#include "tests/dmcrypt_model/sector_cipher.h"

namespace cesasim::dmcrypt {
namespace {

using test::Bios;
using test::Board;
using test::Bytes;
using test::SectorCipher;

struct One {
  const char* cipher;
  std::size_t key_bytes;
  std::size_t salt_bytes;  // essiv, after the cut of 2.6.12
};
constexpr One kStandard[] = {
    {"aes-cbc-plain", 16, 0},
    {"aes-cbc-plain", 24, 0},
    {"aes-cbc-plain", 32, 0},
    {"aes-cbc-essiv:md5", 16, 16},
    {"aes-cbc-essiv:sha256", 24, 32},
    {"aes-cbc-essiv:sha512", 32, 32},
    {"aes-cbc-essiv:sha3-256", 16, 32},
    {"aes-ecb", 16, 0},
    {"aes-ecb", 24, 0},
    {"aes-ecb", 32, 0},
    {"des-cbc-plain", 8, 0},
    {"des-cbc-essiv:md5", 8, 8},
    {"des-ecb", 8, 0},
    {"des3_ede-cbc-plain", 24, 0},
    {"des3_ede-cbc-essiv:sha256", 24, 24},
    {"des3_ede-ecb", 24, 0},
};
/// Beside the CBC ones of those.
constexpr One kAsync[] = {
    {"aes-cbc-plain64", 16, 0},   {"aes-cbc-plain64be", 16, 0},    {"aes-cbc-benbi", 32, 0},
    {"aes-cbc-null", 24, 0},      {"des-cbc-plain64", 8, 0},       {"des-cbc-plain64be", 8, 0},
    {"des-cbc-benbi", 8, 0},      {"des3_ede-cbc-plain64", 24, 0}, {"des3_ede-cbc-benbi", 24, 0},
    {"des3_ede-cbc-null", 24, 0},
};

SectorCipher judge(const One& one, const Bytes& key) {
  SectorCipher j;
  std::string text = one.cipher;
  auto part = [&text](char until) {
    const std::size_t end = text.find(until);
    const std::string out = text.substr(0, end);
    text = end == std::string::npos ? "" : text.substr(end + 1);
    return out;
  };
  j.cipher = part('-');
  j.mode = part('-');
  j.iv = part(':');
  if (!text.empty()) j.hash = EVP_get_digestbyname(text.c_str());
  j.salt_bytes = one.salt_bytes;
  j.key = key;
  return j;
}

/// One target after the other on one board: every sector against the judge, written and read.
void check_all(const std::string& path, const std::vector<One>& ciphers, const std::string& driver,
               const PathSettings& settings = {},
               driver::OcfPolicy policy = driver::OcfPolicy::v2005,
               // Beyond 32 bits, so that plain and plain64 differ.
               std::uint64_t iv_offset = 0x123fffffff0) {
  Board board(1);
  if (!driver.empty()) board.add_ocf(policy, driver);
  std::vector<std::unique_ptr<CryptTarget>> targets;
  std::mt19937 random(5);
  std::uint64_t start = 0;
  for (const One& one : ciphers) {
    CryptTable table;
    table.cipher = CipherSpec::parse(one.cipher);
    table.key = test::random_bytes(random, one.key_bytes);
    table.iv_offset = iv_offset;
    table.start = start;
    table.sectors = 64;
    start += 64;
    targets.push_back(make_target(path, board.kernel, table, test::test_dmcrypt_costs(),
                                  test::test_cipher_costs(), board.queue, board.crypto.get(),
                                  nullptr, settings));
  }
  const Bytes data = test::random_bytes(random, 64 * 512);
  board.run([&] {
    Bios bios(board);
    for (auto& target : targets) bios.write(*target, 0, data);
    bios.wait();
    for (const auto& one : bios.all) EXPECT_EQ(one.error, 0);
    bios.check_and_free();
    for (std::size_t i = 0; i < targets.size(); ++i) {
      auto& one = bios.read(*targets[i], 0, data.size());
      bios.wait();
      EXPECT_EQ(one.error, 0);
      EXPECT_EQ(bios.data(one), data) << ciphers[i].cipher;
      bios.check_and_free();
    }
  });
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const CryptTable& table = targets[i]->table();
    const SectorCipher by_openssl = judge(ciphers[i], table.key);
    for (std::uint64_t s = 0; s < 64; ++s) {
      Bytes raw(512);
      board.soc.disk().store().read(table.start + s, raw.data(), 1);
      const auto at = data.begin() + static_cast<std::ptrdiff_t>(s * 512);
      ASSERT_EQ(raw, by_openssl.crypt(true, s + table.iv_offset, Bytes(at, at + 512)))
          << path << " " << ciphers[i].cipher << " " << ciphers[i].key_bytes << " sector " << s;
    }
  }
  targets.clear();
}

std::vector<One> all(bool cbc_only, bool with_async) {
  std::vector<One> out;
  for (const One& one : kStandard) {
    if (!cbc_only || std::string(one.cipher).find("cbc") != std::string::npos) out.push_back(one);
  }
  if (with_async) out.insert(out.end(), std::begin(kAsync), std::end(kAsync));
  return out;
}

PathSettings placed(const char* placement) {
  PathSettings settings;
  settings.placement = placement;
  return settings;
}

TEST(Ciphers, Standard) { check_all("standard", all(false, false), ""); }
TEST(Ciphers, StandardInPlace) { check_all("standard", all(false, false), "", placed("in-place")); }
TEST(Ciphers, OcfV1) { check_all("ocf-v1", all(true, false), "cryptosoft"); }
TEST(Ciphers, OcfV1Engine) { check_all("ocf-v1", all(true, false), "cesa_tdma"); }
TEST(Ciphers, OcfV3) { check_all("ocf-v3", all(true, false), "cryptosoft"); }
TEST(Ciphers, OcfV3Engine) { check_all("ocf-v3", all(true, false), "cesa_tdma"); }
TEST(Ciphers, OcfAsync) { check_all("ocf-async", all(true, true), "cryptosoft"); }
TEST(Ciphers, OcfAsyncOutOfPlace) {
  check_all("ocf-async", all(true, true), "cryptosoft", placed("out-of-place"));
}
TEST(Ciphers, OcfAsyncEngine) { check_all("ocf-async", all(true, true), "cesa_tdma"); }
TEST(Ciphers, OcfAsyncEngineOutOfPlace) {
  check_all("ocf-async", all(true, true), "cesa_tdma", placed("out-of-place"));
}
// Where a counter of 32, 63 or 64 bits would end: sectors 0 to 63 from 32 before it. plain wraps at
// 32 bits, all others with the 64 of sector_t.
TEST(Ciphers, StandardOverTheEndOf32Bits) {
  check_all("standard", all(false, false), "", {}, driver::OcfPolicy::v2005, (1ull << 32) - 32);
}
TEST(Ciphers, OcfAsyncOverTheEndOf32Bits) {
  check_all("ocf-async", all(true, true), "cryptosoft", {}, driver::OcfPolicy::v2005,
            (1ull << 32) - 32);
}
TEST(Ciphers, OcfAsyncOverTheEndOf63Bits) {
  check_all("ocf-async", all(true, true), "cesa_tdma", {}, driver::OcfPolicy::v2005,
            (1ull << 63) - 32);
}
TEST(Ciphers, StandardOverTheEndOf64Bits) {
  check_all("standard", all(false, false), "", {}, driver::OcfPolicy::v2005, ~0ull - 31);
}
TEST(Ciphers, OcfAsyncOverTheEndOf64Bits) {
  check_all("ocf-async", all(true, true), "cesa_tdma", {}, driver::OcfPolicy::v2005, ~0ull - 31);
}

TEST(Ciphers, OcfLspEngine) {
  check_all("ocf-lsp",
            {{"aes-cbc-plain", 24, 0},
             {"aes-cbc-essiv:sha256", 16, 32},
             {"aes-cbc-null", 32, 0},
             {"des-cbc-plain", 8, 0},
             {"des3_ede-cbc-null", 24, 0}},
            "cesa_tdma", {}, driver::OcfPolicy::marvell);
}

}  // namespace
}  // namespace cesasim::dmcrypt
