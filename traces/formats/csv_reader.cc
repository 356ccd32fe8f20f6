// SPDX-License-Identifier: Apache-2.0
#include "traces/formats/csv_reader.h"

#include <algorithm>

#include "traces/field_parser.h"

namespace cesasim::traces {
namespace {

std::string_view take_field(std::string_view& text, bool& last) {
  const std::size_t comma = text.find(',');
  last = comma == std::string_view::npos;
  const std::string_view field = without_blanks(text.substr(0, comma));
  text.remove_prefix(last ? text.size() : comma + 1);
  return field;
}

}  // namespace

bool CsvReader::recognises(std::string_view head) {
  std::string_view first_line = first_line_of(head);
  // Column names in any order: one of the required ones must be a whole field.
  bool last = false;
  while (!last) {
    if (take_field(first_line, last) == "time_ns") return true;
  }
  return false;
}

CsvReader::CsvReader(LineSource source, const TraceOptions& options)
    : LineReader(std::move(source), TraceFormat::csv, options) {
  std::string_view line;
  if (!source_.next(line)) throw TraceError(path(), 0, "file is empty: no CSV header line");
  line = without_blanks(line);
  header_ = line;
  bool last = false;
  while (!last) {
    const std::string_view name = take_field(line, last);
    const auto found = std::find(kColumnNames.begin(), kColumnNames.end(), name);
    if (found == kColumnNames.end()) {
      throw TraceError(path(), source_.line_number(),
                       "unknown column " + quoted(name) +
                           " (known: time_ns,op,sector,bytes,pid,phase,flags,done_ns)");
    }
    const auto column = static_cast<Column>(found - kColumnNames.begin());
    if (std::find(columns_.begin(), columns_.end(), column) != columns_.end()) {
      throw TraceError(path(), source_.line_number(), "column " + quoted(name) + " twice");
    }
    columns_.push_back(column);
  }
  for (const Column required : {Column::time_ns, Column::op, Column::sector, Column::bytes}) {
    if (std::find(columns_.begin(), columns_.end(), required) == columns_.end()) {
      throw TraceError(path(), source_.line_number(),
                       std::string("column ") + kColumnNames[static_cast<std::size_t>(required)] +
                           " is missing");
    }
  }
  has_phase_ = std::find(columns_.begin(), columns_.end(), Column::phase) != columns_.end();
}

TraceReader::Parsed CsvReader::parse_line(std::string_view line, TraceRecord& record) {
  if (line == header_) return Parsed::nothing;
  std::string_view rest = line;
  std::string_view phase;
  bool last = false;
  std::size_t i = 0;
  for (; i < columns_.size() && !last; ++i) {
    const std::string_view text = take_field(rest, last);
    if (columns_[i] == Column::phase) {
      phase = text;
    } else if (parse_field(columns_[i], text, record) == Parsed::bad) {
      return Parsed::bad;
    }
  }
  if (i < columns_.size() || !last) {
    const auto fields = 1 + std::count(line.begin(), line.end(), ',');
    return reject("expected " + std::to_string(columns_.size()) + " fields, found " +
                  std::to_string(fields));
  }
  if (validate(record) == Parsed::bad) return Parsed::bad;
  // Last, so that a bad line leaves no phase behind.
  if (has_phase_ && phase.empty()) return reject("phase is empty");
  return set_phase(record, has_phase_ ? phase : "all");
}

TraceReader::Parsed CsvReader::parse_field(Column column, std::string_view text,
                                           TraceRecord& record) {
  bool good = true;
  switch (column) {
    case Column::time_ns:
      good = parse_number(text, record.time_ns);
      break;
    case Column::sector:
      good = parse_number(text, record.sector);
      break;
    case Column::bytes:
      good = parse_number(text, record.bytes);
      break;
    case Column::pid:
      good = parse_number(text, record.pid);
      break;
    case Column::done_ns:
      good = text.empty() || parse_number(text, record.done_ns);
      break;
    case Column::op:
      if (text == "R") {
        record.op = Op::read;
      } else if (text == "W") {
        record.op = Op::write;
      } else if (text == "F") {
        record.op = Op::flush;
      } else if (text == "D") {
        record.op = Op::discard;
      } else {
        return reject("unknown op " + quoted(text) + " (known: R, W, F, D)");
      }
      break;
    case Column::flags:
      for (const char c : text) {
        switch (c) {
          case 'P':
            record.flags |= kPreflush;
            break;
          case 'U':
            record.flags |= kFua;
            break;
          case 'S':
            record.flags |= kSync;
            break;
          case 'M':
            record.flags |= kMetadata;
            break;
          case 'A':
            record.flags |= kReadAhead;
            break;
          default:
            return reject("unknown flag " + quoted({&c, 1}) + " (known: P, U, S, M, A)");
        }
      }
      break;
    case Column::phase:
      break;
  }
  if (!good) {
    return reject(std::string(kColumnNames[static_cast<std::size_t>(column)]) +
                  " is not a whole number in range: " + quoted(text));
  }
  return Parsed::nothing;
}

}  // namespace cesasim::traces
