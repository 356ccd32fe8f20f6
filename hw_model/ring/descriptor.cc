// SPDX-License-Identifier: Apache-2.0
#include "hw_model/ring/descriptor.h"

#include <algorithm>

#include "hw_model/common/little_endian.h"

namespace cesasim::hw {
namespace {

std::uint64_t load_le64(const std::uint8_t* p) {
  return std::uint64_t{load_le32(p)} | std::uint64_t{load_le32(p + 4)} << 32;
}

void store_le64(std::uint8_t* p, std::uint64_t v) {
  store_le32(p, static_cast<std::uint32_t>(v));
  store_le32(p + 4, static_cast<std::uint32_t>(v >> 32));
}

/// True if [at, at + bytes) goes past the end of the address space. bytes > 0.
bool wraps(PhysAddr at, std::uint64_t bytes) { return at + (bytes - 1) < at; }

}  // namespace

std::string_view ring_status_name(RingStatus status) {
  static constexpr std::array<std::string_view, 12> kNames = {"ok",
                                                              "bad_descriptor",
                                                              "bad_algorithm",
                                                              "bad_length",
                                                              "key_error",
                                                              "list_short",
                                                              "list_long",
                                                              "key_bus_error",
                                                              "source_bus_error",
                                                              "destination_bus_error",
                                                              "iv_bus_error",
                                                              "engine_error"};
  const auto i = static_cast<std::size_t>(status);
  return i < kNames.size() ? kNames[i] : "unknown";
}

RingDescriptor RingDescriptor::decode(std::span<const std::uint8_t, kBytes> bytes) {
  const std::uint8_t* p = bytes.data();
  RingDescriptor d;
  d.control = load_le32(p);
  d.cookie = load_le32(p + 0x04);
  d.length = load_le32(p + 0x08);
  const std::uint32_t counts = load_le32(p + 0x0C);
  d.source_entries = static_cast<std::uint16_t>(counts);
  d.destination_entries = static_cast<std::uint16_t>(counts >> 16);
  d.source = load_le64(p + 0x10);
  d.destination = load_le64(p + 0x18);
  std::copy_n(p + 0x20, d.iv.size(), d.iv.begin());
  d.key = load_le64(p + 0x30);
  d.iv_out = load_le64(p + 0x38);
  return d;
}

void RingDescriptor::encode(std::span<std::uint8_t, kBytes> bytes) const {
  std::uint8_t* p = bytes.data();
  store_le32(p, control);
  store_le32(p + 0x04, cookie);
  store_le32(p + 0x08, length);
  store_le32(p + 0x0C, source_entries | std::uint32_t{destination_entries} << 16);
  store_le64(p + 0x10, source);
  store_le64(p + 0x18, destination);
  std::copy(iv.begin(), iv.end(), p + 0x20);
  store_le64(p + 0x30, key);
  store_le64(p + 0x38, iv_out);
}

CipherAlgorithm RingDescriptor::algorithm() const {
  switch (control & ring_control::kAlgorithmMask) {
    case ring_control::kDes:
      return CipherAlgorithm::des;
    case ring_control::kDes3:
      return CipherAlgorithm::des3_ede;
    default:
      return CipherAlgorithm::aes;
  }
}

std::uint32_t RingDescriptor::cipher_key_bytes() const {
  switch (algorithm()) {
    case CipherAlgorithm::des:
      return 8;
    case CipherAlgorithm::aes:
      return 16 + 8 * ((control & ring_control::kKeySizeMask) >> 8);
    default:
      return 24;
  }
}

RingStatus RingDescriptor::check(std::uint32_t list_max) const {
  namespace bits = ring_control;
  const std::uint32_t mode = control & bits::kModeMask;
  if (control & ~bits::kBits) return RingStatus::bad_descriptor;
  const std::uint32_t code = control & bits::kAlgorithmMask;
  const std::uint32_t largest_key = code == bits::kAes ? bits::key_size(32) : 0;
  if (code < bits::kAes || code > bits::kDes3 || mode > bits::kXts ||
      (control & bits::kKeySizeMask) > largest_key) {
    return RingStatus::bad_algorithm;
  }
  const bool xts_key = (control & bits::kKeySizeMask) != bits::key_size(24);
  if (mode == bits::kXts && (code != bits::kAes || !xts_key)) return RingStatus::bad_algorithm;
  if (length == 0 || length % block_bytes() != 0) return RingStatus::bad_length;
  if (source_entries > list_max || destination_entries > list_max) return RingStatus::list_long;

  const auto area_ok = [this](PhysAddr at, std::uint32_t entries) {
    if (entries == 0) return !wraps(at, length);
    return at % RingListEntry::kBytes == 0 &&
           !wraps(at, std::uint64_t{entries} * RingListEntry::kBytes);
  };
  if (!area_ok(source, source_entries)) return RingStatus::bad_descriptor;
  if (has(bits::kInPlace)) {
    if (destination != 0 || destination_entries != 0) return RingStatus::bad_descriptor;
  } else {
    if (!area_ok(destination, destination_entries)) return RingStatus::bad_descriptor;
    const bool contiguous = source_entries == 0 && destination_entries == 0;
    const PhysAddr apart = source > destination ? source - destination : destination - source;
    if (contiguous && apart != 0 && apart < length) return RingStatus::bad_descriptor;
  }
  if (has(bits::kIvOut)) {
    if (!cbc() || iv_out % 16 != 0 || wraps(iv_out, 16)) return RingStatus::bad_descriptor;
  } else if (iv_out != 0) {
    return RingStatus::bad_descriptor;
  }
  if (!has(bits::kKeySlot) && wraps(key, key_bytes())) return RingStatus::bad_descriptor;
  return RingStatus::ok;
}

RingListEntry RingListEntry::decode(std::span<const std::uint8_t, kBytes> bytes) {
  const std::uint8_t* p = bytes.data();
  return {load_le64(p), load_le32(p + 8), load_le32(p + 12)};
}

void RingListEntry::encode(std::span<std::uint8_t, kBytes> bytes) const {
  std::uint8_t* p = bytes.data();
  store_le64(p, address);
  store_le32(p + 8, length);
  store_le32(p + 12, reserved);
}

RingCompletion RingCompletion::decode(std::span<const std::uint8_t, kBytes> bytes) {
  const std::uint8_t* p = bytes.data();
  RingCompletion c;
  c.cookie = load_le32(p);
  c.bytes_written = load_le32(p + 4);
  const std::uint32_t where = load_le32(p + 8);
  c.index = static_cast<std::uint16_t>(where);
  c.engine = static_cast<std::uint8_t>(where >> 16 & 0xF);
  const std::uint32_t how = load_le32(p + 12);
  c.status = static_cast<RingStatus>(how & 0xFF);
  c.phase = (how >> 31) != 0;
  return c;
}

void RingCompletion::encode(std::span<std::uint8_t, kBytes> bytes) const {
  std::uint8_t* p = bytes.data();
  store_le32(p, cookie);
  store_le32(p + 4, bytes_written);
  store_le32(p + 8, index | std::uint32_t{engine} << 16);
  store_le32(p + 12, static_cast<std::uint32_t>(status) | (phase ? 1u << 31 : 0));
}

}  // namespace cesasim::hw
