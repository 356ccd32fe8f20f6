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
#include <memory_resource>
#include <string>
#include <systemc>
#include <vector>

#include "base/text/latency_histogram.h"
#include "kernel_model/bio.h"
#include "kernel_model/kernel.h"
#include "traces/replay/content_oracle.h"
#include "traces/replay/phase_cost.h"
#include "traces/trace_reader.h"

namespace cesasim::traces {

using hw::Ps;

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

/// One bio, once it has ended.
struct RequestLog {
  std::uint64_t id = 0;  ///< in order of submission, from 1
  const kernel::Bio* bio = nullptr;
  kernel::BioOp op = kernel::BioOp::read;
  std::uint64_t sector = 0;
  std::uint32_t bytes = 0;
  std::uint32_t pid = 0;
  std::uint32_t phase = 0;
  std::uint8_t flags = 0;  ///< of the record (RecordFlag)
  std::uint64_t line = 0;  ///< of the trace file
  int error = 0;           ///< 0 or -errno
  /// Read: sectors without the content that they should have.
  std::uint32_t wrong_sectors = 0;
  Ps arrived = 0;  ///< its record was handed to the submitter; open replay: its time stamp
  Ps submitted = 0;
  Ps ended = 0;
};

/// What the bios of one direction (or flushes) did.
struct OpMetrics {
  std::uint64_t bios = 0;
  std::uint64_t bytes = 0;
  std::uint64_t errors = 0;  ///< bios that ended with an error
  LatencyHistogram latency;  ///< ps to the end, from submission or, in open replay, from arrival

  void merge(const OpMetrics& other);
};

/// A phase or the whole run. rows == served + skipped + rejected + unfinished.
struct ReplayMetrics {
  std::string name;
  std::uint64_t rows = 0;            ///< records offered by the trace
  std::uint64_t served = 0;          ///< records all of whose bios ended (errors included)
  std::uint64_t skipped = 0;         ///< discards, and records of phases not asked for
  std::uint64_t rejected = 0;        ///< the record beyond the device's end that stopped the run
  std::uint64_t unfinished = 0;      ///< handed over and not ended: 0 in a healthy run
  std::array<OpMetrics, 3> ops;      ///< index: kernel::BioOp
  std::uint64_t lost = 0;            ///< bios that were submitted and never ended
  std::uint64_t verified_reads = 0;  ///< read bios all of whose sectors were right
  std::uint64_t verified_sectors = 0;
  std::uint64_t mismatched_sectors = 0;
  /// Sectors read that the replay never wrote: checked by the callback if there is one (and
  /// then also counted as verified or mismatched).
  std::uint64_t unwritten_sectors = 0;
  /// Sectors read after a failed write of theirs: nothing can be said.
  std::uint64_t uncertain_sectors = 0;
  /// Sectors of write bios that no longer held the plaintext when the write ended: the path
  /// below encrypted the caller's page.
  std::uint64_t clobbered_sectors = 0;
  std::uint64_t fua_or_preflush = 0;  ///< writes whose FUA or preflush flag was not carried
  Ps started = 0;                     ///< first record taken up
  Ps ended = 0;                       ///< last record done
  /// Simulated time in the phase: sum over its stretches between barriers.
  Ps duration = 0;
  /// Integral of outstanding bios over time, in bio picoseconds.
  double in_flight_ps = 0;
  /// Open replay: waits for the submitter, from arrival to submission, summed over bios that ended.
  double submitter_wait_ps = 0;

