#include "hw_model/cesa/tdma_windows.h"

namespace cesasim::hw {

std::uint32_t check_tdma_windows(const RegisterFile& regs, PhysAddr addr, std::uint32_t bytes) {
  unsigned hits = 0;
  for (unsigned i = 0; i < cesa_reg::kTdmaWindows; ++i) {
    const std::uint32_t ctrl = regs.get(cesa_reg::tdma_win_ctrl(i));
    if (!(ctrl & cesa_bit::tdma_win::kEnable)) continue;
    const PhysAddr base = regs.get(cesa_reg::tdma_win_base(i));
    const std::uint64_t size = (std::uint64_t{ctrl >> 16} + 1) << 16;
    if (addr >= base && addr - base < size && bytes <= size - (addr - base)) ++hits;
  }
  if (hits == 1) return 0;
  return hits == 0 ? cesa_bit::tdma_error::kMiss : cesa_bit::tdma_error::kDoubleHit;
}

}  // namespace cesasim::hw
