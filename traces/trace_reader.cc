#include "traces/trace_reader.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>

#include "traces/field_parser.h"
#include "traces/formats/blktrace_reader.h"

namespace cesasim::traces {

TraceReader::TraceReader(std::string path, const char* encoding, TraceFormat format,
                         const TraceOptions& options)
    : path_(std::move(path)),
      encoding_(encoding),
      format_(format),
      skip_bad_lines_(options.skip_bad_lines),
      device_(options.device),
      device_given_(!options.device.empty()) {
  const bool events = format == TraceFormat::blkparse || format == TraceFormat::blktrace;
  if (options.completions && events) matcher_.emplace();
}

bool TraceReader::next(TraceRecord& record) {
  if (!matcher_) {
    for (;;) {
      const Parsed parsed = read_counting(record);
      if (parsed == Parsed::end) return false;
      if (parsed == Parsed::record) return true;
    }
  }
  while (!matcher_->pop(record)) {
    TraceRecord event;
    switch (read_counting(event)) {
      case Parsed::record:
        matcher_->queue(event);
        break;
      case Parsed::completion:
        matcher_->complete(event);
        break;
      case Parsed::end:
        matcher_->end();
        return matcher_->pop(record);
      case Parsed::nothing:
      case Parsed::bad:
        break;
    }
  }
  return true;
}

TraceReader::Parsed TraceReader::read_counting(TraceRecord& record) {
  const Parsed parsed = read(record);
  if (parsed == Parsed::bad) {
    const TraceError error = error_here(reason_);
    if (!skip_bad_lines_) throw error;
    if (skipped_lines_++ == 0) first_skipped_ = error.what();
  }
  return parsed;
}

TraceReader::Parsed TraceReader::validate(const TraceRecord& record) {
  if (record.done_ns < record.time_ns) return reject("completed before it was queued");
  if (record.op == Op::flush) {
    if (record.bytes != 0) return reject("a flush carries data");
    return Parsed::record;
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
  return Parsed::record;
}

TraceReader::Parsed TraceReader::choose_device(std::string_view device) {
  if (device_.empty()) device_ = device;
  if (device == device_) return Parsed::record;
  if (device_given_) return Parsed::nothing;
  return reject("a second device, " + std::string(device) + " beside " + device_ +
                ": say which one to take");
}

TraceReader::Parsed TraceReader::set_phase(TraceRecord& record, std::string_view name) {
  if (last_phase_ >= phases_.size() || phases_[last_phase_] != name) {
    const auto found = std::find(phases_.begin(), phases_.end(), name);
    if (found == phases_.end()) {
      // They are held in memory, so their number is bounded.
      if (phases_.size() == kMaxPhases) {
        return reject("more than " + std::to_string(kMaxPhases) + " phases");
      }
      last_phase_ = static_cast<std::uint32_t>(phases_.size());
      phases_.emplace_back(name);
    } else {
      last_phase_ = static_cast<std::uint32_t>(found - phases_.begin());
    }
  }
  record.phase = last_phase_;
  return Parsed::record;
}

LineReader::Parsed LineReader::read(TraceRecord& record) {
  std::string_view line;
  if (!source_.next(line)) return Parsed::end;
  const Parsed parsed = parse_line(line, record);
  record.line = source_.line_number();
  return parsed;
}

std::optional<std::string_view> phase_of_message(std::string_view message) {
  constexpr std::string_view kMark = "phase=";
  if (!message.starts_with(kMark)) return std::nullopt;
  message.remove_prefix(kMark.size());
  while (!message.empty() && (message.back() == '\n' || message.back() == '\0')) {
    message.remove_suffix(1);
  }
  if (message == "end" || message == "done") return "between";
  return message;
}

std::unique_ptr<TraceReader> open_trace(const std::string& given, const TraceOptions& options) {
  std::string path = given;
  if (!std::filesystem::exists(path) && !is_cpu_file(path)) path = trace_files(path).front();
  constexpr std::size_t kLooked = 4096;
  auto source = std::make_unique<PeekSource>(open_bytes(path), kLooked);
  const std::string_view head = source->head();
  TraceFormat format = options.format;
  if (format == TraceFormat::detect && head.empty()) {
    // A processor may have seen nothing.
    if (!is_cpu_file(path)) throw TraceError(path, 0, "file is empty");
    format = TraceFormat::blktrace;
  }
  for (const TraceFormatInfo& info : trace_formats()) {
    if (format == TraceFormat::detect && info.recognises(head)) format = info.format;
  }
  if (format == TraceFormat::detect) {
    throw TraceError(path, 1,
                     "unknown trace format (known: " + format_names() +
                         "): " + quoted(head.substr(0, head.find('\n'))));
  }
  return format_info(format).open(path, std::move(source), options);
}

}  // namespace cesasim::traces
