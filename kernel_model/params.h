// SPDX-License-Identifier: Apache-2.0
// Costs and settings of the modelled kernel. Costs are in core cycles so that one table
// serves every clock; values and sources stand in the presets.
#pragma once

#include <string>

#include "hw_model/common/params.h"

namespace cesasim::kernel {

/// What kernel primitives cost on one kind of core.
struct KernelCosts {
  double irq_entry = 0;
  double irq_exit = 0;
  double softirq = 0;
  double context_switch = 0;
  double wake_up = 0;
  double queue_work = 0;
  double timer = 0;
  double lock = 0;
  double slab_alloc = 0;
  double slab_free = 0;
  double page_alloc = 0;
  double page_free = 0;
  double memcpy_setup = 0;
  double memcpy_per_byte = 0;
  double memcpy_dram_bytes_per_byte = 0;
  double dma_map = 0;
  double dma_clean_per_line = 0;
  double dma_invalidate_per_line = 0;
  double cache_line_bytes = 0;
  double mmio_write = 0;
  double io_write_word = 0;
  double io_read_word = 0;
  double bio_submit = 0;
  double bio_merge = 0;
  double request_dispatch = 0;
  double request_segment = 0;
  double request_complete = 0;
  double bio_complete = 0;

  void describe(hw::ParamVisitor& v) {
    auto cycles = [&v](const char* name, double& value, const char* doc) {
      v.number(name, value, "cycles", 0, 1e7, doc);
    };
    cycles("irq_entry", irq_entry, "hard interrupt: exception entry, save, find the handler");
    cycles("irq_exit", irq_exit, "hard interrupt: restore and return");
    cycles("softirq", softirq, "entering the softirq loop for one pending softirq");
    cycles("context_switch", context_switch, "schedule() to another thread, cache refill included");
    cycles("wake_up", wake_up, "making a thread runnable");
    cycles("queue_work", queue_work, "putting one work item on a workqueue (wake-up apart)");
    cycles("timer", timer, "arming or cancelling a kernel timer");
    cycles("lock", lock, "one uncontended spin_lock_irqsave and its unlock");
    cycles("slab_alloc", slab_alloc, "one object from a slab cache, zeroing included");
    cycles("slab_free", slab_free, "one object back to its slab cache");
    cycles("page_alloc", page_alloc, "one page from the page allocator");
    cycles("page_free", page_free, "one page back");
    cycles("memcpy_setup", memcpy_setup, "fixed part of one memcpy");
    v.number("memcpy_per_byte", memcpy_per_byte, "cycles/byte", 0, 1000,
             "memcpy of data that is mostly not in the first-level cache");
    v.number("memcpy_dram_bytes_per_byte", memcpy_dram_bytes_per_byte, "bytes/byte", 0, 4,
             "DRAM traffic per byte copied (read, write allocate, write back)");
    cycles("dma_map", dma_map, "fixed part of mapping or unmapping one DMA buffer");
    v.number("dma_clean_per_line", dma_clean_per_line, "cycles/line", 0, 10000,
             "cleaning one cache line before a device reads it");
    v.number("dma_invalidate_per_line", dma_invalidate_per_line, "cycles/line", 0, 10000,
             "invalidating one cache line before the core reads what a device wrote");
    v.number("cache_line_bytes", cache_line_bytes, "bytes", 8, 256, "cache line");
    cycles("mmio_write", mmio_write, "the core's share of one posted device write");
    cycles("io_write_word", io_write_word, "memcpy_toio: one 32-bit word to device memory");
    cycles("io_read_word", io_read_word, "memcpy_fromio: one 32-bit word from device memory");
    cycles("bio_submit", bio_submit, "generic_make_request and __make_request for one bio");
    cycles("bio_merge", bio_merge, "merging one bio into a queued request");
    cycles("request_dispatch", request_dispatch, "elevator, request_fn, programming the disk");
    cycles("request_segment", request_segment, "one scatter/gather entry of a disk command");
    cycles("request_complete", request_complete, "ending one disk request");
    cycles("bio_complete", bio_complete, "bio_endio of one bio");
  }
};

/// Settings of the kernel (not of the processor).
struct KernelSettings {
  double hz = 0;
  double timeslice_ms = 0;
  std::uint32_t workqueue_nice_magnitude = 0;
  std::string preempt = "none";
  bool non_coherent_dma = true;
  std::string block = "sq";
  std::string elevator = "deadline";
  std::uint32_t nr_requests = 0;
  std::uint32_t max_sectors = 0;
  std::uint32_t max_segments = 0;
  double unplug_delay_ms = 0;
  std::uint32_t unplug_threshold = 0;
  std::uint32_t plug_max_requests = 0;
  std::uint32_t plug_flush_kib = 0;
  std::uint32_t deadline_async_depth = 0;
  double deadline_read_expire_ms = 0;
  double deadline_write_expire_ms = 0;
  std::uint32_t deadline_fifo_batch = 0;
  std::uint32_t deadline_writes_starved = 0;
  /// Not a preset's: other than 0, the scheduler and everything that happens at one time take
  /// their order from this seed.
  std::uint32_t schedule_seed = 0;
  /// Not a preset's: wake-ups, locks and interrupts take up to this longer now and then, drawn from
  /// schedule_seed (0 is a seed too).
  double schedule_jitter_us = 0;

