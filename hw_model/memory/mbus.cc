// SPDX-License-Identifier: Apache-2.0
#include "hw_model/memory/mbus.h"

#include <algorithm>
#include <stdexcept>

#include "hw_model/tlm/sc_time.h"

namespace cesasim::hw {

Mbus::Mbus(sc_core::sc_module_name name, const MbusParams& params)
    : sc_module(name),
      in("in"),
      out("out"),
      device_access_(to_sc_time(cycles_to_ps(params.device_access_cycles, params.clock_hz))) {
  in.register_b_transport(this, &Mbus::b_transport);
  in.register_transport_dbg(this, &Mbus::transport_dbg);
  in.register_get_direct_mem_ptr(this, &Mbus::get_direct_mem_ptr);
  out.register_invalidate_direct_mem_ptr(this, &Mbus::invalidate_direct_mem_ptr);
}

void Mbus::add_window(const MbusWindow& window) {
  // Ends are inclusive: a window may reach the very last address.
  const PhysAddr last = window.base + (window.size - 1);
  if (window.size == 0 || last < window.base) {
    throw std::invalid_argument("address window '" + window.name +
                                "' is empty or goes past the end of the address space");
  }
  for (const MbusWindow& w : windows_) {
    if (window.base <= w.base + (w.size - 1) && w.base <= last) {
      throw std::invalid_argument("address window '" + window.name + "' overlaps '" + w.name + "'");
    }
  }
  windows_.push_back(window);
}

const MbusWindow* Mbus::decode(PhysAddr addr, std::uint64_t len) const {
  for (const MbusWindow& w : windows_) {
    if (addr - w.base < w.size && len <= w.size - (addr - w.base)) return &w;
  }
  return nullptr;
}

void Mbus::b_transport(int, tlm::tlm_generic_payload& trans, sc_core::sc_time& delay) {
  const PhysAddr addr = trans.get_address();
  const MbusWindow* w = decode(addr, trans.get_data_length());
  if (w == nullptr) {
    ++decode_errors_;
    trans.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return;
  }
  if (w->device) delay += device_access_;
  trans.set_address(addr - w->base);
  out[w->target]->b_transport(trans, delay);
  trans.set_address(addr);
}

unsigned Mbus::transport_dbg(int, tlm::tlm_generic_payload& trans) {
  const PhysAddr addr = trans.get_address();
  const MbusWindow* w = decode(addr, trans.get_data_length());
  if (w == nullptr) return 0;
  trans.set_address(addr - w->base);
  const unsigned n = out[w->target]->transport_dbg(trans);
  trans.set_address(addr);
  return n;
}

bool Mbus::get_direct_mem_ptr(int, tlm::tlm_generic_payload& trans, tlm::tlm_dmi& dmi) {
  const PhysAddr addr = trans.get_address();
  const MbusWindow* w = decode(addr, 1);
  if (w == nullptr) {  // what is denied is this address and no more
    dmi.set_start_address(addr);
    dmi.set_end_address(addr);
    return false;
  }
  trans.set_address(addr - w->base);
  const bool granted = out[w->target]->get_direct_mem_ptr(trans, dmi);
  trans.set_address(addr);
  dmi.set_start_address(dmi.get_start_address() + w->base);
  dmi.set_end_address(std::min<sc_dt::uint64>(dmi.get_end_address(), w->size - 1) + w->base);
  return granted;
}

void Mbus::invalidate_direct_mem_ptr(int id, sc_dt::uint64 start, sc_dt::uint64 end) {
  for (const MbusWindow& w : windows_) {
    if (w.target != id || start >= w.size) continue;
    const PhysAddr last = std::min<PhysAddr>(end, w.size - 1);
    for (unsigned i = 0; i < in.size(); ++i) {
      in[static_cast<int>(i)]->invalidate_direct_mem_ptr(start + w.base, last + w.base);
    }
  }
}

}  // namespace cesasim::hw
