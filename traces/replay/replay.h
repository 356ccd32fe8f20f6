// SPDX-License-Identifier: Apache-2.0
// Replays a trace into a block device of the modelled kernel, carrying and checking real data.
//
// An application thread reads the trace and hands its records, in order, to one submitter
// thread per pid of the trace (write-back: one for all, see ReplayParams::writeback); a submitter
// cuts a record into bios, waits for its turn and submits them. A path that sleeps in submit_bio()
// thus holds up its own submitter only.
//
// Processor time that a trace cannot carry is charged from PhaseCost: a *write* record costs the
// application thread, which produces the data, before it is handed over; a *read* record costs
// its submitter, which is the application itself, once the data is there and before the
// submitter issues the next request. "Per bio" counts the bios after cutting. Page allocation
// is charged apart, from the kernel's cost table.
//
// Closed loop (default): at most depth_read / depth_write bios outstanding, a barrier between
// phases, time stamps ignored. Open loop: a record *arrives* at its time stamp (time 0 of the
// simulation is the first record's) and is submitted then, if its submitter is free, else as soon
// as it is. No timer of the modelled kernel is in between: the arrival stands for the application,
// which runs outside of the model and has its submitter awake, with its pages at hand, a context
// switch ahead. No depth, no barrier and no PhaseCost, because the stamps contain the application's
// time already. Latency counts from the arrival; from there to the submission is the wait for the
// submitter.
//
// The order across submitters is not kept (a captured order of two pids depends on timing that
// is being simulated anew); the order of one submitter is. A bio that overlaps an outstanding
// one waits until that has ended, as the page lock and the write-back bit make it do.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <systemc>
#include <vector>

#include "kernel_model/bio.h"
#include "kernel_model/kernel.h"
#include "traces/replay/outstanding_ranges.h"
#include "traces/replay/phase_cost.h"
#include "traces/replay/replay_events.h"
#include "traces/replay/replay_metrics.h"
#include "traces/trace_reader.h"

namespace cesasim::traces {

struct ReplayParams {
  std::uint32_t depth_read = 2;
  std::uint32_t depth_write = 32;
  std::uint32_t max_bio_bytes = 131072;
  std::uint32_t lookahead = 32;
  std::uint32_t dirty_kib = 32768;
  std::uint32_t writeback_kib = 4096;
  std::uint32_t submitter_bonus = 5;
  std::string mode = "closed";
  /// Who submits write-back (writes without the sync flag): "flusher", one context for all of
  /// it, or "pid", the thread that the trace names.
  std::string writeback = "flusher";
  /// By phase name; a phase without an entry costs what "default" says.
  std::map<std::string, PhaseCost> phase_costs = {{"default", {}}};
  /// Replay these phases only (records of others count as skipped). Empty: all.
  std::vector<std::string> limit_phases;
  /// Stop after this many records. 0: no limit.
  std::uint64_t max_records = 0;
};

struct ReplayReport {
  ReplayMetrics total;
  std::vector<ReplayMetrics> phases;  ///< in order of appearance
  std::uint64_t double_ended = 0;
  std::uint64_t skipped_lines = 0;   ///< of the reader
  std::uint64_t bios_allocated = 0;  ///< high-water mark of the bio pool
};

/// Add the listeners, then start(). The simulation ends the replay: watch done(), done_event() or
/// ReplayListener::finished(). The objects passed in must outlive it.
class Replay {
 public:
  /// Throws std::invalid_argument for parameters that cannot work.
  Replay(kernel::Kernel& kernel, kernel::BlockDevice& device, TraceReader& reader,
         const ReplayParams& params);
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  /// Notified of what happens from here on. Without a ContentVerifier the data is whatever the
  /// pages hold, and nobody looks at it.
  void add_listener(ReplayListener& listener) { listeners_.push_back(&listener); }

  /// Creates the application's thread.
  void start();

