// SPDX-License-Identifier: Apache-2.0
#include "traces/replay/replay.h"

#include <algorithm>
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
constexpr Ps kRetry = 10 * hw::kPsPerMs;

}  // namespace

Replay::Replay(kernel::Kernel& kernel, kernel::BlockDevice& device, TraceReader& reader,
               const ReplayParams& params)
    : kernel_(kernel),
      device_(device),
      reader_(reader),
      params_(params),
      open_loop_(params.mode == "open"),
      one_flusher_(params.writeback == "flusher"),
      dirty_limit_(std::uint64_t{params.dirty_kib} * 1024),
      writeback_bytes_(std::uint64_t{params.writeback_kib} * 1024),
      done_event_("replay_done"),
      arrival_news_(kernel),
      room_(kernel),
      all_done_(kernel),
      ranges_(params.max_bio_bytes / kSectorBytes),
      meter_(params.mode == "open"),
      listeners_{&meter_} {
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
  application_ = &kernel_.kthread_run("application", [this] { application(); });
  if (!open_loop_) return;
  origin_ = sc_core::sc_time_stamp().value();
  sc_core::sc_spawn([this] { arrivals(); }, sc_core::sc_gen_unique_name("arrivals"));
}

// --- the application ------------------------------------------------------------------------

void Replay::application() {
  try {
    if (open_loop_) {
      follow_phases();
    } else {
      play_trace();
    }
  } catch (const TraceError&) {  // what was handed over before is brought to its end
    error_ = std::current_exception();
  }
  barrier();
  leave_phase();
  done_ = true;
  done_event_.notify(sc_core::SC_ZERO_TIME);
  for (ReplayListener* listener : listeners_) listener->finished();
}

void Replay::play_trace() {
  TraceRecord record;
  for (std::uint64_t rows = 0; params_.max_records == 0 || rows < params_.max_records; ++rows) {
    if (abandoned_ || !reader_.next(record)) return;
    take_up(record);
  }
}

void Replay::take_up(const TraceRecord& record) {
  if (left_out(record)) return;
  enter_phase(record.phase);
  notify_row(RowEvent::taken_up, record);
  if (record.op == Op::write) charge_application(*phase_of(record.phase).cost, record.bytes);
  hand_over(record);
}

/// True if the record is not to be replayed. Throws TraceError if it cannot be.
bool Replay::left_out(const TraceRecord& record) {
  const Phase& phase = phase_of(record.phase);
  notify_row(RowEvent::offered, record);
  if (!phase.wanted || record.op == Op::discard) {  // dm-crypt of 2.6.12 has no discards
    notify_row(RowEvent::skipped, record);
    return true;
  }
  check_fits(record);
  return false;
}

void Replay::check_fits(const TraceRecord& record) {
  if (record.op == Op::flush || record.end_sector() <= device_.sectors()) return;
  notify_row(RowEvent::rejected, record);
  throw TraceError(reader_.path(), record.line,
                   std::string(op_name(record.op)) + " up to sector " +
                       std::to_string(record.end_sector()) + " is beyond the device, which has " +
                       std::to_string(device_.sectors()) + " sectors");
}

Replay::Phase& Replay::phase_of(std::uint32_t index) {
  while (phases_.size() <= index) {
    Phase phase;
    const std::string& name = reader_.phase_name(static_cast<std::uint32_t>(phases_.size()));
    const auto cost = params_.phase_costs.find(name);
    phase.cost =
        cost != params_.phase_costs.end() ? &cost->second : &params_.phase_costs.at("default");
    const auto& limit = params_.limit_phases;
    phase.wanted = limit.empty() || std::find(limit.begin(), limit.end(), name) != limit.end();
    phases_.push_back(phase);
  }
  return phases_[index];
}

void Replay::enter_phase(std::uint32_t phase) {
  if (in_phase_ && phase == phase_) return;
  if (!open_loop_) barrier();
  leave_phase();
  in_phase_ = true;
  phase_ = phase;
  notify_phase(true);
}

