// SPDX-License-Identifier: Apache-2.0
// A run as Chrome trace events (the JSON that Perfetto and chrome://tracing open).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/file/text_file.h"
#include "hw_model/common/tracer.h"
#include "hw_model/disk/disk_command.h"
#include "kernel_model/tracer.h"
#include "machine/observe/options.h"
#include "machine/observe/request_trace.h"

namespace cesasim {

/// Tracks. A process per core with a thread for the hard interrupts, one for softirqs and one for
/// each thread that ran there; what runs on a core is cut where something takes the core away, so
/// that its slices follow each other and add up to its busy time. A process per engine, with a
/// thread for each thing that it does at the same time as others. The disk, with a thread per tag.
/// Requests are asynchronous slices, with an instant for every stage, and arrows that join the
/// slices in which their stages happened.
///
/// Arrows end in slices that exist: the place in time of a stage is moved into its slice where
/// that was cut (a context runs a little ahead of the clock until it is interrupted).
class Timeline {
 public:
  /// Where the stages of a request happen that arrows join.
  enum class Flow : std::size_t { submit, dispatch, engine, interrupt, callback, disk, end, count };

  Timeline(const std::string& file, const TimeWindow& window, unsigned cores);

  void thread(unsigned cpu, const std::string& name, Ps at);
  void idle(unsigned cpu, bool waits, Ps at);
  /// Returns where its slice begins.
  Ps enter(unsigned cpu, kernel::TraceContext context, const std::string& name, Ps at);
  void leave(unsigned cpu, Ps at);

  void engine_step(const hw::EngineStep& step, std::uint64_t request);
  void disk_command(const hw::DiskCommand& command, int error, Ps from, Ps to);

  bool in_window(Ps at) const { return at >= from_ && at <= to_; }
  /// From here on `id` has arrows. Then stages of it, then its end, at most once each.
  void begin(std::uint64_t id) { arrows_.try_emplace(id); }
  /// In what runs on `cpu` now.
  void here(std::uint64_t id, Flow flow, unsigned cpu, Ps at);
  /// In the interrupt on `cpu` whose slice begins at `at`.
  void in_interrupt(std::uint64_t id, unsigned cpu, Ps at);
  void on_engine(std::uint64_t id, hw::CryptoUnit unit, unsigned engine, Ps at);
  void on_disk(std::uint64_t id, std::uint32_t tag, Ps at);
  void end(const RequestTrace& request, const std::string& phase);

  void flush() { file_.flush(); }
  /// The run has ended.
  void close(Ps at);

 private:
  struct Place {
    enum class State { none, open, fixed } state = State::none;
    Ps ts = 0;
    unsigned pid = 0;
    unsigned tid = 0;
    std::uint64_t serial = 0;
  };
  struct Arrows {
    std::array<Place, static_cast<std::size_t>(Flow::count)> places;
    unsigned open = 0;
    bool ended = false;
  };
  /// A place in a slice that has not ended yet.
  struct OpenPlace {
    std::uint64_t id;
    Flow flow;
    std::uint64_t serial;
    Ps ts;
  };
  struct Frame {
    unsigned tid;
    std::string name;
    std::vector<OpenPlace> places{};
    bool drawn = false;  // has a slice
  };
  struct Core {
    std::vector<Frame> stack;  // the thread, and what interrupts it
    Ps since = 0;              // of the slice that runs
    bool waits = false;        // in the idle thread
    std::map<std::string, unsigned> tids;
  };

  void process(unsigned pid, const std::string& name);
  void track(unsigned pid, unsigned tid, const std::string& name);
  unsigned thread_tid(unsigned cpu, const std::string& name);
  /// Ends the slice that runs; what follows on the core begins at the time that is returned.
  void cut(unsigned cpu, Ps at);
  void drop(unsigned cpu, Frame& frame);
  void resolve(unsigned cpu, Frame& frame, Ps from, Ps to);
  void settle(std::uint64_t id, Flow flow, const Place& place);
  void write_arrows(std::uint64_t id, const Arrows& arrows);
  void slice(unsigned pid, unsigned tid, const std::string& name, Ps from, Ps to,
             const std::string& args = "");
  void event(const std::string& fields);

  TextFile file_;
  Ps from_;
  Ps to_;
  bool any_ = false;
  std::vector<Core> cores_;
  std::map<unsigned, std::map<unsigned, Ps>> tracks_;  // by pid and tid: end of the last slice
  std::unordered_map<std::uint64_t, Arrows> arrows_;
  std::uint64_t serials_ = 0;
};

}  // namespace cesasim
