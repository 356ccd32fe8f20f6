// SPDX-License-Identifier: Apache-2.0
// What a trace reader left out, put right or passed over: counted by kind, said once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cesasim::traces {

class TraceNotes {
 public:
  struct Note {
    std::string what;
    std::uint64_t count = 0;
    std::uint64_t first = 0;  ///< line of the file, or number of the event; 0: of no line
  };

  /// One more request of an operation that no record can stand for, by its name ("zone reset").
  void left_out(std::string_view operation, std::uint64_t at) { add(left_out_, operation, at); }
  /// One more of anything else: `what` reads "rows that ...: N, the first in line M".
  void add(std::string_view what, std::uint64_t at) { add(others_, what, at); }

  const std::vector<Note>& operations_left_out() const { return left_out_; }
  const std::vector<Note>& others() const { return others_; }
  bool empty() const { return left_out_.empty() && others_.empty(); }

  /// One sentence each; `unit` is what is counted, "line" or "event".
  std::vector<std::string> sentences(const char* unit) const;

 private:
  /// Names come from the file, so their number is bounded.
  static constexpr std::size_t kMaxKinds = 64;
  static void add(std::vector<Note>& notes, std::string_view what, std::uint64_t at);

  std::vector<Note> left_out_;
  std::vector<Note> others_;
};

}  // namespace cesasim::traces