void Replay::leave_phase() {
  if (!in_phase_) return;
  in_phase_ = false;
  notify_phase(false);
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

// --- arrivals in open loop: outside of the modelled machine -----------------------------------

void Replay::arrivals() {
  try {
    TraceRecord record;
    for (std::uint64_t rows = 0; params_.max_records == 0 || rows < params_.max_records; ++rows) {
      if (abandoned_ || !reader_.next(record)) break;
      if (left_out(record)) continue;
      if (!arrive(record)) break;
    }
  } catch (const TraceError&) {  // what arrived before is brought to its end
    error_ = std::current_exception();
  }
  all_arrived_ = true;
  kernel_.wake_from_outside(*application_);
}

/// False if the replay was stopped meanwhile.
bool Replay::arrive(const TraceRecord& record) {
  if (arrived_ == 0) first_ns_ = record.time_ns;
  // Where time starts again, a record is due at once.
  const std::uint64_t since = record.time_ns - std::min(first_ns_, record.time_ns);
  const Ps due = std::max(origin_ + since * hw::kPsPerNs, last_due_);
  last_due_ = due;
  const Ps now = sc_core::sc_time_stamp().value();
  const Ps ahead = now + time_to_prepare(record);
  if (due > ahead) sc_core::wait(sc_core::sc_time::from_value(due - ahead));
  if (abandoned_) return false;
  if (arrived_++ == 0 || record.phase != arriving_phase_) {
    arriving_phase_ = record.phase;
    phases_begun_.push_back(record.phase);
    kernel_.wake_from_outside(*application_);
  }
  notify_row(RowEvent::taken_up, record);
  Submitter& owner = submitter(owner_pid(record), true);
  queue_record(owner, record, due);
  owner.released = owner.queue.size;
  kernel_.wake_from_outside(*owner.thread);
  return true;
}

/// From the wake-up of an idle core to the submission of the record's first bio: what the kernel
/// charges on this way (see submit_bio()).
Ps Replay::time_to_prepare(const TraceRecord& record) const {
  const hw::CpuCore& core = kernel_.core(0);
  const kernel::KernelCosts& costs = kernel_.costs();
  const std::uint64_t bytes = std::min<std::uint64_t>(record.bytes, params_.max_bio_bytes);
  return core.cycles(costs.context_switch) + core.cycles(costs.slab_alloc) +
         (bytes + kPageBytes - 1) / kPageBytes * core.cycles(costs.page_alloc);
}

/// The application in open loop: enters phases as they begin, until all records have arrived.
void Replay::follow_phases() {
  for (;;) {
    arrival_news_.wait_event(
        [this] { return !phases_begun_.empty() || all_arrived_ || abandoned_; });
    if (phases_begun_.empty()) return;
    const std::uint32_t phase = phases_begun_.front();
    phases_begun_.pop_front();
    enter_phase(phase);
  }
}

// --- handing over -----------------------------------------------------------------------------

void Replay::hand_over(const TraceRecord& record) {
  const bool write = record.op == Op::write;
  wait_for_room(write ? record.bytes : 0);
  if (abandoned_) return;
  Submitter& owner = submitter(owner_pid(record));
  queue_record(owner, record, kernel_.now());
  if (!write) {
    release(owner);
    return;
  }
  // Write-back starts when a batch is there, not page by page.
  if (held_back_ != &owner) start_writeback();
  held_back_ = &owner;
  held_back_bytes_ += record.bytes;
  if (held_back_bytes_ >= writeback_bytes_) start_writeback();
}

std::uint32_t Replay::owner_pid(const TraceRecord& record) const {
  // 2.6.12 lets one pdflush at a time write back to a disk; later kernels' captures show its
  // work under whichever worker thread happened to carry it. O_SYNC and fsync writes are the
  // caller's own.
  const bool by_flusher = record.op == Op::write && one_flusher_ && (record.flags & kSync) == 0;
  return by_flusher ? kFlusher : record.pid;
}

void Replay::queue_record(Submitter& owner, const TraceRecord& record, Ps arrived) {
  Pending& pending = allocate_pending();
  pending.record = record;
  pending.owner = &owner;
  pending.bios_left = bios_of(record.bytes);
  pending.arrived = arrived;
  notify_row(RowEvent::queued, record);
  ++in_progress_;
  owner.queue.push(pending);
  if (record.op == Op::write) {
    dirty_bytes_ += record.bytes;
  } else {
    ++queued_reads_;
  }
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
  arrival_news_.wake_up();
  all_done_.wake_up();
}

Replay::Submitter& Replay::submitter(std::uint32_t pid, bool from_outside) {
  Submitter*& slot = by_pid_[pid];
  if (slot == nullptr) {
    slot = &submitters_.emplace_back(kernel_);
    Submitter* const me = slot;
    const std::string name = pid == kFlusher ? "pdflush" : "pid " + std::to_string(pid);
    const auto body = [this, me] { submitter_loop(*me); };
    const int nice = -static_cast<int>(params_.submitter_bonus);
    me->thread = from_outside ? &kernel_.kthread_run_from_outside(name, body, nice)
                              : &kernel_.kthread_run(name, body, nice);
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
  if (record.op == Op::read && kernel_.settings().mq()) {
    // A row of reads is a read-ahead of its own, with its own plug (read_pages of 6.1). With more
    // of them in one, reads that follow each other would merge, and all wait for all.
    me.plugged = false;
    device_.unplug();
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
    ranges_.add(direction, sector, end);
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
  if (!std::exchange(me.plugged, true)) device_.blk_start_plug();
  // A little early: the core was faster than time_to_prepare().
  if (open_loop_ && kernel_.now() < log.arrived) {
    kernel_.charge_ps(Activity::fs, log.arrived - kernel_.now());
  }
  log.submitted = kernel_.now();
  ++in_flight_;
  for (ReplayListener* listener : listeners_) listener->submitted(log, request.pages);
  device_.submit_bio(bio);
}

void Replay::consume_read(Submitter& me) {
  if (me.arrived_reads.empty()) return;
  Pending& pending = me.arrived_reads.pop();
  if (!open_loop_) {
    charge_application(*phases_[pending.record.phase].cost, pending.record.bytes);
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

void Replay::wait_for_overlap(Submitter& me, Direction direction, std::uint64_t sector,
                              std::uint64_t end) {
  if (!ranges_.overlaps(direction, sector, end)) return;
  me.plugged = false;
  device_.unplug();
  me.wanted_sector = sector;
  me.wanted_end = end;
  me.waits_for_overlap = true;
  ++overlap_waiters_;
  me.wait.wait_event([&] { return !ranges_.overlaps(direction, sector, end); });
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

/// After an injected failure of an allocation: the page cache waits and asks again.
hw::PhysAddr Replay::page_later() {
  const kernel::Kernel::MemoryWait waiting(kernel_, hw::AllocSite::page_cache);
  for (;;) {
    kernel_.schedule_timeout(kRetry);
    if (const hw::PhysAddr page = kernel_.alloc_page(Activity::fs, hw::AllocSite::page_cache)) {
      return page;
    }
  }
}

// --- completion (any context) ---------------------------------------------------------------

void Replay::end_io(kernel::Bio& bio, int error) {
  auto& request = *static_cast<Request*>(bio.bi_private);
  request.replay->end_request(request, error);
}

void Replay::end_request(Request& request, int error) {
  if (!request.outstanding) {
    for (ReplayListener* listener : listeners_) listener->completed_again(request.log);
    return;
  }
  request.outstanding = false;
  RequestLog& log = request.log;
  log.ended = kernel_.now();
  log.error = error;
  --in_flight_;
  ++ended_;
  for (ReplayListener* listener : listeners_) listener->completed(log, request.pages);

  for (const hw::PhysAddr page : request.pages) kernel_.free_page(page, Activity::fs);
  kernel_.charge_slab_free(Activity::fs);
  const Direction direction = log.op == BioOp::read ? kRead : kWrite;
  if (log.bytes != 0) {
    ranges_.remove(direction, log.sector, log.sector + log.bytes / kSectorBytes);
  }
  --slots_taken_[direction];
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
  notify_row(RowEvent::completed, pending.record);
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

bool Replay::waiting() const {
  if (in_flight_ != 0) return true;
  std::uint64_t unreleased = 0;
  for (const Submitter& s : submitters_) unreleased += s.queue.size - s.released;
  return in_progress_ > unreleased;
}

void Replay::notify_row(RowEvent event, const TraceRecord& record) {
  const Ps now = kernel_.now();
  for (ReplayListener* listener : listeners_) listener->row(event, record, now);
}

void Replay::notify_phase(bool entered) {
  const Ps now = kernel_.now();
  for (ReplayListener* listener : listeners_) listener->phase(phase_, entered, now);
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
  report.phases = meter_.phases();
  for (std::uint32_t i = 0; i < report.phases.size(); ++i) {
    report.phases[i].name = reader_.phase_name(i);
  }
  report.total = ReplayMeter::total(report.phases);
  report.double_ended = meter_.double_ended();
  report.skipped_lines = reader_.skipped_lines();
  report.bios_allocated = requests_.size();
  return report;
}

}  // namespace cesasim::traces
