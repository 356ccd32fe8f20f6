// SPDX-License-Identifier: Apache-2.0
// A bus master's transactions: how every model here calls b_transport.
#pragma once

#include <cstdint>
#include <systemc>
#include <tlm>

#include "hw_model/common/units.h"
#include "hw_model/memory/dma_port.h"
#include "hw_model/memory/mbus_extension.h"
#include "hw_model/tlm/sc_time.h"

namespace cesasim::hw {

/// One payload with one MbusExtension, used again for every access over `socket`. One access at a
/// time.
class MasterPort {
 public:
  /// `master`: its number on the Mbus. The socket outlives the port.
  MasterPort(tlm::tlm_initiator_socket<>& socket, unsigned master) : socket_(socket) {
    extension_.master = master;
    payload_.set_extension(&extension_);
    payload_.set_byte_enable_ptr(nullptr);
  }
  // The payload must not delete the extension, which is a member.
  ~MasterPort() { payload_.clear_extension(&extension_); }
  MasterPort(const MasterPort&) = delete;
  MasterPort& operator=(const MasterPort&) = delete;

  /// Moves `bytes` between `addr` and `data`, which a write only reads; `delay` as in b_transport.
  /// `own` and `continued` are the extension's. False if the target returned an error.
  bool access(tlm::tlm_command command, PhysAddr addr, std::uint8_t* data, std::uint32_t bytes,
              sc_core::sc_time& delay, Ps own = 0, bool continued = false) {
    payload_.set_command(command);
    payload_.set_address(addr);
    payload_.set_data_ptr(data);
    payload_.set_data_length(bytes);
    payload_.set_streaming_width(bytes);
    payload_.set_dmi_allowed(false);
    payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    extension_.own_ps = own;
    extension_.continued = continued;
    socket_->b_transport(payload_, delay);
    return payload_.is_response_ok();
  }

 private:
  tlm::tlm_initiator_socket<>& socket_;
  tlm::tlm_generic_payload payload_;
  MbusExtension extension_;
};

/// The DmaPort of a plain core: one of its device's ways to the bus.
class DmaMasterPort final : public DmaPort {
 public:
  /// `ahead`: how far the device has run ahead of simulated time, which is where its current
  /// instant stands. It and the socket outlive the port.
  DmaMasterPort(tlm::tlm_initiator_socket<>& socket, unsigned master, const Ps& ahead)
      : port_(socket, master), ahead_(ahead) {}

  bool read(PhysAddr addr, std::uint8_t* data, std::uint32_t bytes, Ps own, Ps& delay) override {
    return access(tlm::TLM_READ_COMMAND, addr, data, bytes, own, delay, false);
  }
  bool read_further(PhysAddr addr, std::uint8_t* data, std::uint32_t bytes, Ps own,
                    Ps& delay) override {
    return access(tlm::TLM_READ_COMMAND, addr, data, bytes, own, delay, true);
  }
  bool write(PhysAddr addr, std::uint8_t* data, std::uint32_t bytes, Ps own, Ps& delay) override {
    return access(tlm::TLM_WRITE_COMMAND, addr, data, bytes, own, delay, false);
  }

 private:
  bool access(tlm::tlm_command command, PhysAddr addr, std::uint8_t* data, std::uint32_t bytes,
              Ps own, Ps& delay, bool continued) {
    sc_core::sc_time time = to_sc_time(ahead_ + delay);
    const bool ok = port_.access(command, addr, data, bytes, time, own, continued);
    delay = to_ps(time) - ahead_;
    return ok;
  }

  MasterPort port_;
  const Ps& ahead_;
};

}  // namespace cesasim::hw
