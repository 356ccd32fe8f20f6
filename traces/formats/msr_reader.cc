// SPDX-License-Identifier: Apache-2.0
#include "traces/formats/msr_reader.h"

#include <algorithm>
#include <array>
#include <limits>

#include "traces/field_parser.h"

namespace cesasim::traces {
namespace {

constexpr std::size_t kColumns = 7;
using Fields = std::array<std::string_view, kColumns>;
constexpr std::uint64_t kTickNs = 100;

/// False if the line has more or fewer fields.
bool split(std::string_view line, Fields& fields) {
  for (std::size_t i = 0; i < kColumns; ++i) {
    const std::size_t comma = line.find(',');
    if ((comma == std::string_view::npos) != (i + 1 == kColumns)) return false;
    fields[i] = line.substr(0, comma);
    line.remove_prefix(comma == std::string_view::npos ? line.size() : comma + 1);
  }
  return true;
}

/// Read or Write, as the collection has it or in small letters.
bool parse_type(std::string_view type, Op& op) {
  if (type == "Read" || type == "read") {
    op = Op::read;
  } else if (type == "Write" || type == "write") {
    op = Op::write;
  } else {
    return false;
  }
  return true;
}

bool is_name(std::string_view type) {
  return !type.empty() && std::all_of(type.begin(), type.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  });
}

}  // namespace

bool MsrReader::recognises(std::string_view head) {
  Fields fields;
  Op op = Op::read;
  std::uint64_t number = 0;
  return split(first_line_of(head), fields) && parse_number(fields[0], number) &&
         parse_type(fields[3], op) && parse_number(fields[4], number);
}

TraceReader::Parsed MsrReader::parse_line(std::string_view line, TraceRecord& record) {
  Fields fields;
  if (!split(line, fields)) {
    return reject(
        "expected 7 fields (Timestamp,Hostname,DiskNumber,Type,Offset,Size,ResponseTime)");
  }
  if (fields[0] == "Timestamp") return Parsed::nothing;  // the header line again
  const auto [stamp, host, disk, type, offset_text, size_text, response_text] = fields;
  std::uint64_t ticks = 0;
  std::uint64_t offset = 0;
  std::uint64_t response = 0;
  if (!parse_number(stamp, ticks)) return reject("bad Timestamp " + quoted(stamp));
  const bool known = parse_type(type, record.op);
  if (!known && !is_name(type)) {
    return reject("unknown Type " + quoted(type) + " (known: Read, Write)");
  }
  if (!parse_number(offset_text, offset)) return reject("bad Offset " + quoted(offset_text));
  if (!parse_number(size_text, record.bytes)) return reject("bad Size " + quoted(size_text));
  if (!parse_number(response_text, response)) {
    return reject("bad ResponseTime " + quoted(response_text));
  }
  // The view is into the line: host and disk stand side by side.
  const std::string_view device(host.data(), host.size() + 1 + disk.size());
  if (const Parsed taken = choose_device(device); taken != Parsed::record) return taken;

  if (!known) return leave_out(type, record.line);
  if (offset % 512 != 0) {
    return reject("Offset is not a multiple of 512: " + std::to_string(offset) + " bytes");
  }
  record.sector = offset / 512;
  constexpr std::uint64_t kMaxTicks = std::numeric_limits<std::uint64_t>::max() / kTickNs - 1;
  if (ticks > kMaxTicks || response > kMaxTicks - ticks) return reject("time overflows");
  record.time_ns = ticks * kTickNs;
  if (response != 0) record.done_ns = (ticks + response) * kTickNs;
  if (validate(record) == Parsed::bad) return Parsed::bad;
  origin_ = std::min(origin_, record.time_ns);
  return set_phase(record, "all");
}

}  // namespace cesasim::traces
