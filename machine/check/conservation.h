// SPDX-License-Identifier: Apache-2.0
// Conservation laws: what must hold for a run whatever its parameters are.
#pragma once

#include <string>

#include "machine/assembly.h"
#include "machine/counters.h"
#include "traces/replay/replay.h"

namespace cesasim {

/// The law that a run broke, with its figures; empty if all held: processor time, rows, Little's
/// law, stages, bytes at the disk and through the engines. `own_driver`: the crypto driver is the
/// user's, and what its device does is not counted. `stages`: the time of all requests in all
/// stages (StageTimes::total).
std::string broken_law(Assembly& at, bool own_driver, const Counters& c,
                       const traces::ReplayReport& r, Ps stages);

}  // namespace cesasim
