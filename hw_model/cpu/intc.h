// SPDX-License-Identifier: Apache-2.0
// Interrupt controller: level inputs, per-input enable and routing to one core.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <systemc>
#include <vector>

#include "hw_model/common/fault.h"
#include "hw_model/cpu/cpu_core.h"
#include "hw_model/cpu/params.h"

namespace cesasim::hw {

/// Level-sensitive controller. A device's wire calls set_line(); an input that is high and
/// enabled asserts the interrupt of the core it is routed to until it falls or is disabled.
///
/// Fault injection: each rising edge may be lost (the core does not see the input until it has
/// fallen and risen again; the device's registers tell the truth), or be followed by a spurious
/// interrupt: once the input has fallen, the core is asked for it once more.
class Intc : public sc_core::sc_module {
 public:
  static constexpr unsigned kLines = kIrqLines;

  Intc(sc_core::sc_module_name name, std::vector<CpuCore*> cores);

  /// Faults from here on; not owned, nullptr = none.
  void set_faults(FaultPlan* plan) { faults_ = plan; }

  void set_line(unsigned irq, bool level);
  bool line(unsigned irq) const { return level_.at(irq); }
  void enable(unsigned irq, bool on);
  /// Routes `irq` to core `core`. Throws std::out_of_range for a bad number.
  void route(unsigned irq, unsigned core);
  unsigned routed_to(unsigned irq) const { return route_.at(irq); }
  /// The `nth` pending interrupt of `core` (from 0, counted round and round), or -1. For the core
  /// that takes it: a spurious one is gone afterwards.
  int pending(unsigned core, unsigned nth = 0);
  /// Rising edges seen on an input since the start.
  std::uint64_t raised(unsigned irq) const { return raised_.at(irq); }

 private:
  void update(unsigned irq);

  std::vector<CpuCore*> cores_;
  std::vector<std::bitset<kLines>> pending_;  // by core: inputs high, enabled and routed to it
  std::array<bool, kLines> level_{};
  FaultPlan* faults_ = nullptr;
  std::bitset<kLines> lost_;              // high, and the core does not see it
  std::bitset<kLines> will_be_spurious_;  // when it falls
  std::bitset<kLines> spurious_;          // asserted though low
  std::array<bool, kLines> enabled_{};
  std::array<unsigned, kLines> route_{};
  std::array<std::uint64_t, kLines> raised_{};
};

}  // namespace cesasim::hw
