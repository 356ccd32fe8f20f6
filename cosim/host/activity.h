// SPDX-License-Identifier: Apache-2.0
// What processes do, and when their silence is an end. Nothing here is judged by the clock alone:
// on a loaded machine a process that waits for a processor is not silent.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>

namespace cesasim::cosim {

struct Activity {
  bool awake = false;  ///< runs, waits for a processor or a disk, or is held by a debugger
  std::chrono::nanoseconds cpu{};  ///< processor time used so far
};

/// Of one process; nothing if there is none.
std::optional<Activity> activity_of_process(pid_t pid);
/// Of all processes of a group together; the leader's traced children sleep when they are stopped.
Activity activity_of_group(pid_t group);

/// Collects samples of somebody who should get on.
class Silence {
 public:
  /// A sample counts for no more than this, however late it comes: whoever takes samples late has
  /// not got a processor either.
  static constexpr std::chrono::milliseconds kLongestSample{1000};

  /// Ends: `asleep` of sampled time without progress, without processor time and not awake;
  /// `computing` of processor time without progress.
  Silence(std::chrono::nanoseconds asleep, std::chrono::nanoseconds computing)
      : asleep_limit_(asleep), computing_limit_(computing) {}

  /// `progress` is any number that changes when something has been achieved, `elapsed` the host
  /// time since the last sample.
  void add(std::uint64_t progress, const Activity& activity, std::chrono::nanoseconds elapsed);
  /// Begins anew.
  void reset() { *this = Silence(asleep_limit_, computing_limit_); }

  bool silent() const { return asleep_ >= asleep_limit_; }
  bool spins() const { return computing_ >= computing_limit_; }

 private:
  std::chrono::nanoseconds asleep_limit_, computing_limit_;
  std::optional<std::uint64_t> progress_;
  std::chrono::nanoseconds last_cpu_{}, asleep_{}, computing_{};
};

}  // namespace cesasim::cosim
