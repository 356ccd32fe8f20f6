#include "traces/replay/replay.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

namespace cesasim::traces {
namespace {

using hw::Activity;
using hw::kPageBytes;
using hw::kSectorBytes;
using kernel::BioOp;

constexpr std::size_t kQuarantine = 64;  // freed requests that rest before they are used again
constexpr std::size_t kMismatchesKept = 16;
constexpr std::uint8_t kPoison = 0xa5;
constexpr Ps kRetry = 10 * hw::kPsPerMs;
constexpr std::size_t kPoisonBytes = 16;  // what tells plaintext: version and magic

}  // namespace

void OpMetrics::merge(const OpMetrics& other) {
  bios += other.bios;
  bytes += other.bytes;
  errors += other.errors;
  latency.merge(other.latency);
}

LatencyHistogram ReplayMetrics::latency() const {
  LatencyHistogram all = ops[0].latency;
  all.merge(ops[1].latency);
  all.merge(ops[2].latency);
  return all;
}

Replay::Replay(kernel::Kernel& kernel, kernel::BlockDevice& device, TraceReader& reader,
               ContentOracle& oracle, const ReplayParams& params)
    : kernel_(kernel),
      device_(device),
      reader_(reader),
      oracle_(oracle),
      params_(params),
      open_loop_(params.mode == "open"),
      one_flusher_(params.writeback == "flusher"),
      dirty_limit_(std::uint64_t{params.dirty_kib} * 1024),
      writeback_bytes_(std::uint64_t{params.writeback_kib} * 1024),
      done_event_("replay_done"),
      room_(kernel),
      all_done_(kernel) {
  if (params_.depth_read == 0 || params_.depth_write == 0 || params_.lookahead == 0) {
    throw std::invalid_argument("replay: depths and lookahead must be at least 1");
  }
  if (params_.max_bio_bytes == 0 || params_.max_bio_bytes % kSectorBytes != 0) {
    throw std::invalid_argument("replay: max_bio_bytes must be a multiple of 512");
  }
  if (!open_loop_ && params_.mode != "closed") {
    throw std::invalid_argument("replay: unknown mode " + params_.mode);
  }
  params_.phase_costs.try_emplace("default");
}

void Replay::start() {
  kernel_.kthread_run("application", [this] { application(); });
}

// --- the application ------------------------------------------------------------------------

void Replay::application() {
  try {
    play_trace();
  } catch (const TraceError&) {  // what was handed over before is brought to its end
    error_ = std::current_exception();
  }
  barrier();
  leave_phase();
  done_ = true;
  done_event_.notify(sc_core::SC_ZERO_TIME);
  if (on_done) on_done();
}

void Replay::play_trace() {
  TraceRecord record;
  for (std::uint64_t rows = 0; params_.max_records == 0 || rows < params_.max_records; ++rows) {
    if (abandoned_ || !reader_.next(record)) return;
    take_up(record);
  }
}

void Replay::take_up(const TraceRecord& record) {
  Phase& phase = phase_of(record.phase);
  ++phase.metrics.rows;
  if (!phase.wanted || record.op == Op::discard) {  // dm-crypt of 2.6.12 has no discards
    ++phase.metrics.skipped;
    return;
  }
  check_fits(record, phase);
  enter_phase(record.phase);
  if (record.op == Op::write) {
    if ((record.flags & (kFua | kPreflush)) != 0) ++phase.metrics.fua_or_preflush;
    if (!open_loop_) charge_application(*phase.cost, record.bytes);
  }
  if (open_loop_) wait_for_arrival(record);
  hand_over(record);
}

void Replay::check_fits(const TraceRecord& record, Phase& phase) const {
  if (record.op == Op::flush || record.end_sector() <= device_.sectors()) return;
  ++phase.metrics.rejected;
  throw TraceError(reader_.path(), record.line,
                   std::string(op_name(record.op)) + " up to sector " +
                       std::to_string(record.end_sector()) + " is beyond the device, which has " +
                       std::to_string(device_.sectors()) + " sectors");
}

Replay::Phase& Replay::phase_of(std::uint32_t index) {
  while (phases_.size() <= index) {
    auto phase = std::make_unique<Phase>();
    const std::string& name = reader_.phase_name(static_cast<std::uint32_t>(phases_.size()));
    phase->metrics.name = name;
    const auto cost = params_.phase_costs.find(name);
    phase->cost =
        cost != params_.phase_costs.end() ? &cost->second : &params_.phase_costs.at("default");
    const auto& limit = params_.limit_phases;
    phase->wanted = limit.empty() || std::find(limit.begin(), limit.end(), name) != limit.end();
    phases_.push_back(std::move(phase));
  }
  return *phases_[index];
}

void Replay::enter_phase(std::uint32_t phase) {
  if (in_phase_ && phase == phase_) return;
  if (!open_loop_) barrier();
  leave_phase();
  in_phase_ = true;
  phase_ = phase;
  phase_start_ = kernel_.now();
  ReplayMetrics& metrics = phases_[phase]->metrics;
  if (metrics.started == 0 && metrics.duration == 0) metrics.started = phase_start_;
  if (on_phase) on_phase(phase, true);
}

void Replay::leave_phase() {
  if (!in_phase_) return;
  in_phase_ = false;
  ReplayMetrics& metrics = phases_[phase_]->metrics;
  const Ps now = kernel_.now();
  metrics.ended = std::max(metrics.ended, now);
  metrics.duration += now - phase_start_;
  if (on_phase) on_phase(phase_, false);
}

void Replay::charge_application(const PhaseCost& cost, std::uint64_t bytes) {
  // In pieces of a bio: that is about what one system call moves, and between them others run.
  do {
    const double piece = static_cast<double>(std::min<std::uint64_t>(bytes, params_.max_bio_bytes));
    const double user = cost.user_cycles_per_bio + cost.user_cycles_per_byte * piece;
    if (user > 0) {
      kernel_.user_mode(true);
      kernel_.charge(Activity::user, user);
      kernel_.sync();
      kernel_.user_mode(false);
    }
    const double fs = cost.fs_cycles_per_bio + cost.fs_cycles_per_byte * piece;
    if (fs > 0) kernel_.charge(Activity::fs, fs);
    if (user > 0 || fs > 0) kernel_.cond_resched();
    bytes -= std::min<std::uint64_t>(bytes, params_.max_bio_bytes);
  } while (bytes > 0);
}

void Replay::wait_for_arrival(const TraceRecord& record) {
  if (!has_origin_) {
    has_origin_ = true;
    origin_ = kernel_.now();
    first_ns_ = record.time_ns;
  }
  if (record.time_ns <= first_ns_) return;
  const Ps due = origin_ + (record.time_ns - first_ns_) * hw::kPsPerNs;
  kernel_.sync();
  const Ps now = kernel_.now();
  if (due > now) kernel_.schedule_timeout(due - now);
}

void Replay::hand_over(const TraceRecord& record) {
  const bool write = record.op == Op::write;
  if (!open_loop_) wait_for_room(write ? record.bytes : 0);
  if (abandoned_) return;
  // 2.6.12 lets one pdflush at a time write back to a disk; later kernels' captures show its
  // work under whichever worker thread happened to carry it. O_SYNC and fsync writes are the
  // caller's own.
  const bool by_flusher = write && one_flusher_ && (record.flags & kSync) == 0;
  Submitter& owner = submitter(by_flusher ? kFlusher : record.pid);
  Pending& pending = allocate_pending();
  pending.record = record;
  pending.owner = &owner;
  pending.bios_left = bios_of(record.bytes);
  pending.arrived = kernel_.now();
  ++phases_[record.phase]->metrics.unfinished;
  ++in_progress_;
  owner.queue.push(pending);
  if (write) {
    dirty_bytes_ += record.bytes;
  } else {
    ++queued_reads_;
  }
  if (!write || open_loop_) {
    release(owner);
    return;
  }
  // Write-back starts when a batch is there, not page by page.
  if (held_back_ != &owner) start_writeback();
  held_back_ = &owner;
  held_back_bytes_ += record.bytes;
  if (held_back_bytes_ >= writeback_bytes_) start_writeback();
}

void Replay::start_writeback() {
  held_back_bytes_ = 0;
  if (Submitter* s = std::exchange(held_back_, nullptr)) release(*s);
}

void Replay::release(Submitter& submitter) {
  submitter.released = submitter.queue.size;
  submitter.wait.wake_up();
}

void Replay::wait_for_room(std::uint64_t dirty) {
  const auto bytes_fit = [&](std::uint64_t limit) {
    return dirty == 0 || dirty_bytes_ == 0 || dirty_bytes_ + dirty <= limit;
  };
  const bool reads_fit = dirty != 0 || queued_reads_ < params_.lookahead;
  if (reads_fit && bytes_fit(dirty_limit_)) return;
  start_writeback();
  // Down to half, so that the two sides do not take turns record by record.
  room_.wait_event([&] {
    return abandoned_ ||
           (dirty != 0 ? bytes_fit(dirty_limit_ / 2) : queued_reads_ <= params_.lookahead / 2);
  });
}

void Replay::barrier() {
  start_writeback();
  all_done_.wait_event([this] { return in_progress_ == 0 || (abandoned_ && in_flight_ == 0); });
}

void Replay::abandon(std::exception_ptr error) {
  // What is in flight may still end, but what is queued will not start.
  abandoned_ = true;
  if (!error_) error_ = std::move(error);
  room_.wake_up();
  all_done_.wake_up();
}

Replay::Submitter& Replay::submitter(std::uint32_t pid) {
  Submitter*& slot = by_pid_[pid];
  if (slot == nullptr) {
    slot = &submitters_.emplace_back(kernel_);
    Submitter* const me = slot;
    kernel_.kthread_run(
        "pid " + std::to_string(pid), [this, me] { submitter_loop(*me); },
        -static_cast<int>(params_.submitter_bonus));
  }
  return *slot;
}

// --- submitters -----------------------------------------------------------------------------

void Replay::submitter_loop(Submitter& me) {
  for (;;) {
    consume_read(me);
    if (me.released > 0 && !abandoned_) {
      --me.released;
      Pending& pending = me.queue.pop();
      submit_record(me, pending);
      continue;
    }
    if (std::exchange(me.plugged, false)) {
      device_.unplug();
      continue;
    }
    me.wait.wait_event(
        [&] { return (me.released > 0 && !abandoned_) || !me.arrived_reads.empty(); });
  }
}

void Replay::submit_record(Submitter& me, Pending& pending) {
  // A copy: `pending` may be done and used again as soon as its last bio is submitted.
  const TraceRecord record = pending.record;
  if (record.op == Op::flush) {
    me.waits_for_flush = true;
    submit_bio(me, pending, 0, 0);
  } else {
    std::uint64_t sector = record.sector;
    for (std::uint64_t left = record.bytes; left > 0 && !abandoned_;) {
      const auto bytes =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(left, params_.max_bio_bytes));
      submit_bio(me, pending, sector, bytes);
      sector += bytes / kSectorBytes;
      left -= bytes;
    }
  }
  if (record.op == Op::write) {
    dirty_bytes_ -= record.bytes;
    if (dirty_bytes_ <= dirty_limit_ / 2) room_.wake_up();
  } else if (--queued_reads_ <= params_.lookahead / 2) {
    room_.wake_up();
  }
  if (record.op == Op::flush && me.waits_for_flush) {
    // fsync and sync return when the flush is done; the submitter was in one of them.
    me.plugged = false;
    device_.unplug();
    me.wait.wait_event([&] { return !me.waits_for_flush || abandoned_; });
  }
}

