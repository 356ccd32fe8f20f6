// Trace readers: one interface over the formats, each a stream with memory independent of the
// trace's length.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "traces/line_source.h"
#include "traces/trace_record.h"

namespace cesasim::traces {

enum class TraceFormat {
  detect,    ///< by the first line
  csv,       ///< normalized CSV (header line, see traces/README.md)
  blkparse,  ///< default text output of blkparse
};

const char* format_name(TraceFormat format);

struct TraceOptions {
  TraceFormat format = TraceFormat::detect;
  /// Count lines that do not parse (skipped_lines()) instead of throwing. Damage of the stream
  /// itself is always an error.
  bool skip_bad_lines = false;
  /// blkparse: the device to take, as "major,minor". Empty: the file must hold one device only.
  std::string device;
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

  virtual TraceFormat format() const = 0;
  const std::string& path() const { return source_.path(); }
  static constexpr std::size_t kMaxPhases = 1024;

  /// "plain", "gzip" or "zstd".
  const char* encoding() const { return source_.encoding(); }

  /// Name of a record's phase. Phases are numbered from 0 as they appear.
  const std::string& phase_name(std::uint32_t index) const { return phases_.at(index); }
  std::uint32_t phases() const { return static_cast<std::uint32_t>(phases_.size()); }

  /// Lines that did not parse; 0 unless skip_bad_lines.
  std::uint64_t skipped_lines() const { return skipped_lines_; }
  /// The error that the first skipped line would have been ("" if none was).
  const std::string& first_skipped() const { return first_skipped_; }

 protected:
  enum class Parsed { record, nothing, bad };

  TraceReader(LineSource source, const TraceOptions& options)
      : source_(std::move(source)), skip_bad_lines_(options.skip_bad_lines) {}

  /// Parses one line. On Parsed::bad, reject() has stored the reason.
  virtual Parsed parse_line(std::string_view line, TraceRecord& record) = 0;

  Parsed reject(std::string reason) {
    reason_ = std::move(reason);
    return Parsed::bad;
  }
  /// Checks what holds for every format.
  Parsed validate(const TraceRecord& record);
  /// Index of phase `name`, made if new. False if the trace has too many phases: they are
  /// held in memory, so their number is bounded.
  bool find_phase(std::string_view name, std::uint32_t& index);

  LineSource source_;

 private:
  bool skip_bad_lines_;
  std::string reason_;
  std::uint64_t skipped_lines_ = 0;
  std::string first_skipped_;
  std::vector<std::string> phases_;
  std::uint32_t last_phase_ = 0;
};

/// Opens a trace, plain or compressed, and recognises its format by the first line.
/// Throws TraceError if the file cannot be read or is in no known format.
std::unique_ptr<TraceReader> open_trace(const std::string& path, const TraceOptions& options = {});

}  // namespace cesasim::traces
