// SPDX-License-Identifier: Apache-2.0
// cesa_hal: Marvell's own OCF driver over its hardware abstraction layer (HAL), in two generations.
//
// kirkwood: cesa_ocf_drv.c and mvCesa.c of the Orion and Kirkwood kernels (crypto/ocf/kirkwood in
// linux-marvell). 64 slots; one fragment in the engine at a time, an interrupt after each; the
// handler takes one result and calls back in the hard interrupt.
// armada: the later driver (drivers/crypto/mvebu_cesa): 256 slots for each engine, all results
// taken. Built for chains it links waiting requests and has an interrupt for each chain; built for
// coalescing (its default) it starts one request at a time, when it is called and finds STATUS
// idle, and has one interrupt for several. A request that waits behind an engine that has become
// idle is not started before the coalesced interrupt, or the next request.
//
// What it does not do is as much part of it. It never calls crypto_unblock, so it needs a core that
// hands ERESTART to the caller (policy "marvell"). It ends a request that it refuses without
// crypto_done. It never looks at ERROR_CAUSE and has no watchdog: an engine that stops stays
// stopped. In place only.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "driver/cesa/platform.h"
#include "driver/completions.h"
#include "driver/crypto_driver.h"
#include "driver/known_driver.h"
#include "driver/params.h"
#include "hw_model/common/object_pool.h"
#include "kernel_model/kernel.h"

namespace cesasim::driver {

/// Registered HARDWARE (not SYNC): AES-CBC with 128, 192 and 256 bits, DES-CBC, 3DES-CBC. process()
/// returns ERESTART while at most one slot is free (in the armada driver the value is negative;
/// here both are), and EINVAL, without crypto_done, for what it cannot do: no session, a length of
/// 0, beyond 64 KiB or not in whole blocks, no memory, an IV asked for that is also present.
class CesaHal : public KnownDriver {
 public:
  static constexpr std::size_t kMaxSessions = 128;
  static constexpr std::uint32_t kMaxRequestBytes = 64 * 1024;

  CesaHal(kernel::Kernel& kernel, CryptoCore& crypto, const DriverCosts& costs,
          const CesaPlatform& platform, const HalSettings& settings);
  ~CesaHal() override;

  int newsession(std::uint32_t* lid, const CryptoIni& cri) override;
  int freesession(std::uint32_t lid) override;
  int process(CryptoRequest* crp, int hint) override;
  DriverStats driver_stats() const override { return stats_; }

 private:
  /// A HAL session: one direction of an OCF session, with the SRAM's session area in memory.
  struct HalSession {
    std::uint32_t config = 0;  // SA configuration word
    hw::PhysAddr area = 0;
  };
  struct Session {
    bool used = false;
    Alg alg = Alg::none;
    HalSession encrypt;
    HalSession decrypt;
    std::array<std::uint8_t, kMaxBlockLen> iv{};  // for requests that bring none
  };
  /// A piece of at most the SRAM's buffer: its own DMA chain.
  struct Fragment {
    hw::PhysAddr memory = 0;  // descriptors and the IV's copy
    hw::PhysAddr first = 0;
    hw::PhysAddr last = 0;
    hw::PhysAddr launch = 0;  // the descriptor that hands over
  };
  struct Slot {
    CryptoRequest* crp = nullptr;
    Session* session = nullptr;
    hw::PhysAddr data = 0;
    std::uint32_t bytes = 0;
    std::vector<Fragment> fragments;
    std::size_t next_fragment = 0;
  };
  struct Channel {
    CesaPlatform::Engine at;
    hw::PhysAddr sram = 0;               // first usable byte, bus address
    std::uint32_t sram_offset = 0;       // the same as SA offset
    std::deque<Slot*> queue;             // pending and in process, oldest first
    std::deque<Slot*> ready;             // ended and not taken
    std::size_t in_hw = 0;               // of the queue: started; coalescing: some have ended
    std::size_t used = 0;                // slots taken, those that are ready included
    const HalSession* loaded = nullptr;  // whose area the SRAM holds after the last queued packet
    kernel::SpinLock lock;
  };

  void mvCesaInit();
  bool has_room() const;
  int refuse(CryptoRequest* crp);
  hw::PhysAddr pool_alloc();
  bool pool_reserve(std::size_t count);
  /// Builds the chains of all fragments and queues the request.
  void mvCesaAction(Channel& channel, Slot& slot, const HalSession& session, bool encrypt,
                    const std::uint8_t* iv);
  void mvCesaFragReqProcess(Channel& channel, Fragment& fragment, const HalSession& session,
                            bool encrypt, std::uint32_t config, std::uint32_t iv_bytes,
                            hw::PhysAddr data, std::uint32_t bytes);
  void mvCesaReqProcessStart(Channel& channel);
  /// Coalescing: starts the oldest request that has not been, if the engine is idle.
  void start_next(Channel& channel);
  bool active(const Channel& channel);
  const Fragment* link(const Slot& slot, const Fragment* before);
  void launch(Channel& channel, hw::PhysAddr first);
  bool cesa_interrupt_handler(Channel& channel);
  /// Takes what the engine has ended, starts what waits, and returns one result;
  /// nullptr if none is ready.
  Slot* mvCesaReadyGet(Channel& channel);
  void reap(Channel& channel);
  void reap_chain(Channel& channel);
  void cesa_callback(Channel& channel, Slot& slot);
  void store32(hw::PhysAddr addr, std::uint32_t value);

  kernel::Kernel& kernel_;
  CryptoCore& crypto_;
  DriverCosts costs_;
  HalSettings settings_;
  bool armada_;
  bool coalescing_;
  std::uint32_t slots_;         // of one channel
  std::uint32_t buffer_bytes_;  // of the SRAM: the largest fragment
  std::uint64_t dram_bytes_;
  std::uint32_t coalesce_ticks_;
  std::uint32_t irq_bits_;  // unmasked
  std::uint32_t driverid_ = 0;
  bool probed_ = false;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::vector<hw::PhysAddr> pool_;
  hw::ObjectPool<Slot> slab_;
  Completions completions_;
  DriverStats stats_;
};

}  // namespace cesasim::driver
