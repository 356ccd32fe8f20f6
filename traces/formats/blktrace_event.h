// SPDX-License-Identifier: Apache-2.0
// The binary events of blktrace: 48 bytes, then pdu_len bytes of payload.
#pragma once

#include <cstddef>
#include <cstdint>

#include "traces/trace_record.h"

namespace cesasim::traces {

/// Layout and numbers of the kernel's block tracing interface (linux/blktrace_api.h).
struct BlktraceEvent {
  static constexpr std::size_t kBytes = 48;
  static constexpr std::uint32_t kMagic = 0x65617400;  // the low byte is the version
  static constexpr std::uint32_t kVersion = 7;

  std::uint32_t magic = kMagic | kVersion;
  std::uint32_t sequence = 0;  // counts per processor
  std::uint64_t time = 0;      // ns
  std::uint64_t sector = 0;
  std::uint32_t bytes = 0;
  std::uint32_t action = 0;  // what happened in the low half, to what in the high half
  std::uint32_t pid = 0;
  std::uint32_t device = 0;  // major << 20 | minor
  std::uint32_t cpu = 0;
  std::uint16_t error = 0;
  std::uint16_t pdu_len = 0;

  static constexpr unsigned kMinorBits = 20;
};

namespace blktrace_action {
inline constexpr std::uint32_t kQueue = 1;
inline constexpr std::uint32_t kRequeue = 6;
inline constexpr std::uint32_t kIssue = 7;
inline constexpr std::uint32_t kComplete = 8;
inline constexpr std::uint32_t kLast = 17;        // the highest action there is
inline constexpr std::uint32_t kCgroup = 1 << 8;  // the payload begins with a cgroup's id
inline constexpr std::uint32_t kNotifyMessage = 2;
}  // namespace blktrace_action

namespace blktrace_category {
inline constexpr std::uint32_t kRead = 1 << 0;
inline constexpr std::uint32_t kWrite = 1 << 1;
inline constexpr std::uint32_t kFlush = 1 << 2;
inline constexpr std::uint32_t kSync = 1 << 3;
inline constexpr std::uint32_t kQueue = 1 << 4;
inline constexpr std::uint32_t kComplete = 1 << 7;
inline constexpr std::uint32_t kPassThrough = 1 << 9;
inline constexpr std::uint32_t kNotify = 1 << 10;
inline constexpr std::uint32_t kAhead = 1 << 11;
inline constexpr std::uint32_t kMeta = 1 << 12;
inline constexpr std::uint32_t kDiscard = 1 << 13;
inline constexpr std::uint32_t kDriverData = 1 << 14;
inline constexpr std::uint32_t kFua = 1 << 15;
}  // namespace blktrace_category

/// Flags of a record and the category bits that say the same.
struct BlktraceFlag {
  std::uint8_t flag;
  std::uint32_t category;
};
inline constexpr BlktraceFlag kBlktraceFlags[] = {
    {kPreflush, blktrace_category::kFlush},  {kFua, blktrace_category::kFua},
    {kSync, blktrace_category::kSync},       {kMetadata, blktrace_category::kMeta},
    {kReadAhead, blktrace_category::kAhead},
};

}  // namespace cesasim::traces
