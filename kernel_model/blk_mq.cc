// SPDX-License-Identifier: Apache-2.0
#include "kernel_model/blk_mq.h"

#include <algorithm>
#include <utility>

namespace cesasim::kernel {

BlkMq::BlkMq(Kernel& kernel, hw::Disk& disk, unsigned irq, const std::string& name,
             unsigned irq_cpu)
    : DiskQueue(kernel, disk, irq, name, irq_cpu),
      plug_max_requests_(std::max<std::uint32_t>(1, kernel.settings().plug_max_requests)),
      plug_flush_sectors_(kernel.settings().plug_flush_kib * 1024 / hw::kSectorBytes),
      software_queues_(kernel.cpus()),
      wait_(kernel),
      kblockd_(kernel, "kblockd", {.unbound = false, .max_active = 1, .nice = kKblockdNice}) {
  const KernelSettings& s = kernel.settings();
  if (s.elevator == "none") {
    tags_ = disk.queue_depth();
    async_depth_ = tags_;
  } else {
    scheduler_ = make_elevator(s.elevator, deadline_);
    tags_ = std::max<std::uint32_t>(1, s.nr_requests);
    async_depth_ = std::clamp<std::uint32_t>(s.deadline_async_depth, 1, tags_);
  }
}

// --- plugs ----------------------------------------------------------------------------------

BlkMq::Plug* BlkMq::current_plug() {
  if (kernel_.in_interrupt()) return nullptr;
  const auto found = plugs_.find(&kernel_.current());
  return found == plugs_.end() || !found->second.open ? nullptr : &found->second;
}

void BlkMq::blk_start_plug() {
  if (kernel_.in_interrupt()) return;
  Plug& plug = plugs_[&kernel_.current()];
  if (plug.open) return;
  plug.open = true;
  ++stats_.plugs;
  kernel_.set_before_sleep(kernel_.current(), [this, &plug] {
    if (plug.list.empty()) return;
    ++stats_.unplugs_by_sleep;
    flush_plug(plug, true);
  });
}

void BlkMq::unplug() {
  Plug* const plug = current_plug();
  if (plug == nullptr) return;
  plug->open = false;
  kernel_.set_before_sleep(kernel_.current(), {});
  flush_plug(*plug, false);
}

/// blk_flush_plug. Who is on the way to sleep leaves the rest to kblockd.
void BlkMq::flush_plug(Plug& plug, bool from_schedule) {
  if (plug.list.empty()) return;
  const std::vector<Request*> list = std::exchange(plug.list, {});
  {
    Kernel::IrqLock lock(kernel_, lock_, Activity::block);
    const bool direct = scheduler_ == nullptr && !from_schedule;
    for (Request* r : list) {
      if (direct) {
        ++stats_.direct_issues;
        account();
        --queued_;
        send(*r);
      } else {
        insert(*r);
      }
    }
    if (!from_schedule && !direct) run_hw_queue();
  }
  if (from_schedule) run_hw_queue_async();
}

// --- submission -----------------------------------------------------------------------------

bool BlkMq::may_allocate(bool write) const {
  return allocated_ < tags_ && (!write || writes_allocated_ < async_depth_);
}

void BlkMq::allocate(bool write) {
  ++allocated_;
  if (write) ++writes_allocated_;
}

void BlkMq::release(bool write) {
  --allocated_;
  if (!write) return;
  --writes_allocated_;
  write_freed();
}

/// blk_mq_get_tag. `locked` runs with the lock held; true: it needs no request, or has taken it.
template <class Locked>
void BlkMq::get_request(bool write, Locked locked) {
  for (;;) {
    {
      Kernel::IrqLock lock(kernel_, lock_, Activity::block);
      if (locked()) return;
      // What is queued must get going, or nothing would ever be freed.
      ++stats_.sleeps;
      run_hw_queue();
    }
    wait_.wait_event([&] { return may_allocate(write); });
  }
}

/// blk_mq_submit_bio
void BlkMq::make_request(Bio& bio, BioSplit* split, std::uint32_t offset, std::uint32_t bytes) {
  const bool write = bio.op == BioOp::write;
  const std::uint64_t sector = bio.sector + offset / hw::kSectorBytes;
  const std::uint32_t sectors = bytes / hw::kSectorBytes;
  const Request::Part part{&bio, split, sectors};
  Segments segments;
  collect(bio, offset, bytes, segments);
  Plug* const plug = current_plug();
  if (plug != nullptr && !plug->list.empty() && plug->list.back()->write == write &&
      merge_into(*plug->list.back(), sector, sectors, segments, part)) {
    return;
  }
  Request* request = nullptr;
  bool asynchronous = false;
  get_request(write, [&] {
    if (sched_merge(write, sector, sectors, segments, part)) return true;
    if (!may_allocate(write)) return false;
    allocate(write);
    account();
    ++queued_;
    request = &new_request(write, sector, sectors, segments, part);
    if (plug != nullptr) return true;
    if (scheduler_ != nullptr) {
      insert(*request);
      asynchronous = true;
      return true;
    }
    ++stats_.direct_issues;
    account();
    --queued_;
    send(*request);
    return true;
  });
  if (asynchronous) run_hw_queue_async();
  if (request == nullptr || plug == nullptr) return;
  // blk_add_rq_to_plug
  if (plug->list.size() >= plug_max_requests_ ||
      (!plug->list.empty() && plug->list.back()->sectors >= plug_flush_sectors_)) {
    ++stats_.unplugs_by_threshold;
    flush_plug(*plug, false);
  }
  plug->list.push_back(request);
}

bool BlkMq::merge_into(Request& r, std::uint64_t sector, std::uint32_t sectors,
                       const Segments& segments, const Request::Part& part) {
  if (r.end() == sector && may_join(r.sectors + sectors, r.segments, segments)) {
    append(r.segments, segments);
    r.sectors += sectors;
    r.parts.push_back(part);
    ++stats_.back_merges;
  } else if (sector + sectors == r.sector && may_join(r.sectors + sectors, segments, r.segments)) {
    prepend(r.segments, segments);
    r.sector -= sectors;
    r.sectors += sectors;
    r.parts.insert(r.parts.begin(), part);
    ++stats_.front_merges;
  } else {
    return false;
  }
  kernel_.charge(Activity::block, kernel_.costs().bio_merge);
  return true;
}

/// blk_mq_sched_bio_merge: into the scheduler's requests, or the last ones of this core's software
/// queue.
bool BlkMq::sched_merge(bool write, std::uint64_t sector, std::uint32_t sectors,
                        const Segments& segments, const Request::Part& part) {
  if (scheduler_ == nullptr) {
    const auto& queue = software_queues_[kernel_.smp_processor_id()];
    std::size_t looked_at = 0;
    for (auto it = queue.rbegin(); it != queue.rend() && looked_at < kMergeDepth;
         ++it, ++looked_at) {
      if ((*it)->write == write && merge_into(**it, sector, sectors, segments, part)) return true;
    }
    return false;
  }
  Request* r = scheduler_->ending_at(write, sector);
  if (r != nullptr && merge_into(*r, sector, sectors, segments, part)) {
    if (Request* next = scheduler_->starting_at(write, r->end())) join_requests(*r, *next);
    return true;
  }
  r = scheduler_->starting_at(write, sector + sectors);
  if (r == nullptr || !may_join(r->sectors + sectors, segments, r->segments)) return false;
  scheduler_->grow_front(*r, sectors);
  prepend(r->segments, segments);
  r->parts.insert(r->parts.begin(), part);
  ++stats_.front_merges;
  kernel_.charge(Activity::block, kernel_.costs().bio_merge);
  if (Request* before = scheduler_->ending_at(write, r->sector)) join_requests(*before, *r);
  return true;
}

/// Both are in the scheduler. Who waits for a request looks again when the next command has ended:
/// one is in the disk, or goes there with what is queued here.
void BlkMq::join_requests(Request& front, Request& back) {
  const bool write = back.write;
  if (join(*scheduler_, front, back)) release(write);
}

/// blk_mq_sched_insert_request: behind the others of the scheduler, merged if it continues one of
/// them; or into the software queue.
void BlkMq::insert(Request& request) {
  if (scheduler_ == nullptr) {
    software_queues_[kernel_.smp_processor_id()].push_back(&request);
    return;
  }
  scheduler_->add(request, kernel_.now());
  Request* const front = scheduler_->ending_at(request.write, request.sector);
  if (front != nullptr) join_requests(*front, request);
}

/// blk_insert_flush
void BlkMq::submit_flush(Bio& bio) {
  get_request(true, [&] {
    if (!may_allocate(true)) return false;
    allocate(true);
    flushes_waiting_.push_back(&bio);
    return true;
  });
  run_hw_queue_async();
}

// --- the hardware queue -----------------------------------------------------------------------

bool BlkMq::work_waits() const {
  if (!flushes_waiting_.empty() && flushes_running_.empty()) return true;
  if (scheduler_ != nullptr) return !scheduler_->empty();
  return std::any_of(software_queues_.begin(), software_queues_.end(),
                     [](const auto& queue) { return !queue.empty(); });
}

/// blk_mq_run_hw_queue: sends while the disk takes more. Called with the lock held.
void BlkMq::run_hw_queue() {
  while (disk_has_room() && work_waits()) {
    account();
    if (!flushes_waiting_.empty() && flushes_running_.empty()) {
      flushes_running_.assign(flushes_waiting_.begin(), flushes_waiting_.end());
      flushes_waiting_.clear();
      send_flush();
      continue;
    }
    Request* next = nullptr;
    if (scheduler_ != nullptr) {
      next = scheduler_->next(kernel_.now());
    } else {
      while (software_queues_[next_queue_].empty()) {
        next_queue_ = (next_queue_ + 1) % software_queues_.size();
      }
      next = software_queues_[next_queue_].front();
      software_queues_[next_queue_].pop_front();
      next_queue_ = (next_queue_ + 1) % software_queues_.size();
    }
    --queued_;
    send(*next);
  }
}

/// The same by kblockd, which is asked once until it has begun. Callable from any context.
void BlkMq::run_hw_queue_async() {
  if (std::exchange(run_pending_, true)) return;
  ++stats_.asynchronous_runs;
  kblockd_.queue_work([this] {
    Kernel::IrqLock lock(kernel_, lock_, Activity::block);
    run_pending_ = false;
    run_hw_queue();
  });
}

/// Softirq: what the interrupt found ends as a batch. Each request is free when its bios have
/// ended; those who wait for one, and the hardware queue, are served once.
void BlkMq::complete() {
  bool freed = false;
  bool freed_write = false;
  while (!done_.empty()) {
    const Done done = done_.front();
    done_.pop_front();
    Request* const request = request_of(done);
    kernel_.charge(Activity::block, kernel_.costs().request_complete);
    std::vector<Bio*> flushed;
    if (request != nullptr) {
      freed_write = freed_write || request->write;
      end_request(*request, done);
    } else {
      flushed.swap(flushes_running_);
      freed_write = true;
      for (Bio* bio : flushed) {
        kernel_.trace(TraceEvent::disk_complete, bio->id, done.tag);
        end_bio(*bio, done.error);
      }
    }
    bool more = false;
    {
      Kernel::IrqLock lock(kernel_, lock_, Activity::block);
      account();
      free_tag(done);
      if (request != nullptr) {
        release(request->write);
        put_request(*request);
      }
      for (std::size_t i = 0; i < flushed.size(); ++i) release(true);
      more = work_waits();
    }
    freed = true;
    if (more) run_hw_queue_async();
  }
  if (freed) wait_.wake_up();
  if (freed_write) congestion_.wake_up();
}

std::unique_ptr<DiskQueue> make_disk_queue(Kernel& kernel, hw::Disk& disk, unsigned irq,
                                           const std::string& name, unsigned irq_cpu) {
  if (kernel.settings().mq()) return std::make_unique<BlkMq>(kernel, disk, irq, name, irq_cpu);
  return std::make_unique<RequestQueue>(kernel, disk, irq, name, irq_cpu);
}

}  // namespace cesasim::kernel
