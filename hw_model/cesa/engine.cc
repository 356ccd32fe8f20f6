// SPDX-License-Identifier: Apache-2.0
#include "hw_model/cesa/engine.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "base/text/hex.h"

namespace cesasim::hw {
namespace {

namespace cfg = cesa_bit::cfg;
namespace cmd = cesa_bit::cmd;
namespace control = cesa_bit::tdma_control;
namespace error = cesa_bit::tdma_error;
using namespace cesa_reg;  // NOLINT(google-build-using-namespace): register names only

std::uint8_t features(const CesaParams& p) {
  namespace feature = cesa_feature;
  unsigned f = 0;
  if (p.tdma) f |= feature::kTdma;
  if (p.coalescing) f |= feature::kCoalescing;
  if (p.channels > 1) f |= feature::kSecondChannel;
  if (p.outstanding_modes) f |= feature::kOutstandingModes;
  return static_cast<std::uint8_t>(f);
}

constexpr std::uint8_t kCipherOnly = static_cast<std::uint8_t>(SaOperation::cipher);
constexpr std::uint8_t kDecryptInByte1 = 0x10;  // bit 12 of the accelerator's descriptor

std::uint32_t cipher_causes(SaCipher cipher, bool decrypt) {
  namespace irq = cesa_bit::irq;
  switch (cipher) {
    case SaCipher::none:
      return 0;
    case SaCipher::aes:
      return irq::kCipherDone | (decrypt ? irq::kAesDecryptDone : irq::kAesEncryptDone);
    default:
      return irq::kCipherDone | irq::kDesDone;
  }
}

/// Reverses the bytes within each beat that [addr, addr + data.size()) touches.
void swap_beats(PhysAddr addr, std::span<std::uint8_t> data) {
  while (!data.empty()) {
    const std::size_t beat = std::min<std::size_t>(8 - addr % 8, data.size());
    std::reverse(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(beat));
    data = data.subspan(beat);
    addr += beat;
  }
}

bool is_window(std::uint32_t offset) {
  return offset >= tdma_win_base(0) && offset <= tdma_win_ctrl(kTdmaWindows - 1);
}

/// A register that the direct engines answer for.
bool is_direct(std::uint32_t offset) {
  return offset - ivdig(0) < 0x100 && DirectEngines::owns(offset);
}

const CesaParams& checked(const CesaParams& p) {
  p.check();
  return p;
}

}  // namespace

CesaEngine::CesaEngine(const CesaParams& params, PhysAddr sram_base, DmaPort& port,
                       Fidelity fidelity)
    : params_(checked(params)),
      timing_(params),
      regs_(cesa_registers(), features(params)),
      sa_({.sha256 = params.sha256, .buffers_partial_block = params.buffers_partial_block}),
      sram_(params.sram_bytes),
      sram_base_(sram_base),
      port_(port),
      fidelity_(fidelity) {}

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
  if (is_direct(offset)) return direct_.read(offset, digest_words());
  return regs_.read(i);
}

std::uint32_t CesaEngine::peek(std::uint32_t offset) const {
  const std::uint8_t i = regs_.find(offset);
  if (i == kNoRegister) return 0;
  return is_direct(offset) ? direct_.peek(offset, digest_words()) : regs_.read(i);
}

void CesaEngine::poke(std::uint32_t offset, std::uint32_t value) {
  const std::uint8_t i = regs_.find(offset);
  if (i == kNoRegister) return;
  regs_.poke(i, value);
  if (is_window(offset)) windows_ = TdmaWindows(regs_);
}

void CesaEngine::write(std::uint32_t offset, std::uint32_t value, Ps now) {
  const std::uint8_t i = regs_.find(offset);
  if (i == kNoRegister) {
    guest_error("write of " + hex(value) + " to " + hex(offset) +
                ", where this unit has no register");
    return;
  }
  const RegisterWrite w = regs_.write(i, value);
  const RegisterDesc& r = regs_.desc(i);
  if (w.reserved) report_reserved(r.offset, w.reserved);
  if (w.unimplemented) {
    unimplemented("write of " + hex(value) + " to " + std::string(r.name) + ": bits " +
                  hex(w.unimplemented) + " are not modelled");
  }
  if (is_direct(offset)) write_direct(i, value & ~regs_.reserved(i));
  written(r.offset, w, now);
}

