// SPDX-License-Identifier: Apache-2.0
#include "tests/stock_driver/dma_memory.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#endif

namespace cesasim::stock {
namespace {

constexpr std::uint32_t kGuardBytes = 32;  // between two blocks
constexpr std::uint8_t kGarbage = 0xA5;

}  // namespace

DmaMemory::DmaMemory() : bytes_(new std::uint8_t[kBytes]) {
  ASAN_POISON_MEMORY_REGION(bytes_.get(), kBytes);
}

DmaMemory::~DmaMemory() { ASAN_UNPOISON_MEMORY_REGION(bytes_.get(), kBytes); }

std::uint32_t DmaMemory::allocate(std::uint32_t size, std::uint32_t align, std::uint32_t offset) {
  for (bool wrapped = false;;) {
    const std::uint32_t at = (cursor_ + align - 1) / align * align + offset;
    if (at + size + kGuardBytes > kBase + kBytes) {
      if (wrapped) return 0;
      wrapped = true;
      cursor_ = kBase;
      continue;
    }
    // The block that could be in the way is the last one that starts before this one's end.
    const auto after = blocks_.lower_bound(at + size + kGuardBytes);
    if (after != blocks_.begin()) {
      const auto& [start, bytes] = *std::prev(after);
      if (start + bytes + kGuardBytes > at) {
        cursor_ = start + bytes + kGuardBytes;
        continue;
      }
    }
    blocks_.emplace(at, size);
    cursor_ = at + size + kGuardBytes;
    ASAN_UNPOISON_MEMORY_REGION(bytes_.get() + (at - kBase), size);
    std::fill_n(bytes_.get() + (at - kBase), size, kGarbage);
    return at;
  }
}

bool DmaMemory::release(std::uint32_t addr) {
  const auto block = blocks_.find(addr);
  if (block == blocks_.end()) return false;
  std::fill_n(bytes_.get() + (addr - kBase), block->second, kGarbage);
  ASAN_POISON_MEMORY_REGION(bytes_.get() + (addr - kBase), block->second);
  blocks_.erase(block);
  return true;
}

std::uint8_t* DmaMemory::host(std::uint32_t addr) { return bytes_.get() + (addr - kBase); }

std::uint8_t* DmaMemory::device_reach(hw::PhysAddr addr, std::uint32_t size) {
  auto block = blocks_.upper_bound(static_cast<std::uint32_t>(std::min<hw::PhysAddr>(addr, ~0U)));
  if (block == blocks_.begin()) return nullptr;
  --block;
  if (addr + size > hw::PhysAddr{block->first} + block->second) return nullptr;
  return bytes_.get() + (addr - kBase);
}

bool DmaMemory::device_read(hw::PhysAddr addr, std::uint8_t* data, std::uint32_t size) {
  const std::uint8_t* from = device_reach(addr, size);
  if (from != nullptr) std::memcpy(data, from, size);
  return from != nullptr;
}

bool DmaMemory::device_write(hw::PhysAddr addr, const std::uint8_t* data, std::uint32_t size) {
  std::uint8_t* to = device_reach(addr, size);
  if (to != nullptr) std::memcpy(to, data, size);
  return to != nullptr;
}

}  // namespace cesasim::stock
