// SPDX-License-Identifier: Apache-2.0
#include "kernel_model/block.h"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace cesasim::kernel {
namespace {

using Segments = std::vector<hw::DiskSegment>;

bool contiguous(const hw::DiskSegment& a, const hw::DiskSegment& b) {
  return a.addr + a.len == b.addr && a.len + b.len <= DiskQueue::kMaxSegmentBytes;
}

/// Segments of `a` followed by `b`, the last and first joined where they can be.
std::size_t joined_count(const Segments& a, const Segments& b) {
  const bool join = !a.empty() && !b.empty() && contiguous(a.back(), b.front());
  return a.size() + b.size() - (join ? 1 : 0);
}

Ps ms_to_ps(double ms) { return static_cast<Ps>(ms * static_cast<double>(hw::kPsPerMs)); }

}  // namespace

DiskQueue::DiskQueue(Kernel& kernel, hw::Disk& disk, unsigned irq, const std::string& name,
                     unsigned irq_cpu)
    : kernel_(kernel),
      deadline_{ms_to_ps(kernel.settings().deadline_read_expire_ms),
                ms_to_ps(kernel.settings().deadline_write_expire_ms),
                kernel.settings().deadline_fifo_batch, kernel.settings().deadline_writes_starved},
      congestion_(kernel),
      disk_(disk),
      max_sectors_(std::max<std::uint32_t>(1, kernel.settings().max_sectors)),
      max_segments_(std::max<std::uint32_t>(1, kernel.settings().max_segments)),
      tags_(disk.queue_depth()) {
  done_tasklet_.fn = [this] { complete(); };
  command_timer_.fn = [this] { command_timeout(); };
  kernel.request_irq(
      irq, [this] { return reap(); }, name, irq_cpu);
}

Request& DiskQueue::new_request(bool write, std::uint64_t sector, std::uint32_t sectors,
                                const Segments& segments, const Request::Part& part) {
  Request& r = pool_.take();
  r.write = write;
  r.sector = sector;
  r.sectors = sectors;
  r.order = arrivals_++;
  r.segments.assign(segments.begin(), segments.end());
  r.parts.push_back(part);
  return r;
}

void DiskQueue::put_request(Request& request) {
  request.segments.clear();
  request.parts.clear();
  pool_.put(request);
}

// --- submission -----------------------------------------------------------------------------

void DiskQueue::submit_bio(Bio& bio) {
  ++stats_.bios;
  kernel_.trace(TraceEvent::disk_submit, bio.id);
  kernel_.charge(Activity::block, kernel_.costs().bio_submit);
  if (bio.op == BioOp::flush) {
    submit_flush(bio);
    return;
  }
  if (bio.size == 0 || bio.size % hw::kSectorBytes != 0 || bio.sector >= sectors() ||
      bio.sectors() > sectors() - bio.sector) {
    end_bio(bio, -EIO);
    return;
  }
  const std::uint32_t first = cut(bio, 0);
  if (first == bio.size) {
    make_request(bio, nullptr, 0, bio.size);
    return;
  }
  // The submitter holds one reference, so that pieces that end early do not end the bio.
  ++stats_.bios_split;
  auto* split = new BioSplit{&bio, 1, 0};
  for (std::uint32_t offset = 0; offset < bio.size;) {
    const std::uint32_t bytes = offset == 0 ? first : cut(bio, offset);
    if (bytes == 0) {  // a sector in more places than a request may have segments
      split->error = -EIO;
      break;
    }
    ++split->remaining;
    make_request(bio, split, offset, bytes);
    offset += bytes;
  }
  end_part({&bio, split}, 0);
}

/// Bytes from `offset` that one request can carry, in whole sectors.
std::uint32_t DiskQueue::cut(const Bio& bio, std::uint32_t offset) const {
  const std::uint32_t limit = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(bio.size - offset, std::uint64_t{max_sectors_} * hw::kSectorBytes));
  std::uint32_t skip = offset;
  std::uint32_t bytes = 0;
  std::size_t count = 0;
  hw::DiskSegment last;
  for (const BioVec& vec : bio.vecs) {
    if (bytes == limit) break;
    if (skip >= vec.len) {
      skip -= vec.len;
      continue;
    }
    PhysAddr addr = vec.addr + skip;
    std::uint32_t left = std::min(vec.len - skip, limit - bytes);
    skip = 0;
    while (left > 0) {
      const hw::DiskSegment s{addr, std::min(left, kMaxSegmentBytes)};
      if (count > 0 && contiguous(last, s)) {
        last.len += s.len;
      } else {
        if (count == max_segments_) return bytes / hw::kSectorBytes * hw::kSectorBytes;
        ++count;
        last = s;
      }
      bytes += s.len;
      addr += s.len;
      left -= s.len;
    }
  }
  return bytes / hw::kSectorBytes * hw::kSectorBytes;
}

