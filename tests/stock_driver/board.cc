#include "tests/stock_driver/board.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "hw_model/cesa/registers.h"

namespace cesasim::stock {
namespace {

constexpr std::uint32_t kRegs = 0xF1090000;
constexpr std::uint32_t kSram[] = {0xC8010000, 0xC8020000};

hw::CesaParams params(const Variant& v) {
  hw::CesaParams p;
  p.engines = v.engines;
  p.sram_reserved_bytes = v.sram_reserved;
  p.tdma = v.tdma;
  p.sha256 = v.sha256;
  p.sram_base0 = kSram[0];
  p.sram_base1 = kSram[1];
  return p;
}

// TODO: the engine is about to keep its own time (wake_at); delete the other branches then.
template <typename Engine>
std::optional<hw::Ps> due(const Engine& engine, hw::Ps next_step) {
  if constexpr (requires { engine.wake_at(); }) return engine.wake_at();
  return engine.running() ? std::optional(next_step) : std::nullopt;
}
template <typename Engine>
hw::Ps start_delay(const Engine& engine) {
  if constexpr (requires { engine.start_delay(); }) return engine.start_delay();
  return 0;
}

}  // namespace

/// An engine with its way to the memory and its place in time.
class Board::Unit : public hw::DmaPort {
 public:
  Unit(Board& owner, const hw::CesaParams& p, unsigned index)
      : engine(p, p.sram_base(index), *this), board(owner) {}

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
  hw::Ps next_step = 0;

 private:
  bool refuse(hw::PhysAddr addr) {
    if (!board.refused_) board.refused_ = addr;
    return false;
  }
};

Board::Board(const Variant& variant) : variant_(variant) {
  const hw::CesaParams p = params(variant);
  node_.compatible = variant.compatible;
  if (variant.sram_reserved > 0) node_.crypto_sram_size = p.sram_bytes - variant.sram_reserved;
  pdev_.dev.name = "mv_crypto";
  if (variant.compatible != nullptr) pdev_.dev.of_node = &node_;
  pdev_.mem[0] = {kRegs, kRegs + hw::cesa_reg::kWindowBytes - 1, "regs"};
  for (unsigned i = 0; i < variant.engines; ++i) {
    units_.push_back(std::make_unique<Unit>(*this, p, i));
    pdev_.irq[i] = irq_line(i);
    if (variant.sram_pool) {
      pools_[i].memory = units_[i]->engine.sram().data() + variant.sram_reserved;
      pools_[i].dma = kSram[i] + variant.sram_reserved;
      pools_[i].size = p.sram_bytes - variant.sram_reserved;
      node_.crypto_srams[i] = &pools_[i];
    } else {
      static constexpr const char* kNames[] = {"sram0", "sram1"};
      pdev_.mem[1 + i] = {kSram[i], kSram[i] + p.sram_bytes - 1,
                          variant.engines == 1 ? "sram" : kNames[i]};
    }
  }
  probed = kernel.probe(pdev_);
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
  const auto at = hw::split_cesa_address(addr - kRegs);
  if (!at.valid || at.engine >= units_.size()) throw std::out_of_range("no register there");
  return units_[at.engine]->engine.read(at.offset);
}

void Board::write32(std::uint32_t addr, std::uint32_t value) {
  const auto at = hw::split_cesa_address(addr - kRegs);
  if (!at.valid || at.engine >= units_.size()) throw std::out_of_range("no register there");
  if (!variant_.sha256 && at.offset >= hw::cesa_reg::ivdig(5) &&
      at.offset <= hw::cesa_reg::ivdig(7)) {
    ++absent_ivdig_writes_;
  }
  Unit& unit = *units_[at.engine];
  const bool was_running = unit.engine.running();
  unit.engine.write(at.offset, value, now_);
  if (unit.engine.running() && !was_running) unit.next_step = now_ + start_delay(unit.engine);
}

std::uint8_t* Board::sram(std::uint32_t addr, std::size_t size) {
  for (unsigned i = 0; i < units_.size(); ++i) {
    const auto memory = units_[i]->engine.sram();
    if (addr >= kSram[i] && addr - kSram[i] + size <= memory.size()) {
      return memory.data() + (addr - kSram[i]);
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
  hw::Ps at = 0;
  for (const auto& unit : units_) {
    const auto when = due(unit->engine, unit->next_step);
    if (when && (first == nullptr || *when < at)) {
      first = unit.get();
      at = *when;
    }
  }
  if (first == nullptr) return false;
  now_ = std::max(now_, at);
  first->next_step = now_ + first->engine.step(now_);
  return true;
}

bool Board::irq(int line) const {
  for (unsigned i = 0; i < units_.size(); ++i) {
    if (line == irq_line(i)) return units_[i]->engine.irq();
  }
  return false;
}

}  // namespace cesasim::stock
