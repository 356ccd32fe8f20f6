// SPDX-License-Identifier: Apache-2.0
// A device's way to the SoC's memory as its plain core sees it.
#pragma once

#include <cstdint>

#include "hw_model/common/units.h"

namespace cesasim::hw {

class DmaPort {
 public:
  virtual ~DmaPort() = default;
  /// Moves `bytes` between the bus and `data`. The transfer starts `delay` after the current
  /// instant and takes the master itself `own`; on return `delay` is when it ended. False if
  /// the bus returned an error.
  virtual bool read(PhysAddr addr, std::uint8_t* data, std::uint32_t bytes, Ps own, Ps& delay) = 0;
  virtual bool write(PhysAddr addr, std::uint8_t* data, std::uint32_t bytes, Ps own, Ps& delay) = 0;
  /// A read that goes on where the last one ended, as a further burst of the same transfer: its
  /// wait for the memory is part of `own`.
  virtual bool read_further(PhysAddr addr, std::uint8_t* data, std::uint32_t bytes, Ps own,
                            Ps& delay) {
    return read(addr, data, bytes, own, delay);
  }
};

}  // namespace cesasim::hw
