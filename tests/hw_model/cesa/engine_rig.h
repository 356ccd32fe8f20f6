// SPDX-License-Identifier: Apache-2.0
// One engine on a bare table: no SystemC, memory without a rate of its own, so that every time
// is the engine's and can be worked out by hand (200 MHz, 5 ns a cycle).
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "hw_model/cesa/engine.h"
#include "hw_model/cesa/sa_descriptor.h"

namespace cesasim::test {

using Bytes = std::vector<std::uint8_t>;

inline constexpr hw::Ps kCycle = 5000;
inline constexpr std::uint32_t kRigSram = 0xF5000000;

inline hw::CesaParams rig_params() {
  hw::CesaParams p;
  p.sha256 = true;
  p.sram_base0 = kRigSram;
  p.chain_start_cycles = 7;
  p.descriptor_fetch_cycles = 5;
  p.read_burst_cycles = 15;
  p.write_burst_cycles = 3;
  p.sa_start_cycles = 32;
  p.sa_end_cycles = 4;
  return p;
}

/// 1 MiB from bus address 0 that answers every access in the time the master itself takes, and
/// remembers the accesses.
class RigMemory : public hw::DmaPort {
 public:
  struct Access {
    hw::PhysAddr addr;
    std::uint32_t bytes;
    char kind;  // 'r'ead, 'f'urther read, 'w'rite
    hw::Ps own;
  };
  Bytes bytes = Bytes(1 << 20);
  std::vector<Access> accesses;

  bool read(hw::PhysAddr addr, std::uint8_t* data, std::uint32_t n, hw::Ps own,
            hw::Ps& delay) override {
    return move(addr, data, n, own, delay, 'r');
  }
  bool read_further(hw::PhysAddr addr, std::uint8_t* data, std::uint32_t n, hw::Ps own,
                    hw::Ps& delay) override {
    return move(addr, data, n, own, delay, 'f');
  }
  bool write(hw::PhysAddr addr, std::uint8_t* data, std::uint32_t n, hw::Ps own,
             hw::Ps& delay) override {
    return move(addr, data, n, own, delay, 'w');
  }

 private:
  bool move(hw::PhysAddr addr, std::uint8_t* data, std::uint32_t n, hw::Ps own, hw::Ps& delay,
            char kind) {
    accesses.push_back({addr, n, kind, own});
    delay += own;
    if (addr + n > bytes.size()) return false;
    if (kind == 'w') {
      std::memcpy(&bytes[addr], data, n);
    } else {
      std::memcpy(data, &bytes[addr], n);
    }
    return true;
  }
};

class EngineRig {
 public:
  RigMemory memory;
  hw::CesaEngine engine;
  hw::Ps now = 0;
  std::vector<hw::Ps> interrupts;  // rising edges of the line

  explicit EngineRig(const hw::CesaParams& params = rig_params(),
                     hw::Fidelity fidelity = hw::Fidelity::descriptor)
      : engine(params, kRigSram, memory, fidelity) {
    if (!params.tdma) return;
    write(hw::cesa_reg::tdma_win_ctrl(0), 0x000F0E01);  // 1 MiB from 0
    write(hw::cesa_reg::kTdmaControl, 0x1904);
  }

  void write(std::uint32_t offset, std::uint32_t value) { engine.write(offset, value, now); }
  std::uint32_t read(std::uint32_t offset) { return engine.read(offset); }
  void config(std::uint32_t value) { write(hw::cesa_reg::kCfg, value); }
  void activate(unsigned channel = 0) {
    write(hw::cesa_reg::kCmd, hw::cesa_bit::cmd::activate(channel));
  }
  void chain(std::uint32_t first) {
    write(hw::cesa_reg::kTdmaNext, first);
    activate();
  }
  std::uint32_t causes() { return read(hw::cesa_reg::kIntCause); }
  bool reported(const std::string& text) const {
    return engine.stats().last_report.find(text) != std::string::npos;
  }

  /// The engine goes on by itself.
  bool due() const { return engine.next_at() != hw::CesaEngine::kNever; }
  /// All that is due up to `until`.
  void run(hw::Ps until = hw::CesaEngine::kNever) {
    while (due() && engine.next_at() <= until) {
      now = engine.next_at();
      const bool line = engine.irq();
      engine.advance(now);
      if (!line && engine.irq()) interrupts.push_back(now);
    }
    if (until != hw::CesaEngine::kNever) now = until;
  }

  /// A chain at `first`: descriptors 32 bytes apart, the last one's next is 0.
  void put_chain(std::uint32_t first, std::initializer_list<hw::TdmaDescriptor> descriptors) {
    std::uint32_t at = first;
    std::size_t left = descriptors.size();
    for (hw::TdmaDescriptor d : descriptors) {
      d.next = --left ? at + 32 : 0;
      d.encode(std::span<std::uint8_t, 16>(&memory.bytes[at], 16));
      at += 32;
    }
  }
  void put_sram(std::uint32_t offset, const Bytes& data) {
    std::memcpy(&engine.sram()[offset], data.data(), data.size());
  }
  Bytes sram(std::uint32_t offset, std::size_t n) const {
    const auto s = engine.sram().subspan(offset, n);
    return {s.begin(), s.end()};
  }
  void put(std::uint32_t addr, const Bytes& data) {
    std::memcpy(&memory.bytes[addr], data.data(), data.size());
  }
  Bytes dram(std::uint32_t addr, std::size_t n) const {
    return {memory.bytes.begin() + addr, memory.bytes.begin() + addr + n};
  }
};

/// The accelerator's descriptor, as bytes.
inline Bytes sa_words(const std::array<std::uint32_t, 8>& words) {
  Bytes b(32);
  for (unsigned i = 0; i < 32; ++i) b[i] = static_cast<std::uint8_t>(words[i / 4] >> (8 * (i % 4)));
  return b;
}

/// Distinct bytes.
inline Bytes counted(std::size_t n, unsigned start) {
  Bytes b(n);
  for (std::size_t i = 0; i < n; ++i) b[i] = static_cast<std::uint8_t>(start + 7 * i);
  return b;
}

}  // namespace cesasim::test
