// SPDX-License-Identifier: Apache-2.0
#include "hw_model/ring/timing.h"

namespace cesasim::hw {
RingTiming::RingTiming(const RingParams& p)
    : bursts_(p.clock_hz, p.beat_cycles, p.read_burst_cycles, p.write_burst_cycles),
      burst_bytes_(p.burst_bytes),
      clock_hz_(p.clock_hz),
      engine_clock_hz_(p.engine_clock_hz),
      aes_block_cycles_{p.aes128_block_cycles, p.aes192_block_cycles, p.aes256_block_cycles},
      des_block_cycles_(p.des_block_cycles),
      des3_block_cycles_(p.des3_block_cycles),
      doorbell_(cycles(p.doorbell_cycles)),
      descriptor_(cycles(p.descriptor_fetch_cycles)),
      cipher_start_(cycles(p.cipher_start_cycles)),
      cipher_end_(cycles(p.cipher_end_cycles)),
      decrypt_key_(cycles(p.decrypt_key_cycles)) {}

Ps RingTiming::fetch(PhysAddr addr, std::uint32_t count) const {
  return descriptor_ * count + read(addr, count * RingDescriptor::kBytes);
}

Ps RingTiming::read(PhysAddr addr, std::uint32_t bytes) const {
  return bursts_.transfer({addr, bytes, true}, burst_bytes_);
}

Ps RingTiming::write(PhysAddr addr, std::uint32_t bytes) const {
  return bursts_.transfer({addr, bytes, false}, burst_bytes_);
}

Ps RingTiming::cipher(const RingDescriptor& d, std::uint32_t bytes, bool first) const {
  const CipherAlgorithm algorithm = d.algorithm();
  const bool aes = algorithm == CipherAlgorithm::aes;
  const double block = aes ? aes_block_cycles_[(d.cipher_key_bytes() - 16) / 8]
                       : algorithm == CipherAlgorithm::des ? des_block_cycles_
                                                           : des3_block_cycles_;
  const std::uint32_t blocks = bytes / d.block_bytes() + (d.xts() && first ? 1 : 0);
  Ps ps = cycles_to_ps(block * blocks, engine_clock_hz_);
  ps += cipher_end_;
  const bool expands = aes && d.has(ring_control::kDecrypt);
  if (first) ps += cipher_start_ + (expands ? decrypt_key_ : 0);
  return ps;
}

}  // namespace cesasim::hw
