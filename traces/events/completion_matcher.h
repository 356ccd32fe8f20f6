// SPDX-License-Identifier: Apache-2.0
// Pairs requests with the completions that a trace has as events of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>

#include "traces/trace_record.h"

namespace cesasim::traces {

/// Holds requests, in their order, until their completion is known, at most kWindow of them: a
/// request that is pushed out of the window keeps what is known of its completion until then.
///
/// What a completion with a range ends, found in real traces: the request of the same operation
/// and range (the oldest, if there are several); else every request inside the range, because a
/// disk's queue merges; else the request with the same end, because of a split bio dm-crypt shows
/// the last fragment only.
///
/// Flushes and FUA, as the kernel's flush state machine (block/blk-flush.c) shows them. It takes a
/// bio through up to three steps, PREFLUSH, DATA and POSTFLUSH, and ends it after the last:
///
/// 1. A flush is a *request of its own* ("D FN", "C FN 0 [0]"; "FWS" before 4.8), which serves all
///    bios that wait for one, so it stands for no bio. Its end is kept as the provisional end of
///    the oldest empty flush without one; it is final where nothing better follows (dm and md,
///    which end the bio itself, show "C FWS 0 [0]" and nothing else).
/// 2. An empty flush ends with a completion *without a range* and without the preflush flag
///    ("C WS 0 [0]"), one for each bio, in the order in which they began to wait.
/// 3. A bio with data ends with its range if the completion still has all of the bio's preflush and
///    FUA flags: the device knows them, or the bio is ended as a whole.
/// 4. If the completion lacks one, the state machine took it: the range is the end of the DATA step
///    only. The bio ends with the completion without a range at its sector ("C WSM 3328128 [0]"),
///    after the post-flush or at once. Where none follows, the end of the data stands.
/// 5. Kernels before 3.11 do not trace the end of the flush request; rules 2 and 4 hold alone.
/// 6. A requeued flush ("R FN 0 [0]") has not ended.
///
/// Where requests are taken from the issue events, only rule 1 is left: it ends the flush request.
class CompletionMatcher {
 public:
  static constexpr std::size_t kWindow = 64 * 1024;

  enum class Of : std::uint8_t { bios, issued };
  explicit CompletionMatcher(Of of = Of::bios) : of_(of) {}

  /// A sector that the event does not tell.
  static constexpr std::uint64_t kNoSector = ~std::uint64_t{0};

  void queue(const TraceRecord& record);
  /// A request without data that is no flush (a zone command): its completion looks like one of
  /// rule 2 or 4, and is none.
  void queue_command(std::uint64_t sector);
  /// `completion`: operation, range, flags and time. A flush (rule 1) has the operation flush; one
  /// without a range (rule 2 and 4) has 0 bytes.
  void complete(const TraceRecord& completion);
  /// No event will follow: pop() delivers what is left.
  void end() { ended_ = true; }
  /// Takes the oldest request if nothing more can be learnt of it.
  bool pop(TraceRecord& record);

 private:
  struct Slot {
    TraceRecord record;
    bool settled = false;  // its end is known
  };
  /// Requests without completion by their end, per operation; value: their number.
  using ByEnd = std::multimap<std::uint64_t, std::uint64_t>;

  static constexpr std::uint64_t kCommand = ~std::uint64_t{0};  // in waiting_: of no request

  Slot& numbered(std::uint64_t number) {
    return window_[static_cast<std::size_t>(number - first_)];
  }
  bool in_window(std::uint64_t number) const {
    return number >= first_ && number - first_ < window_.size();
  }
  void complete_range(const TraceRecord& completion);
  void complete_flush_request(std::uint64_t time_ns);
  void complete_without_range(const TraceRecord& completion);
  ByEnd::iterator finish(ByEnd& open, ByEnd::iterator at, const TraceRecord& completion);
  static void forget(ByEnd& among, std::uint64_t key, std::uint64_t number);

  Of of_;
  std::deque<Slot> window_;
  std::uint64_t first_ = 0;  // number of the oldest in the window
  ByEnd open_[kOps];
  /// By sector (of an empty flush 0): what a completion without a range ends, first come first
  /// served.
  ByEnd waiting_;
  std::deque<std::uint64_t> flushes_;  // without a provisional end
  std::uint64_t commands_ = 0;         // outstanding, at sectors that are not known
  bool ended_ = false;
};

}  // namespace cesasim::traces
