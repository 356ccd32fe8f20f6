// SPDX-License-Identifier: Apache-2.0
// The way of one request through the machine: when it passed which stage.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "hw_model/common/units.h"
#include "traces/replay/replay.h"

namespace cesasim {

using hw::Ps;

/// Stages, in the order of a write through a hardware driver; what each means on every path stands
/// in docs/observe.md. A stage that a request passes several times (once a sector, say) counts the
/// last time, unless its name says first.
enum class Stage : std::size_t {
  arrived,
  submitted,
  mapped,
  dispatched_first,
  dispatched_last,
  engine_start,
  cipher_done,
  interrupt,
  callback,
  disk_submitted,
  disk_started,
  on_disk,
  ended,
  count
};

inline constexpr std::array<const char*, static_cast<std::size_t>(Stage::count)> kStageNames = {
    "arrived",      "submitted",   "mapped",    "dispatched_first", "dispatched_last",
    "engine_start", "cipher_done", "interrupt", "callback",         "disk_submitted",
    "disk_started", "on_disk",     "ended"};

struct RequestTrace {
  static constexpr Ps kNever = ~Ps{0};

  traces::RequestLog log;
  std::array<Ps, static_cast<std::size_t>(Stage::count)> times;
  bool in_map = false;
  bool has_ended = false;
  /// The interrupt lines of the units that work on it, and when its last operation there ends.
  struct Line {
    int irq;
    Ps operation_end;
  };
  std::vector<Line> lines;

  explicit RequestTrace(const traces::RequestLog& request) : log(request) {
    times.fill(kNever);
    at(Stage::arrived) = request.arrived;
    at(Stage::submitted) = request.submitted;
  }
  Ps& at(Stage stage) { return times[static_cast<std::size_t>(stage)]; }
  Ps at(Stage stage) const { return times[static_cast<std::size_t>(stage)]; }
  bool passed(Stage stage) const { return at(stage) != kNever; }
  /// The last time counts.
  void last(Stage stage, Ps time) {
    if (!passed(stage) || time > at(stage)) at(stage) = time;
  }
  void first(Stage stage, Ps time) {
    if (time < at(stage)) at(stage) = time;
  }
};

}  // namespace cesasim
