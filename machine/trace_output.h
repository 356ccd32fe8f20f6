// SPDX-License-Identifier: Apache-2.0
// A trace file in the writing: there completely or not at all.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/file/atomic_file.h"
#include "traces/trace_writer.h"

namespace cesasim {

/// Writes `path` in `format`, compressed if the name ends in .zst or .gz. Until commit() it is a
/// part file, which goes again if there is no commit(). "-" is standard output. Errors:
/// OutputError, from the writer and commit(), too.
class TraceOutput {
 public:
  TraceOutput(const std::string& path, traces::TraceFormat format);
  ~TraceOutput();
  TraceOutput(const TraceOutput&) = delete;
  TraceOutput& operator=(const TraceOutput&) = delete;

  traces::TraceWriter& writer() { return *writer_; }
  /// Finishes the writer and gives the file its name.
  void commit();

 private:
  class Sink;
  std::unique_ptr<Sink> file_;
  std::unique_ptr<ByteSink> encoded_;
  std::unique_ptr<traces::TraceWriter> writer_;
};

}  // namespace cesasim
