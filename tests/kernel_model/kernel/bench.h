// SPDX-License-Identifier: Apache-2.0
// Cores, interrupt controller, memory and a kernel: the smallest machine that runs threads.
// 1 GHz cores and round costs, so that expected times can be worked out by hand.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <systemc>
#include <vector>

#include "hw_model/memory/mbus.h"
#include "kernel_model/kernel.h"

namespace cesasim::kernel {

inline constexpr Ps kCycle = 1000;  // of a 1 GHz core
inline constexpr Ps kUs = hw::kPsPerUs;
inline constexpr Ps kMs = hw::kPsPerMs;
inline constexpr Ps kTick = kMs;
inline constexpr Ps kSlice = 10 * kMs;

inline KernelCosts costs() {
  KernelCosts c;
  c.irq_entry = 300;
  c.irq_exit = 200;
  c.softirq = 150;
  c.context_switch = 2000;
  c.wake_up = 500;
  c.queue_work = 250;
  c.timer = 100;
  c.lock = 50;
  c.slab_alloc = 10;
  c.slab_free = 10;
  c.page_alloc = 40;
  c.page_free = 30;
  c.memcpy_setup = 100;
  c.memcpy_per_byte = 1;
  c.memcpy_dram_bytes_per_byte = 2;
  c.dma_map = 70;
  c.dma_clean_per_line = 10;
  c.dma_invalidate_per_line = 5;
  c.cache_line_bytes = 32;
  c.mmio_write = 20;
  return c;
}
inline constexpr Ps kIrqCost = (300 + 200) * kCycle;
inline constexpr Ps kSwitch = 2000 * kCycle;

inline KernelSettings settings() {
  KernelSettings s;
  s.hz = 1000;
  s.timeslice_ms = 10;
  s.workqueue_nice_magnitude = 10;
  return s;
}

inline Ps stamp() { return sc_core::sc_time_stamp().value(); }

struct BenchOptions {
  unsigned cpus = 1;
  KernelCosts costs = kernel::costs();
  KernelSettings settings = kernel::settings();
  std::uint32_t dram_mib = 64;
  double dram_bytes_per_s = 8e9;
};

/// The machine, and a log that a test compares at its end.
class Bench : public sc_core::sc_module {
 public:
  static constexpr unsigned kIrq = 5;

  explicit Bench(BenchOptions o = {}) : sc_module(sc_core::sc_module_name("bench")), options(o) {
    mbus = std::make_unique<hw::Mbus>("mbus", hw::MbusParams{200e6, 10});
    dram = std::make_unique<hw::Dram>("dram", hw::DramParams{o.dram_mib, o.dram_bytes_per_s, 0});
    std::vector<hw::CpuCore*> list;
    for (unsigned i = 0; i < o.cpus; ++i) {
      cores.push_back(std::make_unique<hw::CpuCore>(("cpu" + std::to_string(i)).c_str(), i,
                                                    hw::CpuParams{1e9}));
      cores.back()->bus.bind(mbus->in);
      list.push_back(cores.back().get());
    }
    intc = std::make_unique<hw::Intc>("intc", list);
    mbus->out.bind(dram->socket);
    mbus->add_window({"dram", 0, dram->size(), 0, false});
    // A second window on the same memory pays for a device access: registers for readl tests.
    mbus->add_window({"device", 0xF0000000, 4096, 0, true});
    kernel_ = std::make_unique<Kernel>("kernel", o.costs, o.settings, list, *intc, *dram);
  }

  Kernel& k() { return *kernel_; }

  /// A thread that go() waits for.
  Thread& thread(const std::string& name, std::function<void()> body, int nice = 0, int cpu = -1) {
    ++running;
    return k().kthread_run(
        name,
        [this, body = std::move(body)] {
          body();
          k().sync_now();
          // Time for the cores to fall idle, so that charges and time can be compared.
          if (--running == 0) at(stamp() + kMs, [] { sc_core::sc_stop(); });
        },
        nice, cpu);
  }
  /// Hardware that acts at `when`.
  void at(Ps when, std::function<void()> act) {
    sc_core::sc_spawn(
        [when, act = std::move(act)] {
          sc_core::wait(sc_core::sc_time::from_value(when - stamp()));
          act();
        },
        sc_core::sc_gen_unique_name("at"));
  }
  /// A device with a level interrupt: raised at the times given, lowered by its handler.
  void device(unsigned irq, std::vector<Ps> times, std::function<void()> work, unsigned cpu = 0) {
    k().request_irq(
        irq,
        [this, irq, work = std::move(work)] {
          intc->set_line(irq, false);
          if (work) work();
          return true;
        },
        "device", cpu);
    for (const Ps t : times) {
      at(t, [this, irq] { intc->set_line(irq, true); });
    }
  }
  Ps charged(unsigned cpu) const {
    Ps sum = 0;
    for (std::size_t a = 0; a < hw::kActivities; ++a) {
      sum += cores[cpu]->accounted(static_cast<Activity>(a));
    }
    return sum;
  }
  /// Uses `ps` of the current core now.
  void use(Ps ps, Activity activity = Activity::user) {
    k().charge_ps(activity, ps);
    k().sync();
  }
  /// Uses `ps` as a program does: in user mode.
  void use_as_user(Ps ps) {
    k().user_mode(true);
    use(ps);
    k().user_mode(false);
  }
  void note(const std::string& what) { log.push_back(what); }

  /// Simulates until every thread() has returned, then checks that no time was lost.
  void go(Ps limit = 100 * hw::kPsPerS) {
    sc_core::sc_start(sc_core::sc_time::from_value(limit));
    ASSERT_EQ(sc_core::sc_get_status(), sc_core::SC_STOPPED)
        << running << " threads still sleep or run";
    for (unsigned i = 0; i < cores.size(); ++i) {
      const auto time = k().core_time(i);
      EXPECT_EQ(time.busy + time.idle, stamp()) << "core " << i;
      EXPECT_EQ(time.busy, charged(i)) << "core " << i;
    }
  }

  BenchOptions options;
  std::unique_ptr<hw::Mbus> mbus;
  std::unique_ptr<hw::Dram> dram;
  std::vector<std::unique_ptr<hw::CpuCore>> cores;
  std::unique_ptr<hw::Intc> intc;
  std::vector<std::string> log;
  unsigned running = 0;

 private:
  std::unique_ptr<Kernel> kernel_;
};

inline BenchOptions with_cpus(unsigned cpus) {
  BenchOptions o;
  o.cpus = cpus;
  return o;
}

using Log = std::vector<std::string>;

}  // namespace cesasim::kernel
