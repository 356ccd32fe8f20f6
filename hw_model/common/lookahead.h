// SPDX-License-Identifier: Apache-2.0
// Temporal decoupling without a quantum: a process may run ahead of simulated time as long as
// no other event is due before the time it has reached, because nobody could tell.
#pragma once

#include <systemc>

#include "hw_model/common/units.h"

namespace cesasim::hw {

/// While set, nobody runs ahead: for observers that sample between processes, such as a trace
/// file, which are no event and would see everything too early.
inline bool no_lookahead = false;

/// True if nothing else is runnable now and no event is due up to and including `ahead` from
/// now, so that the caller may act as if that time had passed.
inline bool nothing_due_within(Ps ahead) {
  const auto* context = sc_core::sc_get_curr_simcontext();
  return !no_lookahead && !sc_core::sc_pending_activity_at_current_time(context) &&
         (!sc_core::sc_pending_activity_at_future_time(context) ||
          sc_core::sc_time_to_pending_activity(context).value() > ahead);
}

}  // namespace cesasim::hw
