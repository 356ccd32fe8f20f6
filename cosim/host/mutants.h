// SPDX-License-Identifier: Apache-2.0
// How sharp a judge the load of `cosim selftest` is: bugs that drivers once had are put back into a
// copy of the stock driver, one at a time.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "cosim/host/kernel.h"
#include "cosim/host/selftest.h"

namespace cesasim::cosim {

struct MutantsOptions {
  KernelOptions kernel;
  /// The unit of a SoC preset; throws for one that does not exist.
  std::function<Board(const std::string& soc)> board;
  std::string only;                    ///< one mutant's name; empty: all
  std::chrono::seconds wall_limit{0};  ///< of host time for one boot; 0: none
  std::string junit_file;
};

/// Runs the load on each SoC over the mended driver, then over every mutant. A mutant is caught
/// if its changed code ran and a case fails that the mended driver passes. Prints one line per
/// mutant. Returns 0 if all are caught, 1 if one is missed or the mended driver fails a case, 3 if
/// the guest with the mended driver did not come to its end.
int run_mutants(const MutantsOptions& options);

}  // namespace cesasim::cosim
