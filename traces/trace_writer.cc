// SPDX-License-Identifier: Apache-2.0
#include "traces/trace_writer.h"

#include <fmt/format.h>

#include <algorithm>

namespace cesasim::traces {
namespace {

constexpr std::size_t kFlushAt = 64 * 1024;
constexpr std::size_t kLongestPhase = 200;

void check_phase(std::string_view phase) {
  const bool good = !phase.empty() && phase.size() <= kLongestPhase &&
                    std::all_of(phase.begin(), phase.end(), [](char c) {
                      return static_cast<unsigned char>(c) >= ' ' && c != ',' && c != '\x7f';
                    });
  if (!good) {
    throw TraceWriteError(
        fmt::format("phase name '{}' cannot be written: it is empty, longer than {} bytes or holds "
                    "a comma or a control character",
                    phase.substr(0, kLongestPhase), kLongestPhase));
  }
}

}  // namespace

void TraceWriter::write(const TraceRecord& record, std::string_view phase) {
  check_phase(phase);
  if (record.bytes > carries_.max_bytes) {
    throw TraceWriteError(
        fmt::format("a {} of {} bytes cannot be written: this format carries at most {}",
                    op_name(record.op), record.bytes, carries_.max_bytes));
  }
  if (!any_) first_ns_ = record.time_ns;
  any_ = true;
  if (record.op == Op::flush && !carries_.flush) {
    ++lost_.flushes;
    return;
  }
  if (record.op == Op::discard && !carries_.discard) {
    ++lost_.discards;
    return;
  }
  count_losses(record, phase);

  TraceRecord shown = record;
  if (record.done_ns < record.time_ns) {
    ++lost_.impossible;
    shown.done_ns = kUnknownTime;
  }
  shown.flags &= carries_.flags;
  if (!carries_.any_origin) {
    shown.time_ns = std::max(record.time_ns, first_ns_) - first_ns_;
    if (shown.done_ns != kUnknownTime) {
      shown.done_ns = std::max(shown.done_ns, first_ns_) - first_ns_;
    }
  }
  put(shown, phase);
  ++rows_;
  if (out_.size() >= kFlushAt) {
    sink_.write(out_.data(), out_.size());
    out_.clear();
  }
}

void TraceWriter::finish() {
  put_end();
  sink_.write(out_.data(), out_.size());
  out_.clear();
  sink_.finish();
}

void TraceWriter::count_losses(const TraceRecord& record, std::string_view phase) {
  if (!carries_.pid && record.pid != 0) ++lost_.pids;
  if (!carries_.phase && phase != "all") ++lost_.phases;
  // That a flush flushes goes without saying.
  const std::uint8_t implied = record.op == Op::flush ? kPreflush : 0;
  if ((record.flags & ~carries_.flags & ~implied) != 0) ++lost_.flags;
  if (!carries_.done && record.done_ns != kUnknownTime) ++lost_.done;
  const std::uint64_t since = carries_.any_origin ? record.time_ns : record.time_ns - first_ns_;
  if (!carries_.any_origin && record.time_ns < first_ns_) {
    ++lost_.early;
  } else if (carries_.time_unit_ns == 0 ? record.time_ns != 0
                                        : since % carries_.time_unit_ns != 0) {
    ++lost_.times;
  }
}

std::vector<std::string> TraceWriter::losses() const {
  std::vector<std::string> out;
  const auto say = [&out](std::uint64_t n, const std::string& what) {
    if (n != 0) out.push_back(fmt::format("{} {}", n, what));
  };
  say(lost_.flushes, "flushes left out: the format has none");
  say(lost_.discards, "discards left out: the format has none");
  say(lost_.pids, "rows lost their pid");
  say(lost_.phases, "rows lost their phase");
  say(lost_.flags, "rows lost flags");
  say(lost_.done, "rows lost their completion time");
  if (carries_.time_unit_ns == 0) {
    say(lost_.times, "rows lost their time: the format has none");
  } else {
    say(lost_.times, fmt::format("times were cut to {} ns", carries_.time_unit_ns));
  }
  if (!carries_.any_origin && first_ns_ != 0) {
    out.push_back(fmt::format("times count from the first row, which was at {} ns", first_ns_));
  }
  say(lost_.impossible, "rows lost their completion time: it lies before their own");
  say(lost_.early, "rows before the first row's time were put at it");
  return out;
}

}  // namespace cesasim::traces
