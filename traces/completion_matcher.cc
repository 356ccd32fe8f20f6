#include "traces/completion_matcher.h"

namespace cesasim::traces {

void CompletionMatcher::queue(const TraceRecord& record) {
  open_[static_cast<std::size_t>(record.op)].emplace(record.end_sector(), first_ + window_.size());
  window_.push_back(record);
}

void CompletionMatcher::complete(const TraceRecord& completion) {
  ByEnd& open = open_[static_cast<std::size_t>(completion.op)];
  const std::uint64_t begin = completion.sector;
  const std::uint64_t end = completion.end_sector();

  // Equal keys keep the order in which they came: the oldest is found first.
  const auto [same_end, after] = open.equal_range(end);
  for (auto it = same_end; it != after; ++it) {
    if (numbered(it->second).sector == begin) {
      finish(open, it, completion.time_ns);
      return;
    }
  }
  bool any = false;
  std::uint64_t covered = begin;
  for (auto it = open.upper_bound(begin); it != open.end() && it->first <= end;) {
    if (numbered(it->second).sector < covered) {
      ++it;
      continue;
    }
    covered = it->first;
    it = finish(open, it, completion.time_ns);
    any = true;
  }
  if (!any && same_end != after) finish(open, same_end, completion.time_ns);
}

CompletionMatcher::ByEnd::iterator CompletionMatcher::finish(ByEnd& open, ByEnd::iterator at,
                                                             std::uint64_t done_ns) {
  numbered(at->second).done_ns = done_ns;
  return open.erase(at);
}

bool CompletionMatcher::pop(TraceRecord& record) {
  if (window_.empty()) return false;
  const TraceRecord& oldest = window_.front();
  if (oldest.done_ns == kUnknownTime) {
    if (!ended_ && window_.size() < kWindow) return false;
    forget(oldest, first_);
  }
  record = oldest;
  window_.pop_front();
  ++first_;
  return true;
}

void CompletionMatcher::forget(const TraceRecord& record, std::uint64_t number) {
  ByEnd& open = open_[static_cast<std::size_t>(record.op)];
  for (auto [it, after] = open.equal_range(record.end_sector()); it != after; ++it) {
    if (it->second == number) {
      open.erase(it);
      return;
    }
  }
}

}  // namespace cesasim::traces
