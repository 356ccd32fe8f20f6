// SPDX-License-Identifier: Apache-2.0
// One row of a block trace, as every reader delivers it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cesasim::traces {

enum class Op : std::uint8_t { read, write, flush, discard };

inline constexpr std::size_t kOps = 4;

inline const char* op_name(Op op) {
  constexpr const char* kNames[kOps] = {"read", "write", "flush", "discard"};
  return kNames[static_cast<std::size_t>(op)];
}

/// Request flags of a record (a bit set).
enum RecordFlag : std::uint8_t {
  kPreflush = 1 << 0,   ///< flush the device's cache before this request
  kFua = 1 << 1,        ///< on stable storage before it ends
  kSync = 1 << 2,       ///< somebody waits for it
  kMetadata = 1 << 3,   ///< file-system metadata
  kReadAhead = 1 << 4,  ///< read-ahead: may fail without an error
};

/// A time that the trace does not tell.
inline constexpr std::uint64_t kUnknownTime = ~std::uint64_t{0};

/// A request as it was queued. `time_ns` counts from the trace's own origin, `sector` is in
/// 512-byte units, `bytes` a multiple of 512 (0 for a flush). `phase` indexes the phase names
/// that the reader keeps, so that a record owns no memory. `line` is the line of the file, or
/// the number of the event if it is binary. `done_ns` is the completion, or kUnknownTime.
struct TraceRecord {
  std::uint64_t time_ns = 0;
  std::uint64_t sector = 0;
  std::uint64_t bytes = 0;
  std::uint64_t line = 0;
  std::uint64_t done_ns = kUnknownTime;
  std::uint32_t pid = 0;
  std::uint32_t phase = 0;
  Op op = Op::read;
  std::uint8_t flags = 0;

  /// First sector after the record.
  std::uint64_t end_sector() const { return sector + bytes / 512; }
};

}  // namespace cesasim::traces
