// SPDX-License-Identifier: Apache-2.0
// The crypto ring without SystemC: registers, rings, descriptor fetch, dispatch, engines and
// write-back as a machine that its owner steps from one instant to the next (docs/ring.md).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "hw_model/common/object_pool.h"
#include "hw_model/common/units.h"
#include "hw_model/memory/dma_port.h"
#include "hw_model/registers/register_file.h"
#include "hw_model/ring/descriptor.h"
#include "hw_model/ring/engine.h"
#include "hw_model/ring/params.h"
#include "hw_model/ring/registers.h"
#include "hw_model/ring/timing.h"

namespace cesasim::hw {

/// The unit's channels to memory, each of which is a bus master of its own.
namespace ring_channel {
inline constexpr unsigned kFetch = 0;
inline constexpr unsigned kWriteBack = 1;
constexpr unsigned read(unsigned engine) { return 2 + 2 * engine; }
constexpr unsigned write(unsigned engine) { return 3 + 2 * engine; }
constexpr unsigned count(unsigned engines) { return 2 + 2 * engines; }
}  // namespace ring_channel

/// What the unit did since the start.
struct RingStats {
  std::uint64_t doorbells = 0;
  std::uint64_t fetches = 0;      ///< bursts of descriptors read
  std::uint64_t descriptors = 0;  ///< in them
  std::uint64_t shadow_reads = 0;
  std::uint64_t completed = 0;        ///< completions written with status ok
  std::uint64_t failed = 0;           ///< with another status
  std::uint64_t abandoned = 0;        ///< requests ended by a reset, or without completion after a
                                      ///< write-back error
  std::uint64_t interrupts = 0;       ///< rising edges of the lines
  std::uint64_t announcements = 0;    ///< cause done raised
  std::uint64_t guest_errors = 0;     ///< mistakes of the driver
  std::uint64_t reserved_writes = 0;  ///< writes of 1 to reserved bits (dropped)
  Ps fetch_busy_ps = 0;
  Ps write_back_busy_ps = 0;
  std::string last_report;  ///< the last guest error
};

class RingCore {
 public:
  /// `channels` are ring_channel::count(engines) ports, which outlive the core. Throws
  /// std::invalid_argument for parameters that make no unit.
  RingCore(const RingParams& params, std::span<DmaPort* const> channels);

  /// Software's view of the registers; `offset` is in the window. `now` is the instant of the
  /// access. Afterwards next() may have come nearer.
  std::uint32_t read(std::uint32_t offset);
  void write(std::uint32_t offset, std::uint32_t value, Ps now);
  /// Reads without counting anything.
  std::uint32_t peek(std::uint32_t offset) const;
  /// Stores plain bits without acting or counting.
  void poke(std::uint32_t offset, std::uint32_t value);

  /// When step() is due next, or kNever.
  Ps next() const;
  /// Does what is due at `now` and starts what can start.
  void step(Ps now);

  /// Fault injection from here on; not owned, nullptr = none. An engine may fail or get stuck
  /// when it starts to cipher a request, the bus may refuse any access (docs/ring.md, section 12).
  void set_faults(FaultPlan* plan) { faults_.plan = plan; }
  std::uint64_t faults() const { return faults_.happened; }
  /// Notifies `tracer` of what the engines do from here on; not owned, nullptr = none.
  void set_tracer(HwTracer* tracer) {
    tracer_ = tracer;
    for (RingEngine& engine : engines_) engine.set_tracer(tracer);
  }

  /// Level of a ring's interrupt line.
  bool irq(unsigned ring) const { return rings_[ring].irq; }
  unsigned rings() const { return static_cast<unsigned>(rings_.size()); }
  unsigned engines() const { return static_cast<unsigned>(engines_.size()); }
  const RingEngine& engine(unsigned i) const { return engines_[i]; }
  const RingParams& params() const { return params_; }
  const RingTiming& timing() const { return timing_; }
  const RingStats& stats() const { return stats_; }
  /// For owners that find a driver's mistake at the bus (bad width, bad address).
  void guest_error(std::string report);

