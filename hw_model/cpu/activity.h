// SPDX-License-Identifier: Apache-2.0
// What a core's cycles are spent on. Every charged cycle belongs to exactly one activity.
#pragma once

#include <array>
#include <cstddef>

namespace cesasim::hw {

enum class Activity {
  user,    ///< the application
  fs,      ///< file system, page cache, trace submitter's system call
  dm,      ///< device-mapper and dm-crypt
  ocf,     ///< OCF core (dispatch, queues, completion)
  driver,  ///< crypto driver (descriptor building, register access)
  cipher,  ///< encryption in software
  copy,    ///< copying data
  cache,   ///< cache maintenance for DMA
  irq,     ///< interrupt entry, exit and dispatch
  sched,   ///< context switches and wake-ups
  block,   ///< block layer and disk driver
  idle,    ///< nothing to run
};

inline constexpr std::size_t kActivities = 12;
inline constexpr std::array<const char*, kActivities> kActivityNames = {
    "user", "fs",    "dm",  "ocf",   "driver", "cipher",
    "copy", "cache", "irq", "sched", "block",  "idle"};

inline const char* activity_name(Activity a) { return kActivityNames[static_cast<std::size_t>(a)]; }

}  // namespace cesasim::hw
