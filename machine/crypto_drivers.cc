// SPDX-License-Identifier: Apache-2.0
#include "machine/crypto_drivers.h"

#include <stdexcept>

#include "driver/cesa_hal/cesa_hal.h"
#include "driver/cesa_pio/cesa_pio.h"
#include "driver/cesa_ring/cesa_ring.h"
#include "driver/cesa_tdma/cesa_tdma.h"
#include "driver/cryptosoft/cryptosoft.h"

namespace cesasim {

driver::CesaPlatform cesa_platform(hw::Soc& soc) {
  driver::CesaPlatform platform;
  const hw::CesaParams& cesa = soc.config().cesa;
  for (unsigned i = 0; i < cesa.engines; ++i) {
    platform.engines.push_back({soc.cesa_regs(i), cesa.sram_base(i), cesa.irq(i), i % soc.cores()});
  }
  platform.sram_bytes = cesa.sram_bytes;
  platform.sram_reserved_bytes = cesa.sram_reserved_bytes;
  platform.dram_bytes = soc.dram().size();
  platform.tclk_hz = cesa.clock_hz;
  return platform;
}

driver::RingPlatform ring_platform(hw::Soc& soc) {
  driver::RingPlatform platform;
  platform.regs = soc.ring_regs();
  const hw::RingParams& ring = soc.config().ring;
  platform.tclk_hz = ring.clock_hz;
  for (unsigned i = 0; i < ring.rings; ++i) {
    platform.irqs.push_back(ring.irq_first + i);
    platform.irq_cpus.push_back(i % soc.cores());
  }
  return platform;
}

std::unique_ptr<driver::CryptoDriver> make_crypto_driver(const std::string& name,
                                                         driver::CryptoCore& core,
                                                         const DriverSite& site) {
  if (name == "cryptosoft") {
    return std::make_unique<driver::Cryptosoft>(site.kernel, core, site.costs, site.cipher_costs);
  }
  if (name == "cesa_tdma") {
    return std::make_unique<driver::CesaTdma>(site.kernel, core, site.costs,
                                              cesa_platform(site.soc), site.settings.cesa_tdma,
                                              site.recovery);
  }
  if (name == "cesa_pio") {
    return std::make_unique<driver::CesaPio>(site.kernel, core, site.costs, cesa_platform(site.soc),
                                             site.settings.cesa_pio, site.recovery);
  }
  if (name == "cesa_hal") {
    return std::make_unique<driver::CesaHal>(site.kernel, core, site.costs, cesa_platform(site.soc),
                                             site.settings.cesa_hal);
  }
  if (name == "cesa_ring") {
    return std::make_unique<driver::CesaRing>(site.kernel, core, site.costs,
                                              ring_platform(site.soc), site.settings.cesa_ring,
                                              site.recovery);
  }
  throw std::invalid_argument("no crypto driver '" + name + "'");
}

}  // namespace cesasim