void Replay::submit_bio(Submitter& me, Pending& pending, std::uint64_t sector,
                        std::uint32_t bytes) {
  const Direction direction = pending.record.op == Op::read ? kRead : kWrite;
  const std::uint64_t end = sector + bytes / kSectorBytes;
  take_slot(me, direction);
  if (bytes != 0) {
    wait_for_overlap(me, direction, sector, end);
    intervals_[direction].emplace(sector, end);
  }
  Request& request = allocate_request();
  kernel_.charge_slab_alloc(Activity::fs);
  if (!attach_pages(me, request, bytes)) return;

  request.pending = &pending;
  request.outstanding = true;
  kernel::Bio& bio = request.bio;
  switch (pending.record.op) {
    case Op::read:
      bio.op = BioOp::read;
      break;
    case Op::write:
      bio.op = BioOp::write;
      break;
    default:
      bio.op = BioOp::flush;
      break;
  }
  bio.sector = sector;
  bio.size = bytes;
  bio.end_io = &Replay::end_io;
  bio.bi_private = &request;
  RequestLog& log = request.log;
  log = RequestLog{};
  log.id = ++next_id_;
  log.bio = &bio;
  bio.id = log.id;
  log.op = bio.op;
  log.sector = sector;
  log.bytes = bytes;
  log.pid = pending.record.pid;
  log.phase = pending.record.phase;
  log.flags = pending.record.flags;
  log.line = pending.record.line;
  log.arrived = pending.arrived;
  if (bio.op == BioOp::write) {
    oracle_.begin_write(sector, bio.sectors());
    fill(request);
  } else if (bio.op == BioOp::read) {
    poison(request);
  }
  if (!std::exchange(me.plugged, true)) device_.blk_start_plug();
  log.submitted = kernel_.now();
  count_in_flight(*phases_[log.phase], +1);
  if (on_submit) on_submit(log);
  device_.submit_bio(bio);
}

