// SPDX-License-Identifier: Apache-2.0
// One engine of the unit without SystemC: registers, SRAM, DMA and accelerator as a state
// machine that its owner steps from one instant to the next.
//
// What drivers of the silicon confirm (HAL: Marvell's, drivers/crypto/mvebu_cesa/hal of its
// kernel):
// - A channel is active, in CMD and STATUS, until the chain's data is out: the HAL gets a
//   coalesced interrupt only, reads STATUS and takes the buffers of what is not active.
// - A packet of a chain is done (cause 11, AccAndTDMAInt_CM in register headers of the 88F6281)
//   when accelerator and DMA have done with it: at the hand-over to the next, or at the end of the
//   chain. Coalescing counts these causes, and its time runs from the first one not announced (help
//   texts of the HAL's Kconfig). The thresholds have 8 bits for packets and 24 for time.
// - CFG bit 13 keeps cipher and MAC of one operation from overlapping (the HAL sets it on early
//   steppings, Linux always). CONTROL bits 17..16 ask for two, three or four reads ahead (the HAL's
//   names: 2 transactions, 3 transactions, new mode "up to 4").
// - STATUS has a digest error for each channel, bits 8 and 9 (HAL of the two-channel Orion:
//   1 << (channel + 8)). That a start clears its own one alone is assumed.
//
// What no source says and is assumed here:
// - Power-on is the only reset: registers take their reset values, the SRAM is zero. CMD's stop
//   ends what runs and resets nothing.
// - A DMA error stops the DMA and the channel that waits for it: active bits clear, ERROR_CAUSE
//   says why, no done cause is raised. The line follows ERROR_CAUSE & ERROR_MASK as well (one
//   handler serves both in FreeBSD's driver), so a driver that unmasks errors sees them.
// - An operation that the accelerator refuses (a wrong descriptor) takes start and end, changes
//   nothing and is announced as done: the silicon has no cause to say more, and a driver waits
//   for this one. It counts as guest error or unimplemented use.
// - A refused activation (a guest error) starts nothing and raises no cause; CMD reads 0.
// - The DMA hands over at a descriptor it does not own. With CFG bit 7 (8) the channel waits for
//   that; with bit 9 (10) CMD starts the DMA. With 9 alone both run at once, and the channel is
//   done when both are. With 7 alone software starts the DMA with CONTROL's fetch_next, before
//   or after CMD. A hand-over for which no channel waits is an ownership error (cause 10).
// - The own bit is not written back; BYTE_COUNT keeps the descriptor's count.
// - Clearing CONTROL's enable stops the DMA like an error without a cause.
// - Digest policy "skip" passes over the descriptors that move out of the SRAM until the next
//   one that moves in or hands over; "stop" ends the chain there, with the usual done cause.
// - Byte swap (CONTROL bit 11 = 0) reverses the bytes within each 8-byte beat of the memory's
//   side, within the touched part of it at the ends.
// - Fault injection (common/fault.h) is asked at each accelerator operation, each fetch of a
//   descriptor and the start of each descriptor's transfer. A failed operation takes start and
//   end and leaves the SRAM as it was; then ERROR_CAUSE says data error (a parity error in the
//   SRAM), also when the processor started the operation, the DMA stops and nothing is announced.
//   A unit without DMA has no register that could say so: CMD reads 0 and no done cause is there.
//   A stuck operation leaves the SRAM as it was too, and lasts until CMD's stop (in a chain also
//   until the DMA is disabled). An access with a bus error moves nothing.
// - 0 in a coalescing register turns its half off; writing either starts over.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hw_model/cesa/direct_engines.h"
#include "hw_model/cesa/params.h"
#include "hw_model/cesa/security_accelerator.h"
#include "hw_model/cesa/tdma_descriptor.h"
#include "hw_model/cesa/tdma_windows.h"
#include "hw_model/cesa/timing.h"
#include "hw_model/common/fault.h"
#include "hw_model/common/tracer.h"
#include "hw_model/common/units.h"
#include "hw_model/memory/dma_port.h"
#include "hw_model/registers/register_file.h"

