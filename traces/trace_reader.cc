// SPDX-License-Identifier: Apache-2.0
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
      device_given_(!options.device.empty()),
      arrivals_(options.arrivals) {
  const bool events = format == TraceFormat::blkparse || format == TraceFormat::blktrace;
  if (options.completions && events) {
    matcher_.emplace(arrivals_ == Arrivals::queue ? CompletionMatcher::Of::bios
                                                  : CompletionMatcher::Of::issued);
  }
}

bool TraceReader::next(TraceRecord& record) {
  while (!order_.pop(record)) {
    TraceRecord row;
    if (error_ || !next_completed(row)) {
      order_.end();
      if (order_.pop(record)) break;
      if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
      if (!any_) fail_without_request();
      return false;
    }
    const std::uint64_t line = row.line;
    const ArrivalOrder::Place place = order_.push(row);
    if (place == ArrivalOrder::Place::last || by_completion_) continue;
    notes_.add(place == ArrivalOrder::Place::moved
                   ? "rows earlier than a row before them, put in order of time"
                   : "rows where time starts again, left in their place (open replay: due at once)",
               line);
  }
  put_on_clock(record);
  return true;
}

bool TraceReader::next_completed(TraceRecord& record) {
  if (!next_in_file(record)) return false;
  if (record.done_ns < record.time_ns) {
    notes_.add("completions before their request was queued, left out", record.line);
    record.done_ns = kUnknownTime;
  }
  return true;
}

void TraceReader::put_on_clock(TraceRecord& record) {
  if (!any_) origin_ = origin();
  any_ = true;
  if (origin_ == 0) return;
  if (record.time_ns < origin_) {
    notes_.add("rows before the earliest of the first rows, put at time 0", record.line);
  }
  record.time_ns -= std::min(origin_, record.time_ns);
  if (record.done_ns != kUnknownTime) record.done_ns -= std::min(origin_, record.done_ns);
}

bool TraceReader::next_in_file(TraceRecord& record) {
  try {
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
        case Parsed::command:
          matcher_->queue_command(event.sector);
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
  } catch (const TraceError&) {
    // What stands before it is delivered first.
    error_ = std::current_exception();
    if (!matcher_) return false;
    matcher_->end();
    return matcher_->pop(record);
  }
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
  saw(device, arrival_event());
  if (device_.empty()) device_ = device;
  if (device == device_) return Parsed::record;
  if (device_given_) return Parsed::nothing;
  return reject("a second device, " + std::string(device) + " beside " + device_ +
                ": say which one to take (--device, workload.device)");
}

void TraceReader::saw(std::string_view device, Event event) {
  if (last_device_ >= devices_.size() || devices_[last_device_].device != device) {
    constexpr std::size_t kMost = 64;
    const auto found =
        std::find_if(devices_.begin(), devices_.end(),
                     [device](const DeviceEvents& seen) { return seen.device == device; });
    last_device_ = static_cast<std::size_t>(found - devices_.begin());
    if (found == devices_.end()) {
      if (devices_.size() == kMost) return;
      devices_.push_back({std::string(device), {}});
    }
  }
  ++devices_[last_device_].counts[static_cast<std::size_t>(event)];
}

void TraceReader::fail_without_request() const {
  std::string text;
  std::uint64_t seen[3] = {};
  bool there = !device_given_;
  for (const DeviceEvents& d : devices_) {
    const bool chosen = !device_given_ || d.device == device_;
    there = there || chosen;
    for (std::size_t i = 0; chosen && i < 3; ++i) seen[i] += d.counts[i];
  }
  if (!there && !devices_.empty()) {
    text = "no request of device " + quoted(std::string_view(device_)) +
           "; valid for --device (workload.device): ";
    const char* separator = "";
    for (const DeviceEvents& d : devices_) {
      const std::uint64_t n = d.counts[static_cast<std::size_t>(arrival_event())];
      text +=
          separator + d.device + " (" + std::to_string(n) + (n == 1 ? " request)" : " requests)");
      separator = ", ";
    }
    throw TraceError(path_, 0, text);
  }
  const auto queued = std::to_string(seen[0]) + " queue (Q)";
  const auto issued = std::to_string(seen[1]) + " issue (D)";
  const auto completed = std::to_string(seen[2]) + " complete (C) events";
  if (arrivals_ == Arrivals::queue && seen[0] == 0 && seen[1] != 0) {
    text = "no queue event (Q), but " + issued + " and " + completed +
           "; --arrivals issue (workload.arrivals: issue) takes the D events as requests";
  } else if (arrivals_ == Arrivals::issue && seen[1] == 0 && seen[0] != 0) {
    text = "no issue event (D), but " + queued + " and " + completed +
           "; --arrivals queue (workload.arrivals: queue) takes the Q events as requests";
  } else if (seen[0] == 0 && seen[1] == 0 && seen[2] != 0) {
    text = "no request: neither queue (Q) nor issue (D) events, but " + completed +
           "; valid: a capture with the queue action (blktrace -a queue -a complete)";
  } else {
    text = "the trace holds no request";
  }
  for (const std::string& remark : remarks()) text += "; " + remark;
  throw TraceError(path_, 0, text);
}

