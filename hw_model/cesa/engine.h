// One engine of the unit without SystemC: registers, SRAM, DMA chain and accelerator as a
// state machine that its owner steps from one instant to the next.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hw_model/base/units.h"
#include "hw_model/cesa/params.h"
#include "hw_model/cesa/register_file.h"
#include "hw_model/cesa/security_accelerator.h"
#include "hw_model/cesa/tdma_descriptor.h"
#include "hw_model/cesa/timing.h"

namespace cesasim::hw {

/// The engine's way to the SoC's memory.
class DmaPort {
 public:
  virtual ~DmaPort() = default;
  /// Moves `bytes` between the bus and `data`. The transfer starts `delay` after the current
  /// instant and takes the master itself `own`; on return `delay` is when it ended. False if
  /// the bus answered with an error.
  virtual bool read(PhysAddr addr, std::uint8_t* data, std::uint32_t bytes, Ps own, Ps& delay) = 0;
  virtual bool write(PhysAddr addr, std::uint8_t* data, std::uint32_t bytes, Ps own, Ps& delay) = 0;
};

/// What an engine did since the start.
struct CesaStats {
  std::uint64_t chains = 0;      ///< activations by CMD
  std::uint64_t operations = 0;  ///< accelerator operations
  std::uint64_t bytes_ciphered = 0;
  std::uint64_t descriptors = 0;      ///< DMA descriptors fetched
  std::uint64_t tdma_bytes_in = 0;    ///< data moved into the SRAM
  std::uint64_t tdma_bytes_out = 0;   ///< data moved out of the SRAM
  std::uint64_t interrupts = 0;       ///< rising edges of the line
  Ps busy_ps = 0;                     ///< from activation to end or stop
  Ps sa_busy_ps = 0;                  ///< of it in the accelerator
  std::uint64_t guest_errors = 0;     ///< mistakes of the driver
  std::uint64_t unimplemented = 0;    ///< uses of what is not modelled
  std::uint64_t reserved_writes = 0;  ///< writes of 1 to reserved bits (dropped)
  std::string last_report;            ///< the last guest error or unimplemented use
};

class CesaEngine {
 public:
  /// `sram_base` is the bus address of this engine's SRAM window. `port` outlives the engine.
  /// Throws std::invalid_argument if params.engines is 0 or above 2.
  CesaEngine(const CesaParams& params, PhysAddr sram_base, DmaPort& port);

  /// Moves the SRAM's window to bus address `base`, as a changed Mbus window does. Returns
  /// false, and moves nothing, while the engine runs. Throws std::invalid_argument if the
  /// window would go past 4 GiB, which descriptors cannot address.
  bool map_sram(PhysAddr base);

  /// Software's view of the registers; `offset` is the engine's own. An offset without a
  /// register reads 0, drops writes and counts as a guest error.
  std::uint32_t read(std::uint32_t offset);
  /// `now` is the instant of the access (end of busy time when it stops the engine).
  void write(std::uint32_t offset, std::uint32_t value, Ps now);
  /// Reads without counting anything.
  std::uint32_t peek(std::uint32_t offset) const;
  /// Stores plain bits without starting, stopping or counting anything.
  void poke(std::uint32_t offset, std::uint32_t value);

  /// True between activation and end.
  bool running() const { return state_ != State::idle; }
  /// True if the next step is the chain's end.
  bool finishing() const { return state_ == State::finish; }
  /// Time from the activating write to the first step. Valid once running().
  Ps start_delay() const { return start_delay_; }
  /// Does what begins at `now` and returns how long it takes; the owner calls again then,
  /// while running(). One DMA descriptor (with the accelerator run it launches) is one step.
  Ps step(Ps now);
  /// Ends at once what runs. No cause is raised; the step in progress has moved its bytes.
  void stop(Ps now);

  /// Level of the interrupt line: (INT_CAUSE & INT_MASK) != 0.
  bool irq() const { return irq_; }

  std::span<std::uint8_t> sram() { return sram_; }
  std::span<const std::uint8_t> sram() const { return sram_; }
  const RegisterFile& registers() const { return regs_; }
  const CesaStats& stats() const { return stats_; }
  const CesaTiming& timing() const { return timing_; }
  const SecurityAccelerator& accelerator() const { return sa_; }
  /// For owners that find a driver's mistake at the bus (bad width, bad address).
  void guest_error(std::string report);

 private:
  enum class State : std::uint8_t { idle, fetch, registers, accelerate, finish };

  void command(std::uint32_t pulses, Ps now);
  void activate(Ps now);
  Ps step_descriptor();
  Ps step_registers();
  bool check_control();
  /// Runs the accelerator; false (and idle) if it refused. Adds its time to `delay`.
  bool accelerate(Ps& delay);
  bool transfer(const TdmaDescriptor& d, Ps& delay);
  bool reach(PhysAddr addr, std::uint32_t bytes, const char* what);
  bool in_sram(PhysAddr addr) const {
    return addr >= sram_base_ && addr - sram_base_ < sram_.size();
  }
  void finish(Ps now);
  void go_idle(Ps now);
  /// The engine stops where it is; the end of the chain is never announced.
  void halt();
  void tdma_error(std::uint32_t cause, std::string report);
  void unimplemented(std::string report);
  void update_irq();

  CesaParams params_;
  CesaTiming timing_;
  RegisterFile regs_;
  SecurityAccelerator sa_;
  std::vector<std::uint8_t> sram_;
  PhysAddr sram_base_;
  DmaPort& port_;
  CesaStats stats_;
  State state_ = State::idle;
  std::uint32_t finish_cause_ = 0;
  Ps start_delay_ = 0;
  Ps started_at_ = 0;
  Ps now_ = 0;
  std::uint32_t chain_descriptors_ = 0;  // since the activation
  std::uint32_t chain_operations_ = 0;
  bool irq_ = false;
};

}  // namespace cesasim::hw
