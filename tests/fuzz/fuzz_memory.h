// SPDX-License-Identifier: Apache-2.0
// What every target needs: memory behind the model, and rules.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "hw_model/cesa/engine.h"
#include "hw_model/common/units.h"

namespace cesasim::fuzz {

/// Memory from bus address 0; everything above it is a bus error.
class FuzzMemory : public hw::DmaPort {
 public:
  static constexpr std::uint32_t kBytes = 128 * 1024;
  std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(kBytes);

  bool read(hw::PhysAddr addr, std::uint8_t* data, std::uint32_t n, hw::Ps own,
            hw::Ps& delay) override {
    delay += own;
    if (!inside(addr, n)) return false;
    std::memcpy(data, bytes.data() + addr, n);
    return true;
  }
  bool write(hw::PhysAddr addr, std::uint8_t* data, std::uint32_t n, hw::Ps own,
             hw::Ps& delay) override {
    delay += own;
    if (!inside(addr, n)) return false;
    std::memcpy(bytes.data() + addr, data, n);
    return true;
  }

 private:
  static bool inside(hw::PhysAddr addr, std::uint32_t n) {
    return addr <= kBytes && n <= kBytes - addr;
  }
};

/// Aborts, which is how libFuzzer learns of it, if a rule of the model does not hold.
inline void require(bool ok, const char* rule) {
  if (ok) return;
  std::fprintf(stderr, "rule broken: %s\n", rule);
  std::abort();
}

}  // namespace cesasim::fuzz
