// SPDX-License-Identifier: Apache-2.0
// The shadow state alone: who touches what, in which order, and what must come of it.
#include "hw_model/memory/dma_sanitizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "hw_model/memory/mbus_extension.h"

namespace cesasim::hw {
namespace {

using Kind = DmaHazard::Kind;
constexpr auto kTo = DmaDirection::to_device;
constexpr auto kFrom = DmaDirection::from_device;
constexpr auto kBoth = DmaDirection::bidirectional;
constexpr std::size_t kMemory = 1 << 20;
constexpr PhysAddr kBuffer = 0x4000;
constexpr unsigned kTdma = mbus_master_tdma(0);

class DmaSanitizerTest : public testing::Test {
 protected:
  DmaSanitizerTest() { attach(s); }
  void attach(DmaSanitizer& to) {
    to.set_context([this] { return DmaContext{&who, at += kPsPerUs, 1, false}; });
  }
  /// All hazards since the last call, by kind name.
  void expect(std::vector<Kind> kinds) {
    std::vector<Kind> got;
    for (std::size_t i = seen; i < s.reports().size(); ++i) got.push_back(s.reports()[i].kind);
    seen = s.reports().size();
    EXPECT_EQ(got, kinds) << (s.reports().empty() ? "" : s.reports().back().text);
  }
  const DmaHazard& last() { return s.reports().back(); }
  bool says(const std::string& text) { return last().text.find(text) != std::string::npos; }

