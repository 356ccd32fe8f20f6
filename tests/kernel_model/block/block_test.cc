// SPDX-License-Identifier: Apache-2.0
// RequestQueue on a modelled kernel and disk. One elaboration a case.
#include "kernel_model/block.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "hw_model/common/fault.h"
#include "tests/hw_model/disk/disk_params.h"
#include "tests/kernel_model/block/block_bench.h"

namespace cesasim::kernel {
namespace {

using Bench = BlockBench<RequestQueue>;

TEST(Block, WriteThenReadRoundTrip) {
  Bench b;
  b.thread([&] {
    for (int i = 0; i < 8192; ++i) *b.dram.host(0x100000 + i) = static_cast<std::uint8_t>(i * 31);
    auto w = b.bio(BioOp::write, 1000, 8192, 0x100000);
    b.queue->submit_bio(*w);
    b.queue->unplug();
    b.wait_for([&] { return w->ended > 0; });
    auto r = b.bio(BioOp::read, 1000, 8192, 0x200000);
    b.queue->submit_bio(*r);
    b.queue->unplug();
    b.wait_for([&] { return r->ended > 0; });
    EXPECT_EQ(w->ended, 1);
    EXPECT_EQ(r->error, 0);
    EXPECT_EQ(std::memcmp(b.dram.host(0x100000), b.dram.host(0x200000), 8192), 0);
  });
  b.go();
  EXPECT_GT(b.cores[0]->accounted(Activity::block), 0u);
  EXPECT_EQ(b.kernel->spurious_interrupts(), 0u);
}

TEST(Block, SequentialBiosMergeToTheLimit) {
  Bench b;
  b.thread([&] {
    Bios bios;
    for (std::uint32_t i = 0; i < 64; ++i) {
      bios.push_back(b.bio(BioOp::write, i * 8, 4096, 0x100000 + i * 4096));
      b.queue->submit_bio(*bios.back());
    }
    b.queue->unplug();
    b.wait_all(bios);
  });
  b.go();
  // 64 x 8 sectors at 256 a request.
  EXPECT_EQ(b.dispatched, (std::vector<std::uint64_t>{0, 256}));
  EXPECT_EQ(b.queue->stats().back_merges, 62u);
}

TEST(Block, FrontMergeAndGapMerge) {
  Bench b;
  b.thread([&] {
    Bios bios;
    for (const std::uint64_t s : {16, 8, 32, 24}) {  // new, front, new, closes the gap
      bios.push_back(b.bio(BioOp::write, s, 4096, 0x100000 + s * 512));
      b.queue->submit_bio(*bios.back());
    }
    EXPECT_EQ(b.queue->depth(), 1u);
    b.queue->unplug();
    b.wait_all(bios);
  });
  b.go();
  EXPECT_EQ(b.dispatched, std::vector<std::uint64_t>{8});
  EXPECT_EQ(b.queue->stats().front_merges, 1u);
  EXPECT_EQ(b.queue->stats().back_merges, 1u);
  EXPECT_EQ(b.queue->stats().request_merges, 1u);
}

TEST(Block, ReadsAndWritesDoNotMerge) {
  Bench b;
  b.thread([&] {
    auto w = b.bio(BioOp::write, 0, 4096, 0x100000);
    auto r = b.bio(BioOp::read, 8, 4096, 0x101000);
    b.queue->submit_bio(*w);
    b.queue->submit_bio(*r);
    b.queue->unplug();
    b.wait_for([&] { return w->ended && r->ended; });
  });
  b.go();
  EXPECT_EQ(b.dispatched.size(), 2u);
}

TEST(Block, SegmentLimitStopsMergingUnlessPagesAreContiguous) {
  KernelSettings s = settings();
  s.max_segments = 2;
  s.unplug_threshold = 100;
  Bench b(s);
  b.thread([&] {
    Bios bios;
    for (std::uint32_t i = 0; i < 4; ++i) {  // apart in memory: two segments a request
      bios.push_back(b.bio(BioOp::write, i * 8, 4096, 0x100000 + i * 8192));
      b.queue->submit_bio(*bios.back());
    }
    for (std::uint32_t i = 0; i < 4; ++i) {  // one run in memory: one segment
      bios.push_back(b.bio(BioOp::write, 1000 + i * 8, 4096, 0x200000 + i * 4096));
      b.queue->submit_bio(*bios.back());
    }
    b.queue->unplug();
    b.wait_all(bios);
  });
  b.go();
  EXPECT_EQ(b.dispatched, (std::vector<std::uint64_t>{0, 16, 1000}));
}

TEST(Block, PlugWaitsForTheTimer) {
  Bench b;
  b.thread([&] {
    auto w = b.bio(BioOp::write, 0, 4096, 0x100000);
    b.queue->submit_bio(*w);
    EXPECT_TRUE(b.queue->plugged());
    EXPECT_TRUE(b.dispatched.empty());
    b.wait_for([&] { return !b.dispatched.empty(); });
    // unplug_delay 3 ms, timers round up to a tick of 1 ms.
    EXPECT_GE(b.now(), 3 * hw::kPsPerMs);
    EXPECT_LE(b.now(), 6 * hw::kPsPerMs);
    b.wait_for([&] { return w->ended > 0; });
  });
  b.go();
  EXPECT_EQ(b.queue->stats().unplugs_by_timer, 1u);
}

TEST(Block, ThresholdUnplugsAtOnce) {
  Bench b;
  b.thread([&] {
    Bios bios;
    for (std::uint32_t i = 0; i < 4; ++i) {
      EXPECT_TRUE(b.dispatched.empty());
      bios.push_back(b.bio(BioOp::write, i * 1000, 4096, 0x100000 + i * 4096));
      b.queue->submit_bio(*bios.back());
    }
    EXPECT_EQ(b.dispatched.size(), 1u);
    EXPECT_FALSE(b.queue->plugged());
    b.wait_all(bios);
  });
  b.go();
  EXPECT_EQ(b.queue->stats().unplugs_by_threshold, 1u);
  EXPECT_EQ(b.queue->stats().unplugs_by_timer, 0u);
}

TEST(Block, NrRequestsBlocksTheSubmitterAndWakesIt) {
  KernelSettings s = settings();
  s.nr_requests = 4;
  Bench b(s);
  b.thread([&] {
    Bios bios;
    std::size_t deepest = 0;
    for (std::uint32_t i = 0; i < 40; ++i) {
      bios.push_back(b.bio(BioOp::write, i * 1000, 4096, 0x100000 + i * 4096));
      b.queue->submit_bio(*bios.back());
      deepest = std::max(deepest, b.queue->depth());
    }
    EXPECT_EQ(deepest, 4u);
    b.wait_all(bios);
  });
  b.go();
  EXPECT_GT(b.queue->stats().sleeps, 20u);
  EXPECT_EQ(b.queue->stats().write_requests, 40u);
}

TEST(Block, WritersThatSleepDoNotBlockAReader) {
  KernelSettings s = settings();
  s.nr_requests = 4;
  Bench b(s);
  Bios bios;
  Ps read_done = 0;
  b.thread([&] {
    for (std::uint32_t i = 0; i < 200; ++i) {
      bios.push_back(b.bio(BioOp::write, i * 10'000, 4096, 0x100000 + i * 4096));
      b.queue->submit_bio(*bios.back());
    }
    b.wait_all(bios);
    EXPECT_LT(read_done, b.now());
  });
  b.thread([&] {
    b.kernel->schedule_timeout(20 * hw::kPsPerMs);
    auto r = b.bio(BioOp::read, 4'000'000, 4096, 0x300000);
    b.queue->submit_bio(*r);
    b.queue->unplug();
    b.wait_for([&] { return r->ended > 0; });
    read_done = r->ended_at;
  });
  b.go();
}

TEST(Block, DeadlineSortsWhatNoopDoesNot) {
  KernelSettings s = settings();
  s.unplug_threshold = 100;
  Bench b(s);
  b.thread([&] {
    Bios bios;
    for (const std::uint64_t sector : {5000, 1000, 3000, 2000}) {
      bios.push_back(b.bio(BioOp::write, sector, 4096, 0x100000));
      b.queue->submit_bio(*bios.back());
    }
    b.queue->unplug();
    b.wait_all(bios);
  });
  b.go();
  EXPECT_EQ(b.dispatched, (std::vector<std::uint64_t>{1000, 2000, 3000, 5000}));
}

TEST(Block, NoopKeepsTheOrder) {
  KernelSettings s = settings();
  s.unplug_threshold = 100;
  s.elevator = "noop";
  Bench b(s);
  b.thread([&] {
    Bios bios;
    for (const std::uint64_t sector : {5000, 1000, 3000, 2000}) {
      bios.push_back(b.bio(BioOp::write, sector, 4096, 0x100000));
      b.queue->submit_bio(*bios.back());
    }
    b.queue->unplug();
    b.wait_all(bios);
  });
  b.go();
  EXPECT_EQ(b.dispatched, (std::vector<std::uint64_t>{5000, 1000, 3000, 2000}));
}

TEST(Block, AnExpiredReadOvertakesTheScan) {
  // Reads at the front of the disk keep coming; the far one still goes within its deadline
  // plus one batch.
  KernelSettings s = settings();
  s.deadline_read_expire_ms = 50;
  s.deadline_fifo_batch = 2;
  hw::DiskParams d = test::hard_disk();
  d.lookahead_kib = 0;
  d.read_buffer_kib = 1;
  Bench b(s, d);
  b.thread([&] {
    Bios bios;
    auto far = b.bio(BioOp::read, 15'000'000, 4096, 0x100000);
    std::mt19937 random(3);
    const auto near = [&] {
      bios.push_back(b.bio(BioOp::read, random() % 100'000 * 16, 4096, 0x200000));
      b.queue->submit_bio(*bios.back());
    };
    for (int i = 0; i < 20; ++i) near();
    b.queue->submit_bio(*far);
    b.queue->unplug();
    const Ps start = b.now();
    while (far->ended == 0 && b.now() - start < 2 * hw::kPsPerS) {
      b.kernel->schedule_timeout(4 * hw::kPsPerMs);
      if (b.queue->depth() < 20) near();
    }
    EXPECT_EQ(far->ended, 1);
    // By then at most the 20 older ones (expired as well) went before it, 15 ms each.
    EXPECT_LT(far->ended_at - start, 400 * hw::kPsPerMs);
    b.wait_all(bios);
  });
  b.go();
}

TEST(Block, FlushIsABarrier) {
  hw::DiskParams d = test::flash_disk();
  d.write_cache_kib = 256;
  Bench b(settings(), d);
  b.thread([&] {
    Bios bios;
    const auto write = [&](std::uint64_t sector) {
      bios.push_back(b.bio(BioOp::write, sector, 4096, 0x100000));
      b.queue->submit_bio(*bios.back());
    };
    for (std::uint64_t i = 0; i < 6; ++i) write(i * 1000);
    auto f = b.bio(BioOp::flush, 0, 0, 0);
    b.queue->submit_bio(*f);
    for (std::uint64_t i = 6; i < 12; ++i) write(i * 1000);
    b.queue->submit_bio(*bios.emplace_back(b.bio(BioOp::flush, 0, 0, 0)));
    b.queue->unplug();
    b.wait_all(bios);
    EXPECT_EQ(f->ended, 1);
    EXPECT_EQ(f->error, 0);
    for (int i = 0; i < 6; ++i) EXPECT_LE(bios[i]->ended_at, f->ended_at);
    for (int i = 6; i < 12; ++i) EXPECT_GT(bios[i]->ended_at, f->ended_at);
    EXPECT_GE(bios[12]->ended_at, bios[11]->ended_at);
  });
  b.go();
  // In the order of the disk: six writes, the flush (sector 0), six writes, the flush.
  ASSERT_EQ(b.dispatched.size(), 14u);
  EXPECT_TRUE(
      std::all_of(b.dispatched.begin(), b.dispatched.begin() + 6, [](auto s) { return s < 6000; }));
  EXPECT_TRUE(std::all_of(b.dispatched.begin() + 7, b.dispatched.begin() + 13,
                          [](auto s) { return s >= 6000; }));
  EXPECT_EQ(b.queue->stats().flushes, 2u);
}

TEST(Block, WritesAreNotMergedAcrossAFlush) {
  Bench b;
  b.thread([&] {
    Bios bios;
    bios.push_back(b.bio(BioOp::write, 0, 4096, 0x100000));
    bios.push_back(b.bio(BioOp::flush, 0, 0, 0));
    bios.push_back(b.bio(BioOp::write, 8, 4096, 0x101000));
    for (auto& x : bios) b.queue->submit_bio(*x);
    b.queue->unplug();
    b.wait_all(bios);
  });
  b.go();
  EXPECT_EQ(b.queue->stats().write_requests, 2u);
}

TEST(Block, BioBeyondTheEndEndsWithEio) {
  Bench b;
  b.thread([&] {
    const std::uint64_t end = b.queue->sectors();
    for (const std::uint64_t sector : {end - 7, end, ~std::uint64_t{0} - 3}) {
      auto w = b.bio(BioOp::write, sector, 4096, 0x100000);
      b.queue->submit_bio(*w);
      EXPECT_EQ(w->ended, 1);
      EXPECT_EQ(w->error, -EIO);
    }
  });
  b.go();
  EXPECT_TRUE(b.dispatched.empty());
  EXPECT_EQ(b.queue->stats().bios_failed, 3u);
}

TEST(Block, AnErrorOfTheDiskEndsEveryBioOfTheRequest) {
  Bench b;
  b.fail = [](const hw::DiskCommand& c) { return c.sector == 0; };
  b.thread([&] {
    Bios bios;
    for (std::uint32_t i = 0; i < 4; ++i) {
      bios.push_back(b.bio(BioOp::write, i * 8, 4096, 0x100000 + i * 4096));
      b.queue->submit_bio(*bios.back());
    }
    bios.push_back(b.bio(BioOp::write, 5000, 4096, 0x100000));
    b.queue->submit_bio(*bios.back());
    b.queue->unplug();
    b.wait_all(bios);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(bios[i]->error, -EIO);
    EXPECT_EQ(bios[4]->error, 0);
  });
  b.go();
  EXPECT_EQ(b.disk.store().written_sectors(), 8u);
}

/// The disk's interrupt gets lost: after 30 s the queue looks for itself, once, and goes on.
TEST(Block, ALostInterruptIsMadeGoodByTheCommandTimeout) {
  hw::FaultRule rule;
  rule.kind = hw::FaultKind::lost_interrupt;
  rule.nth = 2;
  rule.first = rule.last = kDiskIrq;
  hw::FaultPlan plan({rule}, 1);
  Bench b;
  b.intc->set_faults(&plan);
  constexpr Ps kTick = hw::kPsPerMs;  // 1000 Hz
  b.thread([&] {
    for (unsigned i = 0; i < 4; ++i) {
      auto w = b.bio(BioOp::write, i * 1000, 4096, 0x100000 + i * 4096);
      const Ps start = b.now();
      b.queue->submit_bio(*w);
      b.queue->unplug();
      b.wait_for([&] { return w->ended > 0; });
      EXPECT_EQ(w->error, 0);
      const Ps took = w->ended_at - start;
      if (i == 1) {
        EXPECT_GE(took, 30 * hw::kPsPerS);
        EXPECT_LE(took, 30 * hw::kPsPerS + 5 * kTick);
        EXPECT_EQ(b.queue->stats().timeouts, 1u);
      } else {
        EXPECT_LT(took, 100 * kTick);
      }
    }
    // The timer is armed still, and finds nothing to do.
    b.kernel->schedule_timeout(100 * hw::kPsPerS);
  });
  b.go();
  EXPECT_EQ(plan.fired(), 1u);
  EXPECT_EQ(b.queue->stats().timeouts, 1u);
  EXPECT_EQ(b.queue->stats().bios_ended, 4u);
  EXPECT_EQ(b.disk.store().written_sectors(), 32u);
}

/// All that the disk has ended ends: with a line that stays high no further edge would come.
TEST(Block, TheCommandTimeoutTakesEverythingAndTheBarrierGoesOn) {
  hw::FaultRule rule;
  rule.kind = hw::FaultKind::lost_interrupt;
  rule.nth = 1;
  rule.first = rule.last = kDiskIrq;
  hw::FaultPlan plan({rule}, 1);
  Bench b(settings(), test::flash_disk(), 2);
  b.intc->set_faults(&plan);
  b.thread([&] {
    Bios bios;
    for (unsigned i = 0; i < 200; ++i) {
      bios.push_back(i % 50 == 49 ? b.bio(BioOp::flush, 0, 0, 0)
                                  : b.bio(BioOp::write, i * 1000, 4096, 0x100000 + i * 4096));
      b.queue->submit_bio(*bios.back());
    }
    b.queue->unplug();
    b.wait_all(bios);
    for (const auto& bio : bios) {
      EXPECT_EQ(bio->ended, 1);
      EXPECT_EQ(bio->error, 0);
    }
  });
  b.go();
  EXPECT_EQ(plan.fired(), 1u);
  EXPECT_EQ(b.queue->stats().timeouts, 1u);
}

/// A busy queue never times out, and pays for one timer in 30 s.
TEST(Block, CommandsThatEndInTimeDoNotTimeOut) {
  Bench b;
  b.thread([&] {
    while (b.now() < 70 * hw::kPsPerS) {
      auto r = b.bio(BioOp::read, b.now() / hw::kPsPerMs, 4096, 0x100000);
      b.queue->submit_bio(*r);
      b.queue->unplug();
      b.wait_for([&] { return r->ended > 0; });
      b.kernel->schedule_timeout(100 * hw::kPsPerMs);
    }
  });
  b.go();
  EXPECT_EQ(b.queue->stats().timeouts, 0u);
}

/// Four bios of 8 sectors in one command that does half of it: the first two have ended well.
TEST(Block, WhatTheDiskGotDoneIsDone) {
  for (const auto kind : {hw::FaultKind::disk_write_error, hw::FaultKind::disk_short}) {
    const pid_t child = fork();  // SystemC elaborates once per process
    if (child == 0) {
      hw::FaultRule rule;
      rule.kind = kind;
      rule.nth = 1;
      hw::FaultPlan plan({rule}, 1);
      Bench b;
      b.disk.set_faults(&plan);
      b.thread([&] {
        Bios bios;
        for (std::uint32_t i = 0; i < 4; ++i) {
          bios.push_back(b.bio(BioOp::write, i * 8, 4096, 0x100000 + i * 4096));
          b.queue->submit_bio(*bios.back());
        }
        b.queue->unplug();
        b.wait_all(bios);
        for (unsigned i = 0; i < 4; ++i) {
          EXPECT_EQ(bios[i]->ended, 1);
          EXPECT_EQ(bios[i]->error, i < 2 ? 0 : -EIO) << i;
        }
      });
      b.go();
      EXPECT_EQ(b.disk.store().written_sectors(), 16u);
      _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << hw::fault_name(kind);
  }
}

/// Writes that meet and merge, then reads, with a disk that fails now and then: every bio ends
/// once, and one that ended without an error has done what it says.
TEST(Block, NoBioSaysMoreThanTheDiskDid) {
  hw::FaultRule error, ends_early, read_error;
  error.kind = hw::FaultKind::disk_write_error;
  ends_early.kind = hw::FaultKind::disk_short;
  read_error.kind = hw::FaultKind::disk_read_error;
  for (hw::FaultRule* rule : {&error, &ends_early, &read_error}) rule->probability = 0.1;
  hw::FaultPlan plan({error, ends_early, read_error}, 7);
  KernelSettings s = settings();
  s.max_sectors = 64;
  Bench b(s, test::flash_disk(), 2);
  b.disk.set_faults(&plan);
  unsigned failed = 0;
  b.thread([&] {
    std::mt19937 random(3);
    Bios writes, reads;
    std::uint64_t sector = 0;
    for (int i = 0; i < 400; ++i) {
      const std::uint32_t size = (1 + random() % 100) * hw::kSectorBytes;  // some are cut
      const PhysAddr at = 0x100000 + sector * hw::kSectorBytes;
      for (std::uint32_t k = 0; k < size; ++k) {
        *b.dram.host(at + k) = static_cast<std::uint8_t>(random() | 1);
      }
      writes.push_back(b.bio(BioOp::write, sector, size, at));
      b.queue->submit_bio(*writes.back());
      sector += size / hw::kSectorBytes;
      if (random() % 7 == 0) b.queue->unplug();
    }
    b.queue->unplug();
    b.wait_all(writes);
    std::vector<std::uint8_t> data;
    for (const auto& w : writes) {
      EXPECT_EQ(w->ended, 1);
      failed += w->error != 0;
      if (w->error != 0) continue;
      data.resize(w->size);
      b.disk.store().read(w->sector, data.data(), w->sectors());
      EXPECT_EQ(std::memcmp(data.data(), b.dram.host(w->vecs[0].addr), w->size), 0) << w->sector;
    }
    for (const auto& w : writes) {
      const PhysAddr at = 0x2000000 + w->sector * hw::kSectorBytes;
      reads.push_back(b.bio(BioOp::read, w->sector, w->size, at));
      b.queue->submit_bio(*reads.back());
    }
    b.queue->unplug();
    b.wait_all(reads);
    for (const auto& r : reads) {
      EXPECT_EQ(r->ended, 1);
      failed += r->error != 0;
      if (r->error != 0) continue;
      data.resize(r->size);
      b.disk.store().read(r->sector, data.data(), r->sectors());
      EXPECT_EQ(std::memcmp(data.data(), b.dram.host(r->vecs[0].addr), r->size), 0) << r->sector;
    }
  });
  b.go();
  EXPECT_GT(failed, 20u);
  EXPECT_LT(failed, 500u);
}

TEST(Block, ABioLargerThanARequestIsCutAndEndsOnce) {
  KernelSettings s = settings();
  s.max_sectors = 32;
  s.max_segments = 3;
  Bench b(s);
  b.thread([&] {
    for (int i = 0; i < 128 * 1024; ++i) *b.dram.host(0x100000 + i) = std::uint8_t(i * 7 + i / 999);
    auto w = b.bio(BioOp::write, 100, 128 * 1024, 0x100000);
    b.queue->submit_bio(*w);
    b.queue->unplug();
    b.wait_for([&] { return w->ended > 0; });
    EXPECT_EQ(w->ended, 1);
    std::vector<std::uint8_t> back(128 * 1024);
    b.disk.store().read(100, back.data(), 256);
    EXPECT_EQ(std::memcmp(back.data(), b.dram.host(0x100000), back.size()), 0);
  });
  b.go();
  EXPECT_EQ(b.queue->stats().write_requests, 8u);
  EXPECT_EQ(b.queue->stats().bios_split, 1u);
  EXPECT_EQ(b.queue->stats().bios_ended, 1u);
}

TEST(Block, CongestionWaitEndsWithAWriteOrTheTimeout) {
  Bench b;
  b.thread([&] {
    const Ps start = b.now();
    b.queue->blk_congestion_wait(100 * hw::kPsPerMs);
    EXPECT_GE(b.now() - start, 100 * hw::kPsPerMs);
    auto w = b.bio(BioOp::write, 0, 4096, 0x100000);
    b.queue->submit_bio(*w);
    const Ps again = b.now();
    b.queue->blk_congestion_wait(100 * hw::kPsPerMs);
    EXPECT_EQ(w->ended, 1);
    EXPECT_LT(b.now() - again, 20 * hw::kPsPerMs);
  });
  b.go();
}

TEST(Block, DepthIntegralMatchesOneRequest) {
  Bench b;
  Ps submitted = 0, ended = 0;
  b.thread([&] {
    auto w = b.bio(BioOp::write, 0, 4096, 0x100000);
    b.kernel->sync_now();
    submitted = b.now();
    b.queue->submit_bio(*w);
    b.wait_for([&] { return w->ended > 0; });
    ended = w->ended_at;
  });
  b.go();
  const double expected = static_cast<double>(ended - submitted);
  EXPECT_NEAR(b.queue->stats().depth_ps, expected, 0.01 * expected);
}

void random_bios(const std::string& elevator, const hw::DiskParams& disk, unsigned cpus) {
  KernelSettings s = settings();
  s.elevator = elevator;
  s.nr_requests = 8;
  s.max_sectors = 64;
  s.max_segments = 6;
  const RequestQueueStats stats = random_bios<RequestQueue>(s, disk, cpus);
  EXPECT_GT(stats.back_merges, 50u);
  EXPECT_GT(stats.sleeps, 10u);
}

TEST(BlockRandom, NoopOnAHardDisk) { random_bios("noop", test::hard_disk(), 1); }
TEST(BlockRandom, DeadlineOnAHardDisk) { random_bios("deadline", test::hard_disk(), 1); }
TEST(BlockRandom, DeadlineOnFlash) { random_bios("deadline", test::flash_disk(), 1); }
TEST(BlockRandom, DeadlineOnFlashTwoCores) { random_bios("deadline", test::flash_disk(), 2); }
TEST(BlockRandom, NoopOnAHardDiskTwoCores) { random_bios("noop", test::hard_disk(), 2); }

}  // namespace
}  // namespace cesasim::kernel
