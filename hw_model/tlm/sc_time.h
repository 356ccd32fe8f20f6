// SPDX-License-Identifier: Apache-2.0
// Simulated time at the edge between SystemC (sc_time) and everything that counts picoseconds.
// SystemC's resolution is 1 ps, so nothing is rounded.
#pragma once

#include <systemc>

#include "hw_model/common/units.h"

namespace cesasim::hw {

inline sc_core::sc_time to_sc_time(Ps ps) { return sc_core::sc_time::from_value(ps); }
inline Ps to_ps(const sc_core::sc_time& time) { return time.value(); }
/// Simulated time now.
inline Ps now_ps() { return to_ps(sc_core::sc_time_stamp()); }

}  // namespace cesasim::hw
