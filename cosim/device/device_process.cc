// SPDX-License-Identifier: Apache-2.0
#include "cosim/device/device_process.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "cosim/device/cesa_board.h"
#include "cosim/transport/session.h"

namespace cesasim::cosim {
namespace {

constexpr unsigned kTurnsPerReport = 1024;

void copy_counters(const CesaBoard& board, const Session& session, DeviceStatus::Summary& status) {
  status.simulated_ns = session.now_ns();
  status.grants = session.grants();
  status.register_accesses = board.counters().register_accesses;
  status.dma_accesses = board.counters().dma_accesses;
  status.interrupts = board.counters().interrupts;
  status.guest_errors = 0;
  status.unimplemented = 0;
  for (unsigned i = 0; i < std::min(board.cesa().engines(), DeviceStatus::kEngines); ++i) {
    const hw::CesaStats& s = board.cesa().stats(i);
    status.operations[i] = s.operations;
    status.chains[i] = s.chains;
    status.busy_ps[i] = s.busy_ps;
    status.guest_errors += s.guest_errors;
    status.unimplemented += s.unimplemented;
    if (!s.last_report.empty()) DeviceStatus::set_text(status.report, s.last_report);
  }
  status.decode_errors = board.cesa().decode_errors();
}

[[noreturn]] void stop_answering() {
  for (;;) ::pause();
}

}  // namespace

void serve_guest(const DeviceOptions& options, FileDescriptor calendar_listener,
                 FileDescriptor device_listener, DeviceStatus& status) {
  try {
    GuestMemory memory;
    DeviceLog log(options.log_file);
    CesaBoard board("board", options.cesa, options.dram, memory, log, options.injection);
    SessionOptions session_options;
    session_options.identity = cesa_identity(options.cesa);
    session_options.time_limit_ns = options.time_limit_ns;
    Session session(std::move(calendar_listener), std::move(device_listener), memory, board,
                    session_options);
    board.on_injection = [&](Injection::Kind kind) {
      status.injected = true;
      copy_counters(board, session, status.summary);
      if (kind == Injection::Kind::kill) ::kill(::getpid(), SIGKILL);
      if (kind == Injection::Kind::stuck) stop_answering();
    };
    // The counters go along now and then, for the case that this process is killed.
    session.on_busy = [&](bool busy) {
      status.busy = busy;
      status.simulated_ns = session.now_ns();
      if (++status.turns % kTurnsPerReport == 0) copy_counters(board, session, status.summary);
    };
    DeviceEnd end = DeviceEnd::guest_left;
    try {
      sc_core::sc_start(sc_core::SC_ZERO_TIME);
      session.run();
    } catch (const TimeLimitReached& error) {
      end = DeviceEnd::time_limit;
      DeviceStatus::set_text(status.message, error.what());
    } catch (const ProtocolError& error) {
      end = DeviceEnd::protocol;
      DeviceStatus::set_text(status.message, error.what());
    }
    copy_counters(board, session, status.summary);
    log.close();
    status.end = end;
  } catch (const std::exception& error) {
    DeviceStatus::set_text(status.message, error.what());
    status.end = DeviceEnd::error;
  }
}

}  // namespace cesasim::cosim
