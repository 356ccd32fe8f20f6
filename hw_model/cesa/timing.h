// How long the parts of a CESA unit take. Knows no bytes; the functional cores know no time.
#pragma once

#include <array>
#include <cstdint>

#include "hw_model/cesa/params.h"
#include "hw_model/cesa/sa_descriptor.h"
#include "hw_model/common/units.h"

namespace cesasim::hw {

/// The side of the DMA's transfer that is outside the unit.
struct TdmaTransfer {
  PhysAddr addr = 0;
  std::uint32_t bytes = 0;
  bool read = false;  ///< memory to SRAM
};

class CesaTiming {
 public:
  explicit CesaTiming(const CesaParams& params);

  /// From the CMD write to the first descriptor fetch.
  Ps chain_start() const { return chain_start_; }
  /// Fetch of one 16-byte descriptor, without the memory's latency.
  Ps descriptor_fetch() const { return descriptor_fetch_; }
  /// The DMA's own time for a transfer, nobody competing and without the memory's latency on
  /// the first burst. `control` is the TDMA CONTROL register: burst limits, outstanding reads.
  /// A burst never crosses a multiple of its size, a beat never a multiple of 8 bytes. The time
  /// of one burst is the difference of the transfers that end after and before it.
  Ps transfer(const TdmaTransfer& t, std::uint32_t control) const;
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
  double read_gap_ps(std::uint32_t control, std::uint32_t burst_bytes) const;

  CesaParams params_;
  Ps chain_start_;
  Ps descriptor_fetch_;
  Ps sa_overhead_;
  double beat_ps_;
  double read_burst_ps_;
  double write_burst_ps_;
  std::array<double, 3> aes_block_ps_;
  double engine_cycle_ps_;
};

}  // namespace cesasim::hw
