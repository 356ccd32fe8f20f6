// SPDX-License-Identifier: Apache-2.0
// vhost-user, the back end's side, as far as User-mode Linux 6.1 uses it: two virtqueues, one
// memory table, kicks and interrupts as messages (no eventfds).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "cosim/transport/guest_memory.h"
#include "cosim/transport/socket.h"
#include "cosim/transport/virtqueue.h"

namespace cesasim::cosim {

class VhostUser {
 public:
  static constexpr unsigned kQueues = 2;
  static constexpr std::uint64_t kFeatures = 1ull << 30 | 1ull << 32;
  /// Replies on demand, requests from the back end, kicks as messages. With the three the guest
  /// waits for the answer to a kick, so whatever the device does in on_kick is atomic to it.
  static constexpr std::uint64_t kProtocolFeatures = 1u << 3 | 1u << 5 | 1u << 14;

  /// `wait` serves every connection of the session once; it is called while the guest's answer
  /// to a call is awaited.
  VhostUser(FileDescriptor connection, GuestMemory& memory, std::function<void(unsigned)> on_kick,
            std::function<void()> wait);

  /// Handles one message from the guest. Throws Disconnected, ProtocolError.
  void handle_message();
  /// Handles the guest's answer to call().
  void handle_answer();
  /// Tells the guest that queue `index` has used buffers; returns when it has taken note.
  void call(unsigned index);

  Virtqueue& queue(unsigned index) { return queues_[index]; }
  int message_fd() const { return connection_.get(); }
  /// -1 until the guest has sent it.
  int answer_fd() const { return requests_.get(); }

 private:
  struct Header {
    std::uint32_t request;
    std::uint32_t flags;
    std::uint32_t bytes;
  };

  void set_memory_table(std::span<const std::uint8_t> payload, std::vector<FileDescriptor>& files);
  Virtqueue& queue_of(std::uint32_t index);
  void reply(std::uint32_t request, std::uint64_t value);

  FileDescriptor connection_;
  FileDescriptor requests_;
  GuestMemory& memory_;
  std::array<Virtqueue, kQueues> queues_;
  std::function<void(unsigned)> on_kick_;
  std::function<void()> wait_;
  unsigned unanswered_calls_ = 0;
};

}  // namespace cesasim::cosim
