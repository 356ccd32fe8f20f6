// SPDX-License-Identifier: Apache-2.0
// Pages, mempools, copies, DMA mapping and device accesses.
#include <algorithm>
#include <cstring>
#include <new>
#include <random>
#include <set>
#include <stdexcept>

#include "kernel_model/mempool.h"
#include "tests/kernel_model/kernel/bench.h"

namespace cesasim::kernel {
namespace {

constexpr Ps kFirst = kSwitch;
using Direction = Kernel::DmaDirection;

BenchOptions tiny() {
  BenchOptions o;
  o.dram_mib = 1;  // 256 pages, of which page 0 is no page
  return o;
}

TEST(Pages, AllAreDistinctUntilNoneIsLeft) {
  Bench b(tiny());
  b.thread("t", [&] {
    std::set<PhysAddr> pages;
    EXPECT_EQ(b.k().free_pages(), 255u);
    while (const PhysAddr page = b.k().alloc_page(Activity::fs, hw::AllocSite::page_cache)) {
      EXPECT_EQ(page % hw::kPageBytes, 0u);
      EXPECT_LE(page + hw::kPageBytes, b.dram->size());
      EXPECT_TRUE(pages.insert(page).second);
    }
    EXPECT_EQ(pages.size(), 255u);
    EXPECT_EQ(b.k().free_pages(), 0u);
    EXPECT_EQ(b.k().alloc_page(Activity::fs, hw::AllocSite::page_cache), 0u);
    b.k().free_page(*pages.begin(), Activity::fs);
    EXPECT_EQ(b.k().free_pages(), 1u);
    EXPECT_EQ(b.k().alloc_page(Activity::fs, hw::AllocSite::page_cache), *pages.begin());
    EXPECT_EQ(b.k().now(), kFirst + (258 * 40 + 30) * kCycle);
  });
  b.go();
}

TEST(Pages, FreeingWhatIsNoPageIsAnError) {
  Bench b(tiny());
  b.thread("t", [&] {
    EXPECT_THROW(b.k().free_page(0, Activity::fs), std::logic_error);
    EXPECT_THROW(b.k().free_page(4097, Activity::fs), std::logic_error);
    EXPECT_THROW(b.k().free_page(1 << 20, Activity::fs), std::logic_error);
  });
  b.go();
}

TEST(Pages, MemoryOfSetUpAndPagesDoNotOverlap) {
  Bench b(tiny());
  std::set<PhysAddr> taken;
  auto take = [&](PhysAddr start, std::size_t bytes) {
    for (PhysAddr p = start / hw::kPageBytes; p <= (start + bytes - 1) / hw::kPageBytes; ++p) {
      taken.insert(p);
    }
  };
  take(b.k().alloc_boot(10, 1), 10);
  take(b.k().alloc_boot(5000, 64), 5000);
  take(b.k().alloc_boot(100'000, 65536), 100'000);
  take(b.k().dma_alloc_coherent(100), 4096);
  EXPECT_EQ(*taken.begin(), 1u) << "page 0 is no page";
  b.thread("t", [&] {
    take(b.k().dma_alloc_coherent(5000), 8192);
    while (const PhysAddr page = b.k().alloc_page(Activity::fs, hw::AllocSite::page_cache)) {
      EXPECT_TRUE(taken.insert(page / hw::kPageBytes).second) << page;
    }
    EXPECT_THROW(b.k().dma_alloc_coherent(1), std::bad_alloc);
  });
  b.go();
}

TEST(Pages, SetUpMemoryIsAligned) {
  Bench b(tiny());
  for (const std::size_t align : {1, 4, 64, 4096, 65536}) {
    EXPECT_EQ(b.k().alloc_boot(3, align) % align, 0u);
  }
  EXPECT_THROW(b.k().alloc_boot(1 << 20, 4096), std::bad_alloc);
  EXPECT_EQ(b.k().dma_alloc_coherent(1) % hw::kPageBytes, 0u);
}

TEST(Mempool, FallsBackOnItsReserveAndRefillsItFirst) {
  Bench b(tiny());
  PageMempool pool(b.k(), 4, Activity::dm);
  EXPECT_EQ(pool.reserve(), 4u);
  b.thread("t", [&] {
    while (b.k().alloc_page(Activity::fs, hw::AllocSite::page_cache) != 0) {
    }
    std::vector<PhysAddr> pages;
    while (const PhysAddr page = pool.alloc(false)) pages.push_back(page);
    EXPECT_EQ(pages.size(), 4u);
    EXPECT_EQ(pool.reserve(), 0u);
    for (const PhysAddr page : pages) pool.free(page);
    EXPECT_EQ(pool.reserve(), 4u);
    EXPECT_EQ(b.k().free_pages(), 0u);
    pool.free(pool.alloc(false));
    EXPECT_EQ(pool.waits(), 0u);
  });
  b.go();
}

TEST(Mempool, SleepsUntilAnElementComesBack) {
  Bench b(tiny());
  PageMempool pool(b.k(), 1, Activity::dm);
  PhysAddr held = 0;
  b.thread("holder", [&] {
    while (b.k().alloc_page(Activity::fs, hw::AllocSite::page_cache) != 0) {
    }
    held = pool.alloc(false);
    b.k().schedule_timeout(5 * kMs);
    pool.free(held);
  });
  b.thread("waiter", [&] {
    const PhysAddr page = pool.alloc(true);
    EXPECT_EQ(page, held);
    EXPECT_GT(b.k().now(), 5 * kMs);
    EXPECT_EQ(pool.waits(), 1u);
    pool.free(page);
  });
  b.go();
}

TEST(Mempool, APoolWithoutReserveWakesItsWaitersToo) {
  Bench b(tiny());
  PageMempool pool(b.k(), 0, Activity::dm);
  b.thread("holder", [&] {
    PhysAddr last = 0;
    while (const PhysAddr page = pool.alloc(false)) last = page;
    b.k().schedule_timeout(5 * kMs);
    pool.free(last);
  });
  b.thread("waiter", [&] { EXPECT_NE(pool.alloc(true), 0u); });
  b.go();
}

class MempoolProperty : public testing::TestWithParam<unsigned> {};

TEST_P(MempoolProperty, NeverDeadlocksBelowItsGuarantee) {
  // Threads gather up to kHeld pages each before they give any back. With more than
  // kThreads * (kHeld - 1) pages about, one of them can always go on.
  constexpr int kThreads = 5, kHeld = 4;
  BenchOptions o = tiny();
  o.cpus = 1 + GetParam() % 3;
  Bench b(o);
  constexpr unsigned kReserve = kThreads * (kHeld - 1) + 1;
  PageMempool pool(b.k(), kReserve, Activity::dm);
  b.k().alloc_boot((b.k().free_pages() - GetParam() % 4) * hw::kPageBytes, hw::kPageBytes);
  const std::size_t all = b.k().free_pages() + kReserve;
  std::set<PhysAddr> out;
  for (int i = 0; i < kThreads; ++i) {
    b.thread("t" + std::to_string(i), [&, i] {
      std::mt19937 random(GetParam() * 100 + static_cast<unsigned>(i));
      for (int round = 0; round < 60; ++round) {
        std::vector<PhysAddr> held;
        const std::size_t want = 1 + random() % kHeld;
        while (held.size() < want) {
          const PhysAddr page = pool.alloc(true);
          ASSERT_NE(page, 0u);
          EXPECT_TRUE(out.insert(page).second) << "handed out twice";
          held.push_back(page);
          b.use_as_user(random() % (50 * kUs));
        }
        if (random() % 3 == 0) b.k().schedule_timeout(random() % (2 * kMs));
        for (const PhysAddr page : held) {
          out.erase(page);
          pool.free(page);
        }
      }
    });
  }
  b.go();
  EXPECT_EQ(pool.reserve(), kReserve);
  EXPECT_EQ(b.k().free_pages() + pool.reserve(), all);
  EXPECT_GT(pool.waits(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, MempoolProperty, testing::Range(0u, 3u));

TEST(Memcpy, ChargesSetUpAndBytesAndCopies) {
  Bench b;
  b.thread("t", [&] {
    const PhysAddr from = b.k().alloc_page(Activity::fs, hw::AllocSite::page_cache);
    const PhysAddr to = b.k().alloc_page(Activity::fs, hw::AllocSite::page_cache);
    std::memset(b.k().phys_to_virt(from), 0x5a, 4096);
    const Ps start = b.k().now();
    b.k().memcpy(to, from, 4096);
    // 2 * 4096 bytes at 8 GB/s take 1024 ns: the core's 4196 cycles rule.
    EXPECT_EQ(b.k().now(), start + (100 + 4096) * kCycle);
    EXPECT_EQ(std::memcmp(b.k().phys_to_virt(to), b.k().phys_to_virt(from), 4096), 0);
  });
  b.go();
  EXPECT_EQ(b.k().bytes_copied(), 4096u);
  EXPECT_EQ(b.cores[0]->accounted(Activity::copy), 4196 * kCycle);
  EXPECT_EQ(b.dram->bandwidth().bytes(), 8192u);
}

TEST(Memcpy, SlowMemorySlowsIt) {
  BenchOptions o;
  o.dram_bytes_per_s = 1e9;
  Bench b(o);
  b.thread("t", [&] {
    const Ps start = b.k().now();
    b.k().memcpy(8192, 4096, 4096);
    EXPECT_EQ(b.k().now(), start + 8192 * kCycle) << "two bytes of traffic per byte at 1 GB/s";
  });
  b.go();
}

TEST(Memcpy, TwoCoresShareTheMemory) {
  BenchOptions o = with_cpus(2);
  o.dram_bytes_per_s = 2.5e9;  // one core wants 2 GB/s
  Bench b(o);
  std::vector<Ps> took(2);
  for (int cpu = 0; cpu < 2; ++cpu) {
    b.thread(
        "t",
        [&b, &took, cpu] {
          b.k().schedule_timeout(kMs);
          const Ps start = b.k().now();
          for (int i = 0; i < 100; ++i) {
            b.k().memcpy(8192 * (cpu + 1), 4096, 4096);
            b.k().sync();
          }
          took[cpu] = b.k().now() - start;
        },
        0, cpu);
  }
  b.go();
  // Who comes second gets what is left (SharedBandwidth), so not both need be slowed.
  const Ps alone = 100 * 4196 * kCycle;
  EXPECT_GE(std::min(took[0], took[1]), alone);
  EXPECT_GT(std::max(took[0], took[1]), alone * 5 / 4);
  EXPECT_LT(std::max(took[0], took[1]), alone * 5);
  // Together no faster than the memory but for the minimum share (10 %).
  const double bytes = 2 * 100 * 8192.0;
  const double seconds = static_cast<double>(std::max(took[0], took[1])) * 1e-12;
  EXPECT_LT(bytes / seconds, 2.5e9 * 1.1);
}

TEST(Dma, MappingCostsCleaningAndInvalidating) {
  Bench b;
  b.thread("t", [&] {
    auto cost = [&](Direction d, std::size_t bytes) {
      const Ps start = b.k().now();
      EXPECT_EQ(b.k().dma_map_single(4096, bytes, d), 4096u);
      return (b.k().now() - start) / kCycle;
    };
    EXPECT_EQ(cost(Direction::to_device, 512), 70u + 16 * 10);
    EXPECT_EQ(cost(Direction::from_device, 512), 70u + 16 * 5);
    EXPECT_EQ(cost(Direction::bidirectional, 512), 70u + 16 * 10) << "one pass for both";
    EXPECT_EQ(cost(Direction::to_device, 33), 70u + 2 * 10) << "whole lines";
    const Ps start = b.k().now();
    b.k().dma_unmap_single(4096, 512, Direction::from_device);
    EXPECT_EQ(b.k().now() - start, 70 * kCycle);
  });
  b.go();
}

TEST(Dma, CoherentMappingIsTheFixedPartOnly) {
  BenchOptions o;
  o.settings.non_coherent_dma = false;
  Bench b(o);
  b.thread("t", [&] {
    const Ps start = b.k().now();
    b.k().dma_map_single(4096, 4096, Direction::bidirectional);
    EXPECT_EQ(b.k().now() - start, 70 * kCycle);
  });
  b.go();
  EXPECT_EQ(b.dram->bandwidth().bytes(), 0u);
}

TEST(Device, AReadStallsAWriteIsPosted) {
  Bench b;
  b.thread("t", [&] {
    const PhysAddr reg = 0xF0000010;
    const Ps start = b.k().now();
    b.k().writel(0x1234, reg, Activity::driver);
    EXPECT_EQ(b.k().now(), start + 20 * kCycle);
    b.k().writel_relaxed(0x5678, reg + 4, Activity::driver);
    EXPECT_EQ(b.k().now(), start + 40 * kCycle);
    EXPECT_EQ(b.k().readl(reg, Activity::driver), 0x1234u);
    // Ten bus cycles of 5 ns, and the time of four bytes.
    EXPECT_GE(b.k().now(), start + 40 * kCycle + 50'000);
    EXPECT_LT(b.k().now(), start + 40 * kCycle + 52'000);
    EXPECT_EQ(b.k().readl(reg + 4, Activity::driver), 0x5678u);
  });
  b.go();
  EXPECT_EQ(b.cores[0]->bus_errors(), 0u);
}

}  // namespace
}  // namespace cesasim::kernel
