// SPDX-License-Identifier: Apache-2.0
// How long the parts of a crypto ring take. Knows no bytes; the functional cores know no time.
#pragma once

#include <array>
#include <cstdint>

#include "hw_model/common/units.h"
#include "hw_model/memory/burst_timing.h"
#include "hw_model/ring/descriptor.h"
#include "hw_model/ring/params.h"

namespace cesasim::hw {

class RingTiming {
 public:
  explicit RingTiming(const RingParams& params);

  /// From the doorbell of a ring at rest to its first fetch.
  Ps doorbell() const { return doorbell_; }
  /// Fetch of `count` consecutive descriptors at `addr`, without the memory's latency.
  Ps fetch(PhysAddr addr, std::uint32_t count) const;
  /// A channel's own time for a transfer, nobody competing, without the memory's latency.
  Ps read(PhysAddr addr, std::uint32_t bytes) const;
  Ps write(PhysAddr addr, std::uint32_t bytes) const;
  /// One piece of a request through the cipher. `first`: of its request. XTS: the tweak is one
  /// block more; its exclusive-ors lie in the path of the data and take no time of their own.
  Ps cipher(const RingDescriptor& d, std::uint32_t bytes, bool first) const;
  /// `cycles` of the unit's clock.
  Ps cycles(double cycles) const { return cycles_to_ps(cycles, clock_hz_); }

 private:
  BurstTiming bursts_;
  std::uint32_t burst_bytes_;
  double clock_hz_;
  double engine_clock_hz_;
  std::array<double, 3> aes_block_cycles_;
  double des_block_cycles_;
  double des3_block_cycles_;
  Ps doorbell_;
  Ps descriptor_;
  Ps cipher_start_;
  Ps cipher_end_;
  Ps decrypt_key_;
};

}  // namespace cesasim::hw
