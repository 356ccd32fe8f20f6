// The crypto unit's signals in a VCD file, for a window of simulated time.
#pragma once

#include <string>
#include <systemc>

#include "machine/point_options.h"

namespace cesasim::hw {
class Cesa;
}

namespace cesasim::study {

/// The file appears under its name when it is complete; until then it is vcd_part_file().
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
  VcdWindow window_;
  const hw::Cesa& cesa_;
  sc_core::sc_trace_file* file_ = nullptr;
  bool done_;
};

}  // namespace cesasim::study
