// SPDX-License-Identifier: Apache-2.0
#include "hw_model/cesa/cesa.h"

#include <algorithm>
#include <string>

#include "hw_model/common/lookahead.h"
#include "hw_model/memory/mbus_extension.h"
#include "hw_model/tlm/master_port.h"
#include "hw_model/tlm/memory_access.h"
#include "hw_model/tlm/register_access.h"
#include "hw_model/tlm/sc_time.h"

namespace cesasim::hw {

/// One engine with its processes and its way to the bus.
class Cesa::Unit : public sc_core::sc_module {
  Ps ahead_ = 0;  // how far the engine has run ahead of simulated time
  DmaMasterPort port_;

 public:
  Unit(sc_core::sc_module_name name, const CesaParams& params, unsigned index,
       tlm_utils::simple_initiator_socket<Cesa>& dma, sc_core::sc_out<bool>& irq, Fidelity fidelity)
      : sc_module(name),
        port_(dma, mbus_master_tdma(index), ahead_),
        core(params, params.sram_base(index), port_, fidelity),
        irq_(irq),
        step_event_("step_event"),
        irq_event_("irq_event") {
    SC_HAS_PROCESS(Unit);
    SC_METHOD(step);
    sensitive << step_event_;
    dont_initialize();
    SC_METHOD(drive_irq);
    sensitive << irq_event_;
    dont_initialize();
  }

  CesaEngine core;
  bool run_ahead = false;
  bool traced = false;

  void write(std::uint32_t offset, std::uint32_t value, const sc_core::sc_time& delay) {
    core.write(offset, value, now_ps() + to_ps(delay));
    arm(core.next_at(), now_ps());
    follow_irq();
  }

 private:
  // One step after the other, without waiting for simulated time to follow while nobody could
  // tell. What is seen from outside happens at its own time.
  void step() {
    const Ps start = now_ps();
    armed_at_ = CesaEngine::kNever;
    Ps at = start;
    for (;;) {
      ahead_ = at - start;
      core.advance(at);
      follow_irq(ahead_);
      const Ps next = core.next_at();
      if (next == CesaEngine::kNever) break;
      if (!run_ahead || traced || core.next_step_visible() || !nothing_due_within(next - start)) {
        arm(next, start);
        break;
      }
      at = next;
    }
    ahead_ = 0;
  }

  // step_event_ stands at the engine's next step, or nowhere.
  void arm(Ps at, Ps now) {
    if (at == armed_at_) return;
    if (armed_at_ != CesaEngine::kNever) step_event_.cancel();
    if (at != CesaEngine::kNever) step_event_.notify(to_sc_time(std::max(at, now) - now));
    armed_at_ = at;
  }

  void follow_irq(Ps in = 0) {
    if (core.irq() != driven_irq_) {
      driven_irq_ = core.irq();
      irq_event_.notify(to_sc_time(in));
    }
  }
  // The only writer of the port: a signal accepts one writing process.
  void drive_irq() { irq_.write(core.irq()); }