  /// True when the trace is at its end (or an error stopped it) and all its requests ended.
  bool done() const { return done_; }
  const sc_core::sc_event& done_event() const { return done_event_; }
  /// The error that stopped the replay, if one did: a TraceError (bad line, damaged file, record
  /// beyond the device), or std::runtime_error (modelled memory exhausted).
  std::exception_ptr error() const { return error_; }
  /// Bios submitted and not ended.
  std::uint64_t outstanding() const { return in_flight_; }
  /// Bios ended so far; a run that stops counting is stuck.
  std::uint64_t ended() const { return ended_; }
  /// Whether somebody waits for the device or for memory: bios are outstanding, or records that
  /// their submitters may take. Without that silence is no hang: the application takes its time.
  bool waiting() const;
  /// Visits those outstanding.
  void for_each_outstanding(const std::function<void(const RequestLog&)>& visit) const;

  /// Results so far; after done(), of the whole run.
  ReplayReport report() const;
  /// As report(), but rethrows error() if the replay was stopped by one.
  ReplayReport finish() const;

 private:
  using Direction = OutstandingRanges::Direction;
  using enum Direction;
  struct Submitter;

  /// A record handed to a submitter. Pooled.
  struct Pending {
    TraceRecord record;
    Submitter* owner = nullptr;
    Pending* next = nullptr;
    std::uint32_t bios_left = 0;
    Ps arrived = 0;
  };
  /// An intrusive FIFO of pool objects.
  template <class T>
  struct Fifo {
    T* head = nullptr;
    T* tail = nullptr;
    std::size_t size = 0;
    bool empty() const { return head == nullptr; }
    void push(T& item) {
      item.next = nullptr;
      (head == nullptr ? head : tail->next) = &item;
      tail = &item;
      ++size;
    }
    T& pop() {
      T& item = *head;
      head = item.next;
      --size;
      return item;
    }
  };
  struct Phase {
    const PhaseCost* cost = nullptr;
    bool wanted = true;
  };
  struct Submitter {
    explicit Submitter(kernel::Kernel& kernel) : wait(kernel) {}
    kernel::WaitQueue wait;
    kernel::Thread* thread = nullptr;
    Fifo<Pending> queue;
    std::size_t released = 0;     // how many of them it may take
    Fifo<Pending> arrived_reads;  // data is there, application has not looked at it yet
    bool plugged = false;         // submitted something since it last unplugged the queue
    // What it sleeps for when a bio of its own would overlap an outstanding one.
    bool waits_for_overlap = false;
    std::uint64_t wanted_sector = 0;
    std::uint64_t wanted_end = 0;
    bool waits_for_pages = false;
    bool waits_for_flush = false;
  };
  /// A bio in flight. Pooled; a freed one rests for a while, so that a late second end of it
  /// is recognised as one.
  struct Request {
    kernel::Bio bio;
    Replay* replay = nullptr;
    Request* next = nullptr;
    Pending* pending = nullptr;
    bool outstanding = false;
    std::vector<hw::PhysAddr> pages;
    RequestLog log;
  };

  void application();
  void play_trace();
  void take_up(const TraceRecord& record);
  void follow_phases();
  void arrivals();
  bool arrive(const TraceRecord& record);
  Ps time_to_prepare(const TraceRecord& record) const;
  bool left_out(const TraceRecord& record);
  void check_fits(const TraceRecord& record);
  void enter_phase(std::uint32_t phase);
  void leave_phase();
  void charge_application(const PhaseCost& cost, std::uint64_t bytes);
  void hand_over(const TraceRecord& record);
  std::uint32_t owner_pid(const TraceRecord& record) const;
  void queue_record(Submitter& owner, const TraceRecord& record, Ps arrived);
  void start_writeback();
  void release(Submitter& submitter);
  void wait_for_room(std::uint64_t dirty);
  void barrier();
  Submitter& submitter(std::uint32_t pid, bool from_outside = false);
  Phase& phase_of(std::uint32_t index);
  void abandon(std::exception_ptr error);

