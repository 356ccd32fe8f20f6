// SPDX-License-Identifier: Apache-2.0
#include "driver/cesa_ring/cesa_ring.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "hw_model/common/tracer.h"
#include "hw_model/ring/registers.h"

namespace cesasim::driver {

namespace reg = hw::ring_reg;
namespace unit = hw::ring_unit_reg;
namespace bit = hw::ring_bit;
namespace control = hw::ring_control;
using hw::PhysAddr;
using hw::Ps;
using hw::RingCompletion;
using hw::RingDescriptor;
using kernel::Activity;
using kernel::Kernel;

namespace {

constexpr std::uint32_t kKeyArea = 64;
constexpr unsigned kTakeAtOnce = 64;  // completions taken with interrupts off
// A reset ends with the transfers under way, which takes microseconds; a read of a register takes
// at least a tenth of one.
constexpr unsigned kResetReads = 10000;
constexpr std::uint32_t kCoalesceTimeMax = 0xFFFFFF;
constexpr std::uint32_t kCauses = 0xFF;  // int_cause; the other bits are reserved

constexpr Alg kAlgs[] = {Alg::aes_cbc, Alg::des_cbc,  Alg::des3_cbc, Alg::aes_ecb,
                         Alg::des_ecb, Alg::des3_ecb, Alg::aes_xts};

std::uint32_t algorithm_code(Alg alg) {
  if (alg_is_aes(alg)) return control::kAes;
  return alg == Alg::des_cbc || alg == Alg::des_ecb ? control::kDes : control::kDes3;
}

std::uint32_t mode_code(Alg alg) {
  if (alg == Alg::aes_xts) return control::kXts;
  return alg_is_ecb(alg) ? control::kEcb : control::kCbc;
}

/// Whether a unit with this `algorithms` register does it.
bool is_built(std::uint32_t algorithms, Alg alg) {
  if (alg == Alg::aes_xts && (algorithms & bit::algorithms::kXts) == 0) return false;
  return (algorithms >> algorithm_code(alg) & 1) != 0;
}

PhysAddr destination(const CryptoRequest& crp) {
  return (crp.crp_out_buf != 0 ? crp.crp_out_buf : crp.crp_buf) + crp.crp_desc.crd_skip;
}

Ps ps_of_us(double us) { return static_cast<Ps>(us * static_cast<double>(hw::kPsPerUs)); }

}  // namespace

CesaRing::CesaRing(Kernel& kernel, CryptoCore& crypto, const DriverCosts& costs,
                   const RingPlatform& platform, const RingSettings& settings,
                   const Recovery& recovery)
    : KnownDriver("cesa_ring"),
      kernel_(kernel),
      crypto_(crypto),
      costs_(costs),
      platform_(platform),
      settings_(settings),
      recovery_(recovery),
      restarts_(kernel, crypto, recovery.retry_tick, [this] { return has_room(); }),
      completions_(kernel, crypto) {
  if (platform_.irqs.empty() || platform_.irqs.size() != platform_.irq_cpus.size()) {
    throw std::invalid_argument("cesa_ring: each ring needs an interrupt line and its core");
  }
  if (!std::has_single_bit(settings_.entries) || settings_.entries < 2 ||
      settings_.entries > 1u << reg::kSizeMax) {
    throw std::invalid_argument("cesa_ring: entries must be a power of 2 from 2 to 4096, not " +
                                std::to_string(settings_.entries));
  }
  if (settings_.doorbell_batch == 0) {
    throw std::invalid_argument("cesa_ring: doorbell_batch must not be 0");
  }
  adaptive_ = settings_.coalesce == "adaptive";
  log2_entries_ = static_cast<std::uint32_t>(std::countr_zero(settings_.entries));
  if (settings_.coalesce != "off") {
    const double cycles = std::ceil(settings_.coalesce_us * platform_.tclk_hz / 1e6);
    coalesce_cycles_ = static_cast<std::uint32_t>(std::min<double>(cycles, kCoalesceTimeMax));
    if (settings_.coalesce_count == 0 || settings_.coalesce_count > 255) {
      throw std::invalid_argument("cesa_ring: coalesce_count must be 1 to 255, not " +
                                  std::to_string(settings_.coalesce_count));
    }
    if (settings_.coalesce_count > 1 && coalesce_cycles_ == 0) {
      throw std::invalid_argument(
          "cesa_ring: with a coalesce_count above 1, a coalesce_us of 0 would leave the last "
          "requests without an interrupt");
    }
  }
  if (recovery_.watchdog && !(recovery_.watchdog_ms > 0)) {
    throw std::invalid_argument("cesa_ring: watchdog_ms must be above 0");
  }
  error_causes_ =
      recovery_.watchdog ? bit::irq::kFetchError | bit::irq::kWritebackError : std::uint32_t{0};
  tick_ = kernel_.settings().tick();
  sessions_.emplace_back();
  for (unsigned i = 0; i < platform_.irqs.size(); ++i) {
    auto made = std::make_unique<Ring>();
    Ring& ring = *made;
    ring.number = i;
    ring.regs = platform_.regs + reg::page(i);
    ring.irq = platform_.irqs[i];
    ring.irq_cpu = platform_.irq_cpus[i];
    ring.sq = kernel_.dma_alloc_coherent(std::size_t{settings_.entries} * RingDescriptor::kBytes);
    ring.cq = kernel_.dma_alloc_coherent(std::size_t{settings_.entries} * RingCompletion::kBytes);
    for (std::uint32_t cookie = settings_.entries; cookie-- > 0;) ring.free.push_back(cookie);
    for (std::uint32_t n = 0; n < settings_.entries; ++n) {
      ring.requests.push_back(std::make_unique<Request>());
    }
    ring.tasklet.fn = [this, &ring] { drain(ring); };
    rings_.push_back(std::move(made));
  }
  for (auto& r : rings_) {
    Ring& ring = *r;
    kernel_.request_irq(
        ring.irq, [this, &ring] { return interrupt(ring); }, "cesa_ring", ring.irq_cpu);
  }
  watchdog_timer_.fn = [this] { watchdog(); };
  const std::uint32_t driverid = crypto_.crypto_get_driverid(0, *this);
  restarts_.set_driverid(driverid);
  for (Alg alg : kAlgs) crypto_.crypto_register(driverid, alg);
  // As a thread because registers can be reached from a modelled context only.
  kernel_.kthread_run("cesa_ring_probe", [this] { probe(); });
}

CesaRing::~CesaRing() = default;

void CesaRing::probe() {
  const PhysAddr regs = platform_.regs;
  missing_ = kernel_.readl(regs + unit::kId, Activity::driver) != bit::kId ||
             kernel_.readl(regs + unit::kVersion, Activity::driver) >> 16 != bit::kVersion >> 16;
  if (!missing_) {
    kernel_.writel(bit::control::kReset, regs + unit::kControl, Activity::driver);
    missing_ = !wait_reset(regs + unit::kControl, bit::control::kReset);
  }
  if (!missing_) {
    const std::uint32_t caps = kernel_.readl(regs + unit::kCaps0, Activity::driver);
    prefetch_ = caps >> 16 & 0xFF;
    slots_.resize(caps >> 24);
    used_rings_ = std::min<std::size_t>(rings_.size(), caps & 0xF);
    algorithms_ = kernel_.readl(regs + unit::kAlgorithms, Activity::driver);
    for (std::size_t i = 0; i < used_rings_; ++i) set_up(*rings_[i]);
  }
  probed_ = true;
  restarts_.made_room();
}

bool CesaRing::wait_reset(PhysAddr at, std::uint32_t mask) {
  for (unsigned i = 0; i < kResetReads; ++i) {
    if ((kernel_.readl(at, Activity::driver) & mask) == 0) return true;
  }
  return false;
}

/// A ring after its reset: all registers from the start, memory without a valid phase.
void CesaRing::set_up(Ring& ring) {
  std::memset(kernel_.phys_to_virt(ring.cq), 0,
              std::size_t{settings_.entries} * RingCompletion::kBytes);
  ring.produced = ring.rung = ring.taken = 0;
  ring.stopped = ring.must_reset = false;
  ring.mask = bit::irq::kDone | error_causes_;
  ring.count = settings_.coalesce == "fixed" ? settings_.coalesce_count : 1;
  const auto set = [&](std::uint32_t offset, std::uint64_t value) {
    kernel_.writel_relaxed(static_cast<std::uint32_t>(value), ring.regs + offset, Activity::driver);
  };
  set(reg::kSqBaseLo, ring.sq);
  set(reg::kSqBaseHi, ring.sq >> 32);
  set(reg::kSqSize, log2_entries_);
  set(reg::kCqBaseLo, ring.cq);
  set(reg::kCqBaseHi, ring.cq >> 32);
  set(reg::kCqSize, log2_entries_);
  set(reg::kCoalesceCount, ring.count);
  set(reg::kCoalesceTime, coalesce_cycles_);
  set(reg::kIntMask, ring.mask);
  kernel_.writel(bit::config::kEnable, ring.regs + reg::kConfig, Activity::driver);
}

// --- sessions --------------------------------------------------------------------------------

int CesaRing::newsession(std::uint32_t* lid, const CryptoIni& cri) {
  if (!cri.valid()) return EINVAL;
  if (probed_ && !is_built(algorithms_, cri.cri_alg)) return EINVAL;
  Session s;
  s.used = true;
  s.alg = cri.cri_alg;
  s.key_bytes = static_cast<std::uint32_t>(cri.cri_key.size());
  std::copy(cri.cri_key.begin(), cri.cri_key.end(), s.key.begin());
  sessions_.push_back(s);
  *lid = static_cast<std::uint32_t>(sessions_.size() - 1);
  return 0;
}

int CesaRing::freesession(std::uint32_t lid) {
  if (lid == 0 || lid >= sessions_.size() || !sessions_[lid].used) return ENOENT;
  Session& s = sessions_[lid];
  s.used = false;
  if (s.outstanding == 0) release(s);
  return 0;
}

/// Gives the key's place back. May run outside a modelled context (a client's destructor), where
/// there are no registers: a slot is erased by the next request.
void CesaRing::release(Session& session) {
  if (session.slot >= 0) {
    slots_[static_cast<std::size_t>(session.slot)].stale = true;
    stale_keys_ = true;
  } else if (session.key_at != 0) {
    std::memset(kernel_.phys_to_virt(session.key_at), 0, kKeyArea);
    key_pool_.push_back(session.key_at);
  }
  session.key.fill(0);
  session.keyed = false;
  session.slot = -1;
  session.key_at = 0;
}

void CesaRing::erase_stale_keys() {
  Kernel::IrqLock lock(kernel_, key_lock_, Activity::driver);
  if (!std::exchange(stale_keys_, false)) return;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].stale) continue;
    kernel_.writel(bit::key_command::kErase | static_cast<std::uint32_t>(i),
                   platform_.regs + unit::kKeyCommand, Activity::driver);
    slots_[i] = {};
  }
}

