// SPDX-License-Identifier: Apache-2.0
// Address windows of the DMA: which bus addresses it may reach.
#pragma once

#include <array>
#include <cstdint>

#include "hw_model/cesa/registers.h"
#include "hw_model/common/units.h"
#include "hw_model/registers/register_file.h"

namespace cesasim::hw {

/// The window registers decoded, to be made anew when one of them is written. A window whose
/// size is no power of two or whose base is no multiple of it decodes nothing (assumed: the
/// reference calls it undefined). Target and attribute are not compared: the bus decodes by
/// address.
class TdmaWindows {
 public:
  TdmaWindows() = default;
  explicit TdmaWindows(const RegisterFile& regs);

  /// Bits of the ERROR_CAUSE register that an access to [addr, addr + bytes) would set: 0 if
  /// each of its bytes lies in exactly one enabled window (neighbouring windows may share it),
  /// else what is wrong with the first byte that does not: miss or double hit.
  std::uint32_t check(PhysAddr addr, std::uint32_t bytes) const {
    // One window over all of the memory is what nearly every board has.
    const Window& only = decoding_[0];
    if (count_ == 1 && addr - only.base < only.size && bytes <= only.size - (addr - only.base)) {
      return 0;
    }
    return check_each(addr, bytes);
  }

  /// True if window `i` is enabled but breaks the rules on size and base.
  bool malformed(unsigned i) const { return (malformed_ >> i) & 1; }

 private:
  std::uint32_t check_each(PhysAddr addr, std::uint32_t bytes) const;

  struct Window {
    PhysAddr base = 0;
    std::uint64_t size = 0;
  };
  std::array<Window, cesa_reg::kTdmaWindows> decoding_;
  unsigned count_ = 0;
  unsigned malformed_ = 0;
};

/// TdmaWindows(regs).check(addr, bytes).
std::uint32_t check_tdma_windows(const RegisterFile& regs, PhysAddr addr, std::uint32_t bytes);

}  // namespace cesasim::hw