void CesaEngine::write_direct(std::uint8_t index, std::uint32_t value) {
  const std::uint32_t offset = regs_.desc(index).offset;
  auto words = digest_words();
  const DirectEngines::Effect effect = direct_.write(offset, value, words);
  set_digest_words(words);
  if (!effect.report.empty()) guest_error(effect.report);
  if (effect.causes != 0) raise(effect.causes);
}

std::array<std::uint32_t, 8> CesaEngine::digest_words() const {
  std::array<std::uint32_t, 8> words;
  for (unsigned i = 0; i < words.size(); ++i) words[i] = regs_.get(ivdig(i));
  return words;
}

void CesaEngine::set_digest_words(const std::array<std::uint32_t, 8>& words) {
  for (unsigned i = 0; i < words.size(); ++i) regs_.set(ivdig(i), words[i]);
}

void CesaEngine::written(std::uint32_t offset, const RegisterWrite& w, Ps now) {
  switch (offset) {
    case kCmd:
      if (w.pulses) command(w.pulses, now);
      break;
    case kTdmaControl:
      if (!(regs_.get(kTdmaControl) & control::kEnable)) {
        if (dma_.state != DmaState::idle) {
          now_ = now;
          halt_dma();
          go_idle(now);
        }
      }
      if (w.pulses & control::kFetchNext) start_dma(kNoChannel, now);
      break;
    case kIntCause:
    case kIntMask:
    case kTdmaErrorCause:
    case kTdmaErrorMask:
      update_irq();
      break;
    case kCoalescePackets:
    case kCoalesceTime:
      uncoalesced_ = 0;
      coalesce_at_ = kNever;
      break;
    default:
      if ((offset >= ivdig(0) && offset <= ivdig(4)) ||
          (offset >= ivdig(5) && offset <= ivdig(7))) {
        sa_.discard_partial();
      }
      if (is_window(offset)) {
        windows_ = TdmaWindows(regs_);
      }
      break;
  }
}

void CesaEngine::report_reserved(std::uint32_t offset, std::uint32_t bits) {
  ++stats_.reserved_writes;
  // A driver that means the second channel must not go on without it unnoticed.
  if ((offset == kCmd && (bits & cmd::kActivate1)) ||
      (offset == kCfg && (bits & (cfg::kCh1WaitDma | cfg::kCh1ActivateDma)))) {
    guest_error("write of bits " + hex(bits) + " to " + hex(offset) +
                ": this unit has no second channel");
  }
}

void CesaEngine::command(std::uint32_t pulses, Ps now) {
  if (pulses & cmd::kStop) {
    stop(now);
    return;
  }
  for (unsigned channel = 0; channel < params_.channels; ++channel) {
    if (pulses & cmd::activate(channel)) activate(channel, now);
  }
}

void CesaEngine::activate(unsigned channel, Ps now) {
  Channel& c = channels_[channel];
  if (c.state != ChannelState::idle) {
    guest_error("CMD activates channel " + std::to_string(channel) + " while it runs");
    return;
  }
  const std::uint32_t config = regs_.get(kCfg);
  const bool waits = config & cfg::wait_dma(channel);
  const bool kicks = config & cfg::activate_dma(channel);
  if ((waits || kicks) && !params_.tdma) {
    unimplemented("CMD with CFG " + hex(config) +
                  ": this unit has no DMA of its own, and tying the SoC's IDMA to it is not "
                  "modelled");
    return;
  }
  const std::uint32_t policy = config & cfg::kDigestErrorMask;
  if (policy == 2) guest_error("CFG " + hex(config) + ": digest policy 2 is undocumented");
  if (kicks && !start_dma(channel, now)) return;
  if (!busy_) {
    busy_ = true;
    busy_since_ = now;
  }
  c = {};
  c.state = waits ? ChannelState::wait : ChannelState::start;
  c.at = waits ? kNever : now;
  c.kicked = kicks && !waits;
  ++stats_.chains;
  regs_.set_bits(kCmd, cmd::activate(channel));
  regs_.set_bits(kStatus, cesa_bit::status::active(channel));
  regs_.clear_bits(kStatus, cesa_bit::status::digest_error(channel));
}

