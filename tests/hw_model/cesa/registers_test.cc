// SPDX-License-Identifier: Apache-2.0
#include "hw_model/cesa/registers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "hw_model/registers/register_file.h"

namespace cesasim::hw {
namespace {

constexpr std::uint8_t kEverything = 31;

TEST(Registers, NamesAndFieldNamesAreUnique) {
  std::set<std::string_view> names;
  for (const RegisterDesc& r : cesa_registers()) {
    EXPECT_TRUE(names.insert(r.name).second) << r.name;
    EXPECT_FALSE(r.doc.empty()) << r.name;
    std::set<std::string_view> fields;
    for (const RegisterField& f : r.fields) {
      EXPECT_TRUE(fields.insert(f.name).second) << r.name << "." << f.name;
      EXPECT_FALSE(f.doc.empty()) << r.name << "." << f.name;
    }
  }
}

TEST(Registers, DecodeFindsExactlyTheTable) {
  std::size_t found = 0;
  for (std::uint32_t offset = 0; offset < cesa_reg::kWindowBytes; ++offset) {
    const std::uint8_t i = find_cesa_register(offset);
    if (i == kNoRegister) continue;
    ++found;
    EXPECT_EQ(cesa_registers()[i].offset, offset);
  }
  EXPECT_EQ(found, cesa_registers().size());
}

TEST(Registers, OffsetsOfTheReference) {
  EXPECT_EQ(cesa_reg::ivdig(4), 0xDD10u);
  EXPECT_EQ(cesa_reg::ivdig(5), 0xDD28u);
  EXPECT_EQ(cesa_reg::ivdig(7), 0xDD30u);
  EXPECT_EQ(cesa_reg::tdma_win_base(3), 0xA18u);
  EXPECT_EQ(cesa_reg::tdma_win_ctrl(3), 0xA1Cu);
  EXPECT_EQ(cesa_reg::aes_encrypt_key(0), 0xDD9Cu);
  EXPECT_EQ(cesa_reg::aes_decrypt_key(7), 0xDDC0u);
}

TEST(Registers, WindowAddressesSplitIntoEngines) {
  EXPECT_EQ(split_cesa_address(0xDE00).engine, 0u);
  EXPECT_EQ(split_cesa_address(0xDE00).offset, 0xDE00u);
  EXPECT_EQ(split_cesa_address(0xFE20).engine, 1u);
  EXPECT_EQ(split_cesa_address(0xFE20).offset, 0xDE20u);
  EXPECT_EQ(split_cesa_address(0x2800).engine, 1u);
  EXPECT_EQ(split_cesa_address(0x2800).offset, 0x800u);
  EXPECT_FALSE(split_cesa_address(0x4800).valid);
  EXPECT_FALSE(split_cesa_address(0x10000).valid);
}

// Every bit of every register, once written alone over zeros and once left alone under ones.
TEST(Registers, EveryBitFollowsItsMask) {
  for (const RegisterDesc& r : cesa_registers()) {
    RegisterFile file(cesa_registers(), kEverything);
    const std::uint8_t i = file.find(r.offset);
    ASSERT_NE(i, kNoRegister) << r.name;
    const std::uint32_t offset = cesa_registers()[i].offset;
    EXPECT_EQ(file.read(i), r.reset) << r.name;
    for (unsigned n = 0; n < 32; ++n) {
      const std::uint32_t bit = 1u << n;
      const bool kept = (r.ro | r.w0c | r.self_clearing | r.reserved) & bit;
      SCOPED_TRACE(std::string(r.name) + " bit " + std::to_string(n));

      file.set(offset, 0);
      const RegisterWrite w = file.write(i, bit);
      EXPECT_EQ(file.read(i), kept ? 0 : bit) << "written 1 over 0";
      EXPECT_EQ(w.pulses, r.self_clearing & bit);
      EXPECT_EQ(w.unimplemented, r.unimplemented & bit);
      EXPECT_EQ(w.reserved, r.w0c ? 0 : r.reserved & bit);

      const std::uint32_t ones = ~r.reserved;
      file.set(offset, ones);
      file.write(i, ~bit);
      const bool cleared = (r.w0c & bit) || !kept;
      EXPECT_EQ(file.read(i) & bit, cleared ? 0 : ones & bit) << "written 0 over 1";
      EXPECT_EQ(file.read(i) & r.reserved, 0u);

      file.set(offset, ones);
      file.write(i, 0xFFFFFFFF);
      EXPECT_EQ(file.read(i) & bit, ones & bit) << "written 1 over 1";
    }
  }
}

TEST(Registers, WriteZeroToClearTakesOnlyTheZeros) {
  RegisterFile file(cesa_registers(), kEverything);
  const std::uint8_t cause = file.find(cesa_reg::kIntCause);
  file.set(cesa_reg::kIntCause, 0xA0);
  file.write(cause, ~std::uint32_t{0x20});
  EXPECT_EQ(file.read(cause), 0x80u);
  file.write(cause, 0xFFFFFFFF);
  EXPECT_EQ(file.read(cause), 0x80u);
  file.write(cause, 0);
  EXPECT_EQ(file.read(cause), 0u);
}

TEST(Registers, FpgaStatusIsTheInterruptCause) {
  RegisterFile file(cesa_registers(), kEverything);
  file.set(cesa_reg::kIntCause, 0xA0);
  const std::uint8_t alias = file.find(cesa_reg::kFpgaIntStatus);
  EXPECT_EQ(file.read(alias), 0xA0u);
  file.write(alias, ~std::uint32_t{0x80});
  EXPECT_EQ(file.get(cesa_reg::kIntCause), 0x20u);
}

TEST(Registers, FeaturesDecideWhatExists) {
  RegisterFile none(cesa_registers());
  EXPECT_EQ(none.find(cesa_reg::kTdmaControl), kNoRegister);
  EXPECT_EQ(none.find(cesa_reg::tdma_win_base(0)), kNoRegister);
  EXPECT_EQ(none.find(cesa_reg::kCoalesceTime), kNoRegister);
  EXPECT_EQ(none.find(cesa_reg::kDescP1), kNoRegister);
  EXPECT_NE(none.find(cesa_reg::ivdig(7)), kNoRegister);
  EXPECT_NE(none.find(cesa_reg::kCmd), kNoRegister);
}

TEST(Registers, DumpNamesValuesAndFields) {
  RegisterFile file(cesa_registers(), kEverything);
  file.set(cesa_reg::kTdmaControl, 0x1904);
  const std::string dump = file.dump();
  EXPECT_THAT(dump, testing::HasSubstr("0x0840 tdma_control"));
  EXPECT_THAT(dump, testing::HasSubstr("enable=0x1 no_byte_swap=0x1 src_burst=0x4 dst_burst=0x4"));
}

}  // namespace
}  // namespace cesasim::hw
