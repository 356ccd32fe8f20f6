// SPDX-License-Identifier: Apache-2.0
// The metrics that a run reports: one table for those who emit them, the printed table, the
// listing and the expectations.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/text/latency_histogram.h"
#include "machine/result/point_result.h"

namespace cesasim {

struct Metric {
  std::string name;
  std::string unit;
  std::string doc;
  enum class Better { lower, higher, neither } better;
  /// What emits it, for the whole point and, where `in_phases`, for each phase of its trace.
  enum class Emitter {
    run,        ///< every run
    replay,     ///< the replay of a trace
    bench,      ///< the workload `bench`
    machine,    ///< the counters of hardware and kernel
    driver,     ///< the counters of the crypto driver, its framework and dm-crypt
    integrity,  ///< the verdicts on the requests of a trace
  } emitter;
  bool in_phases = false;
};

/// All metrics, in the order in which they are shown.
const std::vector<Metric>& metrics();
/// nullptr if there is none of that name.
const Metric* find_metric(const std::string& name);
std::vector<std::string> metric_names();

/// Adds a value to `list`. Throws std::logic_error for a name that is not in the table.
void emit(MetricList& list, const std::string& name, double value);
/// Adds mean, percentiles and maximum of `latency` (ps) under PREFIX.mean and so on.
void emit_latency(MetricList& list, const std::string& prefix, const LatencyHistogram& latency);

/// What a request waits for: the NAMEs of stage_us.NAME.
enum class Wait : std::size_t {
  submitter,
  dm,
  crypto_queue,
  engine,
  cipher,
  interrupt,
  callback,
  disk_queue,
  disk,
  end,
  count
};
inline constexpr std::size_t kWaits = static_cast<std::size_t>(Wait::count);
const char* wait_name(Wait wait);

/// Who uses the processors: the NAMEs of cpu.thread.NAME.
enum class ThreadGroup : std::size_t {
  application,
  pdflush,
  kcryptd,
  dmcrypt_write,
  crypto,
  crypto_ret,
  driver,
  irq,
  other,
  count
};
inline constexpr std::size_t kThreadGroups = static_cast<std::size_t>(ThreadGroup::count);
const char* thread_group_name(ThreadGroup group);
/// Of a thread of the modelled kernel, by its name.
ThreadGroup thread_group(const std::string& thread);

}  // namespace cesasim
