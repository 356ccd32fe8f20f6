// SPDX-License-Identifier: Apache-2.0
// The PCI function as a kernel's PCI core and driver use it.
#include "cosim/transport/pci_function.h"

#include <gtest/gtest.h>

#include <cstring>
#include <stdexcept>

#include "cosim/transport/socket.h"

namespace cesasim::cosim {
namespace {

struct Target : BarTarget {
  void bar_read(unsigned bar, std::uint32_t offset, std::span<std::uint8_t> data) override {
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = memory[bar][offset + i];
  }
  void bar_write(unsigned bar, std::uint32_t offset, std::span<const std::uint8_t> data) override {
    for (std::size_t i = 0; i < data.size(); ++i) memory[bar][offset + i] = data[i];
  }
  void bar_moved(unsigned bar, std::uint32_t address) override { moves.emplace_back(bar, address); }
  std::vector<std::uint8_t> memory[2] = {std::vector<std::uint8_t>(0x1000),
                                         std::vector<std::uint8_t>(0x2000)};
  std::vector<std::pair<unsigned, std::uint32_t>> moves;
};

constexpr std::uint32_t kMsixBar = 2;
constexpr std::uint32_t kCapability = 0x40;

class PciFunctionTest : public testing::Test {
 protected:
  std::vector<std::uint8_t> message(PcidevOp op, unsigned bar, std::uint64_t address,
                                    std::vector<std::uint8_t> data, std::uint32_t bytes) {
    const PcidevMessage m = {static_cast<std::uint8_t>(op), static_cast<std::uint8_t>(bar), 0,
                             bytes, address};
    std::vector<std::uint8_t> out(sizeof m);
    std::memcpy(out.data(), &m, sizeof m);
    out.insert(out.end(), data.begin(), data.end());
    return out;
  }
  std::vector<std::uint8_t> read(PcidevOp op, unsigned bar, std::uint64_t address,
                                 std::uint32_t bytes) {
    std::vector<std::uint8_t> reply(bytes);
    EXPECT_EQ(function.execute(message(op, bar, address, {}, bytes), reply), bytes);
    return reply;
  }
  std::uint32_t read32(PcidevOp op, unsigned bar, std::uint64_t address) {
    const auto bytes = read(op, bar, address, 4);
    std::uint32_t value;
    std::memcpy(&value, bytes.data(), 4);
    return value;
  }
  std::uint32_t config(std::uint32_t offset) { return read32(PcidevOp::config_read, 0, offset); }
  void write(PcidevOp op, unsigned bar, std::uint64_t address, std::uint64_t value,
             std::uint32_t bytes) {
    std::vector<std::uint8_t> data(8);
    std::memcpy(data.data(), &value, 8);
    EXPECT_EQ(function.execute(message(op, bar, address, data, bytes), {}), 0u);
  }
  void set_config(std::uint32_t offset, std::uint32_t value, std::uint32_t bytes = 4) {
    write(PcidevOp::config_write, 0, offset, value, bytes);
  }
  /// As a driver that enables MSI-X with vector `v` at address 0x1000 + v, data 0x40 + v.
  void enable_msix() {
    for (unsigned v = 0; v < 2; ++v) {
      write(PcidevOp::mmio_write, kMsixBar, v * 16, 0x1000 + v, 4);
      write(PcidevOp::mmio_write, kMsixBar, v * 16 + 8, 0x40 + v, 4);
      write(PcidevOp::mmio_write, kMsixBar, v * 16 + 12, 0, 4);
    }
    set_config(kCapability + 2, 0x8001, 2);
  }

