// SPDX-License-Identifier: Apache-2.0
#include "hw_model/soc/map.h"

#include <cstdio>

#include "hw_model/cesa/registers.h"
#include "hw_model/cpu/params.h"
#include "hw_model/ring/registers.h"

namespace cesasim::hw {
namespace {

std::string range(const SocWindow& w) {
  char text[64];
  std::snprintf(text, sizeof text, "0x%llx..0x%llx", static_cast<unsigned long long>(w.base),
                static_cast<unsigned long long>(w.last()));
  return text;
}

std::vector<std::string> joined(std::vector<std::string> first,
                                const std::vector<std::string>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace

SocMap soc_map(std::uint64_t internal_regs_base, unsigned disk_irq, const DramParams& dram,
               const CesaParams& cesa, const RingParams& ring) {
  SocMap map;
  map.windows.push_back({"dram", {"dram.size_mib"}, 0, std::uint64_t{dram.size_mib} << 20, false});
  map.windows.push_back({"cesa registers",
                         {"internal_regs_base", "cesa.regs_offset"},
                         internal_regs_base + cesa.regs_offset,
                         cesa_reg::kWindowBytes,
                         true});
  for (unsigned i = 0; i < cesa.engines; ++i) {
    const std::string n = std::to_string(i);
    map.windows.push_back({"cesa sram " + n,
                           {"cesa.sram_base" + n, "cesa.sram_bytes"},
                           cesa.sram_base(i),
                           cesa.sram_bytes,
                           true});
    map.lines.push_back({"cesa engine " + n, {"cesa.irq" + n}, cesa.irq(i)});
  }
  map.windows.push_back({"ring registers",
                         {"ring.regs_offset", "internal_regs_base"},
                         internal_regs_base + ring.regs_offset,
                         ring_reg::kWindowBytes,
                         true});
  for (unsigned r = 0; r < ring.rings; ++r) {
    map.lines.push_back(
        {"ring " + std::to_string(r), {"ring.irq_first", "ring.rings"}, ring.irq(r)});
  }
  map.lines.push_back({"disk", {"disk_irq"}, disk_irq});
  return map;
}

std::optional<SocObjection> SocMap::objection() const {
  constexpr PhysAddr kReach = PhysAddr{1} << 32;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const SocWindow& a = windows[i];
    if (a.bytes == 0 || a.bytes > kReach || a.base > kReach - a.bytes) {
      return SocObjection{"the address window of " + a.name + ", " + range(a) + ", goes past 4 GiB",
                          a.keys};
    }
    for (std::size_t j = 0; j < i; ++j) {
      const SocWindow& b = windows[j];
      if (a.base > b.last() || b.base > a.last()) continue;
      return SocObjection{"the address window of " + a.name + ", " + range(a) +
                              ", overlaps that of " + b.name + ", " + range(b),
                          joined(a.keys, b.keys)};
    }
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const SocLine& a = lines[i];
    if (a.irq >= kIrqLines) {
      return SocObjection{"there is no interrupt line " + std::to_string(a.irq) + " for " + a.name +
                              ": the controller has lines 0 to " + std::to_string(kIrqLines - 1),
                          a.keys};
    }
    for (std::size_t j = 0; j < i; ++j) {
      const SocLine& b = lines[j];
      if (a.irq != b.irq) continue;
      return SocObjection{
          a.name + " and " + b.name + " interrupt on the same line, " + std::to_string(a.irq),
          joined(a.keys, b.keys)};
    }
  }
  return std::nullopt;
}

}  // namespace cesasim::hw
