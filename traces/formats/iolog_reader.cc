// SPDX-License-Identifier: Apache-2.0
#include "traces/formats/iolog_reader.h"

#include <limits>

#include "traces/field_parser.h"

namespace cesasim::traces {
namespace {

constexpr std::string_view kVersion2 = "fio version 2 iolog";
constexpr std::string_view kVersion3 = "fio version 3 iolog";
constexpr std::uint64_t kNsPerUs = 1000;
constexpr std::uint64_t kMaxUs = std::numeric_limits<std::uint64_t>::max() / kNsPerUs - 1;

TraceFormat version_of(LineSource& source) {
  std::string_view line;
  if (source.next(line)) {
    line = without_blanks(line);
    if (line == kVersion2) return TraceFormat::iolog2;
    if (line == kVersion3) return TraceFormat::iolog3;
  }
  throw TraceError(
      source.path(), source.line_number(),
      "does not begin with '" + std::string(kVersion2) + "' or '" + std::string(kVersion3) + "'");
}

bool is_name(std::string_view action) {
  return !action.empty() &&
         action.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos;
}

bool is_file_action(std::string_view action) {
  return action == "add" || action == "open" || action == "close";
}

}  // namespace

bool IologReader::recognises_v2(std::string_view head) { return first_line_of(head) == kVersion2; }
bool IologReader::recognises_v3(std::string_view head) { return first_line_of(head) == kVersion3; }

IologReader::IologReader(LineSource source, const TraceOptions& options)
    : IologReader(version_of(source), source, options) {}

IologReader::IologReader(TraceFormat version, LineSource& source, const TraceOptions& options)
    : LineReader(std::move(source), version, options) {}

TraceReader::Parsed IologReader::parse_line(std::string_view line, TraceRecord& record) {
  std::string_view rest = line;
  if (line == (format() == TraceFormat::iolog2 ? kVersion2 : kVersion3)) return Parsed::nothing;
  if (format() == TraceFormat::iolog3) {
    const std::string_view time = take_word(rest);
    if (time.empty()) return Parsed::nothing;
    std::uint64_t us = 0;
    if (!parse_number(time, us) || us > kMaxUs) {
      return reject("bad time in microseconds " + quoted(time));
    }
    record.time_ns = us * kNsPerUs;
  }
  const std::string_view file = take_word(rest);
  if (file.empty()) {
    return format() == TraceFormat::iolog2 ? Parsed::nothing : reject("line ends after its time");
  }
  const std::string_view action = take_word(rest);
  const std::string_view offset_text = take_word(rest);
  const std::string_view length_text = take_word(rest);
  if (is_file_action(action) && offset_text.empty()) return Parsed::nothing;

  bool waits = false;
  bool other = false;
  if (action == "read") {
    record.op = Op::read;
  } else if (action == "write") {
    record.op = Op::write;
  } else if (action == "trim") {
    record.op = Op::discard;
  } else if (action == "sync" || action == "datasync") {
    record.op = Op::flush;
    record.flags = kPreflush;
  } else if (action == "wait" && format() == TraceFormat::iolog2) {
    waits = true;
  } else if (is_name(action)) {  // sync_file_range, a wait in version 3 (which fio ignores), ...
    other = true;
  } else {
    return reject("unknown action " + quoted(action) +
                  " (known: add, open, close, read, write, trim, sync, datasync, wait)");
  }
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  if (!parse_number(offset_text, offset)) return reject("bad offset " + quoted(offset_text));
  if (!waits && !parse_number(length_text, length)) {
    return reject("bad length " + quoted(length_text));
  }
  if (!take_word(rest).empty()) return reject("text after the length");
  if (waits) {
    if (offset > kMaxUs - waited_us_) return reject("waits overflow: " + quoted(offset_text));
    waited_us_ += offset;
    return Parsed::nothing;
  }
  if (const Parsed taken = choose_device(file); taken != Parsed::record) return taken;
  if (other) return leave_out(action, record.line);
  if (format() == TraceFormat::iolog2) record.time_ns = waited_us_ * kNsPerUs;
  if (record.op != Op::flush) {
    if (offset % 512 != 0) {
      return reject("offset is not a multiple of 512: " + std::to_string(offset) + " bytes");
    }
    record.sector = offset / 512;
    record.bytes = length;
  }
  if (validate(record) == Parsed::bad) return Parsed::bad;
  return set_phase(record, "all");
}

}  // namespace cesasim::traces