 private:
  struct Fetched {
    std::uint16_t index = 0;
    RingDescriptor d;
  };
  struct Ring {
    Ring() : regs(ring_registers()) {}
    RegisterFile regs;
    bool running = false;
    bool draining = false;
    bool stopped = false;   // nothing more is fetched
    bool silenced = false;  // nothing more is written: after a write-back error
    bool resetting = false;
    bool cq_full = false;
    bool shadow_due = false;
    bool irq = false;
    std::uint16_t sq_consumer = 0;
    std::uint16_t cq_producer = 0;
    std::uint32_t sq_log2 = 0;  // as sampled by enable
    std::uint32_t cq_log2 = 0;
    Ps fetch_from = 0;
    std::deque<Fetched> prefetched;
    std::deque<RingRequest*> order;  // dispatched, not ready to be written back
    std::deque<RingRequest*> ready;
    std::uint32_t in_engines = 0;
    std::uint16_t unannounced = 0;
    Ps timer = kNever;

    std::uint16_t sq_producer() const {
      return static_cast<std::uint16_t>(regs.get(ring_reg::kSqProducer));
    }
    std::uint16_t cq_consumer() const {
      return static_cast<std::uint16_t>(regs.get(ring_reg::kCqConsumer));
    }
    std::uint16_t known() const { return static_cast<std::uint16_t>(sq_producer() - sq_consumer); }
    /// Completions in memory that the driver has not taken; -1 if it has taken the one whose
    /// write is just ending.
    int untaken() const { return static_cast<std::int16_t>(cq_producer - cq_consumer()); }
    std::uint32_t config() const { return regs.get(ring_reg::kConfig); }
    PhysAddr address(std::uint32_t low) const {
      return regs.get(low) | PhysAddr{regs.get(low + 4)} << 32;
    }
  };
  struct KeySlot {
    std::array<std::uint8_t, 64> key{};
    std::uint32_t bytes = 0;  // 0 = empty
  };
  /// The descriptor fetch and the write-back: what they work on.
  struct Fetch {
    bool working = false;
    Ps until = 0;
    unsigned ring = 0;
    bool shadow = false;
    bool ok = false;
    std::uint32_t count = 0;
  };
  struct WriteBack {
    bool working = false;
    Ps until = 0;
    unsigned ring = 0;
    bool ok = false;
    RingRequest* request = nullptr;
  };

  void write_unit(std::uint32_t offset, const RegisterWrite& w, std::uint32_t value, Ps now);
  void write_ring(unsigned ring, std::uint32_t offset, std::uint32_t before, std::uint32_t pulses,
                  Ps now);
  void key_command(std::uint32_t value);
  void set_enable(unsigned ring, bool on, Ps now);
  bool enable_allowed(unsigned ring, std::string& why) const;
  void reset_ring(unsigned ring, Ps now);
  void doorbell(unsigned ring, std::uint16_t before, Ps now);
  void shadow_arrived(unsigned ring, std::uint16_t index);
  void acknowledge(unsigned ring, std::uint16_t before);

  bool finish_fetch(Ps now);
  bool start_fetch(Ps now);
  bool wants_fetch(const Ring& ring) const;
  bool dispatch();
  bool dispatch_from(unsigned ring);
  RingStatus check(const RingDescriptor& d) const;
  RingEngine* least_loaded();
  void ended(RingRequest& request);
  void sort_ready(Ring& ring);
  bool finish_write_back(Ps now);
  /// The completion of a request is in memory.
  void completed(unsigned ring, const RingRequest& request, Ps now);
  bool start_write_back(Ps now);
  void silence(Ring& ring);
  void settle(unsigned ring);
  std::uint32_t in_flight(unsigned ring) const;

  void coalesce(Ring& ring, Ps now, bool at_once);
  void announce(Ring& ring);
  void raise(Ring& ring, std::uint32_t causes);
  void update_irq(Ring& ring);
  void report(unsigned ring, const std::string& text);
  /// The same, unless the bus error behind it was injected.
  void report_bus_error(const RingPort& port, unsigned ring, const std::string& text);

  std::uint32_t unit_value(std::uint32_t offset) const;
  std::uint32_t ring_value(unsigned ring, std::uint32_t offset) const;

  RingParams params_;
  RingTiming timing_;
  RingFaults faults_;
  HwTracer* tracer_ = nullptr;
  RingPort fetch_port_;
  RingPort write_port_;
  RegisterFile unit_;
  std::deque<Ring> rings_;
  std::deque<RingEngine> engines_;
  std::vector<KeySlot> keys_;
  Fetch fetch_;
  WriteBack write_back_;
  std::vector<std::uint8_t> fetched_;
  unsigned fetch_turn_ = 0;
  unsigned dispatch_turn_ = 0;
  unsigned write_back_turn_ = 0;
  Ps wake_ = kNever;  // a register write wants a step
  std::vector<RingRequest*> ended_;
  ObjectPool<RingRequest> requests_;
  RingStats stats_;
};

}  // namespace cesasim::hw
