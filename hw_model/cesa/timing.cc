#include "hw_model/cesa/timing.h"

#include <cmath>

#include "hw_model/cesa/registers.h"
#include "hw_model/cesa/tdma_descriptor.h"

namespace cesasim::hw {
namespace {

constexpr std::uint32_t kBeatBytes = 8;

/// Pieces that [addr, addr + bytes) touches when cut at multiples of `unit` (a power of two).
std::uint32_t pieces(PhysAddr addr, std::uint32_t bytes, std::uint32_t unit) {
  const auto skew = static_cast<std::uint32_t>(addr & (unit - 1));
  return (skew + bytes + unit - 1) / unit;
}

std::uint32_t burst_bytes(std::uint32_t code) {
  return code == cesa_bit::tdma_control::kBurst128 ? 128 : 32;
}

}  // namespace

CesaTiming::CesaTiming(const CesaParams& params)
    : params_(params),
      chain_start_(tclk(params.chain_start_cycles)),
      descriptor_fetch_(tclk(params.descriptor_fetch_cycles +
                             params.beat_cycles * (TdmaDescriptor::kBytes / kBeatBytes))),
      sa_overhead_(tclk(params.sa_start_cycles + params.sa_end_cycles)),
      beat_ps_(params.beat_cycles * 1e12 / params.clock_hz),
      read_burst_ps_(params.read_burst_cycles * 1e12 / params.clock_hz),
      write_burst_ps_(params.write_burst_cycles * 1e12 / params.clock_hz),
      aes_block_ps_{params.aes128_block_cycles * 1e12 / params.engine_clock_hz,
                    params.aes192_block_cycles * 1e12 / params.engine_clock_hz,
                    params.aes256_block_cycles * 1e12 / params.engine_clock_hz} {}

Ps CesaTiming::tclk(double cycles) const { return cycles_to_ps(cycles, params_.clock_hz); }

Ps CesaTiming::transfer(const TdmaTransfer& t, std::uint32_t control) const {
  namespace bits = cesa_bit::tdma_control;
  if (t.bytes == 0) return 0;
  double ps = beat_ps_ * pieces(t.addr, t.bytes, kBeatBytes);
  if (t.read) {
    // With outstanding reads, or an outstanding mode of the later SoCs, the next burst is
    // asked for while the last one arrives: only the first one waits.
    const bool overlapped =
        (control & bits::kOutstandingReads) || bits::outstanding_mode(control) != 0;
    const std::uint32_t bursts = pieces(t.addr, t.bytes, burst_bytes(bits::src_burst(control)));
    if (!overlapped) ps += read_burst_ps_ * (bursts - 1);
  } else {
    ps += write_burst_ps_ * pieces(t.addr, t.bytes, burst_bytes(bits::dst_burst(control)));
  }
  return static_cast<Ps>(std::llround(ps));
}

Ps CesaTiming::aes(std::uint32_t blocks, std::uint32_t key_bytes) const {
  const double block = aes_block_ps_[(key_bytes - 16) / 8];
  return sa_overhead_ + static_cast<Ps>(std::llround(block * blocks));
}

Ps CesaTiming::sram_access(std::uint32_t bytes, bool read) const {
  const std::uint32_t words = (bytes + 3) / 4;
  return tclk((read ? params_.sram_read_cycles : params_.sram_write_cycles) * words);
}

}  // namespace cesasim::hw
