// SPDX-License-Identifier: Apache-2.0
// The kernel's side of kernel.h: what a driver was given and has not given back, which rules it
// broke, and the one thread that runs it all.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/stock_driver/dma_memory.h"
#include "tests/stock_driver/kernel.h"

namespace cesasim::stock {

/// The SoC under the kernel. Addresses are physical.
class Machine {
 public:
  virtual ~Machine() = default;
  virtual std::uint32_t read32(std::uint32_t addr) = 0;
  virtual void write32(std::uint32_t addr, std::uint32_t value) = 0;
  virtual void copy_in(std::uint32_t addr, const void* from, std::size_t size) = 0;
  virtual void copy_out(std::uint32_t addr, void* to, std::size_t size) = 0;
  /// Lets simulated time go on to the next thing that happens; false if nothing will.
  virtual bool advance() = 0;
  virtual bool irq(int line) const = 0;
};

/// One at a time: the driver has globals.
class SimulatedKernel {
 public:
  explicit SimulatedKernel(Machine& machine);
  ~SimulatedKernel();
  SimulatedKernel(const SimulatedKernel&) = delete;
  SimulatedKernel& operator=(const SimulatedKernel&) = delete;

  /// Binds the driver that is linked in to the device. `pdev` outlives the binding.
  int probe(platform_device& pdev);
  /// Unbinds it; what it leaves behind is reported.
  void remove();

  /// Delivers interrupts and advances the machine until `done`; false if nothing happens any
  /// more and it is still not: what would be a hang.
  bool run_until(const std::function<bool()>& done);
  /// Until nothing happens any more.
  void run_until_quiet();
  /// Calls the thread function of an interrupt, as after an edge that no device made.
  irqreturn_t spurious_interrupt(int line);
  /// While true no interrupt reaches the driver.
  void hold_interrupts(bool hold) { hold_interrupts_ = hold; }
  /// The n-th allocation from a DMA pool from now (0 is the next) fails; it and no other.
  void fail_pool_allocation(unsigned n) { fail_pool_in_ = n; }
  bool pool_failure_pending() const { return fail_pool_in_.has_value(); }

  /// Broken rules and kernel warnings since the last call, oldest first.
  std::vector<std::string> take_reports();
  std::uint64_t interrupts_delivered(int line) const;
  std::size_t registered_algorithms() const { return skciphers.size() + ahashes.size(); }

  // --- For the kernel's own files.
  static SimulatedKernel& current();
  void report(std::string text);
  bool pool_allocation_fails();
  /// Reports what may sleep where it must not.
  void may_sleep(const char* what);

  struct Irq {
    irq_handler_t thread_fn = nullptr;
    void* arg = nullptr;
    bool affinity_hint = false;
    bool running = false;
    bool disabled = false;
    std::uint64_t delivered = 0;
  };
  struct Mapping {
    void* cpu;
    unsigned size;
    dma_data_direction dir;
  };

  Machine& machine;
  DmaMemory memory;
  platform_device* device = nullptr;
  int atomic_depth = 0;
  std::map<int, Irq> irqs;
  std::map<dma_addr_t, Mapping> mappings;
  std::map<dma_addr_t, std::size_t> resources;  // mapped for DMA
  std::list<std::unique_ptr<dma_pool>> pools;
  std::vector<std::unique_ptr<std::uint8_t[]>> devm;
  std::map<const void*, std::unique_ptr<std::uint8_t[]>> allocations;
  std::list<std::unique_ptr<clk>> clocks;
  std::vector<skcipher_alg*> skciphers;
  std::vector<ahash_alg*> ahashes;
  std::map<const crypto_alg*, int> tfms;  // live

 private:
  bool deliver_interrupts();

  bool hold_interrupts_ = false;
  std::optional<unsigned> fail_pool_in_;
  std::vector<std::string> reports_;
};

}  // namespace cesasim::stock

/// On-chip memory handed out whole, as the drivers of these SoCs use it.
struct gen_pool {
  std::uint8_t* memory = nullptr;
  dma_addr_t dma = 0;
  std::size_t size = 0;
  bool taken = false;
};

struct clk {
  std::string name;
  int enabled = 0;
};

struct dma_pool {
  std::string name;
  std::uint32_t size = 0;
  std::uint32_t align = 0;
  std::map<dma_addr_t, void*> live;
};
