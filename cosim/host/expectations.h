// SPDX-License-Identifier: Apache-2.0
// What the stock driver offers on each SoC, and which of its self tests are known to fail through
// faults of the driver. The model does not mend them.
#pragma once

#include <string>
#include <vector>

#include "cosim/host/kernel.h"
#include "hw_model/cesa/params.h"

namespace cesasim::cosim {

/// Kernels whose driver was looked at with these lists.
inline constexpr KernelVersion kKnownKernels[] = {{6, 1}, {6, 12}};

/// The known kernel whose lists are used for `version`: the newest that is not newer, else the
/// oldest.
KernelVersion lists_for(KernelVersion version);

/// A fault of the driver as it is seen on right hardware.
struct KnownFault {
  std::string what;  ///< empty: none
  std::string sign;  ///< part of the message with which a test fails through it
  std::string
      mend;  ///< the patch of cosim/kernel/mends, without its ".patch"; empty: there is none
};

struct ExpectedAlgorithm {
  std::string driver;
  KnownFault fault;  ///< why its self test fails; none: it passes
};

struct ExpectedCheck {
  std::string name;
  KnownFault fault;
};

/// In the order in which the driver registers them. `randomized`: with the kernel's randomized
/// tests.
std::vector<ExpectedAlgorithm> expected_algorithms(const hw::CesaParams& params,
                                                   KernelVersion version, bool randomized);

/// The guest's checks in these steps of cosim/guest/init, each of which must be reported. Throws
/// std::out_of_range for a step that is not known here.
std::vector<ExpectedCheck> expected_checks(const hw::CesaParams& params, KernelVersion version,
                                           const std::vector<std::string>& steps);

/// Faults with which a device of this unit ends the guest, as parse_injection() reads them. The
/// first occasions belong to the driver's start.
std::vector<std::string> faults_to_inject(const hw::CesaParams& params);

/// What hashes in parallel, as in the step "concurrency", do to the whole guest. Where it has a
/// fault the load is the step "writers", and the hashes have a boot of their own.
KnownFault fault_of_parallel_hashes(const hw::CesaParams& params, KernelVersion version);

}  // namespace cesasim::cosim
