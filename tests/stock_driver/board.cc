// SPDX-License-Identifier: Apache-2.0
#include "tests/stock_driver/board.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "hw_model/cesa/registers.h"

namespace cesasim::stock {

/// An engine with its way to the memory and its place in time.
class Board::Unit : public hw::DmaPort {
 public:
  Unit(Board& owner, const hw::CesaParams& p, unsigned index, hw::Fidelity fidelity)
      : engine(p, p.sram_base(index), *this, fidelity), board(owner) {}

  bool read(hw::PhysAddr addr, std::uint8_t* data, std::uint32_t bytes, hw::Ps own,
            hw::Ps& delay) override {
    delay += own;
    if (board.bus_fails(addr)) return false;
    return board.kernel.memory.device_read(addr, data, bytes) || refuse(addr);
  }
  bool write(hw::PhysAddr addr, std::uint8_t* data, std::uint32_t bytes, hw::Ps own,
             hw::Ps& delay) override {
    delay += own;
    if (board.bus_fails(addr)) return false;
    return board.kernel.memory.device_write(addr, data, bytes) || refuse(addr);
  }

  hw::CesaEngine engine;
  Board& board;

 private:
  bool refuse(hw::PhysAddr addr) {
    if (!board.refused_) board.refused_ = addr;
    return false;
  }
};

hw::CesaParams cesa_params(const Variant& v) {
  hw::CesaParams p;
  p.engines = v.engines;
  p.sram_reserved_bytes = v.sram_reserved;
  p.tdma = v.tdma;
  p.sha256 = v.sha256;
  p.coalescing = v.engines == 2;
  p.outstanding_modes = v.sha256;
  p.channels = v.tdma ? 1 : 2;
  p.buffers_partial_block = v.buffers_partial_block;
  p.sram_base0 = kSramBase[0];
  p.sram_base1 = kSramBase[1];
  return p;
}

Platform::Platform(const Variant& variant, std::span<std::uint8_t* const> srams) {
  const std::uint32_t sram_bytes = cesa_params(variant).sram_bytes;
  node.compatible = variant.compatible;
  if (variant.sram_reserved > 0) node.crypto_sram_size = sram_bytes - variant.sram_reserved;
  pdev.dev.name = "mv_crypto";
  if (variant.compatible != nullptr) pdev.dev.of_node = &node;
  pdev.mem[0] = {kRegsBase, kRegsBase + hw::cesa_reg::kWindowBytes - 1, "regs"};
  for (unsigned i = 0; i < variant.engines; ++i) {
    pdev.irq[i] = irq_line(i);
    if (variant.sram_pool) {
      pools[i].memory = srams[i] + variant.sram_reserved;
      pools[i].dma = kSramBase[i] + variant.sram_reserved;
      pools[i].size = sram_bytes - variant.sram_reserved;
      node.crypto_srams[i] = &pools[i];
    } else {
      static constexpr const char* kNames[] = {"sram0", "sram1"};
      pdev.mem[1 + i] = {kSramBase[i], kSramBase[i] + sram_bytes - 1,
                         variant.engines == 1 ? "sram" : kNames[i]};
    }
  }
}

Board::Board(const Variant& variant, hw::Fidelity fidelity) : variant_(variant) {
  std::vector<std::uint8_t*> srams;
  for (unsigned i = 0; i < variant.engines; ++i) {
    units_.push_back(std::make_unique<Unit>(*this, cesa_params(variant), i, fidelity));
    srams.push_back(units_.back()->engine.sram().data());
  }
  platform_ = std::make_unique<Platform>(variant, srams);
  probed = kernel.probe(platform_->pdev);
}

Board::~Board() { kernel.remove(); }

hw::CesaEngine& Board::engine(unsigned i) { return units_.at(i)->engine; }

hw::CesaStats Board::stats() const {
  hw::CesaStats sum;
  for (const auto& unit : units_) {
    const hw::CesaStats& s = unit->engine.stats();
    sum.chains += s.chains;
    sum.operations += s.operations;
    sum.descriptors += s.descriptors;
    sum.interrupts += s.interrupts;
    sum.guest_errors += s.guest_errors;
    sum.unimplemented += s.unimplemented;
    sum.reserved_writes += s.reserved_writes;
    if (sum.last_report.empty()) sum.last_report = s.last_report;
  }
  return sum;
}

bool Board::bus_fails(hw::PhysAddr addr) {
  if (!fail_dma_in_) return false;
  if (*fail_dma_in_ > 0) {
    --*fail_dma_in_;
    return false;
  }
  fail_dma_in_.reset();
  if (!refused_) refused_ = addr;
  return true;
}

std::uint32_t Board::read32(std::uint32_t addr) {
  const auto at = hw::split_cesa_address(addr - kRegsBase);
  if (!at.valid || at.engine >= units_.size()) throw std::out_of_range("no register there");
  return units_[at.engine]->engine.read(at.offset);
}

void Board::write32(std::uint32_t addr, std::uint32_t value) {
  const auto at = hw::split_cesa_address(addr - kRegsBase);
  if (!at.valid || at.engine >= units_.size()) throw std::out_of_range("no register there");
  units_[at.engine]->engine.write(at.offset, value, now_);
}

std::uint8_t* Board::sram(std::uint32_t addr, std::size_t size) {
  for (unsigned i = 0; i < units_.size(); ++i) {
    const auto memory = units_[i]->engine.sram();
    if (addr >= kSramBase[i] && addr - kSramBase[i] + size <= memory.size()) {
      return memory.data() + (addr - kSramBase[i]);
    }
  }
  throw std::out_of_range("no SRAM there");
}

void Board::copy_in(std::uint32_t addr, const void* from, std::size_t size) {
  if (size > 0) std::memcpy(sram(addr, size), from, size);
}
void Board::copy_out(std::uint32_t addr, void* to, std::size_t size) {
  if (size > 0) std::memcpy(to, sram(addr, size), size);
}

bool Board::advance() {
  Unit* first = nullptr;
  hw::Ps soonest = hw::CesaEngine::kNever;
  for (const auto& unit : units_) {
    const hw::Ps at = unit->engine.next_at();
    if (at < soonest) {
      soonest = at;
      first = unit.get();
    }
  }
  if (first == nullptr) return false;
  now_ = std::max(now_, soonest);
  first->engine.advance(now_);
  return true;
}

bool Board::irq(int line) const {
  for (unsigned i = 0; i < units_.size(); ++i) {
    if (line == irq_line(i)) return units_[i]->engine.irq();
  }
  return false;
}

}  // namespace cesasim::stock
