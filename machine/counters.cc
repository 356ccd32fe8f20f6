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
  emit(m, "engine.operations", static_cast<double>(c.engine_operations));
  emit(m, "engine.bytes", static_cast<double>(c.engine_bytes));
  emit(m, "disk.utilization", elapsed > 0 ? static_cast<double>(c.disk_busy) / elapsed : 0);
  emit(m, "disk.queue_depth_mean", elapsed > 0 ? c.disk_depth_ps / elapsed : 0);
  emit(m, "bytes_copied", static_cast<double>(c.bytes_copied));
  emit(m, "interrupts", static_cast<double>(c.interrupts));
  emit(m, "context_switches", static_cast<double>(c.context_switches));
  emit(m, "dram.bytes", static_cast<double>(c.dram_bytes));
  emit(m, "crypto_requests", static_cast<double>(c.crypto_requests));
  emit(m, "crypto_restarts", static_cast<double>(c.crypto_restarts));
}

void add_driver_metrics(MetricList& m, Assembly& at) {
  const auto add = [&m](const char* name, std::uint64_t value) {
    emit(m, name, static_cast<double>(value));
  };
  const driver::DriverStats d = at.driver ? at.driver->driver_stats() : driver::DriverStats{};
  add("driver.requests", d.requests);
  add("driver.failed", d.failed);
  add("driver.restarts", d.restarts);
  add("driver.launches", d.launches);
  add("driver.interrupts", d.interrupts);
  add("driver.polls", d.polls);
  add("driver.max_queue", d.max_queue);
  add("driver.watchdog_recoveries", d.watchdog_recoveries);
  const driver::CryptoStats o = at.ocf ? at.ocf->stats() : driver::CryptoStats{};
  add("ocf.cs_ops", o.cs_ops);
  add("ocf.cs_errs", o.cs_errs);
  add("ocf.cs_intrs", o.cs_intrs);
  add("ocf.cs_rets", o.cs_rets);
  add("ocf.cs_blocks", o.cs_blocks);
  add("ocf.cs_drops", o.cs_drops);
  add("ocf.lost", o.lost);
  add("ocf.migrated", o.migrated);
  add("ocf.self_deadlocks", o.self_deadlocks);
  const driver::SkcipherStats k = at.api ? at.api->stats() : driver::SkcipherStats{};
  add("skcipher.requests", k.requests);
  add("skcipher.synchronous", k.synchronous);
  add("skcipher.backlogged", k.backlogged);
  add("skcipher.errors", k.errors);
  const dmcrypt::DmCryptStats t = at.target ? at.target->stats() : dmcrypt::DmCryptStats{};
  add("dmcrypt.clones", t.clones);
  add("dmcrypt.partial_clones", t.partial_clones);
  add("dmcrypt.max_parallel_writes", t.max_parallel_writes);
  add("dmcrypt.max_in_flight", t.max_in_flight);
  add("dmcrypt.retries", t.retries);
  add("dmcrypt.waits", t.waits);
  add("dmcrypt.migrations", t.migrations);
  add("dmcrypt.convert_errors", t.convert_errors);
  add("dmcrypt.failed_sectors", t.failed_sectors);
  add("dmcrypt.leaked_requests", t.leaked_requests);
  add("dmcrypt.freed_in_use", t.freed_in_use);
  add("dmcrypt.self_deadlocks", t.self_deadlocks);
}

}  // namespace cesasim
