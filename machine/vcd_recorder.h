// SPDX-License-Identifier: Apache-2.0
// The crypto unit's signals in a VCD file, for a window of simulated time.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <systemc>
#include <thread>

#include "base/file/atomic_file.h"
#include "base/process/fd.h"
#include "machine/point_options.h"

namespace cesasim::hw {
class Cesa;
}

namespace cesasim {

/// The file appears under its name when it is complete. SystemC does not say when a write fails (a
/// full disk), so it writes into a pipe, and a thread takes that to the file.
class VcdRecorder {
 public:
  VcdRecorder(const VcdWindow& window, const hw::Cesa& cesa);
  ~VcdRecorder();
  VcdRecorder(const VcdRecorder&) = delete;
  VcdRecorder& operator=(const VcdRecorder&) = delete;

  /// To be called before each sc_start: begins or ends the recording if its time has come, and
  /// returns how long the simulation may go on, at most `slice`, until the next call. Errors:
  /// OutputError.
  sc_core::sc_time next(sc_core::sc_time slice);
  /// Ends the recording. Errors: OutputError.
  void close();

 private:
  void begin();
  /// SystemC's end and the pipe's; all that was written is in the file then, or failed_ is set.
  void end();

  VcdWindow window_;
  const hw::Cesa& cesa_;
  sc_core::sc_trace_file* trace_ = nullptr;
  std::unique_ptr<SparseFile> file_;
  FileDescriptor pipe_;  // our own end for writing: the thread sees the end when it closes too
  std::thread copier_;
  std::uint64_t bytes_ = 0;    // the copier's until it is joined
  std::exception_ptr failed_;  // likewise
  bool done_;
};

}  // namespace cesasim
