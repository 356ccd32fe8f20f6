// SPDX-License-Identifier: Apache-2.0
#include "kernel_model/services/dma.h"

#include <cmath>

namespace cesasim::kernel {

/// A device's reads need the lines written back; its writes need them gone (2.6: both before the
/// transfer, consistent_sync / dma_cache_maint). Both ways is one pass of clean-and-invalidate,
/// which costs what a clean does. Only lines written back move data.
void Dma::charge_maintenance(std::size_t bytes, DmaDirection direction) {
  charge_fixed();
  if (!scheduler_.settings().non_coherent_dma) return;
  const KernelCosts& costs = scheduler_.costs();
  const double lines = std::ceil(static_cast<double>(bytes) / costs.cache_line_bytes);
  if (direction != DmaDirection::from_device) {
    memory_.charge_with_dram(Activity::cache, lines * costs.dma_clean_per_line, bytes);
  } else {
    memory_.charge_with_dram(Activity::cache, lines * costs.dma_invalidate_per_line, 0);
  }
}

PhysAddr Dma::dma_map_single(PhysAddr addr, std::size_t bytes, DmaDirection direction) {
  charge_maintenance(bytes, direction);
  memory_.sanitizer_.map(addr, bytes, direction);
  return addr;
}

void Dma::dma_unmap_single(PhysAddr addr, std::size_t bytes, DmaDirection direction) {
  charge_fixed();
  memory_.sanitizer_.unmap(addr, bytes, direction);
}

void Dma::dma_sync_single_for_cpu(PhysAddr addr, std::size_t bytes, DmaDirection direction) {
  charge_fixed();
  memory_.sanitizer_.sync_for_cpu(addr, bytes, direction);
}

void Dma::dma_sync_single_for_device(PhysAddr addr, std::size_t bytes, DmaDirection direction) {
  charge_maintenance(bytes, direction);
  memory_.sanitizer_.sync_for_device(addr, bytes, direction);
}

}  // namespace cesasim::kernel
