#include "study/metrics.h"

#include "hw_model/cpu/activity.h"

namespace cesasim::study {
namespace {

std::vector<Metric> make_metrics() {
  using enum Metric::Better;
  std::vector<Metric> out = {
      {"sim_seconds", "s", "simulated time from the first request to the end of the last", lower},
      {"host_seconds", "s", "time the simulation itself took", lower},
      {"requests", "requests", "bios served", neither},
      {"requests.offered", "rows", "rows of the trace; offered = served + rejected + skipped",
       neither},
      {"requests.served", "rows", "rows all of whose bios ended", neither},
      {"requests.rejected", "rows", "rows refused (out of the device's range)", lower},
      {"requests.skipped", "rows", "rows that the path does not know (discards)", neither},
      {"bytes", "bytes", "read and written", neither},
      {"throughput_mb_s", "MB/s", "bytes per simulated second (10^6)", higher},
      {"latency_us.mean", "us", "bio latency, mean", lower},
      {"latency_us.p50", "us", "bio latency, median", lower},
      {"latency_us.p95", "us", "bio latency, 95th percentile", lower},
      {"latency_us.p99", "us", "bio latency, 99th percentile", lower},
      {"latency_us.max", "us", "bio latency, longest", lower},
      {"cpu.utilization", "1", "share of the cores' time that is not idle", lower},
  };
  for (const char* activity : hw::kActivityNames) {
    out.push_back({std::string("cpu.share.") + activity, "1",
                   std::string("share of the cores' time spent on: ") + activity, neither});
  }
  const std::vector<Metric> rest = {
      {"cpu.cycles_per_byte", "cycles/byte", "busy cycles of all cores per byte", lower},
      {"engine.utilization", "1", "share of time the engines were busy", neither},
      {"engine.operations", "operations", "accelerator runs", neither},
      {"engine.bytes", "bytes", "ciphered by the engines", neither},
      {"disk.utilization", "1", "share of time the disk was busy", neither},
      {"disk.queue_depth_mean", "requests", "requests at the disk and in its queue, mean", neither},
      {"bytes_copied", "bytes", "moved by memcpy", lower},
      {"interrupts", "interrupts", "device interrupts taken (kernel timers apart)", lower},
      {"context_switches", "switches", "from one thread to another", lower},
      {"crypto_requests", "requests", "requests given to OCF", neither},
      {"crypto_restarts", "requests", "times a driver's queue was full (ERESTART)", lower},
      {"in_flight_mean", "requests", "bios outstanding, mean over time", neither},
      {"dram.bytes", "bytes", "moved by the memory for all masters", lower},
  };
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

}  // namespace

const std::vector<Metric>& metrics() {
  static const std::vector<Metric> table = make_metrics();
  return table;
}

const Metric* find_metric(const std::string& name) {
  for (const Metric& metric : metrics()) {
    if (metric.name == name) return &metric;
  }
  return nullptr;
}

std::vector<std::string> metric_names() {
  std::vector<std::string> out;
  for (const Metric& metric : metrics()) out.push_back(metric.name);
  return out;
}

}  // namespace cesasim::study
