// SPDX-License-Identifier: Apache-2.0
// The parameters of a study that nobody measured, and between what values they
// may lie.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "study/matrix/study.h"

namespace cesasim::study {

/// A value of a preset that is varied. Points with different presets may have
/// different values of it; then each is varied within its own bounds.
struct VariedParameter {
  std::string path;  ///< in the scenario, as soc.costs.kernel.irq_entry
  std::string unit;
  std::string mark;    ///< assumed, derived or measured
  std::string preset;  ///< file and line of the value, of the first point that has it
  double base = 0, low = 0, high = 0;  ///< of the first point that has it
  bool stated = false;  ///< the bounds stand in the preset, else they follow from the mark
  bool uniform = true;  ///< the same in all points
};

/// A value that was left alone, and why.
struct LeftOut {
  std::string path;
  std::string why;
};

/// Bounds of a value whose preset states none, as factors: an assumed one may
/// be half or twice as large, a derived one 20 % off, a measured one 10 %.
struct DefaultBounds {
  double low = 1, high = 1;
};
DefaultBounds default_bounds(const std::string& mark);

/// All values that presets mark with one of `marks` and whose path is like one
/// of `globs` (none: all), in the order of the configuration.
std::vector<VariedParameter> find_parameters(const std::vector<Point>& points,
                                             const std::set<std::string>& marks,
                                             const std::vector<std::string>& globs,
                                             std::vector<LeftOut>& left_out);

enum class End { low, high };

/// The point with the named parameters at that end of their bounds; those it
/// does not have are passed over. Errors: ConfigError if the scenario does not
/// take such a value.
Point varied(const Point& point, const std::vector<std::string>& paths, End end);

/// Whether the point has a value of that name that would change.
bool has_parameter(const Point& point, const std::string& path);

/// Parameters that tend to matter together: one after the other they are likely
/// to have no effect all at once (soc.costs.driver.hal_*), so that one run
/// tells for all.
std::string family_of(const std::string& path);

}  // namespace cesasim::study
