// SPDX-License-Identifier: Apache-2.0
// Scatterlists, DMA mapping, DMA pools.
//
// A mapped buffer is copied to a block of DmaMemory and, if the device may write it, back when
// it is unmapped: what swiotlb does, and what a cache that nobody keeps coherent looks like. A
// driver that lets a request's owner look before the unmap shows stale data.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

#include "tests/stock_driver/kernel.h"
#include "tests/stock_driver/simulated_kernel.h"

using cesasim::stock::DmaMemory;
using cesasim::stock::SimulatedKernel;

namespace {

// The address inside a burst stays the processor's, as it does on a machine without an IOMMU.
constexpr std::uint32_t kBurstBytes = 128;

SimulatedKernel& kernel() { return SimulatedKernel::current(); }

}  // namespace

// --- Scatterlists

void sg_init_table(scatterlist* sg, unsigned entries) {
  for (unsigned i = 0; i < entries; ++i) sg[i] = {nullptr, 0, i + 1 == entries, 0};
}

void sg_set_buf(scatterlist* sg, const void* buf, unsigned length) {
  sg->buf = const_cast<void*>(buf);
  sg->length = length;
}

void sg_init_one(scatterlist* sg, const void* buf, unsigned length) {
  sg_init_table(sg, 1);
  sg_set_buf(sg, buf, length);
}

scatterlist* sg_next(scatterlist* sg) { return sg->last ? nullptr : sg + 1; }
bool sg_is_last(const scatterlist* sg) { return sg->last; }

int sg_nents_for_len(scatterlist* sg, u64 len) {
  if (len == 0) return 0;
  u64 total = 0;
  int entries = 0;
  for (; sg != nullptr; sg = sg_next(sg)) {
    ++entries;
    total += sg->length;
    if (total >= len) return entries;
  }
  return -EINVAL;
}

void sg_miter_start(sg_mapping_iter* iter, scatterlist* sg, unsigned entries, unsigned) {
  *iter = {nullptr, 0, sg, entries, 0};
}

bool sg_miter_skip(sg_mapping_iter* iter, off_t offset) {
  for (iter->offset += static_cast<std::size_t>(offset); iter->entries > 0; --iter->entries) {
    if (iter->offset < iter->sg->length || iter->offset == 0) return true;
    iter->offset -= iter->sg->length;
    iter->sg = sg_next(iter->sg);
  }
  return iter->offset == 0;
}

bool sg_miter_next(sg_mapping_iter* iter) {
  if (!sg_miter_skip(iter, 0)) return false;
  if (iter->entries == 0) return false;
  iter->addr = static_cast<std::uint8_t*>(iter->sg->buf) + iter->offset;
  iter->length = iter->sg->length - iter->offset;
  iter->offset = iter->sg->length;
  return true;
}

void sg_miter_stop(sg_mapping_iter* iter) { *iter = {}; }

std::size_t sg_pcopy_to_buffer(scatterlist* sg, unsigned entries, void* to, std::size_t size,
                               off_t skip) {
  sg_mapping_iter iter;
  sg_miter_start(&iter, sg, entries, SG_MITER_ATOMIC | SG_MITER_FROM_SG);
  std::size_t done = 0;
  if (sg_miter_skip(&iter, skip)) {
    while (done < size && sg_miter_next(&iter)) {
      const std::size_t part = std::min(iter.length, size - done);
      std::memcpy(static_cast<std::uint8_t*>(to) + done, iter.addr, part);
      done += part;
    }
  }
  sg_miter_stop(&iter);
  return done;
}

// --- Streaming mappings

int dma_map_sg(device*, scatterlist* sg, int entries, dma_data_direction dir) {
  if (entries <= 0) kernel().report("dma_map_sg of " + std::to_string(entries) + " entries");
  for (int i = 0; i < entries; ++i, sg = sg_next(sg)) {
    const auto low = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(sg->buf));
    sg->dma_address = kernel().memory.allocate(sg->length, kBurstBytes, low % kBurstBytes);
    if (sg->dma_address == 0) return 0;  // the tests stay far below the memory's size
    std::memcpy(kernel().memory.host(sg->dma_address), sg->buf, sg->length);
    kernel().mappings[sg->dma_address] = {sg->buf, sg->length, dir};
  }
  return entries;
}

