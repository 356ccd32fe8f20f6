// SPDX-License-Identifier: Apache-2.0
#include "machine/counters.h"

#include <algorithm>
#include <string>
#include <systemc>

#include "hw_model/tlm/sc_time.h"

namespace cesasim {

using hw::Activity;

namespace {

/// What the groups of threads have charged. The rest of what all activities took is `other`.
void read_threads(const kernel::Kernel& kernel, Counters& c) {
  Ps rest = 0;
  for (std::size_t a = 0; a < hw::kActivities; ++a) {
    if (static_cast<Activity>(a) != Activity::idle) rest += c.activity[a];
  }
  const auto book = [&](ThreadGroup group, Ps ps) {
    if (group == ThreadGroup::other) return;
    c.thread[static_cast<std::size_t>(group)] += ps;
    rest -= ps;
  };
  book(ThreadGroup::irq, kernel.interrupt_time());
  kernel.for_each_thread([&](const kernel::Thread& thread) {
    if (thread.time() != 0) book(thread_group(thread.name()), thread.time());
  });
  c.thread[static_cast<std::size_t>(ThreadGroup::other)] = rest;
}

void emit_count(MetricList& m, const char* name, std::uint64_t value) {
  emit(m, name, static_cast<double>(value));
}

}  // namespace

Counters read_counters(Assembly& at) {
  Counters c;
  c.time = hw::now_ps();
  for (unsigned i = 0; i < at.soc.cores(); ++i) {
    for (std::size_t a = 0; a < hw::kActivities; ++a) {
      c.activity[a] += at.soc.core(i).accounted(static_cast<Activity>(a));
    }
    c.activity[static_cast<std::size_t>(Activity::idle)] += at.kernel.core_time(i).idle;
  }
  read_threads(at.kernel, c);
  c.interrupts = at.kernel.interrupts();
  c.context_switches = at.kernel.context_switches();
  c.bytes_copied = at.kernel.bytes_copied();
  c.dram_bytes = at.soc.dram().bandwidth().bytes();
  for (unsigned i = 0; i < at.soc.cesa().engines(); ++i) {
    const hw::CesaStats& e = at.soc.cesa().stats(i);
    c.engine_operations += e.operations;
    c.engine_bytes += e.bytes_ciphered;
    c.engine_busy += e.busy_ps;
  }
  const hw::RingCore& ring = at.soc.ring().core();
  for (unsigned i = 0; i < ring.engines(); ++i) {
    const hw::RingEngine& e = ring.engine(i);
    c.engine_operations += e.operations();
    c.engine_bytes += e.bytes_ciphered();
    c.ring_busy[0] += e.read_busy_ps();
    c.ring_busy[1] += e.cipher_busy_ps();
    c.ring_busy[2] += e.write_busy_ps();
  }
  const hw::DiskStats disk = at.soc.disk().stats();
  c.disk_busy = disk.busy_ps;
  c.disk_depth_ps = at.queue->stats().depth_ps;
  if (at.ocf) {
    c.crypto_requests = at.ocf->stats().cs_ops;
    c.crypto_restarts = at.ocf->stats().cs_blocks;
  }
  return c;
}

DeviceErrors device_errors(Assembly& at) {
  DeviceErrors e;
  e.guest_errors = at.soc.mbus().decode_errors() + at.soc.cesa().decode_errors();
  for (unsigned i = 0; i < at.soc.cesa().engines(); ++i) {
    e.guest_errors += at.soc.cesa().stats(i).guest_errors;
    e.unimplemented += at.soc.cesa().stats(i).unimplemented;
  }
  e.guest_errors += at.soc.ring().stats().guest_errors;
  for (unsigned i = 0; i < at.soc.cores(); ++i) e.guest_errors += at.soc.core(i).bus_errors();
  return e;
}

void add_machine_metrics(MetricList& m, Assembly& at, const Counters& c, std::uint64_t byte_count) {
  // Charges not yet waited for at the end (less than one request's worth) would make
  // the shares add up to a hair over 1: scale the busy ones to the time that passed.
  const double capacity = static_cast<double>(c.time) * at.soc.cores();
  const double idle = static_cast<double>(c.activity[static_cast<std::size_t>(Activity::idle)]);
  double charged = 0;
  for (std::size_t a = 0; a < hw::kActivities; ++a) {
    if (static_cast<Activity>(a) != Activity::idle) charged += static_cast<double>(c.activity[a]);
  }
  const double scale = charged > 0 ? (capacity - idle) / charged : 0;
  emit(m, "cpu.utilization", capacity > 0 ? 1 - idle / capacity : 0);
  for (std::size_t a = 0; a < hw::kActivities; ++a) {
    const double ps = static_cast<double>(c.activity[a]);
    const bool is_idle = static_cast<Activity>(a) == Activity::idle;
    emit(m, std::string("cpu.share.") + hw::kActivityNames[a],
         capacity > 0 ? (is_idle ? ps : ps * scale) / capacity : 0);
  }
  for (std::size_t g = 0; g < kThreadGroups; ++g) {
    emit(m, std::string("cpu.thread.") + thread_group_name(static_cast<ThreadGroup>(g)),
         capacity > 0 ? static_cast<double>(c.thread[g]) * scale / capacity : 0);
  }
  const double bytes = static_cast<double>(byte_count);
  emit(m, "cpu.cycles_per_byte",
       bytes > 0 ? charged * 1e-12 * at.scenario.soc.cpu.clock_hz / bytes : 0);
  const double elapsed = static_cast<double>(c.time);
  // The stages of a ring's engine overlap: it is as busy as its busiest stage.
  const bool ring = at.driver && at.driver->name() == std::string("cesa_ring");
  const Ps busy = ring ? *std::max_element(c.ring_busy.begin(), c.ring_busy.end()) : c.engine_busy;
  const unsigned engines = ring ? at.soc.ring().core().engines() : at.soc.cesa().engines();
  emit(m, "engine.utilization", elapsed > 0 ? static_cast<double>(busy) / (elapsed * engines) : 0);
  emit_count(m, "engine.operations", c.engine_operations);
  emit_count(m, "engine.bytes", c.engine_bytes);
  emit(m, "disk.utilization", elapsed > 0 ? static_cast<double>(c.disk_busy) / elapsed : 0);
  emit(m, "disk.queue_depth_mean", elapsed > 0 ? c.disk_depth_ps / elapsed : 0);
  emit_count(m, "bytes_copied", c.bytes_copied);
  emit_count(m, "interrupts", c.interrupts);
  emit_count(m, "context_switches", c.context_switches);
  emit_count(m, "dram.bytes", c.dram_bytes);
  emit_count(m, "crypto_requests", c.crypto_requests);
  emit_count(m, "crypto_restarts", c.crypto_restarts);
}

void add_driver_metrics(MetricList& m, Assembly& at) {
  const driver::DriverStats d = at.driver ? at.driver->driver_stats() : driver::DriverStats{};
  emit_count(m, "driver.requests", d.requests);
  emit_count(m, "driver.failed", d.failed);
  emit_count(m, "driver.restarts", d.restarts);
  emit_count(m, "driver.launches", d.launches);
  emit_count(m, "driver.interrupts", d.interrupts);
  emit_count(m, "driver.polls", d.polls);
  emit_count(m, "driver.max_queue", d.max_queue);
  emit_count(m, "driver.watchdog_recoveries", d.watchdog_recoveries);
  const driver::CryptoStats o = at.ocf ? at.ocf->stats() : driver::CryptoStats{};
  emit_count(m, "ocf.cs_ops", o.cs_ops);
  emit_count(m, "ocf.cs_errs", o.cs_errs);
  emit_count(m, "ocf.cs_intrs", o.cs_intrs);
  emit_count(m, "ocf.cs_rets", o.cs_rets);
  emit_count(m, "ocf.cs_blocks", o.cs_blocks);
  emit_count(m, "ocf.cs_drops", o.cs_drops);
  emit_count(m, "ocf.lost", o.lost);
  emit_count(m, "ocf.migrated", o.migrated);
  emit_count(m, "ocf.self_deadlocks", o.self_deadlocks);
  const driver::SkcipherStats k = at.api ? at.api->stats() : driver::SkcipherStats{};
  emit_count(m, "skcipher.requests", k.requests);
  emit_count(m, "skcipher.synchronous", k.synchronous);
  emit_count(m, "skcipher.backlogged", k.backlogged);
  emit_count(m, "skcipher.errors", k.errors);
  const dmcrypt::DmCryptStats t = at.target ? at.target->stats() : dmcrypt::DmCryptStats{};
  emit_count(m, "dmcrypt.clones", t.clones);
  emit_count(m, "dmcrypt.partial_clones", t.partial_clones);
  emit_count(m, "dmcrypt.max_parallel_writes", t.max_parallel_writes);
  emit_count(m, "dmcrypt.max_in_flight", t.max_in_flight);
  emit_count(m, "dmcrypt.retries", t.retries);
  emit_count(m, "dmcrypt.waits", t.waits);
  emit_count(m, "dmcrypt.migrations", t.migrations);
  emit_count(m, "dmcrypt.convert_errors", t.convert_errors);
  emit_count(m, "dmcrypt.failed_sectors", t.failed_sectors);
  emit_count(m, "dmcrypt.leaked_requests", t.leaked_requests);
  emit_count(m, "dmcrypt.freed_in_use", t.freed_in_use);
  emit_count(m, "dmcrypt.self_deadlocks", t.self_deadlocks);
}

}  // namespace cesasim