/// Scatter/gather entries of `bytes` of the bio from `offset`, into `out`.
void DiskQueue::collect(const Bio& bio, std::uint32_t offset, std::uint32_t bytes,
                        Segments& out) const {
  out.clear();
  for (const BioVec& vec : bio.vecs) {
    if (bytes == 0) break;
    if (offset >= vec.len) {
      offset -= vec.len;
      continue;
    }
    PhysAddr addr = vec.addr + offset;
    std::uint32_t left = std::min(vec.len - offset, bytes);
    offset = 0;
    bytes -= left;
    while (left > 0) {
      const hw::DiskSegment s{addr, std::min(left, kMaxSegmentBytes)};
      if (!out.empty() && contiguous(out.back(), s)) {
        out.back().len += s.len;
      } else {
        out.push_back(s);
      }
      addr += s.len;
      left -= s.len;
    }
  }
}

bool DiskQueue::may_join(std::uint32_t sectors, const Segments& front, const Segments& back) const {
  return sectors <= max_sectors_ && joined_count(front, back) <= max_segments_;
}

bool DiskQueue::join(Elevator& elevator, Request& front, Request& back) {
  if (&front == &back || !may_join(front.sectors + back.sectors, front.segments, back.segments)) {
    return false;
  }
  account();
  elevator.merged(front, back);
  append(front.segments, back.segments);
  front.sectors += back.sectors;
  front.parts.insert(front.parts.end(), back.parts.begin(), back.parts.end());
  --queued_;
  ++stats_.request_merges;
  kernel_.charge(Activity::block, kernel_.costs().bio_merge);
  put_request(back);
  return true;
}

void DiskQueue::append(Segments& a, const Segments& b) {
  auto from = b.begin();
  if (!a.empty() && from != b.end() && contiguous(a.back(), *from)) {
    a.back().len += from->len;
    ++from;
  }
  a.insert(a.end(), from, b.end());
}

void DiskQueue::prepend(Segments& a, const Segments& b) {
  auto to = b.end();
  if (!a.empty() && !b.empty() && contiguous(b.back(), a.front())) {
    --to;
    a.front() = {to->addr, to->len + a.front().len};
  }
  a.insert(a.begin(), b.begin(), to);
}

void DiskQueue::blk_congestion_wait(Ps timeout) {
  const std::uint64_t seen = writes_freed_;
  congestion_.wait_event_timeout([&] { return writes_freed_ != seen; }, timeout);
}

// --- the disk's driver ----------------------------------------------------------------------

std::uint32_t DiskQueue::take_tag(Request* request) {
  const auto it =
      std::find_if(tags_.begin(), tags_.end(), [](const InFlight& f) { return !f.used; });
  if (it == tags_.end()) throw std::logic_error("disk queue overflow");
  it->used = true;
  it->request = request;
  ++in_flight_;
  return static_cast<std::uint32_t>(it - tags_.begin());
}

void DiskQueue::free_tag(const Done& done) {
  tags_[done.tag] = {};
  --in_flight_;
}

void DiskQueue::send_flush() {
  command_.op = hw::DiskCommand::Op::flush;
  command_.sectors = 0;
  command_.segments.clear();
  command_.tag = take_tag(nullptr);
  ++stats_.flushes;
  kernel_.charge(Activity::block, kernel_.costs().request_dispatch);
  watch_command(command_.tag);
  kernel_.sync_now();
  if (!disk_.submit(command_)) throw std::logic_error("disk queue overflow");
}

void DiskQueue::send(Request& request) {
  const auto direction =
      request.write ? Kernel::DmaDirection::to_device : Kernel::DmaDirection::from_device;
  command_.op = request.write ? hw::DiskCommand::Op::write : hw::DiskCommand::Op::read;
  command_.sector = request.sector;
  command_.sectors = request.sectors;
  command_.segments.assign(request.segments.begin(), request.segments.end());
  command_.tag = take_tag(&request);
  ++(request.write ? stats_.write_requests : stats_.read_requests);
  kernel_.charge(Activity::block, kernel_.costs().request_dispatch +
                                      kernel_.costs().request_segment *
                                          static_cast<double>(request.segments.size()));
  for (const hw::DiskSegment& s : request.segments) {
    kernel_.dma_map_single(s.addr, s.len, direction);
  }
  watch_command(command_.tag);
  // The disk works in simulated time: what was charged so far comes before the command.
  kernel_.sync_now();
  if (!disk_.submit(command_)) throw std::logic_error("disk queue overflow");
}

/// Starts the command's time; the timer of an earlier one finds it when it expires.
void DiskQueue::watch_command(std::uint32_t tag) {
  tags_[tag].since = kernel_.now();
  if (!command_timer_.armed) kernel_.mod_timer(command_timer_, kCommandTimeout);
}

