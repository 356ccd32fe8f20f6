// SPDX-License-Identifier: Apache-2.0
// The device's side of a virtqueue against a guest that keeps the rules, and one that does not.
#include "cosim/transport/virtqueue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace cesasim::cosim {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kRam = 0x100000;  // guest address of the memory
constexpr std::uint64_t kBytes = 0x10000;
constexpr std::uint64_t kTable = kRam;
constexpr std::uint64_t kAvailable = kRam + 0x1000;
constexpr std::uint64_t kUsed = kRam + 0x2000;
constexpr std::uint64_t kBuffer = kRam + 0x4000;
constexpr std::uint16_t kEntries = 8;

FileDescriptor memory_file(std::uint64_t bytes) {
  FileDescriptor file(::memfd_create("guest", 0));
  EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(bytes)), 0);
  return file;
}

class VirtqueueTest : public testing::Test {
 protected:
  VirtqueueTest() {
    std::vector<FileDescriptor> files;
    files.push_back(memory_file(kBytes));
    memory.map({{kRam, kBytes, 0, 0}}, files);
    queue.set_entries(kEntries);
    queue.set_addresses(kTable, kAvailable, kUsed);
  }

  template <typename T>
  void poke(std::uint64_t address, T value) {
    std::memcpy(memory.find(address, sizeof value), &value, sizeof value);
  }
  template <typename T>
  T peek(std::uint64_t address) {
    T value;
    std::memcpy(&value, memory.find(address, sizeof value), sizeof value);
    return value;
  }
  void describe(unsigned index, std::uint64_t address, std::uint32_t bytes, std::uint16_t flags,
                std::uint16_t next = 0) {
    const std::uint64_t d = kTable + 16 * index;
    poke(d, address);
    poke(d + 8, bytes);
    poke(d + 12, flags);
    poke(d + 14, next);
  }
  void offer(std::uint16_t head) {
    const auto index = peek<std::uint16_t>(kAvailable + 2);
    poke(kAvailable + 4 + 2 * (index % kEntries), head);
    poke(kAvailable + 2, static_cast<std::uint16_t>(index + 1));
  }
  /// The message of the ProtocolError that pop throws.
  std::string refusal() {
    try {
      DescriptorChain chain;
      queue.pop(chain);
    } catch (const ProtocolError& error) {
      return error.what();
    }
    return "";
  }

  static constexpr std::uint16_t kNext = 1, kWrite = 2, kIndirect = 4;
  GuestMemory memory;
  Virtqueue queue{memory};
  DescriptorChain chain;
};

TEST_F(VirtqueueTest, NothingOfferedNothingTaken) { EXPECT_FALSE(queue.pop(chain)); }

TEST_F(VirtqueueTest, AChainKeepsItsOrderAndDirections) {
  describe(3, kBuffer, 16, kNext, 5);
  describe(5, kBuffer + 0x100, 8, kWrite);
  offer(3);
  ASSERT_TRUE(queue.pop(chain));
  EXPECT_EQ(chain.head, 3);
  ASSERT_EQ(chain.segments.size(), 2u);
  EXPECT_EQ(chain.segments[0].bytes.size(), 16u);
  EXPECT_FALSE(chain.segments[0].device_writes);
  EXPECT_EQ(chain.segments[1].bytes.data(), memory.find(kBuffer + 0x100, 8));
  EXPECT_TRUE(chain.segments[1].device_writes);
  EXPECT_FALSE(queue.pop(chain));
}

TEST_F(VirtqueueTest, PushTellsHeadAndLength) {
  describe(2, kBuffer, 4, kWrite);
  offer(2);
  ASSERT_TRUE(queue.pop(chain));
  queue.push(chain, 4);
  EXPECT_EQ(peek<std::uint16_t>(kUsed + 2), 1);
  EXPECT_EQ(peek<std::uint32_t>(kUsed + 4), 2u);
  EXPECT_EQ(peek<std::uint32_t>(kUsed + 8), 4u);
}

TEST_F(VirtqueueTest, IndicesWrapAround) {
  describe(0, kBuffer, 4, kWrite);
  queue.set_next(0xFFFE);
  poke<std::uint16_t>(kAvailable + 2, 0xFFFE);
  poke<std::uint16_t>(kUsed + 2, 0xFFFE);
  for (int i = 0; i < 5; ++i) {
    offer(0);
    ASSERT_TRUE(queue.pop(chain)) << i;
    queue.push(chain, 0);
  }
  EXPECT_EQ(peek<std::uint16_t>(kUsed + 2), 3);
}

TEST_F(VirtqueueTest, UnpopGivesTheSameRequestAgain) {
  describe(1, kBuffer, 4, kWrite);
  offer(1);
  ASSERT_TRUE(queue.pop(chain));
  queue.unpop();
  ASSERT_TRUE(queue.pop(chain));
  EXPECT_EQ(chain.head, 1);
}

TEST_F(VirtqueueTest, AvailableIndexTooFarAhead) {
  poke<std::uint16_t>(kAvailable + 2, kEntries + 1);
  EXPECT_THAT(refusal(), HasSubstr("9 ahead in a ring of 8"));
}

