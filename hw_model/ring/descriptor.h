// SPDX-License-Identifier: Apache-2.0
// What stands in memory between a driver and the crypto ring (docs/ring.md, sections 3 and 4).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "hw_model/common/units.h"
#include "hw_model/crypto/cipher_engine.h"

namespace cesasim::hw {

enum class RingStatus : std::uint8_t {
  ok = 0,
  bad_descriptor = 1,
  bad_algorithm = 2,
  bad_length = 3,
  key_error = 4,
  list_short = 5,
  list_long = 6,
  key_bus_error = 7,
  source_bus_error = 8,
  destination_bus_error = 9,
  iv_bus_error = 10,
  engine_error = 11,
};
std::string_view ring_status_name(RingStatus status);

namespace ring_control {
inline constexpr std::uint32_t kAes = 1;
inline constexpr std::uint32_t kDes = 2;
inline constexpr std::uint32_t kDes3 = 3;  ///< EDE
inline constexpr std::uint32_t kAlgorithmMask = 0xF;
inline constexpr std::uint32_t kEcb = 0u << 4;
inline constexpr std::uint32_t kCbc = 1u << 4;
inline constexpr std::uint32_t kXts = 2u << 4;  ///< AES only, two keys one after the other
inline constexpr std::uint32_t kModeMask = 3u << 4;
inline constexpr std::uint32_t kDecrypt = 1u << 6;
inline constexpr std::uint32_t kKeySizeMask = 3u << 8;
inline constexpr std::uint32_t kKeySlot = 1u << 10;
inline constexpr std::uint32_t kInPlace = 1u << 11;
inline constexpr std::uint32_t kIvOut = 1u << 12;
inline constexpr std::uint32_t kInterrupt = 1u << 13;
inline constexpr std::uint32_t kBits = 0x3F7F;  ///< all of the above; the rest is reserved
/// AES: the size field for a key of 16, 24 or 32 bytes (XTS: for each of the two, 16 or 32).
constexpr std::uint32_t key_size(std::uint32_t bytes) { return (bytes - 16) / 8 << 8; }
}  // namespace ring_control

struct RingDescriptor {
  static constexpr std::uint32_t kBytes = 64;

  std::uint32_t control = 0;
  std::uint32_t cookie = 0;
  std::uint32_t length = 0;
  std::uint16_t source_entries = 0;       ///< 0: `source` is the data
  std::uint16_t destination_entries = 0;  ///< 0: `destination` is the data
  PhysAddr source = 0;
  PhysAddr destination = 0;
  std::array<std::uint8_t, 16> iv{};
  std::uint64_t key = 0;  ///< slot or address
  PhysAddr iv_out = 0;

  bool has(std::uint32_t bits) const { return (control & bits) == bits; }
  // The following hold for a descriptor that passed check().
  CipherAlgorithm algorithm() const;
  std::uint32_t block_bytes() const { return cipher_block_bytes(algorithm()); }
  bool cbc() const { return (control & ring_control::kModeMask) == ring_control::kCbc; }
  bool xts() const { return (control & ring_control::kModeMask) == ring_control::kXts; }
  /// The whole key: in XTS both, that of the data first.
  std::uint32_t key_bytes() const { return cipher_key_bytes() * (xts() ? 2 : 1); }
  /// The key that the data are ciphered with.
  std::uint32_t cipher_key_bytes() const;

  static RingDescriptor decode(std::span<const std::uint8_t, kBytes> bytes);
  void encode(std::span<std::uint8_t, kBytes> bytes) const;

  /// Everything that can be seen in the descriptor alone, except about its key slot. Lists
  /// may have up to `list_max` entries.
  RingStatus check(std::uint32_t list_max) const;
};

struct RingListEntry {
  static constexpr std::uint32_t kBytes = 16;

  PhysAddr address = 0;
  std::uint32_t length = 0;
  std::uint32_t reserved = 0;

  static RingListEntry decode(std::span<const std::uint8_t, kBytes> bytes);
  void encode(std::span<std::uint8_t, kBytes> bytes) const;
};

struct RingCompletion {
  static constexpr std::uint32_t kBytes = 16;
  static constexpr std::uint8_t kNoEngine = 15;

  std::uint32_t cookie = 0;
  std::uint32_t bytes_written = 0;
  std::uint16_t index = 0;
  std::uint8_t engine = kNoEngine;
  RingStatus status = RingStatus::ok;
  bool phase = false;

  static RingCompletion decode(std::span<const std::uint8_t, kBytes> bytes);
  void encode(std::span<std::uint8_t, kBytes> bytes) const;
  /// The phase of the entry with `index` in a ring of 1 << `log2` entries.
  static constexpr bool phase_of(std::uint16_t index, std::uint32_t log2) {
    return (index >> log2 & 1) == 0;
  }
};

}  // namespace cesasim::hw
