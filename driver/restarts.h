// SPDX-License-Identifier: Apache-2.0
// ERESTART and its end, for drivers whose queue is bounded.
#pragma once

#include <functional>

#include "driver/crypto_driver.h"
#include "kernel_model/kernel.h"

namespace cesasim::driver {

/// Between a driver's ERESTART and the core's marking it blocked, an interrupt may make room and
/// unblock in vain: the 2005 core then forgets that always, the 2010 core if another request was
/// dispatched meanwhile. So a driver unblocks whenever it makes room, and once more by a timer when
/// a tick has passed since the last ERESTART (`retry_tick`; the drivers of the time had no such
/// timer: they unblock once, at the first room after an ERESTART, and if that was in vain nobody
/// comes back). With kernel preemption room may even be made between
/// the driver's finding none and its ERESTART, when nobody knows yet that someone waits.
class Restarts {
 public:
  /// `has_room` says whether a request would be taken now.
  Restarts(kernel::Kernel& kernel, CryptoCore& core, bool retry_tick,
           std::function<bool()> has_room)
      : kernel_(kernel),
        core_(core),
        retry_tick_(retry_tick),
        has_room_(std::move(has_room)),
        tick_(kernel.settings().tick()) {
    timer_.fn = [this] { again(); };
  }
  void set_driverid(std::uint32_t driverid) { driverid_ = driverid; }

  /// The answer of a process() that has found no room. The timer is to unblock where nothing in
  /// flight may: unless room `comes_back`, or if it has come meanwhile.
  int restart(bool comes_back = true) {
    blocked_ = true;
    restarted_ = kernel_.now();
    if (retry_tick_ && (!comes_back || has_room_()) && !timer_.armed) {
      kernel_.mod_timer(timer_, tick_);
    }
    return ERESTART;
  }
  /// The core may hold the driver for blocked.
  bool blocked() const { return blocked_; }
  /// There is room again, or may be.
  void made_room() {
    if (!blocked_) return;
    if (!retry_tick_) blocked_ = false;  // before the call, in which the core may be refused again
    core_.crypto_unblock(driverid_, CRYPTO_SYMQ);
    if (retry_tick_ && !timer_.armed) kernel_.mod_timer(timer_, tick_);
  }

 private:
  void again() {
    // Without room an interrupt is still to come (or the device is dead and never will).
    if (!has_room_()) return;
    core_.crypto_unblock(driverid_, CRYPTO_SYMQ);
    if (kernel_.now() < restarted_ + tick_) {
      kernel_.mod_timer(timer_, tick_);
    } else {
      blocked_ = false;
    }
  }

  kernel::Kernel& kernel_;
  CryptoCore& core_;
  bool retry_tick_;
  std::function<bool()> has_room_;
  hw::Ps tick_;
  std::uint32_t driverid_ = 0;
  bool blocked_ = false;
  hw::Ps restarted_ = 0;  // last ERESTART
  kernel::Timer timer_;
};

}  // namespace cesasim::driver