  Target target;
  PciFunction function{{0x11AB, 0xCE5A, 0x100000, {0x1000, 0x2000}, 2}, target};
};

TEST_F(PciFunctionTest, IdentityIsReadOnly) {
  EXPECT_EQ(config(0), 0xCE5A11ABu);
  EXPECT_EQ(config(8) >> 8, 0x100000u);
  set_config(0, 0);
  EXPECT_EQ(config(0), 0xCE5A11ABu);
}

TEST_F(PciFunctionTest, BarsAreSizedByWritingOnes) {
  for (const std::uint32_t offset : {0x10u, 0x14u, 0x18u, 0x1Cu, 0x24u}) {
    set_config(offset, 0xFFFFFFFF);
  }
  EXPECT_EQ(config(0x10), 0xFFFFF000u);
  EXPECT_EQ(config(0x14), 0xFFFFE000u);
  EXPECT_EQ(config(0x18), 0xFFFFF000u);  // the MSI-X table
  EXPECT_EQ(config(0x1C), 0u);
  EXPECT_EQ(config(0x24), 0u);
  EXPECT_TRUE(target.moves.empty()) << "decoding is off while software sizes";
}

TEST_F(PciFunctionTest, BarsAreAnnouncedWhenDecodingIsOn) {
  set_config(0x10, 0xF0000000);
  set_config(0x14, 0xF0010000);
  EXPECT_TRUE(target.moves.empty());
  set_config(4, 0x2, 2);
  using Move = std::pair<unsigned, std::uint32_t>;
  EXPECT_EQ(target.moves, (std::vector<Move>{{0, 0xF0000000}, {1, 0xF0010000}}));
  set_config(4, 0x6, 2);
  EXPECT_EQ(target.moves.size(), 2u) << "nothing moved";
  set_config(0x14, 0xF0020000);
  EXPECT_EQ(target.moves.back(), (Move{1, 0xF0020000}));
}

TEST_F(PciFunctionTest, MsixCapabilityIsInTheList) {
  EXPECT_TRUE(config(4) >> 16 & 0x10);
  EXPECT_EQ(config(0x34) & 0xFF, kCapability);
  EXPECT_EQ(config(kCapability), 0x00010011u);  // two vectors, end of the list
  EXPECT_EQ(config(kCapability + 4), kMsixBar);
}

TEST_F(PciFunctionTest, BytesOfAnySizeReachTheBars) {
  std::vector<std::uint8_t> data(1000);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i * 3);
  function.execute(message(PcidevOp::mmio_write, 1, 0x123, data, 1000), {});
  EXPECT_EQ(read(PcidevOp::mmio_read, 1, 0x123, 1000), data);
  EXPECT_EQ(read(PcidevOp::mmio_read, 1, 0x123, 1)[0], data[0]);
}

TEST_F(PciFunctionTest, MemsetFills) {
  function.execute(message(PcidevOp::mmio_memset, 1, 0x10, {0xAB}, 3), {});
  EXPECT_EQ(read(PcidevOp::mmio_read, 1, 0x0F, 5),
            (std::vector<std::uint8_t>{0, 0xAB, 0xAB, 0xAB, 0}));
}

TEST_F(PciFunctionTest, ACopyOfNoBytesIsNothing) {
  EXPECT_EQ(function.execute(message(PcidevOp::mmio_read, 1, 0x40, {}, 0), {}), 0u);
  EXPECT_EQ(function.execute(message(PcidevOp::mmio_write, 1, 0x40, {}, 0), {}), 0u);
  EXPECT_EQ(function.unclaimed(), 0u);
}

TEST_F(PciFunctionTest, NobodyAnswersOutsideTheBars) {
  EXPECT_EQ(read32(PcidevOp::mmio_read, 0, 0xFFE), 0xFFFFFFFFu);
  EXPECT_EQ(read32(PcidevOp::mmio_read, 5, 0), 0xFFFFFFFFu);
  EXPECT_EQ(read32(PcidevOp::mmio_read, 0, ~0ull - 1), 0xFFFFFFFFu);
  write(PcidevOp::mmio_write, 1, 0x2000, 0, 4);
  EXPECT_EQ(function.unclaimed(), 4u);
  EXPECT_EQ(config(0x100), 0u) << "the extended space is there and empty";
  set_config(0xFFFFFFF0, 1);
}

TEST_F(PciFunctionTest, MalformedMessagesAreRefused) {
  std::vector<std::uint8_t> reply(4);
  EXPECT_THROW(function.execute(std::vector<std::uint8_t>(15), reply), ProtocolError);
  EXPECT_THROW(function.execute(message(PcidevOp::mmio_read, 0, 0, {}, 5), reply), ProtocolError);
  EXPECT_THROW(function.execute(message(PcidevOp::mmio_read, 0, 0, {}, 0xFFFFFFFF), reply),
               ProtocolError);
  EXPECT_THROW(function.execute(message(PcidevOp::mmio_write, 0, 0, {1, 2}, 4), reply),
               ProtocolError);
  EXPECT_THROW(function.execute(message(PcidevOp::mmio_memset, 0, 0, {}, 4), reply), ProtocolError);
  function.execute(message(PcidevOp::mmio_memset, 1, 0, {1}, 0xFFFFFFFF), {});
  EXPECT_EQ(function.unclaimed(), 1u) << "it would write past the BAR";
}

TEST_F(PciFunctionTest, UnknownOperationsAreRefused) {
  std::vector<std::uint8_t> reply(4);
  for (const unsigned op : {0u, 6u, 9u, 255u}) {
    EXPECT_THROW(function.execute(message(static_cast<PcidevOp>(op), 0, 0, {}, 4), reply),
                 ProtocolError);
  }
}

TEST_F(PciFunctionTest, AnInterruptCarriesWhatTheDriverWrote) {
  enable_msix();
  const auto m = function.raise(1);
  ASSERT_TRUE(m);
  EXPECT_EQ(m->address, 0x1001u);
  EXPECT_EQ(m->data, 0x41u);
  EXPECT_THROW(function.raise(2), std::out_of_range);
}

TEST_F(PciFunctionTest, MaskedInterruptsStayPending) {
  EXPECT_FALSE(function.raise(0)) << "MSI-X is off";
  enable_msix();
  EXPECT_EQ(function.take_unmasked(), 0u);
  EXPECT_FALSE(function.take_unmasked());
  write(PcidevOp::mmio_write, kMsixBar, 16 + 12, 1, 4);
  EXPECT_FALSE(function.raise(1));
  EXPECT_EQ(read32(PcidevOp::mmio_read, kMsixBar, 0x800), 2u) << "pending bit";
  EXPECT_FALSE(function.take_unmasked());
  write(PcidevOp::mmio_write, kMsixBar, 16 + 12, 0, 4);
  EXPECT_EQ(function.take_unmasked(), 1u);
  set_config(kCapability + 2, 0xC001, 2);
  EXPECT_FALSE(function.raise(0)) << "all are masked";
}

TEST(PciFunctionIdentity, WhatPciCannotExpressIsRefused) {
  Target target;
  EXPECT_THROW(PciFunction({1, 2, 3, {3000}, 1}, target), std::invalid_argument);
  EXPECT_THROW(PciFunction({1, 2, 3, {2048}, 1}, target), std::invalid_argument);
  EXPECT_THROW(PciFunction({1, 2, 3, {4096}, 0}, target), std::invalid_argument);
  EXPECT_THROW(PciFunction({1, 2, 3, std::vector<std::uint32_t>(6, 4096), 1}, target),
               std::invalid_argument);
}

}  // namespace
}  // namespace cesasim::cosim
