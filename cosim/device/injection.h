// SPDX-License-Identifier: Apache-2.0
// Faults of the device, on demand.
#pragma once

#include <cstdint>
#include <string>

namespace cesasim::cosim {

struct Injection {
  enum class Kind {
    none,
    bus_error,  ///< the N-th DMA access is refused by the bus
    lost_irq,   ///< the N-th interrupt does not arrive
    stuck,      ///< the device stops answering at the N-th register access
    kill,       ///< the device's process dies at the N-th register access
  };
  Kind kind = Kind::none;
  std::uint64_t at = 1;

  std::string str() const;
};

/// Reads "bus-error@N", "lost-irq@N", "stuck@N" or "kill@N" ("@N" may be missing: 1). Throws
/// std::invalid_argument with a message that names what is valid.
Injection parse_injection(const std::string& text);

}  // namespace cesasim::cosim