/// Of the oldest command when the timer was armed, which may have ended long ago.
void DiskQueue::command_timeout() {
  Kernel::IrqLock lock(kernel_, lock_, Activity::block);
  const Ps now = kernel_.now();
  bool late = false;
  Ps oldest = now;
  for (InFlight& f : tags_) {
    if (!f.used) continue;
    if (now - f.since >= kCommandTimeout) {
      late = true;
      f.since = now;
    }
    oldest = std::min(oldest, f.since);
  }
  if (in_flight_ > 0) kernel_.mod_timer(command_timer_, oldest + kCommandTimeout - now);
  if (!late) return;
  ++stats_.timeouts;
  reap();
}

/// Takes what the disk has ended; a tasklet does the rest.
bool DiskQueue::reap() {
  bool mine = false;
  while (const auto c = disk_.reap()) {
    done_.push_back({c->tag, c->error, c->sectors_done});
    mine = true;
  }
  if (mine) kernel_.tasklet_schedule(done_tasklet_);
  return mine;
}

void DiskQueue::end_request(Request& request, const Done& done) {
  const auto direction =
      request.write ? Kernel::DmaDirection::to_device : Kernel::DmaDirection::from_device;
  for (const hw::DiskSegment& s : request.segments) {
    kernel_.dma_unmap_single(s.addr, s.len, direction);
  }
  // end_that_request_first: what the disk got done is done, the rest has failed. A command that
  // ended early has no error of its own.
  std::uint32_t left = done.sectors;
  for (const Request::Part& part : request.parts) {
    const bool complete = part.sectors <= left;
    left -= std::min(left, part.sectors);
    kernel_.trace(TraceEvent::disk_complete, part.bio->id, done.tag);
    end_part(part, complete ? 0 : done.error != 0 ? done.error : -EIO);
  }
}

void DiskQueue::end_part(const Request::Part& part, int error) {
  if (part.split == nullptr) {
    end_bio(*part.bio, error);
    return;
  }
  BioSplit& split = *part.split;
  if (error != 0) split.error = error;
  if (--split.remaining > 0) return;
  const int result = split.error;
  delete part.split;
  end_bio(*part.bio, result);
}

void DiskQueue::end_bio(Bio& bio, int error) {
  ++stats_.bios_ended;
  if (error != 0) ++stats_.bios_failed;
  kernel_.charge(Activity::block, kernel_.costs().bio_complete);
  bio.end_io(bio, error);  // may free the bio
}

void DiskQueue::account() {
  const Ps now = hw::now_ps();
  stats_.depth_ps +=
      static_cast<double>(queued_ + in_flight_) * static_cast<double>(now - accounted_to_);
  accounted_to_ = now;
}

RequestQueueStats DiskQueue::stats() const {
  RequestQueueStats s = stats_;
  s.depth_ps +=
      static_cast<double>(queued_ + in_flight_) * static_cast<double>(hw::now_ps() - accounted_to_);
  return s;
}

// --- 2.6.12 ---------------------------------------------------------------------------------

RequestQueue::RequestQueue(Kernel& kernel, hw::Disk& disk, unsigned irq, const std::string& name,
                           unsigned irq_cpu)
    : DiskQueue(kernel, disk, irq, name, irq_cpu),
      nr_requests_(std::max<std::uint32_t>(1, kernel.settings().nr_requests)),
      unplug_threshold_(kernel.settings().unplug_threshold),
      unplug_delay_(ms_to_ps(kernel.settings().unplug_delay_ms)),
      wait_{WaitQueue(kernel), WaitQueue(kernel)} {
  new_epoch();
  unplug_tasklet_.fn = [this] {
    Kernel::IrqLock lock(kernel_, lock_, Activity::block);
    if (!plugged_) return;
    ++stats_.unplugs_by_timer;
    remove_plug();
    dispatch();
  };
  unplug_timer_.fn = [this] { kernel_.tasklet_schedule(unplug_tasklet_); };
}

RequestQueue::Epoch& RequestQueue::new_epoch() {
  epochs_.emplace_back();
  epochs_.back().elevator = make_elevator(kernel_.settings().elevator, deadline_);
  return epochs_.back();
}

/// __make_request: merges the piece into a queued request or takes a new one.
void RequestQueue::make_request(Bio& bio, BioSplit* split, std::uint32_t offset,
                                std::uint32_t bytes) {
  const bool write = bio.op == BioOp::write;
  const std::uint64_t sector = bio.sector + offset / hw::kSectorBytes;
  const std::uint32_t sectors = bytes / hw::kSectorBytes;
  const Request::Part part{&bio, split, sectors};
  for (;;) {
    {
      Kernel::IrqLock lock(kernel_, lock_, Activity::block);
      collect(bio, offset, bytes, scratch_);
      if (try_merge(write, sector, sectors, part)) return;
      if (allocated_[write] < nr_requests_) {
        add_request(write, sector, sectors, part);
        return;
      }
      // get_request_wait: what is queued must get going, or nothing would ever be freed.
      ++stats_.sleeps;
      remove_plug();
      dispatch();
    }
    wait_[write].wait_event([&] { return allocated_[write] < nr_requests_; });
  }
}

