// SPDX-License-Identifier: Apache-2.0
#include "traces/trace_notes.h"

#include <fmt/format.h>

namespace cesasim::traces {

void TraceNotes::add(std::vector<Note>& notes, std::string_view what, std::uint64_t at) {
  for (Note& note : notes) {
    if (note.what == what) {
      ++note.count;
      return;
    }
  }
  if (notes.size() == kMaxKinds) {
    ++notes.back().count;
    return;
  }
  if (notes.size() + 1 == kMaxKinds) what = "other names";
  notes.push_back({std::string(what), 1, at});
}

std::vector<std::string> TraceNotes::sentences(const char* unit) const {
  std::vector<std::string> out;
  const auto say = [&](const std::string& what, const Note& note) {
    out.push_back(fmt::format("{}: {}", what, note.count));
    if (note.first != 0) {
      out.back() += note.count == 1 ? fmt::format(", in {} {}", unit, note.first)
                                    : fmt::format(", the first in {} {}", unit, note.first);
    }
  };
  for (const Note& note : left_out_) say("operation left out, " + note.what, note);
  for (const Note& note : others_) say(note.what, note);
  return out;
}

}  // namespace cesasim::traces
