// SPDX-License-Identifier: Apache-2.0
// The device: bytes through TLM, completions, interrupt level, queue. One elaboration a case.
#include "hw_model/disk/disk.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <vector>

#include "hw_model/memory/dram.h"
#include "hw_model/memory/mbus.h"
#include "tests/hw_model/disk/disk_params.h"

namespace cesasim::hw {
namespace {

using test::flash_disk;
using test::hard_disk;

struct Bench : sc_core::sc_module {
  Mbus mbus;
  Dram dram;
  Disk disk;
  sc_core::sc_signal<bool> irq;
  std::function<void(Bench&)> body;

  SC_HAS_PROCESS(Bench);
  explicit Bench(const DiskParams& params)
      : sc_module(sc_core::sc_module_name("bench")),
        mbus("mbus", {166e6, 10}),
        dram("dram", {64, 1e9, 50}),
        disk("disk", params),
        irq("irq") {
    disk.dma.bind(mbus.in);
    mbus.out.bind(dram.socket);
    mbus.add_window({"dram", 0, dram.size(), 0, false});
    disk.irq.bind(irq);
    SC_THREAD(run);
  }
  void run() {
    body(*this);
    sc_core::sc_stop();
  }
  void go(std::function<void(Bench&)> f) {
    body = std::move(f);
    sc_core::sc_start();
    EXPECT_EQ(sc_core::sc_get_status(), sc_core::SC_STOPPED);
  }
  static Ps now() { return sc_core::sc_time_stamp().value(); }
  /// Waits for the interrupt and takes one completion.
  DiskCompletion completion() {
    for (;;) {
      if (const auto c = disk.reap()) return *c;
      // The level falls a delta after the last completion is taken, so wait for an edge.
      wait(irq.posedge_event());
    }
  }
  void fill(PhysAddr addr, std::uint32_t bytes, unsigned seed) {
    for (std::uint32_t i = 0; i < bytes; ++i) {
      *dram.host(addr + i) = static_cast<std::uint8_t>(seed + i * 13 + i / 251);
    }
  }
};

using Op = DiskCommand::Op;

TEST(Disk, WriteThenReadMovesTheBytesThroughScatteredSegments) {
  Bench bench(hard_disk());
  bench.go([](Bench& b) {
    b.fill(0x10000, 4096, 1);
    // Segments that are not whole sectors.
    EXPECT_TRUE(b.disk.submit({Op::write, 1000, 8, {{0x10000, 700}, {0x10000 + 700, 3396}}, 7}));
    const DiskCompletion w = b.completion();
    EXPECT_EQ(w.tag, 7u);
    EXPECT_EQ(w.error, 0);
    EXPECT_TRUE(b.disk.submit({Op::read, 1000, 8, {{0x20000, 4000}, {0x40000, 96}}, 8}));
    EXPECT_EQ(b.completion().error, 0);
    EXPECT_EQ(std::memcmp(b.dram.host(0x10000), b.dram.host(0x20000), 4000), 0);
    EXPECT_EQ(std::memcmp(b.dram.host(0x10000 + 4000), b.dram.host(0x40000), 96), 0);
    EXPECT_EQ(b.disk.stats().bytes_read, 4096u);
    EXPECT_EQ(b.disk.stats().bytes_written, 4096u);
    EXPECT_EQ(b.dram.bandwidth().bytes(), 8192u);
  });
}

TEST(Disk, IrqIsALevelUntilTheLastCompletionIsReaped) {
  Bench bench(flash_disk());
  bench.go([](Bench& b) {
    EXPECT_TRUE(b.disk.submit({Op::read, 0, 8, {{0, 4096}}, 1}));
    EXPECT_TRUE(b.disk.submit({Op::read, 8, 8, {{4096, 4096}}, 2}));
    EXPECT_FALSE(b.irq.read());
    wait(10, sc_core::SC_MS);
    EXPECT_TRUE(b.irq.read());
    EXPECT_TRUE(b.disk.reap().has_value());
    wait(1, sc_core::SC_NS);
    EXPECT_TRUE(b.irq.read());
    EXPECT_TRUE(b.disk.reap().has_value());
    wait(1, sc_core::SC_NS);
    EXPECT_FALSE(b.irq.read());
    EXPECT_FALSE(b.disk.reap().has_value());
  });
}

TEST(Disk, QueueIsBoundedByItsDepth) {
  DiskParams p = flash_disk();
  p.queue_depth = 3;
  Bench bench(p);
  bench.go([](Bench& b) {
    for (std::uint32_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(b.disk.submit({Op::read, i * 8, 8, {{i * 4096, 4096}}, i}));
    }
    EXPECT_FALSE(b.disk.submit({Op::read, 24, 8, {{0, 4096}}, 9}));
    b.completion();
    EXPECT_TRUE(b.disk.submit({Op::read, 24, 8, {{0, 4096}}, 9}));
    wait(10, sc_core::SC_MS);
    int rest = 0;
    while (b.disk.reap()) ++rest;
    EXPECT_EQ(rest, 3);
  });
}

TEST(Disk, BeyondTheEndEndsWithEio) {
  Bench bench(flash_disk());
  bench.go([](Bench& b) {
    const std::uint64_t last = b.disk.sectors() - 1;
    EXPECT_TRUE(b.disk.submit({Op::write, last, 2, {{0, 1024}}, 1}));
    EXPECT_EQ(b.completion().error, -EIO);
    EXPECT_TRUE(b.disk.submit({Op::write, ~std::uint64_t{0}, 1, {{0, 512}}, 2}));
    EXPECT_EQ(b.completion().error, -EIO);
    EXPECT_TRUE(b.disk.submit({Op::write, last, 1, {{0, 512}}, 3}));
    EXPECT_EQ(b.completion().error, 0);
    EXPECT_EQ(b.disk.store().written_sectors(), 1u);
    EXPECT_EQ(b.disk.stats().errors, 2u);
    EXPECT_EQ(b.disk.stats().commands, 3u);
  });
}

TEST(Disk, SegmentsThatDoNotAddUpEndWithEio) {
  Bench bench(flash_disk());
  bench.go([](Bench& b) {
    EXPECT_TRUE(b.disk.submit({Op::write, 0, 8, {{0, 4095}}, 1}));
    EXPECT_EQ(b.completion().error, -EIO);
    EXPECT_EQ(b.disk.store().written_sectors(), 0u);
  });
}

TEST(Disk, UnmappedAddressEndsWithEioAndTheDiskGoesOn) {
  Bench bench(hard_disk());
  bench.go([](Bench& b) {
    EXPECT_TRUE(b.disk.submit({Op::write, 0, 8, {{0xf0000000, 4096}}, 1}));
    EXPECT_EQ(b.completion().error, -EIO);
    EXPECT_EQ(b.disk.store().written_sectors(), 0u);
    EXPECT_TRUE(b.disk.submit({Op::write, 0, 8, {{0, 4096}}, 2}));
    EXPECT_EQ(b.completion().error, 0);
  });
}

TEST(Disk, InjectedFaultTouchesNoData) {
  Bench bench(hard_disk());
  bench.disk.set_fault([](const DiskCommand& c) { return c.sector == 64; });
  bench.go([](Bench& b) {
    EXPECT_TRUE(b.disk.submit({Op::write, 64, 8, {{0, 4096}}, 1}));
    EXPECT_EQ(b.completion().error, -EIO);
    EXPECT_FALSE(b.disk.store().written(64));
  });
}

TEST(Disk, WriteObserverSeesTheBytesOnce) {
  Bench bench(hard_disk());
  std::vector<std::uint64_t> sectors;
  std::vector<std::uint8_t> bytes;
  bench.disk.set_write_observer(
      [&](std::uint64_t sector, const std::uint8_t* data, std::uint32_t n) {
        sectors.push_back(sector);
        bytes.assign(data, data + std::size_t{n} * kSectorBytes);
      });
  bench.go([](Bench& b) {
    b.fill(0x1000, 4096, 9);
    EXPECT_TRUE(b.disk.submit({Op::write, 80, 8, {{0x1000, 4096}}, 1}));
    b.completion();
  });
  EXPECT_EQ(sectors, std::vector<std::uint64_t>{80});
  EXPECT_EQ(std::memcmp(bytes.data(), bench.dram.host(0x1000), 4096), 0);
}

TEST(Disk, TimeIsThatOfTheTimingCore) {
  Bench bench(hard_disk());
  bench.go([](Bench& b) {
    auto core = DiskTiming::create(hard_disk());
    const Ps expected = core->read_ready(0, 123'456, 64) + core->interface_ps(64);
    EXPECT_TRUE(b.disk.submit({Op::read, 123'456, 64, {{0, 64 * 512}}, 1}));
    b.completion();
    EXPECT_EQ(b.now(), expected);
    EXPECT_EQ(b.disk.stats().busy_ps, expected);
    EXPECT_DOUBLE_EQ(b.disk.stats().depth_ps, static_cast<double>(expected));
  });
}

TEST(Disk, BusyMemoryStretchesTheTransfer) {
  Bench bench(flash_disk());
  bench.go([](Bench& b) {
    EXPECT_TRUE(b.disk.submit({Op::read, 0, 8, {{0, 4096}}, 1}));
    b.completion();
    const Ps alone = b.now();
    // Four cores want all of the memory for a long time: a fifth of 1 GB/s is left to the disk.
    for (unsigned core = 0; core < 4; ++core) {
      b.dram.bandwidth().transfer(core, alone, 1'000'000'000, kPsPerS);
    }
    EXPECT_TRUE(b.disk.submit({Op::read, 0, 8, {{0, 4096}}, 2}));
    b.completion();
    const Ps stretch = (b.now() - alone) - alone;
    EXPECT_NEAR(static_cast<double>(stretch), 4096 * (1 / 200e6 - 1 / 300e6) * 1e12, 1e6);
  });
}

TEST(Disk, FlashCommandsOverlapAHardDisksDoNot) {
  Bench bench(flash_disk());
  bench.go([](Bench& b) {
    for (std::uint32_t i = 0; i < 4; ++i) {
      EXPECT_TRUE(b.disk.submit({Op::read, i * 8, 8, {{i * 4096, 4096}}, i}));
    }
    for (int i = 0; i < 4; ++i) b.completion();
    // 4 x 10 us controller, one page time, and at most four transfers.
    EXPECT_LT(b.now(), (4 * 10 + 50 + 103 + 4 * 14) * kPsPerUs);
  });
}

TEST(Disk, QueuedHardDiskTakesTheNearestFirst) {
  DiskParams p = hard_disk();
  p.queue_depth = 8;
  Bench bench(p);
  bench.go([](Bench& b) {
    const std::uint64_t far = b.disk.sectors() - 100;
    EXPECT_TRUE(b.disk.submit({Op::read, 0, 8, {{0, 4096}}, 0}));
    EXPECT_TRUE(b.disk.submit({Op::read, far, 8, {{4096, 4096}}, 1}));
    EXPECT_TRUE(b.disk.submit({Op::read, 20'000, 8, {{8192, 4096}}, 2}));
    std::vector<std::uint32_t> order;
    for (int i = 0; i < 3; ++i) order.push_back(b.completion().tag);
    EXPECT_EQ(order, (std::vector<std::uint32_t>{0, 2, 1}));
  });
}

TEST(Disk, FlushEndsWhenTheCacheIsOnTheMedium) {
  Bench bench(hard_disk());
  bench.go([](Bench& b) {
    for (std::uint32_t i = 0; i < 20; ++i) {
      EXPECT_TRUE(b.disk.submit({Op::write, i * 500'000, 8, {{0, 4096}}, i}));
      b.completion();
    }
    const Ps before = b.now();
    EXPECT_TRUE(b.disk.submit({Op::flush, 0, 0, {}, 99}));
    EXPECT_EQ(b.completion().tag, 99u);
    EXPECT_GT(b.now() - before, 20 * kPsPerMs);
  });
}

FaultRule rule(FaultKind kind, std::uint64_t sector) {
  FaultRule r;
  r.kind = kind;
  r.nth = 1;
  r.first = r.last = sector;
  return r;
}

TEST(DiskFaults, AMediumErrorOnReadEndsHalfWay) {
  Bench bench(hard_disk());
  FaultPlan plan({rule(FaultKind::disk_read_error, 80)}, 1);
  bench.disk.set_faults(&plan);
  bench.go([&](Bench& b) {
    b.fill(0, 4096, 3);
    EXPECT_TRUE(b.disk.submit({Op::write, 80, 8, {{0, 4096}}, 1}));
    EXPECT_EQ(b.completion().sectors_done, 8u);
    b.fill(0x10000, 4096, 200);
    const std::vector<std::uint8_t> before(b.dram.host(0x10000), b.dram.host(0x10000) + 4096);
    // Segments across the place where it ends.
    EXPECT_TRUE(b.disk.submit({Op::read, 80, 8, {{0x10000, 1000}, {0x10000 + 1000, 3096}}, 2}));
    const DiskCompletion c = b.completion();
    EXPECT_EQ(c.tag, 2u);
    EXPECT_EQ(c.error, -EIO);
    EXPECT_EQ(c.sectors_done, 4u);
    EXPECT_EQ(std::memcmp(b.dram.host(0x10000), b.dram.host(0), 2048), 0);
    EXPECT_EQ(std::memcmp(b.dram.host(0x10000 + 2048), &before[2048], 2048), 0);
    EXPECT_EQ(b.disk.stats().errors, 1u);
    EXPECT_EQ(b.disk.stats().faults, 1u);
    EXPECT_EQ(b.disk.stats().bytes_read, 2048u);
    EXPECT_TRUE(b.disk.submit({Op::read, 80, 8, {{0x10000, 4096}}, 3}));
    EXPECT_EQ(b.completion().error, 0) << "the rule was for one time";
    EXPECT_EQ(std::memcmp(b.dram.host(0x10000), b.dram.host(0), 4096), 0);
  });
}

TEST(DiskFaults, AMediumErrorOnWriteLeavesTheRest) {
  Bench bench(hard_disk());
  FaultRule r = rule(FaultKind::disk_write_error, 80);
  r.nth = 2;
  FaultPlan plan({r}, 1);
  bench.disk.set_faults(&plan);
  std::vector<std::uint32_t> observed;
  bench.disk.set_write_observer(
      [&](std::uint64_t, const std::uint8_t*, std::uint32_t n) { observed.push_back(n); });
  bench.go([&](Bench& b) {
    b.fill(0, 4096, 1);
    b.fill(0x10000, 4096, 99);
    EXPECT_TRUE(b.disk.submit({Op::write, 80, 8, {{0, 4096}}, 1}));
    EXPECT_EQ(b.completion().error, 0);
    EXPECT_TRUE(b.disk.submit({Op::write, 80, 8, {{0x10000, 4096}}, 2}));
    const DiskCompletion c = b.completion();
    EXPECT_EQ(c.error, -EIO);
    EXPECT_EQ(c.sectors_done, 4u);
    std::vector<std::uint8_t> medium(4096);
    b.disk.store().read(80, medium.data(), 8);
    EXPECT_EQ(std::memcmp(medium.data(), b.dram.host(0x10000), 2048), 0);
    EXPECT_EQ(std::memcmp(&medium[2048], b.dram.host(2048), 2048), 0) << "the old content";
  });
  EXPECT_EQ(observed, (std::vector<std::uint32_t>{8, 4}));
}

TEST(DiskFaults, AShortCommandHasNoError) {
  Bench bench(flash_disk());
  FaultRule reads = rule(FaultKind::disk_short, 80), odd = rule(FaultKind::disk_short, 200);
  FaultPlan plan({reads, odd}, 1);
  bench.disk.set_faults(&plan);
  bench.go([&](Bench& b) {
    b.fill(0, 4096, 1);
    EXPECT_TRUE(b.disk.submit({Op::write, 80, 7, {{0, 7 * 512}}, 1}));
    const DiskCompletion c = b.completion();
    EXPECT_EQ(c.error, 0);
    EXPECT_EQ(c.sectors_done, 3u);
    EXPECT_TRUE(b.disk.store().written(82));
    EXPECT_FALSE(b.disk.store().written(83));
    // One sector has no half: nothing is done.
    EXPECT_TRUE(b.disk.submit({Op::read, 200, 1, {{0x10000, 512}}, 2}));
    const DiskCompletion none = b.completion();
    EXPECT_EQ(none.error, 0);
    EXPECT_EQ(none.sectors_done, 0u);
    EXPECT_EQ(b.disk.stats().errors, 0u);
    EXPECT_EQ(b.disk.stats().faults, 2u);
    EXPECT_TRUE(b.disk.submit({Op::flush, 0, 0, {}, 3}));
    EXPECT_EQ(b.completion().error, 0) << "a flush is no opportunity";
  });
}

// A queue of commands in the disk, some of which fail: every tag comes back once, with its own
// end, and the others' data are right.
void queue_under_faults(const DiskParams& params) {
  Bench bench(params);
  FaultPlan plan({rule(FaultKind::disk_write_error, 1000), rule(FaultKind::disk_short, 3000),
                  rule(FaultKind::disk_read_error, 2000)},
                 1);
  bench.disk.set_faults(&plan);
  bench.go([&](Bench& b) {
    const auto all = [&](Op op, PhysAddr at) {
      std::vector<DiskCompletion> ends(4);
      for (std::uint32_t i = 0; i < 4; ++i) {
        EXPECT_TRUE(b.disk.submit({op, 1000 * i, 8, {{at + 4096 * i, 4096}}, i}));
      }
      std::vector<unsigned> seen(4);
      for (int i = 0; i < 4; ++i) {
        const DiskCompletion c = b.completion();
        ++seen.at(c.tag);
        ends.at(c.tag) = c;
      }
      EXPECT_EQ(seen, (std::vector<unsigned>{1, 1, 1, 1}));
      return ends;
    };
    for (std::uint32_t i = 0; i < 4; ++i) b.fill(4096 * i, 4096, i + 1);
    const auto written = all(Op::write, 0);
    const auto read = all(Op::read, 0x10000);
    for (std::uint32_t i = 0; i < 4; ++i) {
      SCOPED_TRACE(i);
      EXPECT_EQ(written[i].error, i == 1 ? -EIO : 0);
      EXPECT_EQ(written[i].sectors_done, i == 1 || i == 3 ? 4u : 8u);
      EXPECT_EQ(read[i].error, i == 2 ? -EIO : 0);
      EXPECT_EQ(read[i].sectors_done, i == 2 ? 4u : 8u);
      const std::size_t good = i == 0 ? 4096 : 2048;
      EXPECT_EQ(std::memcmp(b.dram.host(4096 * i), b.dram.host(0x10000 + 4096 * i), good), 0);
      const std::vector<std::uint8_t> zeros(4096);
      EXPECT_EQ(std::memcmp(b.dram.host(0x10000 + 4096 * i + good), zeros.data(), 4096 - good), 0);
    }
  });
  EXPECT_EQ(plan.fired(), 3u);
}

TEST(DiskFaults, QueueOfAHardDisk) {
  DiskParams p = hard_disk();
  p.queue_depth = 8;
  queue_under_faults(p);
}

TEST(DiskFaults, QueueOfAFlashDisk) { queue_under_faults(flash_disk()); }

}  // namespace
}  // namespace cesasim::hw