void Replay::consume_read(Submitter& me) {
  if (me.arrived_reads.empty()) return;
  Pending& pending = me.arrived_reads.pop();
  if (!open_loop_) {
    charge_application(*phases_[pending.record.phase]->cost, pending.record.bytes);
  }
  finish_record(pending);
}

void Replay::take_slot(Submitter& me, Direction direction) {
  const std::uint64_t depth = open_loop_           ? std::numeric_limits<std::uint64_t>::max()
                              : direction == kRead ? params_.depth_read
                                                   : params_.depth_write;
  auto& waiters = slot_waiters_[direction];
  for (;;) {
    if (waiters.empty() && slots_taken_[direction] < depth) {
      ++slots_taken_[direction];
      return;
    }
    waiters.push_back(&me);
    me.plugged = false;
    device_.unplug();
    const auto my_turn = [&] { return waiters.front() == &me && slots_taken_[direction] < depth; };
    me.wait.wait_event([&] { return my_turn() || !me.arrived_reads.empty(); });
    const bool mine = my_turn();
    waiters.erase(std::find(waiters.begin(), waiters.end(), &me));
    // If data arrived, the application looks at it first and lets the next in line go ahead.
    const bool taken = mine && me.arrived_reads.empty();
    if (taken) ++slots_taken_[direction];
    if (slots_taken_[direction] < depth) wake_slot_waiter(direction);
    if (taken) return;
    consume_read(me);
  }
}

