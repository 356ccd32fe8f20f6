// SPDX-License-Identifier: Apache-2.0
#include "machine/observe/recorder.h"

#include <algorithm>

#include "traces/trace_format.h"

namespace cesasim {
namespace {

traces::TraceFormat format_of(const std::string& file) {
  const traces::TraceFormat format = traces::format_of_path(file);
  return format == traces::TraceFormat::detect ? traces::TraceFormat::csv : format;
}

}  // namespace

Recorder::Recorder(const std::string& file) : output_(file, format_of(file)) {}

void Recorder::ended(std::uint64_t number, std::uint64_t done_ns) {
  const auto found = requests_.find(number);
  if (found == requests_.end()) return;
  Request& request = found->second;
  request.record.done_ns = std::max(done_ns, request.record.time_ns);
  request.ended = true;
}

void Recorder::write(bool all) {
  while (!requests_.empty() &&
         (all || requests_.begin()->second.ended || requests_.size() > kMostHeld)) {
    const Request& request = requests_.begin()->second;
    output_.writer().write(request.record, request.phase);
    requests_.erase(requests_.begin());
  }
}

void Recorder::close() {
  write(true);
  output_.commit();
}

}  // namespace cesasim
