// SPDX-License-Identifier: Apache-2.0
// How a driver completes its requests: in the order in which they ended, unless fault injection
// changes it.
#pragma once

#include <utility>

#include "driver/crypto_driver.h"
#include "kernel_model/kernel.h"

namespace cesasim::driver {

/// Calls crypto_done. On FaultKind::completion_order a request is kept back until the one after it
/// has ended, or until the next timer tick if none does.
class Completions {
 public:
  Completions(kernel::Kernel& kernel, CryptoCore& core) : kernel_(kernel), core_(core) {
    timer_.fn = [this] { release(); };
  }
  void done(CryptoRequest* crp) {
    if (held_ == nullptr && kernel_.fault(hw::FaultKind::completion_order)) {
      held_ = crp;
      kernel_.mod_timer(timer_, 1);
      return;
    }
    core_.crypto_done(crp);
    release();
  }

 private:
  void release() {
    if (CryptoRequest* crp = std::exchange(held_, nullptr)) core_.crypto_done(crp);
  }

  kernel::Kernel& kernel_;
  CryptoCore& core_;
  CryptoRequest* held_ = nullptr;
  kernel::Timer timer_;
};

}  // namespace cesasim::driver
