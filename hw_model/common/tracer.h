// SPDX-License-Identifier: Apache-2.0
// What the hardware reports to whoever looks at a run closely. A unit without a tracer reports
// nothing.
#pragma once

#include <cstdint>
#include <string>

#include "hw_model/common/units.h"

namespace cesasim::hw {

struct DiskCommand;

/// The crypto units of the SoC.
enum class CryptoUnit : std::uint8_t { cesa, ring };

/// What an engine of theirs does.
enum class EngineWork : std::uint8_t {
  busy,    ///< CESA: from activation to end
  cipher,  ///< an operation of the accelerator; ring: a piece of a request
  fetch,   ///< of a descriptor (CESA)
  in,      ///< data into the unit's memory
  out      ///< and out of it
};

/// How a driver names an operation: where the CESA was started without DMA the engine's number,
/// else the bus address of the descriptor that hands over; in the ring unit ring and cookie.
using OperationKey = std::uint64_t;
constexpr OperationKey ring_operation(unsigned ring, std::uint32_t cookie) {
  return std::uint64_t{1} << 63 | std::uint64_t{ring} << 32 | cookie;
}

struct EngineStep {
  CryptoUnit unit = CryptoUnit::cesa;
  unsigned engine = 0;
  EngineWork work = EngineWork::busy;
  Ps from = 0;  ///< simulated time; engines run ahead of the clock, and so may this be
  Ps to = 0;
  std::uint32_t bytes = 0;
  OperationKey operation = 0;  ///< of `cipher`
};

/// Calls happen in the middle of the simulation: they must not wait, nor touch the machine.
class HwTracer {
 public:
  virtual ~HwTracer() = default;
  /// Something was done, or has begun and will be over at step.to.
  virtual void engine_step(const EngineStep& step) = 0;
  /// The disk takes a command, the `order`th since the start (from 0).
  virtual void disk_taken(const DiskCommand& command, std::uint64_t order, Ps at) = 0;
  /// It has ended one; the processor learns of it later. `error`: 0 or -errno.
  virtual void disk_ended(const DiskCommand& command, std::uint64_t order, int error, Ps at) = 0;
  /// A unit has found a mistake of its driver's.
  virtual void guest_error(CryptoUnit /*unit*/, const std::string& /*report*/) {}
};

}  // namespace cesasim::hw