namespace cesasim::hw {

/// What an engine did since the start.
struct CesaStats {
  std::uint64_t chains = 0;      ///< activations by CMD
  std::uint64_t operations = 0;  ///< accelerator operations
  std::uint64_t bytes_ciphered = 0;
  std::uint64_t bytes_authenticated = 0;
  std::uint64_t digest_errors = 0;    ///< operations that found another digest
  std::uint64_t descriptors = 0;      ///< DMA descriptors fetched
  std::uint64_t tdma_bytes_in = 0;    ///< data moved into the SRAM
  std::uint64_t tdma_bytes_out = 0;   ///< data moved out of the SRAM
  std::uint64_t interrupts = 0;       ///< rising edges of the line
  Ps busy_ps = 0;                     ///< from activation to end or stop
  Ps sa_busy_ps = 0;                  ///< of it in the accelerator
  std::uint64_t guest_errors = 0;     ///< mistakes of the driver
  std::uint64_t unimplemented = 0;    ///< uses of what is not modelled
  std::uint64_t reserved_writes = 0;  ///< writes of 1 to reserved bits (dropped)
  std::uint64_t faults = 0;           ///< injected faults that happened here
  std::string last_report;            ///< the last guest error or unimplemented use
};

/// What the DMA does, for tracers.
enum class DmaState : std::uint8_t {
  idle,
  fetch,    ///< of a descriptor
  execute,  ///< has one
  move,     ///< its bytes
  hold,     ///< until the accelerator is done
  finish
};

class CesaEngine {
 public:
  /// `sram_base` is the bus address of this engine's SRAM window. `port` outlives the engine.
  /// Throws std::invalid_argument if params.check() does.
  CesaEngine(const CesaParams& params, PhysAddr sram_base, DmaPort& port,
             Fidelity fidelity = Fidelity::descriptor);

  /// Moves the SRAM's window to bus address `base`, as a changed Mbus window does. Returns
  /// false, and moves nothing, while the engine runs. Throws std::invalid_argument if the
  /// window would go past 4 GiB, which descriptors cannot address.
  bool map_sram(PhysAddr base);

  /// Fault injection from here on; `number` is this engine's in the plan. Not owned; nullptr =
  /// none.
  void set_faults(FaultPlan* plan, unsigned number) {
    faults_ = plan;
    number_ = number;
  }
  /// Notifies `tracer` of what it does from here on, as engine `number`. Not owned; nullptr = none.
  void set_tracer(HwTracer* tracer, unsigned number) {
    tracer_ = tracer;
    number_ = number;
  }

  /// Software's view of the registers; `offset` is the engine's own. An offset without a
  /// register reads 0, drops writes and counts as a guest error.
  std::uint32_t read(std::uint32_t offset);
  /// `now` is the instant of the access (end of busy time when it stops the engine).
  void write(std::uint32_t offset, std::uint32_t value, Ps now);
  /// Reads without counting anything.
  std::uint32_t peek(std::uint32_t offset) const;
  /// Stores plain bits without starting, stopping or counting anything.
  void poke(std::uint32_t offset, std::uint32_t value);

  /// True between activation and end, of either channel or of the DMA alone.
  bool running() const {
    return dma_.state != DmaState::idle || channels_[0].state != ChannelState::idle ||
           channels_[1].state != ChannelState::idle;
  }
  static constexpr Ps kNever = ~Ps{0};
  /// When advance() is due next; kNever if only software can make something happen.
  Ps next_at() const { return std::min({dma_.at, channels_[0].at, channels_[1].at, coalesce_at_}); }
  /// True if the step due next may change the interrupt line, or if two things run at once, so
  /// that it must happen at its own simulated time.
  bool next_step_visible() const;
  /// Does what is due at `now`. With Fidelity::descriptor one DMA descriptor (with the accelerator
  /// run it launches) is one step, with Fidelity::burst every bus access is one.
  void advance(Ps now);
  /// Ends at once what runs. No cause is raised; the step in progress has moved its bytes.
  void stop(Ps now);

  /// Level of the interrupt line: INT_CAUSE & INT_MASK or ERROR_CAUSE & ERROR_MASK.
  bool irq() const { return irq_; }

  std::span<std::uint8_t> sram() { return sram_; }
  std::span<const std::uint8_t> sram() const { return sram_; }
  const RegisterFile& registers() const { return regs_; }
  const CesaStats& stats() const { return stats_; }
  /// stats().busy_ps with what is in progress, up to `now`.
  Ps busy_until(Ps now) const {
    return stats_.busy_ps + (busy_ && now > busy_since_ ? now - busy_since_ : 0);
  }
  const CesaTiming& timing() const { return timing_; }
  /// For tracers: a DmaState as a number.
  const std::uint32_t& dma_state() const { return dma_.traced_state; }
  const SecurityAccelerator& accelerator() const { return sa_; }
  /// For owners that find a driver's mistake at the bus (bad width, bad address).
  void guest_error(std::string report);

