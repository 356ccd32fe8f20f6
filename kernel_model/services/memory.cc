// SPDX-License-Identifier: Apache-2.0
#include "kernel_model/services/memory.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <stdexcept>

#include "hw_model/memory/mbus_extension.h"

namespace cesasim::kernel {

namespace {
/// Costs may be varied freely; the sanitizer's lines are those of a processor that exists.
std::size_t line_bytes(const KernelCosts& costs) {
  return std::bit_floor(static_cast<std::size_t>(std::clamp(costs.cache_line_bytes, 8.0, 256.0)));
}
}  // namespace

Memory::Memory(Scheduler& scheduler, hw::Dram& dram)
    : scheduler_(scheduler),
      dram_(dram),
      sanitizer_(dram.size(), line_bytes(scheduler.costs()),
                 !scheduler.settings().non_coherent_dma),
      boot_top_(hw::kPageBytes),  // page 0 stays unused: address 0 means "no page"
      next_page_(dram.size()),
      untouched_pages_(dram.size() / hw::kPageBytes - 1) {
  sanitizer_.set_context([this] { return dma_context(); });
  dram_.set_dma_sanitizer(&sanitizer_);
}

Memory::~Memory() { dram_.set_dma_sanitizer(nullptr); }

Memory::MemoryWait::MemoryWait(Memory& memory, AllocSite site) : memory_(memory), site_(site) {
  MemoryWaiters& w = memory_.memory_waiters_[static_cast<std::size_t>(site_)];
  if (w.count++ == 0) w.since = memory_.scheduler_.now();
}

Memory::MemoryWait::~MemoryWait() {
  --memory_.memory_waiters_[static_cast<std::size_t>(site_)].count;
}

PhysAddr Memory::alloc_page(Activity activity, AllocSite site) {
  scheduler_.charge(activity, scheduler_.costs_.page_alloc);
  if (fault(hw::FaultKind::page_alloc, static_cast<std::uint64_t>(site))) return 0;
  if (!free_list_.empty()) {
    const PhysAddr page = free_list_.back();
    free_list_.pop_back();
    return page;
  }
  if (untouched_pages_ == 0) return 0;
  --untouched_pages_;
  next_page_ -= hw::kPageBytes;
  return next_page_;
}

void Memory::free_page(PhysAddr page, Activity activity) {
  if (page == 0 || page % hw::kPageBytes != 0 || page >= dram_.size()) {
    throw std::logic_error("free_page: not a page");
  }
  scheduler_.charge(activity, scheduler_.costs_.page_free);
  free_list_.push_back(page);
}

PhysAddr Memory::alloc_boot(std::size_t bytes, std::size_t align) {
  const PhysAddr start = (boot_top_ + align - 1) / align * align;
  const PhysAddr end = start + bytes;
  const std::size_t pages = (end - 1) / hw::kPageBytes - (boot_top_ - 1) / hw::kPageBytes;
  if (pages > untouched_pages_) throw std::bad_alloc();
  untouched_pages_ -= pages;
  boot_top_ = end;
  return start;
}

PhysAddr Memory::dma_alloc_coherent(std::size_t bytes) {
  const std::size_t size = (bytes + hw::kPageBytes - 1) / hw::kPageBytes * hw::kPageBytes;
  PhysAddr addr = 0;
  if (size == hw::kPageBytes && untouched_pages_ == 0 && !free_list_.empty()) {
    addr = free_list_.back();  // one that was in use before
    free_list_.pop_back();
  } else {
    addr = alloc_boot(size, hw::kPageBytes);
  }
  sanitizer_.coherent_memory(addr, size);
  return addr;
}

void Memory::charge_with_dram(Activity activity, double cycles, std::uint64_t dram_bytes) {
  hw::CpuCore& core = *scheduler_.this_cpu().core;
  scheduler_.charge_ps(activity,
                       dram_.bandwidth().transfer(hw::mbus_master_cpu(core.id()), scheduler_.now(),
                                                  dram_bytes, core.cycles(cycles)));
}

void Memory::memcpy(PhysAddr dst, PhysAddr src, std::size_t bytes) {
  const std::uint8_t* const from = cpu_read(src, bytes);
  std::memcpy(cpu_write(dst, bytes), from, bytes);
  bytes_copied_ += bytes;
  const double n = static_cast<double>(bytes);
  charge_with_dram(Activity::copy,
                   scheduler_.costs_.memcpy_setup + n * scheduler_.costs_.memcpy_per_byte,
                   static_cast<std::uint64_t>(n * scheduler_.costs_.memcpy_dram_bytes_per_byte));
}

hw::DmaContext Memory::dma_context() const {
  if (scheduler_.current_ == nullptr) return {};  // before the first thread runs
  return {&scheduler_.current_->name(), scheduler_.now(), scheduler_.smp_processor_id(),
          scheduler_.this_cpu().in_interrupt()};
}

}  // namespace cesasim::kernel
