// What the stock driver offers on each SoC, and which of its self tests are known to fail through
// faults of the driver. The model does not mend them.
#pragma once

#include <string>
#include <vector>

#include "hw_model/cesa/params.h"

namespace cesasim::cosim {

struct ExpectedAlgorithm {
  std::string driver;
  std::string known_fault;  ///< why its self test fails on right hardware; empty: it passes
};

/// In the order in which the driver registers them. `randomized`: with the kernel's randomized
/// tests.
std::vector<ExpectedAlgorithm> expected_algorithms(const hw::CesaParams& params, bool randomized);

/// Why the guest's check `name` fails on right hardware; empty if it passes.
std::string known_fault_of_check(const hw::CesaParams& params, const std::string& name);

/// The patch of cosim/kernel/mends (without its ".patch") that mends a known fault; empty if there
/// is none.
std::string mend_of(const std::string& known_fault);

/// What the steps "users" and "unload" of cosim/guest/init report on a guest that lives, whatever
/// the driver makes of it.
std::vector<std::string> load_checks();

}  // namespace cesasim::cosim
