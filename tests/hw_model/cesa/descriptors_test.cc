// SPDX-License-Identifier: Apache-2.0
// Decode of the accelerator's and the DMA's descriptors, and the DMA's windows.
#include <gtest/gtest.h>

#include "hw_model/cesa/sa_descriptor.h"
#include "hw_model/cesa/tdma_descriptor.h"
#include "hw_model/cesa/tdma_windows.h"
#include "hw_model/common/little_endian.h"

namespace cesasim::hw {
namespace {

SaDescriptor decode_words(std::array<std::uint32_t, 8> words) {
  std::array<std::uint8_t, 32> bytes;
  for (unsigned i = 0; i < 8; ++i) store_le32(&bytes[4 * i], words[i]);
  return SaDescriptor::decode(bytes);
}

TEST(SaDescriptorDecode, EveryFieldFromItsPlace) {
  const auto d = decode_words(
      {0x0, 0x02220111, 0x0333, 0x0444, 0x06660555, 0x08880777, 0x0AAA0999, 0x0CCC0BBB});
  EXPECT_EQ(d.cipher_src, 0x111u);
  EXPECT_EQ(d.cipher_dst, 0x222u);
  EXPECT_EQ(d.cipher_len, 0x333u);
  EXPECT_EQ(d.key, 0x444u);
  EXPECT_EQ(d.iv, 0x555u);
  EXPECT_EQ(d.iv_buffer, 0x666u);
  EXPECT_EQ(d.mac_src, 0x777u);
  EXPECT_EQ(d.mac_total_len, 0x888u);
  EXPECT_EQ(d.digest, 0x999u);
  EXPECT_EQ(d.mac_len, 0xAAAu);
  EXPECT_EQ(d.inner_state, 0xBBBu);
  EXPECT_EQ(d.outer_state, 0xCCCu);
}

struct ConfigCase {
  std::uint32_t config;
  const char* name;
};
class SaNames : public testing::TestWithParam<ConfigCase> {};
TEST_P(SaNames, NamesTheAlgorithm) {
  EXPECT_EQ(decode_words({GetParam().config}).algorithm_name(), GetParam().name);
}
INSTANTIATE_TEST_SUITE_P(
    All, SaNames,
    testing::Values(ConfigCase{0x00010301, "AES-128-CBC encrypt"},
                    ConfigCase{0x00011301, "AES-128-CBC decrypt"},
                    ConfigCase{0x01000301, "AES-192-ECB encrypt"},
                    ConfigCase{0x02011301, "AES-256-CBC decrypt"},
                    ConfigCase{0x03000301, "AES key code 3-ECB encrypt"},
                    ConfigCase{0x00010101, "DES-CBC encrypt"},
                    ConfigCase{0x00110201, "3DES-EDE-CBC encrypt"},
                    ConfigCase{0x00001201, "3DES-EEE-ECB decrypt"}, ConfigCase{0x00000040, "MD5"},
                    ConfigCase{0x000000F0, "HMAC-SHA-1-96"},
                    ConfigCase{0x00010373, "AES-128-CBC encrypt then HMAC-SHA-1"},
                    ConfigCase{0x00111262, "3DES-EDE-CBC decrypt after HMAC-MD5"},
                    ConfigCase{0x00000012, "no cipher after SHA-256"},
                    ConfigCase{0x00000001, "no cipher"}));

TEST(SaDescriptorDecode, FragmentModes) {
  EXPECT_EQ(decode_words({0x00000001}).fragment, SaFragment::whole);
  EXPECT_EQ(decode_words({0x40000001}).fragment, SaFragment::first);
  EXPECT_EQ(decode_words({0x80000001}).fragment, SaFragment::last);
  EXPECT_EQ(decode_words({0xC0000001}).fragment, SaFragment::middle);
}

TEST(SaDescriptorDecode, ConfigHelperAgreesWithTheDrivers) {
  EXPECT_EQ(sa_aes_config(16, true, false), 0x00010301u);
  EXPECT_EQ(sa_aes_config(32, true, true), 0x02011301u);
  EXPECT_EQ(sa_mac_config(SaMac::hmac_sha1, SaFragment::last), 0x80000070u);
}

// What is built decodes to what was asked for, and stays within the documented bits.
TEST(SaDescriptorDecode, ConfigRoundTrip) {
  unsigned cases = 0;
  for (const auto operation : {SaOperation::mac, SaOperation::cipher, SaOperation::mac_then_cipher,
                               SaOperation::cipher_then_mac}) {
    for (const auto cipher : {SaCipher::none, SaCipher::des, SaCipher::des3, SaCipher::aes}) {
      for (const auto mac : {SaMac::none, SaMac::sha256, SaMac::hmac_sha256, SaMac::md5,
                             SaMac::sha1, SaMac::hmac_md5, SaMac::hmac_sha1}) {
        for (unsigned bits = 0; bits < 64; ++bits) {
          SCOPED_TRACE(++cases);
          const SaConfig c{.operation = operation,
                           .cipher = cipher,
                           .aes_key_bytes = 16 + 8 * (bits % 3),
                           .des3_ede = (bits & 1) != 0,
                           .cbc = (bits & 2) != 0,
                           .decrypt = (bits & 4) != 0,
                           .mac = mac,
                           .mac_96 = (bits & 8) != 0,
                           .fragment = static_cast<SaFragment>(bits >> 4)};
          ASSERT_EQ(c.word() & ~SaDescriptor::kConfigBits, 0u);
          const auto d = decode_words({c.word()});
          ASSERT_EQ(d.operation, c.operation);
          ASSERT_EQ(d.cipher, c.cipher);
          ASSERT_EQ(d.cbc, c.cbc);
          ASSERT_EQ(d.decrypt, c.decrypt);
          ASSERT_EQ(d.mac_code, static_cast<unsigned>(c.mac));
          ASSERT_EQ(d.mac_96, c.mac_96);
          ASSERT_EQ(d.fragment, c.fragment);
          if (cipher == SaCipher::aes) {
            ASSERT_EQ(d.key_bytes(), c.aes_key_bytes);
          }
          if (cipher == SaCipher::des3) {
            ASSERT_EQ(d.des3_ede, c.des3_ede);
          }
        }
      }
    }
  }
}

struct HashCase {
  SaMac mac;
  SaMac hash;
  bool hmac;
};
TEST(SaDescriptorDecode, HashBeneathEveryMac) {
  for (const HashCase& c :
       {HashCase{SaMac::md5, SaMac::md5, false}, HashCase{SaMac::hmac_md5, SaMac::md5, true},
        HashCase{SaMac::sha1, SaMac::sha1, false}, HashCase{SaMac::hmac_sha1, SaMac::sha1, true},
        HashCase{SaMac::sha256, SaMac::sha256, false},
        HashCase{SaMac::hmac_sha256, SaMac::sha256, true},
        HashCase{SaMac::none, SaMac::none, false}}) {
    const auto d = decode_words({sa_mac_config(c.mac)});
    EXPECT_EQ(d.hash(), c.hash) << d.algorithm_name();
    EXPECT_EQ(d.hmac(), c.hmac) << d.algorithm_name();
  }
  EXPECT_EQ(decode_words({0x20}).hash(), SaMac::none);
}

TEST(SaDescriptorDecode, KeySizes) {
  EXPECT_EQ(decode_words({0x00000101}).key_bytes(), 8u);
  EXPECT_EQ(decode_words({0x00100201}).key_bytes(), 24u);
  EXPECT_EQ(decode_words({0x02000301}).key_bytes(), 32u);
  EXPECT_EQ(decode_words({0x00000001}).key_bytes(), 0u);
}

TEST(TdmaDescriptorDecode, RoundTripAndOwnership) {
  const TdmaDescriptor d{512, true, 0x1000, 0xF5000080, 0x2000};
  std::array<std::uint8_t, 16> bytes;
  d.encode(bytes);
  EXPECT_EQ(load_le32(&bytes[0]), 0x80000200u);
  const auto back = TdmaDescriptor::decode(bytes);
  EXPECT_EQ(back.byte_count, 512u);
  EXPECT_TRUE(back.own);
  EXPECT_EQ(back.src, 0x1000u);
  EXPECT_EQ(back.dst, 0xF5000080u);
  EXPECT_EQ(back.next, 0x2000u);
}

TEST(TdmaDescriptorDecode, CountIsSixteenBits) {
  std::array<std::uint8_t, 16> bytes{};
  store_le32(bytes.data(), 0x7FFF1234);
  const auto d = TdmaDescriptor::decode(bytes);
  EXPECT_FALSE(d.own);
  EXPECT_EQ(d.byte_count, 0x1234u);
}

class Windows : public testing::Test {
 protected:
  Windows() : regs(cesa_registers(), 7) {
    set(0, 0x00000000, 0x00010E01);  // 128 KiB at 0
    set(1, 0x10000000, 0x00000D01);  // 64 KiB
    set(2, 0x10000000, 0x00000D00);  // disabled double
  }
  void set(unsigned i, std::uint32_t base, std::uint32_t ctrl) {
    regs.set(cesa_reg::tdma_win_base(i), base);
    regs.set(cesa_reg::tdma_win_ctrl(i), ctrl);
  }
  RegisterFile regs;
};

TEST_F(Windows, HitsInsideAndUpToTheEnd) {
  EXPECT_EQ(check_tdma_windows(regs, 0, 1), 0u);
  EXPECT_EQ(check_tdma_windows(regs, 0x1FFF0, 16), 0u);
  EXPECT_EQ(check_tdma_windows(regs, 0x1000FFFF, 1), 0u);
}
TEST_F(Windows, MissesOutsideAndAcrossTheEnd) {
  EXPECT_EQ(check_tdma_windows(regs, 0x20000, 1), cesa_bit::tdma_error::kMiss);
  EXPECT_EQ(check_tdma_windows(regs, 0x1FFF1, 16), cesa_bit::tdma_error::kMiss);
  EXPECT_EQ(check_tdma_windows(regs, 0x0FFFFFFF, 1), cesa_bit::tdma_error::kMiss);
  EXPECT_EQ(check_tdma_windows(regs, 0xFFFFFFFF, 16), cesa_bit::tdma_error::kMiss);
}
TEST_F(Windows, OverlapIsADoubleHit) {
  set(2, 0x10000000, 0x00000D01);
  EXPECT_EQ(check_tdma_windows(regs, 0x10000000, 16), cesa_bit::tdma_error::kDoubleHit);
}

}  // namespace
}  // namespace cesasim::hw