bool CesaEngine::start_dma(unsigned channel, Ps now) {
  if (dma_.state != DmaState::idle) {
    guest_error("start of the DMA while it runs");
    return false;
  }
  if (!check_control()) return false;
  const bool chained = !(regs_.get(kTdmaControl) & control::kNonChained);
  if (chained && regs_.get(kTdmaNext) == 0) {
    guest_error("start of the DMA with an empty chain: NEXT is 0");
    return false;
  }
  dma_ = {};
  dma_.channel = channel;
  dma_.at = now + timing_.chain_start();
  if (!chained) {
    const std::uint32_t word = regs_.get(kTdmaByteCount);
    dma_.descriptor.byte_count = word & cesa_bit::tdma_byte_count::kCountMask;
    dma_.descriptor.own = (word & cesa_bit::tdma_byte_count::kOwn) != 0;
    dma_.descriptor.src = regs_.get(kTdmaSrc);
    dma_.descriptor.dst = regs_.get(kTdmaDst);
  }
  set_dma(chained ? DmaState::fetch : DmaState::execute);
  if (!busy_) {
    busy_ = true;
    busy_since_ = now;
  }
  regs_.set_bits(kTdmaControl, control::kActive);
  return true;
}

bool CesaEngine::check_control() {
  const std::uint32_t c = regs_.get(kTdmaControl);
  if (!(c & control::kEnable)) {
    guest_error("start with the DMA disabled: CONTROL is " + hex(c));
    return false;
  }
  for (const std::uint32_t burst : {control::src_burst(c), control::dst_burst(c)}) {
    if (burst != control::kBurst32 && burst != control::kBurst128) {
      guest_error("CONTROL " + hex(c) + ": burst limit code " + std::to_string(burst) +
                  " is neither 3 (32 bytes) nor 4 (128 bytes)");
      return false;
    }
  }
  for (unsigned i = 0; i < kTdmaWindows; ++i) {
    if (windows_.malformed(i)) {
      guest_error("DMA window " + std::to_string(i) + " decodes nothing: base " +
                  hex(regs_.get(tdma_win_base(i))) + ", control " +
                  hex(regs_.get(tdma_win_ctrl(i))) +
                  "; its size must be a power of two and its base a multiple of that");
    }
  }
  return true;
}

bool CesaEngine::next_step_visible() const {
  if (dma_.state == DmaState::finish || coalesce_at_ != kNever || channels_[0].at != kNever ||
      channels_[1].at != kNever) {
    return true;
  }
  if (hand_over_visible()) return true;
  if (!dma_.operation_pending) return false;
  return channels_[dma_.channel].failed ||
         (channels_[dma_.channel].causes & regs_.get(kIntMask)) != 0;
}

bool CesaEngine::hand_over_visible() const {
  if (!dma_.packet || dma_.state != DmaState::execute || dma_.descriptor.own) return false;
  return (regs_.get(kIntMask) & cesa_bit::irq::kChainedPacketDone) != 0 ||
         (params_.coalescing && (regs_.get(kCoalescePackets) | regs_.get(kCoalesceTime)) != 0);
}

void CesaEngine::advance(Ps now) {
  now_ = now;
  if (coalesce_at_ <= now) announce_packets();
  // The end of an operation first: the DMA may wait for it.
  if (channels_[0].at <= now) step_channel(0);
  if (channels_[1].at <= now) step_channel(1);
  if (dma_.at <= now) step_dma();
  if (!running()) go_idle(now);
}