/// With a session's first request: the key into a slot, if one is free, else into memory. False if
/// there is none.
bool CesaRing::place_key(Session& session) {
  if (stale_keys_) erase_stale_keys();
  Kernel::IrqLock lock(kernel_, key_lock_, Activity::driver);
  if (session.keyed) return true;  // by another core meanwhile
  const auto slot =
      std::find_if(slots_.begin(), slots_.end(), [](const KeySlot& s) { return !s.used; });
  if (slot != slots_.end()) {
    const auto number = static_cast<std::uint32_t>(slot - slots_.begin());
    slot->used = true;
    for (unsigned word = 0; word < session.key_bytes / 4; ++word) {
      const std::uint8_t* k = &session.key[4 * word];
      kernel_.writel_relaxed(std::uint32_t{k[0]} | std::uint32_t{k[1]} << 8 |
                                 std::uint32_t{k[2]} << 16 | std::uint32_t{k[3]} << 24,
                             platform_.regs + unit::key_data(word), Activity::driver);
    }
    kernel_.writel(bit::key_command::kLoad | bit::key_command::size(session.key_bytes) | number,
                   platform_.regs + unit::kKeyCommand, Activity::driver);
    session.slot = static_cast<int>(number);
    ++stats_.slot_sessions;
  } else {
    if (key_pool_.empty()) {
      PhysAddr page = 0;
      try {
        page = kernel_.dma_alloc_coherent(hw::kPageBytes);
      } catch (const std::bad_alloc&) {
        return false;
      }
      for (std::size_t at = 0; at < hw::kPageBytes; at += kKeyArea) key_pool_.push_back(page + at);
    }
    session.key_at = key_pool_.back();
    key_pool_.pop_back();
    std::memcpy(kernel_.phys_to_virt(session.key_at), session.key.data(), session.key_bytes);
    ++stats_.memory_sessions;
  }
  session.keyed = true;
  return true;
}

