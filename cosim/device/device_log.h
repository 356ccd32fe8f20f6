// SPDX-License-Identifier: Apache-2.0
// What the driver and the device said to each other, one line per event. Two runs of the same
// guest give the same bytes.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hw_model/common/units.h"

namespace cesasim::cosim {

/// Lines: "TIME_NS EVENT ...":
///   r reg OFFSET VALUE, w reg OFFSET VALUE    a register of the unit (OFFSET in BAR 0)
///   r sram OFFSET BYTES, w sram OFFSET BYTES  the processor's copies
///   dma ENGINE rd|wr ADDRESS BYTES            the engines' own accesses to the guest's RAM
///   irq ENGINE                                the line rises
///   inject WHAT                               a fault is injected
/// Addresses in the guest's RAM are written "ram[N]+0xOFFSET", where N counts its pages in the
/// order of their first appearance: which page the kernel hands out is not the device's affair.
class DeviceLog {
 public:
  DeviceLog() = default;
  /// Throws std::system_error if the file cannot be written. "" keeps no log.
  explicit DeviceLog(const std::string& path);

  bool active() const { return file_ != nullptr; }
  /// Where RAM stands, so that addresses are recognised in register values.
  void set_ram(std::uint64_t start, std::uint64_t bytes);

  void reg(hw::Ps now, bool write, std::uint32_t offset, std::uint32_t value, bool is_address);
  void sram(hw::Ps now, bool write, std::uint32_t offset, std::size_t bytes);
  void dma(hw::Ps now, unsigned engine, bool write, std::uint64_t address, std::size_t bytes);
  void irq(hw::Ps now, unsigned engine);
  void inject(hw::Ps now, const std::string& what);
  void flush();
  /// Ends the log. Errors: std::system_error if anything of it could not be written.
  void close();

 private:
  struct Close {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  std::string address(std::uint64_t value);

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t ram_start_ = 0;
  std::uint64_t ram_bytes_ = 0;
  std::map<std::uint64_t, unsigned> pages_;
};

}  // namespace cesasim::cosim
