// SPDX-License-Identifier: Apache-2.0
// Where the drivers that use the Linux layout of the SRAM put things.
#pragma once

#include <cstdint>

#include "driver/cesa/platform.h"

namespace cesasim::driver {

/// Offsets from an engine's first usable byte.
inline constexpr std::uint32_t kSramDescAt = 0x00;
inline constexpr std::uint32_t kSramKeyAt = 0x20;
inline constexpr std::uint32_t kSramIvAt = 0x40;
inline constexpr std::uint32_t kSramDataAt = 0x80;

/// The usable part of an engine's SRAM.
struct CesaSram {
  CesaSram(const CesaPlatform& platform, const CesaPlatform::Engine& engine)
      : bus(engine.sram + platform.sram_reserved_bytes),
        offset(static_cast<std::uint32_t>(bus & 0x7FF)),
        payload((platform.sram_bytes - platform.sram_reserved_bytes - kSramDataAt) & ~0xFu) {}

  hw::PhysAddr bus;       ///< first usable byte, bus address
  std::uint32_t offset;   ///< the same as the engine's descriptors have it
  std::uint32_t payload;  ///< data bytes of one operation: whole cipher blocks only
};

}  // namespace cesasim::driver