void Replay::wake_slot_waiter(Direction direction) {
  if (!slot_waiters_[direction].empty()) slot_waiters_[direction].front()->wait.wake_up();
}

bool Replay::overlaps(Direction direction, std::uint64_t sector, std::uint64_t end) const {
  // No interval is longer than a bio, so few can reach over `sector` from below.
  const auto meets = [&](const Intervals& intervals) {
    const std::uint64_t longest = params_.max_bio_bytes / kSectorBytes;
    auto it = intervals.lower_bound(sector > longest ? sector - longest : 0);
    for (; it != intervals.end() && it->first < end; ++it) {
      if (it->second > sector) return true;
    }
    return false;
  };
  return meets(intervals_[kWrite]) || (direction == kWrite && meets(intervals_[kRead]));
}

void Replay::wait_for_overlap(Submitter& me, Direction direction, std::uint64_t sector,
                              std::uint64_t end) {
  if (!overlaps(direction, sector, end)) return;
  me.plugged = false;
  device_.unplug();
  me.wanted_sector = sector;
  me.wanted_end = end;
  me.waits_for_overlap = true;
  ++overlap_waiters_;
  me.wait.wait_event([&] { return !overlaps(direction, sector, end); });
  --overlap_waiters_;
  me.waits_for_overlap = false;
}

