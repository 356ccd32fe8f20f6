// SPDX-License-Identifier: Apache-2.0
// How long the parts of a CESA unit take. Knows no bytes; the functional cores know no time.
#pragma once

#include <array>
#include <cstdint>

#include "hw_model/cesa/params.h"
#include "hw_model/cesa/sa_descriptor.h"
#include "hw_model/common/units.h"
#include "hw_model/memory/burst_timing.h"

namespace cesasim::hw {

class CesaTiming {
 public:
  explicit CesaTiming(const CesaParams& params);

  /// From the CMD write to the first descriptor fetch.
  Ps chain_start() const { return chain_start_; }
  /// Fetch of one 16-byte descriptor, without the memory's latency.
  Ps descriptor_fetch() const { return descriptor_fetch_; }
  /// BurstTiming::transfer() as the TDMA CONTROL register `control` asks: burst limits,
  /// outstanding reads.
  Ps transfer(const BusTransfer& t, std::uint32_t control) const;
  /// Bytes of the longest burst of a transfer.
  static std::uint32_t burst_limit(bool read, std::uint32_t control);
  /// What one accelerator operation costs beside its blocks: start and end.
  Ps sa_overhead() const { return sa_overhead_; }
  /// `blocks` blocks of a cipher; `key_bytes` (16, 24 or 32) matters to AES alone.
  Ps cipher(SaCipher cipher, std::uint32_t key_bytes, std::uint32_t blocks) const;
  /// `blocks` blocks of a MAC's hash.
  Ps mac(SaMac mac, std::uint32_t blocks) const;
  /// TCLK cycles, for the coalescing timer.
  Ps tclk(double cycles) const;
  /// A core's access to the SRAM, in 32-bit words, beside the bus.
  Ps sram_access(std::uint32_t bytes, bool read) const;

 private:
  CesaParams params_;
  Ps chain_start_;
  Ps descriptor_fetch_;
  Ps sa_overhead_;
  BurstTiming bursts_;
  std::array<double, 3> aes_block_ps_;
  double engine_cycle_ps_;
};

}  // namespace cesasim::hw
