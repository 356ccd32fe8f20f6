// SPDX-License-Identifier: Apache-2.0
#include "hw_model/disk/disk_timing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/hw_model/disk/disk_params.h"

namespace cesasim::hw {
namespace {

using test::flash_disk;
using test::hard_disk;

constexpr Ps kRevolution = 8'333'333'333;

double mb_s(std::uint64_t bytes, Ps ps) { return static_cast<double>(bytes) / 1e6 / (ps / 1e12); }

/// Ends of commands given one after the other, the host adding nothing.
Ps read_end(DiskTiming& disk, Ps now, std::uint64_t sector, std::uint32_t count) {
  return disk.read_ready(now, sector, count) + disk.interface_ps(count);
}
Ps write_end(DiskTiming& disk, Ps now, std::uint64_t sector, std::uint32_t count) {
  return disk.write_done(disk.write_room(now, count) + disk.interface_ps(count), sector, count);
}

// --- seek curve -----------------------------------------------------------------------------

TEST(SeekCurve, MeetsTheThreeFiguresOfTheDataSheet) {
  const SeekCurve seek(90000, kPsPerMs, 8500 * kPsPerUs, 16 * kPsPerMs);
  EXPECT_EQ(seek(0), 0u);
  EXPECT_EQ(seek(1), kPsPerMs);
  EXPECT_EQ(seek.average_distance(), 30000u);
  EXPECT_EQ(seek(30000), 8500 * kPsPerUs);
  EXPECT_EQ(seek(89999), 16 * kPsPerMs);
}

TEST(SeekCurve, NeverFalls) {
  const SeekCurve seek(5000, kPsPerMs, 8500 * kPsPerUs, 16 * kPsPerMs);
  for (std::uint32_t d = 1; d < 4999; ++d) ASSERT_LE(seek(d), seek(d + 1)) << d;
}

TEST(SeekCurve, AverageOverRandomPairsIsCloseToTheAverageFigure) {
  const SeekCurve seek(90000, kPsPerMs, 8500 * kPsPerUs, 16 * kPsPerMs);
  std::mt19937 random(1);
  double sum = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::uint32_t a = random() % 90000, b = random() % 90000;
    sum += static_cast<double>(seek(a > b ? a - b : b - a));
  }
  EXPECT_NEAR(sum / 20000 / kPsPerMs, 8.5, 0.5);
}

TEST(SeekCurve, RefusesTimesThatFall) {
  EXPECT_THROW(SeekCurve(100, 2 * kPsPerMs, kPsPerMs, 3 * kPsPerMs), std::invalid_argument);
}

// --- rotation -------------------------------------------------------------------------------

TEST(HardDisk, MissedSectorCostsOneRevolution) {
  DiskParams p = hard_disk();
  p.lookahead_kib = 0;
  p.command_overhead_us = 0;
  auto disk = DiskTiming::create(p);
  const Ps first = disk->read_ready(0, 0, 8) + disk->interface_ps(8);
  // The same sectors again, past the head by now: back after exactly one revolution.
  p.read_buffer_kib = 1;  // too small to keep them
  auto small = DiskTiming::create(p);
  const Ps a = small->read_ready(0, 0, 8) + small->interface_ps(8);
  const Ps b = small->read_ready(a, 0, 8) + small->interface_ps(8);
  EXPECT_EQ(a, first);
  EXPECT_EQ(b - a, kRevolution);
}

TEST(HardDisk, FasterSpindleShortensRotation) {
  DiskParams p = hard_disk();
  p.read_buffer_kib = 1;
  p.lookahead_kib = 0;
  p.rpm = 15000;
  auto disk = DiskTiming::create(p);
  const Ps a = read_end(*disk, 0, 0, 8);
  EXPECT_EQ(read_end(*disk, a, 0, 8) - a, Ps{4'000'000'000});
}

TEST(HardDisk, RotationalLatencyAveragesHalfARevolution) {
  DiskParams p = hard_disk();
  p.lookahead_kib = 0;
  p.command_overhead_us = 0;
  p.seek_track_ms = p.seek_average_ms = p.seek_full_ms = 3;  // constant: what is left is rotation
  auto disk = DiskTiming::create(p);
  std::mt19937_64 random(7);
  Ps now = 0;
  double sum = 0;
  constexpr int kReads = 5000;
  for (int i = 0; i < kReads; ++i) {
    const Ps end = read_end(*disk, now, random() % (p.sectors() - 8), 8);
    sum += static_cast<double>(end - now);
    now = end;
  }
  const double mean_ms = sum / kReads / kPsPerMs;
  EXPECT_NEAR(mean_ms, 3 + 8.333 / 2 + 0.09, 0.15);
}

TEST(HardDisk, TimesAreDeterministic) {
  auto a = DiskTiming::create(hard_disk());
  auto b = DiskTiming::create(hard_disk());
  Ps ta = 0, tb = 0;
  std::mt19937_64 random(3);
  for (int i = 0; i < 500; ++i) {
    const std::uint64_t s = random() % (hard_disk().sectors() - 64);
    if (random() % 2 == 0) {
      ta = read_end(*a, ta, s, 64);
      tb = read_end(*b, tb, s, 64);
    } else {
      ta = write_end(*a, ta, s, 64);
      tb = write_end(*b, tb, s, 64);
    }
    ASSERT_EQ(ta, tb);
  }
}

// --- streaming ------------------------------------------------------------------------------

Ps stream(DiskTiming& disk, std::uint64_t from, std::uint32_t commands, std::uint32_t sectors) {
  const Ps start = read_end(disk, 0, from, sectors);
  Ps now = start;
  for (std::uint32_t i = 1; i < commands; ++i) {
    now = read_end(disk, now, from + std::uint64_t{i} * sectors, sectors);
  }
  return now - start;
}

TEST(HardDisk, SequentialReadReachesTheMediaRateLessSwitches) {
  auto disk = DiskTiming::create(hard_disk());
  const double rate = mb_s(std::uint64_t{511} * 256 * 512, stream(*disk, 0, 512, 256));
  // Per two tracks: two revolutions of data, a head switch and a cylinder switch.
  const double expected = 60.0 * 2 * 8.333 / (2 * 8.333 + 0.8 + 1.0);
  EXPECT_NEAR(rate, expected, expected * 0.01);
  EXPECT_LE(disk->stats().seeks, 1u);
}

TEST(HardDisk, InnerTracksAreSlower) {
  auto disk = DiskTiming::create(hard_disk());
  const std::uint64_t inner = hard_disk().sectors() - 512 * 256 - 1000;
  const double rate = mb_s(std::uint64_t{511} * 256 * 512, stream(*disk, inner, 512, 256));
  const double expected = 30.0 * 2 * 8.333 / (2 * 8.333 + 0.8 + 1.0);
  EXPECT_NEAR(rate, expected, expected * 0.02);
}

TEST(HardDisk, WithoutLookAheadEveryCommandMissesTheRevolution) {
  DiskParams p = hard_disk();
  p.lookahead_kib = 0;
  auto disk = DiskTiming::create(p);
  // 8 sectors per revolution.
  EXPECT_NEAR(stream(*disk, 0, 101, 8) / 100.0 / kRevolution, 1.0, 0.02);
}

TEST(HardDisk, LookAheadServesASlowReaderFromTheBuffer) {
  auto disk = DiskTiming::create(hard_disk());
  Ps now = read_end(*disk, 0, 0, 256) + 50 * kPsPerMs;
  const Ps end = read_end(*disk, now, 256, 256);
  EXPECT_EQ(end - now, 200 * kPsPerUs + disk->interface_ps(256));
  EXPECT_EQ(disk->stats().read_hits, 1u);
}

TEST(HardDisk, BufferKeepsSeveralStreamsApart) {
  auto disk = DiskTiming::create(hard_disk());
  Ps now = 0;
  now = read_end(*disk, now, 0, 64) + 20 * kPsPerMs;
  now = read_end(*disk, now, 4'000'000, 64) + 20 * kPsPerMs;
  read_end(*disk, now, 64, 64);
  EXPECT_EQ(disk->stats().read_hits, 1u);
}

TEST(HardDisk, TransferOverlapsTheMediumButDoesNotOvertakeIt) {
  DiskParams p = hard_disk();
  p.command_overhead_us = 0;
  auto disk = DiskTiming::create(p);
  // A whole track from its first sector: media time is one revolution after the head is there.
  const std::uint32_t track = 977;  // 60 MB/s * 8.333 ms / 512
  const Ps end = read_end(*disk, 0, 0, track);
  EXPECT_EQ(end, kRevolution);
}

// --- write cache ----------------------------------------------------------------------------

TEST(HardDisk, WriteCacheHidesTheMediumUntilItIsFull) {
  auto disk = DiskTiming::create(hard_disk());
  std::mt19937_64 random(5);
  Ps now = 0;
  std::vector<Ps> took;
  for (int i = 0; i < 4000; ++i) {
    const Ps end = write_end(*disk, now, random() % (hard_disk().sectors() - 8), 8);
    took.push_back(end - now);
    now = end;
  }
  const Ps hidden = 200 * kPsPerUs + disk->interface_ps(8);
  for (int i = 0; i < 500; ++i) ASSERT_EQ(took[i], hidden) << i;
  EXPECT_GT(disk->stats().write_stalls, 1000u);
  // Full, each write waits for one destage, in elevator order: far less than a random access.
  double tail = 0;
  for (int i = 3000; i < 4000; ++i) tail += static_cast<double>(took[i]);
  EXPECT_GT(tail / 1000, 3.0 * kPsPerMs);
  EXPECT_LT(tail / 1000, 9.0 * kPsPerMs);
}

TEST(HardDisk, WithoutCacheAWriteEndsOnTheMedium) {
  DiskParams p = hard_disk();
  p.write_cache_kib = 0;
  auto disk = DiskTiming::create(p);
  const Ps a = write_end(*disk, 0, 0, 8);
  EXPECT_EQ(write_end(*disk, a, 0, 8) - a, kRevolution);
  EXPECT_EQ(disk->dirty_sectors(a), 0u);
}

TEST(HardDisk, SequentialWritesStreamThroughTheCache) {
  auto disk = DiskTiming::create(hard_disk());
  Ps now = 0;
  constexpr std::uint32_t kCommands = 800;
  for (std::uint32_t i = 0; i < kCommands; ++i) now = write_end(*disk, now, i * 256, 256);
  now = disk->flush_done(now);
  EXPECT_GT(mb_s(std::uint64_t{kCommands} * 256 * 512, now), 0.9 * 54);
}

TEST(HardDisk, FlushWaitsForTheDestage) {
  auto disk = DiskTiming::create(hard_disk());
  Ps now = 0;
  for (int i = 0; i < 50; ++i) now = write_end(*disk, now, std::uint64_t(i) * 100'000, 8);
  EXPECT_GT(disk->dirty_sectors(now), 0u);
  const Ps done = disk->flush_done(now);
  EXPECT_GT(done - now, 50 * kPsPerMs);
  EXPECT_EQ(disk->dirty_sectors(done), 0u);
  EXPECT_EQ(disk->flush_done(done + kPsPerMs), done + kPsPerMs + 200 * kPsPerUs);
}

TEST(HardDisk, DestageWaitsWhileReadsUseTheArm) {
  auto disk = DiskTiming::create(hard_disk());
  Ps now = read_end(*disk, 0, 1000, 8);
  now = write_end(*disk, now, 5'000'000, 8);
  EXPECT_EQ(disk->dirty_sectors(now + kPsPerMs), 8u);
  EXPECT_EQ(disk->dirty_sectors(now + 60 * kPsPerMs), 0u);
}

TEST(HardDisk, ReadOfDirtyDataHitsTheCache) {
  auto disk = DiskTiming::create(hard_disk());
  Ps now = read_end(*disk, 0, 0, 8);
  now = write_end(*disk, now, 5'000'000, 16);
  read_end(*disk, now, 5'000'004, 8);
  EXPECT_EQ(disk->stats().read_hits, 1u);
}

TEST(HardDisk, RewritingTheSameSectorsTakesNoMoreRoom) {
  auto disk = DiskTiming::create(hard_disk());
  Ps now = read_end(*disk, 0, 0, 8);
  for (int i = 0; i < 5; ++i) now = write_end(*disk, now, 1'000'000 + i, 8);
  EXPECT_EQ(disk->dirty_sectors(now), 12u);
}

TEST(HardDisk, RefusesContradictions) {
  DiskParams p = hard_disk();
  p.media_inner_bytes_per_s = 70e6;
  EXPECT_THROW(DiskTiming::create(p), std::invalid_argument);
  p = hard_disk();
  p.seek_full_ms = 2;
  EXPECT_THROW(DiskTiming::create(p), std::invalid_argument);
  p = hard_disk();
  p.capacity_gib = 0;
  EXPECT_THROW(DiskTiming::create(p), std::invalid_argument);
}

// --- flash ----------------------------------------------------------------------------------

TEST(Flash, OnePageTakesSenseThenChannel) {
  auto disk = DiskTiming::create(flash_disk());
  EXPECT_EQ(disk->read_ready(0, 0, 8),
            (10 + 50) * kPsPerUs + 102'400 * kPsPerNs - disk->interface_ps(8));
}

TEST(Flash, ChannelsOverlapWithinOneCommand) {
  auto disk = DiskTiming::create(flash_disk());
  // Four neighbouring pages sit on four channels: as long as one.
  EXPECT_EQ(disk->read_ready(0, 0, 32),
            (10 + 50) * kPsPerUs + 102'400 * kPsPerNs - disk->interface_ps(32));
}

TEST(Flash, CommandsOverlapOnDifferentChannelsNotOnOneDie) {
  auto disk = DiskTiming::create(flash_disk());
  const Ps a = disk->read_ready(0, 0, 8);
  const Ps b = disk->read_ready(0, 8, 8);
  EXPECT_EQ(b - a, 10 * kPsPerUs);  // only the controller is shared
  auto same = DiskTiming::create(flash_disk());
  const Ps c = same->read_ready(0, 0, 8);
  const Ps d = same->read_ready(0, 8 * 8, 8);  // 8 dies: the same one again
  EXPECT_EQ(d - c, 50 * kPsPerUs + 102'400 * kPsPerNs);
}

TEST(Flash, TwoDiesOfAChannelSenseInParallel) {
  DiskParams p = flash_disk();
  p.command_overhead_us = 0;
  auto disk = DiskTiming::create(p);
  const Ps a = disk->read_ready(0, 0, 8);
  const Ps b = disk->read_ready(0, 4 * 8, 8);  // channel 0, the other die
  EXPECT_EQ(b - a, 102'400 * kPsPerNs);        // only the channel is shared
}

TEST(Flash, LongReadsReachTheChannelsRate) {
  auto disk = DiskTiming::create(flash_disk());
  Ps end = 0;
  for (std::uint32_t i = 0; i < 64; ++i) {
    end = std::max(end, disk->read_ready(0, i * 256, 256) + disk->interface_ps(256));
  }
  EXPECT_NEAR(mb_s(64 * 256 * 512, end), 160, 5);
}

TEST(Flash, WritesProgramTheDiesInTurn) {
  auto disk = DiskTiming::create(flash_disk());
  // Eight pages on eight dies, two per channel: the second of a channel loads after the first.
  EXPECT_EQ(write_end(*disk, 0, 0, 64),
            10 * kPsPerUs + disk->interface_ps(64) + 2 * 102'400 * kPsPerNs + 500 * kPsPerUs);
}

TEST(Flash, WriteBufferHidesProgrammingThenThrottles) {
  DiskParams p = flash_disk();
  p.write_cache_kib = 64;
  auto disk = DiskTiming::create(p);
  const Ps hidden = 10 * kPsPerUs + disk->interface_ps(8);
  Ps now = 0;
  for (int i = 0; i < 16; ++i) {
    const Ps end = write_end(*disk, now, i * 8, 8);
    ASSERT_EQ(end - now, hidden) << i;
    now = end;
  }
  const Ps begin = now;
  for (int i = 0; i < 400; ++i) now = write_end(*disk, now, i * 8, 8);
  // Eight dies, each busy 602.4 us a page.
  EXPECT_NEAR(mb_s(400 * 4096, now - begin), 8 * 4096 / 602.4, 3);
  EXPECT_GT(disk->stats().write_stalls, 50u);  // a stall ends with several pages free
}

TEST(Flash, FlushWaitsForProgramming) {
  DiskParams p = flash_disk();
  p.write_cache_kib = 64;
  auto disk = DiskTiming::create(p);
  const Ps now = write_end(*disk, 0, 0, 8);
  EXPECT_EQ(disk->flush_done(now), now + 102'400 * kPsPerNs + 500 * kPsPerUs);
  EXPECT_EQ(disk->dirty_sectors(now + 700 * kPsPerUs), 0u);
}

// --- parameters -----------------------------------------------------------------------------

class Names : public ParamVisitor {
 public:
  void number(const char* name, double&, const char*, double, double, const char*) override {
    names.push_back(name);
  }
  void count(const char* name, std::uint32_t&, const char*, std::uint32_t, std::uint32_t,
             const char*) override {
    names.push_back(name);
  }
  void flag(const char* name, bool&, const char*) override { names.push_back(name); }
  void choice(const char* name, std::string&, const std::vector<std::string>&,
              const char*) override {
    names.push_back(name);
  }
  void begin_group(const char*, const char*) override {}
  void end_group() override {}
  std::vector<std::string> names;
};

TEST(DiskParams, DescribesTheFieldsOfItsKindOnly) {
  Names hdd, flash;
  DiskParams a = hard_disk(), b = flash_disk();
  a.describe(hdd);
  b.describe(flash);
  EXPECT_EQ(hdd.names.size(), 20u);
  EXPECT_EQ(flash.names.size(), 12u);
  EXPECT_EQ(hdd.names[0], "kind");
  EXPECT_EQ(flash.names[0], "kind");
}

/// A workload that touches everything. The sum of all ends: rotation absorbs many a difference
/// before the last one.
Ps workload(const DiskParams& p) {
  auto disk = DiskTiming::create(p);
  std::mt19937_64 random(11);
  Ps now = 0;
  Ps sum = 0;
  for (std::uint32_t i = 0; i < 1200; ++i) {
    const std::uint64_t s = random() % (p.sectors() - 256);
    switch (random() % 4) {
      case 0:
        now = read_end(*disk, now, s, 16);
        break;
      case 1:
        now = write_end(*disk, now, s, 64);
        break;
      case 2:
        now = read_end(*disk, now, 10'000 + i * 64, 64);
        break;
      default:  // several streams, so that segments matter
        now = read_end(*disk, now, 100'000 * (1 + i % 6) + i * 16, 16) + 3 * kPsPerMs;
    }
    sum += now;
  }
  for (std::uint32_t i = 0; i < 20; ++i) {  // a slow stream, and again what it read before
    now = read_end(*disk, now + 30 * kPsPerMs, 1'000'000 + i * 768, 768);
    sum += now;
    if (i >= 2) now = read_end(*disk, now + 30 * kPsPerMs, 1'000'000 + (i - 1) * 768, 64);
    sum += now;
  }
  return sum + disk->flush_done(now);
}

class Varier : public ParamVisitor {
 public:
  explicit Varier(int target) : target_(target) {}
  void number(const char* name, double& v, const char*, double, double, const char*) override {
    // Seek times must stay in order; for the rest a change that rotation cannot absorb.
    if (index_++ == target_) changed = name, v *= changed.rfind("seek", 0) == 0 ? 0.9 : 0.5;
  }
  void count(const char* name, std::uint32_t& v, const char*, std::uint32_t, std::uint32_t,
             const char*) override {
    if (index_++ == target_) changed = name, v = v > 2 ? v / 2 : v + 1;
  }
  void flag(const char*, bool&, const char*) override { ++index_; }
  void choice(const char*, std::string&, const std::vector<std::string>&, const char*) override {
    ++index_;
  }
  void begin_group(const char*, const char*) override {}
  void end_group() override {}
  std::string changed;

 private:
  int target_;
  int index_ = 0;
};

TEST(DiskParams, EveryTimingParameterMovesTheTime) {
  for (const bool flash : {false, true}) {
    const DiskParams base = flash ? flash_disk() : hard_disk();
    const Ps reference = workload(base);
    for (int i = 1; i < (flash ? 12 : 20); ++i) {
      DiskParams p = base;
      Varier v(i);
      p.describe(v);
      // The queue belongs to the device, not to the mechanism (tested there).
      if (v.changed == "queue_depth" || v.changed == "capacity_gib") continue;
      EXPECT_NE(workload(p), reference) << v.changed;
    }
  }
}

}  // namespace
}  // namespace cesasim::hw