// --- submission ------------------------------------------------------------------------------

bool CesaRing::valid(const CryptoRequest& crp) const {
  const std::uint32_t lid = crypto_sid_lid(crp.crp_sid);
  if (lid == 0 || lid >= sessions_.size() || !sessions_[lid].used) return false;
  const Alg alg = sessions_[lid].alg;
  const CryptoDesc& crd = crp.crp_desc;
  return crd.crd_alg == alg && crd.crd_len != 0 && crd.crd_len % alg_block_bytes(alg) == 0 &&
         crp.crp_buf != 0 && !missing_ && (!probed_ || is_built(algorithms_, alg));
}

void CesaRing::describe(Request& request, const Session& session) {
  const CryptoRequest& crp = *request.crp;
  const CryptoDesc& crd = crp.crp_desc;
  const PhysAddr source = crp.crp_buf + crd.crd_skip;
  RingDescriptor& d = request.d;
  d = {};
  d.control = algorithm_code(session.alg) | mode_code(session.alg);
  if ((crd.crd_flags & CRD_F_ENCRYPT) == 0) d.control |= control::kDecrypt;
  if (alg_is_aes(session.alg)) {
    d.control |= control::key_size(session.key_bytes / (session.alg == Alg::aes_xts ? 2 : 1));
  }
  d.length = crd.crd_len;
  if (session.slot >= 0) {
    d.control |= control::kKeySlot;
    d.key = static_cast<std::uint64_t>(session.slot);
  } else {
    d.key = session.key_at;
  }
  if ((crd.crd_flags & CRD_F_IV_EXPLICIT) != 0) {
    d.iv = crd.crd_iv;
  } else {
    const std::uint32_t n = alg_iv_bytes(session.alg);
    if (n != 0) std::memcpy(d.iv.data(), kernel_.cpu_read(crp.crp_buf + crd.crd_inject, n), n);
  }
  if (destination(crp) == source) {
    d.control |= control::kInPlace;
    d.source = kernel_.dma_map_single(source, d.length, Kernel::DmaDirection::bidirectional);
  } else {
    d.source = kernel_.dma_map_single(source, d.length, Kernel::DmaDirection::to_device);
    d.destination =
        kernel_.dma_map_single(destination(crp), d.length, Kernel::DmaDirection::from_device);
  }
}

