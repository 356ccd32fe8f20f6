// The request queue of a disk as the block layer of Linux 2.6.12 keeps it: merging, plugging,
// an elevator, a bounded number of requests, and the disk's driver below.
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
  std::uint64_t unplugs_by_timer = 0;
  std::uint64_t unplugs_by_threshold = 0;
  std::uint64_t timeouts = 0;  ///< times that a command had been in the disk for kCommandTimeout
  double depth_ps = 0;         ///< integral of requests queued or in the disk over time
};

/// BlockDevice over a hw::Disk. submit_bio() is called from process context: it merges, or takes
/// a request and sleeps while all of that direction are in use. The disk's interrupt ends bios
/// in softirq context (end_io must not sleep) and dispatches what is next.
///
/// A flush bio is a barrier: it goes to the disk when everything submitted before it has ended,
/// and nothing submitted after it goes before it has ended.
///
/// As in the kernel, bios in flight at the same time that overlap have no order.
///
/// A command that has been in the disk for kCommandTimeout makes the driver look at the disk: what
/// has ended and whose interrupt was lost ends then; what the disk still works on gets as long
/// again.
///
/// Differences from 2.6.12: a bio larger than a request may be is cut (there, whoever builds
/// bios keeps to the limits and a larger one fails); no batching of requests for a process that
/// has slept; a freed request wakes all that wait for one; the unplug timer dispatches in softirq
/// context instead of by kblockd; one timer for all commands, which stays armed when they have
/// ended, instead of one for each, and no error handler behind it that would reset the disk.
class RequestQueue : public BlockDevice {
 public:
  /// Largest scatter/gather entry (MAX_SEGMENT_SIZE, the 64 KiB of an ATA PRD).
  static constexpr std::uint32_t kMaxSegmentBytes = 65536;

  /// As long as a command may take (SD_TIMEOUT of drivers/scsi/sd.c, 30 s).
  static constexpr Ps kCommandTimeout = 30 * hw::kPsPerS;

  /// Limits and elevator come from kernel.settings(). Installs the handler of `irq` on
  /// `irq_cpu`. Throws std::invalid_argument for an unknown elevator.
  RequestQueue(Kernel& kernel, hw::Disk& disk, unsigned irq, const std::string& name,
               unsigned irq_cpu = 0);

  void submit_bio(Bio& bio) override;
  std::uint64_t sectors() const override { return disk_.sectors(); }
  void unplug() override;
  void blk_congestion_wait(Ps timeout) override;

  bool plugged() const { return plugged_; }
  /// Requests queued or in the disk.
  std::size_t depth() const { return queued_ + in_flight_; }
  /// Statistics up to now.
  RequestQueueStats stats() const;

 private:
  /// What lies between two flushes. Only the first is dispatched, only the last is added to.
  struct Epoch {
    std::unique_ptr<Elevator> elevator;
    Bio* flush = nullptr;
    bool flush_sent = false;
  };
  struct Done {
    std::uint32_t tag;
    int error;
    std::uint32_t sectors;  // done
  };

  bool interrupt();
  bool reap();
  void watch_command(std::uint32_t tag);
  void command_timeout();
  void complete();
  void complete_one(const Done& done);
  void end_part(const Request::Part& part, int error);
  void end_bio(Bio& bio, int error);
  void submit_flush(Bio& bio);
  std::uint32_t cut(const Bio& bio, std::uint32_t offset) const;
  void collect(const Bio& bio, std::uint32_t offset, std::uint32_t bytes);
  void make_request(Bio& bio, BioSplit* split, std::uint32_t offset, std::uint32_t bytes);
  bool try_merge(bool write, std::uint64_t sector, std::uint32_t sectors,
                 const Request::Part& part);
  void join_requests(Request& front, Request& back);
  void add_request(bool write, std::uint64_t sector, std::uint32_t sectors,
                   const Request::Part& part);
  void remove_plug();
  void dispatch();
  void send(Request& request);
  std::uint32_t take_tag();
  Epoch& new_epoch();
  void put_request(Request& request);
  void account();

  Kernel& kernel_;
  hw::Disk& disk_;
  SpinLock lock_;  // everything below; end_io and sleeping are outside of it
  std::uint32_t nr_requests_;
  std::uint32_t max_sectors_;
  std::uint32_t max_segments_;
  std::uint32_t unplug_threshold_;
  Ps unplug_delay_;
  DeadlineSettings deadline_;

  std::deque<Epoch> epochs_;
  std::array<std::uint32_t, 2> allocated_{};  // requests in use by direction
  std::array<WaitQueue, 2> wait_;
  WaitQueue congestion_;
  std::uint64_t writes_freed_ = 0;
  std::size_t queued_ = 0;
  std::size_t in_flight_ = 0;
  std::uint64_t arrivals_ = 0;

  bool plugged_ = false;
  Timer unplug_timer_;
  Tasklet unplug_tasklet_;

  struct InFlight {
    bool used = false;
    Request* request = nullptr;  // nullptr: the flush of the first epoch
    Ps since = 0;                // sent, or last found at work
  };
  std::vector<InFlight> tags_;
  std::deque<Done> done_;
  Tasklet done_tasklet_;
  Timer command_timer_;

  hw::ObjectPool<Request> pool_;
  std::vector<hw::DiskSegment> scratch_;  // segments of the piece being added
  hw::DiskCommand command_;
  RequestQueueStats stats_;
  Ps accounted_to_ = 0;
};

}  // namespace cesasim::kernel
