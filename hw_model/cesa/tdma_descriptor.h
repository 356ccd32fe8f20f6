// SPDX-License-Identifier: Apache-2.0
// The DMA's descriptor: 16 bytes in DRAM, little endian, aligned to 16.
#pragma once

#include <cstdint>
#include <span>

#include "hw_model/common/units.h"

namespace cesasim::hw {

struct TdmaDescriptor {
  static constexpr std::uint32_t kBytes = 16;

  std::uint32_t byte_count = 0;  ///< bits 15..0 of the first word
  bool own = false;              ///< bit 31: the DMA owns it; else the accelerator runs
  std::uint32_t src = 0;
  std::uint32_t dst = 0;
  std::uint32_t next = 0;  ///< 0 = end of the chain

  static TdmaDescriptor decode(std::span<const std::uint8_t, kBytes> bytes);
  void encode(std::span<std::uint8_t, kBytes> bytes) const;
  /// The first word as the BYTE_COUNT register shows it.
  std::uint32_t count_word() const;
};

}  // namespace cesasim::hw