void CesaRing::write_descriptor(Ring& ring, std::uint32_t cookie) {
  kernel_.charge(Activity::driver, costs_.ring_descriptor);
  Request& request = *ring.requests[cookie];
  request.index = ring.produced;
  request.d.cookie = cookie;
  kernel_.trace(kernel::TraceEvent::crypto_work, request.crp->crp_id,
                hw::ring_operation(ring.number, cookie));
  const PhysAddr at =
      ring.sq + std::uint64_t{ring.produced & (settings_.entries - 1)} * RingDescriptor::kBytes;
  request.d.encode(std::span<std::uint8_t, RingDescriptor::kBytes>(kernel_.phys_to_virt(at),
                                                                   RingDescriptor::kBytes));
  ++ring.produced;
}

void CesaRing::doorbell(Ring& ring) {
  ++driver_stats_.launches;
  ring.rung = ring.produced;
  kernel_.writel(ring.rung, ring.regs + reg::kSqProducer, Activity::driver);
}

int CesaRing::process(CryptoRequest* crp, int hint) {
  kernel_.charge(Activity::driver, costs_.ring_request);
  kernel_.sync();  // the ring's state now, not when this context last looked
  if (!valid(*crp)) {
    crp->crp_etype = EINVAL;
    ++driver_stats_.failed;
    completions_.done(crp);
    return 0;
  }
  Ring& ring = *rings_[settings_.per_core ? kernel_.smp_processor_id() % used_rings_ : 0];
  if (!probed_) return restart(ring);
  // Nothing may be in flight that would unblock.
  if (kernel_.fault(hw::FaultKind::queue_full)) return restart(ring, false);
  const std::uint32_t lid = crypto_sid_lid(crp->crp_sid);
  Session& session = sessions_[lid];
  ++session.outstanding;  // from here on the key stays where it is
  const int error = ring.dead ? EIO : !session.keyed && !place_key(session) ? ENOMEM : 0;
  std::uint32_t cookie = 0;
  bool full = false;
  if (error == 0) {
    Kernel::IrqLock lock(kernel_, ring.lock, Activity::driver);
    full = ring.free.empty();
    if (full) {
      if (ring.pending() != 0) doorbell(ring);
    } else {
      cookie = ring.free.back();
      ring.free.pop_back();
    }
  }
  if (error != 0 || full) {
    if (--session.outstanding == 0 && !session.used) release(session);
    if (full) return restart(ring);
    crp->crp_etype = error;
    ++driver_stats_.failed;
    completions_.done(crp);
    return 0;
  }
  Request& request = *ring.requests[cookie];
  request = {};
  request.crp = crp;
  request.lid = lid;
  describe(request, session);

  const bool more = (hint & CRYPTO_HINT_MORE) != 0;
  const bool may_poll = !more && !kernel_.in_interrupt() && !kernel_.irqs_disabled();
  bool polls = false;
  bool first = false;
  {
    Kernel::IrqLock lock(kernel_, ring.lock, Activity::driver);
    ++driver_stats_.requests;
    first = ring.order.empty();
    polls = may_poll && !ring.draining && !ring.polling && ring.order.size() < settings_.poll_below;
    if (first) ring.progress = kernel_.now();
    if (polls) {
      ring.polling = true;
      if ((ring.mask & bit::irq::kDone) != 0) {
        ring.mask &= ~bit::irq::kDone;
        kernel_.writel(ring.mask, ring.regs + reg::kIntMask, Activity::driver);
      }
    } else if ((ring.mask & bit::irq::kDone) == 0 && !ring.draining && !ring.polling) {
      // A poller left the ring empty and the interrupt masked.
      kernel_.writel(kCauses & ~bit::irq::kDone, ring.regs + reg::kIntCause, Activity::driver);
      ring.mask |= bit::irq::kDone;
      kernel_.writel(ring.mask, ring.regs + reg::kIntMask, Activity::driver);
    }
    ring.order.push_back(cookie);
    driver_stats_.max_queue = std::max<std::uint64_t>(driver_stats_.max_queue, ring.order.size());
    write_descriptor(ring, cookie);
    if (more && ring.in_device() > low_water() && ring.pending() < settings_.doorbell_batch) {
      ++stats_.batched;
    } else {
      doorbell(ring);
    }
    // The last of many: from here on the count must not wait for more.
    const bool last = std::exchange(ring.more, more) && !more;
    if (adaptive_ && last) adapt(ring);
  }
  if (first) start_watchdog();
  if (polls) poll(ring);
  return 0;
}

