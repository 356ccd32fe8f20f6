// SPDX-License-Identifier: Apache-2.0
// From a tree of values to a typed scenario.
#pragma once

#include <optional>
#include <string>

#include "scenario/library.h"
#include "scenario/settings.h"
#include "scenario/tree.h"

namespace cesasim {

/// The kernel that a scenario runs on if `tree` names none: that of its path. Empty: it names one,
/// or there is no such path. nullopt: path none has no kernel of its own, it takes that of the
/// points that it is compared with.
std::optional<std::string> default_kernel(const Tree& tree);

/// Types a tree. Errors: ConfigError for a key that is missing, unknown or out of its range. Enough
/// for a tree that resolve_scenario() has been through; workload.trace_file stays empty.
Scenario read_scenario(Tree& tree, const Library& library);

/// Types and checks `tree`, which ends fully resolved (presets expanded, defaults filled in).
/// Errors: ConfigError. With `check_files` the trace must exist and be readable.
Scenario resolve_scenario(Tree& tree, const Library& library, bool check_files = true);

}  // namespace cesasim
