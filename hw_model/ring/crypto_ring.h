// SPDX-License-Identifier: Apache-2.0
// The crypto ring of docs/ring.md behind TLM-2.0 sockets.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <memory>
#include <systemc>
#include <tlm>
#include <vector>

#include "hw_model/common/fault.h"
#include "hw_model/ring/core.h"
#include "hw_model/ring/params.h"
#include "hw_model/tlm/master_port.h"

namespace cesasim::hw {

/// Approximately timed by transfer: bytes move at the start of a transfer, whose end is when its
/// time is over. Registers answer aligned 32-bit accesses; another one gets
/// TLM_BURST_ERROR_RESPONSE and counts as a guest error. transport_dbg reads and writes any
/// number of words without side effects, running or not.
class CryptoRing : public sc_core::sc_module {
 public:
  /// 64 KiB window: the unit's page, then a page for each ring.
  tlm_utils::simple_target_socket<CryptoRing> regs;
  /// Descriptors, lists, keys, data, completions; addresses are bus addresses. Carries a
  /// MbusExtension with the channel's master number and own time.
  tlm_utils::simple_initiator_socket<CryptoRing> dma;
  /// One per ring, level.
  sc_core::sc_vector<sc_core::sc_out<bool>> irq;

  /// `first_master` is the Mbus master number of channel 0 (see ring_channel); the others
  /// follow. Throws std::invalid_argument for parameters out of range, or if the Mbus has not
  /// that many masters.
  CryptoRing(sc_core::sc_module_name name, const RingParams& params, unsigned first_master);
  ~CryptoRing() override;

  /// Lets the unit run ahead of simulated time as far as no process could tell (see
  /// common/lookahead.h). Off by default, as in Cesa.
  void run_ahead(bool on) { run_ahead_ = on; }

  /// Fault injection from here on (see core.h); not owned, nullptr = none.
  void set_faults(FaultPlan* plan) { core_->set_faults(plan); }
  void set_tracer(HwTracer* tracer) { core_->set_tracer(tracer); }

  const RingCore& core() const { return *core_; }
  const RingStats& stats() const { return core_->stats(); }
  const RingParams& params() const { return core_->params(); }

 private:
  void regs_transport(tlm::tlm_generic_payload& trans, sc_core::sc_time& delay);
  unsigned regs_debug(tlm::tlm_generic_payload& trans);
  void step();
  void drive_irq();
  void schedule();
  void follow_irq();

  Ps ahead_ = 0;  // how far the unit has run ahead of simulated time
  // Each with its own payload and master number, since their transfers overlap; all over `dma`.
  std::vector<std::unique_ptr<DmaMasterPort>> channels_;
  std::unique_ptr<RingCore> core_;
  sc_core::sc_event step_event_;
  sc_core::sc_event irq_event_;
  std::vector<bool> driven_;
  bool run_ahead_ = false;
};

}  // namespace cesasim::hw
