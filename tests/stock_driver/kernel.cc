// SPDX-License-Identifier: Apache-2.0
// Lists, locks, memory, devices, interrupts.
#include "tests/stock_driver/kernel.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/text/hex.h"
#include "tests/stock_driver/simulated_kernel.h"

// The one global of the driver.
extern "C" struct mv_cesa_dev* cesa_dev;

namespace cesasim::stock {
namespace {

SimulatedKernel* g_kernel = nullptr;

}  // namespace

SimulatedKernel::SimulatedKernel(Machine& soc) : machine(soc) {
  if (g_kernel != nullptr) std::abort();
  g_kernel = this;
}

SimulatedKernel::~SimulatedKernel() {
  // The module is unloaded: the next kernel loads it with fresh data. (Its own remove leaves the
  // pointer dangling.)
  cesa_dev = nullptr;
  g_kernel = nullptr;
}

SimulatedKernel& SimulatedKernel::current() {
  if (g_kernel == nullptr) std::abort();
  return *g_kernel;
}

void SimulatedKernel::report(std::string text) { reports_.push_back(std::move(text)); }

std::vector<std::string> SimulatedKernel::take_reports() { return std::exchange(reports_, {}); }

void SimulatedKernel::may_sleep(const char* what) {
  if (atomic_depth > 0) report(std::string(what) + " in atomic context");
}

bool SimulatedKernel::pool_allocation_fails() {
  if (!fail_pool_in_) return false;
  if (*fail_pool_in_ > 0) {
    --*fail_pool_in_;
    return false;
  }
  fail_pool_in_.reset();
  return true;
}

int SimulatedKernel::probe(platform_device& pdev) {
  device = &pdev;
  const int error = kernel_module->probe(&pdev);
  if (error != 0) device = nullptr;
  return error;
}

void SimulatedKernel::remove() {
  if (device == nullptr) return;
#if STOCK_LINUX_AT_LEAST(6, 11)
  kernel_module->remove(device);
#else
  if (kernel_module->remove_new != nullptr) {
    kernel_module->remove_new(device);
  } else {
    kernel_module->remove(device);
  }
#endif
  for (const auto& alg : skciphers) report(std::string(alg->base.cra_driver_name) + " is left");
  for (const auto& alg : ahashes) report(std::string(alg->halg.base.cra_driver_name) + " is left");
  for (const auto& c : clocks) {
    if (c->enabled != 0) report("clock " + c->name + " is left enabled");
  }
  for (const auto& [line, irq] : irqs) {
    if (irq.affinity_hint) report("interrupt " + std::to_string(line) + " keeps its affinity hint");
  }
  // Managed resources go after the driver's own remove.
  irqs.clear();
  for (const auto& pool : pools) {
    if (!pool->live.empty()) {
      report("dma_pool_destroy " + pool->name + ": " + std::to_string(pool->live.size()) +
             " objects busy");
    }
    for (const auto& [addr, object] : pool->live) memory.release(addr);
  }
  pools.clear();
  clocks.clear();
  devm.clear();
  for (const auto& [addr, m] : mappings) report("mapping " + hex(addr) + " is left");
  for (const auto& [addr, size] : resources) report("resource " + hex(addr) + " is left mapped");
  if (!allocations.empty()) report(std::to_string(allocations.size()) + " kcallocs are left");
  allocations.clear();
  device = nullptr;
}

bool SimulatedKernel::deliver_interrupts() {
  if (hold_interrupts_) return false;
  bool any = false;
  for (auto& [line, irq] : irqs) {
    if (irq.running || irq.disabled || !machine.irq(line)) continue;
    any = true;
    irq.running = true;
    ++irq.delivered;
    const irqreturn_t result = irq.thread_fn(line, irq.arg);
    irq.running = false;
    if (result == IRQ_NONE && machine.irq(line)) {
      report("irq " + std::to_string(line) + ": nobody cared");
      irq.disabled = true;
    }
  }
  return any;
}

bool SimulatedKernel::run_until(const std::function<bool()>& done) {
  while (!done()) {
    if (!deliver_interrupts() && !machine.advance()) return false;
  }
  return true;
}

void SimulatedKernel::run_until_quiet() {
  run_until([] { return false; });
}

irqreturn_t SimulatedKernel::spurious_interrupt(int line) {
  const Irq& irq = irqs.at(line);
  return irq.thread_fn(line, irq.arg);
}

std::uint64_t SimulatedKernel::interrupts_delivered(int line) const {
  const auto irq = irqs.find(line);
  return irq == irqs.end() ? 0 : irq->second.delivered;
}

}  // namespace cesasim::stock

