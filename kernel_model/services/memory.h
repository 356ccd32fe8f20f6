// SPDX-License-Identifier: Apache-2.0
// Pages and slabs of the modelled DRAM, copies, and what the processor does with memory that
// devices use too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "hw_model/common/fault.h"
#include "hw_model/common/units.h"
#include "hw_model/memory/dma_sanitizer.h"
#include "hw_model/memory/dram.h"
#include "kernel_model/services/scheduler.h"

namespace cesasim::kernel {

using hw::AllocSite;
using hw::PhysAddr;

class Memory {
 public:
  /// Fault injection from here on; not owned, nullptr: none.
  void set_faults(hw::FaultPlan* plan) { faults_ = plan; }
  /// For drivers: whether a fault happens here and now.
  bool fault(hw::FaultKind kind, std::uint64_t where = 0) {
    return faults_ != nullptr && faults_->has(kind) &&
           faults_->fires(kind, scheduler_.now(), where);
  }
  /// One object from a slab cache, as charge_slab_alloc(); false if there is none
  /// (FaultKind::request_alloc; the modelled slabs themselves never run out).
  bool slab_alloc(Activity activity, AllocSite site) {
    charge_slab_alloc(activity);
    return !fault(hw::FaultKind::request_alloc, static_cast<std::uint64_t>(site));
  }
  void charge_slab_alloc(Activity activity) {
    scheduler_.charge(activity, scheduler_.costs().slab_alloc);
  }
  void charge_slab_free(Activity activity) {
    scheduler_.charge(activity, scheduler_.costs().slab_free);
  }
  /// One 4 KiB page of the modelled DRAM for `site`; charges page_alloc. Returns 0 when none is
  /// left, or on FaultKind::page_alloc.
  PhysAddr alloc_page(Activity activity, AllocSite site);
  /// Throws std::logic_error for what is no page.
  void free_page(PhysAddr page, Activity activity);
  std::size_t free_pages() const { return free_list_.size() + untouched_pages_; }
  /// Whoever waits for memory holds one of these meanwhile, so that a run that starves can say so.
  class MemoryWait {
   public:
    MemoryWait(Memory& memory, AllocSite site);
    ~MemoryWait();
    MemoryWait(const MemoryWait&) = delete;

   private:
    Memory& memory_;
    AllocSite site_;
  };
  /// Those who wait at one place.
  struct MemoryWaiters {
    unsigned count = 0;
    hw::Ps since = 0;  ///< there has always been one since then
  };
  const MemoryWaiters& memory_waiters(AllocSite site) const {
    return memory_waiters_[static_cast<std::size_t>(site)];
  }
  /// Physically contiguous memory set aside for good: uncharged, never freed, from before the
  /// first thread runs or later. Throws std::bad_alloc when the modelled DRAM is full.
  PhysAddr alloc_boot(std::size_t bytes, std::size_t align);
  /// Coherent (uncached) memory that a driver shares with its device, whole pages as in 2.6.
  /// A driver's pools keep what they get, so it is never freed; callable at any time. Not
  /// charged: growing a pool is rare and its cost is the pool's. Throws std::bad_alloc.
  PhysAddr dma_alloc_coherent(std::size_t bytes);
  /// Where the bytes at `addr` really are. For coherent memory and for what is no part of the
  /// modelled software (checkers, tests): the DMA sanitizer does not see accesses through it.
  std::uint8_t* phys_to_virt(PhysAddr addr) { return dram_.host(addr); }
  /// The same for modelled software that reads, writes or reads and writes these bytes now.
  /// Reported to the DMA sanitizer; charges nothing.
  const std::uint8_t* cpu_read(PhysAddr addr, std::size_t bytes) {
    sanitizer_.cpu_read(addr, bytes);
    return dram_.host(addr);
  }
  std::uint8_t* cpu_write(PhysAddr addr, std::size_t bytes) {
    sanitizer_.cpu_write(addr, bytes);
    return dram_.host(addr);
  }
  std::uint8_t* cpu_update(PhysAddr addr, std::size_t bytes) {
    sanitizer_.cpu_read(addr, bytes);
    return cpu_write(addr, bytes);
  }
  /// Copies between two places of the modelled DRAM, charged as Activity::copy with its share
  /// of DRAM bandwidth and counted in bytes_copied().
  void memcpy(PhysAddr dst, PhysAddr src, std::size_t bytes);
  std::uint64_t bytes_copied() const { return bytes_copied_; }
  /// Books the DRAM traffic of work done by the current core and stretches it if the memory
  /// is busy: charges `activity` with what `cycles` of work on `dram_bytes` take.
  void charge_with_dram(Activity activity, double cycles, std::uint64_t dram_bytes);
  const hw::DmaSanitizer& dma_sanitizer() const { return sanitizer_; }

 protected:
  Memory(Scheduler& scheduler, hw::Dram& dram);
  ~Memory();

 private:
  friend class Dma;
  friend class Mmio;
  hw::DmaContext dma_context() const;

  Scheduler& scheduler_;
  hw::Dram& dram_;
  hw::DmaSanitizer sanitizer_;
  hw::FaultPlan* faults_ = nullptr;
  std::array<MemoryWaiters, static_cast<std::size_t>(AllocSite::count)> memory_waiters_{};
  std::uint64_t bytes_copied_ = 0;
  std::vector<PhysAddr> free_list_;
  PhysAddr boot_top_ = 0;
  PhysAddr next_page_ = 0;
  std::size_t untouched_pages_ = 0;
};

}  // namespace cesasim::kernel