TEST_F(VirtqueueTest, HeadOutOfRange) {
  offer(kEntries);
  EXPECT_THAT(refusal(), HasSubstr("descriptor 8 in a table of 8"));
}

TEST_F(VirtqueueTest, NextOutOfRange) {
  describe(0, kBuffer, 4, kNext, 0x7FFF);
  offer(0);
  EXPECT_THAT(refusal(), HasSubstr("descriptor 32767"));
}

TEST_F(VirtqueueTest, ChainThatNeverEnds) {
  describe(0, kBuffer, 4, kNext, 1);
  describe(1, kBuffer, 4, kNext, 0);
  offer(0);
  EXPECT_THAT(refusal(), HasSubstr("loop"));
}

TEST_F(VirtqueueTest, BufferOutsideTheMemoryTable) {
  for (const auto& [address, bytes] : {std::pair<std::uint64_t, std::uint32_t>{kRam - 1, 4},
                                       {kRam + kBytes - 4, 5},
                                       {0, 1},
                                       {~0ull - 2, 8},
                                       {kBuffer, 0xFFFFFFFF}}) {
    describe(0, address, bytes, 0);
    poke<std::uint16_t>(kAvailable + 2, 0);
    queue.set_next(0);
    offer(0);
    EXPECT_THAT(refusal(), HasSubstr("not in the guest's memory table")) << address;
  }
}

// Linux' ZERO_SIZE_PTR, of which nothing is read or written.
TEST_F(VirtqueueTest, ABufferOfNoBytesMayLieAnywhere) {
  describe(0, 0xFFFFFFFFA0000010, 0, kWrite);
  offer(0);
  ASSERT_TRUE(queue.pop(chain));
  ASSERT_EQ(chain.segments.size(), 1u);
}

TEST_F(VirtqueueTest, IndirectDescriptorsWereNotOffered) {
  describe(0, kBuffer, 16, kIndirect);
  offer(0);
  EXPECT_THAT(refusal(), HasSubstr("indirect"));
}

TEST_F(VirtqueueTest, RingsOutsideTheMemoryTable) {
  queue.set_addresses(kTable, kRam + kBytes - 4, kUsed);
  EXPECT_THAT(refusal(), HasSubstr("available ring"));
  queue.set_addresses(kRam + kBytes, kAvailable, kUsed);
  offer(0);
  EXPECT_THAT(refusal(), HasSubstr("descriptor table"));
  queue.set_addresses(kTable, kAvailable, 0);
  EXPECT_THROW(queue.push(chain, 0), ProtocolError);
}

TEST_F(VirtqueueTest, UsedBeforeItIsSetUp) {
  Virtqueue fresh(memory);
  EXPECT_THROW(fresh.pop(chain), ProtocolError);
}

TEST_F(VirtqueueTest, OddSizesAreRefused) {
  for (const std::uint32_t entries : {0u, 3u, 65536u, 0xFFFFFFFFu}) {
    EXPECT_THROW(queue.set_entries(entries), ProtocolError) << entries;
  }
}

TEST(GuestMemoryTest, ImpossibleTablesAreRefused) {
  const auto refused = [](std::vector<MemoryRegion> regions, std::size_t files) {
    std::vector<FileDescriptor> fds;
    for (std::size_t i = 0; i < files; ++i) fds.push_back(memory_file(0x2000));
    GuestMemory memory;
    try {
      memory.map(regions, fds);
    } catch (const ProtocolError&) {
      return true;
    }
    return false;
  };
  EXPECT_FALSE(refused({{0x1000, 0x2000, 0, 0}}, 1));
  EXPECT_TRUE(refused({}, 0));
  EXPECT_TRUE(refused({{0x1000, 0x2000, 0, 0}}, 0));
  EXPECT_TRUE(refused({{0x1000, 0, 0, 0}}, 1));
  EXPECT_TRUE(refused({{0x1000, 0x3000, 0, 0}}, 1));
  EXPECT_TRUE(refused({{0x1000, 0x1000, 0, 0x1001}}, 1));
  EXPECT_TRUE(refused({{~0ull - 0xFFF, 0x2000, 0, 0}}, 1));
  EXPECT_TRUE(refused({{0x1000, 0x2000, 0, 0}, {0x2000, 0x1000, 0, 0}}, 2));
  EXPECT_TRUE(refused(std::vector<MemoryRegion>(9, {0, 0x1000, 0, 0}), 9));
}

TEST(GuestMemoryTest, FindsOnlyWhatLiesInOneRegion) {
  std::vector<FileDescriptor> files;
  files.push_back(memory_file(0x3000));
  GuestMemory memory;
  memory.map({{0x8000, 0x1000, 0, 0x2000}}, files);
  EXPECT_NE(memory.find(0x8000, 0x1000), nullptr);
  EXPECT_EQ(memory.find(0x8FFF, 1), memory.find(0x8000, 1) + 0xFFF);
  EXPECT_EQ(memory.find(0x8FFF, 2), nullptr);
  EXPECT_EQ(memory.find(0x7FFF, 1), nullptr);
  EXPECT_EQ(memory.find(0x8800, ~0ull), nullptr);
  memory.clear();
  EXPECT_EQ(memory.find(0x8000, 1), nullptr);
}

}  // namespace
}  // namespace cesasim::cosim
