// SPDX-License-Identifier: Apache-2.0
// Trace readers: one interface over the formats, each a stream with memory independent of the
// trace's length.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "traces/events/arrival_order.h"
#include "traces/events/completion_matcher.h"
#include "traces/line_source.h"
#include "traces/trace_format.h"
#include "traces/trace_notes.h"
#include "traces/trace_record.h"

namespace cesasim::traces {

/// Which events of blkparse and blktrace are the requests: what was queued (Q), as the block
/// device was asked, or what was issued to the driver (D), after merging and scheduling.
enum class Arrivals : std::uint8_t { queue, issue };

struct TraceOptions {
  TraceFormat format = TraceFormat::detect;
  /// Count lines (of a binary format: events) that do not parse instead of throwing, and read a
  /// compressed stream that is cut short up to the cut. A corrupt stream is always an error.
  bool skip_bad_lines = false;
  /// The device to take: "major,minor" (blkparse, blktrace), the file (fio iolog), "host,disk"
  /// (MSR), the disk (biosnoop). Empty: the file must hold one device only.
  std::string device;
  /// Look for the completions of requests (blkparse, blktrace: events of their own) and set
  /// done_ns. Formats with the completion in the row always set it.
  bool completions = false;
  Arrivals arrivals = Arrivals::queue;
};

/// Delivers the records of one trace in order of time, as far as ArrivalOrder::kWindow rows show
/// it; no record was completed before it was queued. What was put right is in notes().
class TraceReader {
 public:
  virtual ~TraceReader() = default;
  TraceReader(const TraceReader&) = delete;
  TraceReader& operator=(const TraceReader&) = delete;

  /// Reads the next record; false at the end of the trace. Throws TraceError, after the records
  /// before it, for a line that does not parse (unless skip_bad_lines) and for a damaged stream;
  /// and for a trace without a single request, saying what it has instead.
  bool next(TraceRecord& record);

  TraceFormat format() const { return format_; }
  const std::string& path() const { return path_; }
  static constexpr std::size_t kMaxPhases = 1024;

  /// "plain", "gzip" or "zstd".
  const char* encoding() const { return encoding_; }

  /// Name of a record's phase. Phases are numbered from 0 as they appear.
  const std::string& phase_name(std::uint32_t index) const { return phases_.at(index); }
  std::uint32_t phases() const { return static_cast<std::uint32_t>(phases_.size()); }

  /// Lines or events that did not parse; 0 unless skip_bad_lines.
  std::uint64_t skipped_lines() const { return skipped_lines_; }
  /// The error that the first skipped line would have been ("" if none was).
  const std::string& first_skipped() const { return first_skipped_; }

  /// Whatever else was left out, put right or passed over; complete at the end of the trace.
  const TraceNotes& notes() const { return notes_; }
  /// All of that, and the skipped lines: one sentence each.
  std::vector<std::string> remarks() const;

 protected:
  enum class Parsed {
    record,      // a request was queued
    completion,  // one ended: what CompletionMatcher::complete() wants is set
    command,     // one without data was queued that was left out; its sector, if known, is set
    nothing,     // nothing of interest
    bad,         // reject() has stored the reason
    end,
  };

  TraceReader(std::string path, const char* encoding, TraceFormat format,
              const TraceOptions& options);

  /// Reads one line or event.
  virtual Parsed read(TraceRecord& record) = 0;
  /// An error at what read() delivered last.
  virtual TraceError error_here(const std::string& reason) const = 0;
  /// The time that is 0 to the outside, on the clock of what read() delivers. Asked once, when
  /// the first record is delivered: as many rows as fit into ArrivalOrder are read by then.
  virtual std::uint64_t origin() const { return 0; }