void dma_unmap_sg(device*, scatterlist* sg, int entries, dma_data_direction dir) {
  for (int i = 0; i < entries; ++i, sg = sg_next(sg)) {
    const auto at = kernel().mappings.find(sg->dma_address);
    if (at == kernel().mappings.end()) {
      kernel().report("dma_unmap_sg of what is not mapped");
      continue;
    }
    if (at->second.dir != dir) kernel().report("dma_unmap_sg in another direction");
    const std::uint8_t* bounce = kernel().memory.host(at->first);
    if (at->second.dir != DMA_TO_DEVICE) {
      std::memcpy(at->second.cpu, bounce, at->second.size);
    } else if (std::memcmp(at->second.cpu, bounce, at->second.size) != 0) {
      kernel().report("a buffer mapped to the device only was written while it was mapped");
    }
    kernel().memory.release(at->first);
    kernel().mappings.erase(at);
  }
}

dma_addr_t dma_map_resource(device*, u64 phys, std::size_t size, dma_data_direction,
                            unsigned long) {
  const auto addr = static_cast<dma_addr_t>(phys);
  if (!kernel().resources.emplace(addr, size).second) kernel().report("resource mapped twice");
  return addr;
}

void dma_unmap_resource(device*, dma_addr_t addr, std::size_t size, dma_data_direction,
                        unsigned long) {
  const auto at = kernel().resources.find(addr);
  if (at == kernel().resources.end() || at->second != size) {
    kernel().report("dma_unmap_resource of what is not mapped");
    return;
  }
  kernel().resources.erase(at);
}

int dma_mapping_error(device*, dma_addr_t addr) { return addr == 0 ? -ENOMEM : 0; }

// Two chip selects that meet inside the memory, so that both windows of the unit are in use and
// some buffer lies across.
const mbus_dram_target_info* mv_mbus_dram_info_nooverlap() {
  constexpr std::uint32_t kChipSelect = 0x1000000;
  static_assert(DmaMemory::kBase < kChipSelect &&
                DmaMemory::kBase + DmaMemory::kBytes <= 2 * kChipSelect);
  static const mbus_dram_target_info info = {
      0, 2, {{0, 0xe, 0, kChipSelect}, {1, 0xd, kChipSelect, kChipSelect}}};
  return &info;
}

// --- Pools

dma_pool* dmam_pool_create(const char* name, device*, std::size_t size, std::size_t align,
                           std::size_t) {
  kernel().pools.push_back(std::make_unique<dma_pool>(
      dma_pool{name, static_cast<std::uint32_t>(size), static_cast<std::uint32_t>(align), {}}));
  return kernel().pools.back().get();
}

void* dma_pool_alloc(dma_pool* pool, gfp_t flags, dma_addr_t* dma) {
  if (flags == GFP_KERNEL) kernel().may_sleep("dma_pool_alloc(GFP_KERNEL)");
  if (kernel().pool_allocation_fails()) return nullptr;
  // Objects also carry the driver's pointers, whatever alignment the device needs.
  const std::uint32_t align = std::max<std::uint32_t>(pool->align, alignof(std::max_align_t));
  *dma = kernel().memory.allocate(pool->size, align);
  if (*dma == 0) return nullptr;
  void* object = kernel().memory.host(*dma);
  pool->live.emplace(*dma, object);
  return object;
}

void* dma_pool_zalloc(dma_pool* pool, gfp_t flags, dma_addr_t* dma) {
  void* object = dma_pool_alloc(pool, flags, dma);
  if (object != nullptr) std::memset(object, 0, pool->size);
  return object;
}

void dma_pool_free(dma_pool* pool, void* object, dma_addr_t dma) {
  const auto at = pool->live.find(dma);
  if (at == pool->live.end()) {
    kernel().report("dma_pool_free " + pool->name + ": already free");
    return;
  }
  if (at->second != object) kernel().report("dma_pool_free " + pool->name + ": two addresses");
  pool->live.erase(at);
  kernel().memory.release(dma);
}