  bool mq() const { return block == "mq"; }

  /// Time of one timer tick.
  hw::Ps tick() const { return static_cast<hw::Ps>(1e12 / hz); }
  /// Nice value of workqueue threads.
  int workqueue_nice() const { return -static_cast<int>(workqueue_nice_magnitude); }

  void describe(hw::ParamVisitor& v) {
    v.number("hz", hz, "Hz", 10, 10000, "timer tick (granularity of kernel timers)");
    v.number("timeslice_ms", timeslice_ms, "ms", 0.1, 10000,
             "round-robin slice among threads of one priority");
    v.count("workqueue_nice_magnitude", workqueue_nice_magnitude, "nice levels", 0, 20,
            "workqueue threads run at minus this nice value");
    v.choice("preempt", preempt, {"none", "full"},
             "kernel preemption: none, or wherever no lock is held and interrupts are on");
    v.choice(
        "block", block, {"sq", "mq"},
        "block layer: sq is 2.6.12's, one queue for each disk with a plug of the device; mq is "
        "6.1's blk-mq, a software queue for each core, one hardware queue, a plug of each "
        "thread");
    if (mq()) {
      v.choice("elevator", elevator, {"none", "mq-deadline"}, "I/O scheduler of the disk queue");
    } else {
      v.choice("elevator", elevator, {"noop", "deadline"},
               "I/O scheduler of the disk queue (block mq: none or mq-deadline)");
    }
    v.count("nr_requests", nr_requests, "requests", 4, 65536,
            "requests before submitters sleep: of each direction (block sq), of both together "
            "(block mq with mq-deadline), the disk's queue depth instead (none)");
    v.count("max_sectors", max_sectors, "sectors", 8, 65536, "largest disk request");
    v.count("max_segments", max_segments, "segments", 1, 65536,
            "most scatter/gather entries of a disk request");
    if (mq()) {
      v.count("plug_max_requests", plug_max_requests, "requests", 1, 65536,
              "block mq: a thread's plug is flushed when it holds this many requests");
      v.count("plug_flush_kib", plug_flush_kib, "KiB", 1, 65536,
              "block mq: and when the last request in it is this large");
      v.count("deadline_async_depth", deadline_async_depth, "requests", 1, 65536,
              "block mq with mq-deadline: writes may hold this many of nr_requests");
    } else {
      v.number("unplug_delay_ms", unplug_delay_ms, "ms", 0, 1000,
               "block sq: a plugged queue starts by itself after this long");
      v.count("unplug_threshold", unplug_threshold, "requests", 1, 65536,
              "block sq: a plugged queue starts when it holds this many requests");
    }
    v.number("deadline_read_expire_ms", deadline_read_expire_ms, "ms", 1, 100000,
             "deadline elevator: age at which a read goes first");
    v.number("deadline_write_expire_ms", deadline_write_expire_ms, "ms", 1, 100000,
             "deadline elevator: age at which a write goes first");
    v.count("deadline_fifo_batch", deadline_fifo_batch, "requests", 1, 1024,
            "deadline elevator: requests taken in sector order before looking again");
    v.count("deadline_writes_starved", deadline_writes_starved, "batches", 1, 1024,
            "deadline elevator: read batches that may pass over waiting writes");
  }
};

}  // namespace cesasim::kernel
