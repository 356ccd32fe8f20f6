// SPDX-License-Identifier: Apache-2.0
// The table line: both ways, and every way to get it wrong.
#include "dmcrypt_model/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <sstream>

namespace cesasim::dmcrypt {
namespace {

const std::string kKey = "000102030405060708090a0b0c0d0e0f";

std::string why(const std::string& line) {
  try {
    CryptTable::parse(line);
  } catch (const CipherSpecError& error) {
    return error.what();
  }
  return "";
}

TEST(Table, EveryField) {
  const CryptTable t =
      CryptTable::parse("0 4096 crypt aes-cbc-essiv:sha256 " + kKey +
                        " 88 8:16 2048 6 sector_size:4096 "
                        "iv_large_sectors same_cpu_crypt submit_from_crypt_cpus no_read_workqueue "
                        "no_write_workqueue");
  EXPECT_EQ(t.cipher.str(), "aes-cbc-essiv:sha256");
  EXPECT_EQ(t.key.size(), 16u);
  EXPECT_EQ(t.key[15], 15u);
  EXPECT_EQ(t.iv_offset, 88u);
  EXPECT_EQ(t.device, "8:16");
  EXPECT_EQ(t.start, 2048u);
  EXPECT_EQ(t.sectors, 4096u);
  EXPECT_EQ(t.sector_size, 4096u);
  EXPECT_TRUE(t.iv_large_sectors && t.same_cpu_crypt && t.submit_from_crypt_cpus &&
              t.no_read_workqueue && t.no_write_workqueue);
}

TEST(Table, DefaultsAndBlanks) {
  const CryptTable t = CryptTable::parse("  0\t4096 crypt aes " + kKey + " 0   /dev/sda 0\n");
  EXPECT_EQ(t.str(), "0 4096 crypt aes-cbc-plain " + kKey + " 0 /dev/sda 0");
  EXPECT_EQ(t.sector_size, 512u);
  EXPECT_TRUE(t.options().empty());
  EXPECT_EQ(CryptTable::parse("0 1 crypt aes " + kKey + " 0 x 0 0").str(),
            "0 1 crypt aes-cbc-plain " + kKey + " 0 x 0");
}

TEST(Table, BadAndWhy) {
  const std::string head = "0 4096 crypt aes-cbc-plain " + kKey;
  const std::string rest = " 0 /dev/sda 0";
  const struct {
    std::string line;
    const char* why;
  } rows[] = {
      {"", "0 words"},
      {head, "5 words, the last is '"},
      {"1 4096 crypt aes " + kKey + rest, "the first sector '1'"},
      {"x 4096 crypt aes " + kKey + rest, "the first sector 'x' is no number"},
      {"0 0 crypt aes " + kKey + rest, "the number of sectors '0'"},
      {"0 -1 crypt aes " + kKey + rest, "'-1' is no number"},
      {"0 4k crypt aes " + kKey + rest, "'4k' is no number"},
      {"0 99999999999999999999 crypt aes " + kKey + rest, "'99999999999999999999' is no number"},
      {"0 4096 linear aes " + kKey + rest, "target 'linear'"},
      {"0 4096 crypt capi:xts(aes)-plain64 " + kKey + rest, "'capi:xts(aes)-plain64'"},
      {"0 4096 crypt serpent " + kKey + rest, "cipher 'serpent'"},
      {"0 4096 crypt aes zz" + rest, "'zz' is not a hexadecimal byte"},
      {"0 4096 crypt aes 00" + rest, "8 bits"},
      {"0 4096 crypt aes :32:logon:k" + rest, "key ':32:logon:k': there is no keyring"},
      {head + " 0x10 /dev/sda 0", "iv_offset '0x10'"},
      {head + " 0 /dev/sda minus", "the start on the device 'minus'"},
      {head + " 0 /dev/sda 18446744073709551615", "beyond 2^64"},
      {head + rest + " 1", "the number of options '1', but 0 words follow"},
      {head + rest + " 1 same_cpu_crypt no_read_workqueue", "but 2 words follow"},
      {head + rest + " one same_cpu_crypt", "the number of options 'one'"},
      {head + rest + " 1 sector_size:520", "'sector_size:520'"},
      {head + rest + " 1 sector_size:8192", "'sector_size:8192'"},
      {head + rest + " 1 sector_size:", "sector_size '' is no number"},
      {head + rest + " 1 same_cpu", "option 'same_cpu' is not known"},
      {head + rest + " 1 allow_discards", "discards are not modelled"},
      {head + rest + " 1 integrity:28:aead", "integrity tags are not modelled"},
      {"0 4095 crypt aes " + kKey + rest + " 1 sector_size:4096", "'4095' is not a multiple"},
      {head + " 4 /dev/sda 0 1 sector_size:4096", "iv_offset '4' is not a multiple"},
  };
  for (const auto& row : rows) {
    const std::string message = why(row.line);
    EXPECT_THAT(message, testing::HasSubstr(row.why)) << row.line << "\n gave: " << message;
    EXPECT_TRUE(message.find("valid: ") != std::string::npos || message.find("key: ") == 0)
        << message;
  }
}

/// Any table comes back as it was.
TEST(Table, RoundTrip) {
  std::mt19937_64 random(1);
  const char* const ciphers[] = {"aes-cbc-plain",   "aes-cbc-essiv:sha256", "aes-xts-plain64",
                                 "aes-ecb",         "des-cbc-null",         "des3_ede-cbc-benbi",
                                 "aes-cbc-plain64", "aes-cbc-plain64be"};
  for (int i = 0; i < 500; ++i) {
    CryptTable t;
    t.cipher = CipherSpec::parse(ciphers[random() % 8]);
    const auto bits = t.cipher.key_bits();
    t.key.resize(bits[random() % bits.size()] / 8);
    for (auto& b : t.key) b = static_cast<std::uint8_t>(random());
    t.sector_size = 512u << random() % 4;
    const std::uint64_t unit = t.sector_size / 512;
    t.sectors = (1 + (random() >> (random() % 60 + 4))) * unit;
    t.iv_offset = (random() >> (random() % 60 + 4)) * unit;
    t.start = random() >> (random() % 60 + 4);
    t.device = random() % 2 ? "/dev/mapper/a-b" : "254:3";
    t.iv_large_sectors = random() % 2;
    t.same_cpu_crypt = random() % 2;
    t.submit_from_crypt_cpus = random() % 2;
    t.no_read_workqueue = random() % 2;
    t.no_write_workqueue = random() % 2;
    const std::string line = t.str();
    const CryptTable back = CryptTable::parse(line);
    ASSERT_EQ(back.str(), line);
    EXPECT_EQ(back.key, t.key);
    EXPECT_EQ(back.sectors, t.sectors);
    EXPECT_EQ(back.iv_offset, t.iv_offset);
    EXPECT_EQ(back.start, t.start);
    EXPECT_EQ(back.sector_size, t.sector_size);
    EXPECT_EQ(back.options(), t.options());
  }
}

/// A table line for somebody's finger on the wrong key: it is taken or refused with a reason that
/// shows a word of the line, and what is taken means the same when printed.
TEST(Table, RandomMutations) {
  std::mt19937 random(2);
  const std::string good = "0 4096 crypt aes-cbc-essiv:sha256 " + kKey +
                           " 88 8:16 2048 3 sector_size:4096 iv_large_sectors same_cpu_crypt";
  const std::string alphabet = "0123456789abcdef-: \t\n\0xyz~\xff:capi";
  unsigned taken = 0;
  unsigned refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string line = good;
    for (unsigned n = 1 + random() % 4; n != 0; --n) {
      const std::size_t at = random() % (line.size() + 1);
      switch (random() % 5) {
        case 0:
          line.insert(at, 1, alphabet[random() % alphabet.size()]);
          break;
        case 1:
          if (at < line.size()) line[at] = alphabet[random() % alphabet.size()];
          break;
        case 2:
          line.erase(at, random() % 8);
          break;
        case 3:
          line.insert(at, line.substr(random() % line.size(), random() % 40));
          break;
        default:
          if (at < line.size()) line[at] = static_cast<char>(random());
          break;
      }
      if (line.empty()) line = " ";
    }
    try {
      const CryptTable t = CryptTable::parse(line);
      EXPECT_EQ(CryptTable::parse(t.str()).str(), t.str()) << line;
      ++taken;
    } catch (const CipherSpecError& error) {
      const std::string message = error.what();
      ++refused;
      // A word of the line or its beginning stands in the message, or how long the line is.
      bool named = message.find(" words") != std::string::npos || message.find("key: ") == 0;
      std::istringstream words(line);
      for (std::string word; words >> word;) {
        std::string shown = "'";
        for (char c : word.substr(0, 60)) shown += c >= 0x20 && c < 0x7f ? c : '?';
        named |= message.find(shown) != std::string::npos;
        const std::size_t colon = shown.find(':');  // sector_size:N is about N
        named |= colon != std::string::npos &&
                 message.find("'" + shown.substr(colon + 1)) != std::string::npos;
      }
      EXPECT_TRUE(named) << line << "\n" << message;
    }
  }
  EXPECT_GT(taken, 500u);
  EXPECT_GT(refused, 1000u);
}

}  // namespace
}  // namespace cesasim::dmcrypt
