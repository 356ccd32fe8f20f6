// SPDX-License-Identifier: Apache-2.0
// A system on chip put together: cores, interrupt controller, Mbus, DRAM, CESA, crypto ring and
// disk.
#pragma once

#include <memory>
#include <systemc>
#include <vector>

#include "hw_model/cesa/cesa.h"
#include "hw_model/checker/tlm_checker.h"
#include "hw_model/common/fault.h"
#include "hw_model/cpu/cpu_core.h"
#include "hw_model/cpu/intc.h"
#include "hw_model/disk/disk.h"
#include "hw_model/memory/dram.h"
#include "hw_model/memory/mbus.h"
#include "hw_model/ring/crypto_ring.h"

namespace cesasim::hw {

struct SocConfig {
  unsigned cores = 1;
  PhysAddr internal_regs_base = 0;
  unsigned disk_irq = 0;
  CpuParams cpu;
  DramParams dram;
  MbusParams mbus;
  CesaParams cesa;
  /// Beside the CESA; costs nothing while no driver enables it.
  RingParams ring;
  DiskParams disk;
  /// The grain of the CESA's DMA.
  Fidelity fidelity = Fidelity::descriptor;
  /// Faults of the hardware; not owned, outlives the Soc. nullptr = none.
  FaultPlan* faults = nullptr;
  /// Puts a TLM base-protocol checker on every socket (test builds).
  bool checkers = false;
};

/// A device's interrupt wire into the controller: a signal (for tracing and for tests) that the
/// controller sees when it is written, not a delta and a process later.
class IrqLine : public sc_core::sc_signal<bool> {
 public:
  IrqLine(const char* name, Intc& intc, unsigned irq) : sc_signal(name), intc_(intc), irq_(irq) {}
  void write(const bool& level) override {
    intc_.set_line(irq_, level);
    sc_signal::write(level);
  }

 private:
  Intc& intc_;
  unsigned irq_;
};

/// The board. DRAM stands at bus address 0; the registers of CESA and ring, the
/// CESA's SRAM windows and the interrupt numbers are as in the configuration. Throws
/// std::invalid_argument if windows overlap or parameters contradict each other.
class Soc : public sc_core::sc_module {
 public:
  Soc(sc_core::sc_module_name name, const SocConfig& config);
  ~Soc() override;

  unsigned cores() const { return static_cast<unsigned>(cores_.size()); }
  CpuCore& core(unsigned i) { return *cores_[i]; }
  std::vector<CpuCore*> core_list();
  Intc& intc() { return *intc_; }
  Mbus& mbus() { return *mbus_; }
  Dram& dram() { return *dram_; }
  Cesa& cesa() { return *cesa_; }
  CryptoRing& ring() { return *ring_; }
  Disk& disk() { return *disk_; }
  const SocConfig& config() const { return config_; }
  /// Calls seen and rules broken on all sockets; 0 without checkers.
  std::uint64_t checked_calls() const;
  std::uint64_t protocol_violations() const;
  /// Bus address of the registers of CESA engine `i`.
  PhysAddr cesa_regs(unsigned engine) const {
    return config_.internal_regs_base + config_.cesa.regs_offset + cesa_reg::kEngineStride * engine;
  }
  /// Bus address of the registers of the crypto ring: its unit page.
  PhysAddr ring_regs() const { return config_.internal_regs_base + config_.ring.regs_offset; }

 private:
  template <class Initiator, class Target>
  void connect(Initiator& initiator, Target& target);

  SocConfig config_;
  std::vector<std::unique_ptr<CpuCore>> cores_;
  std::unique_ptr<Intc> intc_;
  std::unique_ptr<Mbus> mbus_;
  std::unique_ptr<Dram> dram_;
  std::unique_ptr<Cesa> cesa_;
  std::unique_ptr<CryptoRing> ring_;
  std::unique_ptr<Disk> disk_;
  std::vector<std::unique_ptr<IrqLine>> irq_lines_;
  std::vector<std::unique_ptr<TlmChecker>> checkers_;
};

}  // namespace cesasim::hw
