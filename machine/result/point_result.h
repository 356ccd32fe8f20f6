// SPDX-License-Identifier: Apache-2.0
// What a point leaves behind, and how it is written down.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text/json.h"

namespace cesasim {

using MetricList = std::vector<std::pair<std::string, double>>;

/// nullopt if the list has no such metric.
std::optional<double> find_value(const MetricList& list, const std::string& name);

struct PhaseResult {
  std::string name;
  MetricList metrics;
};

enum class Status {
  ok,
  failed,  ///< did not run to its end
  broken,  ///< ran, but broke a guarantee about the data
};
const char* status_name(Status status);

/// What became of one rule of `faults`.
struct FaultResult {
  std::string name;
  std::string kind;
  std::uint64_t opportunities = 0;  ///< in the rule's window and range
  std::uint64_t fired = 0;
  /// Of allocations that failed: whose, by name, and how many.
  std::vector<std::pair<std::string, std::uint64_t>> hit = {};
};
/// "the page cache 3, dm-crypt's bounce pages 5"; empty for faults of another kind.
std::string hit_text(const FaultResult& fault);

struct PointResult {
  Json axes = Json::object();
  Status status = Status::ok;
  std::string error;  ///< why it is not ok
  MetricList metrics;
  std::vector<PhaseResult> phases;
  std::vector<std::pair<std::string, std::uint64_t>> integrity;
  std::vector<FaultResult> faults;
  std::vector<std::string> broken_guarantees;  ///< in words, with how often and where first
  std::vector<std::string> dma_hazards;        ///< the first ones, in words
  std::vector<std::string> notes;  ///< what one should know of it, though nothing went wrong
  /// How the run went over time and how its latencies are spread (docs/observe.md); null where
  /// nobody recorded it.
  Json series;
  Json latency_histogram;
  Json config;

  /// Nobody is to mind that it is broken (on_broken: report).
  bool broken_is_tolerated() const;
  const PhaseResult* find_phase(const std::string& name) const;
};

Json to_json(const PointResult& result);
/// Errors: std::runtime_error naming what is wrong.
PointResult point_from_json(const Json& json);

/// A count of `integrity`.
struct IntegrityCounter {
  const char* name;
  const char* doc;
  bool is_fault;  ///< zero in a clean run
};
/// All there are.
const std::vector<IntegrityCounter>& integrity_counters();
/// The names of those that are zero in a clean run.
const std::vector<std::string>& fault_counters();
/// Adds a count to `result`. Throws std::logic_error for a name that is not in the table.
void count_integrity(PointResult& result, const char* name, std::uint64_t count);
/// Turns an ok point with a fault counter above zero into a broken one.
void check_integrity(PointResult& result);

}  // namespace cesasim
