// SPDX-License-Identifier: Apache-2.0
// cesa_pio: an OCF driver that feeds the CESA by the processor, as Linux's mv_cesa did (until 4.15)
// and as it must be on an Orion, whose unit has no DMA of its own. For every piece of at most the
// SRAM less 128 bytes (1920 of 2048): copy in, start, interrupt, wake the queue's thread, copy out.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "driver/cesa/platform.h"
#include "driver/cesa/session.h"
#include "driver/cesa/sram.h"
#include "driver/completions.h"
#include "driver/crypto_driver.h"
#include "driver/known_driver.h"
#include "driver/params.h"
#include "driver/restarts.h"
#include "kernel_model/kernel.h"

namespace cesasim::driver {

/// Registered HARDWARE (not SYNC): AES-CBC with 128, 192 and 256 bits, DES-CBC, 3DES-CBC, in place
/// or with crp_out_buf. process() only queues: ERESTART when the queue is full, EINVAL in crp_etype
/// for what the unit cannot do. Callbacks run in the queue's thread ("mv_crypto").
///
/// Watchdog: an operation whose interrupt was lost goes on; one that never ends is stopped, its
/// request ends with EIO and the next one is taken. Without it the thread waits for ever.
class CesaPio : public KnownDriver {
 public:
  CesaPio(kernel::Kernel& kernel, CryptoCore& crypto, const DriverCosts& costs,
          const CesaPlatform& platform, const PioSettings& settings, const Recovery& recovery);
  ~CesaPio() override;

  int newsession(std::uint32_t* lid, const CryptoIni& cri) override;
  int freesession(std::uint32_t lid) override;
  int process(CryptoRequest* crp, int hint) override;
  DriverStats driver_stats() const override { return stats_; }

 private:
  struct Engine {
    Engine(kernel::Kernel& kernel, const CesaPlatform& platform, const CesaPlatform::Engine& where)
        : at(where), sram(platform, where), work(kernel), operation(kernel) {}
    unsigned number = 0;
    CesaPlatform::Engine at;
    CesaSram sram;
    std::deque<CryptoRequest*> queue;  // the first one is being worked on
    std::uint64_t load = 0;            // bytes queued
    bool done = false;                 // the operation's interrupt has come
    kernel::WaitQueue work;
    kernel::WaitQueue operation;
    kernel::SpinLock lock;
  };

  void queue_manag(Engine& engine);
  int run(Engine& engine, CryptoRequest& crp);
  int wait_for(Engine& engine);
  bool crypto_int(Engine& engine);
  bool has_room() const;
  bool full(const Engine& engine) const { return engine.queue.size() >= settings_.queue_depth; }

  kernel::Kernel& kernel_;
  CryptoCore& crypto_;
  DriverCosts costs_;
  PioSettings settings_;
  Recovery recovery_;
  CesaSessions sessions_;
  std::vector<std::unique_ptr<Engine>> engines_;
  Restarts restarts_;
  Completions completions_;
  DriverStats stats_;
};

}  // namespace cesasim::driver
