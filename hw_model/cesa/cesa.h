// SPDX-License-Identifier: Apache-2.0
// The CESA unit: one or two engines behind TLM-2.0 sockets.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <memory>
#include <systemc>
#include <tlm>
#include <vector>

#include "hw_model/cesa/engine.h"
#include "hw_model/cesa/params.h"

namespace cesasim::hw {

/// With Fidelity::descriptor timed by DMA descriptor: a descriptor's bytes move at the start of
/// its step, the step's end is when its time is over. With Fidelity::burst every burst is an
/// access of its own at its own time. Registers answer 32-bit accesses; a wider or
/// misaligned one gets TLM_BURST_ERROR_RESPONSE and counts as a guest error. transport_dbg
/// reads and writes any number of words without side effects, running or not.
class Cesa : public sc_core::sc_module {
 public:
  /// 64 KiB window of registers; engine i stands cesa_reg::kEngineStride * i above engine 0.
  tlm_utils::simple_target_socket<Cesa> regs;
  /// One per engine; addresses are offsets in the SRAM. DMI is granted.
  sc_core::sc_vector<tlm_utils::simple_target_socket_tagged<Cesa>> sram;
  /// One per engine: descriptors and data; addresses are bus addresses. Carries a
  /// MbusExtension with the engine's master number and own time.
  sc_core::sc_vector<tlm_utils::simple_initiator_socket<Cesa>> dma;
  /// One per engine, level.
  sc_core::sc_vector<sc_core::sc_out<bool>> irq;

  /// The SRAM windows stand where params say. Throws std::invalid_argument for parameters out
  /// of range.
  Cesa(sc_core::sc_module_name name, const CesaParams& params,
       Fidelity fidelity = Fidelity::descriptor);
  ~Cesa() override;

  /// Lets the engines run ahead of simulated time as far as no process could tell (see
  /// common/lookahead.h). Off by default: code outside the simulation that stops it in the middle
  /// of a chain (sc_start with a duration) would see the engine ahead of the clock.
  void run_ahead(bool on);

  /// Fault injection from here on (see engine.h); not owned, nullptr = none.
  void set_faults(FaultPlan* plan);
  /// Notifies `tracer` of what the engines do from here on; not owned, nullptr = none.
  void set_tracer(HwTracer* tracer);

  /// Adds each engine's interrupt line, CMD, STATUS, INT_CAUSE, INT_MASK, CURRENT, NEXT,
  /// BYTE_COUNT and the DMA's state (a DmaState) to a trace, under the engine's hierarchical
  /// name and the names of the register table. From then on the engines do not run ahead, so
  /// that every change stands at its own time.
  void trace(sc_core::sc_trace_file* file) const override;

  /// Moves an engine's SRAM window on the bus, as a changed Mbus window does: from then on
  /// descriptors find the SRAM at `base`. Returns false, and moves nothing, while the engine
  /// runs. Throws std::out_of_range for an engine that is not there, std::invalid_argument for
  /// a window past 4 GiB.
  bool map_sram(unsigned engine, PhysAddr base);

  unsigned engines() const { return static_cast<unsigned>(units_.size()); }
  const CesaStats& stats(unsigned engine) const;
  /// Registers, SRAM and timing of one engine (for observers; time does not pass).
  const CesaEngine& engine(unsigned engine) const;
  const CesaParams& params() const { return params_; }
  /// Accesses to the window where no engine stands (they get an address error).
  std::uint64_t decode_errors() const { return decode_errors_; }

 private:
  class Unit;

  void regs_transport(tlm::tlm_generic_payload& trans, sc_core::sc_time& delay);
  unsigned regs_debug(tlm::tlm_generic_payload& trans);
  void sram_transport(int id, tlm::tlm_generic_payload& trans, sc_core::sc_time& delay);
  unsigned sram_debug(int id, tlm::tlm_generic_payload& trans);
  bool sram_dmi(int id, tlm::tlm_generic_payload& trans, tlm::tlm_dmi& dmi);

  CesaParams params_;
  std::vector<std::unique_ptr<Unit>> units_;
  std::uint64_t decode_errors_ = 0;
};

}  // namespace cesasim::hw
