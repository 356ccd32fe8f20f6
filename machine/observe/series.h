// SPDX-License-Identifier: Apache-2.0
// How a run went over time: the point's `series` in results.json.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/text/latency_histogram.h"
#include "machine/assembly.h"
#include "machine/observe/time_bins.h"
#include "scenario/tree.h"
#include "traces/replay/replay.h"

namespace cesasim {

/// Watches a run from outside: requests by the replay's callbacks, everything else by looking at
/// the machine's counters between two calls of sc_start. No simulated event is added.
class SeriesRecorder {
 public:
  explicit SeriesRecorder(Assembly& at);

  /// How long the simulation may go on until the next sample(): to the end of a bin.
  Ps until_sample() const;
  /// Books what the machine did since the last call.
  void sample();

  void request_ended(const traces::RequestLog& log);
  /// For requests that never end, once, at the end of the run.
  void request_lost(const traces::RequestLog& log);
  void phase(std::uint32_t index, bool entered, Ps at);

  /// `phase_name` by the index given to phase().
  Json to_json(const std::function<std::string(std::uint32_t)>& phase_name) const;
  const TimeBins& bins() const { return bins_; }

 private:
  enum Track : std::size_t {
    kRead,
    kWrite,
    kInFlight,
    kDiskQueue,
    kDiskBusy,
    kCpuBusy,
    kEngineBusy,  // of the CESA, or the three stages of the ring's engines
    kTracks = kEngineBusy + 3
  };
  struct Stretch {
    std::uint32_t phase;
    Ps from, to;
  };

  void advance(std::size_t track, double value);
  Json json_of(std::size_t track, double unit) const;

  Assembly& at_;
  bool ring_;
  unsigned engines_;
  TimeBins bins_;
  Ps sampled_ = 0;
  std::array<double, kTracks> seen_{};  // counters at the last sample
  std::vector<Stretch> phases_;
};

/// [[upper_us, count], ...] of the buckets that are not empty, eight a power of two.
Json histogram_json(const LatencyHistogram& latency);

}  // namespace cesasim
