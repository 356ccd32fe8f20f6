// SPDX-License-Identifier: Apache-2.0
#include "traces/formats/blkparse_reader.h"

#include <limits>

#include "traces/events/rwbs.h"
#include "traces/field_parser.h"

namespace cesasim::traces {
namespace {

// What asks for no data and is no flush.
constexpr const char* kZoneCommand = "zone command (no data, no flush)";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// "253,0"
bool is_device(std::string_view text) {
  const std::size_t comma = text.find(',');
  std::uint32_t number = 0;
  return comma != std::string_view::npos && parse_number(text.substr(0, comma), number) &&
         parse_number(text.substr(comma + 1), number);
}

/// "12.000696745" to nanoseconds.
bool parse_time(std::string_view text, std::uint64_t& ns) {
  constexpr std::uint64_t kNsPerS = 1'000'000'000;
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view digits = text.substr(dot + 1);
  std::uint64_t seconds = 0;
  std::uint64_t fraction = 0;
  if (digits.size() > 9 || !parse_number(text.substr(0, dot), seconds) ||
      !parse_number(digits, fraction)) {
    return false;
  }
  for (std::size_t i = digits.size(); i < 9; ++i) fraction *= 10;
  if (seconds > std::numeric_limits<std::uint64_t>::max() / kNsPerS - 1) {
    // Only a time before 0, printed in 64 bits, is so large.
    if (seconds != std::numeric_limits<std::uint64_t>::max() / kNsPerS) return false;
    --seconds;
  }
  ns = seconds * kNsPerS + fraction;
  return true;
}

/// "1,0" or "2a,17c": the cgroup that newer versions print, in hexadecimal, before the action.
bool is_cgroup(std::string_view word) {
  const std::size_t comma = word.find(',');
  constexpr std::string_view kHex = "0123456789abcdef";
  return comma != std::string_view::npos && comma > 0 && comma + 1 < word.size() &&
         word.substr(0, comma).find_first_not_of(kHex) == std::string_view::npos &&
         word.substr(comma + 1).find_first_not_of(kHex) == std::string_view::npos;
}

/// True for a time a little before 0: blkparse takes the first event's from each in 64 bits without
/// sign, and prints the seconds in 32 bits.
bool is_wrapped(std::uint64_t ns) {
  constexpr std::uint64_t kNsPerS = 1'000'000'000;
  constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max() / kNsPerS;
  constexpr std::uint64_t kLast32 = kLast % (std::uint64_t{1} << 32);  // in February 2010
  constexpr std::uint64_t kAnHour = 3600;
  const std::uint64_t s = ns / kNsPerS;
  return (s <= kLast32 && s > kLast32 - kAnHour) || s > kLast - kAnHour;
}

bool is_summary(std::string_view line) {
  return (line.starts_with("CPU") && line.size() > 3 && is_digit(line[3])) ||
         line.starts_with("Total (");
}

/// "Input file NAME added", which blkparse says among its events.
bool is_input_note(std::string_view line) {
  return line.starts_with("Input file ") && line.ends_with(" added");
}

}  // namespace

bool BlkparseReader::recognises(std::string_view head) {
  std::string_view rest = first_line_of(head);
  if (is_input_note(rest)) return true;
  std::uint64_t number = 0;
  return is_device(take_word(rest)) && parse_number(take_word(rest), number) &&
         parse_number(take_word(rest), number) && parse_time(take_word(rest), number);
}

BlkparseReader::BlkparseReader(LineSource source, const TraceOptions& options)
    : LineReader(std::move(source), TraceFormat::blkparse, options) {}

TraceReader::Parsed BlkparseReader::parse_line(std::string_view line, TraceRecord& record) {
  std::string_view rest = line;
  const std::string_view device = take_word(rest);
  if (!is_device(device)) {
    // blkparse puts events before the summary, so nothing is lost by reading it leniently.
    in_summary_ = in_summary_ || is_summary(line);
    if (in_summary_ || is_input_note(line)) return Parsed::nothing;
    return reject("does not begin with a device number: " + quoted(line));
  }
  if (in_summary_) return reject("event after the summary: " + quoted(line));

  std::uint64_t number = 0;
  const std::string_view cpu = take_word(rest);
  if (!parse_number(cpu, number)) return reject("bad cpu " + quoted(cpu));
  const std::string_view sequence = take_word(rest);
  if (!parse_number(sequence, number)) return reject("bad sequence number " + quoted(sequence));
  const std::string_view time = take_word(rest);
  if (!parse_time(time, record.time_ns)) return reject("bad time " + quoted(time));
  const std::string_view pid = take_word(rest);
  if (!parse_number(pid, record.pid)) return reject("bad pid " + quoted(pid));
  std::string_view action = take_word(rest);
  if (is_cgroup(action)) action = take_word(rest);
  constexpr std::string_view kActions = "ABCDFGIMPQRSTUWXm";
  if (action.empty() || kActions.find(action.front()) == std::string_view::npos ||
      action.size() > 2) {
    return reject("unknown action " + quoted(action));
  }
  const std::string_view rwbs = take_word(rest);
  if (rwbs.empty()) return reject("line ends after its action");
  if (action == "m") {
    if (!rest.empty()) rest.remove_prefix(1);
    if (const auto phase = phase_of_message(rest)) phase_ = *phase;
    return Parsed::nothing;
  }
  const bool issue = arrival_event() == Event::issue;
  if (action == "C") saw(device, Event::complete);
  if (action == (issue ? "Q" : "D")) saw(device, issue ? Event::queue : Event::issue);
  const bool arrival = action == (issue ? "D" : "Q");
  const bool requeue = issue && action == "R";
  if (!arrival && !requeue && action != "C") return Parsed::nothing;
  if (is_wrapped(record.time_ns)) {
    note("events before time 0 (blkparse shows them 40 years later), put at time 0", record.line);
    record.time_ns = 0;
  }
  if (arrival) return parse_arrival(device, rwbs, rest, record);
  if (!is_chosen_device(device)) return Parsed::nothing;
  const Parsed parsed = parse_completion(rwbs, rest, record);
  if (!requeue || parsed != Parsed::completion) return parsed;
  requeued_.requeued(record);
  return Parsed::nothing;
}

TraceReader::Parsed BlkparseReader::parse_arrival(std::string_view device, std::string_view rwbs,
                                                  std::string_view rest, TraceRecord& record) {
  const std::string_view sector = take_word(rest);
  const std::string_view plus = take_word(rest);
  const bool has_range = !sector.empty() && is_digit(sector.front());
  if (has_range && (plus.empty() || plus.front() == '[' || plus.front() == '(')) {
    return Parsed::nothing;  // pass-through: bytes, and perhaps the command
  }
  if (const Parsed taken = choose_device(device); taken != Parsed::record) return taken;
  Rwbs letters;
  if (std::string wrong = parse_rwbs(rwbs, letters); !wrong.empty()) return reject(wrong);
  record.op = letters.op;
  record.flags = letters.flags;
  if (has_range) {
    const std::string_view sectors = take_word(rest);
    if (!parse_number(sector, record.sector)) return reject("bad sector " + quoted(sector));
    if (plus != "+") {
      return reject("bad size after the sector: " + quoted(plus) + " " + quoted(sectors));
    }
    if (parse_sectors(sectors, record) == Parsed::bad) return Parsed::bad;
  } else if (!sector.empty() && sector.front() != '[' && sector.front() != '(') {
    return reject("bad sector " + quoted(sector));
  }
  if (letters.other != nullptr || (record.bytes == 0 && (record.flags & kPreflush) == 0)) {
    leave_out(letters.other != nullptr ? letters.other : kZoneCommand, record.line);
    if (record.bytes != 0) return Parsed::nothing;
    record.sector = CompletionMatcher::kNoSector;
    return Parsed::command;
  }
  if (record.bytes == 0) {
    record.op = Op::flush;
    record.sector = 0;
  }
  if (requeued_.issued_again(record)) return Parsed::nothing;
  if (validate(record) == Parsed::bad) return Parsed::bad;
  return set_phase(record, phase_);
}

TraceReader::Parsed BlkparseReader::parse_completion(std::string_view rwbs, std::string_view rest,
                                                     TraceRecord& record) {
  const std::string_view sector = take_word(rest);
  const std::string_view plus = take_word(rest);
  if (sector.empty() || !is_digit(sector.front())) return Parsed::nothing;  // pass-through
  Rwbs letters;
  if (std::string wrong = parse_rwbs(rwbs, letters); !wrong.empty()) return reject(wrong);
  if (!parse_number(sector, record.sector)) return reject("bad sector " + quoted(sector));
  record.op = letters.op;
  record.flags = letters.flags;
  if (plus == "+") {
    if (letters.other != nullptr) return Parsed::nothing;
    const std::string_view sectors = take_word(rest);
    if (parse_sectors(sectors, record) == Parsed::bad) return Parsed::bad;
  } else if (!plus.empty() && plus.front() != '[' && plus.front() != '(') {
    return reject("bad size after the sector: " + quoted(plus));
  }
  if (record.bytes == 0) record.op = (record.flags & kPreflush) != 0 ? Op::flush : Op::write;
  return Parsed::completion;
}

TraceReader::Parsed BlkparseReader::parse_sectors(std::string_view sectors, TraceRecord& record) {
  std::uint64_t count = 0;
  if (!parse_number(sectors, count)) {
    return reject("bad size after the sector: '+' " + quoted(sectors));
  }
  if (count > std::numeric_limits<std::uint64_t>::max() / 512) {
    return reject("size overflows: " + quoted(sectors) + " sectors");
  }
  record.bytes = count * 512;
  return Parsed::record;
}

}  // namespace cesasim::traces
