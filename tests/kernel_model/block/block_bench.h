// SPDX-License-Identifier: Apache-2.0
// A kernel and a disk with a block layer between them, for the tests of both block layers.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "hw_model/disk/disk.h"
#include "hw_model/memory/mbus.h"
#include "kernel_model/block.h"
#include "tests/hw_model/disk/disk_params.h"

namespace cesasim::kernel {

inline constexpr unsigned kDiskIrq = 5;

inline KernelCosts costs() {
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

inline KernelSettings settings() {
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

/// `Queue`: RequestQueue or BlkMq.
template <class Queue>
struct BlockBench : sc_core::sc_module {
  hw::Mbus mbus;
  hw::Dram dram;
  std::vector<std::unique_ptr<hw::CpuCore>> cores;
  std::unique_ptr<hw::Intc> intc;
  hw::Disk disk;
  sc_core::sc_signal<bool> irq;
  std::unique_ptr<Kernel> kernel;
  std::unique_ptr<Queue> queue;
  std::vector<std::uint64_t> dispatched;  // first sectors, in order of arrival at the disk
  unsigned running = 0;

  SC_HAS_PROCESS(BlockBench);
  explicit BlockBench(const KernelSettings& s = settings(),
                      const hw::DiskParams& d = test::hard_disk(), unsigned cpus = 1)
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
    queue = std::make_unique<Queue>(*kernel, disk, kDiskIrq, "sda", cpus - 1);
    disk.set_fault([this](const hw::DiskCommand& c) {
      // Only there a flush is a barrier.
      if (std::is_same_v<Queue, RequestQueue> && c.op == hw::DiskCommand::Op::flush) {
        EXPECT_EQ(disk.stats().commands, dispatched.size()) << "a flush met commands in flight";
      }
      dispatched.push_back(c.sector);
      return fail && fail(c);
    });
    SC_METHOD(connect_irq);
    sensitive << irq;
    dont_initialize();
  }
  ~BlockBench() override {
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

/// Random bios of two submitters against an array; bios outstanding together do not overlap,
/// because then the kernel promises no order.
template <class Queue>
RequestQueueStats random_bios(const KernelSettings& s, const hw::DiskParams& disk, unsigned cpus) {
  BlockBench<Queue> b(s, disk, cpus);
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
      std::mt19937 plugs(who);
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
        if (plugs() % 4 == 0) b.queue->blk_start_plug();
        b.queue->submit_bio(submitted);
        if constexpr (requires { b.queue->tags(); }) {
          EXPECT_LE(b.queue->allocated(), b.queue->tags());
        }
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
  for (const auto& bio : all) EXPECT_EQ(bio->ended, 1);
  const RequestQueueStats stats = b.queue->stats();
  EXPECT_EQ(stats.bios, all.size());
  EXPECT_EQ(stats.bios_ended, all.size());
  EXPECT_EQ(b.queue->depth(), 0u);
  EXPECT_GT(stats.bios_split, 10u);
  EXPECT_GT(verified, 200u);
  EXPECT_EQ(b.disk.stats().commands, stats.read_requests + stats.write_requests + stats.flushes);
  return stats;
}

}  // namespace cesasim::kernel
