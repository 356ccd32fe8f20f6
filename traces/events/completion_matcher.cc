// SPDX-License-Identifier: Apache-2.0
#include "traces/events/completion_matcher.h"

namespace cesasim::traces {

void CompletionMatcher::queue(const TraceRecord& record) {
  const std::uint64_t number = first_ + window_.size();
  window_.push_back({record, false});
  if (record.op == Op::flush) {
    waiting_.emplace(0, number);
    flushes_.push_back(number);
  } else {
    open_[static_cast<std::size_t>(record.op)].emplace(record.end_sector(), number);
  }
}

void CompletionMatcher::queue_command(std::uint64_t sector) {
  constexpr std::size_t kMost = 4096;
  if (of_ == Of::issued) return;
  if (sector == kNoSector) {
    ++commands_;
  } else if (waiting_.size() < kWindow + kMost) {
    waiting_.emplace(sector, kCommand);
  }
}

void CompletionMatcher::complete(const TraceRecord& completion) {
  if (completion.op == Op::flush) {
    complete_flush_request(completion.time_ns);
  } else if (completion.bytes == 0) {
    complete_without_range(completion);
  } else {
    complete_range(completion);
  }
}

void CompletionMatcher::complete_range(const TraceRecord& completion) {
  ByEnd& open = open_[static_cast<std::size_t>(completion.op)];
  const std::uint64_t begin = completion.sector;
  const std::uint64_t end = completion.end_sector();

  // Equal keys keep the order in which they came: the oldest is found first.
  const auto [same_end, after] = open.equal_range(end);
  for (auto it = same_end; it != after; ++it) {
    if (numbered(it->second).record.sector == begin) {
      finish(open, it, completion);
      return;
    }
  }
  bool any = false;
  std::uint64_t covered = begin;
  for (auto it = open.upper_bound(begin); it != open.end() && it->first <= end;) {
    if (numbered(it->second).record.sector < covered) {
      ++it;
      continue;
    }
    covered = it->first;
    it = finish(open, it, completion);
    any = true;
  }
  if (!any && same_end != after) finish(open, same_end, completion);
}

CompletionMatcher::ByEnd::iterator CompletionMatcher::finish(ByEnd& open, ByEnd::iterator at,
                                                             const TraceRecord& completion) {
  Slot& slot = numbered(at->second);
  slot.record.done_ns = completion.time_ns;
  const int taken = slot.record.flags & ~completion.flags & (kPreflush | kFua);
  slot.settled = of_ == Of::issued || taken == 0;
  if (!slot.settled) waiting_.emplace(slot.record.sector, at->second);
  return open.erase(at);
}

void CompletionMatcher::complete_flush_request(std::uint64_t time_ns) {
  while (!flushes_.empty()) {
    const std::uint64_t number = flushes_.front();
    flushes_.pop_front();
    if (!in_window(number) || numbered(number).settled) continue;
    Slot& slot = numbered(number);
    slot.record.done_ns = time_ns;
    if (of_ == Of::issued) {
      slot.settled = true;
      forget(waiting_, 0, number);
    }
    return;
  }
}

void CompletionMatcher::complete_without_range(const TraceRecord& completion) {
  if (of_ == Of::issued) return;
  // An empty flush has no place; old kernels print one of all ones for it.
  const std::uint64_t sector = completion.sector == kNoSector ? 0 : completion.sector;
  const auto waits = waiting_.lower_bound(sector);
  if (waits != waiting_.end() && waits->first == sector) {
    if (waits->second != kCommand) {
      Slot& slot = numbered(waits->second);
      slot.record.done_ns = completion.time_ns;
      slot.settled = true;
    }
    waiting_.erase(waits);
    return;
  }
  if (commands_ > 0) {
    --commands_;
    return;
  }
  // The end of the data was not traced: what begins here and went through the state machine.
  ByEnd& open = open_[static_cast<std::size_t>(Op::write)];
  constexpr int kLooked = 16;
  int looked = 0;
  for (auto it = open.upper_bound(sector); it != open.end() && looked < kLooked; ++it, ++looked) {
    Slot& slot = numbered(it->second);
    if (slot.record.sector != sector || (slot.record.flags & (kPreflush | kFua)) == 0) continue;
    slot.record.done_ns = completion.time_ns;
    slot.settled = true;
    open.erase(it);
    return;
  }
}

bool CompletionMatcher::pop(TraceRecord& record) {
  if (window_.empty()) return false;
  const Slot& oldest = window_.front();
  if (!oldest.settled) {
    if (!ended_ && window_.size() < kWindow) return false;
    const TraceRecord& r = oldest.record;
    if (r.op == Op::flush) {
      forget(waiting_, 0, first_);
    } else if (r.done_ns != kUnknownTime) {
      forget(waiting_, r.sector, first_);
    } else {
      forget(open_[static_cast<std::size_t>(r.op)], r.end_sector(), first_);
    }
  }
  if (!flushes_.empty() && flushes_.front() == first_) flushes_.pop_front();
  record = oldest.record;
  window_.pop_front();
  ++first_;
  return true;
}

void CompletionMatcher::forget(ByEnd& among, std::uint64_t key, std::uint64_t number) {
  for (auto [it, after] = among.equal_range(key); it != after; ++it) {
    if (it->second == number) {
      among.erase(it);
      return;
    }
  }
}

}  // namespace cesasim::traces