  std::string who = "pid 7";
  Ps at = 0;
  DmaSanitizer s{kMemory, 32, false};
  std::size_t seen = 0;
};

TEST_F(DmaSanitizerTest, AGoodDriverIsLeftAlone) {
  for (int round = 0; round < 3; ++round) {
    s.cpu_write(kBuffer, 4096);
    s.map(kBuffer, 4096, kTo);
    s.cpu_read(kBuffer, 4096);  // looking at what a device reads is allowed
    s.device_read(kTdma, kBuffer, 4096, 1);
    s.unmap(kBuffer, 4096, kTo);
    s.map(kBuffer, 4096, kFrom);
    s.device_write(kTdma, kBuffer, 4096, 2);
    s.unmap(kBuffer, 4096, kFrom);
    s.cpu_read(kBuffer, 4096);
    s.map(kBuffer, 512, kBoth);
    s.device_read(kTdma, kBuffer, 512, 3);
    s.device_write(kTdma, kBuffer, 512, 4);
    s.unmap(kBuffer, 512, kBoth);
    s.cpu_read(kBuffer, 512);
  }
  EXPECT_EQ(s.hazards(), 0u);
  EXPECT_EQ(s.mappings(), 0u);
}

TEST_F(DmaSanitizerTest, ADeviceReadsWhatNobodyCleaned) {
  s.cpu_write(kBuffer + 64, 96);
  s.device_read(kTdma, kBuffer + 64, 96, 5 * kPsPerUs);
  expect({Kind::uncleaned_read});
  EXPECT_EQ(last().addr, kBuffer + 64);
  EXPECT_EQ(last().bytes, 96u);
  EXPECT_EQ(last().at, 5 * kPsPerUs);
  EXPECT_EQ(
      last().text,
      "TDMA engine 0 reads 96 bytes at 0x4040 at 0.000005000 s, which are dirty in the "
      "cache: nobody cleaned them; 'pid 7' on cpu 1 wrote there at 0.000001000 s; not mapped");
}

TEST_F(DmaSanitizerTest, OneMistakeIsOneReport) {
  s.cpu_write(kBuffer, 32);
  s.device_read(kTdma, kBuffer, 32, 1);
  s.map(kBuffer, 32, kTo);
  s.device_read(kTdma, kBuffer, 32, 2);
  expect({Kind::uncleaned_read});
}

TEST_F(DmaSanitizerTest, OnlyTheBytesThatAreDirtyCount) {
  s.map(kBuffer, 16, kTo);
  s.cpu_write(kBuffer + 16, 16);  // the neighbour in the same line, nobody's business
  s.device_read(kTdma, kBuffer, 16, 1);
  expect({});
  s.unmap(kBuffer, 16, kTo);
  s.map(kBuffer + 64, 32, kTo);
  s.device_read(kTdma, kBuffer + 8, 16, 1);
  expect({Kind::uncleaned_read});
  EXPECT_EQ(last().addr, kBuffer + 8);
}

TEST_F(DmaSanitizerTest, CleaningALineCleansTheNeighbourToo) {
  s.cpu_write(kBuffer + 16, 16);
  s.map(kBuffer, 16, kTo);
  s.unmap(kBuffer, 16, kTo);
  s.map(kBuffer + 16, 16, kFrom);
  s.device_write(kTdma, kBuffer + 16, 16, 1);
  expect({});
}

TEST_F(DmaSanitizerTest, TheCpuReadsWhatItDidNotInvalidate) {
  s.cpu_read(kBuffer, 512);
  s.device_write(kMbusMasterDisk, kBuffer, 512, 3 * kPsPerUs);  // nobody mapped the buffer
  expect({});
  s.cpu_read(kBuffer + 32, 8);
  expect({Kind::stale_read});
  EXPECT_EQ(last().text,
            "'pid 7' on cpu 1 reads 8 bytes at 0x4020 at 0.000001000 s, which are stale in the "
            "cache: the disk wrote them at 0.000003000 s and nobody invalidated the lines since "
            "the CPU used them before");
  s.cpu_read(kBuffer + 32, 8);
  expect({});
  s.cpu_read(kBuffer, 512);
  expect({Kind::stale_read});
}

TEST_F(DmaSanitizerTest, InvalidatingOrOverwritingStaleLinesIsEnough) {
  s.cpu_read(kBuffer, 96);
  s.device_write(kTdma, kBuffer, 96, 1);
  s.map(kBuffer, 32, kFrom);
  s.unmap(kBuffer, 32, kFrom);
  s.cpu_read(kBuffer, 32);
  s.cpu_write(kBuffer + 32, 32);
  s.cpu_read(kBuffer + 32, 32);
  s.cpu_write(kBuffer + 64, 16);
  s.cpu_read(kBuffer + 64, 16);
  expect({});
  s.cpu_read(kBuffer + 64, 32);  // its second half is still old
  expect({Kind::stale_read});
}

TEST_F(DmaSanitizerTest, ANeighbourOfTheBufferBringsStaleDataBack) {
  s.map(kBuffer, 48, kFrom);
  s.cpu_read(kBuffer + 48, 16);  // allowed, but now the cache holds the line
  s.device_write(kTdma, kBuffer, 48, 1);
  s.unmap(kBuffer, 48, kFrom);
  s.cpu_read(kBuffer, 32);
  s.cpu_read(kBuffer + 48, 16);  // its own bytes are right
  expect({});
  s.cpu_read(kBuffer + 32, 16);
  expect({Kind::stale_read});
}

TEST_F(DmaSanitizerTest, AWriteBackWouldOverwriteTheDevicesData) {
  s.cpu_write(kBuffer, 512);
  s.device_write(kTdma, kBuffer, 512, 1);
  expect({Kind::dirty_overwritten});
  EXPECT_EQ(last().bytes, 512u);
  EXPECT_TRUE(says("TDMA engine 0 writes 512 bytes at 0x4000"));
  EXPECT_TRUE(says("'pid 7' on cpu 1 wrote there"));
  EXPECT_TRUE(says("not mapped"));
}

TEST_F(DmaSanitizerTest, ASharedLineIsAHazardForTheWholeLine) {
  s.map(kBuffer, 16, kFrom);
  s.cpu_write(kBuffer + 20, 4);  // somebody else's variable
  s.device_write(kTdma, kBuffer, 16, 1);
  expect({Kind::dirty_overwritten});
  EXPECT_EQ(last().addr, kBuffer);
  EXPECT_EQ(last().bytes, 16u);
  EXPECT_TRUE(says("mapped from_device by 'pid 7'")) << last().text;
}

TEST_F(DmaSanitizerTest, TouchingWhatBelongsToTheDevice) {
  s.map(kBuffer, 512, kTo);
  s.cpu_write(kBuffer + 100, 4);
  expect({Kind::not_owner});
  EXPECT_TRUE(says("'pid 7' on cpu 1 writes 4 bytes at 0x4064")) << last().text;
  EXPECT_TRUE(says("mapped to_device by 'pid 7' on cpu 1 at 0.000001000 s")) << last().text;
  s.device_read(kTdma, kBuffer, 512, 1);  // reported once, not again as dirty
  s.unmap(kBuffer, 512, kTo);
  for (const auto direction : {kFrom, kBoth}) {
    s.map(kBuffer, 512, direction);
    s.cpu_read(kBuffer, 1);
    expect({Kind::not_owner});
    s.cpu_write(kBuffer + 511, 1);
    expect({Kind::not_owner});
    s.device_write(kTdma, kBuffer, 512, 1);
    s.unmap(kBuffer, 512, direction);
    s.cpu_read(kBuffer, 512);
  }
  expect({});
}

TEST_F(DmaSanitizerTest, OneReportNamesTheBytesFromTheFirstToTheLastAtFault) {
  s.map(kBuffer + 100, 300, kBoth);
  s.cpu_read(kBuffer, 512);
  expect({Kind::not_owner});
  // Within the lines of the buffer that the access meets.
  EXPECT_EQ(last().addr, kBuffer + 96);
  EXPECT_EQ(last().addr + last().bytes, kBuffer + 416);
}

TEST_F(DmaSanitizerTest, DirectionsAreKeptTo) {
  s.cpu_write(kBuffer, 64);
  s.map(kBuffer, 64, kFrom);  // drops what was written
  s.device_read(kTdma, kBuffer, 64, 1);
  expect({Kind::wrong_direction});
  EXPECT_TRUE(says("TDMA engine 0 reads 64 bytes")) << last().text;
  EXPECT_TRUE(says("mapped from_device")) << last().text;
  s.unmap(kBuffer, 64, kFrom);
  s.map(kBuffer, 64, kTo);
  s.device_write(kTdma, kBuffer, 64, 1);
  expect({Kind::wrong_direction});
  EXPECT_TRUE(says("mapped to_device")) << last().text;
}

TEST_F(DmaSanitizerTest, WhatIsNotMappedIsOutOfBounds) {
  s.device_read(kTdma, kBuffer, 64, 1);
  expect({Kind::not_mapped});
  s.device_write(kTdma, kBuffer, 64, 1);
  expect({Kind::not_mapped});
  EXPECT_TRUE(says("not mapped for a device")) << last().text;
  s.map(kBuffer, 64, kBoth);
  s.device_write(kTdma, kBuffer, 96, 1);  // runs over the end
  expect({Kind::not_mapped});
  EXPECT_EQ(last().addr, kBuffer + 64);
  EXPECT_EQ(last().bytes, 32u);
  s.unmap(kBuffer, 64, kBoth);
  s.device_write(kTdma, kBuffer, 64, 1);  // too late
  expect({Kind::not_mapped});
}

TEST_F(DmaSanitizerTest, UnmapsThatDoNotFit) {
  s.unmap(kBuffer, 64, kTo);
  expect({Kind::bad_unmap});
  s.map(kBuffer, 64, kTo);
  s.unmap(kBuffer, 32, kTo);
  expect({Kind::bad_unmap});
  EXPECT_TRUE(says("mapped were 64 bytes at 0x4000 as to_device")) << last().text;
  EXPECT_EQ(s.mappings(), 0u);
  s.cpu_write(kBuffer, 64);
  s.map(kBuffer, 64, kTo);
  s.unmap(kBuffer, 64, kBoth);
  expect({Kind::bad_unmap});
  s.unmap(kBuffer, 64, kTo);
  expect({Kind::bad_unmap});
  s.sync_for_cpu(kBuffer, 64, kTo);
  s.sync_for_device(kBuffer, 64, kTo);
  expect({Kind::bad_unmap, Kind::bad_unmap});
}

TEST_F(DmaSanitizerTest, TwoDevicesMayReadTheSame) {
  s.cpu_write(kBuffer, 512);
  s.map(kBuffer, 512, kTo);
  s.map(kBuffer, 512, kTo);
  s.map(kBuffer + 128, 64, kTo);
  s.unmap(kBuffer, 512, kTo);
  s.device_read(kTdma, kBuffer, 512, 1);
  expect({});
  s.unmap(kBuffer, 512, kTo);
  s.device_read(kTdma, kBuffer + 128, 64, 1);
  expect({});
  s.device_read(kTdma, kBuffer, 512, 1);
  expect({Kind::not_mapped});
  s.cpu_write(kBuffer + 128, 64);
  expect({Kind::not_owner});
  s.unmap(kBuffer + 128, 64, kTo);
  s.cpu_write(kBuffer, 512);
  expect({});
}

TEST_F(DmaSanitizerTest, TwoBuffersInOneLineAreToldApart) {
  s.map(kBuffer, 16, kTo);
  s.map(kBuffer + 16, 16, kFrom);
  s.device_read(kTdma, kBuffer, 16, 1);
  s.device_write(kTdma, kBuffer + 16, 16, 1);
  expect({});
  s.device_write(kTdma, kBuffer, 16, 1);
  s.device_read(kTdma, kBuffer + 16, 16, 1);
  expect({Kind::wrong_direction, Kind::wrong_direction});
  s.unmap(kBuffer, 16, kTo);
  s.cpu_write(kBuffer, 8);
  s.cpu_write(kBuffer + 16, 8);
  expect({Kind::not_owner});
}

TEST_F(DmaSanitizerTest, SyncHandsTheBufferOverAndBack) {
  s.map(kBuffer, 512, kFrom);
  for (int round = 0; round < 3; ++round) {
    s.device_write(kTdma, kBuffer, 512, 1);
    s.sync_for_cpu(kBuffer, 512, kFrom);
    s.cpu_read(kBuffer, 512);
    s.sync_for_device(kBuffer, 512, kFrom);
  }
  expect({});
  s.cpu_read(kBuffer, 16);
  expect({Kind::not_owner});
  s.sync_for_cpu(kBuffer, 512, kFrom);
  s.cpu_read(kBuffer, 512);
  s.device_write(kTdma, kBuffer, 512, 1);  // sync_for_device is missing
  expect({Kind::not_mapped});
  EXPECT_TRUE(says("synced for the CPU")) << last().text;
  s.unmap(kBuffer, 512, kFrom);
  s.cpu_write(kBuffer, 512);
  expect({});
  s.map(kBuffer, 512, kTo);
  s.sync_for_cpu(kBuffer + 128, 64, kTo);  // a part
  s.cpu_write(kBuffer + 128, 64);
  expect({});
  s.cpu_write(kBuffer + 64, 64);
  expect({Kind::not_owner});
  s.device_read(kTdma, kBuffer + 128, 64, 1);
  expect({Kind::uncleaned_read});
}

TEST_F(DmaSanitizerTest, CoherentMemoryIsEverybodys) {
  s.coherent_memory(kBuffer, 4096);
  s.cpu_write(kBuffer, 4096);
  s.device_read(kTdma, kBuffer + 17, 128, 1);
  s.device_write(kTdma, kBuffer + 17, 128, 1);
  s.cpu_read(kBuffer, 4096);
  expect({});
  s.cpu_write(kBuffer + 4096 - 32, 64);  // half in it
  s.device_read(kTdma, kBuffer + 4096 - 32, 64, 1);
  expect({Kind::uncleaned_read});
  EXPECT_EQ(last().addr, kBuffer + 4096);
  EXPECT_EQ(last().bytes, 32u);
}

TEST_F(DmaSanitizerTest, CoherentDevicesLeaveOnlyMappingsToCheck) {
  DmaSanitizer c(kMemory, 32, true);
  attach(c);
  c.cpu_write(kBuffer, 512);
  c.map(kBuffer, 16, kBoth);
  c.cpu_write(kBuffer + 16, 16);
  c.device_read(kTdma, kBuffer, 16, 1);
  c.device_write(kTdma, kBuffer, 16, 1);
  c.unmap(kBuffer, 16, kBoth);
  c.cpu_read(kBuffer, 512);
  EXPECT_EQ(c.hazards(), 0u);
  c.map(kBuffer, 512, kBoth);
  c.cpu_write(kBuffer, 4);
  c.unmap(kBuffer, 512, kBoth);
  c.device_write(kTdma, kBuffer, 512, 1);
  EXPECT_EQ(c.hazards(), 2u);
  EXPECT_EQ(c.count(Kind::not_owner), 1u);
  EXPECT_EQ(c.count(Kind::not_mapped), 1u);
}

TEST_F(DmaSanitizerTest, AllAreCountedAndTheFirstKept) {
  for (unsigned i = 0; i < 100; ++i) s.device_read(kTdma, kBuffer + 32 * i, 32, i);
  EXPECT_EQ(s.hazards(), 100u);
  EXPECT_EQ(s.count(Kind::not_mapped), 100u);
  ASSERT_EQ(s.reports().size(), DmaSanitizer::kReportsKept);
  for (unsigned i = 0; i < s.reports().size(); ++i) EXPECT_EQ(s.reports()[i].at, i);
}

TEST_F(DmaSanitizerTest, EndsOfTheMemory) {
  s.cpu_write(kMemory - 32, 32);
  s.device_read(kTdma, kMemory - 32, 32, 1);
  expect({Kind::uncleaned_read});
  s.device_read(kTdma, kMemory, 32, 1);
  s.device_read(kTdma, kMemory - 16, 32, 1);
  s.cpu_write(~PhysAddr{0} - 8, 32);
  s.map(kMemory, 1, kTo);
  s.cpu_read(0, 0);
  expect({});
  s.cpu_write(0, 1);
  s.device_read(kTdma, 0, 1, 1);
  expect({Kind::uncleaned_read});
}

TEST_F(DmaSanitizerTest, LineSizes) {
  for (const std::size_t bytes : {0u, 4u, 48u, 512u}) {
    EXPECT_THROW(DmaSanitizer(kMemory, bytes, false), std::invalid_argument) << bytes;
  }
  for (const std::size_t bytes : {8u, 32u, 64u, 128u, 256u}) {
    DmaSanitizer d(kMemory, bytes, false);
    d.cpu_write(kBuffer, 4);
    d.device_read(kTdma, kBuffer + bytes - 4, 4, 1);
    d.device_read(kTdma, kBuffer, 4, 1);
    EXPECT_EQ(d.count(Kind::uncleaned_read), 1u) << bytes;
    EXPECT_EQ(d.count(Kind::not_mapped), 1u) << bytes;
    d.cpu_write(kBuffer, 4);
    d.map(kBuffer + bytes, bytes, kFrom);
    d.device_write(kTdma, kBuffer + bytes, bytes, 1);
    EXPECT_EQ(d.count(Kind::dirty_overwritten), 0u) << bytes;
    d.device_write(kTdma, kBuffer + bytes - 4, 4, 1);
    EXPECT_EQ(d.count(Kind::dirty_overwritten), 1u) << bytes;
  }
}

/// Against a cache with one byte of state per byte of memory: an unclever second implementation
/// of the three cache hazards and of ownership, for accesses and mappings at any offset.
TEST_F(DmaSanitizerTest, AgreesWithAnUncleverModel) {
  struct Mapped {
    PhysAddr addr;
    std::size_t bytes;
    DmaDirection direction;
  };
  constexpr std::size_t kBytes = 1024;
  std::mt19937 random(11);
  auto pick = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::map<Kind, std::uint64_t> expected;
  for (int run = 0; run < 200; ++run) {
    DmaSanitizer d(kMemory, 32, false);
    expected.clear();
    std::vector<Mapped> mapped;
    std::vector<bool> dirty(kBytes), stale(kBytes), held(kBytes);
    const std::size_t grain = run % 2 == 0 ? 32 : 4;  // whole lines take short cuts
    for (int step = 0; step < 300; ++step) {
      const std::size_t from = pick(kBytes / grain) * grain;
      const std::size_t bytes =
          (1 + pick(std::min<std::size_t>(24, kBytes / grain - from / grain))) * grain;
      const std::size_t end = from + bytes;
      auto covered = [&](std::size_t at, bool devices_read, bool devices_write) {
        for (const Mapped& m : mapped) {
          if (m.addr <= at && at < m.addr + m.bytes &&
              ((devices_read && m.direction != kFrom) || (devices_write && m.direction != kTo))) {
            return true;
          }
        }
        return false;
      };
      // A line piece at a time: [lo, hi) within the line at `line`.
      auto lines = [&](auto&& visit) {
        for (std::size_t line = from / 32 * 32; line < end; line += 32) {
          visit(line, std::max(line, from), std::min(line + 32, end));
        }
      };
      auto any = [](const std::vector<bool>& v, std::size_t lo, std::size_t hi) {
        return std::find(v.begin() + static_cast<long>(lo), v.begin() + static_cast<long>(hi),
                         true) != v.begin() + static_cast<long>(hi);
      };
      auto set = [](std::vector<bool>& v, std::size_t lo, std::size_t hi, bool value) {
        std::fill(v.begin() + static_cast<long>(lo), v.begin() + static_cast<long>(hi), value);
      };
      std::map<Kind, bool> fault;
      switch (pick(6)) {
        case 0:
          d.cpu_read(from, bytes);
          lines([&](std::size_t line, std::size_t lo, std::size_t hi) {
            bool owned = false;
            for (std::size_t i = lo; i < hi; ++i) owned |= covered(i, false, true);
            if (owned) {
              fault[Kind::not_owner] = true;
              return;
            }
            if (any(stale, lo, hi)) {
              fault[Kind::stale_read] = true;
              set(stale, line, line + 32, false);
            }
            set(held, line, line + 32, true);
          });
          break;
        case 1:
          d.cpu_write(from, bytes);
          lines([&](std::size_t line, std::size_t lo, std::size_t hi) {
            bool owned = false;
            for (std::size_t i = lo; i < hi; ++i) owned |= covered(i, true, true);
            if (owned) {
              fault[Kind::not_owner] = true;
              return;
            }
            set(dirty, lo, hi, true);
            set(stale, lo, hi, false);
            set(held, line, line + 32, true);
          });
          break;
        case 2: {
          const auto direction = static_cast<DmaDirection>(pick(3));
          mapped.push_back({from, bytes, direction});
          d.map(from, bytes, direction);
          lines([&](std::size_t line, std::size_t, std::size_t) {
            set(dirty, line, line + 32, false);
            if (direction == kTo) return;
            set(stale, line, line + 32, false);
            set(held, line, line + 32, false);
          });
          break;
        }
        case 3:
          if (mapped.empty()) break;
          {
            const std::size_t i = pick(mapped.size());
            d.unmap(mapped[i].addr, mapped[i].bytes, mapped[i].direction);
            mapped.erase(mapped.begin() + static_cast<long>(i));
          }
          break;
        case 4:
          d.device_read(kTdma, from, bytes, 1);
          lines([&](std::size_t line, std::size_t lo, std::size_t hi) {
            if (!any(dirty, lo, hi)) return;
            fault[Kind::uncleaned_read] = true;
            set(dirty, line, line + 32, false);
          });
          break;
        default: {
          // Only where the device may, so that what else could be wrong needs no second model.
          bool may = false;
          for (const Mapped& m : mapped) {
            may |= m.direction != kTo && m.addr <= from && end <= m.addr + m.bytes;
          }
          if (!may) break;
          d.device_write(kTdma, from, bytes, 1);
          lines([&](std::size_t line, std::size_t lo, std::size_t hi) {
            if (any(dirty, line, line + 32)) {
              fault[Kind::dirty_overwritten] = true;
              set(dirty, line, line + 32, false);
            } else if (held[line]) {
              set(stale, lo, hi, true);
            }
          });
        }
      }
      for (const auto& [kind, yes] : fault) expected[kind] += yes ? 1 : 0;
      for (const Kind kind : {Kind::uncleaned_read, Kind::stale_read, Kind::dirty_overwritten,
                              Kind::not_owner, Kind::bad_unmap}) {
        ASSERT_EQ(d.count(kind), expected[kind])
            << "run " << run << " step " << step << " kind " << static_cast<int>(kind) << ": "
            << (d.reports().empty() ? "" : d.reports().back().text);
      }
      ASSERT_EQ(d.mappings(), mapped.size());
    }
  }
}

}  // namespace
}  // namespace cesasim::hw
