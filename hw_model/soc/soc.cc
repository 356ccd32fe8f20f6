// SPDX-License-Identifier: Apache-2.0
#include "hw_model/soc/soc.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "hw_model/soc/map.h"

namespace cesasim::hw {

Soc::Soc(sc_core::sc_module_name name, const SocConfig& config) : sc_module(name), config_(config) {
  const SocMap map =
      soc_map(config.internal_regs_base, config.disk_irq, config.dram, config.cesa, config.ring);
  if (const auto objection = map.objection()) throw std::invalid_argument(objection->problem);
  for (unsigned i = 0; i < config.cores; ++i) {
    cores_.push_back(std::make_unique<CpuCore>(("cpu" + std::to_string(i)).c_str(), i, config.cpu));
  }
  intc_ = std::make_unique<Intc>("intc", core_list());
  mbus_ = std::make_unique<Mbus>("mbus", config.mbus);
  dram_ = std::make_unique<Dram>("dram", config.dram);
  cesa_ = std::make_unique<Cesa>("cesa", config.cesa, config.fidelity);
  cesa_->run_ahead(true);
  ring_ = std::make_unique<CryptoRing>("ring", config.ring, mbus_master_ring(0));
  ring_->run_ahead(true);
  disk_ = std::make_unique<Disk>("disk", config.disk);
  if (config.faults != nullptr) {
    intc_->set_faults(config.faults);
    cesa_->set_faults(config.faults);
    ring_->set_faults(config.faults);
    disk_->set_faults(config.faults);
  }

  for (auto& core : cores_) connect(core->bus, mbus_->in);
  for (unsigned i = 0; i < cesa_->engines(); ++i) connect(cesa_->dma[i], mbus_->in);
  connect(disk_->dma, mbus_->in);
  connect(ring_->dma, mbus_->in);

  // In the order of the map.
  std::size_t targets = 0;
  const auto connect_target = [&](auto& socket) {
    connect(mbus_->out, socket);
    ++targets;
  };
  connect_target(dram_->socket);
  connect_target(cesa_->regs);
  std::vector<sc_core::sc_out<bool>*> wires;
  for (unsigned i = 0; i < cesa_->engines(); ++i) {
    connect_target(cesa_->sram[i]);
    wires.push_back(&cesa_->irq[i]);
  }
  connect_target(ring_->regs);
  for (unsigned i = 0; i < config.ring.rings; ++i) wires.push_back(&ring_->irq[i]);
  wires.push_back(&disk_->irq);
  if (targets != map.windows.size() || wires.size() != map.lines.size()) {
    throw std::logic_error("the board has " + std::to_string(targets) + " targets and " +
                           std::to_string(wires.size()) + " interrupt wires, its map " +
                           std::to_string(map.windows.size()) + " windows and " +
                           std::to_string(map.lines.size()) + " lines");
  }
  int target = 0;
  for (const SocWindow& w : map.windows) {
    mbus_->add_window({w.name, w.base, w.bytes, target++, w.device});
  }
  for (std::size_t i = 0; i < map.lines.size(); ++i) {
    std::string name = map.lines[i].name + " irq";
    std::replace(name.begin(), name.end(), ' ', '_');
    irq_lines_.push_back(std::make_unique<IrqLine>(name.c_str(), *intc_, map.lines[i].irq));
    wires[i]->bind(*irq_lines_.back());
  }
}

Soc::~Soc() = default;

template <class Initiator, class Target>
void Soc::connect(Initiator& initiator, Target& target) {
  if (!config_.checkers) {
    initiator.bind(target);
    return;
  }
  const std::string name = "checker" + std::to_string(checkers_.size());
  checkers_.push_back(std::make_unique<TlmChecker>(name.c_str()));
  initiator.bind(checkers_.back()->in);
  checkers_.back()->out.bind(target);
}

std::uint64_t Soc::checked_calls() const {
  std::uint64_t n = 0;
  for (const auto& checker : checkers_) n += checker->calls();
  return n;
}

std::uint64_t Soc::protocol_violations() const {
  std::uint64_t n = 0;
  for (const auto& checker : checkers_) n += checker->violations();
  return n;
}

std::vector<CpuCore*> Soc::core_list() {
  std::vector<CpuCore*> list;
  for (auto& core : cores_) list.push_back(core.get());
  return list;
}

}  // namespace cesasim::hw
