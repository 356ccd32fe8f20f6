// SPDX-License-Identifier: Apache-2.0
// The block layer over a disk: what every kernel's has in common (DiskQueue: limits of a request,
// the disk's driver, the ends of bios), and the request queue of Linux 2.6.12: merging, plugging,
// an elevator, a bounded number of requests. That of Linux 6.1 is in blk_mq.h.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "hw_model/common/object_pool.h"
#include "hw_model/disk/disk.h"
#include "kernel_model/bio.h"
#include "kernel_model/elevator.h"
#include "kernel_model/kernel.h"

namespace cesasim::kernel {

struct RequestQueueStats {
  std::uint64_t bios = 0;            ///< submitted, flushes included
  std::uint64_t bios_ended = 0;      ///< end_io called
  std::uint64_t bios_failed = 0;     ///< ended with an error
  std::uint64_t bios_split = 0;      ///< larger than a request may be
  std::uint64_t read_requests = 0;   ///< dispatched to the disk
  std::uint64_t write_requests = 0;  ///< dispatched to the disk
  std::uint64_t flushes = 0;         ///< dispatched to the disk
  std::uint64_t back_merges = 0;     ///< bios (or pieces) added to the end of a request
  std::uint64_t front_merges = 0;    ///< ... to its front
  std::uint64_t request_merges = 0;  ///< two requests that a bio in between joined
  std::uint64_t sleeps = 0;          ///< waits of a submitter for a free request
  std::uint64_t plugs = 0;
  std::uint64_t unplugs_by_timer = 0;      ///< 2.6.12 only
  std::uint64_t unplugs_by_threshold = 0;  ///< 2.6.12: of the device; 6.1: of a thread's plug
  std::uint64_t unplugs_by_sleep = 0;      ///< 6.1 only: the thread slept with its plug open
  std::uint64_t direct_issues = 0;         ///< 6.1 only: sent to the disk by the submitter itself
  std::uint64_t asynchronous_runs = 0;     ///< 6.1 only: of the hardware queue, by kblockd
  std::uint64_t timeouts = 0;  ///< times that a command had been in the disk for kCommandTimeout
  double depth_ps = 0;         ///< integral of requests queued or in the disk over time
};

/// BlockDevice over a hw::Disk. submit_bio() is called from process context. The disk's interrupt
/// ends bios in softirq context (end_io must not sleep) and dispatches what is next.
///
/// As in the kernel, bios in flight at the same time that overlap have no order.
///
/// A command that has been in the disk for kCommandTimeout makes the driver look at the disk: what
/// has ended and whose interrupt was lost ends then; what the disk still works on gets as long
/// again.
///
/// Differences from any Linux: a bio larger than a request may be is cut here (in 2.6.12 whoever
/// builds bios keeps to the limits and a larger one fails); one timer for all commands, which stays
/// armed when they have ended, instead of one for each, and no error handler behind it that would
/// reset the disk.
class DiskQueue : public BlockDevice {
 public:
  /// Largest scatter/gather entry (MAX_SEGMENT_SIZE, the 64 KiB of an ATA PRD).
  static constexpr std::uint32_t kMaxSegmentBytes = 65536;

  /// As long as a command may take (SD_TIMEOUT of drivers/scsi/sd.c, 30 s).
  static constexpr Ps kCommandTimeout = 30 * hw::kPsPerS;

  void submit_bio(Bio& bio) override;
  std::uint64_t sectors() const override { return disk_.sectors(); }
  void blk_congestion_wait(Ps timeout) override;

  /// Requests queued or in the disk.
  std::size_t depth() const { return queued_ + in_flight_; }
  /// Statistics up to now.
  RequestQueueStats stats() const;

 protected:
  using Segments = std::vector<hw::DiskSegment>;
  struct Done {
    std::uint32_t tag;
    int error;
    std::uint32_t sectors;  // done
  };

  /// Limits come from kernel.settings(). Installs the handler of `irq` on `irq_cpu`.
  DiskQueue(Kernel& kernel, hw::Disk& disk, unsigned irq, const std::string& name,
            unsigned irq_cpu);

  virtual void submit_flush(Bio& bio) = 0;
  /// Takes `bytes` of the bio from `offset`: what one request can carry.
  virtual void make_request(Bio& bio, BioSplit* split, std::uint32_t offset,
                            std::uint32_t bytes) = 0;
  /// Softirq: all that is in done_.
  virtual void complete() = 0;