bool Replay::enough_pages(std::uint32_t bytes) const {
  return kernel_.free_pages() >= (bytes + kPageBytes - 1) / kPageBytes;
}

bool Replay::attach_pages(Submitter& me, Request& request, std::uint32_t bytes) {
  if (!enough_pages(bytes)) {
    me.plugged = false;
    device_.unplug();
    me.waits_for_pages = true;
    ++page_waiters_;
    {
      const kernel::Kernel::MemoryWait waiting(kernel_, hw::AllocSite::page_cache);
      me.wait.wait_event([&] { return enough_pages(bytes) || in_flight_ == 0; });
    }
    --page_waiters_;
    me.waits_for_pages = false;
    if (!enough_pages(bytes)) {
      abandon(std::make_exception_ptr(
          std::runtime_error("replay: the modelled memory has no room for a bio of " +
                             std::to_string(bytes) + " bytes")));
      return false;
    }
  }
  request.pages.clear();
  request.bio.vecs.clear();
  for (std::uint32_t left = bytes; left > 0;) {
    const std::uint32_t length = std::min(left, kPageBytes);
    hw::PhysAddr page = kernel_.alloc_page(Activity::fs, hw::AllocSite::page_cache);
    if (page == 0) page = page_later();
    request.pages.push_back(page);
    request.bio.vecs.push_back({page, length});
    left -= length;
  }
  return true;
}

/// After an allocation that failed on purpose: the page cache waits and asks again.
hw::PhysAddr Replay::page_later() {
  const kernel::Kernel::MemoryWait waiting(kernel_, hw::AllocSite::page_cache);
  for (;;) {
    kernel_.schedule_timeout(kRetry);
    if (const hw::PhysAddr page = kernel_.alloc_page(Activity::fs, hw::AllocSite::page_cache)) {
      return page;
    }
  }
}

template <class Visit>
void Replay::for_each_sector(const Request& request, Visit visit) {
  // From the replay's own record of the request: a driver may have advanced the bio's.
  constexpr std::uint32_t kPerPage = kPageBytes / kSectorBytes;
  const std::uint32_t sectors = request.log.bytes / kSectorBytes;
  for (std::uint32_t i = 0; i < sectors; ++i) {
    std::uint8_t* const page = kernel_.phys_to_virt(request.pages[i / kPerPage]);
    visit(request.log.sector + i, page + (i % kPerPage) * kSectorBytes);
  }
}

void Replay::fill(Request& request) {
  for (const kernel::BioVec& vec : request.bio.vecs) kernel_.cpu_write(vec.addr, vec.len);
  for_each_sector(request, [&](std::uint64_t sector, std::uint8_t* data) {
    oracle_.fill(sector, oracle_.expected(sector), data);
  });
}

void Replay::poison(Request& request) {
  // The page may hold what an earlier request left there: the very data this read should bring.
  for_each_sector(
      request, [](std::uint64_t, std::uint8_t* data) { std::memset(data, kPoison, kPoisonBytes); });
}

// --- completion (any context) ---------------------------------------------------------------

void Replay::end_io(kernel::Bio& bio, int error) {
  auto& request = *static_cast<Request*>(bio.bi_private);
  request.replay->end_request(request, error);
}