int CesaRing::restart(Ring& ring, bool comes_back) {
  ++driver_stats_.restarts;
  if (!restarts_.blocked()) {
    for (auto& r : rings_) r->refused = false;  // those of an earlier time
  }
  ring.refused = true;
  return restarts_.restart(comes_back);
}

/// In a ring that someone waits for: with another one there is none of use, and unblocking would be
/// in vain for ever if the full one is dead.
bool CesaRing::has_room() const {
  return probed_ && std::any_of(rings_.begin(), rings_.end(),
                                [](const auto& r) { return r->refused && !r->free.empty(); });
}

// --- completion ------------------------------------------------------------------------------

/// One completion off the ring into `ended`, under the ring's lock. False if there is none.
bool CesaRing::take(Ring& ring, std::vector<Request>& ended) {
  kernel_.charge(Activity::driver, costs_.ring_poll);
  kernel_.sync();
  const PhysAddr at =
      ring.cq + std::uint64_t{ring.taken & (settings_.entries - 1)} * RingCompletion::kBytes;
  const RingCompletion entry =
      RingCompletion::decode(std::span<const std::uint8_t, RingCompletion::kBytes>(
          kernel_.phys_to_virt(at), RingCompletion::kBytes));
  if (entry.phase != RingCompletion::phase_of(ring.taken, log2_entries_)) return false;
  ++ring.taken;
  ring.progress = kernel_.now();
  const auto it = std::find(ring.order.begin(), ring.order.end(), entry.cookie);
  if (it == ring.order.end()) {  // of no request: nothing that stands in this ring is to be trusted
    ring.must_reset = recovery_.watchdog;
    return true;
  }
  Request& request = *ring.requests[entry.cookie];
  request.error = entry.status == hw::RingStatus::ok ? 0 : EIO;
  ended.push_back(request);
  ring.order.erase(it);
  ring.free.push_back(entry.cookie);
  return true;
}

