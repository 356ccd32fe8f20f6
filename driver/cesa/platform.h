// SPDX-License-Identifier: Apache-2.0
// Where a board has its crypto unit (platform data, device tree), as all CESA drivers need it.
#pragma once

#include <cstdint>
#include <vector>

#include "hw_model/common/units.h"

namespace cesasim::driver {

struct CesaPlatform {
  struct Engine {
    hw::PhysAddr regs = 0;  ///< engine's registers
    hw::PhysAddr sram = 0;  ///< bus address of the SRAM window
    unsigned irq = 0;
    unsigned irq_cpu = 0;
  };
  std::vector<Engine> engines;
  std::uint32_t sram_bytes = 2048;
  std::uint32_t sram_reserved_bytes = 0;
  std::uint64_t dram_bytes = 0;  ///< programmed into TDMA window 0
  double tclk_hz = 200e6;        ///< clock of the unit (clk_get_rate), for coalescing times
};

}  // namespace cesasim::driver