void CesaEngine::step_channel(unsigned channel) {
  Channel& c = channels_[channel];
  if (c.state == ChannelState::start) {
    // One set of engines for both channels.
    if (accelerator_free_at_ > now_) {
      c.at = accelerator_free_at_;
      return;
    }
    c.state = ChannelState::run;
    c.at = accelerator_free_at_ = operate(channel, now_);
    return;
  }
  c.at = kNever;
  if (dma_.state == DmaState::hold && dma_.channel == channel) {
    c.state = ChannelState::wait;
    next_descriptor();
    dma_.at = now_;
    end_operation(channel);
    return;
  }
  if (!end_operation(channel)) return;
  if (c.kicked && dma_.channel == channel && dma_.state != DmaState::idle) {
    c.state = ChannelState::linger;
    return;
  }
  const bool with_dma = c.dma_ended;
  idle_channel(channel);
  if (with_dma) raise(cesa_bit::irq::accel_dma_done(channel));
}

// Flattened: its parts are called here alone, once for every descriptor.
[[gnu::flatten]] void CesaEngine::step_dma() {
  if (dma_.operation_pending) {
    dma_.operation_pending = false;
    if (!end_operation(dma_.channel)) return;
  }
  if (dma_.state == DmaState::finish) {
    finish_dma();
    return;
  }
  Ps delay = 0;
  do {
    const bool goes_on = dma_.state == DmaState::fetch     ? fetch(delay)
                         : dma_.state == DmaState::execute ? execute(delay)
                                                           : move(delay);
    if (!goes_on) return;
    // By descriptor one step, but for what a driver could see of it too early.
  } while ((dma_.state == DmaState::execute || dma_.state == DmaState::move) &&
           (delay == 0 || (fidelity_ == Fidelity::descriptor && !hand_over_visible())));
  const bool held = dma_.state == DmaState::hold || (dma_.operation_pending && delay == kNever);
  dma_.at = held ? kNever : now_ + delay;
}

bool CesaEngine::fetch(Ps& delay) {
  const PhysAddr addr = regs_.get(kTdmaNext);
  if (++dma_.descriptors > params_.chain_limit) {
    guest_error("chain longer than " + std::to_string(params_.chain_limit) +
                " descriptors, stopped at " + hex(addr) + ": does NEXT form a loop?");
    halt_dma();
    return false;
  }
  if (addr % TdmaDescriptor::kBytes != 0) {
    tdma_error(error::kDataError, "descriptor address " + hex(addr) + " is not aligned to 16");
    return false;
  }
  if (!reach(addr, TdmaDescriptor::kBytes, "descriptor")) return false;
  if (fault(FaultKind::tdma_bus_error, now_ + delay, addr)) {
    stop_with_error(error::kDataError);
    return false;
  }
  std::array<std::uint8_t, TdmaDescriptor::kBytes> bytes;
  const Ps from = now_ + delay;
  if (!port_.read(addr, bytes.data(), TdmaDescriptor::kBytes, timing_.descriptor_fetch(), delay)) {
    tdma_error(error::kDataError, "the bus refused the fetch of the descriptor at " + hex(addr));
    return false;
  }
  trace(EngineWork::fetch, from, now_ + delay, TdmaDescriptor::kBytes);
  dma_.descriptor = TdmaDescriptor::decode(bytes);
  ++stats_.descriptors;
  regs_.set(kTdmaCurrent, static_cast<std::uint32_t>(addr));
  regs_.set(kTdmaByteCount, dma_.descriptor.count_word());
  regs_.set(kTdmaSrc, dma_.descriptor.src);
  regs_.set(kTdmaDst, dma_.descriptor.dst);
  regs_.set(kTdmaNext, dma_.descriptor.next);
  set_dma(DmaState::execute);
  return true;
}

bool CesaEngine::execute(Ps& delay) {
  const TdmaDescriptor& d = dma_.descriptor;
  if (!d.own) return hand_over(delay);
  if (dma_.skipping && in_sram(d.dst)) dma_.skipping = false;
  if (d.byte_count == 0 || dma_.skipping) {
    next_descriptor();
    return true;
  }
  if (!begin_transfer()) return false;
  set_dma(DmaState::move);
  return true;
}

