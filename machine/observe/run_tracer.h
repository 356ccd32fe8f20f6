// SPDX-License-Identifier: Apache-2.0
// Watches a run from the inside: where its requests wait, and what ObserveOptions ask to be
// written.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/file/text_file.h"
#include "hw_model/common/tracer.h"
#include "kernel_model/tracer.h"
#include "machine/assembly.h"
#include "machine/observe/event_log.h"
#include "machine/observe/options.h"
#include "machine/observe/recorder.h"
#include "machine/observe/request_trace.h"
#include "machine/observe/stage_times.h"
#include "machine/observe/timeline.h"

namespace cesasim {

/// Attaches itself to the machine. Nothing that it sees changes what is simulated. Until close()
/// the files are part files, which go again if there is none. Errors: OutputError, from the
/// constructor, flush() and close().
class RunTracer : public kernel::Tracer, public hw::HwTracer {
 public:
  /// The name of a phase by its index in the trace.
  using PhaseName = std::function<std::string(std::uint32_t)>;

  /// `open_loop`: of the replay.
  RunTracer(Assembly& at, const ObserveOptions& options, bool open_loop, PhaseName phase_name);
  ~RunTracer() override;

  // From the replay, in the context in which it happens.
  void submitted(const traces::RequestLog& log);
  void ended(const traces::RequestLog& log);
  void phase(std::uint32_t index) { phase_ = index; }

  /// Writes what has come together; between two calls of sc_start.
  void flush();
  /// The run is over; what has not ended never will.
  void close();

  /// Of the requests that have ended.
  const StageTimes& stages() const { return stages_; }

  void event(kernel::TraceEvent event, std::uint64_t id, std::uint64_t value, unsigned cpu,
             Ps at) override;
  void thread(unsigned cpu, const std::string& name, Ps at) override;
  void idle(unsigned cpu, bool waits, Ps at) override;
  void enter(unsigned cpu, kernel::TraceContext context, int irq, const std::string& name,
             Ps at) override;
  void leave(unsigned cpu, Ps at) override;
  void mmio(bool write, hw::PhysAddr addr, std::uint32_t value, unsigned cpu, Ps at) override;
  void engine_step(const hw::EngineStep& step) override;
  void disk_taken(const hw::DiskCommand& command, std::uint64_t order, Ps at) override;
  void disk_ended(const hw::DiskCommand& command, std::uint64_t order, int error, Ps at) override;
  void guest_error(hw::CryptoUnit unit, const std::string& report) override;

 private:
  struct Interrupt {
    Ps at = RequestTrace::kNever;
    unsigned cpu = 0;
    Ps drawn = 0;  // where its slice begins
  };
  struct Command {
    Ps from = 0;
    Ps to = 0;
  };

  void part_done(RequestTrace& request);
  void finish(std::uint64_t id);
  void write_row(const RequestTrace& request);

  Assembly& at_;
  PhaseName phase_name_;
  std::unique_ptr<TextFile> rows_;
  Ps rows_from_ = 0;
  Ps rows_to_ = 0;
  std::unique_ptr<Timeline> timeline_;
  std::unique_ptr<EventLog> log_;
  std::unique_ptr<Recorder> record_;
  std::unique_ptr<Recorder> record_disk_;
  std::uint32_t phase_ = 0;
  StageTimes stages_;
  std::unordered_map<std::uint64_t, RequestTrace> requests_;        // by Bio::id
  std::unordered_map<hw::OperationKey, std::uint64_t> operations_;  // whose they are
  std::unordered_map<int, Interrupt> interrupts_;                   // the last of each line
  std::unordered_map<std::uint32_t, Command> commands_;             // by tag
};

}  // namespace cesasim
