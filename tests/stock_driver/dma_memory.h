// SPDX-License-Identifier: Apache-2.0
// DRAM as devices see it: 32-bit bus addresses of their own, never the host's. What the kernel
// has handed to a device at this moment is there; everything else is a bus error.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "hw_model/common/units.h"

namespace cesasim::stock {

class DmaMemory {
 public:
  static constexpr std::uint32_t kBytes = 15 << 20;
  /// Bus address of the first byte. Not 0, which ends a chain.
  static constexpr std::uint32_t kBase = 0xFFC000;

  DmaMemory();
  ~DmaMemory();
  DmaMemory(const DmaMemory&) = delete;
  DmaMemory& operator=(const DmaMemory&) = delete;

  /// A block at a multiple of `align` (a power of two) plus `offset`, with unused bytes around
  /// it; 0 if there is no room. Its bytes are garbage. Addresses come back late, so that what
  /// still points to a released block hits nothing.
  std::uint32_t allocate(std::uint32_t size, std::uint32_t align, std::uint32_t offset = 0);
  /// False if no block starts at `addr`. Afterwards the address sanitizer, where there is one,
  /// reports the processor's accesses.
  bool release(std::uint32_t addr);
  /// The processor's pointer to a live block.
  std::uint8_t* host(std::uint32_t addr);

  /// A device's transfer. False, and nothing moved, unless all of it lies in one live block.
  bool device_read(hw::PhysAddr addr, std::uint8_t* data, std::uint32_t size);
  bool device_write(hw::PhysAddr addr, const std::uint8_t* data, std::uint32_t size);

  std::size_t live_blocks() const { return blocks_.size(); }

 private:
  std::uint8_t* device_reach(hw::PhysAddr addr, std::uint32_t size);

  std::unique_ptr<std::uint8_t[]> bytes_;
  std::map<std::uint32_t, std::uint32_t> blocks_;  // live: address, size
  std::uint32_t cursor_ = kBase;
};

}  // namespace cesasim::stock