void Replay::end_request(Request& request, int error) {
  if (!request.outstanding) {
    ++double_ended_;
    if (on_double_end) on_double_end(request.log);
    return;
  }
  request.outstanding = false;
  RequestLog& log = request.log;
  log.ended = kernel_.now();
  log.error = error;
  Phase& phase = *phases_[log.phase];
  count_in_flight(phase, -1);
  ++ended_;
  OpMetrics& op = phase.metrics.of(log.op);
  ++op.bios;
  op.bytes += log.bytes;
  op.latency.add(log.ended - std::min(log.ended, log.submitted));
  phase.metrics.ended = std::max(phase.metrics.ended, log.ended);
  if (error != 0) {
    ++op.errors;
    if (log.op == BioOp::write) oracle_.mark_uncertain(log.sector, log.bytes / kSectorBytes);
  } else if (log.op == BioOp::read) {
    verify_read(request, phase.metrics);
  }
  if (log.op == BioOp::write) check_clobbered(request, phase.metrics);

  for (const hw::PhysAddr page : request.pages) kernel_.free_page(page, Activity::fs);
  kernel_.charge_slab_free(Activity::fs);
  const Direction direction = log.op == BioOp::read ? kRead : kWrite;
  if (log.bytes != 0) {
    Intervals& intervals = intervals_[direction];
    auto it = intervals.find(log.sector);
    while (it->second != log.sector + log.bytes / kSectorBytes) ++it;
    intervals.erase(it);
  }
  --slots_taken_[direction];
  if (on_request) on_request(log);
  const RequestLog ended = log;
  Pending& pending = *request.pending;
  free_requests_.push(request);

  // From here on other contexts may run (waking a thread on another core takes time).
  if (--pending.bios_left == 0) {
    if (log.op == BioOp::read) {
      Submitter& owner = *pending.owner;
      owner.arrived_reads.push(pending);
      owner.wait.wake_up();
    } else {
      finish_record(pending);
    }
  }
  wake_slot_waiter(direction);
  wake_waiters(ended);
}

void Replay::verify_read(Request& request, ReplayMetrics& metrics) {
  // This stands for the reader's copy out of the page cache.
  std::uint32_t left = request.log.bytes;
  for (const hw::PhysAddr page : request.pages) {
    kernel_.cpu_read(page, std::min(left, kPageBytes));
    left -= std::min(left, kPageBytes);
  }
  for_each_sector(request, [&](std::uint64_t sector, const std::uint8_t* data) {
    bool right = false;
    if (!oracle_.written(sector)) {
      ++metrics.unwritten_sectors;
      if (!verify_unwritten) return;
      right = verify_unwritten(sector, data);
    } else if (!oracle_.certain(sector)) {
      ++metrics.uncertain_sectors;
      return;
    } else {
      right = oracle_.verify(sector, data);
    }
    if (right) {
      ++metrics.verified_sectors;
      return;
    }
    ++request.log.wrong_sectors;
    ++metrics.mismatched_sectors;
    if (first_mismatches_.size() < kMismatchesKept) {
      first_mismatches_.push_back({sector, request.log.line, request.log.ended});
    }
  });
  if (request.log.wrong_sectors == 0) ++metrics.verified_reads;
}

void Replay::check_clobbered(const Request& request, ReplayMetrics& metrics) {
  for_each_sector(request, [&](std::uint64_t sector, const std::uint8_t* data) {
    if (!oracle_.looks_like_plaintext(sector, data)) ++metrics.clobbered_sectors;
  });
}

void Replay::wake_waiters(const RequestLog& ended) {
  if (in_flight_ == 0 && abandoned_) all_done_.wake_up();
  if (overlap_waiters_ == 0 && page_waiters_ == 0) return;
  const std::uint64_t end = ended.sector + ended.bytes / kSectorBytes;
  // By index: a wake-up lets other cores run, and one may add a submitter.
  for (std::size_t i = 0; i < submitters_.size(); ++i) {
    Submitter& s = submitters_[i];
    const bool overlapped =
        s.waits_for_overlap && s.wanted_sector < end && ended.sector < s.wanted_end;
    if (overlapped || s.waits_for_pages) s.wait.wake_up();
  }
}

