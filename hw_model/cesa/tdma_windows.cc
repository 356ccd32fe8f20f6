// SPDX-License-Identifier: Apache-2.0
#include "hw_model/cesa/tdma_windows.h"

#include <algorithm>
#include <bit>

namespace cesasim::hw {

TdmaWindows::TdmaWindows(const RegisterFile& regs) {
  for (unsigned i = 0; i < cesa_reg::kTdmaWindows; ++i) {
    const std::uint32_t ctrl = regs.get(cesa_reg::tdma_win_ctrl(i));
    if (!(ctrl & cesa_bit::tdma_win::kEnable)) continue;
    const Window w = {regs.get(cesa_reg::tdma_win_base(i)), (std::uint64_t{ctrl >> 16} + 1) << 16};
    if (std::has_single_bit(w.size) && w.base % w.size == 0) {
      decoding_[count_++] = w;
    } else {
      malformed_ |= 1u << i;
    }
  }
}

std::uint32_t TdmaWindows::check_each(PhysAddr addr, std::uint32_t bytes) const {
  const PhysAddr end = addr + bytes;
  while (addr < end) {
    unsigned hits = 0;
    PhysAddr same_until = end;  // up to here the same windows hit
    for (unsigned i = 0; i < count_; ++i) {
      const Window& w = decoding_[i];
      if (addr - w.base < w.size) {
        ++hits;
        same_until = std::min(same_until, w.base + w.size);
      } else if (w.base > addr) {
        same_until = std::min(same_until, w.base);
      }
    }
    if (hits != 1) {
      return hits == 0 ? cesa_bit::tdma_error::kMiss : cesa_bit::tdma_error::kDoubleHit;
    }
    addr = same_until;
  }
  return 0;
}

std::uint32_t check_tdma_windows(const RegisterFile& regs, PhysAddr addr, std::uint32_t bytes) {
  return TdmaWindows(regs).check(addr, bytes);
}

}  // namespace cesasim::hw
