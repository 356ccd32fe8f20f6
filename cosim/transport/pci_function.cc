// SPDX-License-Identifier: Apache-2.0
#include "cosim/transport/pci_function.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <string>

#include "cosim/transport/socket.h"

namespace cesasim::cosim {
namespace {

// Type 0 header.
constexpr std::uint32_t kVendor = 0x00;
constexpr std::uint32_t kCommand = 0x04;
constexpr std::uint32_t kStatus = 0x06;
constexpr std::uint32_t kRevisionAndClass = 0x08;
constexpr std::uint32_t kCacheLine = 0x0C;
constexpr std::uint32_t kBar0 = 0x10;
constexpr std::uint32_t kSubsystem = 0x2C;
constexpr std::uint32_t kCapabilities = 0x34;
constexpr std::uint32_t kInterruptLine = 0x3C;

constexpr std::uint8_t kStatusHasCapabilities = 0x10;
constexpr std::uint8_t kMsixId = 0x11;
// Message control of the MSI-X capability, high byte.
constexpr std::uint8_t kMsixEnable = 0x80;
constexpr std::uint8_t kMsixMaskAll = 0x40;
constexpr std::uint32_t kMsixEntryBytes = 16;
constexpr unsigned kMaxVectors = 64;
constexpr unsigned kBars = 6;

}  // namespace

PciFunction::PciFunction(const PciIdentity& identity, BarTarget& target)
    : target_(target), bar_bytes_(identity.bar_bytes), vectors_(identity.vectors) {
  bar_bytes_.push_back(kMsixBarBytes);
  if (bar_bytes_.size() > kBars) throw std::invalid_argument("pci: too many BARs");
  for (const std::uint32_t bytes : bar_bytes_) {
    if (!std::has_single_bit(bytes) || bytes < 4096) {
      throw std::invalid_argument("pci: a BAR of " + std::to_string(bytes) + " bytes");
    }
  }
  if (vectors_ < 1 || vectors_ > kMaxVectors) throw std::invalid_argument("pci: MSI-X vectors");
  announced_.resize(bar_bytes_.size() - 1);

  set_config_word(kVendor, identity.vendor | std::uint32_t{identity.device} << 16);
  set_config_word(kSubsystem, identity.vendor | std::uint32_t{identity.device} << 16);
  set_config_word(kRevisionAndClass, identity.class_code << 8 | 1);
  config_[kStatus] = kStatusHasCapabilities;
  config_[kCapabilities] = kMsixCapability;
  const auto msix_bar = static_cast<std::uint32_t>(bar_bytes_.size() - 1);
  set_config_word(kMsixCapability, kMsixId | (vectors_ - 1) << 16);
  set_config_word(kMsixCapability + 4, msix_bar);
  set_config_word(kMsixCapability + 8, kPendingBits | msix_bar);

  writable_[kCommand] = 0x07;
  writable_[kCommand + 1] = 0x05;
  writable_[kCacheLine] = 0xFF;
  writable_[kInterruptLine] = 0xFF;
  writable_[kMsixCapability + 3] = kMsixEnable | kMsixMaskAll;
  for (std::size_t bar = 0; bar < bar_bytes_.size(); ++bar) {
    const std::uint32_t mask = ~(bar_bytes_[bar] - 1);
    std::memcpy(&writable_[kBar0 + 4 * bar], &mask, 4);
  }
  msix_table_.resize(vectors_ * kMsixEntryBytes);
  for (unsigned v = 0; v < vectors_; ++v) msix_table_[v * kMsixEntryBytes + 12] = 1;  // masked
}

std::uint32_t PciFunction::config_word(std::uint32_t offset) const {
  std::uint32_t value;
  std::memcpy(&value, &config_[offset], 4);
  return value;
}

void PciFunction::set_config_word(std::uint32_t offset, std::uint32_t value) {
  std::memcpy(&config_[offset], &value, 4);
}

std::uint32_t PciFunction::execute(std::span<const std::uint8_t> message,
                                   std::span<std::uint8_t> reply) {
  PcidevMessage m;
  if (message.size() < sizeof m) {
    throw ProtocolError("pcidev: a message of " + std::to_string(message.size()) + " bytes");
  }
  std::memcpy(&m, message.data(), sizeof m);
  const auto data = message.subspan(sizeof m);
  const auto op = static_cast<PcidevOp>(m.op);
  const bool reads = op == PcidevOp::config_read || op == PcidevOp::mmio_read;
  if (reads && m.bytes > reply.size()) {
    throw ProtocolError("pcidev: a read of " + std::to_string(m.bytes) + " bytes with room for " +
                        std::to_string(reply.size()));
  }
  const bool writes = op == PcidevOp::config_write || op == PcidevOp::mmio_write;
  if (writes && m.bytes > data.size()) {
    throw ProtocolError("pcidev: a write of " + std::to_string(m.bytes) + " bytes carries " +
                        std::to_string(data.size()));
  }
  const bool memory = op == PcidevOp::mmio_read || op == PcidevOp::mmio_write;
  if (memory && m.bytes == 0) return 0;
  const auto msix_bar = bar_bytes_.size() - 1;
  switch (op) {
    case PcidevOp::config_read:
      config_read(m.address, reply.first(m.bytes));
      return m.bytes;
    case PcidevOp::config_write:
      config_write(m.address, data.first(m.bytes));
      return 0;
    case PcidevOp::mmio_read:
      if (!in_bar(m)) {
        ++unclaimed_;
        std::ranges::fill(reply.first(m.bytes), 0xFF);
      } else if (m.bar == msix_bar) {
        msix_read(static_cast<std::uint32_t>(m.address), reply.first(m.bytes));
      } else {
        target_.bar_read(m.bar, static_cast<std::uint32_t>(m.address), reply.first(m.bytes));
      }
      return m.bytes;
    case PcidevOp::mmio_write:
      if (!in_bar(m)) {
        ++unclaimed_;
      } else if (m.bar == msix_bar) {
        msix_write(static_cast<std::uint32_t>(m.address), data.first(m.bytes));
      } else {
        target_.bar_write(m.bar, static_cast<std::uint32_t>(m.address), data.first(m.bytes));
      }
      return 0;
    case PcidevOp::mmio_memset: {
      if (data.empty()) throw ProtocolError("pcidev: memset without a value");
      if (!in_bar(m) || m.bar == msix_bar) {
        ++unclaimed_;
        return 0;
      }
      const std::vector<std::uint8_t> fill(m.bytes, data[0]);
      target_.bar_write(m.bar, static_cast<std::uint32_t>(m.address), fill);
      return 0;
    }
    default:
      throw ProtocolError("pcidev: operation " + std::to_string(m.op));
  }
}

bool PciFunction::in_bar(const PcidevMessage& m) const {
  return m.bar < bar_bytes_.size() && m.bytes > 0 && m.address <= bar_bytes_[m.bar] &&
         m.bytes <= bar_bytes_[m.bar] - m.address;
}

void PciFunction::config_read(std::uint64_t offset, std::span<std::uint8_t> data) {
  // The extended space (up to 4 KiB) is there and empty.
  for (std::size_t i = 0; i < data.size(); ++i) {
    data[i] = offset < kConfigBytes && i < kConfigBytes - offset ? config_[offset + i] : 0;
  }
}

void PciFunction::config_write(std::uint64_t offset, std::span<const std::uint8_t> data) {
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (offset >= kConfigBytes || i >= kConfigBytes - offset) return;
    std::uint8_t& byte = config_[offset + i];
    const std::uint8_t mask = writable_[offset + i];
    byte = static_cast<std::uint8_t>((byte & ~mask) | (data[i] & mask));
  }
  announce_bars();
}

