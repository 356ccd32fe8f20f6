// SPDX-License-Identifier: Apache-2.0
// cesa_ring: a driver for the descriptor ring of docs/ring.md. What it has that the CESA's drivers
// have not: a ring per core, one doorbell for many requests, results in another buffer than the
// data, interrupts for several completions, and polling instead of interrupts under light load.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "driver/completions.h"
#include "driver/crypto_driver.h"
#include "driver/known_driver.h"
#include "driver/params.h"
#include "driver/restarts.h"
#include "hw_model/ring/descriptor.h"
#include "kernel_model/kernel.h"

namespace cesasim::driver {

/// Where the unit is. It is used with as many rings as there are interrupt lines, or as it has.
struct RingPlatform {
  hw::PhysAddr regs = 0;           ///< unit page
  std::vector<unsigned> irqs;      ///< line of each ring
  std::vector<unsigned> irq_cpus;  ///< core it is routed to
  double tclk_hz = 200e6;          ///< clock of the unit (clk_get_rate), for coalesce_us
};

/// What DriverStats has no place for.
struct CesaRingStats {
  std::uint64_t batched = 0;          ///< requests that waited for a later doorbell
  std::uint64_t slot_sessions = 0;    ///< sessions whose key got a slot of the unit
  std::uint64_t memory_sessions = 0;  ///< sessions whose key the unit reads with each request
  std::uint64_t lost_interrupts = 0;  ///< completions that only the watchdog found
  std::uint64_t resets = 0;           ///< of a ring
  std::uint64_t resubmitted = 0;      ///< requests given to the unit again after a reset
  std::uint64_t coalesce_changes = 0;
};

/// AES, DES and 3DES in CBC mode, in place or into another buffer. Not SYNC.
///
/// Submission. Core c submits to ring c mod rings (settings.per_core), else all to ring 0. The
/// doorbell is one posted write of a position, so a request without CRYPTO_HINT_MORE rings at once
/// and takes along what was held back. A hinted one is held back, up to doorbell_batch of them,
/// while the unit has more than `prefetch` requests that have not ended: their completions ring for
/// it if the announced request never comes (see reap()). The shadow index of the data sheet stays
/// unused: the unit reads it once more whenever it runs dry, and a driver could still not tell
/// whether it did so before or after the last store, so no doorbell could be left out.
///
/// Completion. In the order of submission within a ring; between rings there is none. The hard
/// interrupt masks the ring and leaves the rest to a tasklet, which takes completions by their
/// phase until a pass finds none, and unmasks. With fewer than poll_below requests in the ring, a
/// submitter in process context takes them itself for at most poll_us, with the interrupt masked.
///
/// Coalescing. off: an announcement for each completion; fixed: coalesce_count, coalesce_us;
/// adaptive: while the core says that more follow, the count doubles with every interrupt; else it
/// is half of what the unit still has, as a power of two, so that it never waits for requests that
/// nobody has submitted. From 1 to coalesce_count; set when the tasklet ends, and with the last of
/// many. A request whose promised successor never comes may wait for coalesce_us.
///
/// Errors. A completion with another status than ok ends its request with EIO. process() returns
/// ERESTART while the ring is full, and until the probe is through; what it cannot do ends with
/// EINVAL, without memory for a key with ENOMEM.
///
/// Recovery (if `recovery.watchdog`). A ring without a completion for watchdog_ms is looked at:
/// what has ended is taken (a lost interrupt); if nothing has, or the unit has stopped the ring
/// after a bus error, the ring is reset. Then requests are submitted again whose source is whole:
/// those that the unit had not fetched, and those with a destination of their own, these up to
/// kRetries times. The others end with EIO. What sq_consumer says may be late by one fetch, so
/// `prefetch` requests more count as fetched. Without recovery such requests never end.
class CesaRing : public KnownDriver {
 public:
  static constexpr unsigned kRetries = 2;
  /// Throws std::invalid_argument for settings that cannot work.
  CesaRing(kernel::Kernel& kernel, CryptoCore& crypto, const DriverCosts& costs,
           const RingPlatform& platform, const RingSettings& settings, const Recovery& recovery);
  ~CesaRing() override;

  DriverStats driver_stats() const override { return driver_stats_; }
  int newsession(std::uint32_t* lid, const CryptoIni& cri) override;
  int freesession(std::uint32_t lid) override;
  int process(CryptoRequest* crp, int hint) override;

