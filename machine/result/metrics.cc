#include "machine/result/metrics.h"

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
      {"engine.utilization", "1",
       "share of time the engines were busy (cesa_ring: the busiest of their stages)", neither},
      {"engine.operations", "operations",
       "accelerator runs (cesa_ring: pieces of at most an SRAM buffer)", neither},
      {"engine.bytes", "bytes", "ciphered by the engines", neither},
      {"disk.utilization", "1", "share of time the disk was busy", neither},
      {"disk.queue_depth_mean", "requests", "requests at the disk and in its queue, mean", neither},
      {"bytes_copied", "bytes", "moved by memcpy", lower},
      {"interrupts", "interrupts", "device interrupts taken (kernel timers apart)", lower},
      {"context_switches", "switches", "from one thread to another", lower},
      {"crypto_requests", "requests", "requests given to OCF", neither},
      {"crypto_restarts", "requests", "times a driver's queue was full (ERESTART)", lower},
      {"driver.requests", "requests", "taken by the crypto driver", neither},
      {"driver.failed", "requests", "that the driver ended with an error", lower},
      {"driver.restarts", "requests", "answered with ERESTART: no room", lower},
      {"driver.launches", "launches", "chains, fragments or doorbells given to the device",
       neither},
      {"driver.interrupts", "interrupts", "of the crypto device, as its driver counts them", lower},
      {"driver.polls", "looks", "of the driver at the device without an interrupt", neither},
      {"driver.max_queue", "requests", "most in the driver at once", neither},
      {"driver.watchdog_recoveries", "times", "resets and lost interrupts made good", lower},
      {"ocf.cs_ops", "requests", "given to OCF (struct cryptostats, as the following)", neither},
      {"ocf.cs_errs", "requests", "ended with an error", lower},
      {"ocf.cs_intrs", "requests", "ended by drivers", neither},
      {"ocf.cs_rets", "requests", "called back by the crypto_ret thread", neither},
      {"ocf.cs_blocks", "requests", "put back because the driver had no room", lower},
      {"ocf.cs_drops", "requests", "refused by the limit of the core", lower},
      {"ocf.lost", "requests", "refused inside the crypto thread and dropped", lower},
      {"ocf.migrated", "requests", "answered EAGAIN because the driver had gone", lower},
      {"ocf.self_deadlocks", "times", "that the queue's lock was taken by its holder", lower},
      {"skcipher.requests", "requests", "given to a driver through the kernel's API", neither},
      {"skcipher.synchronous", "requests", "done by the kernel's own cipher", neither},
      {"skcipher.backlogged", "requests", "that waited in the API's backlog", lower},
      {"skcipher.errors", "requests", "that the API ended with an error", lower},
      {"dmcrypt.clones", "bios", "to the disk", neither},
      {"dmcrypt.partial_clones", "bios", "writes cut for want of pages", lower},
      {"dmcrypt.max_parallel_writes", "bios", "most writes being encrypted at once", neither},
      {"dmcrypt.max_in_flight", "sectors", "most inside the crypto layer at once", neither},
      {"dmcrypt.retries", "sectors", "posted again after a refusal", lower},
      {"dmcrypt.waits", "times", "that the path slept for room below or for memory", lower},
      {"dmcrypt.migrations", "times", "that a session moved to another driver", lower},
      {"dmcrypt.convert_errors", "times", "that a conversion failed, as the path noticed", lower},
      {"dmcrypt.failed_sectors", "sectors", "whose error the bio carries", lower},
      {"dmcrypt.leaked_requests", "requests", "refused and never freed", lower},
      {"dmcrypt.freed_in_use", "structures", "freed under live requests", lower},
      {"dmcrypt.self_deadlocks", "times", "that a path waited for its own lock", lower},
      {"bench.user", "1", "benchmark: share of the cores' time in the program itself", neither},
      {"bench.system", "1", "benchmark: share of the cores' time in the kernel", neither},
      {"bench.copied_bytes", "bytes", "benchmark: copied by the interface", lower},
      {"faults.fired", "faults", "that happened on purpose", neither},
      {"verdict.right", "requests", "that ended and did what they said", higher},
      {"verdict.failed", "requests", "that failed and said so", lower},
      {"verdict.hung", "requests", "that took longer than verdict.hang_seconds", lower},
      {"verdict.lost", "requests", "that never ended", lower},
      {"verdict.ended_twice", "requests", "that ended twice", lower},
      {"verdict.wrong_on_disk", "requests", "writes that said success and are not on the disk",
       lower},
      {"verdict.wrong_data", "requests", "reads that said success and brought wrong data", lower},
      {"verdict.plaintext_on_disk", "requests", "writes whose plaintext reached the disk", lower},
      {"verdict.unattributed", "sectors", "wrong on the disk, and no request wrote them", lower},
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