 private:
  enum class ChannelState : std::uint8_t {
    idle,
    wait,   ///< for the DMA to hand over
    start,  ///< wants the accelerator
    run,    ///< has it
    linger  ///< done, but the DMA that it started is not
  };
  struct Channel {
    ChannelState state = ChannelState::idle;
    Ps at = kNever;            // when its next step is due
    bool kicked = false;       // CMD started the DMA together with it (CFG bit 9 without 7)
    bool dma_ended = false;    // and the DMA has ended first
    std::uint32_t causes = 0;  // of the operation in progress, raised at its end
    bool in_chain = false;     // likewise: a descriptor handed over to it
    bool mismatch = false;     // likewise
    bool failed = false;       // by a fault: nothing is announced
  };
  struct Transfer {
    PhysAddr outside = 0;
    std::uint32_t inside = 0;
    std::uint32_t bytes = 0;
    std::uint32_t done = 0;
    bool read = false;
  };
  struct Dma {
    DmaState state = DmaState::idle;
    std::uint32_t traced_state = 0;
    Ps at = kNever;
    TdmaDescriptor descriptor;       // in progress
    Transfer transfer;               // its bytes
    unsigned channel = kNoChannel;   // the one it works for
    bool operation_pending = false;  // that channel's operation ends at `at`
    bool packet = false;             // an operation has ended, its data may be in the SRAM yet
    bool skipping = false;           // the rest of a packet with a wrong digest
    std::uint32_t descriptors = 0;   // since the start
    std::uint32_t operations = 0;
  };
  static constexpr unsigned kNoChannel = ~0u;

  void trace(EngineWork work, Ps from, Ps to, std::uint32_t bytes, OperationKey operation = 0) {
    if (tracer_ != nullptr) [[unlikely]] {
      tracer_->engine_step({CryptoUnit::cesa, number_, work, from, to, bytes, operation});
    }
  }
  void written(std::uint32_t offset, const RegisterWrite& w, Ps now);
  void write_direct(std::uint8_t index, std::uint32_t value);
  std::array<std::uint32_t, 8> digest_words() const;
  void set_digest_words(const std::array<std::uint32_t, 8>& words);
  void report_reserved(std::uint32_t offset, std::uint32_t bits);
  void command(std::uint32_t pulses, Ps now);
  void activate(unsigned channel, Ps now);
  /// Starts the DMA for a channel, or alone with kNoChannel. False (guest error) if it cannot.
  bool start_dma(unsigned channel, Ps now);
  bool check_control();

  void step_channel(unsigned channel);
  void step_dma();
  // Parts of a step of the DMA; false if it has stopped.
  bool fetch(Ps& delay);
  bool execute(Ps& delay);
  bool hand_over(Ps& delay);
  bool begin_transfer();
  bool move(Ps& delay);
  bool port_move(std::uint32_t bytes, std::uint32_t control_word, Ps own, Ps& delay);
  void set_dma(DmaState state);
  void next_descriptor();
  void finish_dma();
  /// The DMA stops where it is and takes with it what waits for it; nothing is announced.
  void halt_dma();

  /// Runs the accelerator for a channel at `start`; returns when it ends, kNever if it is stuck.
  Ps operate(unsigned channel, Ps start);
  /// False if it failed; then what depends on it has stopped.
  bool end_operation(unsigned channel);
  void fail_operation(unsigned channel);
  bool fault(FaultKind kind, Ps at, std::uint64_t where);
  void idle_channel(unsigned channel);
  /// The data of the packet before, if there is one, has left the SRAM: announces and counts it.
  void end_packet();
  /// True if the step due next is a hand-over that says so to somebody who listens.
  bool hand_over_visible() const;
  void announce_packets();

  bool reach(PhysAddr addr, std::uint32_t bytes, const char* what);
  bool in_sram(PhysAddr addr) const {
    return addr >= sram_base_ && addr - sram_base_ < sram_.size();
  }
  void go_idle(Ps now);
  void tdma_error(std::uint32_t cause, std::string report);
  void stop_with_error(std::uint32_t cause);
  void unimplemented(std::string report);
  void raise(std::uint32_t causes);
  void update_irq();

  CesaParams params_;
  CesaTiming timing_;
  RegisterFile regs_;
  TdmaWindows windows_;
  SecurityAccelerator sa_;
  DirectEngines direct_;
  std::vector<std::uint8_t> sram_;
  PhysAddr sram_base_;
  DmaPort& port_;
  CesaStats stats_;
  Fidelity fidelity_;
  Dma dma_;
  std::array<Channel, 2> channels_;
  Ps accelerator_free_at_ = 0;
  Ps now_ = 0;
  bool busy_ = false;  // busy_ps counts since
  Ps busy_since_ = 0;
  std::uint32_t uncoalesced_ = 0;  // packets not announced yet
  Ps coalesce_at_ = kNever;
  std::vector<std::uint8_t> swapped_;  // a transfer on its way out with its bytes swapped
  bool irq_ = false;
  FaultPlan* faults_ = nullptr;
  HwTracer* tracer_ = nullptr;
  unsigned number_ = 0;
  unsigned stuck_channel_ = kNoChannel;  // whose operation does not end
  Ps stuck_since_ = 0;
};

}  // namespace cesasim::hw
