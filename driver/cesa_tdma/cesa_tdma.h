// cesa_tdma: an OCF driver for the CESA that works the engine as Linux's marvell-cesa driver
// does with TDMA (drivers/crypto/marvell/cesa/{cesa,cipher,tdma}.c, v6.1): a chain of DMA
// descriptors per request, requests that arrive while the engine runs linked into the next
// chain, one interrupt per chain.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "driver/cesa/platform.h"
#include "driver/ocf/crypto.h"
#include "driver/params.h"
#include "kernel_model/kernel.h"

namespace cesasim::driver {

struct CesaTdmaStats {
  std::uint64_t requests = 0;
  std::uint64_t chains = 0;    ///< launches
  std::uint64_t restarts = 0;  ///< ERESTART answers (queue full)
  std::uint64_t max_queue = 0;
  std::uint64_t max_chain = 0;  ///< most requests in one chain
};

/// Registered HARDWARE (not SYNC): AES-CBC with 128, 192 and 256 bits. process() answers
/// ERESTART while the engine's queue is full, and until the probe is through; what it cannot do
/// ends with EINVAL in crp_etype, what it has no memory for (and nothing in flight whose memory
/// will come back) with ENOMEM. Callbacks run in its hard interrupt.
class CesaTdma : public CryptoDriver {
 public:
  static constexpr std::size_t kQueueDepth = 128;  // CESA_CRYPTO_DEFAULT_MAX_QLEN

  CesaTdma(kernel::Kernel& kernel, Crypto& crypto, const DriverCosts& costs,
           const CesaPlatform& platform);
  ~CesaTdma() override;

  const char* name() const override { return "cesa_tdma"; }
  int newsession(std::uint32_t* lid, const CryptoIni& cri) override;
  int freesession(std::uint32_t lid) override;
  int process(Cryptop* crp, int hint) override;

  const CesaTdmaStats& stats() const { return stats_; }

 private:
  struct Session {
    bool used = false;
    std::uint32_t key_code = 0;  // SA descriptor field: 0, 1, 2
    std::array<std::uint8_t, 32> key_enc{};
    std::array<std::uint8_t, 32> key_dec{};
  };
  struct Request {
    Cryptop* crp = nullptr;
    hw::PhysAddr data = 0;
    std::uint32_t bytes = 0;
    std::vector<hw::PhysAddr> descriptors;
    std::vector<hw::PhysAddr> ops;
  };
  struct Engine {
    CesaPlatform::Engine at;
    hw::PhysAddr sram = 0;          // first usable byte, bus address
    std::uint32_t sram_offset = 0;  // the same as SA offset
    std::uint32_t payload = 0;      // data bytes per operation
    std::deque<Request*> queue;     // waiting and in hardware, oldest first
    std::deque<Request*> complete;
    std::size_t claimed = 0;  // places in the queue of requests being built
    std::size_t in_hw = 0;    // requests of the chain the engine runs
    std::uint64_t load = 0;   // bytes outstanding
    kernel::SpinLock lock;
  };

  void build(Engine& engine, Request& request, const Session& session, bool encrypt);
  hw::PhysAddr add_descriptor(Request& request, std::uint32_t byte_count, hw::PhysAddr src,
                              hw::PhysAddr dst);
  hw::PhysAddr add_op(Request& request);
  void queue_req(Engine& engine, Request& request);
  void launch(Engine& engine);
  bool interrupt(Engine& engine);
  void tdma_process(Engine& engine);
  void complete_req(Engine& engine, Request& request);
  Request* get_request();
  bool pool_reserve(std::vector<hw::PhysAddr>& pool, std::size_t bytes, std::size_t count);
  hw::PhysAddr pool_alloc(std::vector<hw::PhysAddr>& pool);
  int restart();
  void unblock();
  bool has_room() const;
  void store32(hw::PhysAddr addr, std::uint32_t value);

  kernel::Kernel& kernel_;
  Crypto& crypto_;
  DriverCosts costs_;
  std::uint32_t driverid_ = 0;
  bool probed_ = false;
  bool blocked_ = false;  // the core may hold the driver for blocked
  bool starved_ = false;  // no memory for a request until one in flight ends
  hw::Ps restarted_ = 0;  // last ERESTART
  hw::Ps tick_ = 0;
  kernel::Timer unblock_timer_;
  std::vector<Session> sessions_;
  std::vector<std::unique_ptr<Engine>> engines_;
  std::vector<hw::PhysAddr> descriptor_pool_;
  std::vector<hw::PhysAddr> op_pool_;
  std::vector<std::unique_ptr<Request>> request_slab_;
  std::vector<Request*> free_requests_;
  CesaTdmaStats stats_;
};

}  // namespace cesasim::driver
