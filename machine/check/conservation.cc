// SPDX-License-Identifier: Apache-2.0
#include "machine/check/conservation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cesasim {
namespace {

/// Most time that a core may have been charged for and not yet waited for when a run ends.
constexpr Ps kMaxDebt = 100 * hw::kPsPerMs;

}  // namespace

std::string broken_law(Assembly& at, bool own_driver, const Counters& c,
                       const traces::ReplayReport& r, Ps stages) {
  for (unsigned i = 0; i < at.soc.cores(); ++i) {
    const auto t = at.kernel.core_time(i);
    if (t.busy + t.idle != c.time) {
      return fmt::format("core {}: busy {} ps + idle {} ps is not the elapsed {} ps", i, t.busy,
                         t.idle, c.time);
    }
    Ps charged = 0;
    for (std::size_t a = 0; a < hw::kActivities; ++a) {
      charged += at.soc.core(i).accounted(static_cast<hw::Activity>(a));
    }
    // What was charged has been waited for, but for a request's worth at the end of the run.
    if (charged < t.busy || charged - t.busy > kMaxDebt) {
      return fmt::format("core {}: busy {} ps, charged {} ps", i, t.busy, charged);
    }
  }
  const traces::ReplayMetrics& total = r.total;
  if (total.rows != total.served + total.skipped + total.rejected) {
    return fmt::format("rows: {} offered, {} served, {} skipped, {} rejected", total.rows,
                       total.served, total.skipped, total.rejected);
  }
  // Latency counts from the arrival, in flight is what is submitted.
  const double in_flight = r.total.in_flight_ps + r.total.submitter_wait_ps;
  const auto latency = r.total.latency();
  const double latencies = latency.mean() * static_cast<double>(latency.count());
  if (std::abs(in_flight - latencies) > 1e-6 * std::max(in_flight, latencies) + 1) {
    return fmt::format(
        "Little's law: requests waiting and in flight over time {:.6g} ps, sum of latencies {:.6g} "
        "ps",
        in_flight, latencies);
  }
  const auto in_stages = static_cast<double>(stages);
  if (std::abs(in_stages - latencies) > 1e-6 * latencies + 1) {
    return fmt::format("stages: requests spent {:.6g} ps in them, sum of latencies {:.6g} ps",
                       in_stages, latencies);
  }
  const hw::DiskStats disk = at.soc.disk().stats();
  const auto& read = r.total.of(kernel::BioOp::read);
  const auto& write = r.total.of(kernel::BioOp::write);
  if (r.total.errors() == 0 && at.faults.empty() &&
      (disk.bytes_read != read.bytes || disk.bytes_written != write.bytes)) {
    return fmt::format("bytes: {} read and {} written by requests, {} and {} by the disk",
                       read.bytes, write.bytes, disk.bytes_read, disk.bytes_written);
  }
  // Where something was repeated or given up the engines' share is not the requests'.
  if (at.driver && !own_driver && at.driver->name() != std::string("cryptosoft") &&
      at.faults.empty() && r.total.errors() == 0) {
    const bool passed_over = at.api && at.api->stats().passed_over != 0;
    const std::uint64_t expected = passed_over ? 0 : read.bytes + write.bytes;
    if (c.engine_bytes != expected) {
      return fmt::format("bytes: {} in requests, {} through the engines", expected, c.engine_bytes);
    }
  }
  const Ps ring_busiest = *std::max_element(c.ring_busy.begin(), c.ring_busy.end());
  if (c.engine_busy > c.time * at.soc.cesa().engines() ||
      ring_busiest > c.time * at.soc.ring().core().engines() || c.disk_busy > c.time) {
    return "an engine or the disk was busy for longer than the run took";
  }
  return "";
}

}  // namespace cesasim
