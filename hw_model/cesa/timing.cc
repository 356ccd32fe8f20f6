// SPDX-License-Identifier: Apache-2.0
#include "hw_model/cesa/timing.h"

#include "hw_model/cesa/registers.h"
#include "hw_model/cesa/tdma_descriptor.h"

namespace cesasim::hw {
namespace {

/// `ps` is not negative. (std::llround is a call into the maths library.)
Ps rounded(double ps) { return static_cast<Ps>(ps + 0.5); }

}  // namespace

CesaTiming::CesaTiming(const CesaParams& params)
    : params_(params),
      chain_start_(tclk(params.chain_start_cycles)),
      descriptor_fetch_(tclk(params.descriptor_fetch_cycles +
                             params.beat_cycles * (TdmaDescriptor::kBytes / kBeatBytes))),
      sa_overhead_(tclk(params.sa_start_cycles + params.sa_end_cycles)),
      bursts_(params.clock_hz, params.beat_cycles, params.read_burst_cycles,
              params.write_burst_cycles),
      aes_block_ps_{params.aes128_block_cycles * 1e12 / params.engine_clock_hz,
                    params.aes192_block_cycles * 1e12 / params.engine_clock_hz,
                    params.aes256_block_cycles * 1e12 / params.engine_clock_hz},
      engine_cycle_ps_(1e12 / params.engine_clock_hz) {}

Ps CesaTiming::tclk(double cycles) const { return cycles_to_ps(cycles, params_.clock_hz); }

std::uint32_t CesaTiming::burst_limit(bool read, std::uint32_t control) {
  namespace bits = cesa_bit::tdma_control;
  const std::uint32_t code = read ? bits::src_burst(control) : bits::dst_burst(control);
  return code == bits::kBurst128 ? 128 : 32;
}

Ps CesaTiming::transfer(const BusTransfer& t, std::uint32_t control) const {
  namespace bits = cesa_bit::tdma_control;
  double reads = 1;
  if (const std::uint32_t mode = bits::outstanding_mode(control); mode != 0) {
    reads = mode + 1;
  } else if (control & bits::kOutstandingReads) {
    reads = params_.outstanding_reads;
  }
  return bursts_.transfer(t, burst_limit(t.read, control), reads);
}

Ps CesaTiming::cipher(SaCipher cipher, std::uint32_t key_bytes, std::uint32_t blocks) const {
  double block = 0;
  switch (cipher) {
    case SaCipher::none:
      break;
    case SaCipher::des:
      block = params_.des_block_cycles * engine_cycle_ps_;
      break;
    case SaCipher::des3:
      block = params_.des3_block_cycles * engine_cycle_ps_;
      break;
    case SaCipher::aes:
      block = aes_block_ps_[(key_bytes - 16) / 8];
      break;
  }
  return rounded(block * blocks);
}

Ps CesaTiming::mac(SaMac mac, std::uint32_t blocks) const {
  double cycles = 0;
  switch (mac) {
    case SaMac::none:
      break;
    case SaMac::md5:
    case SaMac::hmac_md5:
      cycles = params_.md5_block_cycles;
      break;
    case SaMac::sha1:
    case SaMac::hmac_sha1:
      cycles = params_.sha1_block_cycles;
      break;
    case SaMac::sha256:
    case SaMac::hmac_sha256:
      cycles = params_.sha256_block_cycles;
      break;
  }
  return rounded(cycles * engine_cycle_ps_ * blocks);
}

Ps CesaTiming::sram_access(std::uint32_t bytes, bool read) const {
  const std::uint32_t words = (bytes + 3) / 4;
  return tclk((read ? params_.sram_read_cycles : params_.sram_write_cycles) * words);
}

}  // namespace cesasim::hw