/// Takes what has ended; the number of completions. Whoever sees completions also rings for what
/// was held back before the unit runs dry: requests are held back only while more than low_water()
/// others are with the unit, so this comes in time, and nothing waits for a doorbell for ever.
unsigned CesaRing::reap(Ring& ring) {
  unsigned total = 0;
  for (bool more = true; more;) {
    std::vector<Request> ended;
    unsigned taken = 0;
    {
      Kernel::IrqLock lock(kernel_, ring.lock, Activity::driver);
      // Looks at the ring even if nothing is outstanding: that is what the look costs.
      while (taken < kTakeAtOnce && take(ring, ended)) ++taken;
      more = taken == kTakeAtOnce;
      if (taken != 0) {
        kernel_.writel(ring.taken, ring.regs + reg::kCqConsumer, Activity::driver);
        if (ring.pending() != 0 && ring.in_device() <= low_water()) doorbell(ring);
      }
      if (ring.stopped && ring.taken == ring.stopped_at) ring.must_reset = true;
    }
    total += taken;
    finish(ended);
    if (ring.must_reset) recover(ring);
  }
  return total;
}

/// Hands ended requests back; their places in the ring are free already.
void CesaRing::finish(std::vector<Request>& ended) {
  if (ended.empty()) return;
  restarts_.made_room();
  for (Request& request : ended) {
    kernel_.charge(Activity::driver, costs_.ring_complete);
    const RingDescriptor& d = request.d;
    if (d.has(control::kInPlace)) {
      kernel_.dma_unmap_single(d.source, d.length, Kernel::DmaDirection::bidirectional);
    } else {
      kernel_.dma_unmap_single(d.source, d.length, Kernel::DmaDirection::to_device);
      kernel_.dma_unmap_single(d.destination, d.length, Kernel::DmaDirection::from_device);
    }
    Session& session = sessions_[request.lid];
    if (--session.outstanding == 0 && !session.used) release(session);
    if (request.error != 0) {
      request.crp->crp_etype = request.error;
      ++driver_stats_.failed;
    }
    completions_.done(request.crp);
  }
}

