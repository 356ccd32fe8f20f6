// SPDX-License-Identifier: Apache-2.0
#include "machine/assembly.h"

#include <vector>

#include "dmcrypt_model/paths.h"
#include "machine/crypto_drivers.h"
#include "scenario/crypt_table.h"

namespace cesasim {

namespace {

hw::FaultPlan fault_plan(const Scenario& s) {
  std::vector<hw::FaultRule> rules;
  for (const FaultSettings& fault : s.faults) rules.push_back(fault.rule());
  return {std::move(rules), s.seed};
}

hw::SocConfig with_faults(hw::SocConfig config, hw::FaultPlan& faults) {
  if (!faults.empty()) config.faults = &faults;
  return config;
}

driver::OcfOptions ocf_options(const OcfSettings& s) {
  driver::OcfOptions options;
  options.policy = s.policy == "2006"      ? driver::OcfPolicy::v2006
                   : s.policy == "2010"    ? driver::OcfPolicy::v2010
                   : s.policy == "marvell" ? driver::OcfPolicy::marvell
                                           : driver::OcfPolicy::v2005;
  options.irqs_off = s.irqs_off == "request"   ? driver::IrqsOff::request
                     : s.irqs_off == "backlog" ? driver::IrqsOff::backlog
                                               : driver::IrqsOff::none;
  options.crypto_nice = static_cast<int>(s.crypto_nice);
  return options;
}

/// Marvell's core hands only requests with BATCH straight to the hardware, as its dm-crypt asks
/// for, and warns against it for software sessions. Elsewhere BATCH delays, and nobody sets it.
bool hands_over_at_once(const OcfSettings& s) {
  return s.policy == "marvell" && s.driver != "cryptosoft";
}

}  // namespace

hw::SocConfig soc_config(const Scenario& s, bool checkers) {
  hw::SocConfig c;
  c.checkers = checkers;
  c.cores = s.soc.cores;
  c.internal_regs_base = s.soc.internal_regs_base;
  c.disk_irq = s.soc.disk_irq;
  c.cpu = s.soc.cpu;
  c.dram = s.soc.dram;
  c.mbus = s.soc.mbus;
  c.cesa = s.soc.cesa;
  c.ring = s.soc.ring;
  c.disk = s.disk;
  c.fidelity = s.fidelity == "burst" ? hw::Fidelity::burst : hw::Fidelity::descriptor;
  return c;
}

Assembly::Assembly(const Scenario& s, bool checkers, const LowerHook& lower,
                   const DriverHook& own_driver)
    : scenario(s),
      faults(fault_plan(s)),
      soc("soc", with_faults(soc_config(s, checkers), faults)),
      kernel("kernel", s.soc.costs.kernel, s.kernel, soc.core_list(), soc.intc(), soc.dram()),
      queue(kernel::make_disk_queue(kernel, soc.disk(), s.soc.disk_irq, s.disk_preset)) {
  if (!faults.empty()) kernel.set_faults(&faults);
  const DriverSite site = {kernel,        soc,         s.soc.costs.driver, s.soc.costs.cipher,
                           s.ocf.drivers, s.recovery()};
  const bool bench = s.workload.bench.wanted();
  if (s.path_uses_ocf() && !bench) {
    ocf = std::make_unique<driver::Crypto>(kernel, s.soc.costs.ocf, ocf_options(s.ocf));
    driver = own_driver ? own_driver(*ocf, site) : make_crypto_driver(s.ocf.driver, *ocf, site);
  } else if (s.dmcrypt.path == "modern" || bench) {
    api = std::make_unique<driver::SkcipherApi>(kernel, s.soc.costs.driver, s.soc.costs.cipher);
    // "cryptosoft" means the processor: here that is the kernel's own code.
    if (own_driver) {
      driver = own_driver(*api, site);
    } else if (s.ocf.driver != "cryptosoft") {
      driver = make_crypto_driver(s.ocf.driver, *api, site);
    }
  }
  if (bench) return;
  kernel::BlockDevice& below = lower ? lower(*queue) : *queue;
  const dmcrypt::PathSettings settings = {
      s.dmcrypt.placement,     s.dmcrypt.max_read_size,   s.dmcrypt.max_write_size,
      s.dmcrypt.max_in_flight, hands_over_at_once(s.ocf), s.dmcrypt.allow_allocating_drivers};
  target = dmcrypt::make_target(s.dmcrypt.path, kernel, crypt_table(s.dmcrypt, below.sectors()),
                                s.soc.costs.dmcrypt, s.soc.costs.cipher, below, ocf.get(),
                                api.get(), settings);
}

}  // namespace cesasim
