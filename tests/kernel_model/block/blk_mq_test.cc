// SPDX-License-Identifier: Apache-2.0
// BlkMq on a modelled kernel and disk. One elaboration a case.
#include "kernel_model/blk_mq.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "hw_model/common/fault.h"
#include "tests/hw_model/disk/disk_params.h"
#include "tests/kernel_model/block/block_bench.h"

namespace cesasim::kernel {
namespace {

using Bench = BlockBench<BlkMq>;
using Sectors = std::vector<std::uint64_t>;

KernelSettings mq(const std::string& elevator) {
  KernelSettings s = settings();
  s.block = "mq";
  s.elevator = elevator;
  s.nr_requests = 64;
  s.deadline_async_depth = 48;
  s.plug_max_requests = 32;
  s.plug_flush_kib = 128;
  return s;
}

/// Submits single-page bios and keeps them.
struct Submitter {
  explicit Submitter(Bench& bench) : b(bench) {}
  TestBio& submit(BioOp op, std::uint64_t sector, std::uint32_t bytes = 4096) {
    bios.push_back(b.bio(op, sector, op == BioOp::flush ? 0 : bytes, next));
    next += 0x40000;
    b.queue->submit_bio(*bios.back());
    return *bios.back();
  }
  Bench& b;
  Bios bios;
  PhysAddr next = 0x100000;
};

TEST(BlkMq, WithoutPlugAndSchedulerTheSubmitterIssues) {
  Bench b(mq("none"), test::flash_disk());
  b.thread([&] {
    Submitter s(b);
    for (std::size_t i = 1; i <= 4; ++i) {
      s.submit(BioOp::read, i * 1000);
      EXPECT_EQ(b.dispatched.size(), i);
    }
    b.wait_all(s.bios);
  });
  b.go();
  EXPECT_EQ(b.queue->stats().direct_issues, 4u);
  EXPECT_EQ(b.queue->stats().asynchronous_runs, 0u);
}

TEST(BlkMq, WithoutPlugTheSchedulersRequestsGoByKblockd) {
  Bench b(mq("mq-deadline"), test::flash_disk());
  b.thread([&] {
    Submitter s(b);
    s.submit(BioOp::read, 2000);
    s.submit(BioOp::read, 1000);
    EXPECT_TRUE(b.dispatched.empty()) << "kblockd has not had the core";
    EXPECT_EQ(b.queue->depth(), 2u);
    b.wait_all(s.bios);
  });
  b.go();
  EXPECT_EQ(b.dispatched, (Sectors{2000, 1000}));
  EXPECT_EQ(b.queue->stats().asynchronous_runs, 1u) << "asked once for both";
  EXPECT_EQ(b.queue->stats().direct_issues, 0u);
}

TEST(BlkMq, NoneIssuesAPlugInItsOrder) {
  Bench b(mq("none"), test::flash_disk());
  b.thread([&] {
    Submitter s(b);
    b.queue->blk_start_plug();
    for (const std::uint64_t sector : {5000, 1000, 3000}) s.submit(BioOp::read, sector);
    EXPECT_TRUE(b.dispatched.empty());
    EXPECT_EQ(b.queue->depth(), 3u);
    b.queue->unplug();
    EXPECT_EQ(b.dispatched, (Sectors{5000, 1000, 3000}));
    b.wait_all(s.bios);
  });
  b.go();
  EXPECT_EQ(b.queue->stats().direct_issues, 3u);
}

/// Whoever ends something in the middle of somebody's plug (dm-crypt, a driver that polled) and
/// kicks the queue leaves the plug open: it is not his.
TEST(BlkMq, KickingTheQueueLeavesAPlugOpen) {
  Bench b(mq("none"), test::flash_disk());
  b.thread([&] {
    Submitter s(b);
    b.queue->blk_start_plug();
    s.submit(BioOp::read, 5000);
    s.submit(BioOp::write, 1000);
    b.queue->blk_run_queue();
    s.submit(BioOp::read, 3000);
    EXPECT_TRUE(b.dispatched.empty());
    b.queue->unplug();
    EXPECT_EQ(b.dispatched, (Sectors{5000, 1000, 3000}));
    b.wait_all(s.bios);
  });
  b.go();
}

TEST(BlkMq, MqDeadlineSortsAPlug) {
  hw::DiskParams disk = test::flash_disk();
  disk.queue_depth = 1;
  Bench b(mq("mq-deadline"), disk);
  b.thread([&] {
    Submitter s(b);
    b.queue->blk_start_plug();
    for (const std::uint64_t sector : {5000, 1000, 7000, 6000}) s.submit(BioOp::read, sector);
    b.queue->unplug();
    EXPECT_EQ(b.dispatched, Sectors{5000})
        << "by the thread that unplugs, as far as there are tags";
    b.wait_all(s.bios);
  });
  b.go();
  EXPECT_EQ(b.dispatched, (Sectors{5000, 6000, 7000, 1000}));
}

TEST(BlkMq, NoTimerFlushesAPlug) {
  KernelSettings settings = mq("mq-deadline");
  settings.unplug_delay_ms = 1;
  settings.unplug_threshold = 1;
  Bench b(settings, test::flash_disk());
  b.thread([&] {
    Submitter s(b);
    b.queue->blk_start_plug();
    s.submit(BioOp::read, 1000);
    b.kernel->charge_ps(Activity::user, 50 * hw::kPsPerMs);
    b.kernel->sync_now();
    EXPECT_TRUE(b.dispatched.empty());
    b.queue->unplug();
    b.wait_all(s.bios);
  });
  b.go();
  EXPECT_EQ(b.queue->stats().unplugs_by_timer, 0u);
}

void sleep_flushes(const char* elevator) {
  Bench b(mq(elevator), test::flash_disk());
  b.thread([&] {
    Submitter s(b);
    b.queue->blk_start_plug();
    s.submit(BioOp::read, 1000);
    s.submit(BioOp::read, 5000);
    EXPECT_TRUE(b.dispatched.empty());
    b.kernel->schedule_timeout(10 * hw::kPsPerMs);
    EXPECT_EQ(b.dispatched.size(), 2u);
    EXPECT_EQ(s.bios[0]->ended + s.bios[1]->ended, 2);
    // The plug is still open.
    s.submit(BioOp::read, 9000);
    EXPECT_EQ(b.dispatched.size(), 2u);
    b.queue->unplug();
    EXPECT_EQ(b.dispatched.size(), 3u);
    b.wait_all(s.bios);
    b.kernel->schedule_timeout(10 * hw::kPsPerMs);
  });
  b.go();
  EXPECT_EQ(b.queue->stats().unplugs_by_sleep, 1u);
  EXPECT_EQ(b.queue->stats().asynchronous_runs, 1u) << "a sleeper leaves it to kblockd";
}
TEST(BlkMq, ASleepFlushesThePlugNone) { sleep_flushes("none"); }
TEST(BlkMq, ASleepFlushesThePlugMqDeadline) { sleep_flushes("mq-deadline"); }

TEST(BlkMq, APreemptedThreadKeepsItsPlug) {
  Bench b(mq("none"), test::flash_disk());
  std::size_t seen = 99;
  b.thread([&] {
    Submitter s(b);
    b.queue->blk_start_plug();
    s.submit(BioOp::read, 1000);
    b.kernel->kthread_run(
        "better", [&] { seen = b.dispatched.size(); }, -5);
    b.kernel->cond_resched();
    EXPECT_EQ(seen, 0u) << "the other has run, and nothing was sent";
    b.queue->unplug();
    EXPECT_EQ(b.dispatched.size(), 1u);
    b.wait_all(s.bios);
  });
  b.go();
}

TEST(BlkMq, APlugIsItsThreadsOwn) {
  Bench b(mq("none"), test::flash_disk());
  b.thread([&] {
    Submitter s(b);
    b.queue->blk_start_plug();
    s.submit(BioOp::read, 1000);
    bool other_done = false;
    b.kernel->kthread_run(
        "other",
        [&] {
          auto mine = b.bio(BioOp::read, 70'000, 4096, 0x3000000);
          b.queue->submit_bio(*mine);
          EXPECT_EQ(b.dispatched, Sectors{70'000}) << "no plug, no wait";
          b.queue->unplug();
          EXPECT_EQ(b.dispatched, Sectors{70'000}) << "nor does it end another's";
          b.wait_for([&] { return mine->ended > 0; });
          other_done = true;
        },
        -5);
    while (!other_done) {  // without sleeping
      b.kernel->charge_ps(Activity::user, hw::kPsPerMs / 10);
      b.kernel->sync_now();
      b.kernel->cond_resched();
    }
    EXPECT_EQ(b.dispatched.size(), 1u);
    b.queue->unplug();
    EXPECT_EQ(b.dispatched.size(), 2u);
    b.wait_all(s.bios);
  });
  b.go();
}

TEST(BlkMq, AFullPlugIsFlushed) {
  KernelSettings settings = mq("none");
  settings.plug_max_requests = 3;
  Bench b(settings, test::flash_disk());
  b.thread([&] {
    Submitter s(b);
    b.queue->blk_start_plug();
    for (std::uint64_t i = 1; i <= 3; ++i) s.submit(BioOp::read, i * 1000);
    EXPECT_TRUE(b.dispatched.empty());
    s.submit(BioOp::read, 4000);
    EXPECT_EQ(b.dispatched, (Sectors{1000, 2000, 3000})) << "before the fourth is added";
    b.queue->unplug();
    b.wait_all(s.bios);
  });
  b.go();
  EXPECT_EQ(b.queue->stats().unplugs_by_threshold, 1u);
}

TEST(BlkMq, ALargeRequestFlushesThePlugToo) {
  KernelSettings settings = mq("none");
  settings.plug_flush_kib = 64;
  Bench b(settings, test::flash_disk());
  b.thread([&] {
    Submitter s(b);
    b.queue->blk_start_plug();
    s.submit(BioOp::read, 1000, 32768);
    s.submit(BioOp::read, 1064, 32768);  // merged: 64 KiB
    EXPECT_TRUE(b.dispatched.empty());
    s.submit(BioOp::read, 9000);
    EXPECT_EQ(b.dispatched, Sectors{1000});
    b.queue->unplug();
    b.wait_all(s.bios);
  });
  b.go();
  EXPECT_EQ(b.queue->stats().back_merges, 1u);
}

/// In the plug only with its last request; the scheduler joins the rest when the plug is flushed.
TEST(BlkMq, MergesInPlugAndScheduler) {
  hw::DiskParams disk = test::flash_disk();
  disk.queue_depth = 1;
  Bench b(mq("mq-deadline"), disk);
  b.thread([&] {
    Submitter s(b);
    s.submit(BioOp::write, 90'000, 131072);  // keeps the disk busy for more than a tick
    b.wait_for([&] { return !b.dispatched.empty(); });
    b.queue->blk_start_plug();
    s.submit(BioOp::write, 1000);
    s.submit(BioOp::write, 1008);  // back
    s.submit(BioOp::write, 992);   // front
    EXPECT_EQ(b.queue->stats().back_merges, 1u);
    EXPECT_EQ(b.queue->stats().front_merges, 1u);
    s.submit(BioOp::write, 5000);
    s.submit(BioOp::write, 1016);  // continues the first, which is not the last
    EXPECT_EQ(b.queue->stats().back_merges, 1u);
    b.queue->unplug();
    s.submit(BioOp::write, 1024);  // no plug: into the scheduler's request
    b.wait_all(s.bios);
  });
  b.go();
  const RequestQueueStats stats = b.queue->stats();
  EXPECT_EQ(stats.write_requests, 3u);
  EXPECT_EQ(stats.back_merges + stats.request_merges, 3u);
  EXPECT_EQ(b.queue->allocated(), 0u);
}

TEST(BlkMq, NoneHasAsManyRequestsAsTheDiskHasTags) {
  hw::DiskParams disk = test::flash_disk();
  disk.queue_depth = 4;
  Bench b(mq("none"), disk);
  EXPECT_EQ(b.queue->tags(), 4u);
  b.thread([&] {
    Submitter s(b);
    b.queue->blk_start_plug();
    std::uint32_t most = 0;
    for (std::uint64_t i = 0; i < 40; ++i) {
      s.submit(BioOp::write, i * 1000);
      most = std::max(most, b.queue->allocated());
    }
    b.queue->unplug();
    b.wait_all(s.bios);
    EXPECT_EQ(most, 4u);
  });
  b.go();
  EXPECT_GT(b.queue->stats().sleeps, 5u);
  EXPECT_EQ(b.queue->stats().write_requests, 40u);
}

TEST(BlkMq, WritesLeaveRoomForReads) {
  KernelSettings settings = mq("mq-deadline");
  settings.nr_requests = 8;
  settings.deadline_async_depth = 6;
  hw::DiskParams disk = test::flash_disk();
  disk.queue_depth = 1;
  Bench b(settings, disk);
  std::uint32_t most = 0;
  bool reader_slept = true;
  b.thread([&] {
    Submitter s(b);
    for (std::uint64_t i = 0; i < 60; ++i) {
      s.submit(BioOp::write, i * 1000);
      most = std::max(most, b.queue->allocated());
    }
    b.wait_all(s.bios);
  });
  b.thread([&] {
    b.kernel->schedule_timeout(3 * hw::kPsPerMs);
    EXPECT_EQ(b.queue->allocated(), 6u);
    const std::uint64_t sleeps = b.queue->stats().sleeps;
    auto r = b.bio(BioOp::read, 900'000, 4096, 0x3000000);
    b.queue->submit_bio(*r);
    reader_slept = b.queue->stats().sleeps != sleeps;
    b.wait_for([&] { return r->ended > 0; });
  });
  b.go();
  EXPECT_LE(most, 7u);
  EXPECT_FALSE(reader_slept);
}

/// What ends together ends in one softirq: four commands that the disk ends while interrupts are
/// off are one interrupt and one batch.
TEST(BlkMq, OneInterruptEndsABatch) {
  Bench b(mq("none"), test::flash_disk());
  b.thread([&] {
    Submitter s(b);
    for (std::uint64_t i = 0; i < 4; ++i) s.submit(BioOp::read, i * 8);
    {
      Kernel::IrqOff off(*b.kernel, Activity::user);
      b.kernel->charge_ps(Activity::user, 20 * hw::kPsPerMs);
      b.kernel->sync_now();
    }
    b.wait_all(s.bios);
  });
  b.go();
  EXPECT_EQ(b.kernel->irq_count(kDiskIrq), 1u);
  EXPECT_EQ(b.queue->stats().bios_ended, 4u);
}

/// Only one flush is in the disk; those that come meanwhile share the next.
TEST(BlkMq, FlushesShareAndAreNoBarrier) {
  hw::DiskParams disk = test::flash_disk();
  disk.write_cache_kib = 1024;
  Bench b(mq("mq-deadline"), disk);
  b.thread([&] {
    Submitter s(b);
    b.queue->blk_start_plug();
    s.submit(BioOp::write, 1000);
    for (int i = 0; i < 5; ++i) s.submit(BioOp::flush, 0);
    b.wait_for([&] { return s.bios.back()->ended > 0; });
    b.queue->unplug();
    b.wait_all(s.bios);
    for (const auto& bio : s.bios) {
      EXPECT_EQ(bio->ended, 1);
      EXPECT_EQ(bio->error, 0);
    }
    // Two apart are two.
    s.submit(BioOp::flush, 0);
    b.wait_all(s.bios);
  });
  b.go();
  EXPECT_EQ(b.queue->stats().flushes, 2u);
  EXPECT_EQ(b.queue->allocated(), 0u);
}

TEST(BlkMq, ALostInterruptIsMadeGoodByTheCommandTimeout) {
  hw::FaultRule rule;
  rule.kind = hw::FaultKind::lost_interrupt;
  rule.nth = 2;
  rule.first = rule.last = kDiskIrq;
  hw::FaultPlan plan({rule}, 1);
  Bench b(mq("mq-deadline"), test::flash_disk(), 2);
  b.intc->set_faults(&plan);
  b.thread([&] {
    Submitter s(b);
    for (unsigned i = 0; i < 3; ++i) {
      s.submit(BioOp::write, i * 1000);
      b.wait_all(s.bios);
    }
    b.queue->blk_congestion_wait(hw::kPsPerMs);  // nothing to wait for but the time-out
  });
  b.go();
  EXPECT_EQ(plan.fired(), 1u);
  EXPECT_EQ(b.queue->stats().timeouts, 1u);
  EXPECT_EQ(b.queue->stats().bios_ended, 3u);
}

TEST(BlkMq, SettingsChooseTheBlockLayer) {
  Bench b(mq("none"), test::flash_disk());
  EXPECT_NE(dynamic_cast<BlkMq*>(make_disk_queue(*b.kernel, b.disk, 7, "sdb").get()), nullptr);
}

RequestQueueStats random_mq(const char* elevator, const hw::DiskParams& disk, unsigned cpus) {
  KernelSettings s = mq(elevator);
  s.nr_requests = 8;
  s.deadline_async_depth = 6;
  s.max_sectors = 64;
  s.max_segments = 6;
  s.plug_max_requests = 4;
  const RequestQueueStats stats = random_bios<BlkMq>(s, disk, cpus);
  EXPECT_GT(stats.back_merges + stats.request_merges, 20u);
  EXPECT_GT(stats.unplugs_by_sleep, 0u);
  if (std::string(elevator) != "none" || disk.queue_depth > s.plug_max_requests) {
    EXPECT_GT(stats.unplugs_by_threshold, 0u);
  }
  EXPECT_EQ(stats.unplugs_by_timer, 0u);
  return stats;
}
TEST(BlkMqRandom, NoneOnFlash) { random_mq("none", test::flash_disk(), 1); }
TEST(BlkMqRandom, NoneOnFlashTwoCores) { random_mq("none", test::flash_disk(), 2); }
TEST(BlkMqRandom, NoneOnAHardDisk) {
  EXPECT_GT(random_mq("none", test::hard_disk(), 1).sleeps, 10u);
}
TEST(BlkMqRandom, MqDeadlineOnFlashTwoCores) { random_mq("mq-deadline", test::flash_disk(), 2); }
TEST(BlkMqRandom, MqDeadlineOnAHardDisk) {
  EXPECT_GT(random_mq("mq-deadline", test::hard_disk(), 1).sleeps, 10u);
}

}  // namespace
}  // namespace cesasim::kernel