std::vector<std::string> TraceReader::remarks() const {
  std::vector<std::string> out;
  if (skipped_lines_ != 0) {
    out.push_back(std::to_string(skipped_lines_) + " " + unit() +
                  "s skipped, the first: " + first_skipped_);
  }
  for (std::string& sentence : notes_.sentences(unit())) out.push_back(std::move(sentence));
  return out;
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
  if (!source_.next(line)) {
    if (source_.cut()) {
      note("compressed streams cut short, read up to the cut (the last line is lost)", 0);
    }
    return Parsed::end;
  }
  line = without_blanks(line);
  if (line.empty()) return Parsed::nothing;
  if (line.front() == '#' || line == "^C") {  // what a terminal shows of the end of a tracing tool
    note_no_data(1, source_.line_number());
    return Parsed::nothing;
  }
  record = TraceRecord{};
  record.line = source_.line_number();
  return parse_line(line, record);
}

void LineReader::note_no_data(std::uint64_t count, std::uint64_t line) {
  for (; count > 0; --count) note("lines that hold no data, passed over", line);
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

namespace {

/// Where a trace begins: its format, and how many lines stand before.
struct Beginning {
  TraceFormat format = TraceFormat::detect;
  std::uint64_t lines_before = 0;
};

/// Looks for the first line of `head` that is of `wanted`, or of any format for `detect`.
Beginning find_beginning(std::string_view head, TraceFormat wanted) {
  if (wanted == TraceFormat::blktrace ||
      (wanted == TraceFormat::detect && BlktraceReader::recognises(head))) {
    return {TraceFormat::blktrace, 0};
  }
  std::uint64_t lines = 0;
  for (std::string_view rest = without_bom(head); !rest.empty(); ++lines) {
    const std::string_view line = without_blanks(first_line_of(rest));
    for (const TraceFormatInfo& info : trace_formats()) {
      if (info.format == TraceFormat::blktrace) continue;
      if (wanted != TraceFormat::detect && info.format != wanted) continue;
      if (info.recognises(line)) return {info.format, lines};
    }
    const std::size_t end = rest.find('\n');
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return {wanted, 0};  // its reader will say what is wrong with the first line
}

/// The first line that is not blank.
std::string_view first_text(std::string_view head) {
  head = without_bom(head);
  std::string_view line = without_blanks(first_line_of(head));
  while (line.empty() && head.find('\n') != std::string_view::npos) {
    head.remove_prefix(head.find('\n') + 1);
    line = without_blanks(first_line_of(head));
  }
  return line;
}

}  // namespace

std::unique_ptr<TraceReader> open_trace(const std::string& given, const TraceOptions& options) {
  namespace fs = std::filesystem;
  std::string path = given;
  std::error_code unknown;  // if it cannot be looked at, opening it says why
  if (fs::is_directory(path, unknown) || (!fs::exists(path, unknown) && !is_cpu_file(path))) {
    path = trace_files(path).front();
  }
  constexpr std::size_t kLooked = 64 * 1024;
  auto source = std::make_unique<PeekSource>(open_bytes(path, options.skip_bad_lines), kLooked);
  const std::string_view head = source->head();
  Beginning beginning;
  if (head.empty() && is_cpu_file(path)) {
    beginning.format = TraceFormat::blktrace;  // a processor may have seen nothing
  } else if (head.empty()) {
    throw TraceError(
        path, 0,
        source->cut() ? "compressed stream is cut short before its first line" : "file is empty");
  } else {
    beginning = find_beginning(head, options.format);
  }
  if (beginning.format == TraceFormat::detect) {
    throw TraceError(path, 1,
                     "unknown trace format (known: " + format_names() +
                         "; --format or workload.format names one): " + quoted(first_text(head)));
  }
  return format_info(beginning.format)
      .open(path, std::move(source), options, beginning.lines_before);
}

}  // namespace cesasim::traces
