// RequestQueue on a modelled kernel and disk. One elaboration a case.
#include "kernel_model/block.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "hw_model/common/fault.h"
#include "hw_model/memory/mbus.h"
#include "tests/hw_model/disk/disk_params.h"

namespace cesasim::kernel {
namespace {

constexpr unsigned kDiskIrq = 5;

KernelCosts costs() {
  KernelCosts c;
  c.irq_entry = 300;
  c.irq_exit = 200;
  c.softirq = 200;
  c.context_switch = 2000;
  c.wake_up = 500;
  c.queue_work = 300;
  c.timer = 200;
  c.lock = 50;
  c.memcpy_per_byte = 1;
  c.dma_map = 100;
  c.dma_clean_per_line = 10;
  c.dma_invalidate_per_line = 5;
  c.cache_line_bytes = 32;
  c.bio_submit = 2000;
  c.bio_merge = 500;
  c.request_dispatch = 3000;
  c.request_segment = 100;
  c.request_complete = 1500;
  c.bio_complete = 400;
  return c;
}

KernelSettings settings() {
  KernelSettings s;
  s.hz = 1000;
  s.timeslice_ms = 100;
  s.workqueue_nice_magnitude = 5;
  s.elevator = "deadline";
  s.nr_requests = 128;
  s.max_sectors = 256;
  s.max_segments = 128;
  s.unplug_delay_ms = 3;
  s.unplug_threshold = 4;
  s.deadline_read_expire_ms = 500;
  s.deadline_write_expire_ms = 5000;
  s.deadline_fifo_batch = 16;
  s.deadline_writes_starved = 2;
  return s;
}

struct TestBio : Bio {
  int ended = 0;
  int error = 0;
  Ps ended_at = 0;
};

struct Bench : sc_core::sc_module {
  hw::Mbus mbus;
  hw::Dram dram;
  std::vector<std::unique_ptr<hw::CpuCore>> cores;
  std::unique_ptr<hw::Intc> intc;
  hw::Disk disk;
  sc_core::sc_signal<bool> irq;
  std::unique_ptr<Kernel> kernel;
  std::unique_ptr<RequestQueue> queue;
  std::vector<std::uint64_t> dispatched;  // first sectors, in order of arrival at the disk
  unsigned running = 0;

  SC_HAS_PROCESS(Bench);
  explicit Bench(const KernelSettings& s = settings(), const hw::DiskParams& d = test::hard_disk(),
                 unsigned cpus = 1)
      : sc_module(sc_core::sc_module_name("bench")),
        mbus("mbus", {166e6, 10}),
        dram("dram", {64, 1e9, 50}),
        disk("disk", d),
        irq("irq") {
    std::vector<hw::CpuCore*> list;
    for (unsigned i = 0; i < cpus; ++i) {
      cores.push_back(std::make_unique<hw::CpuCore>(
          sc_core::sc_module_name(("cpu" + std::to_string(i)).c_str()), i, hw::CpuParams{500e6}));
      cores.back()->bus.bind(mbus.in);
      list.push_back(cores.back().get());
    }
    intc = std::make_unique<hw::Intc>("intc", list);
    disk.dma.bind(mbus.in);
    mbus.out.bind(dram.socket);
    mbus.add_window({"dram", 0, dram.size(), 0, false});
    disk.irq.bind(irq);
    kernel = std::make_unique<Kernel>("kernel", costs(), s, list, *intc, dram);
    queue = std::make_unique<RequestQueue>(*kernel, disk, kDiskIrq, "sda", cpus - 1);
    disk.set_fault([this](const hw::DiskCommand& c) {
      if (c.op == hw::DiskCommand::Op::flush) {
        EXPECT_EQ(disk.stats().commands, dispatched.size()) << "a flush met commands in flight";
      }
      dispatched.push_back(c.sector);
      return fail && fail(c);
    });
    SC_METHOD(connect_irq);
    sensitive << irq;
    dont_initialize();
  }
  ~Bench() override {
    // Cores live as long as the process, as they do in the simulator.
    static auto* const kept = new std::vector<std::unique_ptr<hw::CpuCore>>;
    for (auto& core : cores) kept->push_back(std::move(core));
  }
  std::function<bool(const hw::DiskCommand&)> fail;

