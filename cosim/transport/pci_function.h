// SPDX-License-Identifier: Apache-2.0
// A PCI function with memory BARs and MSI-X, driven by the messages of virtio_pcidev.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cesasim::cosim {

/// What stands behind the BARs.
class BarTarget {
 public:
  virtual ~BarTarget() = default;
  /// `offset` + size lies within the BAR.
  virtual void bar_read(unsigned bar, std::uint32_t offset, std::span<std::uint8_t> data) = 0;
  virtual void bar_write(unsigned bar, std::uint32_t offset,
                         std::span<const std::uint8_t> data) = 0;
  /// A BAR decodes `address` from now on.
  virtual void bar_moved(unsigned bar, std::uint32_t address) = 0;
};

struct PciIdentity {
  std::uint16_t vendor = 0;
  std::uint16_t device = 0;
  std::uint32_t class_code = 0;  ///< 24 bits
  /// Sizes of BAR 0, 1, ... in bytes: powers of two from 4096. The MSI-X table gets the next one.
  std::vector<std::uint32_t> bar_bytes;
  unsigned vectors = 1;  ///< of MSI-X
};

/// The write that is an interrupt.
struct MsiMessage {
  std::uint64_t address = 0;
  std::uint32_t data = 0;
};

/// Head of every virtio_pcidev message; the data follows.
struct PcidevMessage {
  std::uint8_t op = 0;
  std::uint8_t bar = 0;
  std::uint16_t reserved = 0;
  std::uint32_t bytes = 0;
  std::uint64_t address = 0;
};
static_assert(sizeof(PcidevMessage) == 16);

enum class PcidevOp : std::uint8_t {
  config_read = 1,
  config_write = 2,
  mmio_read = 3,
  mmio_write = 4,
  mmio_memset = 5,
  intx = 6,
  msi = 7,
  pme = 8,
};

class PciFunction {
 public:
  /// Throws std::invalid_argument for an identity that PCI cannot express.
  PciFunction(const PciIdentity& identity, BarTarget& target);

  /// Executes one message and returns how many bytes of `reply` it filled (0 for a write).
  /// Accesses that no BAR or register decodes read all ones and drop writes, as on PCI.
  /// Throws ProtocolError for a message that is none.
  std::uint32_t execute(std::span<const std::uint8_t> message, std::span<std::uint8_t> reply);

  /// The message to send for an interrupt of `vector`; nothing while MSI-X is off or the vector
  /// masked: then it stays pending.
  std::optional<MsiMessage> raise(unsigned vector);
  /// A vector that became pending while masked and may be sent now.
  std::optional<unsigned> take_unmasked();

  std::uint32_t bar_address(unsigned bar) const { return config_word(0x10 + 4 * bar) & ~0xFu; }
  bool memory_enabled() const { return (config_[4] & 2) != 0; }
  /// Accesses that nothing decoded.
  std::uint64_t unclaimed() const { return unclaimed_; }

 private:
  static constexpr std::uint32_t kConfigBytes = 256;
  static constexpr std::uint32_t kMsixCapability = 0x40;
  static constexpr std::uint32_t kPendingBits = 0x800;  // in the BAR of the MSI-X table
  static constexpr std::uint32_t kMsixBarBytes = 0x1000;

  std::uint32_t config_word(std::uint32_t offset) const;
  void set_config_word(std::uint32_t offset, std::uint32_t value);
  void config_read(std::uint64_t offset, std::span<std::uint8_t> data);
  void config_write(std::uint64_t offset, std::span<const std::uint8_t> data);
  void announce_bars();
  bool in_bar(const PcidevMessage& m) const;
  void msix_read(std::uint32_t offset, std::span<std::uint8_t> data);
  void msix_write(std::uint32_t offset, std::span<const std::uint8_t> data);
  bool masked(unsigned vector) const;

  BarTarget& target_;
  std::vector<std::uint32_t> bar_bytes_;  // the MSI-X table's BAR is the last
  unsigned vectors_;
  std::array<std::uint8_t, kConfigBytes> config_{};
  std::array<std::uint8_t, kConfigBytes> writable_{};  // bits that software can change
  std::vector<std::uint8_t> msix_table_;
  std::uint64_t pending_ = 0;
  std::vector<std::optional<std::uint32_t>> announced_;
  std::uint64_t unclaimed_ = 0;
};

}  // namespace cesasim::cosim
