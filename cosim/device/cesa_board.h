// SPDX-License-Identifier: Apache-2.0
// The simulated hardware behind the guest's PCI function: the CESA unit, the guest's RAM as its
// bus, and a bridge that turns BAR accesses into transactions.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <systemc>
#include <vector>

#include "cosim/device/device_log.h"
#include "cosim/device/injection.h"
#include "cosim/transport/guest_memory.h"
#include "cosim/transport/session.h"
#include "hw_model/cesa/cesa.h"
#include "hw_model/checker/tlm_checker.h"
#include "hw_model/memory/dram.h"
#include "hw_model/memory/shared_bandwidth.h"

namespace cesasim::cosim {

/// BAR 0: the unit's registers. BAR 1: the SRAMs, one every kSramStride.
inline constexpr unsigned kRegistersBar = 0;
inline constexpr unsigned kSramBar = 1;
inline constexpr std::uint32_t kSramStride = 0x10000;

/// The function as the guest's glue module knows it: vendor and device are made up but fixed.
PciIdentity cesa_identity(const hw::CesaParams& params);

/// What the host process shows while the device runs; lives in memory shared with it.
struct DeviceCounters {
  std::uint64_t register_accesses = 0;
  std::uint64_t dma_accesses = 0;
  std::uint64_t interrupts = 0;
};

class CesaBoard : public sc_core::sc_module, public SimulatedDevice {
 public:
  /// `memory` is where DMA goes; the DRAM's parameters give its time (its size is the guest's
  /// affair). Throws std::invalid_argument for an SRAM larger than kSramStride.
  CesaBoard(sc_core::sc_module_name name, const hw::CesaParams& cesa, const hw::DramParams& dram,
            const GuestMemory& memory, DeviceLog& log, const Injection& injection);

  // SimulatedDevice. To be called between two sc_start, not from a process.
  std::optional<std::uint64_t> next_event_ns() override;
  void advance_to(std::uint64_t ns) override;
  void bar_read(unsigned bar, std::uint32_t offset, std::span<std::uint8_t> data) override;
  void bar_write(unsigned bar, std::uint32_t offset, std::span<const std::uint8_t> data) override;
  void bar_moved(unsigned bar, std::uint32_t address) override;
  std::optional<unsigned> take_interrupt() override;

  const hw::Cesa& cesa() const { return cesa_; }
  const DeviceCounters& counters() const { return counters_; }
  /// Called when the fault happens; for Injection::Kind::stuck and kill instead of answering.
  std::function<void(Injection::Kind)> on_injection;

 private:
  template <class Initiator, class Target>
  void connect(Initiator& initiator, Target& target);
  bool access(bool write, unsigned bar, std::uint32_t offset, std::uint8_t* data,
              std::uint32_t bytes);
  void dma_transport(int engine, tlm::tlm_generic_payload& trans, sc_core::sc_time& delay);
  void name_ram();
  void count_register_access();
  void irq_changed();
  bool inject_now(Injection::Kind kind, std::uint64_t count) const {
    return injection_.kind == kind && injection_.at == count;
  }

  hw::Cesa cesa_;
  // On every socket: the guest's pace hides what they cost.
  std::vector<std::unique_ptr<hw::TlmChecker>> checkers_;
  tlm_utils::simple_initiator_socket<CesaBoard> registers_;
  sc_core::sc_vector<tlm_utils::simple_initiator_socket<CesaBoard>> sram_;
  sc_core::sc_vector<tlm_utils::simple_target_socket_tagged<CesaBoard>> ram_;
  sc_core::sc_vector<sc_core::sc_signal<bool>> irq_;
  const GuestMemory& memory_;
  hw::SharedBandwidth bandwidth_;
  hw::Ps read_latency_;
  DeviceLog& log_;
  Injection injection_;
  DeviceCounters counters_;
  std::vector<bool> line_;     // level of each line as last seen
  std::vector<bool> pending_;  // rose and not yet taken
};

}  // namespace cesasim::cosim
