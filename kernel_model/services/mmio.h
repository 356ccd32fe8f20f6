// SPDX-License-Identifier: Apache-2.0
// Accesses to devices' registers and memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hw_model/common/units.h"
#include "kernel_model/services/memory.h"
#include "kernel_model/services/scheduler.h"

namespace cesasim::kernel {

class Mmio {
 public:
  std::uint32_t readl(PhysAddr addr, Activity activity);
  void writel(std::uint32_t value, PhysAddr addr, Activity activity);
  /// A posted write that the device does not act on before a later writel (set-up of an idle
  /// engine): done without synchronising, so early by at most the local time not yet waited for.
  void writel_relaxed(std::uint32_t value, PhysAddr addr, Activity activity);
  /// Copies between memory and a device's memory, word by word and uncached: charged as
  /// Activity::copy with the DRAM's share, counted in bytes_copied(). A synchronisation point.
  void memcpy_toio(PhysAddr dst_io, PhysAddr src, std::size_t bytes);
  void memcpy_fromio(PhysAddr dst, PhysAddr src_io, std::size_t bytes);
  /// The same for what a driver has at hand (descriptors, keys): no data copy, no DRAM traffic.
  void toio(PhysAddr dst_io, const void* src, std::size_t bytes, Activity activity);
  void fromio(void* dst, PhysAddr src_io, std::size_t bytes, Activity activity);

 protected:
  Mmio(Scheduler& scheduler, Memory& memory) : scheduler_(scheduler), memory_(memory) {}
  ~Mmio() = default;

 private:
  sc_core::sc_time local_time() const;
  void trace(bool write, PhysAddr addr, std::uint32_t value) const {
    if (scheduler_.tracer_ == nullptr) return;
    scheduler_.tracer_->mmio(write, addr, value, scheduler_.smp_processor_id(), scheduler_.now());
  }

  Scheduler& scheduler_;
  Memory& memory_;
};

}  // namespace cesasim::kernel
