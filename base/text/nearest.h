// SPDX-License-Identifier: Apache-2.0
// "Did you mean ...?" for every name a user can mistype.
#pragma once

#include <string>
#include <vector>

namespace cesasim {

/// Edit distance (insert, delete, replace, swap of neighbours: one each).
std::size_t edit_distance(const std::string& a, const std::string& b);

/// The candidate nearest to `name`, or "" if none is near enough to be a likely slip.
std::string nearest(const std::string& name, const std::vector<std::string>& candidates);

/// ", did you mean 'NEAREST'?", or "" if none is near enough.
std::string did_you_mean(const std::string& name, const std::vector<std::string>& candidates);

/// "a, b, c", cut after `limit` names with "... (N more)".
std::string join_names(const std::vector<std::string>& names, std::size_t limit = 16);

}  // namespace cesasim
