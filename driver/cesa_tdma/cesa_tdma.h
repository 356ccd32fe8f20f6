// SPDX-License-Identifier: Apache-2.0
// cesa_tdma: an OCF driver for the CESA that works the engine as Linux's marvell-cesa driver
// does with TDMA (drivers/crypto/marvell/cesa/{cesa,cipher,tdma}.c, v6.1): a chain of DMA
// descriptors per request, requests that arrive while the engine runs linked into the next
// chain, one interrupt per chain, handled in a thread.
//
// With a watchdog it goes further than Linux: it looks after requests that do not end, at the
// errors of the DMA (which Linux's driver never reads), and goes on with what is behind them.
#pragma once

#include <array>
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
#include "hw_model/common/object_pool.h"
#include "kernel_model/kernel.h"

namespace cesasim::driver {

struct CesaTdmaStats : DriverStats {
  std::uint64_t max_chain = 0;  ///< most requests in one chain
};

/// Registered HARDWARE (not SYNC): AES-CBC with 128, 192 and 256 bits, DES-CBC and 3DES-CBC, in
/// place or with crp_out_buf. process() returns ERESTART while the engine's queue is full, and
/// until the probe is through; what it cannot do ends with EINVAL in crp_etype, what it has no
/// memory for (and nothing in flight whose memory will come back) with ENOMEM. Callbacks run in its
/// interrupt thread, or in the hard interrupt without one.
///
/// Watchdog: a request whose interrupt was lost is completed; one in which the engine is stuck, or
/// at which the DMA stopped with an error, ends with EIO, the engine is stopped and started again
/// with those behind it. If the DMA does not stand in the chain (a link of it was overwritten),
/// what it has done is unknown, and all requests of the chain end with EIO.
class CesaTdma : public KnownDriver {
 public:
  CesaTdma(kernel::Kernel& kernel, CryptoCore& crypto, const DriverCosts& costs,
           const CesaPlatform& platform,
           const TdmaSettings& settings = {.queue_depth = 128,
                                           .chain = true,
                                           .threaded_irq = false},
           const Recovery& recovery = {});
  ~CesaTdma() override;

  int newsession(std::uint32_t* lid, const CryptoIni& cri) override;
  int freesession(std::uint32_t lid) override;
  int process(CryptoRequest* crp, int hint) override;

  DriverStats driver_stats() const override { return stats_; }
  const CesaTdmaStats& stats() const { return stats_; }

 private:
  struct Request {
    CryptoRequest* crp = nullptr;
    hw::PhysAddr data = 0;
    hw::PhysAddr out = 0;
    std::uint32_t bytes = 0;
    int error = 0;  // errno it ends with
    std::vector<hw::PhysAddr> descriptors;
    std::vector<hw::PhysAddr> ops;
    std::size_t used_descriptors = 0;  // while it is built
    std::size_t used_ops = 0;
  };
  struct Engine {
    Engine(const CesaPlatform& platform, const CesaPlatform::Engine& where)
        : at(where), sram(platform, where) {}
    CesaPlatform::Engine at;
    CesaSram sram;
    std::deque<Request*> queue;  // waiting and in hardware, oldest first
    std::deque<Request*> complete;
    std::size_t claimed = 0;   // places in the queue of requests being built
    std::size_t in_hw = 0;     // requests of the chain the engine runs
    std::uint64_t load = 0;    // bytes outstanding
    std::uint32_t events = 0;  // chains ended and restarts
    hw::PhysAddr seen = 0;     // CURRENT at the watchdog's last look
    hw::Ps moved = 0;          // when the watchdog found it changed, or of the launch
    kernel::SpinLock lock;
  };

  Engine& mv_cesa_select_engine();
  void mv_cesa_skcipher_dma_req_init(const CesaSram& sram, Request& request,
                                     const CesaSession& session, bool encrypt,
                                     const std::uint8_t* iv);
  hw::PhysAddr mv_cesa_dma_add_desc(Request& request, std::uint32_t byte_count, hw::PhysAddr src,
                                    hw::PhysAddr dst);
  hw::PhysAddr mv_cesa_dma_add_op(Request& request);
  void mv_cesa_queue_req(Engine& engine, Request& request);
  bool mv_cesa_int(Engine& engine);
  bool dma_error(Engine& engine);
  // With the engine's lock held:
  /// Clears the causes, takes what has ended, launches what waits.
  void mv_cesa_int_process(Engine& engine, std::uint32_t status);
  void mv_cesa_tdma_process(Engine& engine);
  void take_ended(Engine& engine, std::uint32_t current);
  /// Stops the engine, ends the request that it was in with EIO, starts it with those behind.
  void restart_engine(Engine& engine);
  void mv_cesa_dma_step(Engine& engine);

  void mv_cesa_tdma_chain(const Request& before, const Request& request);
  void complete_all(Engine& engine);
  void mv_cesa_skcipher_cleanup(Engine& engine, Request& request);
  void watch();
  bool full(const Engine& engine) const;
  bool chain_holds(const Engine& engine, std::uint32_t descriptor) const;
  Request* get_request(std::size_t chunks);
  void put_request(Request& request);
  bool pool_take(std::vector<hw::PhysAddr>& pool, std::size_t bytes, std::size_t count,
                 std::vector<hw::PhysAddr>& out);
  int restart(bool comes_back = true);
  bool has_room() const;
  void store32(hw::PhysAddr addr, std::uint32_t value);

  kernel::Kernel& kernel_;
  CryptoCore& crypto_;
  DriverCosts costs_;
  TdmaSettings settings_;
  Recovery recovery_;
  std::uint32_t driverid_ = 0;
  bool probed_ = false;
  bool starved_ = false;  // no memory for a request until one in flight ends
  Restarts restarts_;
  hw::Ps patience_ = 0;  // watchdog_ms
  kernel::Timer watchdog_;
  Completions completions_;
  CesaSessions sessions_;
  std::vector<std::unique_ptr<Engine>> engines_;
  std::vector<hw::PhysAddr> descriptor_pool_;
  std::vector<hw::PhysAddr> op_pool_;
  hw::ObjectPool<Request> request_slab_;
  CesaTdmaStats stats_;
};

}  // namespace cesasim::driver
