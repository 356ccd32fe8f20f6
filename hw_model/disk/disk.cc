// SPDX-License-Identifier: Apache-2.0
#include "hw_model/disk/disk.h"

#include <algorithm>
#include <cerrno>

#include "hw_model/tlm/sc_time.h"

namespace cesasim::hw {
namespace {

/// A queued command that was passed over this often goes next, however far away it is.
constexpr std::uint32_t kMaxPassedOver = 64;

}  // namespace

Disk::Disk(sc_core::sc_module_name name, const DiskParams& params)
    : sc_module(name),
      dma("dma"),
      irq("irq"),
      store_(params.sectors()),
      timing_(DiskTiming::create(params)),
      slots_(std::max<std::uint32_t>(1, params.queue_depth)),
      wake_("wake"),
      irq_event_("irq_event"),
      port_(dma, kMbusMasterDisk) {
  SC_HAS_PROCESS(Disk);
  SC_THREAD(run);
  // The port has one driver: reap() comes from a core's process, completions from run().
  SC_METHOD(drive_irq);
  sensitive << irq_event_;
  dont_initialize();
}

Disk::~Disk() = default;

bool Disk::valid(const DiskCommand& command) const {
  if (command.op == DiskCommand::Op::flush) return true;
  if (command.sectors == 0 || command.sector >= sectors() ||
      command.sectors > sectors() - command.sector) {
    return false;
  }
  std::uint64_t bytes = 0;
  for (const DiskSegment& s : command.segments) bytes += s.len;
  return bytes == std::uint64_t{command.sectors} * kSectorBytes;
}

bool Disk::submit(const DiskCommand& command) {
  if (inside_ == slots_.size()) return false;
  account();
  Slot& slot = *std::find_if(slots_.begin(), slots_.end(),
                             [](const Slot& s) { return s.phase == Slot::Phase::free; });
  slot.command = command;
  slot.phase = Slot::Phase::queued;
  slot.order = submitted_++;
  slot.passed_over = 0;
  slot.error = 0;
  ++inside_;
  if (tracer_ != nullptr) [[unlikely]]
    tracer_->disk_taken(command, slot.order, now_ps());
  start_queued();
  arm();
  return true;
}

std::optional<DiskCompletion> Disk::reap() {
  if (completions_.empty()) return std::nullopt;
  const DiskCompletion c = completions_.front();
  completions_.pop_front();
  if (completions_.empty()) irq_event_.notify(sc_core::SC_ZERO_TIME);
  return c;
}

void Disk::drive_irq() { irq.write(!completions_.empty()); }

/// Starts what can start: on flash everything, on a hard disk the command that the head reaches
/// first once the one before has ended.
void Disk::start_queued() {
  for (;;) {
    if (running_ > 0 && !timing_->overlaps()) return;
    Slot* best = nullptr;
    Ps best_cost = 0;
    const bool sort = !timing_->overlaps() && inside_ - running_ > 1;
    for (Slot& s : slots_) {
      if (s.phase != Slot::Phase::queued) continue;
      Ps cost = 0;
      if (sort && valid(s.command) && s.command.op != DiskCommand::Op::flush) {
        cost = timing_->positioning(now_ps(), s.command.sector);
      }
      if (s.passed_over >= kMaxPassedOver) cost = 0;
      if (best == nullptr || cost < best_cost || (cost == best_cost && s.order < best->order)) {
        best = &s;
        best_cost = cost;
      }
    }
    if (best == nullptr) return;
    for (Slot& s : slots_) {
      if (s.phase == Slot::Phase::queued && s.order < best->order) ++s.passed_over;
    }
    start(*best);
  }
}

void Disk::start(Slot& slot) {
  ++running_;
  const DiskCommand& c = slot.command;
  const Ps now = now_ps();
  const bool sound = valid(c) && !(fails_ && fails_(c));
  slot.sectors = sound ? c.sectors : 0;
  if (!sound) slot.error = -EIO;
  if (sound && faults_ != nullptr && c.op != DiskCommand::Op::flush) {
    const bool read = c.op == DiskCommand::Op::read;
    if (fault(read ? FaultKind::disk_read_error : FaultKind::disk_write_error, c)) {
      slot.error = -EIO;
      slot.sectors = c.sectors / 2;
    } else if (fault(FaultKind::disk_short, c)) {
      slot.sectors = c.sectors / 2;
    }
  }
  if (c.op != DiskCommand::Op::flush ? slot.sectors == 0 : !sound) {
    slot.phase = Slot::Phase::ending;
    slot.due = now + static_cast<Ps>(timing_->params().command_overhead_us *
                                     static_cast<double>(kPsPerUs));
  } else if (c.op == DiskCommand::Op::flush) {
    slot.phase = Slot::Phase::ending;
    slot.due = timing_->flush_done(now);
  } else {
    slot.phase = Slot::Phase::transfer;
    slot.due = c.op == DiskCommand::Op::read ? timing_->read_ready(now, c.sector, slot.sectors)
                                             : timing_->write_room(now, slot.sectors);
  }
}

bool Disk::fault(FaultKind kind, const DiskCommand& command) {
  if (!faults_->fires(kind, now_ps(), command.sector)) return false;
  ++stats_.faults;
  return true;
}

bool Disk::dma_segments(const DiskCommand& command, bool to_memory, sc_core::sc_time& delay) {
  const auto direction = to_memory ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND;
  std::uint8_t* data = buffer_.data();
  std::size_t left = buffer_.size();
  for (DiskSegment s : command.segments) {
    s.len = static_cast<std::uint32_t>(std::min<std::size_t>(s.len, left));
    left -= s.len;
    if (s.len == 0) continue;
    const Ps own = transfer_ps(s.len, timing_->params().interface_bytes_per_s);
    if (!port_.access(direction, s.addr, data, s.len, delay, own)) return false;
    data += s.len;
  }
  return true;
}

/// Moves the command's data over the interface, which serves one command at a time.
void Disk::transfer(Slot& slot) {
  const DiskCommand& c = slot.command;
  const Ps now = now_ps();
  if (interface_free_ > now) {
    slot.due = interface_free_;
    return;
  }
  buffer_.resize(std::size_t{slot.sectors} * kSectorBytes);
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  const bool read = c.op == DiskCommand::Op::read;
  if (read) store_.read(c.sector, buffer_.data(), slot.sectors);
  const std::uint32_t planned = slot.sectors;
  const bool ok = dma_segments(c, read, delay);
  slot.phase = Slot::Phase::ending;
  interface_free_ = slot.due = now_ps() + to_ps(delay);
  if (!ok) {
    slot.error = -EIO;
    slot.sectors = 0;
  } else if (read) {
    stats_.bytes_read += buffer_.size();
  } else {
    stats_.bytes_written += buffer_.size();
    store_.write(c.sector, buffer_.data(), slot.sectors);
    if (write_observer_) write_observer_(c.sector, buffer_.data(), slot.sectors);
  }
  // Also after a bus error: the room that write_room() reserved is released by a write.
  if (!read) slot.due = timing_->write_done(slot.due, c.sector, planned);
}

void Disk::end(Slot& slot) {
  account();
  ++stats_.commands;
  if (slot.error != 0) ++stats_.errors;
  completions_.push_back({slot.command.tag, slot.error, slot.sectors});
  if (tracer_ != nullptr) [[unlikely]] {
    tracer_->disk_ended(slot.command, slot.order, slot.error, now_ps());
  }
  slot.phase = Slot::Phase::free;
  --inside_;
  --running_;
  irq_event_.notify(sc_core::SC_ZERO_TIME);
}

void Disk::run() {
  for (;;) {
    sc_core::wait(wake_);
    for (;;) {
      // The earliest first; the order of submission decides a draw.
      Slot* next = nullptr;
      for (Slot& s : slots_) {
        if (s.phase != Slot::Phase::transfer && s.phase != Slot::Phase::ending) continue;
        if (next == nullptr || s.due < next->due || (s.due == next->due && s.order < next->order)) {
          next = &s;
        }
      }
      if (next == nullptr || next->due > now_ps()) break;
      if (next->phase == Slot::Phase::transfer) {
        transfer(*next);
      } else {
        end(*next);
        start_queued();
      }
    }
    arm();
  }
}

/// Wakes run() for the earliest step.
void Disk::arm() {
  Ps due = ~Ps{0};
  for (const Slot& s : slots_) {
    if (s.phase == Slot::Phase::transfer || s.phase == Slot::Phase::ending) {
      due = std::min(due, s.due);
    }
  }
  wake_.cancel();
  if (due == ~Ps{0}) return;
  const Ps now = now_ps();
  wake_.notify(to_sc_time(due > now ? due - now : 0));
}

void Disk::account() {
  const Ps now = now_ps();
  if (inside_ > 0) stats_.busy_ps += now - accounted_to_;
  stats_.depth_ps += static_cast<double>(inside_) * static_cast<double>(now - accounted_to_);
  accounted_to_ = now;
}

DiskStats Disk::stats() const {
  DiskStats s = stats_;
  const Ps since = now_ps() - accounted_to_;
  if (inside_ > 0) s.busy_ps += since;
  s.depth_ps += static_cast<double>(inside_) * static_cast<double>(since);
  return s;
}

}  // namespace cesasim::hw