using cesasim::stock::SimulatedKernel;

namespace {

SimulatedKernel& kernel() { return SimulatedKernel::current(); }

// What ioremap gives: the physical address, no place in the process.
void* cookie(std::uint64_t phys) {
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(phys));
}
std::uint32_t phys(const void* addr) {
  return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(addr));
}

void* error_pointer(int error) { return cookie(static_cast<std::uint64_t>(std::int64_t{error})); }

// An access to a gated unit hangs the bus.
void check_clocks() {
  for (const auto& c : kernel().clocks) {
    if (c->enabled > 0) return;
  }
  if (!kernel().clocks.empty()) kernel().report("register access with every clock off");
}

std::uint8_t* zeroed(std::size_t size) { return new std::uint8_t[size](); }

}  // namespace

// --- Lists, locks, completions

void INIT_LIST_HEAD(list_head* list) { list->next = list->prev = list; }

void list_add_tail(list_head* entry, list_head* head) {
  entry->next = head;
  entry->prev = head->prev;
  head->prev->next = entry;
  head->prev = entry;
}

void list_del(list_head* entry) {
  entry->prev->next = entry->next;
  entry->next->prev = entry->prev;
  entry->next = entry->prev = nullptr;
}

void spin_lock_init(spinlock_t* lock) { lock->held = false; }

void spin_lock_bh(spinlock_t* lock) {
  local_bh_disable();
  if (lock->held) kernel().report("spinlock taken twice");
  lock->held = true;
}

void spin_unlock_bh(spinlock_t* lock) {
  if (!lock->held) kernel().report("spinlock released that is not held");
  lock->held = false;
  local_bh_enable();
}

void local_bh_disable() { ++kernel().atomic_depth; }

void local_bh_enable() {
  if (--kernel().atomic_depth < 0) kernel().report("bottom halves enabled that are not disabled");
}

void init_completion(completion* c) { c->done = false; }
void complete(completion* c) { c->done = true; }

int wait_for_completion_interruptible(completion* c) {
  kernel().may_sleep("wait_for_completion");
  if (kernel().run_until([c] { return c->done; })) {
    c->done = false;
    return 0;
  }
  kernel().report("hung task: nothing will complete what it waits for");
  return -EINTR;  // as if a signal had ended the wait
}

void wait_for_completion(completion* c) { wait_for_completion_interruptible(c); }

// --- Memory

void* kcalloc(std::size_t n, std::size_t size, gfp_t flags) {
  if (flags == GFP_KERNEL) kernel().may_sleep("kcalloc(GFP_KERNEL)");
  std::unique_ptr<std::uint8_t[]> memory(zeroed(n * size));
  void* p = memory.get();
  kernel().allocations.emplace(p, std::move(memory));
  return p;
}

void* kmemdup(const void* from, std::size_t size, gfp_t flags) {
  return std::memcpy(kcalloc(1, size, flags), from, size);
}

void kfree(const void* p) {
  if (p != nullptr && kernel().allocations.erase(p) == 0) kernel().report("kfree of what is free");
}

// --- Devices

resource* platform_get_resource_byname(platform_device* pdev, unsigned, const char* name) {
  for (resource& r : pdev->mem) {
    if (r.name != nullptr && std::strcmp(r.name, name) == 0) return &r;
  }
  return nullptr;
}

int platform_get_irq(platform_device* pdev, unsigned index) {
  return index < 2 && pdev->irq[index] != 0 ? pdev->irq[index] : -ENXIO;
}

const of_device_id* of_match_node(const of_device_id* table, const device_node* node) {
  for (; table->compatible[0] != '\0'; ++table) {
    if (std::strcmp(table->compatible, node->compatible) == 0) return table;
  }
  return nullptr;
}

