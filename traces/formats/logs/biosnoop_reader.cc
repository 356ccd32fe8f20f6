// SPDX-License-Identifier: Apache-2.0
#include "traces/formats/logs/biosnoop_reader.h"

#include <algorithm>
#include <limits>

#include "traces/events/rwbs.h"
#include "traces/field_parser.h"

namespace cesasim::traces {
namespace {

constexpr std::uint64_t kNsPerS = 1'000'000'000;
constexpr std::uint64_t kNsPerMs = 1'000'000;
// Requests that were queued before the first one ended have times below 0.
constexpr std::uint64_t kZero = std::uint64_t{1} << 62;

/// "12.345" of `unit_ns` to nanoseconds; at most `digits` after the dot.
bool parse_decimal(std::string_view text, std::uint64_t unit_ns, std::uint64_t& ns) {
  const std::size_t dot = text.find('.');
  std::uint64_t whole = 0;
  if (!parse_number(text.substr(0, dot), whole)) return false;
  if (whole > (kZero - 1) / unit_ns) return false;
  ns = whole * unit_ns;
  if (dot == std::string_view::npos) return true;
  const std::string_view digits = text.substr(dot + 1);
  if (digits.empty()) return false;
  std::uint64_t unit = unit_ns;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
    unit /= 10;
    ns += unit * static_cast<std::uint64_t>(c - '0');
  }
  return true;
}

/// The last word of `text`, taken off it.
std::string_view take_last_word(std::string_view& text) {
  text = without_blanks(text);
  const std::size_t blank = text.find_last_of(" \t");
  const std::string_view word = text.substr(blank == std::string_view::npos ? 0 : blank + 1);
  text.remove_suffix(word.size());
  return word;
}

}  // namespace

bool BiosnoopReader::recognises(std::string_view head) {
  std::string_view rest = first_line_of(head);
  return take_word(rest) == "TIME(s)" && take_word(rest) == "COMM" && take_word(rest) == "PID" &&
         take_word(rest) == "DISK" && rest.find("LAT(ms)") != std::string_view::npos;
}

BiosnoopReader::BiosnoopReader(LineSource source, const TraceOptions& options)
    : LineReader(std::move(source), TraceFormat::biosnoop, options) {
  rows_are_by_completion();
  std::string_view line;
  if (!source_.next(line) || !recognises(without_blanks(line))) {
    throw TraceError(
        path(), source_.line_number(),
        "no heading of biosnoop: TIME(s) COMM PID DISK T SECTOR BYTES [QUE(ms)] LAT(ms)");
  }
  parse_heading(line);
}

bool BiosnoopReader::parse_heading(std::string_view line) {
  if (!recognises(line)) return false;
  has_que_ = line.find("QUE(ms)") != std::string_view::npos;
  has_pattern_ = false;
  for (std::string_view rest = line; !rest.empty();) {
    const std::string_view word = take_word(rest);
    has_pattern_ = has_pattern_ || word == "P" || word == "PATTERN";
  }
  return true;
}

TraceReader::Parsed BiosnoopReader::parse_line(std::string_view line, TraceRecord& record) {
  if (parse_heading(line)) return Parsed::nothing;
  std::string_view rest = line;
  const std::string_view time = take_word(rest);
  const std::string_view latency = take_last_word(rest);
  const std::string_view queued = has_que_ ? take_last_word(rest) : std::string_view("0");
  if (has_pattern_) take_last_word(rest);
  const std::string_view bytes = take_last_word(rest);
  const std::string_view sector = take_last_word(rest);
  const std::string_view type = take_last_word(rest);
  const std::string_view disk = take_last_word(rest);
  const std::string_view pid = take_last_word(rest);
  std::uint64_t ended = 0;
  std::uint64_t took = 0;
  std::uint64_t waited = 0;
  if (!parse_decimal(time, kNsPerS, ended)) return reject("bad TIME(s) " + quoted(time));
  if (!parse_number(pid, record.pid)) return reject("bad PID " + quoted(pid));
  if (!parse_decimal(latency, kNsPerMs, took)) return reject("bad LAT(ms) " + quoted(latency));
  if (!parse_decimal(queued, kNsPerMs, waited)) return reject("bad QUE(ms) " + quoted(queued));
  if (!parse_number(bytes, record.bytes)) return reject("bad BYTES " + quoted(bytes));
  Rwbs letters;
  if (std::string wrong = parse_rwbs(type, letters); !wrong.empty()) {
    return reject("T: " + wrong);
  }
  if (const Parsed taken = choose_device(disk); taken != Parsed::record) return taken;
  record.op = letters.op;
  record.flags = letters.flags;
  if (record.bytes == 0 && (record.flags & kPreflush) != 0) record.op = Op::flush;
  if (letters.other != nullptr) return leave_out(letters.other, record.line);
  if (record.op == Op::flush) {
    record.bytes = 0;
  } else if (record.bytes == 0) {
    return leave_out("request without data", record.line);
  } else if (!parse_number(sector, record.sector)) {
    return reject("bad SECTOR " + quoted(sector));
  }
  record.done_ns = kZero + ended;
  record.time_ns = record.done_ns - took - waited;
  if (validate(record) == Parsed::bad) return Parsed::bad;
  origin_ = std::min(origin_, record.time_ns);
  return set_phase(record, "all");
}

}  // namespace cesasim::traces