  const CesaRingStats& stats() const { return stats_; }

 private:
  struct Session {
    bool used = false;
    bool keyed = false;  // the key is where the unit finds it: in a slot or at key_at
    Alg alg = Alg::none;
    std::uint32_t key_bytes = 0;
    std::array<std::uint8_t, 64> key{};
    int slot = -1;
    hw::PhysAddr key_at = 0;
    std::uint32_t outstanding = 0;
  };
  struct KeySlot {
    bool used = false;
    bool stale = false;  // holds a key that nobody needs
  };
  struct Request {
    CryptoRequest* crp = nullptr;
    std::uint32_t lid = 0;
    std::uint16_t index = 0;  // where it stands in the submission ring
    unsigned attempts = 0;
    int error = 0;
    hw::RingDescriptor d;
  };
  struct Ring {
    unsigned number = 0;
    unsigned irq = 0;
    unsigned irq_cpu = 0;
    hw::PhysAddr regs = 0;
    hw::PhysAddr sq = 0;
    hw::PhysAddr cq = 0;
    std::vector<std::unique_ptr<Request>> requests;  // the cookie is the place
    std::vector<std::uint32_t> free;
    std::deque<std::uint32_t> order;  // written to the ring, oldest first
    std::uint16_t produced = 0;       // written
    std::uint16_t rung = 0;           // known to the unit
    std::uint16_t taken = 0;          // completions taken
    std::uint32_t mask = 0;           // int_mask as written last
    std::uint32_t count = 0;          // coalesce_count as written last
    bool more = false;                // the last request came with CRYPTO_HINT_MORE
    bool draining = false;            // the tasklet is at work or will be
    bool polling = false;             // a submitter is at work
    bool refused = false;          // returned ERESTART since the core was last unblocked for good
    bool stopped = false;          // by an error on the bus; nothing more is fetched
    std::uint16_t stopped_at = 0;  // what it had fetched before
    bool must_reset = false;
    bool dead = false;  // a reset did not end
    hw::Ps progress = 0;
    kernel::SpinLock lock;
    kernel::Tasklet tasklet;

    std::uint16_t in_device() const { return static_cast<std::uint16_t>(rung - taken); }
    std::uint16_t pending() const { return static_cast<std::uint16_t>(produced - rung); }
  };

  void probe();
  void set_up(Ring& ring);
  bool wait_reset(hw::PhysAddr reg, std::uint32_t bit);
  bool valid(const CryptoRequest& crp) const;
  bool place_key(Session& session);
  void release(Session& session);
  void erase_stale_keys();
  void describe(Request& request, const Session& session);
  void write_descriptor(Ring& ring, std::uint32_t cookie);
  void doorbell(Ring& ring);
  bool interrupt(Ring& ring);
  void drain(Ring& ring);
  void note_causes(Ring& ring, std::uint32_t causes);
  unsigned reap(Ring& ring);
  bool take(Ring& ring, std::vector<Request>& ended);
  void finish(std::vector<Request>& ended);
  void arm(Ring& ring);
  void poll(Ring& ring);
  void adapt(Ring& ring);
  void recover(Ring& ring);
  void watchdog();
  void start_watchdog();
  int restart(Ring& ring, bool comes_back = true);
  bool has_room() const;
  std::uint16_t low_water() const { return static_cast<std::uint16_t>(prefetch_); }

  kernel::Kernel& kernel_;
  CryptoCore& crypto_;
  DriverCosts costs_;
  RingPlatform platform_;
  RingSettings settings_;
  Recovery recovery_;
  Restarts restarts_;
  Completions completions_;
  std::uint32_t log2_entries_ = 0;
  std::uint32_t coalesce_cycles_ = 0;
  std::uint32_t error_causes_ = 0;
  std::uint32_t prefetch_ = 0;
  std::uint32_t algorithms_ = 0;
  std::size_t used_rings_ = 1;
  bool adaptive_ = false;
  bool probed_ = false;
  bool missing_ = false;  // no unit was found
  bool stale_keys_ = false;
  hw::Ps tick_ = 0;
  kernel::Timer watchdog_timer_;
  kernel::SpinLock key_lock_;
  std::deque<Session> sessions_;
  std::vector<KeySlot> slots_;
  std::vector<hw::PhysAddr> key_pool_;
  std::vector<std::unique_ptr<Ring>> rings_;
  DriverStats driver_stats_;
  CesaRingStats stats_;
};

}  // namespace cesasim::driver