  sc_core::sc_out<bool>& irq_;
  sc_core::sc_event step_event_;
  sc_core::sc_event irq_event_;
  Ps armed_at_ = CesaEngine::kNever;
  bool driven_irq_ = false;
};

Cesa::Cesa(sc_core::sc_module_name name, const CesaParams& params, Fidelity fidelity)
    : sc_module(name),
      regs("regs"),
      sram("sram", params.engines),
      dma("dma", params.engines),
      irq("irq", params.engines),
      params_(params) {
  params.check();
  regs.register_b_transport(this, &Cesa::regs_transport);
  regs.register_transport_dbg(this, &Cesa::regs_debug);
  for (unsigned i = 0; i < params.engines; ++i) {
    const int id = static_cast<int>(i);
    sram[i].register_b_transport(this, &Cesa::sram_transport, id);
    sram[i].register_transport_dbg(this, &Cesa::sram_debug, id);
    sram[i].register_get_direct_mem_ptr(this, &Cesa::sram_dmi, id);
    units_.push_back(std::make_unique<Unit>(("engine" + std::to_string(i)).c_str(), params, i,
                                            dma[i], irq[i], fidelity));
  }
}

Cesa::~Cesa() = default;

void Cesa::run_ahead(bool on) {
  for (auto& unit : units_) unit->run_ahead = on;
}

void Cesa::set_tracer(HwTracer* tracer) {
  for (unsigned i = 0; i < units_.size(); ++i) units_[i]->core.set_tracer(tracer, i);
}

void Cesa::set_faults(FaultPlan* plan) {
  for (unsigned i = 0; i < units_.size(); ++i) units_[i]->core.set_faults(plan, i);
}

bool Cesa::map_sram(unsigned engine, PhysAddr base) {
  return units_.at(engine)->core.map_sram(base);
}

void Cesa::trace(sc_core::sc_trace_file* file) const {
  static constexpr std::uint32_t kTraced[] = {
      cesa_reg::kCmd,         cesa_reg::kStatus,   cesa_reg::kIntCause,     cesa_reg::kIntMask,
      cesa_reg::kTdmaCurrent, cesa_reg::kTdmaNext, cesa_reg::kTdmaByteCount};
  for (unsigned i = 0; i < units_.size(); ++i) {
    Unit& unit = *units_[i];
    unit.traced = true;
    const std::string prefix = std::string(unit.name()) + ".";
    sc_core::sc_trace(file, irq[i], prefix + "irq");
    sc_core::sc_trace(file, unit.core.dma_state(), prefix + "tdma_state");
    for (const std::uint32_t offset : kTraced) {
      // A register that this SoC lacks stays 0: the names are the same everywhere.
      const std::string name(cesa_registers()[find_cesa_register(offset)].name);
      sc_core::sc_trace(file, unit.core.registers().word(offset), prefix + name);
    }
  }
}

const CesaEngine& Cesa::engine(unsigned engine) const { return units_.at(engine)->core; }
const CesaStats& Cesa::stats(unsigned engine) const { return units_.at(engine)->core.stats(); }

void Cesa::regs_transport(tlm::tlm_generic_payload& trans, sc_core::sc_time& delay) {
  const auto at = split_cesa_address(static_cast<std::uint32_t>(trans.get_address()));
  if (!at.valid || at.engine >= units_.size() || trans.get_address() >= cesa_reg::kWindowBytes) {
    ++decode_errors_;
    trans.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return;
  }
  Unit& unit = *units_[at.engine];
  if (const char* objection = register_access_objection(trans)) {
    unit.core.guest_error(objection);
    return;
  }
  register_access(
      trans, [&] { return unit.core.read(at.offset); },
      [&](std::uint32_t value) { unit.write(at.offset, value, delay); });
}

unsigned Cesa::regs_debug(tlm::tlm_generic_payload& trans) {
  const auto engine_at = [this](const CesaRegisterAddress& at) {
    return at.valid && at.engine < units_.size() ? &units_[at.engine]->core : nullptr;
  };
  return register_debug(
      trans, cesa_reg::kWindowBytes,
      [&](std::uint32_t offset) {
        const auto at = split_cesa_address(offset);
        const CesaEngine* engine = engine_at(at);
        return engine != nullptr ? engine->peek(at.offset) : 0;
      },
      [&](std::uint32_t offset, std::uint32_t value) {
        const auto at = split_cesa_address(offset);
        if (CesaEngine* engine = engine_at(at)) engine->poke(at.offset, value);
      });
}

void Cesa::sram_transport(int id, tlm::tlm_generic_payload& trans, sc_core::sc_time& delay) {
  CesaEngine& core = units_[static_cast<std::size_t>(id)]->core;
  const tlm::tlm_response_status status = memory_response(trans, core.sram().size());
  trans.set_response_status(status);
  if (!trans.is_response_ok()) {
    core.guest_error(std::string("access to the SRAM ") + response_text(status));
    return;
  }
  memory_move(trans, core.sram().data());
  trans.set_dmi_allowed(true);
  delay += to_sc_time(core.timing().sram_access(trans.get_data_length(), trans.is_read()));
}

unsigned Cesa::sram_debug(int id, tlm::tlm_generic_payload& trans) {
  const auto memory = units_[static_cast<std::size_t>(id)]->core.sram();
  return memory_debug(trans, memory.data(), memory.size());
}

bool Cesa::sram_dmi(int id, tlm::tlm_generic_payload& trans, tlm::tlm_dmi& dmi) {
  CesaEngine& core = units_[static_cast<std::size_t>(id)]->core;
  if (trans.get_address() >= core.sram().size()) return false;
  dmi.set_dmi_ptr(core.sram().data());
  dmi.set_start_address(0);
  dmi.set_end_address(core.sram().size() - 1);
  dmi.allow_read_write();
  dmi.set_read_latency(to_sc_time(core.timing().sram_access(4, true)));
  dmi.set_write_latency(to_sc_time(core.timing().sram_access(4, false)));
  trans.set_response_status(tlm::TLM_OK_RESPONSE);
  return true;
}

}  // namespace cesasim::hw
