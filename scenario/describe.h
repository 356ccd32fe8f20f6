// SPDX-License-Identifier: Apache-2.0
// The one table that ties keys to fields: a new parameter struct is one more line there.
#pragma once

#include "scenario/settings.h"
#include "scenario/visitor.h"

namespace cesasim {

/// Walks every key of a scenario.
void describe_scenario(ScenarioVisitor& v, Scenario& scenario);

}  // namespace cesasim
