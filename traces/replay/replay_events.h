// SPDX-License-Identifier: Apache-2.0
// What happens in a replay, for those who watch it: measurement, checks of the data, recorders.
#pragma once

#include <cstdint>
#include <span>

#include "hw_model/common/units.h"
#include "kernel_model/bio.h"
#include "traces/trace_record.h"

namespace cesasim::traces {

using hw::Ps;

/// One bio.
struct RequestLog {
  std::uint64_t id = 0;  ///< in order of submission, from 1
  const kernel::Bio* bio = nullptr;
  kernel::BioOp op = kernel::BioOp::read;
  std::uint64_t sector = 0;
  std::uint32_t bytes = 0;
  std::uint32_t pid = 0;
  std::uint32_t phase = 0;
  std::uint8_t flags = 0;  ///< of the record (RecordFlag)
  std::uint64_t line = 0;  ///< of the trace file
  int error = 0;           ///< 0 or -errno
  /// Read: sectors without the content that they should have (ContentVerifier).
  std::uint32_t wrong_sectors = 0;
  Ps arrived = 0;  ///< its record was handed to the submitter; open replay: its time stamp
  Ps submitted = 0;
  Ps ended = 0;
};

/// Physical pages of a bio, each of 4096 bytes and full but for the last one.
using BioPages = std::span<const hw::PhysAddr>;

/// What becomes of a record (a row of the trace).
enum class RowEvent {
  offered,    ///< read from the trace; one of the others follows, `queued` before `completed`
  skipped,    ///< a discard, or of a phase that was not asked for
  rejected,   ///< beyond the device's end
  taken_up,   ///< by the application, in the record's phase
  queued,     ///< handed to its submitter
  completed,  ///< all its bios ended and, for a read, the application has looked at the data
};

/// Watches a replay. Listeners are notified in the order in which they were added, in the context
/// in which it happens (completions: often an interrupt). What they do takes no simulated time.
class ReplayListener {
 public:
  virtual ~ReplayListener() = default;

  virtual void row(RowEvent /*event*/, const TraceRecord& /*record*/, Ps /*now*/) {}
  /// Just before the bio is submitted; its pages may still be written.
  virtual void submitted(const RequestLog& /*log*/, BioPages /*pages*/) {}
  /// The bio has ended; its pages are freed afterwards. A check may add to log.wrong_sectors.
  virtual void completed(RequestLog& /*log*/, BioPages /*pages*/) {}
  /// A bio ended that had ended already.
  virtual void completed_again(const RequestLog& /*log*/) {}
  /// The application enters or leaves a phase; in closed replay nothing is outstanding then.
  virtual void phase(std::uint32_t /*index*/, bool /*entered*/, Ps /*now*/) {}
  /// The application is at its end, and so are all its requests.
  virtual void finished() {}
};

}  // namespace cesasim::traces
