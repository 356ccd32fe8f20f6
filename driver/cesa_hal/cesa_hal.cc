// SPDX-License-Identifier: Apache-2.0
#include "driver/cesa_hal/cesa_hal.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <span>
#include <stdexcept>

#include "hw_model/cesa/registers.h"
#include "hw_model/cesa/sa_descriptor.h"
#include "hw_model/common/aes_key_schedule.h"

namespace cesasim::driver {

namespace reg = hw::cesa_reg;
namespace bit = hw::cesa_bit;
using hw::PhysAddr;
using kernel::Activity;
using kernel::Kernel;

namespace {

// SRAM layout of the HAL (mvCesa.h): the data buffer, then descriptor, IV, temporary IV and
// digest, and the session area (key and the two hash states).
constexpr std::uint32_t kDescBytes = 32;
constexpr std::uint32_t kIvBytes = 16;
constexpr std::uint32_t kTempIvBytes = 16;
constexpr std::uint32_t kTempDigestBytes = 24;
constexpr std::uint32_t kSessionBytes = 80;
constexpr std::uint32_t kFixedBytes =
    kDescBytes + kIvBytes + kTempIvBytes + kTempDigestBytes + kSessionBytes;

// What a fragment keeps in memory, from the start of its pool element.
constexpr std::size_t kPoolElement = 256;
constexpr std::uint32_t kTdmaBytes = 16;
constexpr std::uint32_t kSaDescAt = 128;
constexpr std::uint32_t kIvAt = 192;

constexpr std::uint32_t kTdmaOwn = bit::tdma_byte_count::kOwn;
// 0x1914: unlike Linux's driver the HAL lets reads be outstanding.
constexpr std::uint32_t kTdmaControl = bit::tdma_control::kDstBurst128 |
                                       bit::tdma_control::kSrcBurst128 |
                                       bit::tdma_control::kOutstandingReads |
                                       bit::tdma_control::kNoByteSwap | bit::tdma_control::kEnable;
static_assert(kTdmaControl == 0x1914);

hw::SaCipher sa_cipher(Alg alg) {
  switch (alg) {
    case Alg::aes_cbc:
      return hw::SaCipher::aes;
    case Alg::des3_cbc:
      return hw::SaCipher::des3;
    default:
      return hw::SaCipher::des;
  }
}

}  // namespace

CesaHal::CesaHal(Kernel& kernel, CryptoCore& crypto, const DriverCosts& costs,
                 const CesaPlatform& platform, const HalSettings& settings)
    : KnownDriver("cesa_hal"),
      kernel_(kernel),
      crypto_(crypto),
      costs_(costs),
      settings_(settings),
      armada_(settings.generation == "armada"),
      coalescing_(armada_ && settings.coalesce_count != 0),
      slots_(armada_ ? settings.armada_slots : settings.kirkwood_slots),
      buffer_bytes_(platform.sram_bytes >= 4096 ? 3200 : 1600),
      dram_bytes_(platform.dram_bytes),
      coalesce_ticks_(static_cast<std::uint32_t>(
          std::min(settings.coalesce_us * 1e-6 * platform.tclk_hz, double{0xFFFFFF}))),
      irq_bits_(bit::irq::kAccel0DmaDone),
      completions_(kernel, crypto) {
  if (platform.engines.empty()) throw std::invalid_argument("cesa_hal: no engine");
  if (platform.sram_bytes < platform.sram_reserved_bytes + buffer_bytes_ + kFixedBytes) {
    throw std::invalid_argument("cesa_hal: the SRAM is too small for its " +
                                std::to_string(buffer_bytes_) + "-byte buffer");
  }
  // A choice when the later HAL is built: MV_CESA_CHAIN_MODE or MV_CESA_INT_COALESCING_SUPPORT.
  if (armada_) settings_.chain = !coalescing_;
  if (coalescing_) irq_bits_ = bit::irq::kEndOfPacketCoalesce;
  const std::size_t channels = armada_ ? platform.engines.size() : 1;
  for (std::size_t i = 0; i < channels; ++i) {
    auto channel = std::make_unique<Channel>();
    channel->at = platform.engines[i];
    channel->sram = channel->at.sram + platform.sram_reserved_bytes;
    channel->sram_offset = static_cast<std::uint32_t>(channel->sram & 0x7FF);
    Channel* c = channel.get();
    kernel_.request_irq(
        c->at.irq, [this, c] { return cesa_interrupt_handler(*c); }, "cesa_ocf", c->at.irq_cpu);
    channels_.push_back(std::move(channel));
  }
  sessions_.emplace_back();
  driverid_ = crypto_.crypto_get_driverid(0, *this);
  for (const Alg alg : {Alg::des_cbc, Alg::des3_cbc, Alg::aes_cbc}) {
    crypto_.crypto_register(driverid_, alg);
  }
}

CesaHal::~CesaHal() = default;

/// mvCesaInit: windows, configuration, the place of the SA descriptor; once, by the first request,
/// because registers can be reached from a modelled context only.
void CesaHal::mvCesaInit() {
  probed_ = true;
  const std::uint32_t cfg = bit::cfg::kCh0WaitDma | bit::cfg::kCh0ActivateDma |
                            bit::cfg::kNoParallel |
                            (settings_.chain || coalescing_ ? bit::cfg::kMultiPacketChain : 0);
  for (auto& c : channels_) {
    const PhysAddr regs = c->at.regs;
    const auto write = [&](std::uint32_t value, std::uint32_t offset) {
      kernel_.writel_relaxed(value, regs + offset, Activity::driver);
    };
    write(0, reg::tdma_win_base(0));
    write((static_cast<std::uint32_t>(dram_bytes_ - 1) & 0xFFFF0000) | bit::tdma_win::kEnable,
          reg::tdma_win_ctrl(0));
    write(kTdmaControl, reg::kTdmaControl);
    write(cfg, reg::kCfg);
    write(c->sram_offset + buffer_bytes_, reg::kDescP0);
    if (coalescing_) {
      // Time in TCLK is what the later HAL takes; its unit is not documented.
      write(settings_.coalesce_count, reg::kCoalescePackets);
      write(coalesce_ticks_, reg::kCoalesceTime);
    }
    kernel_.writel(irq_bits_, regs + reg::kIntMask, Activity::driver);
  }
}

int CesaHal::newsession(std::uint32_t* lid, const CryptoIni& cri) {
  if (!cri.valid()) return EINVAL;
  std::size_t at = 1;
  while (at < sessions_.size() && sessions_[at] && sessions_[at]->used) ++at;
  if (at > kMaxSessions || !pool_reserve(2)) return ENOMEM;
  if (at == sessions_.size()) sessions_.push_back(std::make_unique<Session>());
  Session& s = *sessions_[at];
  // An area of a session that was closed is used again.
  const PhysAddr old[] = {s.encrypt.area, s.decrypt.area};
  s = Session{};
  s.used = true;
  s.alg = cri.cri_alg;
  for (const bool encrypt : {true, false}) {
    HalSession& hal = encrypt ? s.encrypt : s.decrypt;
    hal.area = old[encrypt ? 0 : 1] != 0 ? old[encrypt ? 0 : 1] : pool_alloc();
    hal.config = hw::SaConfig{.cipher = sa_cipher(cri.cri_alg),
                              .aes_key_bytes = cri.cri_alg == Alg::aes_cbc ? cri.cri_klen / 8 : 16,
                              .cbc = true,
                              .decrypt = !encrypt}
                     .word();
    std::array<std::uint8_t, kSessionBytes> area{};
    if (cri.cri_alg == Alg::aes_cbc && !encrypt) {
      hw::aes_decrypt_start_from_key(cri.cri_key, std::span(area).first(cri.cri_key.size()));
    } else {
      std::copy(cri.cri_key.begin(), cri.cri_key.end(), area.begin());
    }
    std::memcpy(kernel_.phys_to_virt(hal.area), area.data(), area.size());
  }
  for (auto& c : channels_) {  // the SRAM may still hold the key of the session that was here
    if (c->loaded == &s.encrypt || c->loaded == &s.decrypt) c->loaded = nullptr;
  }
  *lid = static_cast<std::uint32_t>(at);
  return 0;
}

int CesaHal::freesession(std::uint32_t lid) {
  if (lid == 0 || lid >= sessions_.size() || !sessions_[lid]->used) return ENOENT;
  sessions_[lid]->used = false;
  return 0;
}

bool CesaHal::has_room() const {
  std::size_t free = 0;  // cesaReqResources
  for (const auto& c : channels_) free += slots_ - c->used;
  return free > 1;
}

int CesaHal::refuse(CryptoRequest* crp) {
  ++stats_.failed;
  crp->crp_etype = EINVAL;
  return EINVAL;
}

bool CesaHal::pool_reserve(std::size_t count) {
  while (pool_.size() < count) {
    PhysAddr page = 0;
    try {
      page = kernel_.dma_alloc_coherent(hw::kPageBytes);
    } catch (const std::bad_alloc&) {
      return false;
    }
    for (std::size_t at = hw::kPageBytes; at >= kPoolElement; at -= kPoolElement) {
      pool_.push_back(page + at - kPoolElement);
    }
  }
  return true;
}

PhysAddr CesaHal::pool_alloc() {
  const PhysAddr addr = pool_.back();
  pool_.pop_back();
  return addr;
}

void CesaHal::store32(PhysAddr addr, std::uint32_t value) {
  std::memcpy(kernel_.phys_to_virt(addr), &value, 4);
}

int CesaHal::process(CryptoRequest* crp, int) {
  kernel_.charge(Activity::driver, costs_.hal_request);
  kernel_.sync();  // the queue's state now, not when this context last looked
  if (!has_room() || kernel_.fault(hw::FaultKind::queue_full)) {
    ++stats_.restarts;
    return ERESTART;
  }
  if (!probed_) mvCesaInit();
  const std::uint32_t lid = crypto_sid_lid(crp->crp_sid);
  const CryptoDesc& crd = crp->crp_desc;
  if (lid == 0 || lid >= sessions_.size() || !sessions_[lid]->used || crp->crp_buf == 0 ||
      crp->crp_out_buf != 0) {
    return refuse(crp);
  }
  Session& session = *sessions_[lid];
  const std::uint32_t iv_bytes = alg_block_bytes(session.alg);
  if (crd.crd_alg != session.alg || crd.crd_len == 0 || crd.crd_len % iv_bytes != 0 ||
      crd.crd_len + kIvBytes > kMaxRequestBytes) {
    return refuse(crp);
  }
  const bool encrypt = (crd.crd_flags & CRD_F_ENCRYPT) != 0;
  const bool present = (crd.crd_flags & CRD_F_IV_PRESENT) != 0;
  std::array<std::uint8_t, kMaxBlockLen> iv{};
  if ((crd.crd_flags & CRD_F_IV_EXPLICIT) != 0) {
    iv = crd.crd_iv;
  } else if (!encrypt) {
    std::memcpy(iv.data(), kernel_.cpu_read(crp->crp_buf + crd.crd_inject, iv_bytes), iv_bytes);
  } else {
    if (present) return refuse(crp);
    iv = session.iv;
  }
  if (encrypt && !present) {
    std::memcpy(kernel_.cpu_write(crp->crp_buf + crd.crd_inject, iv_bytes), iv.data(), iv_bytes);
  }
  const std::size_t fragments = (iv_bytes + crd.crd_len + buffer_bytes_ - 1) / buffer_bytes_;
  // The later driver has its requests at hand, the older one allocates each.
  const auto slot_memory = [this] {
    return armada_ || kernel_.slab_alloc(Activity::driver, hw::AllocSite::driver_request);
  };
  if (!slot_memory() || !pool_reserve(fragments)) {
    return refuse(crp);
  }
  auto least = std::min_element(channels_.begin(), channels_.end(),
                                [](auto& a, auto& b) { return a->used < b->used; });
  Channel& channel = **least;
  ++channel.used;
  Slot& slot = slab_.take();
  slot.crp = crp;
  slot.session = &session;
  slot.bytes = crd.crd_len;
  slot.next_fragment = 0;
  slot.fragments.clear();
  for (std::size_t i = 0; i < fragments; ++i) slot.fragments.push_back({.memory = pool_alloc()});
  // The IV travels as a buffer piece of its own and is flushed like one.
  kernel_.charge(Activity::cache, kernel_.costs().dma_map);
  slot.data = kernel_.dma_map_single(crp->crp_buf + crd.crd_skip, crd.crd_len,
                                     Kernel::DmaDirection::bidirectional);
  mvCesaAction(channel, slot, encrypt ? session.encrypt : session.decrypt, encrypt, iv.data());
  return 0;
}

void CesaHal::mvCesaAction(Channel& channel, Slot& slot, const HalSession& session, bool encrypt,
                           const std::uint8_t* iv) {
  Kernel::IrqLock lock(kernel_, channel.lock, Activity::driver);
  ++stats_.requests;
  const std::uint32_t iv_bytes = alg_block_bytes(slot.session->alg);
  std::memcpy(kernel_.phys_to_virt(slot.fragments[0].memory + kIvAt), iv, iv_bytes);
  std::uint32_t done = 0;
  for (std::size_t i = 0; i < slot.fragments.size(); ++i) {
    const bool first = i == 0;
    const std::uint32_t head = first ? iv_bytes : 0;
    const std::uint32_t bytes = std::min(buffer_bytes_ - head, slot.bytes - done);
    const bool last = done + bytes == slot.bytes;
    const hw::SaFragment kind = first && last ? hw::SaFragment::whole
                                : first       ? hw::SaFragment::first
                                : last        ? hw::SaFragment::last
                                              : hw::SaFragment::middle;
    const std::uint32_t config = session.config | hw::SaConfig{.fragment = kind}.word();
    mvCesaFragReqProcess(channel, slot.fragments[i], session, encrypt, config, head,
                         slot.data + done, bytes);
    kernel_.trace(kernel::TraceEvent::crypto_work, slot.crp->crp_id, slot.fragments[i].launch);
    done += bytes;
  }
  channel.queue.push_back(&slot);
  stats_.max_queue = std::max<std::uint64_t>(stats_.max_queue, channel.used);
  if (coalescing_) {
    start_next(channel);
  } else if (channel.in_hw == 0) {
    mvCesaReqProcessStart(channel);
  }
}

void CesaHal::mvCesaFragReqProcess(Channel& channel, Fragment& fragment, const HalSession& session,
                                   bool encrypt, std::uint32_t config, std::uint32_t iv_bytes,
                                   PhysAddr data, std::uint32_t bytes) {
  kernel_.charge(Activity::driver, costs_.hal_fragment);
  const std::uint32_t base = channel.sram_offset;
  const std::uint32_t desc = buffer_bytes_;
  const std::uint32_t iv = desc + kDescBytes;
  const std::uint32_t area = iv + kIvBytes + kTempIvBytes + kTempDigestBytes;
  const PhysAddr sa = fragment.memory + kSaDescAt;
  store32(sa, config);
  store32(sa + 4, (base + iv_bytes) | (base + iv_bytes) << 16);
  store32(sa + 8, bytes);
  store32(sa + 12, base + area);
  // IV pointer, and the IV buffer: the packet's own IV field.
  store32(sa + 16, (base + iv) | base << 16);
  for (std::uint32_t word = 20; word < kDescBytes; word += 4) store32(sa + word, 0);

  PhysAddr d = fragment.memory;
  fragment.first = d;
  const auto add = [&](std::uint32_t count, PhysAddr src, PhysAddr dst) {
    store32(d, count);
    store32(d + 4, static_cast<std::uint32_t>(src));
    store32(d + 8, static_cast<std::uint32_t>(dst));
    store32(d + 12, static_cast<std::uint32_t>(d + kTdmaBytes));
    fragment.last = d;
    d += kTdmaBytes;
  };
  const PhysAddr iv_copy = fragment.memory + kIvAt;
  if (iv_bytes != 0 && encrypt) add(kTdmaOwn | iv_bytes, iv_copy, channel.sram + iv);
  if (channel.loaded != &session) {
    add(kTdmaOwn | kSessionBytes, session.area, channel.sram + area);
    channel.loaded = &session;
  }
  if (iv_bytes != 0) add(kTdmaOwn | iv_bytes, iv_copy, channel.sram);
  add(kTdmaOwn | bytes, data, channel.sram + iv_bytes);
  add(kTdmaOwn | kDescBytes, sa, channel.sram + desc);
  add(0, 0, 0);  // not owned: the accelerator runs
  fragment.launch = fragment.last;
  if (iv_bytes != 0) add(kTdmaOwn | iv_bytes, channel.sram, iv_copy);
  add(kTdmaOwn | bytes, channel.sram + iv_bytes, data);
  store32(fragment.last + 12, 0);
}

/// Starts what has waited longest: one fragment, or a chain of requests.
void CesaHal::mvCesaReqProcessStart(Channel& channel) {
  if (channel.queue.empty()) return;
  if (!settings_.chain) {
    channel.in_hw = 1;
    const Slot& slot = *channel.queue.front();
    launch(channel, slot.fragments[slot.next_fragment].first);
    return;
  }
  channel.in_hw = std::min<std::size_t>(channel.queue.size(), settings_.max_chain);
  const Fragment* before = nullptr;
  for (std::size_t i = 0; i < channel.in_hw; ++i) before = link(*channel.queue[i], before);
  launch(channel, channel.queue.front()->fragments.front().first);
}

/// Links the fragments of a request behind `before`; returns the last one.
const CesaHal::Fragment* CesaHal::link(const Slot& slot, const Fragment* before) {
  for (const Fragment& fragment : slot.fragments) {
    if (before != nullptr) store32(before->last + 12, static_cast<std::uint32_t>(fragment.first));
    before = &fragment;
  }
  return before;
}

void CesaHal::start_next(Channel& channel) {
  if (active(channel) || channel.in_hw == channel.queue.size()) return;
  const Slot& slot = *channel.queue[channel.in_hw++];
  link(slot, nullptr);
  launch(channel, slot.fragments.front().first);
}

bool CesaHal::active(const Channel& channel) {
  return (kernel_.readl(channel.at.regs + reg::kStatus, Activity::driver) &
          bit::status::kActive0) != 0;
}

void CesaHal::launch(Channel& channel, PhysAddr first) {
  ++stats_.launches;
  kernel_.charge(Activity::driver, costs_.hal_start);
  const PhysAddr regs = channel.at.regs;
  kernel_.writel_relaxed(0, regs + reg::kTdmaCurrent, Activity::driver);
  kernel_.writel_relaxed(static_cast<std::uint32_t>(first), regs + reg::kTdmaNext,
                         Activity::driver);
  kernel_.writel(bit::cmd::kActivate0, regs + reg::kCmd, Activity::driver);
}

bool CesaHal::cesa_interrupt_handler(Channel& channel) {
  kernel_.charge(Activity::driver, costs_.hal_irq);
  const PhysAddr regs = channel.at.regs;
  const std::uint32_t cause = kernel_.readl(regs + reg::kIntCause, Activity::driver);
  if ((cause & irq_bits_) == 0) return false;
  ++stats_.interrupts;
  kernel_.writel(0, regs + reg::kIntCause, Activity::driver);
  for (;;) {
    Slot* slot = mvCesaReadyGet(channel);
    if (slot == nullptr) return true;
    cesa_callback(channel, *slot);
    // One result an interrupt: whatever else is ready waits for the next one.
    if (!armada_) return true;
  }
}

CesaHal::Slot* CesaHal::mvCesaReadyGet(Channel& channel) {
  Kernel::IrqLock lock(kernel_, channel.lock, Activity::driver);
  if (channel.in_hw != 0) reap(channel);
  if (channel.ready.empty()) return nullptr;
  Slot* slot = channel.ready.front();
  channel.ready.pop_front();
  --channel.used;
  return slot;
}

void CesaHal::reap(Channel& channel) {
  if (coalescing_) {
    // Of those that were started the last may be in the engine, the others have ended.
    while (channel.in_hw != 0) {
      if (active(channel) && channel.in_hw == 1) return;
      channel.ready.push_back(channel.queue.front());
      channel.queue.pop_front();
      --channel.in_hw;
      start_next(channel);
    }
    return;
  }
  if (settings_.chain) {
    reap_chain(channel);
    return;
  }
  if (active(channel)) return;
  Slot& slot = *channel.queue.front();
  if (++slot.next_fragment < slot.fragments.size()) {
    launch(channel, slot.fragments[slot.next_fragment].first);
    return;
  }
  channel.queue.pop_front();
  channel.ready.push_back(&slot);
  channel.in_hw = 0;
  mvCesaReqProcessStart(channel);
}

void CesaHal::reap_chain(Channel& channel) {
  const bool busy = active(channel);
  const PhysAddr current =
      busy ? kernel_.readl(channel.at.regs + reg::kTdmaCurrent, Activity::driver) : PhysAddr{0};
  while (channel.in_hw != 0) {
    Slot* slot = channel.queue.front();
    // A request has ended when the engine works on a later one. CURRENT is 0 while the chain that
    // another core has just launched has not been fetched: none of it has ended.
    const auto holds = [current](const Fragment& f) {
      return current >= f.memory && current < f.memory + kPoolElement;
    };
    if (busy &&
        (current == 0 || std::any_of(slot->fragments.begin(), slot->fragments.end(), holds))) {
      return;
    }
    channel.queue.pop_front();
    --channel.in_hw;
    channel.ready.push_back(slot);
  }
  mvCesaReqProcessStart(channel);
}

void CesaHal::cesa_callback(Channel&, Slot& slot) {
  kernel_.charge(Activity::driver, costs_.hal_complete);
  kernel_.charge(Activity::cache, kernel_.costs().dma_map);
  kernel_.dma_unmap_single(slot.data, slot.bytes, Kernel::DmaDirection::bidirectional);
  if (!armada_) kernel_.charge_slab_free(Activity::driver);
  const CryptoDesc& crd = slot.crp->crp_desc;
  const std::uint32_t block = alg_block_bytes(slot.session->alg);
  if ((crd.crd_flags & (CRD_F_ENCRYPT | CRD_F_IV_EXPLICIT)) == CRD_F_ENCRYPT) {
    const std::uint8_t* end = kernel_.cpu_read(slot.data + slot.bytes - block, block);
    std::copy_n(end, block, slot.session->iv.begin());
  }
  for (const Fragment& fragment : slot.fragments) pool_.push_back(fragment.memory);
  CryptoRequest* crp = slot.crp;
  slab_.put(slot);
  completions_.done(crp);
}

}  // namespace cesasim::driver
