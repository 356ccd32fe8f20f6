// SPDX-License-Identifier: Apache-2.0
#include "cosim/transport/vhost_user.h"

#include <cstring>
#include <string>

namespace cesasim::cosim {
namespace {

enum Request : std::uint32_t {
  kGetFeatures = 1,
  kSetFeatures = 2,
  kSetOwner = 3,
  kSetMemoryTable = 5,
  kSetVringNum = 8,
  kSetVringAddr = 9,
  kSetVringBase = 10,
  kSetVringKick = 12,
  kSetVringCall = 13,
  kGetProtocolFeatures = 15,
  kSetProtocolFeatures = 16,
  kSetVringEnable = 18,
  kSetBackendRequestFd = 21,
  kVringKick = 35,
};
constexpr std::uint32_t kBackendVringCall = 4;

constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kFlagReply = 4;
constexpr std::uint32_t kFlagNeedReply = 8;
constexpr std::uint32_t kMaxPayload = 4096;

/// Reads fields one after another; a payload that is too short is the peer's mistake.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  template <typename T>
  T take() {
    if (bytes_.size() < sizeof(T)) throw ProtocolError("vhost-user: payload is too short");
    T value;
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_ = bytes_.subspan(sizeof value);
    return value;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

}  // namespace

VhostUser::VhostUser(FileDescriptor connection, GuestMemory& memory,
                     std::function<void(unsigned)> on_kick, std::function<void()> wait)
    : connection_(std::move(connection)),
      memory_(memory),
      queues_{Virtqueue(memory), Virtqueue(memory)},
      on_kick_(std::move(on_kick)),
      wait_(std::move(wait)) {}

Virtqueue& VhostUser::queue_of(std::uint32_t index) {
  if (index >= kQueues) {
    throw ProtocolError("vhost-user: queue " + std::to_string(index) + " of " +
                        std::to_string(kQueues));
  }
  return queues_[index];
}

void VhostUser::handle_message() {
  Header h;
  std::vector<FileDescriptor> files;
  read_exact_with_fds(connection_.get(), bytes_of(h), files);
  if ((h.flags & 3) != kVersion) {
    throw ProtocolError("vhost-user: message with flags " + std::to_string(h.flags));
  }
  if (h.bytes > kMaxPayload) {
    throw ProtocolError("vhost-user: payload of " + std::to_string(h.bytes) + " bytes");
  }
  std::vector<std::uint8_t> payload(h.bytes);
  read_exact(connection_.get(), payload);
  Reader in(payload);
  switch (h.request) {
    case kGetFeatures:
      reply(h.request, kFeatures);
      return;
    case kGetProtocolFeatures:
      reply(h.request, kProtocolFeatures);
      return;
    case kSetFeatures: {
      const auto features = in.take<std::uint64_t>();
      if (features & ~kFeatures) throw ProtocolError("vhost-user: features that were not offered");
      break;
    }
    case kSetProtocolFeatures: {
      const auto features = in.take<std::uint64_t>();
      if (features != kProtocolFeatures) {
        throw ProtocolError(
            "vhost-user: the guest must take replies, requests and in-band notifications");
      }
      break;
    }
    case kSetOwner:
    case kSetVringKick:
    case kSetVringCall:
      break;
    case kSetMemoryTable:
      set_memory_table(payload, files);
      break;
    case kSetVringNum: {
      Virtqueue& q = queue_of(in.take<std::uint32_t>());
      q.set_entries(in.take<std::uint32_t>());
      break;
    }
    case kSetVringAddr: {
      Virtqueue& q = queue_of(in.take<std::uint32_t>());
      in.take<std::uint32_t>();  // flags: no dirty log was offered
      const auto descriptors = in.take<std::uint64_t>();
      const auto used = in.take<std::uint64_t>();
      q.set_addresses(descriptors, in.take<std::uint64_t>(), used);
      break;
    }
    case kSetVringBase: {
      Virtqueue& q = queue_of(in.take<std::uint32_t>());
      q.set_next(static_cast<std::uint16_t>(in.take<std::uint32_t>()));
      break;
    }
    case kSetVringEnable:
      queue_of(in.take<std::uint32_t>());
      break;
    case kSetBackendRequestFd:
      if (files.size() != 1) throw ProtocolError("vhost-user: request socket is missing");
      requests_ = std::move(files[0]);
      break;
    case kVringKick: {
      const auto index = in.take<std::uint32_t>();
      queue_of(index);
      on_kick_(index);
      break;
    }
    default:
      throw ProtocolError("vhost-user: request " + std::to_string(h.request) +
                          " is not one that was offered");
  }
  if (h.flags & kFlagNeedReply) reply(h.request, 0);
}

void VhostUser::set_memory_table(std::span<const std::uint8_t> payload,
                                 std::vector<FileDescriptor>& files) {
  Reader in(payload);
  const auto count = in.take<std::uint32_t>();
  in.take<std::uint32_t>();
  if (count > GuestMemory::kMaxRegions) {
    throw ProtocolError("memory table of " + std::to_string(count) + " regions");
  }
  std::vector<MemoryRegion> regions;
  for (std::uint32_t i = 0; i < count; ++i) {
    MemoryRegion r;
    r.guest_address = in.take<std::uint64_t>();
    r.bytes = in.take<std::uint64_t>();
    r.user_address = in.take<std::uint64_t>();
    r.file_offset = in.take<std::uint64_t>();
    regions.push_back(r);
  }
  memory_.map(regions, files);
}

void VhostUser::reply(std::uint32_t request, std::uint64_t value) {
  struct {
    Header header;
    std::uint32_t value[2];
  } m = {{request, kVersion | kFlagReply, sizeof value},
         {static_cast<std::uint32_t>(value), static_cast<std::uint32_t>(value >> 32)}};
  write_all(connection_.get(), bytes_of(m));
}

void VhostUser::call(unsigned index) {
  if (!requests_) throw ProtocolError("vhost-user: the guest has sent no request socket");
  struct {
    Header header;
    std::uint32_t index;
    std::uint32_t unused;
  } m = {{kBackendVringCall, kVersion | kFlagNeedReply, 8}, index, 0};
  ++unanswered_calls_;
  write_all(requests_.get(), bytes_of(m));
  while (unanswered_calls_ > 0) wait_();
}

void VhostUser::handle_answer() {
  struct {
    Header header;
    std::uint32_t value[2];
  } m;
  read_exact(requests_.get(), bytes_of(m));
  if (unanswered_calls_ == 0 || m.header.request != kBackendVringCall || m.header.bytes != 8 ||
      !(m.header.flags & kFlagReply)) {
    throw ProtocolError("vhost-user: an answer to nothing");
  }
  if (m.value[0] != 0 || m.value[1] != 0) {
    throw ProtocolError("vhost-user: the guest refused an interrupt");
  }
  --unanswered_calls_;
}

}  // namespace cesasim::cosim
