#include "hw_model/cesa/engine.h"

#include <array>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "hw_model/cesa/tdma_windows.h"

namespace cesasim::hw {
namespace {

namespace cfg = cesa_bit::cfg;
namespace cmd = cesa_bit::cmd;
namespace control = cesa_bit::tdma_control;
namespace error = cesa_bit::tdma_error;
using namespace cesa_reg;  // NOLINT(google-build-using-namespace): register names only

std::string hex(std::uint64_t v) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(v));
  return text;
}

std::uint8_t features(const CesaParams& p) {
  unsigned f = 0;
  if (p.tdma) f |= static_cast<unsigned>(CesaFeature::tdma);
  if (p.coalescing) f |= static_cast<unsigned>(CesaFeature::coalescing);
  if (p.sha256) f |= static_cast<unsigned>(CesaFeature::sha256);
  return static_cast<std::uint8_t>(f);
}

const CesaParams& checked(const CesaParams& p) {
  p.check();
  return p;
}

}  // namespace

CesaEngine::CesaEngine(const CesaParams& params, PhysAddr sram_base, DmaPort& port)
    : params_(checked(params)),
      timing_(params),
      regs_(features(params)),
      sa_({.sha256 = params.sha256}),
      sram_(params.sram_bytes),
      sram_base_(sram_base),
      port_(port) {}

bool CesaEngine::map_sram(PhysAddr base) {
  constexpr PhysAddr kReach = PhysAddr{1} << 32;
  if (base > kReach - sram_.size()) {
    throw std::invalid_argument("cesa: an SRAM window at " + hex(base) + " goes past 4 GiB");
  }
  if (running()) return false;
  sram_base_ = base;
  return true;
}

std::uint32_t CesaEngine::read(std::uint32_t offset) {
  const std::uint8_t i = regs_.find(offset);
  if (i == kNoRegister) {
    guest_error("read of " + hex(offset) + ", where this unit has no register");
    return 0;
  }
  return regs_.read(i);
}

std::uint32_t CesaEngine::peek(std::uint32_t offset) const {
  const std::uint8_t i = regs_.find(offset);
  return i == kNoRegister ? 0 : regs_.read(i);
}

void CesaEngine::poke(std::uint32_t offset, std::uint32_t value) {
  const std::uint8_t i = regs_.find(offset);
  if (i == kNoRegister) return;
  const RegisterDesc& r = cesa_registers()[i];
  const std::uint32_t plain = ~(r.ro | r.self_clearing | r.reserved);
  regs_.set(r.offset, (regs_.read(i) & ~plain) | (value & plain));
}

void CesaEngine::write(std::uint32_t offset, std::uint32_t value, Ps now) {
  const std::uint8_t i = regs_.find(offset);
  if (i == kNoRegister) {
    guest_error("write of " + hex(value) + " to " + hex(offset) +
                ", where this unit has no register");
    return;
  }
  const RegisterWrite w = regs_.write(i, value);
  if (w.reserved) ++stats_.reserved_writes;
  if (w.unimplemented) {
    unimplemented("write of " + hex(value) + " to " + std::string(cesa_registers()[i].name) +
                  ": bits " + hex(w.unimplemented) + " are not modelled");
  }
  if (w.pulses) command(w.pulses, now);
  const std::uint32_t resolved = cesa_registers()[i].offset;
  if (resolved == kIntCause || resolved == kIntMask) update_irq();
}

void CesaEngine::command(std::uint32_t pulses, Ps now) {
  if (pulses & cmd::kStop) {
    stop(now);
  } else if (pulses & cmd::kActivate0) {
    activate(now);
  }
}

void CesaEngine::activate(Ps now) {
  if (running()) {
    guest_error("CMD activates channel 0 while it runs");
    return;
  }
  const std::uint32_t config = regs_.get(kCfg);
  const std::uint32_t dma = config & (cfg::kCh0WaitDma | cfg::kCh0ActivateDma);
  State first = State::accelerate;
  finish_cause_ = cesa_bit::irq::kAccel0Done;
  start_delay_ = 0;
  if (dma != 0) {
    if (!params_.tdma || dma != (cfg::kCh0WaitDma | cfg::kCh0ActivateDma)) {
      unimplemented("CMD with CFG " + hex(config) +
                    ": the accelerator and the DMA must be tied "
                    "by bits 7 and 9 together, in a unit that has its own DMA");
      return;
    }
    if (!check_control()) return;
    first = State::fetch;
    if (regs_.get(kTdmaControl) & control::kNonChained) {
      first = State::registers;
    } else if (regs_.get(kTdmaNext) == 0) {
      guest_error("CMD with an empty chain: NEXT is 0");
      return;
    }
    finish_cause_ = cesa_bit::irq::kAccel0DmaDone;
    start_delay_ = timing_.chain_start();
    regs_.set_bits(kTdmaControl, control::kActive);
  }
  state_ = first;
  started_at_ = now;
  chain_descriptors_ = 0;
  chain_operations_ = 0;
  ++stats_.chains;
  regs_.set_bits(kCmd, cmd::kActivate0);
  regs_.set_bits(kStatus, cesa_bit::status::kActive0);
}

