// SPDX-License-Identifier: Apache-2.0
// The crypto ring's register map (docs/ring.md, section 2): the unit's page and the page that
// each ring has, as tables of the same kind as the CESA's.
#pragma once

#include <cstdint>
#include <span>

#include "hw_model/registers/register_table.h"

namespace cesasim::hw {

/// Offsets in the unit's page.
namespace ring_unit_reg {
inline constexpr std::uint32_t kId = 0x00;
inline constexpr std::uint32_t kVersion = 0x04;
inline constexpr std::uint32_t kCaps0 = 0x08;
inline constexpr std::uint32_t kCaps1 = 0x0C;
inline constexpr std::uint32_t kAlgorithms = 0x10;
inline constexpr std::uint32_t kControl = 0x14;
inline constexpr std::uint32_t kStatus = 0x18;
inline constexpr std::uint32_t kIntSummary = 0x1C;
inline constexpr std::uint32_t kKeyCommand = 0x20;
inline constexpr std::uint32_t kKeyValid = 0x24;
inline constexpr unsigned kKeyWords = 16;
constexpr std::uint32_t key_data(unsigned word) { return 0x40 + 4 * word; }
}  // namespace ring_unit_reg

/// Offsets in a ring's page.
namespace ring_reg {
inline constexpr std::uint32_t kSqBaseLo = 0x00;
inline constexpr std::uint32_t kSqBaseHi = 0x04;
inline constexpr std::uint32_t kSqSize = 0x08;
inline constexpr std::uint32_t kCqBaseLo = 0x0C;
inline constexpr std::uint32_t kCqBaseHi = 0x10;
inline constexpr std::uint32_t kCqSize = 0x14;
inline constexpr std::uint32_t kShadowLo = 0x18;
inline constexpr std::uint32_t kShadowHi = 0x1C;
inline constexpr std::uint32_t kIndexLo = 0x20;
inline constexpr std::uint32_t kIndexHi = 0x24;
inline constexpr std::uint32_t kConfig = 0x28;
inline constexpr std::uint32_t kCommand = 0x2C;
inline constexpr std::uint32_t kStatus = 0x30;
inline constexpr std::uint32_t kSqProducer = 0x34;
inline constexpr std::uint32_t kSqConsumer = 0x38;
inline constexpr std::uint32_t kCqProducer = 0x3C;
inline constexpr std::uint32_t kCqConsumer = 0x40;
inline constexpr std::uint32_t kIntCause = 0x44;
inline constexpr std::uint32_t kIntMask = 0x48;
inline constexpr std::uint32_t kCoalesceCount = 0x4C;
inline constexpr std::uint32_t kCoalesceTime = 0x50;
inline constexpr std::uint32_t kError = 0x54;

inline constexpr std::uint32_t kPageBytes = 0x1000;
inline constexpr std::uint32_t kWindowBytes = 0x10000;
inline constexpr std::uint32_t kSizeMin = 1;   ///< log2
inline constexpr std::uint32_t kSizeMax = 12;  ///< log2
/// Start of a ring's page in the window.
constexpr std::uint32_t page(unsigned ring) { return kPageBytes * (ring + 1); }
}  // namespace ring_reg

namespace ring_bit {
inline constexpr std::uint32_t kId = 0x474E4952;  ///< "RING"
inline constexpr std::uint32_t kVersion = 0x00010001;
namespace algorithms {
inline constexpr std::uint32_t kXts = 1u << 16;  ///< the mode, with AES
}  // namespace algorithms
namespace control {
inline constexpr std::uint32_t kReset = 1u << 0;
}  // namespace control
namespace key_command {
inline constexpr std::uint32_t kErase = 1u << 30;
inline constexpr std::uint32_t kLoad = 1u << 31;
constexpr std::uint32_t slot(std::uint32_t v) { return v & 0x1F; }
/// The size field for a key of 8, 16, 24, 32 or 64 bytes, and back; 0 for a code that is none.
constexpr std::uint32_t size(std::uint32_t bytes) {
  return (bytes == 8 ? 3 : bytes == 64 ? 4 : (bytes - 16) / 8) << 8;
}
constexpr std::uint32_t key_bytes(std::uint32_t v) {
  constexpr std::uint32_t kBytes[] = {16, 24, 32, 8, 64, 0, 0, 0};
  return kBytes[v >> 8 & 7];
}
}  // namespace key_command
namespace config {
inline constexpr std::uint32_t kEnable = 1u << 0;
inline constexpr std::uint32_t kOutOfOrder = 1u << 1;
inline constexpr std::uint32_t kShadow = 1u << 2;
inline constexpr std::uint32_t kIndexWriteback = 1u << 3;
}  // namespace config
namespace command {
inline constexpr std::uint32_t kReset = 1u << 0;
}  // namespace command
namespace status {
inline constexpr std::uint32_t kRunning = 1u << 0;
inline constexpr std::uint32_t kDraining = 1u << 1;
inline constexpr std::uint32_t kStopped = 1u << 2;
inline constexpr std::uint32_t kCqFull = 1u << 3;
constexpr std::uint32_t in_flight(std::uint32_t v) { return v >> 16; }
}  // namespace status
namespace irq {
inline constexpr std::uint32_t kDone = 1u << 0;
inline constexpr std::uint32_t kFailed = 1u << 1;
inline constexpr std::uint32_t kIndexError = 1u << 2;
inline constexpr std::uint32_t kFetchError = 1u << 3;
inline constexpr std::uint32_t kWritebackError = 1u << 4;
inline constexpr std::uint32_t kCqFull = 1u << 5;
inline constexpr std::uint32_t kDrained = 1u << 6;
inline constexpr std::uint32_t kConfigError = 1u << 7;
}  // namespace irq
}  // namespace ring_bit

/// The unit's page and a ring's page, in ascending order of offset.
std::span<const RegisterDesc> ring_unit_registers();
std::span<const RegisterDesc> ring_registers();

}  // namespace cesasim::hw