  void submitter_loop(Submitter& me);
  void submit_record(Submitter& me, Pending& pending);
  void submit_bio(Submitter& me, Pending& pending, std::uint64_t sector, std::uint32_t bytes);
  /// The application looks at the oldest record of its that arrived, if there is one.
  void consume_read(Submitter& me);
  /// Waits for the submitter's turn among the bios outstanding in `direction` and takes it.
  void take_slot(Submitter& me, Direction direction);
  void wake_slot_waiter(Direction direction);
  void wait_for_overlap(Submitter& me, Direction direction, std::uint64_t sector,
                        std::uint64_t end);
  bool enough_pages(std::uint32_t bytes) const;
  hw::PhysAddr page_later();
  bool attach_pages(Submitter& me, Request& request, std::uint32_t bytes);

  static void end_io(kernel::Bio& bio, int error);
  void end_request(Request& request, int error);
  void wake_waiters(const RequestLog& ended);
  void finish_record(Pending& pending);
  /// Notifies the listeners.
  void notify_row(RowEvent event, const TraceRecord& record);
  void notify_phase(bool entered);

  Request& allocate_request();
  Pending& allocate_pending();
  std::uint32_t bios_of(std::uint64_t bytes) const;

  kernel::Kernel& kernel_;
  kernel::BlockDevice& device_;
  TraceReader& reader_;
  ReplayParams params_;
  static constexpr std::uint32_t kFlusher = 0xFFFFFFFF;  // no pid
  bool open_loop_;
  bool one_flusher_;
  std::uint64_t dirty_limit_;
  std::uint64_t writeback_bytes_;

  sc_core::sc_event done_event_;
  bool done_ = false;
  std::exception_ptr error_;
  bool abandoned_ = false;  // by an error that leaves queued requests behind

  // Application.
  bool in_phase_ = false;
  std::uint32_t phase_ = 0;
  // Open loop.
  kernel::Thread* application_ = nullptr;
  kernel::WaitQueue arrival_news_;          // the application: a phase began, or all have arrived
  std::deque<std::uint32_t> phases_begun_;  // that it has not entered yet
  bool all_arrived_ = false;
  std::uint64_t arrived_ = 0;   // records
  Ps origin_ = 0;               // simulated time of the first record
  std::uint64_t first_ns_ = 0;  // its time stamp
  Ps last_due_ = 0;
  std::uint32_t arriving_phase_ = 0;
  kernel::WaitQueue room_;      // the application, ahead of its submitters
  kernel::WaitQueue all_done_;  // the application at a barrier
  // Handed over and not yet submitted.
  std::uint64_t queued_reads_ = 0;
  std::uint64_t dirty_bytes_ = 0;
  Submitter* held_back_ = nullptr;  // has new writes and has not been woken for them
  std::uint64_t held_back_bytes_ = 0;
  std::uint64_t in_progress_ = 0;  // records handed over and not yet done
  std::vector<Phase> phases_;

  // Submitters.
  std::map<std::uint32_t, Submitter*> by_pid_;
  std::deque<Submitter> submitters_;
  std::array<std::deque<Submitter*>, 2> slot_waiters_;
  std::array<std::uint64_t, 2> slots_taken_{};
  std::uint64_t overlap_waiters_ = 0;
  std::uint64_t page_waiters_ = 0;
  OutstandingRanges ranges_;

  // Pools.
  std::deque<Request> requests_;
  Fifo<Request> free_requests_;
  std::deque<Pending> pendings_;
  Fifo<Pending> free_pendings_;

  // Accounts.
  std::uint64_t next_id_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t in_flight_ = 0;  // submitted and not ended
  ReplayMeter meter_;
  std::vector<ReplayListener*> listeners_;
};

}  // namespace cesasim::traces