bool CesaEngine::check_control() {
  const std::uint32_t c = regs_.get(kTdmaControl);
  if (!(c & control::kEnable)) {
    guest_error("CMD with the DMA disabled: CONTROL is " + hex(c));
    return false;
  }
  for (const std::uint32_t burst : {control::src_burst(c), control::dst_burst(c)}) {
    if (burst != control::kBurst32 && burst != control::kBurst128) {
      guest_error("CONTROL " + hex(c) + ": burst limit code " + std::to_string(burst) +
                  " is neither 3 (32 bytes) nor 4 (128 bytes)");
      return false;
    }
  }
  if (!(c & control::kNoByteSwap)) {
    unimplemented("CONTROL " + hex(c) + ": byte swapping is not modelled");
    return false;
  }
  return true;
}

Ps CesaEngine::step(Ps now) {
  now_ = now;
  Ps delay = 0;
  switch (state_) {
    case State::idle:
      break;
    case State::fetch:
      delay = step_descriptor();
      break;
    case State::registers:
      delay = step_registers();
      break;
    case State::accelerate:
      if (accelerate(delay)) state_ = State::finish;
      break;
    case State::finish:
      finish(now);
      break;
  }
  return delay;
}

Ps CesaEngine::step_descriptor() {
  const PhysAddr addr = regs_.get(kTdmaNext);
  if (++chain_descriptors_ > params_.chain_limit) {
    guest_error("chain longer than " + std::to_string(params_.chain_limit) +
                " descriptors, stopped at " + hex(addr) + ": does NEXT form a loop?");
    halt();
    return 0;
  }
  if (addr % TdmaDescriptor::kBytes != 0) {
    guest_error("descriptor address " + hex(addr) + " is not aligned to 16");
    halt();
    return 0;
  }
  if (!reach(addr, TdmaDescriptor::kBytes, "descriptor")) return 0;
  Ps delay = 0;
  std::array<std::uint8_t, TdmaDescriptor::kBytes> bytes;
  if (!port_.read(addr, bytes.data(), TdmaDescriptor::kBytes, timing_.descriptor_fetch(), delay)) {
    tdma_error(error::kDataError, "the bus refused the fetch of the descriptor at " + hex(addr));
    return 0;
  }
  const auto d = TdmaDescriptor::decode(bytes);
  ++stats_.descriptors;
  regs_.set(kTdmaCurrent, static_cast<std::uint32_t>(addr));
  regs_.set(kTdmaByteCount, d.count_word());
  regs_.set(kTdmaSrc, d.src);
  regs_.set(kTdmaDst, d.dst);
  regs_.set(kTdmaNext, d.next);
  if (!d.own) {
    if (chain_operations_ > 0 && !(regs_.get(kCfg) & cfg::kMultiPacketChain)) {
      regs_.set_bits(kIntCause, cesa_bit::irq::kDmaOwnershipError);
      guest_error("descriptor at " + hex(addr) +
                  " launches a second operation, but CFG bit 11 (multi-packet chain) is 0");
      halt();
      update_irq();
      return 0;
    }
    if (!accelerate(delay)) return 0;
  } else if (d.byte_count > 0 && !transfer(d, delay)) {
    return 0;
  }
  state_ = d.next != 0 ? State::fetch : State::finish;
  return delay;
}

Ps CesaEngine::step_registers() {
  TdmaDescriptor d;
  const std::uint32_t word = regs_.get(kTdmaByteCount);
  d.byte_count = word & cesa_bit::tdma_byte_count::kCountMask;
  d.own = (word & cesa_bit::tdma_byte_count::kOwn) != 0;
  d.src = regs_.get(kTdmaSrc);
  d.dst = regs_.get(kTdmaDst);
  Ps delay = 0;
  if (!d.own) {
    if (!accelerate(delay)) return 0;
  } else if (d.byte_count > 0 && !transfer(d, delay)) {
    return 0;
  }
  state_ = State::finish;
  return delay;
}