  // Merging. A piece of a bio, or a request, is added to the end or the front of `r` if the result
  // is no larger than a request may be.
  bool may_join(std::uint32_t sectors, const Segments& front, const Segments& back) const;
  /// attempt_merge: `back`, which is queued with `elevator` as `front` is, becomes its end and is
  /// put away; false: it would be larger than a request may be.
  bool join(Elevator& elevator, Request& front, Request& back);
  static void append(Segments& a, const Segments& b);
  static void prepend(Segments& a, const Segments& b);
  void collect(const Bio& bio, std::uint32_t offset, std::uint32_t bytes, Segments& out) const;
  Request& new_request(bool write, std::uint64_t sector, std::uint32_t sectors,
                       const Segments& segments, const Request::Part& part);
  void put_request(Request& request);

  // The disk's driver; called with lock_ held.
  bool disk_has_room() const { return in_flight_ < tags_.size(); }
  void send(Request& request);
  void send_flush();

  /// The request of a command that has ended; nullptr: a flush.
  Request* request_of(const Done& done) const { return tags_[done.tag].request; }
  /// Unmaps the data and ends the bios, each by what the disk got done of it.
  void end_request(Request& request, const Done& done);
  void free_tag(const Done& done);
  void write_freed() { ++writes_freed_; }
  void end_part(const Request::Part& part, int error);
  void end_bio(Bio& bio, int error);
  void account();

  Kernel& kernel_;
  SpinLock lock_;  // everything below; end_io and sleeping are outside of it
  DeadlineSettings deadline_;
  WaitQueue congestion_;
  std::size_t queued_ = 0;
  std::size_t in_flight_ = 0;
  std::deque<Done> done_;
  RequestQueueStats stats_;

 private:
  struct InFlight {
    bool used = false;
    Request* request = nullptr;  // nullptr: a flush
    Ps since = 0;                // sent, or last found at work
  };

  bool reap();
  std::uint32_t cut(const Bio& bio, std::uint32_t offset) const;
  std::uint32_t take_tag(Request* request);
  void watch_command(std::uint32_t tag);
  void command_timeout();

  hw::Disk& disk_;
  std::uint32_t max_sectors_;
  std::uint32_t max_segments_;
  std::vector<InFlight> tags_;
  Tasklet done_tasklet_;
  Timer command_timer_;
  hw::ObjectPool<Request> pool_;
  std::uint64_t arrivals_ = 0;
  hw::DiskCommand command_;
  std::uint64_t writes_freed_ = 0;
  Ps accounted_to_ = 0;
};

/// The queue of 2.6.12 (kernel.block: sq). A bio is merged into a queued request, or takes a new
/// one; its submitter sleeps while all of that direction are in use. The queue of a device that was
/// idle is plugged: nothing goes to the disk before somebody unplugs it, it holds
/// unplug_threshold requests, or unplug_delay has passed.
///
/// A flush bio is a barrier: it goes to the disk when everything submitted before it has ended,
/// and nothing submitted after it goes before it has ended.
///
/// Differences from 2.6.12, beside DiskQueue's: no batching of requests for a process that has
/// slept; a freed request wakes all that wait for one; the unplug timer dispatches in softirq
/// context instead of by kblockd.
class RequestQueue : public DiskQueue {
 public:
  /// Throws std::invalid_argument for an unknown elevator.
  RequestQueue(Kernel& kernel, hw::Disk& disk, unsigned irq, const std::string& name,
               unsigned irq_cpu = 0);

  void unplug() override;
  bool plugged() const { return plugged_; }

 private:
  /// What lies between two flushes. Only the first is dispatched, only the last is added to.
  struct Epoch {
    std::unique_ptr<Elevator> elevator;
    Bio* flush = nullptr;
    bool flush_sent = false;
  };

  void submit_flush(Bio& bio) override;
  void make_request(Bio& bio, BioSplit* split, std::uint32_t offset, std::uint32_t bytes) override;
  void complete() override;
  void complete_one(const Done& done);
  bool try_merge(bool write, std::uint64_t sector, std::uint32_t sectors,
                 const Request::Part& part);
  void join_requests(Request& front, Request& back);
  void add_request(bool write, std::uint64_t sector, std::uint32_t sectors,
                   const Request::Part& part);
  void remove_plug();
  void dispatch();
  Epoch& new_epoch();

  std::uint32_t nr_requests_;
  std::uint32_t unplug_threshold_;
  Ps unplug_delay_;
  std::deque<Epoch> epochs_;
  std::array<std::uint32_t, 2> allocated_{};  // requests in use by direction
  std::array<WaitQueue, 2> wait_;
  bool plugged_ = false;
  Timer unplug_timer_;
  Tasklet unplug_tasklet_;
  Segments scratch_;  // segments of the piece being added
};

}  // namespace cesasim::kernel
