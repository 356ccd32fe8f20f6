// SPDX-License-Identifier: Apache-2.0
#include "hw_model/cpu/cpu_core.h"

#include <algorithm>

namespace cesasim::hw {

CpuCore::CpuCore(sc_core::sc_module_name name, unsigned id, const CpuParams& params)
    : sc_module(name),
      bus("bus"),
      id_(id),
      params_(params),
      ps_per_cycle_(1e12 / params.clock_hz),
      event_("event"),
      port_(bus, mbus_master_cpu(id)) {}

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
  if (!port_.access(command, addr, data, bytes, delay)) ++bus_errors_;
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
