// SPDX-License-Identifier: Apache-2.0
// Binary events of blktrace: the files of the processors, merged by time, or one file merged by
// `blkparse -d`. Either byte order.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "traces/events/requeued.h"
#include "traces/formats/blktrace_event.h"
#include "traces/trace_reader.h"

namespace cesasim::traces {

/// True for the name of one processor's file: NAME.blktrace.3, also .gz or .zst.
bool is_cpu_file(const std::string& path);
/// The files that the name of a trace stands for: those of all processors, by number, for the name
/// of one of them, for NAME alone or for the folder that holds them; the file itself for any other
/// trace. Throws TraceError for a folder that holds none, or those of several traces.
std::vector<std::string> trace_files(const std::string& name);

/// Events of one file, in file order.
class BlktraceStream {
 public:
  BlktraceStream(std::string path, std::unique_ptr<ByteSource> bytes);

  /// Reads the next event; false at the end, and where an event is cut short. Throws TraceError
  /// for what is no event.
  bool next();
  /// Why it ended ahead of the end of its last event; "" if it did not.
  std::string cut() const;
  const BlktraceEvent& event() const { return event_; }
  /// Time of the event, ns on a clock that has no time before 0: a merged file counts from its
  /// first event and may hold some that are a little earlier.
  std::uint64_t time() const { return event_.time ^ std::uint64_t{1} << 63; }
  /// Payload without the cgroup's id.
  std::string_view payload() const;
  std::uint32_t action() const { return event_.action & 0xffff & ~blktrace_action::kCgroup; }
  std::uint32_t category() const { return event_.action >> 16; }
  TraceError error_here(const std::string& reason) const;

 private:
  std::size_t fill(char* out, std::size_t size);
  bool only_zeros_follow();

  std::string path_;
  bool cut_ = false;
  std::unique_ptr<ByteSource> bytes_;
  std::uint64_t offset_ = 0;  // of event_
  std::uint64_t next_offset_ = 0;
  BlktraceEvent event_;
  std::string payload_;
};

/// Queue events (or issue events, as TraceOptions::arrivals says) become records, complete events
/// their completions. Time counts from the earliest event that is no message; messages that begin
/// or end a phase do so by their own time (in a file of `blkparse -d` that time is lost, and all
/// requests are in phase "all").
class BlktraceReader : public TraceReader {
 public:
  BlktraceReader(const std::string& path, std::unique_ptr<ByteSource> bytes,
                 const TraceOptions& options);
  static bool recognises(std::string_view head);

 private:
  struct Mark {
    std::uint64_t time;
    std::uint64_t order;
    std::string phase;
    bool operator<(const Mark& other) const {
      return time != other.time ? time < other.time : order < other.order;
    }
  };

  Parsed read(TraceRecord& record) override;
  TraceError error_here(const std::string& reason) const override;
  std::uint64_t origin() const override { return origin_; }
  bool next_event(BlktraceStream& stream);
  Parsed read_message();
  Parsed read_request(TraceRecord& record);
  Parsed parse_operation(TraceRecord& record);
  void advance_phase(std::uint64_t time);

  std::vector<BlktraceStream> streams_;  // each stands at an event, or is gone
  std::size_t current_ = 0;
  bool consumed_ = false;  // of streams_[current_]: must move on before the next choice
  std::uint64_t events_ = 0;
  bool has_origin_ = false;
  std::uint64_t origin_ = 0;  // the earliest so far
  // `blkparse -d` lets requests count from 0, yet messages keep the machine's clock: what lies
  // before the first request and is later than it tells. Where its phases begin is lost then.
  std::uint64_t foreign_after_ = 0;
  bool foreign_clock_ = false;
  std::set<Mark> marks_;  // that lie ahead of the requests read
  std::string phase_ = "all";
  RequeuedRequests requeued_;
};

}  // namespace cesasim::traces
