// SPDX-License-Identifier: Apache-2.0
// What a machine has done so far, and the metrics made of it.
#pragma once

#include <array>
#include <cstdint>

#include "hw_model/common/units.h"
#include "hw_model/cpu/activity.h"
#include "machine/assembly.h"
#include "machine/result/metrics.h"

namespace cesasim {

using hw::Ps;

/// What a run has cost so far; differences between two instants are what a phase has cost.
struct Counters {
  Ps time = 0;
  std::array<Ps, hw::kActivities> activity{};  // all cores; idle measured on the clock
  std::array<Ps, kThreadGroups> thread{};      // all cores
  std::uint64_t interrupts = 0;
  std::uint64_t context_switches = 0;
  std::uint64_t bytes_copied = 0;
  std::uint64_t dram_bytes = 0;
  std::uint64_t engine_operations = 0;
  std::uint64_t engine_bytes = 0;
  Ps engine_busy = 0;             // of the CESA's engines
  std::array<Ps, 3> ring_busy{};  // of the ring's engines: reading, ciphering, writing
  Ps disk_busy = 0;
  double disk_depth_ps = 0;
  std::uint64_t crypto_requests = 0;
  std::uint64_t crypto_restarts = 0;

  /// Adds what happened between `from` and `to`.
  void add(const Counters& to, const Counters& from) {
    time += to.time - from.time;
    for (std::size_t a = 0; a < activity.size(); ++a) {
      activity[a] += to.activity[a] - from.activity[a];
    }
    for (std::size_t g = 0; g < thread.size(); ++g) thread[g] += to.thread[g] - from.thread[g];
    interrupts += to.interrupts - from.interrupts;
    context_switches += to.context_switches - from.context_switches;
    bytes_copied += to.bytes_copied - from.bytes_copied;
    dram_bytes += to.dram_bytes - from.dram_bytes;
    engine_operations += to.engine_operations - from.engine_operations;
    engine_bytes += to.engine_bytes - from.engine_bytes;
    engine_busy += to.engine_busy - from.engine_busy;
    for (std::size_t i = 0; i < ring_busy.size(); ++i) {
      ring_busy[i] += to.ring_busy[i] - from.ring_busy[i];
    }
    disk_busy += to.disk_busy - from.disk_busy;
    disk_depth_ps += to.disk_depth_ps - from.disk_depth_ps;
    crypto_requests += to.crypto_requests - from.crypto_requests;
    crypto_restarts += to.crypto_restarts - from.crypto_restarts;
  }
};

/// Kernel::sync_now() first, where the cores' shares matter.
Counters read_counters(Assembly& at);

/// What drivers did wrong to the hardware, and what they asked of it that is not modelled.
struct DeviceErrors {
  std::uint64_t guest_errors = 0;
  std::uint64_t unimplemented = 0;
};
DeviceErrors device_errors(Assembly& at);

/// What the hardware and the kernel did in the time that `c` covers, in which `bytes` were asked
/// for.
void add_machine_metrics(MetricList& m, Assembly& at, const Counters& c, std::uint64_t bytes);

/// Of the whole run: a driver's and the framework's counters.
void add_driver_metrics(MetricList& m, Assembly& at);

}  // namespace cesasim
