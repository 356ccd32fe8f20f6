// SPDX-License-Identifier: Apache-2.0
// What a replay measures: rows, bios, latencies and requests in flight, by phase.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/text/latency_histogram.h"
#include "kernel_model/bio.h"
#include "traces/replay/replay_events.h"

namespace cesasim::traces {

/// What the bios of one direction (or flushes) did.
struct OpMetrics {
  std::uint64_t bios = 0;
  std::uint64_t bytes = 0;
  std::uint64_t errors = 0;  ///< bios that ended with an error
  LatencyHistogram latency;  ///< ps to the end, from submission or, in open replay, from arrival

  void merge(const OpMetrics& other);
};

/// A phase or the whole run. rows == served + skipped + rejected + unfinished.
struct ReplayMetrics {
  std::string name;
  std::uint64_t rows = 0;             ///< records offered by the trace
  std::uint64_t served = 0;           ///< records all of whose bios ended (errors included)
  std::uint64_t skipped = 0;          ///< discards, and records of phases not asked for
  std::uint64_t rejected = 0;         ///< the record beyond the device's end that stopped the run
  std::uint64_t unfinished = 0;       ///< handed over and not ended: 0 in a healthy run
  std::array<OpMetrics, 3> ops;       ///< index: kernel::BioOp
  std::uint64_t lost = 0;             ///< bios that were submitted and never ended
  std::uint64_t fua_or_preflush = 0;  ///< writes whose FUA or preflush flag was not carried
  Ps started = 0;                     ///< first record taken up
  Ps ended = 0;                       ///< last record done
  /// Simulated time in the phase: sum over its stretches between barriers.
  Ps duration = 0;
  /// Integral of outstanding bios over time, in bio picoseconds.
  double in_flight_ps = 0;
  /// Open replay: waits for the submitter, from arrival to submission, summed over bios that ended.
  double submitter_wait_ps = 0;

  OpMetrics& of(kernel::BioOp op) { return ops[static_cast<std::size_t>(op)]; }
  const OpMetrics& of(kernel::BioOp op) const { return ops[static_cast<std::size_t>(op)]; }
  std::uint64_t bios() const { return ops[0].bios + ops[1].bios + ops[2].bios; }
  std::uint64_t bytes() const { return ops[0].bytes + ops[1].bytes + ops[2].bytes; }
  std::uint64_t errors() const { return ops[0].errors + ops[1].errors + ops[2].errors; }
  /// All operations together.
  LatencyHistogram latency() const;
  double in_flight_mean() const {
    return duration == 0 ? 0 : in_flight_ps / static_cast<double>(duration);
  }
};

/// Makes the metrics out of a replay's events.
class ReplayMeter final : public ReplayListener {
 public:
  /// `open_loop`: a phase lasts from its first record to the end of its last one, because without
  /// barriers the phases overlap.
  explicit ReplayMeter(bool open_loop) : open_loop_(open_loop) {}

  void row(RowEvent event, const TraceRecord& record, Ps now) override;
  void submitted(const RequestLog& log, BioPages pages) override;
  void completed(RequestLog& log, BioPages pages) override;
  void completed_again(const RequestLog&) override { ++double_ended_; }
  void phase(std::uint32_t index, bool entered, Ps now) override;

  /// Of each phase so far, without their names.
  std::vector<ReplayMetrics> phases() const;
  /// The sum of `phases`.
  static ReplayMetrics total(const std::vector<ReplayMetrics>& phases);
  std::uint64_t double_ended() const { return double_ended_; }

 private:
  struct Phase {
    ReplayMetrics metrics;
    Ps entered = 0;
    std::uint64_t in_flight = 0;
    Ps in_flight_since = 0;
  };
  static void count_in_flight(Phase& phase, int change, Ps now);

  bool open_loop_;
  std::vector<Phase> phases_;
  std::uint64_t double_ended_ = 0;
};

}  // namespace cesasim::traces
