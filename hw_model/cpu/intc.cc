#include "hw_model/cpu/intc.h"

#include <stdexcept>
#include <utility>

namespace cesasim::hw {

Intc::Intc(sc_core::sc_module_name name, std::vector<CpuCore*> cores)
    : sc_module(name), cores_(std::move(cores)) {}

void Intc::set_line(unsigned irq, bool level) {
  if (level_.at(irq) == level) return;
  level_[irq] = level;
  if (level) ++raised_[irq];
  update(route_[irq]);
}

void Intc::enable(unsigned irq, bool on) {
  enabled_.at(irq) = on;
  update(route_[irq]);
}

void Intc::route(unsigned irq, unsigned core) {
  if (core >= cores_.size())
    throw std::out_of_range("interrupt routed to a core that is not there");
  const unsigned old = route_.at(irq);
  route_[irq] = core;
  update(old);
  update(core);
}

int Intc::pending(unsigned core) const {
  for (unsigned i = 0; i < kLines; ++i) {
    if (level_[i] && enabled_[i] && route_[i] == core) return static_cast<int>(i);
  }
  return -1;
}

void Intc::update(unsigned core) { cores_[core]->set_irq(pending(core) >= 0); }

}  // namespace cesasim::hw
