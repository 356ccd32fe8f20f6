// SPDX-License-Identifier: Apache-2.0
#include "traces/events/rwbs.h"

#include "traces/field_parser.h"

namespace cesasim::traces {
namespace {

/// Takes a zone command off `rest`, which begins with Z; nullptr if there is no such command.
const char* take_zone_command(std::string_view& rest) {
  constexpr struct {
    std::string_view letters;
    const char* name;
  } kCommands[] = {{"ZRA", "zone reset all"}, {"ZR", "zone reset"},  {"ZO", "zone open"},
                   {"ZC", "zone close"},      {"ZF", "zone finish"}, {"ZA", "zone append"}};
  for (const auto& [letters, name] : kCommands) {
    if (!rest.starts_with(letters)) continue;
    rest.remove_prefix(letters.size());
    return name;
  }
  return nullptr;
}

}  // namespace

std::string parse_rwbs(std::string_view letters, Rwbs& out) {
  out = Rwbs{};
  std::string_view rest = letters;
  if (rest.size() > 1 && rest.front() == 'F') {
    out.flags |= kPreflush;
    rest.remove_prefix(1);
  }
  const std::string unknown = "unknown operation in " + quoted(letters);
  if (rest.empty()) return unknown;
  if (rest.front() == 'Z') {
    out.other = take_zone_command(rest);
    if (out.other == nullptr) return unknown;
  } else if (rest.starts_with("DE")) {
    out.other = "secure erase";
    rest.remove_prefix(2);
  } else {
    switch (rest.front()) {
      case 'R':
        out.op = Op::read;
        break;
      case 'W':
        out.op = Op::write;
        break;
      case 'D':
        out.op = Op::discard;
        break;
      case 'F':
        out.op = Op::flush;
        out.flags |= kPreflush;
        break;
      case 'N':
        // "FN" is the flush that the kernel issues itself. Else the letters do not say what it
        // is: of a kernel's own printing, write-zeroes.
        out.op = Op::flush;
        if ((out.flags & kPreflush) == 0) out.other = "N (write-zeroes or another)";
        break;
      default:
        return unknown;
    }
    rest.remove_prefix(1);
  }
  for (const char c : rest) {
    switch (c) {
      case 'F':
        out.flags |= kFua;
        break;
      case 'A':
        out.flags |= kReadAhead;
        break;
      case 'S':
        out.flags |= kSync;
        break;
      case 'M':
        out.flags |= kMetadata;
        break;
      case 'B':
        // A barrier of old kernels; binary events have one bit for both.
        out.flags |= kPreflush;
        if (out.other != nullptr && out.op == Op::flush) out.other = nullptr;  // "NB": an empty one
        break;
      case 'E':
        out.other = "secure erase";
        break;
      case 'U':
        break;  // atomic: not cut in two, which nothing here does below a bio
      default:
        return "unknown flag " + quoted({&c, 1}) + " in " + quoted(letters);
    }
  }
  return "";
}

}  // namespace cesasim::traces
