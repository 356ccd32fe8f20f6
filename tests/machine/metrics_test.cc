// SPDX-License-Identifier: Apache-2.0
// The table of metrics holds what points emit, and points emit what the table holds.
#include "machine/result/metrics.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>
#include <string>

#include "tests/machine/forked_point.h"

namespace cesasim {
namespace {

using test::metric;

using test::scenario;
using test::Trace;
using testing::IsEmpty;

std::set<std::string> names_of(const MetricList& list) {
  std::set<std::string> out;
  for (const auto& [name, value] : list) {
    EXPECT_TRUE(out.insert(name).second) << name << " twice";
  }
  return out;
}

std::set<std::string> not_in(const std::set<std::string>& names,
                             const std::set<std::string>& others) {
  std::set<std::string> out;
  std::set_difference(names.begin(), names.end(), others.begin(), others.end(),
                      std::inserter(out, out.end()));
  return out;
}

/// The names whose emitter is one of `emitters`.
std::set<std::string> table(const std::set<Metric::Emitter>& emitters, bool in_phases = false) {
  std::set<std::string> out;
  for (const Metric& m : metrics()) {
    if (emitters.count(m.emitter) != 0 && (!in_phases || m.in_phases)) out.insert(m.name);
  }
  return out;
}

TEST(Metrics, ATracesPointEmitsWhatTheTableSays) {
  using enum Metric::Emitter;
  const Trace trace;
  for (const char* setup : {"dmcrypt.path: standard\nocf.driver: cryptosoft\n",
                            "dmcrypt.path: ocf-v3\nocf.driver: cesa_tdma\n",
                            "dmcrypt.path: modern\nocf.driver: cesa_ring\nkernel: linux-6.1\n"}) {
    SCOPED_TRACE(setup);
    Scenario s = scenario(std::string("soc: armada-385\ndisk: flash\nsoc.cesa.engines: 1\n") +
                          setup + "workload.trace: t.csv\n");
    s.workload.trace_file = trace.file.string();
    const PointResult p = test::run(s);
    ASSERT_EQ(p.status, Status::ok) << p.error;
    EXPECT_EQ(names_of(p.metrics),
              table({Metric::Emitter::run, replay, machine, driver, integrity}));
    ASSERT_EQ(p.phases.size(), 4u);
    for (const PhaseResult& phase : p.phases) {
      // Phases of the trace either read or write.
      const std::set<std::string> missing =
          not_in(table({Metric::Emitter::run, replay, machine}, true), names_of(phase.metrics));
      const bool writes = phase.name == "small" || phase.name == "large";
      std::set<std::string> absent;
      for (const char* statistic : {"mean", "p50", "p95", "p99", "p99.9", "p99.99", "max"}) {
        absent.insert(std::string("latency_us.") + (writes ? "read." : "write.") + statistic);
      }
      EXPECT_EQ(missing, absent) << phase.name;
      EXPECT_THAT(not_in(names_of(phase.metrics), table({Metric::Emitter::run, replay, machine})),
                  IsEmpty());
    }
  }
}

TEST(Metrics, ABenchmarkEmitsWhatTheTableSays) {
  using enum Metric::Emitter;
  const PointResult p = test::run(scenario(
      "soc: armada-385\ndisk: flash\nkernel: linux-6.1\nocf.driver: cesa_tdma\n"
      "workload.bench: {algorithm: aes-128-cbc, api: kernel, requests: 20, threads: 2}\n"));
  ASSERT_EQ(p.status, Status::ok) << p.error;
  EXPECT_EQ(names_of(p.metrics), table({Metric::Emitter::run, bench, machine, driver}));
}

TEST(Metrics, OnlyNamesOfTheTableCanBeEmitted) {
  MetricList list;
  emit(list, "sim_seconds", 1);
  EXPECT_THROW(emit(list, "sim_second", 1), std::logic_error);
  EXPECT_EQ(list, (MetricList{{"sim_seconds", 1}}));
  PointResult p;
  count_integrity(p, "lost_requests", 1);
  EXPECT_THROW(count_integrity(p, "lost_request", 1), std::logic_error);
  EXPECT_EQ(p.integrity.size(), 1u);
  std::set<std::string> names;
  for (const Metric& m : metrics()) {
    EXPECT_TRUE(names.insert(m.name).second) << m.name << " twice";
    EXPECT_NE(m.unit, "") << m.name;
    EXPECT_NE(m.doc, "") << m.name;
    EXPECT_EQ(find_metric(m.name), &m);
  }
}

// Writes take 20 ms, reads less: each direction has its own latencies, and together they are
// those of the run.
TEST(Metrics, LatencyIsSplitByDirection) {
  const Trace trace;
  Scenario s = scenario(
      "soc: armada-385\ndmcrypt.path: standard\nocf.driver: cryptosoft\n"
      "workload: {trace: t.csv, depth: {read: 1, write: 1}}\n"
      "disk: {preset: flash, write_cache_kib: 0, flash_program_us: 20000}\n");
  s.workload.trace_file = trace.file.string();
  const PointResult p = test::run(s);
  ASSERT_EQ(p.status, Status::ok) << p.error;
  const auto read = [&](const char* of) { return metric(p, std::string("latency_us.read.") + of); };
  const auto write = [&](const char* of) {
    return metric(p, std::string("latency_us.write.") + of);
  };
  EXPECT_GT(write("mean"), 20000);
  EXPECT_GT(write("p50"), 20000);
  EXPECT_LT(read("max"), 20000);
  // 72 writes and 82 reads.
  EXPECT_NEAR(metric(p, "latency_us.mean"), (72 * write("mean") + 82 * read("mean")) / 154, 1e-6);
  EXPECT_DOUBLE_EQ(metric(p, "latency_us.max"), std::max(write("max"), read("max")));
  for (const std::string prefix : {"latency_us.", "latency_us.read.", "latency_us.write."}) {
    double before = 0;
    for (const char* of : {"p50", "p95", "p99", "p99.9", "p99.99", "max"}) {
      EXPECT_GE(metric(p, prefix + of), before) << prefix << of;
      before = metric(p, prefix + of);
    }
  }
  const PhaseResult* const back = p.find_phase("back");
  ASSERT_NE(back, nullptr);
  EXPECT_TRUE(find_value(back->metrics, "latency_us.read.p99").has_value());
  EXPECT_FALSE(find_value(back->metrics, "latency_us.write.p99").has_value());
}

// Who used the processors: the groups add up to what was not idle, and each path's threads show.
TEST(Metrics, TheTimeOfThreadsAddsUp) {
  const Trace trace;
  struct {
    const char* setup;
    std::set<std::string> busy, silent;
  } cases[] = {
      {"dmcrypt.path: ocf-v1\nocf.driver: cryptosoft\n",
       {"application", "pdflush", "crypto", "irq"},
       {"dmcrypt_write", "driver"}},
      {"dmcrypt.path: standard\nocf.driver: cryptosoft\n",
       {"application", "pdflush", "kcryptd", "irq"},
       {"crypto", "crypto_ret", "driver", "dmcrypt_write"}},
      {"dmcrypt.path: modern\nocf.driver: cryptosoft\nkernel: linux-6.1\n",
       {"application", "pdflush", "kcryptd", "dmcrypt_write", "irq"},
       {"crypto", "crypto_ret", "driver"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.setup);
    Scenario s =
        scenario(std::string("soc: armada-385\ndisk: flash\nworkload.trace: t.csv\n") + c.setup);
    s.workload.trace_file = trace.file.string();
    const PointResult p = test::run(s);
    ASSERT_EQ(p.status, Status::ok) << p.error;
    const auto check = [](const MetricList& m) {
      double sum = 0;
      for (std::size_t g = 0; g < kThreadGroups; ++g) {
        const double share = find_value(m, std::string("cpu.thread.") +
                                               thread_group_name(static_cast<ThreadGroup>(g)))
                                 .value_or(-1);
        EXPECT_GE(share, 0);
        sum += share;
      }
      EXPECT_NEAR(sum, find_value(m, "cpu.utilization").value_or(-1), 1e-9);
    };
    check(p.metrics);
    for (const PhaseResult& phase : p.phases) check(phase.metrics);
    for (const std::string& name : c.busy) EXPECT_GT(metric(p, "cpu.thread." + name), 0) << name;
    for (const std::string& name : c.silent) EXPECT_EQ(metric(p, "cpu.thread." + name), 0) << name;
  }
}

}  // namespace
}  // namespace cesasim
