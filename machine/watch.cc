// SPDX-License-Identifier: Apache-2.0
#include "machine/watch.h"

#include "hw_model/common/units.h"
#include "hw_model/tlm/sc_time.h"

namespace cesasim {
namespace {

constexpr hw::Ps kStall = 300 * hw::kPsPerS;

}  // namespace

bool watch_run(const WatchedRun& run) {
  std::uint64_t completed = run.completed();
  hw::Ps silent_since = hw::now_ps();
  while (!run.done()) {
    sc_core::sc_start(run.slice());
    if (run.after_slice) run.after_slice();
    if (run.done()) break;
    const hw::Ps now = hw::now_ps();
    const std::uint64_t so_far = run.completed();
    if (so_far != completed || !run.waiting()) {
      completed = so_far;
      silent_since = now;
    } else if (now - silent_since > kStall) {
      return false;  // something keeps the machine busy, but no request completes any more
    }
    // Nothing will ever happen again: whatever is outstanding is lost.
    if (!sc_core::sc_pending_activity()) return false;
  }
  return true;
}

}  // namespace cesasim