bool CesaEngine::hand_over(Ps& delay) {
  end_packet();
  unsigned channel = dma_.channel;
  if (channel == kNoChannel) {
    for (unsigned i = params_.channels; i-- > 0;) {
      if (channels_[i].state == ChannelState::wait) channel = i;
    }
  }
  const bool nobody = channel == kNoChannel || channels_[channel].state != ChannelState::wait;
  if (nobody || (dma_.operations > 0 && !(regs_.get(kCfg) & cfg::kMultiPacketChain))) {
    regs_.set_bits(kIntCause, cesa_bit::irq::kDmaOwnershipError);
    guest_error("descriptor at " + hex(regs_.get(kTdmaCurrent)) +
                (nobody ? " hands over to the accelerator, but no channel waits for the DMA"
                        : " launches a second operation, but CFG bit 11 (multi-packet chain) "
                          "is 0"));
    halt_dma();
    update_irq();
    return false;
  }
  dma_.channel = channel;
  dma_.skipping = false;
  ++dma_.operations;
  if (fidelity_ == Fidelity::descriptor && params_.channels == 1) {
    const Ps end = operate(channel, now_ + delay);
    delay = end == kNever ? kNever : end - now_;
    dma_.operation_pending = true;
    next_descriptor();
  } else {
    channels_[channel].state = ChannelState::start;
    channels_[channel].at = now_ + delay;
    set_dma(DmaState::hold);
  }
  return true;
}

bool CesaEngine::begin_transfer() {
  const TdmaDescriptor& d = dma_.descriptor;
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
  dma_.transfer = {outside, inside, d.byte_count, 0, !src_here};
  return true;
}

bool CesaEngine::move(Ps& delay) {
  Transfer& t = dma_.transfer;
  if (t.done == 0 && fault(FaultKind::tdma_bus_error, now_ + delay, t.outside)) {
    stop_with_error(error::kDataError);
    return false;
  }
  const std::uint32_t control_word = regs_.get(kTdmaControl);
  std::uint32_t bytes = t.bytes - t.done;
  if (fidelity_ == Fidelity::burst) {
    const std::uint32_t limit = CesaTiming::burst_limit(t.read, control_word);
    const auto skew = static_cast<std::uint32_t>((t.outside + t.done) & (limit - 1));
    bytes = std::min(bytes, limit - skew);
  }
  // Sums up to the whole transfer's time, roundings included.
  Ps own = timing_.transfer({t.outside, t.done + bytes, t.read}, control_word);
  if (t.done > 0) own -= timing_.transfer({t.outside, t.done, t.read}, control_word);
  const Ps from = now_ + delay;
  if (!port_move(bytes, control_word, own, delay)) {
    tdma_error(error::kDataError,
               "the bus refused " + std::to_string(bytes) + " bytes at " + hex(t.outside + t.done));
    return false;
  }
  trace(t.read ? EngineWork::in : EngineWork::out, from, now_ + delay, bytes);
  (t.read ? stats_.tdma_bytes_in : stats_.tdma_bytes_out) += bytes;
  t.done += bytes;
  if (t.done == t.bytes) next_descriptor();
  return true;
}

bool CesaEngine::port_move(std::uint32_t bytes, std::uint32_t control_word, Ps own, Ps& delay) {
  const Transfer& t = dma_.transfer;
  const PhysAddr outside = t.outside + t.done;
  std::uint8_t* data = sram_.data() + t.inside + t.done;
  const bool swap = !(control_word & control::kNoByteSwap);
  if (!t.read) {
    if (swap) {
      swapped_.assign(data, data + bytes);
      data = swapped_.data();
      swap_beats(outside, {data, bytes});
    }
    return port_.write(outside, data, bytes, own, delay);
  }
  const bool ok = t.done > 0 ? port_.read_further(outside, data, bytes, own, delay)
                             : port_.read(outside, data, bytes, own, delay);
  if (ok && swap) swap_beats(outside, {data, bytes});
  return ok;
}

void CesaEngine::set_dma(DmaState state) {
  dma_.state = state;
  dma_.traced_state = static_cast<std::uint32_t>(state);
}

void CesaEngine::next_descriptor() {
  set_dma(dma_.descriptor.next != 0 ? DmaState::fetch : DmaState::finish);
}

