// SPDX-License-Identifier: Apache-2.0
// Windows of ObserveOptions on the simulation's clock.
#pragma once

#include <cmath>

#include "hw_model/common/units.h"

namespace cesasim {

/// Seconds, which may be infinite, as picoseconds.
inline hw::Ps ps_of(double seconds) {
  return std::isinf(seconds) ? ~hw::Ps{0} : static_cast<hw::Ps>(std::llround(seconds * 1e12));
}

}  // namespace cesasim
