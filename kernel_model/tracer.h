// SPDX-License-Identifier: Apache-2.0
// What the modelled software reports to whoever looks at a run closely (Linux: tracepoints).
#pragma once

#include <cstdint>
#include <string>

#include "hw_model/common/units.h"

namespace cesasim::kernel {

/// Events on the way of a bio (Bio::id), from all floors; the kernel passes on what it is given.
enum class TraceEvent : std::uint8_t {
  dm_map,           ///< the target's map function begins ...
  dm_mapped,        ///< ... and has returned
  crypto_dispatch,  ///< a part goes to the crypto framework
  crypto_work,      ///< a driver made an operation of it; value: its hw::OperationKey
  ciphered,         ///< the processor has ciphered a part
  crypto_done,      ///< a driver has ended a part
  crypto_callback,  ///< the framework calls its client back
  disk_submit,      ///< a bio comes to the disk's request queue
  disk_complete     ///< the disk's driver ends it; value: the command's tag
};

enum class TraceContext : std::uint8_t { softirq, hardirq };

/// Calls happen in the middle of the simulation: they must not wait, nor touch the machine. `at` is
/// the core's local time, which on one core never steps back by more than was charged since its
/// last synchronisation.
class Tracer {
 public:
  virtual ~Tracer() = default;
  /// In the context that runs on `cpu`. `id` is never 0.
  virtual void event(TraceEvent event, std::uint64_t id, std::uint64_t value, unsigned cpu,
                     hw::Ps at) = 0;
  /// From here on `cpu` runs the thread `name`; all run an idle thread ("swapper/N") at first.
  virtual void thread(unsigned cpu, const std::string& name, hw::Ps at) = 0;
  /// The idle thread waits, or has stopped waiting.
  virtual void idle(unsigned cpu, bool waits, hw::Ps at) = 0;
  /// An interrupt (`irq` -1: the timer's) or softirq begins on top of what runs on `cpu` ...
  virtual void enter(unsigned cpu, TraceContext context, int irq, const std::string& name,
                     hw::Ps at) = 0;
  /// ... and the innermost ends.
  virtual void leave(unsigned cpu, hw::Ps at) = 0;
  /// A driver reads or writes a device's register.
  virtual void mmio(bool /*write*/, hw::PhysAddr /*addr*/, std::uint32_t /*value*/,
                    unsigned /*cpu*/, hw::Ps /*at*/) {}
};

}  // namespace cesasim::kernel