void CesaEngine::finish_dma() {
  std::uint32_t causes = cesa_bit::irq::kDmaDone;
  if (dma_.channel != kNoChannel) {
    Channel& c = channels_[dma_.channel];
    if (c.state == ChannelState::wait || c.state == ChannelState::linger) {
      idle_channel(dma_.channel);
      causes |= cesa_bit::irq::accel_dma_done(dma_.channel);
    } else {
      c.dma_ended = true;  // its operation still runs
    }
  }
  set_dma(DmaState::idle);
  dma_.at = kNever;
  regs_.clear_bits(kTdmaControl, control::kActive);
  raise(causes);
  end_packet();
}

void CesaEngine::halt_dma() {
  for (unsigned i = 0; i < params_.channels; ++i) {
    const ChannelState state = channels_[i].state;
    const bool held = dma_.state == DmaState::hold && dma_.channel == i;
    if (state == ChannelState::wait || state == ChannelState::linger || held) idle_channel(i);
  }
  dma_.operation_pending = false;
  dma_.packet = false;
  set_dma(DmaState::idle);
  dma_.at = kNever;
  regs_.clear_bits(kTdmaControl, control::kActive);
}

bool CesaEngine::fault(FaultKind kind, Ps at, std::uint64_t where) {
  if (faults_ == nullptr || !faults_->fires(kind, at, where)) return false;
  ++stats_.faults;
  return true;
}

Ps CesaEngine::operate(unsigned channel, Ps start) {
  Channel& c = channels_[channel];
  c.failed = false;
  if (fault(FaultKind::engine_stuck, start, number_)) {
    stuck_channel_ = channel;
    stuck_since_ = start;
    return kNever;
  }
  if (fault(FaultKind::engine_error, start, number_)) {
    c.failed = true;
    stats_.sa_busy_ps += timing_.sa_overhead();
    return start + timing_.sa_overhead();
  }
  const std::uint32_t at = regs_.get(desc_p(channel));
  const bool decrypt = at + 2 <= sram_.size() && (sram_[at + 1] & kDecryptInByte1);
  // A MAC's state or digest; a cipher alone, which is nearly all, does not ask for it.
  const bool cipher_only = at < sram_.size() && (sram_[at] & 3) == kCipherOnly;
  auto digest = cipher_only ? std::array<std::uint32_t, 8>{} : digest_words();
  const SaResult r = sa_.run(sram_, at, digest);

  c.causes = cesa_bit::irq::accel_done(channel);
  c.in_chain = dma_.channel == channel && dma_.operations > 0;
  c.mismatch = false;
  Ps took = timing_.sa_overhead();
  if (r.status == SaStatus::done) {
    ++stats_.operations;
    stats_.bytes_ciphered += r.cipher_bytes;
    stats_.bytes_authenticated += r.mac_bytes;
    const Ps cipher = timing_.cipher(r.cipher, r.key_bytes, r.cipher_blocks);
    const Ps mac = timing_.mac(r.mac, r.mac_blocks);
    const bool parallel = !(regs_.get(kCfg) & cfg::kNoParallel);
    took += parallel ? std::max(cipher, mac) : cipher + mac;
    if (r.mac != SaMac::none) {
      set_digest_words(digest);
      c.causes |= cesa_bit::irq::kAuthDone;
    }
    c.causes |= cipher_causes(r.cipher, decrypt);
    c.mismatch = r.digest_mismatch;
  } else if (r.status == SaStatus::guest_error) {
    guest_error(r.report);
  } else {
    unimplemented(r.report);
  }
  stats_.sa_busy_ps += took;
  const bool chained = dma_.state != DmaState::idle && dma_.channel == channel;
  trace(EngineWork::cipher, start, start + took, r.cipher_bytes,
        chained ? regs_.get(kTdmaCurrent) : number_);
  return start + took;
}

bool CesaEngine::end_operation(unsigned channel) {
  Channel& c = channels_[channel];
  if (c.failed) {
    fail_operation(channel);
    return false;
  }
  if (c.mismatch) {
    ++stats_.digest_errors;
    regs_.set_bits(kStatus, cesa_bit::status::digest_error(channel));
    const std::uint32_t policy = regs_.get(kCfg) & cfg::kDigestErrorMask;
    if (c.in_chain && policy == cfg::kDigestErrorSkip) dma_.skipping = true;
    if (c.in_chain && policy == cfg::kDigestErrorStop) set_dma(DmaState::finish);
  }
  raise(c.causes);
  if (c.in_chain) dma_.packet = true;
  return true;
}

