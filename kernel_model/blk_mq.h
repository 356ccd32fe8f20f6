// SPDX-License-Identifier: Apache-2.0
// The block layer of Linux 6.1 (blk-mq) over a disk with one hardware queue.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "hw_model/disk/disk.h"
#include "kernel_model/bio.h"
#include "kernel_model/block.h"
#include "kernel_model/elevator.h"
#include "kernel_model/kernel.h"
#include "kernel_model/workqueue.h"

namespace cesasim::kernel {

/// The queue of 6.1 (kernel.block: mq).
///
/// A thread with a plug (blk_start_plug) collects its requests. They leave the plug when the thread
/// calls unplug(), when the plug holds plug_max_requests or its last request has plug_flush_kib,
/// and when the thread sleeps. A preempted thread keeps its plug. A bio is merged with the last
/// request of the plug, then with what is queued.
///
/// With mq-deadline a request waits in the scheduler, of which nr_requests are in use at most, of
/// writes deadline_async_depth. Without a scheduler ("none") a request has a tag of the disk's from
/// the start, and a submitter with none left sleeps. Without a plug such a request is issued by its
/// submitter at once.
///
/// The hardware queue is run by the thread that unplugs. It is run by kblockd (a thread of each
/// core at nice -20) for a plug that a sleep flushed, for a request that came to the scheduler
/// without a plug, for flushes, and when a completion frees a tag that somebody waits for.
/// Requests that await kblockd under "none" stand in the software queue of their submitter's core.
///
/// The disk's interrupt takes all that the disk has ended, and one softirq ends it.
///
/// A flush is no barrier: it covers what has ended before it was submitted. It passes the
/// scheduler. One is in the disk at a time; those that come meanwhile share the next one.
///
/// Differences from 6.1: a freed request wakes all that wait for one, where 6.1 wakes a part of
/// them; an asynchronous request is any write; the share of writes counts writes only;
/// one priority; plugs keep the order of submission; kblockd works on the core that asks for it.
class BlkMq : public DiskQueue {
 public:
  BlkMq(Kernel& kernel, hw::Disk& disk, unsigned irq, const std::string& name,
        unsigned irq_cpu = 0);

  void blk_start_plug() override;
  void unplug() override;
  void blk_run_queue() override {}

  /// Requests in use: plugged, queued or in the disk; flushes that wait included.
  std::uint32_t allocated() const { return allocated_; }
  /// Most that may be in use.
  std::uint32_t tags() const { return tags_; }

 private:
  static constexpr std::size_t kMergeDepth = 8;  // requests of a software queue that are looked at
  static constexpr int kKblockdNice = -20;       // WQ_HIGHPRI

  struct Plug {
    bool open = false;
    std::vector<Request*> list;
  };

  void submit_flush(Bio& bio) override;
  void make_request(Bio& bio, BioSplit* split, std::uint32_t offset, std::uint32_t bytes) override;
  void complete() override;

  /// Of the current thread; nullptr: it has none open. An interrupt has none.
  Plug* current_plug();
  void flush_plug(Plug& plug, bool from_schedule);
  bool may_allocate(bool write) const;
  void allocate(bool write);
  void release(bool write);
  /// Sleeps until one may be in use. Called without the lock, returns with it taken by `locked`.
  template <class Locked>
  void get_request(bool write, Locked locked);
  bool merge_into(Request& r, std::uint64_t sector, std::uint32_t sectors, const Segments& segments,
                  const Request::Part& part);
  bool sched_merge(bool write, std::uint64_t sector, std::uint32_t sectors,
                   const Segments& segments, const Request::Part& part);
  void join_requests(Request& front, Request& back);
  void insert(Request& request);
  bool work_waits() const;
  void run_hw_queue();
  void run_hw_queue_async();

  std::uint32_t tags_;
  std::uint32_t async_depth_;
  std::uint32_t plug_max_requests_;
  std::uint32_t plug_flush_sectors_;
  std::unique_ptr<Elevator> scheduler_;  // null: none
  std::unordered_map<const Thread*, Plug> plugs_;
  std::vector<std::deque<Request*>> software_queues_;  // by core
  std::size_t next_queue_ = 0;                         // round robin among them
  std::deque<Bio*> flushes_waiting_;
  std::vector<Bio*> flushes_running_;  // by the one flush in the disk
  std::uint32_t allocated_ = 0;
  std::uint32_t writes_allocated_ = 0;
  WaitQueue wait_;
  Workqueue kblockd_;
  bool run_pending_ = false;  // kblockd has been asked
};

/// The disk's queue as kernel.settings() want it. Throws std::invalid_argument for an unknown
/// elevator.
std::unique_ptr<DiskQueue> make_disk_queue(Kernel& kernel, hw::Disk& disk, unsigned irq,
                                           const std::string& name, unsigned irq_cpu = 0);

}  // namespace cesasim::kernel