bool RequestQueue::try_merge(bool write, std::uint64_t sector, std::uint32_t sectors,
                             const Request::Part& part) {
  Elevator& elevator = *epochs_.back().elevator;
  Request* r = elevator.ending_at(write, sector);
  if (r != nullptr && may_join(r->sectors + sectors, r->segments, scratch_)) {
    append(r->segments, scratch_);
    r->sectors += sectors;
    r->parts.push_back(part);
    ++stats_.back_merges;
    kernel_.charge(Activity::block, kernel_.costs().bio_merge);
    if (Request* next = elevator.starting_at(write, r->end())) join_requests(*r, *next);
    return true;
  }
  r = elevator.starting_at(write, sector + sectors);
  if (r != nullptr && may_join(r->sectors + sectors, scratch_, r->segments)) {
    prepend(r->segments, scratch_);
    elevator.grow_front(*r, sectors);
    r->parts.insert(r->parts.begin(), part);
    ++stats_.front_merges;
    kernel_.charge(Activity::block, kernel_.costs().bio_merge);
    if (Request* before = elevator.ending_at(write, r->sector)) join_requests(*before, *r);
    return true;
  }
  return false;
}

/// The gap between two queued requests has closed.
void RequestQueue::join_requests(Request& front, Request& back) {
  const bool write = back.write;
  if (!join(*epochs_.back().elevator, front, back)) return;
  --allocated_[write];
  if (write) write_freed();
  wait_[write].wake_up();
  if (write) congestion_.wake_up();
}

void RequestQueue::add_request(bool write, std::uint64_t sector, std::uint32_t sectors,
                               const Request::Part& part) {
  account();
  ++allocated_[write];
  Request& r = new_request(write, sector, sectors, scratch_, part);
  if (queued_ == 0 && !plugged_) {
    plugged_ = true;
    ++stats_.plugs;
    kernel_.mod_timer(unplug_timer_, unplug_delay_);
  }
  epochs_.back().elevator->add(r, kernel_.now());
  ++queued_;
  if (plugged_ && queued_ >= unplug_threshold_) {
    ++stats_.unplugs_by_threshold;
    remove_plug();
    dispatch();
  }
}

void RequestQueue::submit_flush(Bio& bio) {
  Kernel::IrqLock lock(kernel_, lock_, Activity::block);
  epochs_.back().flush = &bio;
  new_epoch();
  remove_plug();
  dispatch();
}

void RequestQueue::unplug() {
  Kernel::IrqLock lock(kernel_, lock_, Activity::block);
  if (!plugged_) return;
  remove_plug();
  dispatch();
}

void RequestQueue::remove_plug() {
  if (!plugged_) return;
  plugged_ = false;
  kernel_.del_timer(unplug_timer_);
}

/// Sends what the elevator names while the disk takes more. Called with the lock held.
void RequestQueue::dispatch() {
  while (disk_has_room()) {
    Epoch& epoch = epochs_.front();
    if (Request* r = epoch.elevator->next(kernel_.now())) {
      account();
      --queued_;
      send(*r);
      continue;
    }
    if (epoch.flush == nullptr || epoch.flush_sent || in_flight_ > 0) return;
    account();
    epoch.flush_sent = true;
    send_flush();
  }
}

void RequestQueue::complete() {
  while (!done_.empty()) {
    const Done done = done_.front();
    done_.pop_front();
    complete_one(done);
  }
}

void RequestQueue::complete_one(const Done& done) {
  Request* const request = request_of(done);
  kernel_.charge(Activity::block, kernel_.costs().request_complete);
  const bool write = request != nullptr && request->write;
  if (request != nullptr) {
    end_request(*request, done);
  } else {
    kernel_.trace(TraceEvent::disk_complete, epochs_.front().flush->id, done.tag);
    end_bio(*epochs_.front().flush, done.error);
  }
  {
    Kernel::IrqLock lock(kernel_, lock_, Activity::block);
    account();
    free_tag(done);
    if (request != nullptr) {
      put_request(*request);
      --allocated_[write];
      if (write) write_freed();
    } else {
      epochs_.pop_front();
    }
    // blk_run_queue: a completion also starts a plugged queue.
    remove_plug();
    dispatch();
  }
  if (request != nullptr) {
    wait_[write].wake_up();
    if (write) congestion_.wake_up();
  }
}

}  // namespace cesasim::kernel
