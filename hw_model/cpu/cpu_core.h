// SPDX-License-Identifier: Apache-2.0
// One processor core as silicon: a clock, a cycle account, an interrupt input and a bus port.
// What runs on it (threads, interrupt handlers) belongs to the kernel model one floor up.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <array>
#include <cstdint>
#include <systemc>
#include <tlm>

#include "hw_model/common/units.h"
#include "hw_model/cpu/activity.h"
#include "hw_model/cpu/params.h"
#include "hw_model/tlm/master_port.h"

namespace cesasim::hw {

/// A core: charges are accounted by activity; simulated time is advanced by whoever runs on
/// the core (kernel_model), not here.
class CpuCore : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<CpuCore> bus;

  CpuCore(sc_core::sc_module_name name, unsigned id, const CpuParams& params);

  unsigned id() const { return id_; }
  double clock_hz() const { return params_.clock_hz; }

  /// Books `ps` on `activity` (does not advance time).
  void account(Activity activity, Ps ps) { account_[static_cast<std::size_t>(activity)] += ps; }
  Ps accounted(Activity activity) const { return account_[static_cast<std::size_t>(activity)]; }
  /// Hands `ps` of what is booked here to another core: work that was booked ahead of time and
  /// is done there after all. Taken from `first`, and if that is not enough from the others.
  void move_account(CpuCore& to, Activity first, Ps ps);
  Ps cycles(double cycles) const { return static_cast<Ps>(cycles * ps_per_cycle_ + 0.5); }

  /// Level of the interrupt input (driven by the interrupt controller).
  void set_irq(bool level);
  bool irq_level() const { return irq_level_; }
  /// Notified when the interrupt input rises and by kick(); waiters re-read the state.
  sc_core::sc_event& event() { return event_; }
  /// Wakes whatever waits on event(): an inter-processor interrupt, a timer.
  void kick() { event_.notify(sc_core::SC_ZERO_TIME); }

  /// Uncached 32-bit device access over the bus; `delay` returns the time the target and the
  /// path took. A bus error reads as all ones (counted in bus_errors()).
  std::uint32_t read32(PhysAddr addr, sc_core::sc_time& delay);
  void write32(PhysAddr addr, std::uint32_t value, sc_core::sc_time& delay);
  /// A run of uncached accesses to device memory (memcpy_toio, memcpy_fromio) as one call.
  void transfer(tlm::tlm_command command, PhysAddr addr, std::uint8_t* data, unsigned bytes,
                sc_core::sc_time& delay);
  std::uint64_t bus_errors() const { return bus_errors_; }

 private:
  unsigned id_;
  CpuParams params_;
  double ps_per_cycle_;
  std::array<Ps, kActivities> account_{};
  bool irq_level_ = false;
  std::uint64_t bus_errors_ = 0;
  sc_core::sc_event event_;
  MasterPort port_;
};

}  // namespace cesasim::hw