bool CesaEngine::accelerate(Ps& delay) {
  // Words F..H exist where SHA-256 does.
  const unsigned words = params_.sha256 ? 8 : 5;
  std::array<std::uint32_t, 8> digest{};
  for (unsigned i = 0; i < words; ++i) digest[i] = regs_.get(ivdig(i));
  const SaResult r = sa_.run(sram_, regs_.get(kDescP0), digest);
  if (r.status != SaStatus::done) {
    if (r.status == SaStatus::guest_error) {
      guest_error(r.report);
    } else {
      unimplemented(r.report);
    }
    halt();
    return false;
  }
  ++chain_operations_;
  ++stats_.operations;
  if (r.mac != SaMac::none) {
    for (unsigned i = 0; i < words; ++i) regs_.set(ivdig(i), digest[i]);
  }
  stats_.bytes_ciphered += r.cipher_bytes;
  const Ps took = r.cipher == SaCipher::aes ? timing_.aes(r.cipher_blocks, r.key_bytes) : 0;
  stats_.sa_busy_ps += took;
  delay += took;
  return true;
}

bool CesaEngine::transfer(const TdmaDescriptor& d, Ps& delay) {
  const bool src_here = in_sram(d.src);
  const bool dst_here = in_sram(d.dst);
  if (src_here == dst_here) {
    // The DMA joins the SRAM with the outside. Where neither address is the SRAM's, the one
    // that hits no window at all is the clearer diagnosis.
    if (!src_here &&
        (!reach(d.src, d.byte_count, "source") || !reach(d.dst, d.byte_count, "destination"))) {
      return false;
    }
    tdma_error(error::kBothHit, "source " + hex(d.src) + " and destination " + hex(d.dst) +
                                    " are both " + (src_here ? "in" : "outside") + " the SRAM");
    return false;
  }
  const PhysAddr outside = src_here ? d.dst : d.src;
  const auto inside = static_cast<std::uint32_t>((src_here ? d.src : d.dst) - sram_base_);
  if (d.byte_count > sram_.size() - inside) {
    tdma_error(error::kMiss, std::to_string(d.byte_count) + " bytes at SRAM offset " + hex(inside) +
                                 " run over the end of the SRAM");
    return false;
  }
  if (!src_here && inside < params_.sram_reserved_bytes) {
    guest_error("DMA writes SRAM offset " + hex(inside) + ", which is reserved");
  }
  if (!reach(outside, d.byte_count, src_here ? "destination" : "source")) return false;
  const Ps own = timing_.transfer({outside, d.byte_count, !src_here}, regs_.get(kTdmaControl));
  std::uint8_t* const data = sram_.data() + inside;
  const bool ok = src_here ? port_.write(outside, data, d.byte_count, own, delay)
                           : port_.read(outside, data, d.byte_count, own, delay);
  if (!ok) {
    tdma_error(error::kDataError,
               "the bus refused " + std::to_string(d.byte_count) + " bytes at " + hex(outside));
    return false;
  }
  (src_here ? stats_.tdma_bytes_out : stats_.tdma_bytes_in) += d.byte_count;
  return true;
}

bool CesaEngine::reach(PhysAddr addr, std::uint32_t bytes, const char* what) {
  const std::uint32_t cause = check_tdma_windows(regs_, addr, bytes);
  if (cause == 0) return true;
  tdma_error(cause, std::string(what) + " " + hex(addr) + ", " + std::to_string(bytes) +
                        " bytes, hits " +
                        (cause == error::kMiss ? "no window" : "more than one window"));
  return false;
}

void CesaEngine::finish(Ps now) {
  go_idle(now);
  regs_.set_bits(kIntCause, finish_cause_);
  update_irq();
}

void CesaEngine::stop(Ps now) {
  if (running()) go_idle(now);
}

void CesaEngine::halt() { go_idle(now_); }

void CesaEngine::go_idle(Ps now) {
  state_ = State::idle;
  // A stop may carry less of the core's local time than the activation before it.
  stats_.busy_ps += std::max(now, started_at_) - started_at_;
  regs_.clear_bits(kCmd, cmd::kActivate0);
  regs_.clear_bits(kStatus, cesa_bit::status::kActive0);
  regs_.clear_bits(kTdmaControl, control::kActive);
}

void CesaEngine::tdma_error(std::uint32_t cause, std::string report) {
  regs_.set_bits(kTdmaErrorCause, cause);
  guest_error("DMA: " + std::move(report));
  halt();
}

void CesaEngine::guest_error(std::string report) {
  ++stats_.guest_errors;
  stats_.last_report = std::move(report);
}

void CesaEngine::unimplemented(std::string report) {
  ++stats_.unimplemented;
  stats_.last_report = std::move(report);
}

void CesaEngine::update_irq() {
  const bool level = (regs_.get(kIntCause) & regs_.get(kIntMask)) != 0;
  if (level && !irq_) ++stats_.interrupts;
  irq_ = level;
}

}  // namespace cesasim::hw
