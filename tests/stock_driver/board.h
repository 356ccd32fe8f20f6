// SPDX-License-Identifier: Apache-2.0
// A SoC with nothing but a CESA unit, DRAM and a kernel that has bound the stock driver to it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "hw_model/cesa/engine.h"
#include "tests/stock_driver/dma_memory.h"
#include "tests/stock_driver/kernel.h"
#include "tests/stock_driver/simulated_kernel.h"

namespace cesasim::stock {

/// The unit of a SoC as its device tree describes it to the driver. Only what the driver can
/// see: times are the model's business and no matter here.
struct Variant {
  const char* name;
  const char* compatible;  ///< null: a board file instead of a device tree
  unsigned engines;
  bool tdma;
  bool sha256;
  bool sram_pool;               ///< the SRAM comes from a gen_pool, else as a memory resource
  std::uint32_t sram_reserved;  ///< kept by other software at its start
  bool buffers_partial_block = true;
};

inline constexpr Variant kOrion{"orion", nullptr, 1, false, false, false, 0};
inline constexpr Variant kOrionTree{"orion_dt", "marvell,orion-crypto", 1, false, false, true, 0};
inline constexpr Variant kKirkwood{"kirkwood", "marvell,kirkwood-crypto", 1, true, false, true, 0};
inline constexpr Variant kArmada370{"armada_370", "marvell,armada-370-crypto", 1, true, true, true,
                                    0x20};
inline constexpr Variant kArmada38x{
    "armada_38x", "marvell,armada-38x-crypto", 2, true, true, true, 0};
/// As the kernel's bindings allow: the SRAMs as memory resources.
inline constexpr Variant kArmadaXp{
    "armada_xp", "marvell,armada-xp-crypto", 2, true, true, false, 0};

inline constexpr std::uint32_t kRegsBase = 0xF1090000;
inline constexpr std::uint32_t kSramBase[] = {0xC8010000, 0xC8020000};
inline int irq_line(unsigned engine) { return 48 + static_cast<int>(engine); }

hw::CesaParams cesa_params(const Variant& variant);

/// What firmware tells the kernel of a variant.
struct Platform {
  /// `srams` are the processor's pointers to the SRAMs, for gen_pools.
  Platform(const Variant& variant, std::span<std::uint8_t* const> srams);
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;

  platform_device pdev{};
  device_node node{};
  gen_pool pools[2];
};

class Board : public Machine {
 public:
  explicit Board(const Variant& variant, hw::Fidelity fidelity = hw::Fidelity::descriptor);
  ~Board() override;

  const Variant& variant() const { return variant_; }
  hw::CesaEngine& engine(unsigned i = 0);
  /// Sum over the engines.
  hw::CesaStats stats() const;

  /// The n-th DMA transfer from now (0 is the next) is answered with a bus error.
  void fail_dma(unsigned n) { fail_dma_in_ = n; }
  /// The first address that a bus error was the answer for, if any.
  std::optional<hw::PhysAddr> refused() const { return refused_; }

  // Machine
  std::uint32_t read32(std::uint32_t addr) override;
  void write32(std::uint32_t addr, std::uint32_t value) override;
  void copy_in(std::uint32_t addr, const void* from, std::size_t size) override;
  void copy_out(std::uint32_t addr, void* to, std::size_t size) override;
  bool advance() override;
  bool irq(int line) const override;

  /// Binds the driver again; returns what probe does.
  int probe_again() { return kernel.probe(platform_->pdev); }

  SimulatedKernel kernel{*this};
  /// What probe returned.
  int probed = 0;

 private:
  class Unit;

  bool bus_fails(hw::PhysAddr addr);
  std::uint8_t* sram(std::uint32_t addr, std::size_t size);

  Variant variant_;
  std::vector<std::unique_ptr<Unit>> units_;
  std::unique_ptr<Platform> platform_;
  hw::Ps now_ = 0;
  std::optional<unsigned> fail_dma_in_;
  std::optional<hw::PhysAddr> refused_;
};

}  // namespace cesasim::stock
