// Boots the guest on the simulated device and watches both to their end.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cosim/device/device_process.h"
#include "cosim/host/guest_report.h"
#include "cosim/host/kernel.h"

namespace cesasim::cosim {

struct GuestOptions {
  std::vector<std::string> steps;       ///< of cosim/guest/init
  std::vector<std::string> algorithms;  ///< drivers to report on
  std::vector<std::string> kernel_arguments;
  unsigned concurrency_seconds = 60;
  std::vector<std::string> command;   ///< for the step "command"
  std::filesystem::path host_folder;  ///< the guest sees it as /host; empty: none
  std::chrono::seconds wall_limit{600};
  /// Of the host's processor, after which the guest is ended: a kernel that goes round in a circle
  /// never waits, so no simulated time passes. 0: none. Unlike time on the wall it does not depend
  /// on what else the host does.
  std::chrono::seconds processor_limit{0};
  unsigned memory_mib = 256;
  /// Gets what the user's command prints, as it comes.
  std::function<void(const std::string&)> on_output;
};

struct GuestOutcome {
  bool ok = false;      ///< the guest came to its planned end, with the device alive
  std::string failure;  ///< why not
  GuestReport report;
  std::string console;  ///< the kernel's log
  DeviceStatus::Summary device;
  double wall_seconds = 0;
};

/// The device-tree compatible that the driver finds on a SoC with this unit, "none" for Orion.
std::string compatible_of(const hw::CesaParams& params);

/// One boot. Throws UsageError for a missing tool, Interrupted.
GuestOutcome boot_guest(const Kernel& kernel, const DeviceOptions& device,
                        const std::filesystem::path& home, const GuestOptions& options);

}  // namespace cesasim::cosim
