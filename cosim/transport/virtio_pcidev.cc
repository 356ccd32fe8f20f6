// SPDX-License-Identifier: Apache-2.0
#include "cosim/transport/virtio_pcidev.h"

#include <cstring>

namespace cesasim::cosim {
namespace {

// The guest takes back the buffers of posted writes when it is called or polls for a read. A
// write that finds the ring (256 entries) full is lost without an error, so it is called in time.
constexpr unsigned kPostedWritesPerCall = 64;

}  // namespace

void VirtioPcidev::run_commands() {
  Virtqueue& queue = guest_.queue(kCommandQueue);
  DescriptorChain chain;
  std::vector<std::uint8_t> gathered;
  while (queue.pop(chain)) {
    ++commands_;
    gathered.clear();
    std::span<std::uint8_t> reply;
    for (const auto& segment : chain.segments) {
      if (!segment.device_writes) {
        gathered.insert(gathered.end(), segment.bytes.begin(), segment.bytes.end());
      } else if (reply.empty()) {
        reply = segment.bytes;
      } else {
        throw ProtocolError("pcidev: a reply in several buffers");
      }
    }
    const std::uint32_t written = function_.execute(gathered, reply);
    queue.push(chain, written);
    posted_ = reply.empty() ? posted_ + 1 : 0;
    if (posted_ >= kPostedWritesPerCall) {
      posted_ = 0;
      guest_.call(kCommandQueue);
    }
  }
  while (const auto vector = function_.take_unmasked()) raise(*vector);
}

void VirtioPcidev::raise(unsigned vector) {
  const auto message = function_.raise(vector);
  if (!message) return;
  Virtqueue& queue = guest_.queue(kInterruptQueue);
  DescriptorChain chain;
  if (!queue.ready() || !queue.pop(chain)) {
    throw ProtocolError("pcidev: the guest offers no buffer for an interrupt");
  }
  struct {
    PcidevMessage head;
    std::uint32_t data;
    std::uint32_t padding;
  } m = {};
  m.head.op = static_cast<std::uint8_t>(PcidevOp::msi);
  m.head.bytes = 4;
  m.head.address = message->address;
  m.data = message->data;
  constexpr std::size_t kBytes = sizeof(PcidevMessage) + 4;
  if (chain.segments.size() != 1 || !chain.segments[0].device_writes ||
      chain.segments[0].bytes.size() < kBytes) {
    throw ProtocolError("pcidev: the buffer for an interrupt is too small");
  }
  std::memcpy(chain.segments[0].bytes.data(), &m, kBytes);
  queue.push(chain, kBytes);
  ++interrupts_sent_;
  guest_.call(kInterruptQueue);
}

}  // namespace cesasim::cosim
