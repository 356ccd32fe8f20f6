// SPDX-License-Identifier: Apache-2.0
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
  std::vector<std::string> command;    ///< for the step "command"
  std::filesystem::path host_folder;   ///< the guest sees it as /host; empty: none
  std::chrono::seconds wall_limit{0};  ///< of host time for the boot; 0: none
  /// Sampled host time in which neither guest nor device does anything, or the device sleeps over
  /// a message; and processor time of a guest without device. A device works on a message for
  /// microseconds.
  std::chrono::seconds silence_limit{20};
  /// Processor time that guest and device may use while simulated time stands still.
  std::chrono::seconds computing_limit{600};
  unsigned memory_mib = 256;
  /// Gets what the user's command prints, as it comes.
  std::function<void(const std::string&)> on_output;
};

/// How a boot ended.
enum class GuestEnd {
  planned,          ///< as it should
  failed,           ///< it said itself that nothing could be tested
  panic,            ///< its kernel gave up
  early,            ///< it ended without a word
  never_up,         ///< as panic or early, before its first process ran
  protocol,         ///< it broke the device's protocol
  simulated_limit,  ///< simulated time is over
  device_error,     ///< the device ended with a message: a fault of the model
  device_died,      ///< the device's process is gone
  device_silent,    ///< the device does not respond to a message
  orphan,           ///< the guest lives on without its device
  silent,           ///< neither of the two does anything
  spins,            ///< they compute without getting on
  wall_limit,
};

struct GuestOutcome {
  bool ok = false;  ///< the guest came to its planned end, with the device alive
  GuestEnd end = GuestEnd::early;
  std::string failure;    ///< why not
  bool injected = false;  ///< the fault asked for has happened
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