bool CesaRing::interrupt(Ring& ring) {
  kernel_.charge(Activity::driver, costs_.ring_irq);
  Kernel::IrqLock lock(kernel_, ring.lock, Activity::driver);
  const std::uint32_t causes =
      kernel_.readl(ring.regs + reg::kIntCause, Activity::driver) & ring.mask;
  if (causes == 0) return false;
  ++driver_stats_.interrupts;
  note_causes(ring, causes);
  ring.mask = 0;
  kernel_.writel(0, ring.regs + reg::kIntMask, Activity::driver);
  ring.draining = true;
  kernel_.tasklet_schedule(ring.tasklet);
  return true;
}

void CesaRing::note_causes(Ring& ring, std::uint32_t causes) {
  if ((causes & bit::irq::kWritebackError) != 0) ring.must_reset = true;
  if ((causes & bit::irq::kFetchError) != 0 && !ring.stopped) {
    // What it fetched before still ends; then the ring is reset.
    ring.stopped_at =
        static_cast<std::uint16_t>(kernel_.readl(ring.regs + reg::kSqConsumer, Activity::driver));
    ring.stopped = true;
  }
}

/// The tasklet. Causes are cleared first and completions taken after, until a pass finds nothing:
/// what the unit announces after that raises the line when the mask opens, so none is lost and no
/// further look is needed.
void CesaRing::drain(Ring& ring) {
  do {
    kernel_.writel(kCauses & ~(bit::irq::kDone | bit::irq::kFailed | error_causes_),
                   ring.regs + reg::kIntCause, Activity::driver);
  } while (reap(ring) != 0);
  Kernel::IrqLock lock(kernel_, ring.lock, Activity::driver);
  if (adaptive_) adapt(ring);
  ring.draining = false;
  ring.mask = error_causes_ | (ring.polling ? 0 : bit::irq::kDone);
  kernel_.writel(ring.mask, ring.regs + reg::kIntMask, Activity::driver);
}

/// Under the ring's lock.
void CesaRing::adapt(Ring& ring) {
  const std::uint32_t half = std::max(ring.in_device() / 2u, 1u);
  const std::uint32_t wanted =
      std::min(settings_.coalesce_count, ring.more ? 2 * ring.count : std::bit_floor(half));
  if (wanted == ring.count) return;
  ring.count = wanted;
  ++stats_.coalesce_changes;
  kernel_.writel(wanted, ring.regs + reg::kCoalesceCount, Activity::driver);
}

/// The submitter's share: takes completions until the ring is empty or poll_us are over. A request
/// that a callback submits meanwhile is polled for here too, not in a loop inside the loop.
void CesaRing::poll(Ring& ring) {
  const Ps deadline = kernel_.now() + ps_of_us(settings_.poll_us);
  do {
    ++driver_stats_.polls;
    kernel_.charge(Activity::driver, 1);  // time passes even where a look costs nothing
    reap(ring);
  } while (!ring.order.empty() && kernel_.now() < deadline);
  for (bool again = true; again;) {
    bool empty = false;
    {
      Kernel::IrqLock lock(kernel_, ring.lock, Activity::driver);
      empty = ring.order.empty();
      if (empty) ring.polling = false;  // the interrupt stays masked until someone needs it
    }
    if (empty) return;
    // As the tasklet does: clear, look, open the mask.
    kernel_.writel(kCauses & ~bit::irq::kDone, ring.regs + reg::kIntCause, Activity::driver);
    again = reap(ring) != 0;
  }
  arm(ring);
}

void CesaRing::arm(Ring& ring) {
  Kernel::IrqLock lock(kernel_, ring.lock, Activity::driver);
  ring.polling = false;
  if (ring.draining) return;  // the tasklet will
  ring.mask |= bit::irq::kDone;
  kernel_.writel(ring.mask, ring.regs + reg::kIntMask, Activity::driver);
}

// --- recovery --------------------------------------------------------------------------------

void CesaRing::start_watchdog() {
  if (!recovery_.watchdog || watchdog_timer_.armed) return;
  kernel_.mod_timer(watchdog_timer_, ps_of_us(recovery_.watchdog_ms * 1e3));
}

