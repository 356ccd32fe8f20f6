// Trace readers: one interface over the formats, each a stream with memory independent of the
// trace's length.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "traces/completion_matcher.h"
#include "traces/line_source.h"
#include "traces/trace_format.h"
#include "traces/trace_record.h"

namespace cesasim::traces {

struct TraceOptions {
  TraceFormat format = TraceFormat::detect;
  /// Count lines (of a binary format: events) that do not parse instead of throwing. Damage of
  /// the stream itself is always an error.
  bool skip_bad_lines = false;
  /// The device to take: "major,minor" (blkparse, blktrace), the file (fio iolog), "host,disk"
  /// (MSR). Empty: the file must hold one device only.
  std::string device;
  /// Look for the completions of requests (blkparse, blktrace: events of their own) and set
  /// done_ns. Formats with the completion in the row always set it.
  bool completions = false;
};

/// Delivers the records of one trace in file order. Time stamps need not be monotonic.
class TraceReader {
 public:
  virtual ~TraceReader() = default;
  TraceReader(const TraceReader&) = delete;
  TraceReader& operator=(const TraceReader&) = delete;

  /// Reads the next record; false at the end of the trace. Throws TraceError for a line that
  /// does not parse (unless skip_bad_lines) and for a damaged stream.
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

 protected:
  enum class Parsed {
    record,      // a request was queued
    completion,  // one ended: operation, sector, bytes and time are set
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
  /// Sets the record's phase, made if new. Parsed::record, or bad: the trace has too many.
  Parsed set_phase(TraceRecord& record, std::string_view name);

 private:
  Parsed read_counting(TraceRecord& record);

  std::string path_;
  const char* encoding_;
  TraceFormat format_;
  bool skip_bad_lines_;
  std::string device_;
  bool device_given_;
  std::optional<CompletionMatcher> matcher_;
  std::string reason_;
  std::uint64_t skipped_lines_ = 0;
  std::string first_skipped_;
  std::vector<std::string> phases_;
  std::uint32_t last_phase_ = 0;
};

/// A reader of lines of text.
class LineReader : public TraceReader {
 protected:
  LineReader(LineSource source, TraceFormat format, const TraceOptions& options)
      : TraceReader(source.path(), source.encoding(), format, options),
        source_(std::move(source)) {}

  /// Parses one line.
  virtual Parsed parse_line(std::string_view line, TraceRecord& record) = 0;

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

/// Opens a trace, plain or compressed, and recognises its format by its first bytes. The files
/// NAME.blktrace.0, .1, ... of blktrace are one trace: any of them, or NAME, opens all.
/// Throws TraceError if the file cannot be read or is in no known format.
std::unique_ptr<TraceReader> open_trace(const std::string& path, const TraceOptions& options = {});

}  // namespace cesasim::traces
