#include "traces/trace_reader.h"

#include <limits>
#include <utility>

#include "traces/blkparse_reader.h"
#include "traces/csv_reader.h"
#include "traces/field_parser.h"

namespace cesasim::traces {

const char* format_name(TraceFormat format) {
  switch (format) {
    case TraceFormat::csv:
      return "csv";
    case TraceFormat::blkparse:
      return "blkparse";
    case TraceFormat::detect:
      break;
  }
  return "detect";
}

bool TraceReader::next(TraceRecord& record) {
  std::string_view line;
  while (source_.next(line)) {
    switch (parse_line(line, record)) {
      case Parsed::record:
        record.line = source_.line_number();
        return true;
      case Parsed::nothing:
        break;
      case Parsed::bad: {
        const TraceError error(path(), source_.line_number(), reason_);
        if (!skip_bad_lines_) throw error;
        if (skipped_lines_++ == 0) first_skipped_ = error.what();
        break;
      }
    }
  }
  return false;
}

TraceReader::Parsed TraceReader::validate(const TraceRecord& record) {
  if (record.op == Op::flush) {
    if (record.bytes != 0) return reject("a flush carries data");
    return Parsed::nothing;
  }
  if (record.bytes == 0) return reject(std::string("a ") + op_name(record.op) + " of 0 bytes");
  if (record.bytes % 512 != 0) {
    return reject("size is not a multiple of 512: " + std::to_string(record.bytes) + " bytes");
  }
  // In bytes, because that is what the layers below count in.
  constexpr std::uint64_t kMaxSectors = std::numeric_limits<std::uint64_t>::max() / 512;
  if (record.sector > kMaxSectors || record.bytes / 512 > kMaxSectors - record.sector) {
    return reject("sector " + std::to_string(record.sector) + " plus " +
                  std::to_string(record.bytes) + " bytes overflows");
  }
  return Parsed::nothing;
}

bool TraceReader::find_phase(std::string_view name, std::uint32_t& index) {
  if (last_phase_ >= phases_.size() || phases_[last_phase_] != name) {
    for (last_phase_ = 0; last_phase_ < phases_.size(); ++last_phase_) {
      if (phases_[last_phase_] == name) break;
    }
    if (last_phase_ == kMaxPhases) return false;
    if (last_phase_ == phases_.size()) phases_.emplace_back(name);
  }
  index = last_phase_;
  return true;
}

std::unique_ptr<TraceReader> open_trace(const std::string& path, const TraceOptions& options) {
  LineSource source(path);
  TraceFormat format = options.format;
  if (format == TraceFormat::detect) {
    std::string_view line;
    if (!source.next(line)) throw TraceError(path, 0, "file is empty");
    if (CsvReader::recognises(line)) {
      format = TraceFormat::csv;
    } else if (BlkparseReader::recognises(line)) {
      format = TraceFormat::blkparse;
    } else {
      throw TraceError(
          path, 1,
          "unknown trace format (known: csv with a header line, blkparse text): " + quoted(line));
    }
    source.unread();
  }
  if (format == TraceFormat::csv) return std::make_unique<CsvReader>(std::move(source), options);
  return std::make_unique<BlkparseReader>(std::move(source), options);
}

}  // namespace cesasim::traces
