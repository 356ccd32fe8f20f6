// SPDX-License-Identifier: Apache-2.0
// The device's side of a split virtqueue (virtio 1.x), little-endian host.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cosim/transport/guest_memory.h"

namespace cesasim::cosim {

/// The buffers of one request, in order.
struct DescriptorChain {
  struct Segment {
    std::span<std::uint8_t> bytes;
    bool device_writes = false;
  };
  std::uint16_t head = 0;
  std::vector<Segment> segments;
};

class Virtqueue {
 public:
  static constexpr std::uint32_t kMaxEntries = 32768;

  explicit Virtqueue(const GuestMemory& memory) : memory_(memory) {}

  /// Throws ProtocolError unless it is a power of two up to kMaxEntries.
  void set_entries(std::uint32_t entries);
  /// Guest addresses of the three parts. They are checked when the queue is used, because the
  /// memory table may come later.
  void set_addresses(std::uint64_t descriptors, std::uint64_t available, std::uint64_t used);
  /// Where the device goes on in the available ring.
  void set_next(std::uint16_t index) { next_ = index; }
  bool ready() const { return entries_ != 0 && available_ != 0; }

  /// Takes the next request; false if there is none. Throws ProtocolError for rings or buffers
  /// outside the memory table, indices out of range, chains that do not end.
  bool pop(DescriptorChain& chain);
  /// Undoes the last pop (the request stays for the next).
  void unpop() { --next_; }
  /// Hands the request back, with so many bytes written to it.
  void push(const DescriptorChain& chain, std::uint32_t written);

 private:
  std::uint8_t* at(std::uint64_t address, std::uint64_t bytes, const char* what) const;

  const GuestMemory& memory_;
  std::uint32_t entries_ = 0;
  std::uint64_t descriptors_ = 0;
  std::uint64_t available_ = 0;
  std::uint64_t used_ = 0;
  std::uint16_t next_ = 0;
};

}  // namespace cesasim::cosim
