// SPDX-License-Identifier: Apache-2.0
// The crypto drivers by name, each on the hardware of a board.
#pragma once

#include <memory>
#include <string>

#include "driver/cesa/platform.h"
#include "driver/cesa_ring/cesa_ring.h"
#include "driver/crypto_driver.h"
#include "driver/params.h"
#include "hw_model/soc/soc.h"
#include "kernel_model/kernel.h"

namespace cesasim {

/// What all drivers are made of. The objects must outlive the driver.
struct DriverSite {
  kernel::Kernel& kernel;
  hw::Soc& soc;
  driver::DriverCosts costs;
  driver::CipherCosts cipher_costs;
  driver::DriverSettings settings;
  driver::Recovery recovery;
};

/// Where a board has its crypto unit. Engine i interrupts core i, as the Linux driver's affinity
/// hint asks.
driver::CesaPlatform cesa_platform(hw::Soc& soc);

/// Where it has its crypto ring; ring i interrupts core i.
driver::RingPlatform ring_platform(hw::Soc& soc);

/// Makes the driver and registers it with `core`. Throws std::invalid_argument for an unknown
/// name.
std::unique_ptr<driver::CryptoDriver> make_crypto_driver(const std::string& name,
                                                         driver::CryptoCore& core,
                                                         const DriverSite& site);

}  // namespace cesasim