void Replay::finish_record(Pending& pending) {
  ReplayMetrics& metrics = phases_[pending.record.phase]->metrics;
  ++metrics.served;
  --metrics.unfinished;
  metrics.ended = std::max(metrics.ended, kernel_.now());
  Submitter& owner = *pending.owner;
  const bool flush = pending.record.op == Op::flush;
  free_pendings_.push(pending);
  if (flush) {
    owner.waits_for_flush = false;
    owner.wait.wake_up();
  }
  if (--in_progress_ == 0) all_done_.wake_up();
}

void Replay::for_each_outstanding(const std::function<void(const RequestLog&)>& visit) const {
  for (const Request& request : requests_) {
    if (request.outstanding) visit(request.log);
  }
}

void Replay::count_in_flight(Phase& phase, int change) {
  // Contexts run a little ahead of simulated time, so that `now` may step back; summed with
  // its sign the integral is exact all the same.
  const Ps now = kernel_.now();
  const auto elapsed = static_cast<std::int64_t>(now - phase.in_flight_since);
  phase.metrics.in_flight_ps += static_cast<double>(phase.in_flight) * static_cast<double>(elapsed);
  phase.in_flight_since = now;
  phase.in_flight += static_cast<std::uint64_t>(change);
  in_flight_ += static_cast<std::uint64_t>(change);
}

// --- pools and results ----------------------------------------------------------------------

Replay::Request& Replay::allocate_request() {
  if (free_requests_.size > kQuarantine) return free_requests_.pop();
  Request& request = requests_.emplace_back();
  request.replay = this;
  return request;
}

Replay::Pending& Replay::allocate_pending() {
  return free_pendings_.empty() ? pendings_.emplace_back() : free_pendings_.pop();
}

std::uint32_t Replay::bios_of(std::uint64_t bytes) const {
  if (bytes == 0) return 1;
  return static_cast<std::uint32_t>((bytes - 1) / params_.max_bio_bytes + 1);
}

ReplayReport Replay::finish() const {
  if (error_) std::rethrow_exception(error_);
  return report();
}

ReplayReport Replay::report() const {
  ReplayReport report;
  ReplayMetrics& total = report.total;
  total.name = "total";
  total.started = std::numeric_limits<Ps>::max();
  for (const auto& phase : phases_) {
    ReplayMetrics m = phase->metrics;
    m.lost = phase->in_flight;
    // Without barriers the stretches of phases overlap and mean nothing.
    if (open_loop_) m.duration = m.ended - m.started;
    total.rows += m.rows;
    total.served += m.served;
    total.skipped += m.skipped;
    total.rejected += m.rejected;
    total.unfinished += m.unfinished;
    for (std::size_t i = 0; i < m.ops.size(); ++i) total.ops[i].merge(m.ops[i]);
    total.lost += m.lost;
    total.verified_reads += m.verified_reads;
    total.verified_sectors += m.verified_sectors;
    total.mismatched_sectors += m.mismatched_sectors;
    total.unwritten_sectors += m.unwritten_sectors;
    total.uncertain_sectors += m.uncertain_sectors;
    total.clobbered_sectors += m.clobbered_sectors;
    total.fua_or_preflush += m.fua_or_preflush;
    total.in_flight_ps += m.in_flight_ps;
    if (m.served + m.unfinished != 0) {
      total.started = std::min(total.started, m.started);
      total.ended = std::max(total.ended, m.ended);
    }
    report.phases.push_back(std::move(m));
  }
  total.started = std::min(total.started, total.ended);
  total.duration = total.ended - total.started;
  report.double_ended = double_ended_;
  report.skipped_lines = reader_.skipped_lines();
  report.bios_allocated = requests_.size();
  report.first_mismatches = first_mismatches_;
  return report;
}

}  // namespace cesasim::traces
