// SPDX-License-Identifier: Apache-2.0
#include "cosim/transport/virtqueue.h"

#include <atomic>
#include <bit>
#include <cstring>

#include "base/text/hex.h"

namespace cesasim::cosim {
namespace {

struct Descriptor {
  std::uint64_t address;
  std::uint32_t bytes;
  std::uint16_t flags;
  std::uint16_t next;
};
static_assert(sizeof(Descriptor) == 16);

constexpr std::uint16_t kFlagNext = 1;
constexpr std::uint16_t kFlagDeviceWrites = 2;
constexpr std::uint16_t kFlagIndirect = 4;

// The guest may write while the device reads: every value is read once.
template <typename T>
T load(const std::uint8_t* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

}  // namespace

void Virtqueue::set_entries(std::uint32_t entries) {
  if (!std::has_single_bit(entries) || entries > kMaxEntries) {
    throw ProtocolError("virtqueue of " + std::to_string(entries) + " entries");
  }
  entries_ = entries;
}

void Virtqueue::set_addresses(std::uint64_t descriptors, std::uint64_t available,
                              std::uint64_t used) {
  descriptors_ = descriptors;
  available_ = available;
  used_ = used;
}

std::uint8_t* Virtqueue::at(std::uint64_t address, std::uint64_t bytes, const char* what) const {
  // Linux hands over a copy of no bytes with whatever pointer its caller had (ZERO_SIZE_PTR).
  static std::uint8_t nothing;
  if (bytes == 0) return &nothing;
  std::uint8_t* p = memory_.find(address, bytes);
  if (p == nullptr) {
    throw ProtocolError("virtqueue: " + std::string(what) + " at " + hex(address) + ", " +
                        std::to_string(bytes) + " bytes, is not in the guest's memory table");
  }
  return p;
}

bool Virtqueue::pop(DescriptorChain& chain) {
  if (!ready()) throw ProtocolError("virtqueue used before it was set up");
  const std::uint8_t* ring = at(available_, 4 + 2ull * entries_, "available ring");
  const auto index = load<std::uint16_t>(ring + 2);
  const auto waiting = static_cast<std::uint16_t>(index - next_);
  if (waiting == 0) return false;
  if (waiting > entries_) {
    throw ProtocolError("virtqueue: available index " + std::to_string(index) + " is " +
                        std::to_string(waiting) + " ahead in a ring of " +
                        std::to_string(entries_));
  }
  std::atomic_thread_fence(std::memory_order_acquire);
  chain.head = load<std::uint16_t>(ring + 4 + 2 * (next_ % entries_));
  chain.segments.clear();
  const std::uint8_t* table = at(descriptors_, 16ull * entries_, "descriptor table");
  for (std::uint16_t i = chain.head;;) {
    if (i >= entries_) {
      throw ProtocolError("virtqueue: descriptor " + std::to_string(i) + " in a table of " +
                          std::to_string(entries_));
    }
    if (chain.segments.size() >= entries_) throw ProtocolError("virtqueue: descriptors in a loop");
    const auto d = load<Descriptor>(table + 16 * i);
    if (d.flags & kFlagIndirect) {
      throw ProtocolError("virtqueue: indirect descriptor, which was not offered");
    }
    chain.segments.push_back(
        {{at(d.address, d.bytes, "buffer"), d.bytes}, (d.flags & kFlagDeviceWrites) != 0});
    if (!(d.flags & kFlagNext)) break;
    i = d.next;
  }
  ++next_;
  return true;
}

void Virtqueue::push(const DescriptorChain& chain, std::uint32_t written) {
  std::uint8_t* ring = at(used_, 4 + 8ull * entries_, "used ring");
  const auto index = load<std::uint16_t>(ring + 2);
  std::uint8_t* entry = ring + 4 + 8 * (index % entries_);
  const std::uint32_t head = chain.head;
  std::memcpy(entry, &head, 4);
  std::memcpy(entry + 4, &written, 4);
  std::atomic_thread_fence(std::memory_order_release);
  const auto next = static_cast<std::uint16_t>(index + 1);
  std::memcpy(ring + 2, &next, 2);
}

}  // namespace cesasim::cosim
