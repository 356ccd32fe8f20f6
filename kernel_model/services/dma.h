// SPDX-License-Identifier: Apache-2.0
// The streaming DMA API: cache maintenance, and who may touch a buffer when.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hw_model/common/units.h"
#include "hw_model/memory/dma_sanitizer.h"
#include "kernel_model/services/memory.h"
#include "kernel_model/services/scheduler.h"

namespace cesasim::kernel {

class Dma {
 public:
  using DmaDirection = hw::DmaDirection;
  /// Cache maintenance and fixed cost of mapping a buffer for a device. Bus address = physical.
  /// Virtual for tests, whose kernels forget one and see whether the sanitizer finds out.
  virtual PhysAddr dma_map_single(PhysAddr addr, std::size_t bytes, DmaDirection direction);
  virtual void dma_unmap_single(PhysAddr addr, std::size_t bytes, DmaDirection direction);
  /// Gives a mapped buffer, or a part of it, to the CPU and back to the device without unmapping.
  /// As with map and unmap, the cache maintenance is done on the way to the device.
  void dma_sync_single_for_cpu(PhysAddr addr, std::size_t bytes, DmaDirection direction);
  void dma_sync_single_for_device(PhysAddr addr, std::size_t bytes, DmaDirection direction);

 protected:
  Dma(Scheduler& scheduler, Memory& memory) : scheduler_(scheduler), memory_(memory) {}
  virtual ~Dma() = default;

 private:
  void charge_fixed() { scheduler_.charge(Activity::cache, scheduler_.costs().dma_map); }
  void charge_maintenance(std::size_t bytes, DmaDirection direction);

  Scheduler& scheduler_;
  Memory& memory_;
};

}  // namespace cesasim::kernel
