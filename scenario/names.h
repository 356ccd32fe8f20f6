// SPDX-License-Identifier: Apache-2.0
// The names that choose a part: data paths, drivers, kinds of fault.
#pragma once

#include <string>
#include <vector>

#include "dmcrypt_model/path_info.h"

namespace cesasim {

/// A name and what it stands for, for `cesasim list`.
struct Named {
  std::string name;
  std::string doc;
};
std::vector<Named> path_list();
std::vector<Named> driver_list();
std::vector<Named> fault_list();

/// The path of that name. Errors: std::invalid_argument.
const dmcrypt::PathInfo& path_info(const std::string& name);

}  // namespace cesasim
