// SPDX-License-Identifier: Apache-2.0
// Processor time that a trace cannot carry.
#pragma once

#include "hw_model/common/params.h"

namespace cesasim::traces {

/// What the application (user) and the file system and page cache (fs) do in a phase of a trace (an
/// entry of a `user` preset).
struct PhaseCost {
  double user_cycles_per_byte = 0;
  double user_cycles_per_bio = 0;
  double fs_cycles_per_byte = 0;
  double fs_cycles_per_bio = 0;

  void describe(hw::ParamVisitor& v) {
    v.number("user_cycles_per_byte", user_cycles_per_byte, "cycles/byte", 0, 100000,
             "application, per byte read or written");
    v.number("user_cycles_per_bio", user_cycles_per_bio, "cycles", 0, 1e9, "application, per bio");
    v.number("fs_cycles_per_byte", fs_cycles_per_byte, "cycles/byte", 0, 100000,
             "system call, page cache and file system, per byte");
    v.number("fs_cycles_per_bio", fs_cycles_per_bio, "cycles", 0, 1e9,
             "system call, page cache and file system, per bio");
  }
};

}  // namespace cesasim::traces
