#include "hw_model/soc/soc.h"

#include <stdexcept>
#include <string>

namespace cesasim::hw {

Soc::Soc(sc_core::sc_module_name name, const SocConfig& config) : sc_module(name), config_(config) {
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
  if (config.ring.irq(config.ring.rings - 1) >= Intc::kLines) {
    throw std::invalid_argument("ring: irq_first " + std::to_string(config.ring.irq_first) +
                                " leaves no line for each of " + std::to_string(config.ring.rings) +
                                " rings, the controller has " + std::to_string(Intc::kLines));
  }
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

  int target = 0;
  connect(mbus_->out, dram_->socket);
  mbus_->add_window({"dram", 0, dram_->size(), target++, false});
  connect(mbus_->out, cesa_->regs);
  mbus_->add_window({"cesa registers", cesa_regs(0), cesa_reg::kWindowBytes, target++, true});
  for (unsigned i = 0; i < cesa_->engines(); ++i) {
    connect(mbus_->out, cesa_->sram[i]);
    mbus_->add_window({"cesa sram " + std::to_string(i), config.cesa.sram_base(i),
                       config.cesa.sram_bytes, target++, true});
    irq_lines_.push_back(std::make_unique<IrqLine>(("cesa_irq" + std::to_string(i)).c_str(), *intc_,
                                                   config.cesa.irq(i)));
    cesa_->irq[i].bind(*irq_lines_.back());
  }
  connect(mbus_->out, ring_->regs);
  mbus_->add_window({"ring registers", ring_regs(), ring_reg::kWindowBytes, target++, true});
  for (unsigned i = 0; i < config.ring.rings; ++i) {
    irq_lines_.push_back(std::make_unique<IrqLine>(("ring_irq" + std::to_string(i)).c_str(), *intc_,
                                                   config.ring.irq(i)));
    ring_->irq[i].bind(*irq_lines_.back());
  }
  irq_lines_.push_back(std::make_unique<IrqLine>("disk_irq", *intc_, config.disk_irq));
  disk_->irq.bind(*irq_lines_.back());
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
