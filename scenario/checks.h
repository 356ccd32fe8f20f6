// SPDX-License-Identifier: Apache-2.0
// What the keys of a scenario ask of each other; the ranges of single keys are the reader's.
#pragma once

#include "scenario/settings.h"
#include "scenario/tree.h"

namespace cesasim {

/// Without encryption the other keys of dm-crypt mean nothing: ConfigError. Those below the layer
/// that chose the path are for the points that this one is compared with, and go; so do defaults.
void check_no_crypt(Tree& tree, DmCryptSettings& settings);

/// Checks a scenario read from `tree`. Where dmcrypt.table is given, the defaults of the keys that
/// it stands for go from `tree`. Errors: ConfigError at the key at fault.
void check_scenario(Tree& tree, const Scenario& scenario);

}  // namespace cesasim
