#include "traces/formats/blkparse_reader.h"

#include <limits>

#include "traces/field_parser.h"

namespace cesasim::traces {
namespace {

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
  if (seconds > std::numeric_limits<std::uint64_t>::max() / kNsPerS - 1) return false;
  ns = seconds * kNsPerS + fraction;
  return true;
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
    : LineReader(std::move(source), TraceFormat::blkparse, options) {
  if (!options.device.empty() && !is_device(options.device)) {
    throw TraceError(path(), 0,
                     "device to take is not of the form major,minor: " + quoted(options.device));
  }
}

TraceReader::Parsed BlkparseReader::parse_line(std::string_view line, TraceRecord& record) {
  std::string_view rest = line;
  const std::string_view device = take_word(rest);
  if (device.empty()) return Parsed::nothing;
  if (!is_device(device)) {
    // blkparse puts events before the summary, so nothing is lost by reading it leniently.
    in_summary_ = in_summary_ || is_summary(line);
    if (in_summary_ || is_input_note(line)) return Parsed::nothing;
    return reject("does not begin with a device number: " + quoted(line));
  }
  if (in_summary_) return reject("event after the summary: " + quoted(line));

  record = TraceRecord{};
  std::uint64_t number = 0;
  const std::string_view cpu = take_word(rest);
  if (!parse_number(cpu, number)) return reject("bad cpu " + quoted(cpu));
  const std::string_view sequence = take_word(rest);
  if (!parse_number(sequence, number)) return reject("bad sequence number " + quoted(sequence));
  const std::string_view time = take_word(rest);
  if (!parse_time(time, record.time_ns)) return reject("bad time " + quoted(time));
  const std::string_view pid = take_word(rest);
  if (!parse_number(pid, record.pid)) return reject("bad pid " + quoted(pid));
  const std::string_view action = take_word(rest);
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
  if (action == "C") {
    // A request that carries no data of a file system (N) is none of ours.
    if (rwbs.front() == 'N' || !is_chosen_device(device)) return Parsed::nothing;
    if (parse_request(rwbs, rest, record) == Parsed::bad) return Parsed::bad;
    // "C WS 0 [0]" follows the completion of the flush itself and tells nothing new.
    return record.op == Op::flush || record.bytes > 0 ? Parsed::completion : Parsed::nothing;
  }
  if (action != "Q") return Parsed::nothing;
  if (const Parsed taken = choose_device(device); taken != Parsed::record) return taken;
  if (parse_request(rwbs, rest, record) == Parsed::bad) return Parsed::bad;
  if (validate(record) == Parsed::bad) return Parsed::bad;
  return set_phase(record, phase_);
}

TraceReader::Parsed BlkparseReader::parse_request(std::string_view rwbs, std::string_view rest,
                                                  TraceRecord& record) {
  if (parse_rwbs(rwbs, record) == Parsed::bad) return Parsed::bad;
  const std::string_view sector = take_word(rest);
  const bool flushes = (record.flags & kPreflush) != 0 || record.op == Op::flush;
  if (sector.empty() || sector.front() == '[') {
    if (!flushes) return reject(std::string(op_name(record.op)) + " without a sector");
    record.op = Op::flush;
    return Parsed::record;
  }
  const std::string_view plus = take_word(rest);
  if (!parse_number(sector, record.sector)) return reject("bad sector " + quoted(sector));
  if (plus.starts_with('[')) {  // completed: "C FWS 0 [0]"
    if (flushes) record.op = Op::flush;
    record.sector = 0;
    return Parsed::record;
  }
  const std::string_view sectors = take_word(rest);
  std::uint64_t count = 0;
  if (plus != "+" || !parse_number(sectors, count)) {
    return reject("bad size after the sector: " + quoted(plus) + " " + quoted(sectors));
  }
  if (count > std::numeric_limits<std::uint64_t>::max() / 512) {
    return reject("size overflows: " + quoted(sectors) + " sectors");
  }
  record.bytes = count * 512;
  if (count == 0 && flushes) {
    record.op = Op::flush;
    record.sector = 0;
  }
  return Parsed::record;
}

TraceReader::Parsed BlkparseReader::parse_rwbs(std::string_view rwbs, TraceRecord& record) {
  // The kernel writes [F = preflush] operation [F = FUA] [A] [S] [M].
  std::string_view rest = rwbs;
  if (rest.size() > 1 && rest.front() == 'F') {
    record.flags |= kPreflush;
    rest.remove_prefix(1);
  }
  switch (rest.front()) {
    case 'R':
      record.op = Op::read;
      break;
    case 'W':
      record.op = Op::write;
      break;
    case 'D':
      record.op = Op::discard;
      break;
    case 'F':
      record.op = Op::flush;
      break;
    case 'N':
      record.op = Op::flush;
      if ((record.flags & kPreflush) != 0) break;
      [[fallthrough]];
    default:
      return reject("unknown operation in " + quoted(rwbs));
  }
  rest.remove_prefix(1);
  for (const char c : rest) {
    switch (c) {
      case 'F':
        record.flags |= kFua;
        break;
      case 'A':
        record.flags |= kReadAhead;
        break;
      case 'S':
        record.flags |= kSync;
        break;
      case 'M':
        record.flags |= kMetadata;
        break;
      case 'B':
        break;  // barrier of old kernels: order is kept anyway
      case 'E':
        break;  // secure erase: a discard
      default:
        return reject("unknown flag " + quoted({&c, 1}) + " in " + quoted(rwbs));
    }
  }
  return Parsed::nothing;
}

}  // namespace cesasim::traces
