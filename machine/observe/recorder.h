// SPDX-License-Identifier: Apache-2.0
// Records requests of a run as a trace.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "machine/trace_output.h"
#include "traces/trace_record.h"

namespace cesasim {

/// Writes requests in the order of their numbers, each once it and all before it have ended. Behind
/// one that never ends (a lost request) no more than kMostHeld wait; then it is written without a
/// time of completion. As with TextFile nothing is written before flush().
class Recorder {
 public:
  static constexpr std::size_t kMostHeld = 65536;

  /// In the format of the file's name, or normalized CSV. Errors: OutputError.
  explicit Recorder(const std::string& file);

  void began(std::uint64_t number, const traces::TraceRecord& record, std::string phase) {
    requests_.emplace(number, Request{record, std::move(phase), false});
  }
  void ended(std::uint64_t number, std::uint64_t done_ns);
  void flush() { write(false); }
  /// Those that have not ended have no time of completion.
  void close();

 private:
  struct Request {
    traces::TraceRecord record;
    std::string phase;
    bool ended;
  };
  void write(bool all);

  TraceOutput output_;
  std::map<std::uint64_t, Request> requests_;
};

}  // namespace cesasim
