// SPDX-License-Identifier: Apache-2.0
// What may be asked of the run of one point beside its scenario.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "machine/observe/options.h"

namespace cesasim::hw {
class Soc;
}
namespace cesasim::kernel {
class Kernel;
}
namespace cesasim::driver {
class CryptoCore;
class CryptoDriver;
}  // namespace cesasim::driver

namespace cesasim {

struct DriverSite;

/// How far a run is.
struct Progress {
  double sim_seconds = 0;
  double fraction = 0;  ///< of the workload, 0..1
};
/// Called now and then while a point runs; cheap, may be called often.
using ProgressFn = std::function<void(const Progress&)>;

/// Called once, with the machine built and not yet started: may add devices and threads.
using MachineHook = std::function<void(hw::Soc& soc, kernel::Kernel& kernel)>;

/// Where the signals of the crypto unit go, as VCD (for GTKWave), and for which part of the run.
struct VcdWindow {
  std::string file;  ///< empty: nowhere
  double from = 0;   ///< simulated seconds
  double to = std::numeric_limits<double>::infinity();
};

/// The name by which SystemC opens the recorder's pipe, while the recording goes on.
inline std::string vcd_link(const std::string& file) { return file + ".part.vcd"; }

/// Makes a crypto driver, with the device that it drives, and registers it with `core`.
using CryptoDriverHook = std::function<std::unique_ptr<driver::CryptoDriver>(
    driver::CryptoCore& core, const DriverSite& site)>;

struct PointOptions {
  ProgressFn progress;
  MachineHook on_built;
  /// A driver of your own in the place of the scenario's (see docs/examples/own_accelerator).
  CryptoDriverHook own_driver;
  VcdWindow vcd;
  /// The disk's content after the run, as a file with holes where nothing was written; empty: none.
  std::string export_image;
  ObserveOptions observe;
  /// Watches every socket for breaches of the TLM base protocol; one makes the point broken.
  bool checkers = false;
};

}  // namespace cesasim
