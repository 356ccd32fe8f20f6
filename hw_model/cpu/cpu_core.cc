#include "hw_model/cpu/cpu_core.h"

#include <algorithm>

namespace cesasim::hw {

CpuCore::CpuCore(sc_core::sc_module_name name, unsigned id, const CpuParams& params)
    : sc_module(name),
      bus("bus"),
      id_(id),
      params_(params),
      ps_per_cycle_(1e12 / params.clock_hz),
      event_("event") {
  extension_.master = mbus_master_cpu(id);
  payload_.set_extension(&extension_);
}

void CpuCore::set_irq(bool level) {
  irq_level_ = level;
  if (level) event_.notify(sc_core::SC_ZERO_TIME);
}

void CpuCore::move_account(CpuCore& to, Activity first, Ps ps) {
  auto move = [&](std::size_t activity) {
    const Ps part = std::min(ps, account_[activity]);
    account_[activity] -= part;
    to.account_[activity] += part;
    ps -= part;
  };
  move(static_cast<std::size_t>(first));
  for (std::size_t a = 0; a < kActivities && ps != 0; ++a) move(a);
}

void CpuCore::transfer(tlm::tlm_command command, PhysAddr addr, std::uint8_t* data, unsigned bytes,
                       sc_core::sc_time& delay) {
  payload_.set_command(command);
  payload_.set_address(addr);
  payload_.set_data_ptr(data);
  payload_.set_data_length(bytes);
  payload_.set_streaming_width(bytes);
  payload_.set_byte_enable_ptr(nullptr);
  payload_.set_dmi_allowed(false);
  payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  extension_.own_ps = 0;
  bus->b_transport(payload_, delay);
  if (payload_.is_response_error()) ++bus_errors_;
}

std::uint32_t CpuCore::read32(PhysAddr addr, sc_core::sc_time& delay) {
  std::uint32_t value = 0xffffffff;
  transfer(tlm::TLM_READ_COMMAND, addr, reinterpret_cast<std::uint8_t*>(&value), 4, delay);
  return value;
}

void CpuCore::write32(PhysAddr addr, std::uint32_t value, sc_core::sc_time& delay) {
  transfer(tlm::TLM_WRITE_COMMAND, addr, reinterpret_cast<std::uint8_t*>(&value), 4, delay);
}

}  // namespace cesasim::hw
