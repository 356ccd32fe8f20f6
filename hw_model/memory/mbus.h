// SPDX-License-Identifier: Apache-2.0
// Mbus: the SoC's interconnect. Decodes an address to a window and forwards the transaction
// with the window's base taken off.
#pragma once

#include <tlm_utils/multi_passthrough_initiator_socket.h>
#include <tlm_utils/multi_passthrough_target_socket.h>

#include <cstdint>
#include <string>
#include <systemc>
#include <tlm>
#include <vector>

#include "hw_model/common/units.h"
#include "hw_model/memory/mbus_extension.h"
#include "hw_model/memory/params.h"

namespace cesasim::hw {

/// One address window of the interconnect, [base, base + size).
struct MbusWindow {
  std::string name;
  PhysAddr base = 0;
  std::uint64_t size = 0;
  int target = 0;       ///< index of the bound target, in binding order of `out`
  bool device = false;  ///< registers: a core's access pays device_access_cycles
};

class Mbus : public sc_core::sc_module {
 public:
  tlm_utils::multi_passthrough_target_socket<Mbus> in;
  tlm_utils::multi_passthrough_initiator_socket<Mbus> out;

  Mbus(sc_core::sc_module_name name, const MbusParams& params);

  /// Adds a window. Throws std::invalid_argument, naming both, if it overlaps another, or if it
  /// is empty or goes past the end of the address space.
  void add_window(const MbusWindow& window);
  const std::vector<MbusWindow>& windows() const { return windows_; }
  /// Accesses that hit no window (they get TLM_ADDRESS_ERROR_RESPONSE).
  std::uint64_t decode_errors() const { return decode_errors_; }

 private:
  const MbusWindow* decode(PhysAddr addr, std::uint64_t len) const;
  void b_transport(int id, tlm::tlm_generic_payload& trans, sc_core::sc_time& delay);
  unsigned transport_dbg(int id, tlm::tlm_generic_payload& trans);
  bool get_direct_mem_ptr(int id, tlm::tlm_generic_payload& trans, tlm::tlm_dmi& dmi);
  void invalidate_direct_mem_ptr(int id, sc_dt::uint64 start, sc_dt::uint64 end);

  std::vector<MbusWindow> windows_;
  sc_core::sc_time device_access_;
  std::uint64_t decode_errors_ = 0;
};

}  // namespace cesasim::hw
