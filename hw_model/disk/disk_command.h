// SPDX-License-Identifier: Apache-2.0
// What a disk is asked to do, and its answer.
#pragma once

#include <cstdint>
#include <vector>

#include "hw_model/common/units.h"

namespace cesasim::hw {

/// One scatter/gather entry: `len` bytes at bus address `addr`.
struct DiskSegment {
  PhysAddr addr = 0;
  std::uint32_t len = 0;
};

/// One command. The segments add up to sectors * 512 bytes (none for a flush). `tag` names the
/// command in its completion and must be unique among those not yet reaped.
struct DiskCommand {
  enum class Op { read, write, flush };
  Op op = Op::read;
  std::uint64_t sector = 0;
  std::uint32_t sectors = 0;
  std::vector<DiskSegment> segments;
  std::uint32_t tag = 0;
};

struct DiskCompletion {
  std::uint32_t tag = 0;
  int error = 0;  ///< 0 or -EIO
  /// Sectors from the first on that are done: read into memory or taken in to be written. All of
  /// them without an error, unless the disk ended the command early.
  std::uint32_t sectors_done = 0;
};

}  // namespace cesasim::hw
