// SPDX-License-Identifier: Apache-2.0
#include "hw_model/cpu/intc.h"

#include <stdexcept>
#include <utility>

#include "hw_model/tlm/sc_time.h"

namespace cesasim::hw {

Intc::Intc(sc_core::sc_module_name name, std::vector<CpuCore*> cores)
    : sc_module(name), cores_(std::move(cores)), pending_(cores_.size()) {}

void Intc::set_line(unsigned irq, bool level) {
  if (level_.at(irq) == level) return;
  level_[irq] = level;
  if (level) ++raised_[irq];
  if (faults_ != nullptr) {
    const Ps now = now_ps();
    lost_[irq] = level && faults_->fires(FaultKind::lost_interrupt, now, irq);
    if (level) {
      if (faults_->fires(FaultKind::spurious_interrupt, now, irq)) will_be_spurious_.set(irq);
    } else if (will_be_spurious_[irq]) {
      will_be_spurious_.reset(irq);
      spurious_.set(irq);
    }
  }
  update(irq);
}

void Intc::enable(unsigned irq, bool on) {
  enabled_.at(irq) = on;
  update(irq);
}

void Intc::route(unsigned irq, unsigned core) {
  if (core >= cores_.size())
    throw std::out_of_range("interrupt routed to a core that is not there");
  const unsigned old = std::exchange(route_.at(irq), core);
  pending_[old].reset(irq);
  cores_[old]->set_irq(pending_[old].any());
  update(irq);
}

int Intc::pending(unsigned core, unsigned nth) {
  const auto& lines = pending_.at(core);
  std::size_t first = lines._Find_first();
  if (first == kLines) return -1;
  for (std::size_t skip = nth == 0 ? 0 : nth % lines.count(); skip != 0; --skip) {
    first = lines._Find_next(first);
  }
  const auto irq = static_cast<unsigned>(first);
  if (spurious_[irq] && !(level_[irq] && !lost_[irq])) {
    spurious_.reset(irq);
    update(irq);
  }
  return static_cast<int>(first);
}

void Intc::update(unsigned irq) {
  auto& pending = pending_[route_[irq]];
  const bool asserted = (level_[irq] && !lost_[irq]) || spurious_[irq];
  pending.set(irq, asserted && enabled_[irq]);
  cores_[route_[irq]]->set_irq(pending.any());
}

}  // namespace cesasim::hw
