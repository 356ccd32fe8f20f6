// SPDX-License-Identifier: Apache-2.0
// Trace writers: one interface over the formats, each a stream with memory bounded by what is
// outstanding in the trace.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/file/byte_sink.h"
#include "traces/trace_format.h"
#include "traces/trace_record.h"

namespace cesasim::traces {

/// A record that no file of the format can hold.
struct TraceWriteError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Writes the records of one trace. What the format cannot carry is left out and counted.
///
///   auto writer = make_writer(TraceFormat::csv, sink);
///   writer->write(record, "mkfs");   // in queue order; once per request
///   writer->finish();
class TraceWriter {
 public:
  TraceWriter(ByteSink& sink, const Carries& carries) : sink_(sink), carries_(carries) {}
  virtual ~TraceWriter() = default;
  TraceWriter(const TraceWriter&) = delete;
  TraceWriter& operator=(const TraceWriter&) = delete;

  /// Appends one request. `record.done_ns` may be kUnknownTime; `record.line` and
  /// `record.phase` are not used. Throws TraceWriteError for what no file of this format can
  /// hold (a request too large, a phase name with a comma or a line end), and what the sink throws.
  void write(const TraceRecord& record, std::string_view phase);
  /// After the last record; finishes the sink, too.
  void finish();

  /// Requests written, without those left out.
  std::uint64_t rows() const { return rows_; }
  /// What the file does not say though the records did: one sentence each, with counts.
  std::vector<std::string> losses() const;

 protected:
  /// Puts one record, in what the format carries, at the end of out().
  virtual void put(const TraceRecord& record, std::string_view phase) = 0;
  /// Puts what comes after the last record.
  virtual void put_end() {}

  std::string& out() { return out_; }

 private:
  void count_losses(const TraceRecord& record, std::string_view phase);

  ByteSink& sink_;
  Carries carries_;
  std::string out_;
  std::uint64_t rows_ = 0;
  bool any_ = false;
  std::uint64_t first_ns_ = 0;

  struct Lost {
    std::uint64_t flushes = 0, discards = 0, pids = 0, phases = 0, flags = 0, done = 0;
    std::uint64_t times = 0, early = 0, impossible = 0;
  } lost_;
};

/// A writer of `format`, which must have one, into `sink`, which must outlive it.
std::unique_ptr<TraceWriter> make_writer(TraceFormat format, ByteSink& sink);

}  // namespace cesasim::traces
