// The whole machine of one scenario: built, run to the end of its workload, measured.
#pragma once

#include <functional>

#include "study/config/scenario.h"
#include "study/result.h"

namespace cesasim::hw {
class Soc;
}
namespace cesasim::kernel {
class Kernel;
}

namespace cesasim::study {

/// How far a run is.
struct Progress {
  double sim_seconds = 0;
  double fraction = 0;  ///< of the workload, 0..1
};
/// Called now and then while a point runs; cheap, may be called often.
using ProgressFn = std::function<void(const Progress&)>;

/// Called once, with the machine built and not yet started: may add devices and threads.
using MachineHook = std::function<void(hw::Soc& soc, kernel::Kernel& kernel)>;

/// Simulates one point: fills status, error, metrics, phases and integrity (axes and config are
/// the caller's). One call per process, because SystemC elaborates once.
PointResult run_point(const Scenario& scenario, const ProgressFn& progress,
                      const MachineHook& on_built = nullptr);

}  // namespace cesasim::study
