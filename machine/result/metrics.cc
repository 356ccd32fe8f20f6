// SPDX-License-Identifier: Apache-2.0
#include "machine/result/metrics.h"

#include <stdexcept>
#include <unordered_map>

#include "hw_model/cpu/activity.h"

namespace cesasim {
namespace {

/// "p50" and so on: what a LatencyHistogram is reduced to.
struct LatencyStatistic {
  const char* name;
  const char* doc;
  double (*of)(const LatencyHistogram& latency);  // ps
};
template <int kPerMyriad>
double percentile(const LatencyHistogram& latency) {
  return static_cast<double>(latency.percentile(kPerMyriad / 100.0));
}
constexpr std::array<LatencyStatistic, 7> kLatencyStatistics = {{
    {"mean", "mean", [](const LatencyHistogram& l) { return l.mean(); }},
    {"p50", "median", percentile<5000>},
    {"p95", "95th percentile", percentile<9500>},
    {"p99", "99th percentile", percentile<9900>},
    {"p99.9", "99.9th percentile", percentile<9990>},
    {"p99.99", "99.99th percentile", percentile<9999>},
    {"max", "longest", [](const LatencyHistogram& l) { return static_cast<double>(l.max()); }},
}};

void add_latency(std::vector<Metric>& out, const std::string& prefix, const std::string& of,
                 Metric::Emitter emitter) {
  for (const LatencyStatistic& s : kLatencyStatistics) {
    out.push_back(
        {prefix + "." + s.name, "us", of + ", " + s.doc, Metric::Better::lower, emitter, true});
  }
}

struct Named {
  const char* name;
  const char* doc;
};
constexpr std::array<Named, kThreadGroups> kThreadGroupInfos = {{
    {"application", "the processes of the trace or the benchmark, in the kernel too"},
    {"pdflush", "the thread that submits write-back"},
    {"kcryptd", "dm-crypt's work queues"},
    {"dmcrypt_write", "dm-crypt's thread that submits writes (path modern)"},
    {"crypto", "OCF's thread that hands requests to the driver"},
    {"crypto_ret", "OCF's thread that calls back"},
    {"driver", "threads of the crypto driver"},
    {"irq", "interrupt handlers, softirqs and interrupt threads"},
    {"other", "idle threads on their way to another, and threads that are none of these"},
}};
const char* thread_group_doc(ThreadGroup group) {
  return kThreadGroupInfos.at(static_cast<std::size_t>(group)).doc;
}

constexpr std::array<Named, kWaits> kWaitInfos = {{
    {"submitter", "for its submitter, which is busy or asleep (open replay)"},
    {"dm", "in dm-crypt: mapping, pages, its work queues, handing on"},
    {"crypto_queue", "from the framework to the accelerator's first operation"},
    {"engine", "from the accelerator's first operation to the end of its last"},
    {"cipher", "for the processor's cipher (its work queue included, and another's turn)"},
    {"interrupt", "from the end of the last operation to its interrupt"},
    {"callback", "from the interrupt (or the cipher's end) to dm-crypt's callback"},
    {"disk_queue", "in the block layer's queue"},
    {"disk", "from the disk's first command to the end of its last"},
    {"end", "from the last of these to the end of the bio"},
}};

std::vector<Metric> make_metrics() {
  using enum Metric::Better;
  using enum Metric::Emitter;
  std::vector<Metric> out = {
      {"sim_seconds", "s", "simulated time from the first request to the end of the last", lower,
       run, true},
      {"host_seconds", "s", "time the simulation itself took", lower, run},
      {"requests", "requests", "bios served", neither, run, true},
      {"requests.offered", "rows", "rows of the trace; offered = served + rejected + skipped",
       neither, replay},
      {"requests.served", "rows", "rows all of whose bios ended", neither, replay},
      {"requests.rejected", "rows", "rows refused (out of the device's range)", lower, replay},
      {"requests.skipped", "rows", "rows that the path does not know (discards)", neither, replay},
      {"bytes", "bytes", "read and written", neither, run, true},
      {"throughput_mb_s", "MB/s", "bytes per simulated second (10^6)", higher, run, true},
  };
  add_latency(out, "latency_us", "bio latency", run);
  // A direction without requests has none of these.
  add_latency(out, "latency_us.read", "latency of reads", replay);
  add_latency(out, "latency_us.write", "latency of writes", replay);
  for (const char* direction : {"", "read.", "write."}) {
    for (const Named& wait : kWaitInfos) {
      const std::string of = *direction == 0     ? "mean time of a request "
                             : *direction == 'r' ? "mean time of a read "
                                                 : "mean time of a write ";
      out.push_back(
          {std::string("stage_us.") + direction + wait.name, "us", of + wait.doc, lower, replay});
    }
  }
  out.push_back(
      {"cpu.utilization", "1", "share of the cores' time that is not idle", lower, machine, true});
  for (const char* activity : hw::kActivityNames) {
    out.push_back({std::string("cpu.share.") + activity, "1",
                   std::string("share of the cores' time spent on: ") + activity, neither, machine,
                   true});
  }
  for (std::size_t i = 0; i < kThreadGroups; ++i) {
    const auto group = static_cast<ThreadGroup>(i);
    out.push_back({std::string("cpu.thread.") + thread_group_name(group), "1",
                   std::string("share of the cores' time used by ") + thread_group_doc(group),
                   neither, machine, true});
  }
  const std::vector<Metric> rest = {
      {"cpu.cycles_per_byte", "cycles/byte", "busy cycles of all cores per byte", lower, machine,
       true},
      {"engine.utilization", "1",
       "share of time the engines were busy (cesa_ring: the busiest of their stages)", neither,
       machine, true},
      {"engine.operations", "operations",
       "accelerator runs (cesa_ring: pieces of at most an SRAM buffer)", neither, machine, true},
      {"engine.bytes", "bytes", "ciphered by the engines", neither, machine, true},
      {"disk.utilization", "1", "share of time the disk was busy", neither, machine, true},
      {"disk.queue_depth_mean", "requests", "requests at the disk and in its queue, mean", neither,
       machine, true},
      {"bytes_copied", "bytes", "moved by memcpy", lower, machine, true},
      {"interrupts", "interrupts", "device interrupts taken (kernel timers apart)", lower, machine,
       true},
      {"context_switches", "switches", "from one thread to another", lower, machine, true},
      {"crypto_requests", "requests", "requests submitted to OCF", neither, machine, true},
      {"crypto_restarts", "requests", "times a driver's queue was full (ERESTART)", lower, machine,
       true},
      {"driver.requests", "requests", "taken by the crypto driver", neither, driver},
      {"driver.failed", "requests", "that the driver ended with an error", lower, driver},
      {"driver.restarts", "requests", "refused with ERESTART: no room", lower, driver},
      {"driver.launches", "launches", "chains, fragments or doorbells handed to the device",
       neither, driver},
      {"driver.interrupts", "interrupts", "of the crypto device, as its driver counts them", lower,
       driver},
      {"driver.polls", "polls", "of the device by the driver, without an interrupt", neither,
       driver},
      {"driver.max_queue", "requests", "most in the driver at once", neither, driver},
      {"driver.watchdog_recoveries", "times",
       "resets, and lost interrupts that were recovered from", lower, driver},
      {"ocf.cs_ops", "requests", "submitted to OCF (struct cryptostats, as the following)", neither,
       driver},
      {"ocf.cs_errs", "requests", "ended with an error", lower, driver},
      {"ocf.cs_intrs", "activations", "times that the crypto thread was woken", neither, driver},
      {"ocf.cs_rets", "activations", "times that the crypto_ret thread was woken", neither, driver},
      {"ocf.cs_blocks", "requests", "put back because the driver had no room", lower, driver},
      {"ocf.cs_drops", "requests", "refused by the limit of the core", lower, driver},
      {"ocf.lost", "requests", "refused inside the crypto thread and dropped", lower, driver},
      {"ocf.migrated", "requests", "ended with EAGAIN because the driver had gone", lower, driver},
      {"ocf.self_deadlocks", "times", "that the queue's lock was taken by its holder", lower,
       driver},
      {"skcipher.requests", "requests", "submitted to a driver through the kernel's API", neither,
       driver},
      {"skcipher.synchronous", "requests", "done by the kernel's own cipher", neither, driver},
      {"skcipher.backlogged", "requests", "that waited in the API's backlog", lower, driver},
      {"skcipher.errors", "requests", "that the API ended with an error", lower, driver},
      {"dmcrypt.clones", "bios", "to the disk", neither, driver},
      {"dmcrypt.partial_clones", "bios", "writes cut for want of pages", lower, driver},
      {"dmcrypt.max_parallel_writes", "bios", "most writes being encrypted at once", neither,
       driver},
      {"dmcrypt.max_in_flight", "sectors", "most inside the crypto layer at once", neither, driver},
      {"dmcrypt.retries", "sectors", "posted again after a refusal", lower, driver},
      {"dmcrypt.waits", "times", "that the path slept for room below or for memory", lower, driver},
      {"dmcrypt.migrations", "times", "that a session moved to another driver", lower, driver},
      {"dmcrypt.convert_errors", "times", "that a conversion failed, as the path noticed", lower,
       driver},
      {"dmcrypt.failed_sectors", "sectors", "whose error the bio carries", lower, driver},
      {"dmcrypt.leaked_requests", "requests", "refused and never freed", lower, driver},
      {"dmcrypt.freed_in_use", "structures", "freed under live requests", lower, driver},
      {"dmcrypt.self_deadlocks", "times", "that a path waited for its own lock", lower, driver},
      {"bench.user", "1", "benchmark: share of the cores' time in the program itself", neither,
       bench},
      {"bench.system", "1", "benchmark: share of the cores' time in the kernel", neither, bench},
      {"bench.copied_bytes", "bytes", "benchmark: copied by the interface", lower, bench},
      {"faults.fired", "faults", "that were injected", neither, integrity},
      {"verdict.right", "requests", "that ended and did what they said", higher, integrity},
      {"verdict.failed", "requests", "that failed and said so", lower, integrity},
      {"verdict.hung", "requests", "that took longer than verdict.hang_seconds", lower, integrity},
      {"verdict.lost", "requests", "that never ended", lower, integrity},
      {"verdict.ended_twice", "requests", "that ended twice", lower, integrity},
      {"verdict.wrong_on_disk", "requests", "writes that said success and are not on the disk",
       lower, integrity},
      {"verdict.wrong_data", "requests", "reads that said success and brought wrong data", lower,
       integrity},
      {"verdict.plaintext_on_disk", "requests", "writes whose plaintext reached the disk", lower,
       integrity},
      {"verdict.unattributed", "sectors", "wrong on the disk, and no request wrote them", lower,
       integrity},
      {"in_flight_mean", "requests", "bios outstanding, mean over time", neither, run, true},
      {"dram.bytes", "bytes", "moved by the memory for all masters", lower, machine, true},
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
  static const std::unordered_map<std::string, const Metric*> by_name = [] {
    std::unordered_map<std::string, const Metric*> out;
    for (const Metric& metric : metrics()) out.emplace(metric.name, &metric);
    return out;
  }();
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

void emit(MetricList& list, const std::string& name, double value) {
  if (find_metric(name) == nullptr) {
    throw std::logic_error("metric " + name + " is not in the table of machine/result/metrics.cc");
  }
  list.emplace_back(name, value);
}

void emit_latency(MetricList& list, const std::string& prefix, const LatencyHistogram& latency) {
  for (const LatencyStatistic& s : kLatencyStatistics) {
    emit(list, prefix + "." + s.name, s.of(latency) * 1e-6);
  }
}

const char* wait_name(Wait wait) { return kWaitInfos.at(static_cast<std::size_t>(wait)).name; }

const char* thread_group_name(ThreadGroup group) {
  return kThreadGroupInfos.at(static_cast<std::size_t>(group)).name;
}

ThreadGroup thread_group(const std::string& thread) {
  // The name up to the number of its core, process or interrupt.
  const std::string kind = thread.substr(0, thread.find_first_of("/ "));
  if (kind == "pid" || kind == "bench") return ThreadGroup::application;
  if (kind == "mv_crypto" || kind == "cesa_probe" || kind == "cesa_ring_probe") {
    return ThreadGroup::driver;
  }
  if (kind == "ksoftirqd") return ThreadGroup::irq;
  for (std::size_t i = 0; i < kThreadGroups; ++i) {
    if (kind == kThreadGroupInfos[i].name) return static_cast<ThreadGroup>(i);
  }
  return ThreadGroup::other;
}

std::vector<std::string> metric_names() {
  std::vector<std::string> out;
  for (const Metric& metric : metrics()) out.push_back(metric.name);
  return out;
}

}  // namespace cesasim