  Parsed reject(std::string reason) {
    reason_ = std::move(reason);
    return Parsed::bad;
  }
  /// Checks what holds for every format: Parsed::record or bad.
  Parsed validate(const TraceRecord& record);
  /// Takes requests of one device: the one asked for or the first. Parsed::record: take it;
  /// nothing: of another device; bad: a second one, and none was asked for.
  Parsed choose_device(std::string_view device);
  bool is_chosen_device(std::string_view device) const { return device == device_; }
  enum class Event : std::uint8_t { queue, issue, complete };
  /// Counts what the trace has of each device, for the error of a trace without a request.
  void saw(std::string_view device, Event event);
  /// The event that is a request.
  Event arrival_event() const { return arrivals_ == Arrivals::queue ? Event::queue : Event::issue; }
  /// Leaves out a request of an operation that no record can stand for. Parsed::nothing.
  Parsed leave_out(std::string_view operation, std::uint64_t at) {
    notes_.left_out(operation, at);
    return Parsed::nothing;
  }
  void note(std::string_view what, std::uint64_t at) { notes_.add(what, at); }
  bool skips_bad_lines() const { return skip_bad_lines_; }
  /// Rows stand in the order in which they ended, so that sorting them is nothing to mention.
  void rows_are_by_completion() { by_completion_ = true; }
  /// Sets the record's phase, made if new. Parsed::record, or bad: the trace has too many.
  Parsed set_phase(TraceRecord& record, std::string_view name);

 private:
  struct DeviceEvents {
    std::string device;
    std::uint64_t counts[3] = {};
  };

  Parsed read_counting(TraceRecord& record);
  bool next_in_file(TraceRecord& record);
  bool next_completed(TraceRecord& record);
  void put_on_clock(TraceRecord& record);
  [[noreturn]] void fail_without_request() const;
  const char* unit() const { return format_ == TraceFormat::blktrace ? "event" : "line"; }

  std::string path_;
  const char* encoding_;
  TraceFormat format_;
  bool skip_bad_lines_;
  std::string device_;
  bool device_given_;
  Arrivals arrivals_;
  std::optional<CompletionMatcher> matcher_;
  ArrivalOrder order_;
  std::exception_ptr error_;  // found ahead of the records still to be delivered
  bool by_completion_ = false;
  bool any_ = false;  // record delivered
  std::uint64_t origin_ = 0;
  TraceNotes notes_;
  std::vector<DeviceEvents> devices_;  // seen
  std::size_t last_device_ = 0;
  std::string reason_;
  std::uint64_t skipped_lines_ = 0;
  std::string first_skipped_;
  std::vector<std::string> phases_;
  std::uint32_t last_phase_ = 0;
};

/// A reader of lines of text. Blank lines and comments (#) are no data.
class LineReader : public TraceReader {
 protected:
  LineReader(LineSource source, TraceFormat format, const TraceOptions& options)
      : TraceReader(source.path(), source.encoding(), format, options), source_(std::move(source)) {
    if (source_.passed_over() != 0) note_no_data(source_.passed_over(), 1);
  }

  /// Parses one line, which is neither blank nor a comment. `record.line` is set.
  virtual Parsed parse_line(std::string_view line, TraceRecord& record) = 0;
  /// Counts lines that hold no data, the first of them `line`.
  void note_no_data(std::uint64_t count, std::uint64_t line);

  TraceError error_here(const std::string& reason) const override {
    return TraceError(path(), source_.line_number(), reason);
  }

  LineSource source_;

 private:
  Parsed read(TraceRecord& record) final;
};

/// Requests that blktrace's messages put into phases: "phase=NAME" begins one, "phase=end" and
/// "phase=done" end it. Returns the phase that `message` begins, "between" if it ends one, and
/// nothing if it is another message.
std::optional<std::string_view> phase_of_message(std::string_view message);

/// Opens a trace, plain or compressed, and recognises its format by the first line (in the first
/// 64 KiB) that is of one; what stands before is passed over. The files NAME.blktrace.0, .1, ... of
/// blktrace are one trace: any of them, NAME, or the folder that holds them opens all.
/// Throws TraceError if the file cannot be read or is in no known format.
std::unique_ptr<TraceReader> open_trace(const std::string& path, const TraceOptions& options = {});

}  // namespace cesasim::traces