int of_property_read_u32(const device_node* node, const char* property, u32* out) {
  if (node == nullptr || node->crypto_sram_size == 0 ||
      std::strcmp(property, "marvell,crypto-sram-size") != 0) {
    return -EINVAL;
  }
  *out = node->crypto_sram_size;
  return 0;
}

gen_pool* of_gen_pool_get(device_node* node, const char* property, int index) {
  const bool here = node != nullptr && std::strcmp(property, "marvell,crypto-srams") == 0;
  return here && index < 2 ? node->crypto_srams[index] : nullptr;
}

void* gen_pool_dma_alloc(gen_pool* pool, std::size_t size, dma_addr_t* dma) {
  if (pool->taken || size > pool->size) return nullptr;
  pool->taken = true;
  *dma = pool->dma;
  return pool->memory;
}

void gen_pool_free(gen_pool* pool, unsigned long addr, std::size_t) {
  if (!pool->taken || reinterpret_cast<std::uint8_t*>(addr) != pool->memory) {
    kernel().report("gen_pool_free of what is free");
  }
  pool->taken = false;
}

void* devm_kcalloc(device*, std::size_t n, std::size_t size, gfp_t) {
  return kernel().devm.emplace_back(zeroed(n * size)).get();
}

void* devm_ioremap_resource(device*, const resource* res) {
  return res != nullptr ? cookie(res->start) : error_pointer(-EINVAL);
}

void* devm_platform_ioremap_resource_byname(platform_device* pdev, const char* name) {
  return devm_ioremap_resource(&pdev->dev, platform_get_resource_byname(pdev, 0, name));
}

// A clock for every engine by its name, as on Armada; without a name there is none.
clk* devm_clk_get(device*, const char* name) {
  if (name == nullptr || std::strncmp(name, "cesaz", 5) == 0) {
    return static_cast<clk*>(error_pointer(-ENOENT));
  }
  kernel().clocks.push_back(std::make_unique<clk>(clk{name}));
  return kernel().clocks.back().get();
}

int clk_prepare_enable(clk* c) {
  if (c != nullptr) ++c->enabled;
  return 0;
}

void clk_disable_unprepare(clk* c) {
  if (c != nullptr && --c->enabled < 0) kernel().report("clock " + c->name + " disabled twice");
}

int devm_request_threaded_irq(device*, unsigned irq, irq_handler_t handler, irq_handler_t thread_fn,
                              unsigned long flags, const char*, void* arg) {
  const int line = static_cast<int>(irq);
  if (kernel().irqs.count(line) != 0) return -EBUSY;
  // Without a hard handler nothing quietens a level, so the line must stay masked.
  if (handler != nullptr || thread_fn == nullptr || flags != IRQF_ONESHOT) return -EINVAL;
  SimulatedKernel::Irq& entry = kernel().irqs[line];
  entry.thread_fn = thread_fn;
  entry.arg = arg;
  return 0;
}

struct cpumask {};
const cpumask* get_cpu_mask(unsigned cpu) {
  static const cpumask masks[2];
  return &masks[cpu % 2];
}
unsigned cpumask_local_spread(unsigned i, int) { return i; }

int irq_set_affinity_hint(unsigned irq, const cpumask* mask) {
  const auto entry = kernel().irqs.find(static_cast<int>(irq));
  if (entry == kernel().irqs.end()) return -EINVAL;
  entry->second.affinity_hint = mask != nullptr;
  return 0;
}

u32 readl(const void* addr) {
  check_clocks();
  return kernel().machine.read32(phys(addr));
}
void writel(u32 value, void* addr) {
  check_clocks();
  kernel().machine.write32(phys(addr), value);
}
void memcpy_toio(void* to, const void* from, std::size_t size) {
  kernel().machine.copy_in(phys(to), from, size);
}
void memcpy_fromio(void* to, const void* from, std::size_t size) {
  kernel().machine.copy_out(phys(from), to, size);
}

void kernel_log(const device* dev, bool error, const char* format, ...) {
  char text[256];
  std::va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof text, format, args);
  va_end(args);
  std::string line = std::string(dev->name) + ": " + text;
  if (line.back() == '\n') line.pop_back();
  if (error) kernel().report(std::move(line));
}

void kernel_warn(const char* file, int line, const char* condition) {
  kernel().report(std::string("WARN_ON at ") + file + ":" + std::to_string(line) + ": " +
                  condition);
}
