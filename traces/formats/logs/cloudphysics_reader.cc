// SPDX-License-Identifier: Apache-2.0
#include "traces/formats/logs/cloudphysics_reader.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "traces/field_parser.h"

namespace cesasim::traces {
namespace {

std::string_view take_field(std::string_view& text) {
  const std::size_t comma = text.find(',');
  std::string_view field = without_blanks(text.substr(0, comma));
  field.remove_prefix(std::min(field.find_first_not_of(" \t"), field.size()));
  text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  return field;
}

/// Operation codes of SCSI (SPC, SBC) that a record can stand for.
bool operation_of(unsigned code, Op& op) {
  switch (code) {
    case 0x08:  // READ(6), (10), (12), (16)
    case 0x28:
    case 0xa8:
    case 0x88:
      op = Op::read;
      return true;
    case 0x0a:  // WRITE(6), (10), (12), (16)
    case 0x2a:
    case 0xaa:
    case 0x8a:
      op = Op::write;
      return true;
    case 0x35:  // SYNCHRONIZE CACHE(10), (16)
    case 0x91:
      op = Op::flush;
      return true;
    default:
      return false;
  }
}

}  // namespace

bool CloudPhysicsReader::parse_header(std::string_view line, std::vector<Column>& columns) {
  constexpr struct {
    std::string_view name;
    Column column;
  } kNames[] = {{"time", Column::seconds},    {"timestamp", Column::microseconds},
                {"ts", Column::microseconds}, {"lbn", Column::sector},
                {"lba", Column::sector},      {"size", Column::bytes},
                {"len", Column::bytes},       {"op", Column::op},
                {"cmd", Column::cmd}};
  columns.clear();
  std::array<int, 7> seen{};
  while (!line.empty()) {
    const std::string_view name = take_field(line);
    const auto* const found = std::find_if(std::begin(kNames), std::end(kNames),
                                           [name](const auto& n) { return n.name == name; });
    columns.push_back(found == std::end(kNames) ? Column::other : found->column);
    ++seen[static_cast<std::size_t>(columns.back())];
  }
  const auto count = [&seen](Column c) { return seen[static_cast<std::size_t>(c)]; };
  return count(Column::seconds) + count(Column::microseconds) == 1 && count(Column::sector) == 1 &&
         count(Column::bytes) == 1 && count(Column::op) + count(Column::cmd) == 1;
}

bool CloudPhysicsReader::recognises(std::string_view head) {
  std::vector<Column> columns;
  return parse_header(first_line_of(head), columns);
}

CloudPhysicsReader::CloudPhysicsReader(LineSource source, const TraceOptions& options)
    : LineReader(std::move(source), TraceFormat::cloudphysics, options) {
  std::string_view line;
  if (!source_.next(line) || !parse_header(without_blanks(line), columns_)) {
    throw TraceError(path(), source_.line_number(),
                     "no header line that names time (or timestamp, ts), lbn (lba), size (len) and "
                     "op (cmd)");
  }
  header_ = without_blanks(line);
}

TraceReader::Parsed CloudPhysicsReader::parse_line(std::string_view line, TraceRecord& record) {
  if (line == header_) return Parsed::nothing;
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  std::string other;
  std::string_view rest = line;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (rest.empty()) {
      return reject("expected " + std::to_string(columns_.size()) + " fields, found " +
                    std::to_string(i));
    }
    const std::string_view text = take_field(rest);
    std::uint64_t unit = 1'000'000'000;
    switch (columns_[i]) {
      case Column::microseconds:
        unit = 1000;
        [[fallthrough]];
      case Column::seconds: {
        double fraction = 0;  // "12.5" is read; whole numbers exactly
        const std::size_t dot = text.find('.');
        if (!parse_number(text.substr(0, dot), record.time_ns) ||
            record.time_ns > kMax / unit - 1 ||
            (dot != std::string_view::npos && !parse_number(text.substr(dot), fraction))) {
          return reject("bad time " + quoted(text));
        }
        record.time_ns = record.time_ns * unit +
                         static_cast<std::uint64_t>(fraction * static_cast<double>(unit) + 0.5);
        break;
      }
      case Column::sector:
        if (!parse_number(text, record.sector)) return reject("bad lbn " + quoted(text));
        break;
      case Column::bytes:
        if (!parse_number(text, record.bytes)) return reject("bad size " + quoted(text));
        break;
      case Column::op:
      case Column::cmd:
        if (parse_operation(text, columns_[i] == Column::cmd, record, other) == Parsed::bad) {
          return Parsed::bad;
        }
        break;
      case Column::other:
        break;
    }
  }
  if (!rest.empty()) return reject("more than " + std::to_string(columns_.size()) + " fields");
  saw("", arrival_event());
  if (!other.empty()) return leave_out(other, record.line);
  if (record.op == Op::flush) record.sector = record.bytes = 0;
  if (record.op == Op::flush) record.flags = kPreflush;
  if (record.op != Op::flush && record.bytes == 0) {
    return leave_out("request without data", record.line);
  }
  if (validate(record) == Parsed::bad) return Parsed::bad;
  origin_ = std::min(origin_, record.time_ns);
  return set_phase(record, "all");
}

TraceReader::Parsed CloudPhysicsReader::parse_operation(std::string_view text, bool may_be_decimal,
                                                        TraceRecord& record, std::string& other) {
  if (text == "r" || text == "R") {
    record.op = Op::read;
    return Parsed::record;
  }
  if (text == "w" || text == "W") {
    record.op = Op::write;
    return Parsed::record;
  }
  std::string_view digits = text;
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  unsigned code = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, code, 16);
  if (error != std::errc() || stop != end || code > 0xffff) {
    return reject("unknown operation " + quoted(text) +
                  " (known: a SCSI operation code in hexadecimal, r, w)");
  }
  if (operation_of(code, record.op)) return Parsed::record;
  if (may_be_decimal && (text == "40" || text == "42")) {
    record.op = text == "40" ? Op::read : Op::write;
    return Parsed::record;
  }
  other = "SCSI operation code " + std::string(text);
  return Parsed::record;
}

}  // namespace cesasim::traces
