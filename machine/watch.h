// SPDX-License-Identifier: Apache-2.0
// Runs a simulation to the end of its workload, or until it is clear that there is none.
#pragma once

#include <cstdint>
#include <functional>
#include <systemc>

namespace cesasim {

/// A workload as its watch sees it, between two slices of simulated time.
struct WatchedRun {
  std::function<bool()> done;
  /// Requests (or any other measure of work) completed so far.
  std::function<std::uint64_t()> completed;
  /// Whether somebody waits for a request. Where nobody does, silence is no hang: the workload
  /// takes its time.
  std::function<bool()> waiting;
  /// The longest that the simulation may run until the next look.
  std::function<sc_core::sc_time()> slice;
  /// Optional: called after each slice.
  std::function<void()> after_slice;
};

/// Runs until `done`: true. Stops when no request has completed for 300 simulated seconds in which
/// somebody waited for one, or when nothing is left that could ever happen: false. 300 s is well
/// above the 30 s that a writer of ocf-v3 waits for lost callbacks.
bool watch_run(const WatchedRun& run);

}  // namespace cesasim