  void connect_irq() { intc->set_line(kDiskIrq, irq.read()); }
  void thread(std::function<void()> body) {
    ++running;
    kernel->kthread_run("test", [this, body = std::move(body)] {
      body();
      kernel->sync_now();
      if (--running == 0) sc_core::sc_stop();
    });
  }
  void go() {
    sc_core::sc_start(sc_core::sc_time(600, sc_core::SC_SEC));
    EXPECT_EQ(sc_core::sc_get_status(), sc_core::SC_STOPPED) << "somebody still sleeps";
  }
  static Ps now() { return sc_core::sc_time_stamp().value(); }

  std::unique_ptr<TestBio> bio(BioOp op, std::uint64_t sector, std::uint32_t size, PhysAddr addr) {
    auto b = std::make_unique<TestBio>();
    b->op = op;
    b->sector = sector;
    b->size = size;
    for (std::uint32_t done = 0; done < size; done += hw::kPageBytes) {
      b->vecs.push_back({addr + done, std::min(hw::kPageBytes, size - done)});
    }
    b->end_io = [](Bio& ended, int error) {
      auto& t = static_cast<TestBio&>(ended);
      ++t.ended;
      t.error = error;
      t.ended_at = now();
    };
    return b;
  }
  /// Sleeps, as nobody wakes this thread for a single bio, until `done` holds.
  void wait_for(const std::function<bool()>& done) {
    while (!done()) kernel->schedule_timeout(hw::kPsPerMs);
  }
  template <class Bios>
  void wait_all(const Bios& bios) {
    wait_for([&] {
      return std::all_of(bios.begin(), bios.end(), [](const auto& b) { return b->ended > 0; });
    });
  }
};

using Bios = std::vector<std::unique_ptr<TestBio>>;

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

/// Random bios of two submitters against an array; bios outstanding together do not overlap,
/// because then the kernel promises no order.
void random_bios(const std::string& elevator, const hw::DiskParams& disk, unsigned cpus) {
  KernelSettings s = settings();
  s.elevator = elevator;
  s.nr_requests = 8;
  s.max_sectors = 64;
  s.max_segments = 6;
  Bench b(s, disk, cpus);
  constexpr std::uint32_t kSectors = 4096;
  std::vector<std::uint8_t> reference(kSectors * hw::kSectorBytes, 0);
  std::vector<std::unique_ptr<TestBio>> all;
  struct Live {
    TestBio* bio;
    std::vector<std::uint8_t> expected;
  };
  std::uint64_t verified = 0;
  for (std::uint32_t who = 0; who < 2; ++who) {
    b.thread([&, who] {
      // Each submitter has every other 128-sector stripe, so that their bios meet and merge.
      std::mt19937 random(100 + who);
      std::vector<Live> live;
      const auto reap = [&] {
        std::erase_if(live, [&](Live& l) {
          if (l.bio->ended == 0) return false;
          EXPECT_EQ(l.bio->ended, 1);
          EXPECT_EQ(l.bio->error, 0);
          std::size_t at = 0;
          if (l.bio->op == BioOp::read) {
            for (const BioVec& v : l.bio->vecs) {
              EXPECT_EQ(std::memcmp(b.dram.host(v.addr), &l.expected[at], v.len), 0);
              at += v.len;
            }
            ++verified;
          }
          return true;
        });
      };
      PhysAddr next = 0x100000 + who * 0x1800000;
      for (int i = 0; i < 800; ++i) {
        const std::uint32_t stripe = (random() % (kSectors / 256) * 2 + who) * 128;
        std::uint32_t sector = stripe + random() % 128;
        const std::uint32_t n = 1 + random() % std::min<std::uint32_t>(random() % 8 == 0 ? 128 : 16,
                                                                       stripe + 128 - sector);
        if (random() % 2 == 0 && !live.empty()) {  // often next to one outstanding
          const Bio& l = *live.back().bio;
          if (l.sector % 128 + l.sectors() + n <= 128) {
            sector = static_cast<std::uint32_t>(l.sector) + l.sectors();
          }
        }
        const bool write = random() % 3 != 0;
        for (;;) {
          reap();
          const bool overlap = std::any_of(live.begin(), live.end(), [&](const Live& l) {
            return sector < l.bio->sector + l.bio->sectors() && l.bio->sector < sector + n;
          });
          if (!overlap) break;
          b.queue->unplug();
          b.kernel->schedule_timeout(hw::kPsPerMs);
        }
        auto bio = std::make_unique<TestBio>();
        bio->op = write ? BioOp::write : BioOp::read;
        bio->sector = sector;
        bio->size = n * hw::kSectorBytes;
        bio->end_io = [](Bio& x, int error) {
          ++static_cast<TestBio&>(x).ended;
          static_cast<TestBio&>(x).error = error;
        };
        for (std::uint32_t left = bio->size; left > 0;) {  // odd pieces, some contiguous
          const std::uint32_t len = std::min<std::uint32_t>(left, 256 + random() % 4096);
          if (random() % 2 == 0) next += 64 + random() % 512;
          bio->vecs.push_back({next, len});
          if (write) {
            for (std::uint32_t k = 0; k < len; ++k) {
              const auto byte = static_cast<std::uint8_t>(random());
              *b.dram.host(next + k) = byte;
              reference[sector * hw::kSectorBytes + (bio->size - left) + k] = byte;
            }
          }
          next += len;
          left -= len;
        }
        live.push_back({bio.get(), {}});
        if (!write) {
          const auto from = reference.begin() + sector * hw::kSectorBytes;
          live.back().expected.assign(from, from + bio->size);
        }
        if (next > 0x100000 + (who + 1) * 0x1800000 - 0x40000) {
          // Old buffers are free once their bios have ended.
          b.queue->unplug();
          b.wait_for([&] { return reap(), live.size() <= 1; });
          next = 0x100000 + who * 0x1800000;
        }
        TestBio& submitted = *bio;
        all.push_back(std::move(bio));
        b.queue->submit_bio(submitted);
        if (random() % 50 == 0) {
          all.push_back(b.bio(BioOp::flush, 0, 0, 0));
          b.queue->submit_bio(*all.back());
        }
        if (random() % 10 == 0) b.queue->unplug();
      }
      b.queue->unplug();
      b.wait_for([&] { return reap(), live.empty(); });
      b.wait_all(all);
    });
  }
  b.go();
  std::vector<std::uint8_t> image(reference.size());
  b.disk.store().read(0, image.data(), kSectors);
  EXPECT_EQ(image, reference);
  for (const auto& bio : all) ASSERT_EQ(bio->ended, 1);
  const RequestQueueStats stats = b.queue->stats();
  EXPECT_EQ(stats.bios, all.size());
  EXPECT_EQ(stats.bios_ended, all.size());
  EXPECT_EQ(b.queue->depth(), 0u);
  EXPECT_GT(stats.back_merges, 50u);
  EXPECT_GT(stats.bios_split, 10u);
  EXPECT_GT(stats.sleeps, 10u);
  EXPECT_GT(verified, 200u);
  EXPECT_EQ(b.disk.stats().commands, stats.read_requests + stats.write_requests + stats.flushes);
}

TEST(BlockRandom, NoopOnAHardDisk) { random_bios("noop", test::hard_disk(), 1); }
TEST(BlockRandom, DeadlineOnAHardDisk) { random_bios("deadline", test::hard_disk(), 1); }
TEST(BlockRandom, DeadlineOnFlash) { random_bios("deadline", test::flash_disk(), 1); }
TEST(BlockRandom, DeadlineOnFlashTwoCores) { random_bios("deadline", test::flash_disk(), 2); }
TEST(BlockRandom, NoopOnAHardDiskTwoCores) { random_bios("noop", test::hard_disk(), 2); }

}  // namespace
}  // namespace cesasim::kernel