// While software sizes a BAR its address is nonsense; decoding is off then.
void PciFunction::announce_bars() {
  if (!memory_enabled()) return;
  for (unsigned bar = 0; bar < announced_.size(); ++bar) {
    const std::uint32_t address = bar_address(bar);
    if (announced_[bar] == address) continue;
    announced_[bar] = address;
    target_.bar_moved(bar, address);
  }
}

void PciFunction::msix_read(std::uint32_t offset, std::span<std::uint8_t> data) {
  std::uint8_t pending[8];
  std::memcpy(pending, &pending_, sizeof pending);
  for (std::size_t i = 0; i < data.size(); ++i) {
    const std::size_t at = offset + i;
    data[i] = at < msix_table_.size() ? msix_table_[at]
              : at >= kPendingBits && at < kPendingBits + sizeof pending
                  ? pending[at - kPendingBits]
                  : 0;
  }
}

void PciFunction::msix_write(std::uint32_t offset, std::span<const std::uint8_t> data) {
  for (std::size_t i = 0; i < data.size() && offset + i < msix_table_.size(); ++i) {
    msix_table_[offset + i] = data[i];
  }
}

bool PciFunction::masked(unsigned vector) const {
  const std::uint8_t control = config_[kMsixCapability + 3];
  return !(control & kMsixEnable) || (control & kMsixMaskAll) ||
         (msix_table_[vector * kMsixEntryBytes + 12] & 1);
}

std::optional<MsiMessage> PciFunction::raise(unsigned vector) {
  if (vector >= vectors_) throw std::out_of_range("pci: no such vector");
  const std::uint64_t bit = std::uint64_t{1} << vector;
  if (masked(vector)) {
    pending_ |= bit;
    return std::nullopt;
  }
  pending_ &= ~bit;
  MsiMessage m;
  std::memcpy(&m.address, &msix_table_[vector * kMsixEntryBytes], 8);
  std::memcpy(&m.data, &msix_table_[vector * kMsixEntryBytes + 8], 4);
  return m;
}

std::optional<unsigned> PciFunction::take_unmasked() {
  for (unsigned v = 0; v < vectors_ && pending_ != 0; ++v) {
    if ((pending_ >> v & 1) && !masked(v)) {
      pending_ &= ~(std::uint64_t{1} << v);
      return v;
    }
  }
  return std::nullopt;
}

}  // namespace cesasim::cosim