void CesaRing::watchdog() {
  const Ps period = ps_of_us(recovery_.watchdog_ms * 1e3);
  Ps next = std::numeric_limits<Ps>::max();
  for (auto& r : rings_) {
    Ring& ring = *r;
    kernel_.charge(Activity::driver, costs_.watchdog);
    kernel_.sync();
    if (ring.order.empty()) continue;
    if (kernel_.now() >= ring.progress + period) {
      // The line may be up without the core's knowing: it falls, and what is announced from here
      // on raises it again.
      {
        Kernel::IrqLock lock(kernel_, ring.lock, Activity::driver);
        note_causes(ring, kernel_.readl(ring.regs + reg::kIntCause, Activity::driver));
        kernel_.writel(kCauses & ~(bit::irq::kDone | bit::irq::kFailed | error_causes_),
                       ring.regs + reg::kIntCause, Activity::driver);
      }
      if (reap(ring) != 0) {
        // By now a tasklet or a poller that was at it would have come to it.
        ++stats_.lost_interrupts;
        ++driver_stats_.watchdog_recoveries;
      } else if (!ring.order.empty() && kernel_.now() >= ring.progress + period) {
        ring.must_reset = true;
        recover(ring);
      }
    }
    if (!ring.order.empty()) {
      const Ps due = std::max(ring.progress + period, kernel_.now() + tick_);
      next = std::min(next, due - kernel_.now());
    }
  }
  if (next != std::numeric_limits<Ps>::max()) kernel_.mod_timer(watchdog_timer_, next);
}

/// Resets the ring. What ended before counts; what can be is submitted again, the rest fails.
void CesaRing::recover(Ring& ring) {
  std::vector<Request> ended;
  {
    Kernel::IrqLock lock(kernel_, ring.lock, Activity::driver);
    if (!ring.must_reset) return;  // another core has done it
    ++stats_.resets;
    ++driver_stats_.watchdog_recoveries;
    const std::uint32_t mask = ring.mask;
    // No fetch begins after this; one under way may still bring in `prefetch` descriptors.
    kernel_.writel(0, ring.regs + reg::kConfig, Activity::driver);
    const auto consumer =
        static_cast<std::uint16_t>(kernel_.readl(ring.regs + reg::kSqConsumer, Activity::driver));
    kernel_.writel(bit::command::kReset, ring.regs + reg::kCommand, Activity::driver);
    ring.dead = !wait_reset(ring.regs + reg::kCommand, bit::command::kReset);
    while (take(ring, ended)) {
    }
    std::deque<std::uint32_t> kept;
    for (const std::uint32_t cookie : ring.order) {
      Request& request = *ring.requests[cookie];
      const auto ahead = static_cast<std::int16_t>(request.index - consumer);
      const bool rung = static_cast<std::int16_t>(request.index - ring.rung) < 0;
      const bool fetched = rung && ahead < static_cast<std::int16_t>(prefetch_);
      if (!ring.dead &&
          (!fetched || (!request.d.has(control::kInPlace) && request.attempts < kRetries))) {
        if (fetched) ++request.attempts;
        kept.push_back(cookie);
        continue;
      }
      request.error = EIO;
      ended.push_back(request);
      ring.free.push_back(cookie);
    }
    ring.order.swap(kept);
    if (!ring.dead) {
      set_up(ring);
      if (ring.draining || ring.polling) {  // whose end opens the mask
        ring.mask = mask;
        kernel_.writel(mask, ring.regs + reg::kIntMask, Activity::driver);
      }
      for (const std::uint32_t cookie : ring.order) write_descriptor(ring, cookie);
      stats_.resubmitted += ring.order.size();
      if (ring.pending() != 0) doorbell(ring);
    } else {
      ring.must_reset = ring.stopped = false;
    }
    ring.progress = kernel_.now();
  }
  finish(ended);
}

}  // namespace cesasim::driver