void CesaEngine::fail_operation(unsigned channel) {
  idle_channel(channel);
  if (params_.tdma) {
    stop_with_error(error::kDataError);
  }
}

void CesaEngine::idle_channel(unsigned channel) {
  if (stuck_channel_ == channel) {
    stats_.sa_busy_ps += std::max(now_, stuck_since_) - stuck_since_;
    stuck_channel_ = kNoChannel;
    accelerator_free_at_ = 0;
    for (Channel& other : channels_) {
      if (other.state == ChannelState::start) other.at = now_;
    }
  }
  channels_[channel] = {};
  regs_.clear_bits(kCmd, cmd::activate(channel));
  regs_.clear_bits(kStatus, cesa_bit::status::active(channel));
}

void CesaEngine::end_packet() {
  if (!dma_.packet) return;
  dma_.packet = false;
  raise(cesa_bit::irq::kChainedPacketDone);
  if (!params_.coalescing) return;
  const std::uint32_t packets = regs_.get(kCoalescePackets);
  const std::uint32_t time = regs_.get(kCoalesceTime);
  if (packets == 0 && time == 0) return;
  ++uncoalesced_;
  if (packets != 0 && uncoalesced_ >= packets) {
    announce_packets();
  } else if (uncoalesced_ == 1 && time != 0) {
    coalesce_at_ = now_ + timing_.tclk(time);
  }
}

void CesaEngine::announce_packets() {
  uncoalesced_ = 0;
  coalesce_at_ = kNever;
  raise(cesa_bit::irq::kEndOfPacketCoalesce);
}

bool CesaEngine::reach(PhysAddr addr, std::uint32_t bytes, const char* what) {
  const std::uint32_t cause = windows_.check(addr, bytes);
  if (cause == 0) return true;
  tdma_error(cause, std::string(what) + " " + hex(addr) + ", " + std::to_string(bytes) +
                        " bytes, hits " +
                        (cause == error::kMiss ? "no window" : "more than one window"));
  return false;
}

void CesaEngine::stop(Ps now) {
  now_ = now;
  for (unsigned i = 0; i < params_.channels; ++i) idle_channel(i);
  halt_dma();
  accelerator_free_at_ = 0;
  go_idle(now);
}

void CesaEngine::go_idle(Ps now) {
  if (!busy_ || running()) return;
  busy_ = false;
  // A stop may carry less of the core's local time than the activation before it.
  stats_.busy_ps += std::max(now, busy_since_) - busy_since_;
  trace(EngineWork::busy, busy_since_, std::max(now, busy_since_), 0);
}

void CesaEngine::tdma_error(std::uint32_t cause, std::string report) {
  guest_error("DMA: " + std::move(report));
  stop_with_error(cause);
}

void CesaEngine::stop_with_error(std::uint32_t cause) {
  regs_.set_bits(kTdmaErrorCause, cause);
  halt_dma();
  update_irq();
}

void CesaEngine::guest_error(std::string report) {
  ++stats_.guest_errors;
  if (tracer_ != nullptr) tracer_->guest_error(CryptoUnit::cesa, report);
  stats_.last_report = std::move(report);
}

void CesaEngine::unimplemented(std::string report) {
  ++stats_.unimplemented;
  stats_.last_report = std::move(report);
}

void CesaEngine::raise(std::uint32_t causes) {
  regs_.set_bits(kIntCause, causes);
  update_irq();
}

void CesaEngine::update_irq() {
  const bool level = (regs_.get(kIntCause) & regs_.get(kIntMask)) != 0 ||
                     (regs_.get(kTdmaErrorCause) & regs_.get(kTdmaErrorMask)) != 0;
  if (level && !irq_) ++stats_.interrupts;
  irq_ = level;
}

}  // namespace cesasim::hw