  OpMetrics& of(kernel::BioOp op) { return ops[static_cast<std::size_t>(op)]; }
  const OpMetrics& of(kernel::BioOp op) const { return ops[static_cast<std::size_t>(op)]; }
  std::uint64_t bios() const { return ops[0].bios + ops[1].bios + ops[2].bios; }
  std::uint64_t bytes() const { return ops[0].bytes + ops[1].bytes + ops[2].bytes; }
  std::uint64_t errors() const { return ops[0].errors + ops[1].errors + ops[2].errors; }
  /// All operations together.
  LatencyHistogram latency() const;
  double in_flight_mean() const {
    return duration == 0 ? 0 : in_flight_ps / static_cast<double>(duration);
  }
};

/// A sector that did not hold what it should.
struct Mismatch {
  std::uint64_t sector = 0;
  std::uint64_t line = 0;
  Ps time = 0;
};

struct ReplayReport {
  ReplayMetrics total;
  std::vector<ReplayMetrics> phases;  ///< in order of appearance
  std::uint64_t double_ended = 0;
  std::uint64_t skipped_lines = 0;   ///< of the reader
  std::uint64_t bios_allocated = 0;  ///< high-water mark of the bio pool
  std::vector<Mismatch> first_mismatches;
};

/// Set up the members marked "optional", then start(). The simulation ends the replay: watch
/// done(), done_event() or on_done. The objects passed in must outlive it.
class Replay {
 public:
  /// Throws std::invalid_argument for parameters that cannot work.
  Replay(kernel::Kernel& kernel, kernel::BlockDevice& device, TraceReader& reader,
         ContentOracle& oracle, const ReplayParams& params);
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  /// Optional: checks a sector that the replay never wrote; returns whether it is right.
  /// Called in whatever context ends the read, without cost.
  std::function<bool(std::uint64_t sector, const std::uint8_t* data)> verify_unwritten;
  /// Optional: called for each bio just before it is submitted.
  std::function<void(const RequestLog&)> on_submit;
  /// Optional: called for each bio after it has ended.
  std::function<void(const RequestLog&)> on_request;
  /// Optional: called when a bio ends again.
  std::function<void(const RequestLog&)> on_double_end;
  /// Optional: called in the application's thread when it enters (true) and leaves (false) a
  /// phase, in closed replay with nothing outstanding. `phase` indexes report().phases.
  std::function<void(std::uint32_t phase, bool entered)> on_phase;
  /// Optional: called in the application's thread at the end.
  std::function<void()> on_done;

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
  /// Nothing that was handed over is unfinished: the next time stamp is not due yet, or the
  /// application computes. Such silence is no hang, however long.
  bool idle() const { return in_progress_ == 0; }
  /// Visits those outstanding.
  void for_each_outstanding(const std::function<void(const RequestLog&)>& visit) const;
  const ContentOracle& oracle() const { return oracle_; }

  /// Results so far; after done(), of the whole run.
  ReplayReport report() const;
  /// As report(), but rethrows error() if the replay was stopped by one.
  ReplayReport finish() const;

 private:
  enum Direction : unsigned { kRead, kWrite };
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
  /// A phase's results and what is going on in it.
  struct Phase {
    ReplayMetrics metrics;
    const PhaseCost* cost = nullptr;
    bool wanted = true;
    std::uint64_t in_flight = 0;
    Ps in_flight_since = 0;
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
  using Intervals = std::pmr::multimap<std::uint64_t, std::uint64_t>;  // sector -> end

  void application();
  void play_trace();
  void take_up(const TraceRecord& record);
  void follow_phases();
  void arrivals();
  bool arrive(const TraceRecord& record);
  Ps time_to_prepare(const TraceRecord& record) const;
  bool left_out(const TraceRecord& record, Phase& phase);
  void check_fits(const TraceRecord& record, Phase& phase) const;
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
  bool overlaps(Direction direction, std::uint64_t sector, std::uint64_t end) const;
  void wait_for_overlap(Submitter& me, Direction direction, std::uint64_t sector,
                        std::uint64_t end);
  bool enough_pages(std::uint32_t bytes) const;
  hw::PhysAddr page_later();
  bool attach_pages(Submitter& me, Request& request, std::uint32_t bytes);
  void fill(Request& request);
  void poison(Request& request);
  template <class Visit>
  void for_each_sector(const Request& request, Visit visit);

  static void end_io(kernel::Bio& bio, int error);
  void end_request(Request& request, int error);
  void verify_read(Request& request, ReplayMetrics& metrics);
  void check_clobbered(const Request& request, ReplayMetrics& metrics);
  void wake_waiters(const RequestLog& ended);
  void finish_record(Pending& pending);
  void count_in_flight(Phase& phase, int change);

  Request& allocate_request();
  Pending& allocate_pending();
  std::uint32_t bios_of(std::uint64_t bytes) const;

  kernel::Kernel& kernel_;
  kernel::BlockDevice& device_;
  TraceReader& reader_;
  ContentOracle& oracle_;
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
  Ps phase_start_ = 0;
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
  std::vector<std::unique_ptr<Phase>> phases_;

  // Submitters.
  std::map<std::uint32_t, Submitter*> by_pid_;
  std::deque<Submitter> submitters_;
  std::array<std::deque<Submitter*>, 2> slot_waiters_;
  std::array<std::uint64_t, 2> slots_taken_{};
  std::uint64_t overlap_waiters_ = 0;
  std::uint64_t page_waiters_ = 0;
  std::pmr::unsynchronized_pool_resource interval_memory_;
  std::array<Intervals, 2> intervals_{Intervals(&interval_memory_), Intervals(&interval_memory_)};

  // Pools.
  std::deque<Request> requests_;
  Fifo<Request> free_requests_;
  std::deque<Pending> pendings_;
  Fifo<Pending> free_pendings_;

  // Accounts.
  std::uint64_t next_id_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t double_ended_ = 0;
  std::uint64_t in_flight_ = 0;  // submitted and not ended
  std::vector<Mismatch> first_mismatches_;
};

}  // namespace cesasim::traces
