// Address windows of the DMA: which bus addresses it may reach.
#pragma once

#include <cstdint>

#include "hw_model/base/units.h"
#include "hw_model/cesa/register_file.h"

namespace cesasim::hw {

/// Bits of the ERROR_CAUSE register that an access to [addr, addr + bytes) would set: 0 if it
/// lies in exactly one enabled window, miss if in none (or only in part), double hit if in
/// more than one. Target and attribute are not compared: the bus decodes by address.
std::uint32_t check_tdma_windows(const RegisterFile& regs, PhysAddr addr, std::uint32_t bytes);

}  // namespace cesasim::hw
