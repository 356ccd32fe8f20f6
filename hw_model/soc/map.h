// SPDX-License-Identifier: Apache-2.0
// Where everything on the board stands: one list of its address windows and interrupt lines, for
// the board itself and for whoever checks a description of one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hw_model/cesa/params.h"
#include "hw_model/common/units.h"
#include "hw_model/memory/params.h"
#include "hw_model/ring/params.h"

namespace cesasim::hw {

/// Names and keys: of the parameters that decide it, in a description of the SoC ("cesa.irq0").
struct SocWindow {
  std::string name;
  std::vector<std::string> keys;
  PhysAddr base = 0;
  std::uint64_t bytes = 0;
  bool device = false;  ///< as MbusWindow::device

  PhysAddr last() const { return base + (bytes - 1); }
};
struct SocLine {
  std::string name;
  std::vector<std::string> keys;
  unsigned irq = 0;
};

/// What does not fit, and the parameters that could mend it; the likeliest first.
struct SocObjection {
  std::string problem;
  std::vector<std::string> keys;
};

struct SocMap {
  std::vector<SocWindow> windows;  ///< memory first, the others in the order of the bus's targets
  std::vector<SocLine> lines;      ///< engines, rings, disk

  /// Two windows or lines that clash, a window past 4 GiB (descriptors have 32 bits for an
  /// address), a line that the controller has not; nothing if all is well.
  std::optional<SocObjection> objection() const;
};

SocMap soc_map(std::uint64_t internal_regs_base, unsigned disk_irq, const DramParams& dram,
               const CesaParams& cesa, const RingParams& ring);

}  // namespace cesasim::hw
