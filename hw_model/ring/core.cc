// SPDX-License-Identifier: Apache-2.0
#include "hw_model/ring/core.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text/hex.h"
#include "hw_model/common/little_endian.h"

namespace cesasim::hw {
namespace {

namespace config = ring_bit::config;
namespace irq_bit = ring_bit::irq;
namespace unit_reg = ring_unit_reg;

const RingParams& checked(const RingParams& p) {
  p.check();
  return p;
}

/// Registers that may not change under a running ring.
bool locked(std::uint32_t offset) { return offset <= ring_reg::kIndexHi; }

/// Calls `take(ring)` for each ring from `turn` on until one takes; the turn then goes to the
/// ring after it.
template <class Take>
bool round_robin(unsigned& turn, unsigned rings, Take take) {
  for (unsigned i = 0; i < rings; ++i) {
    const unsigned ring = (turn + i) % rings;
    if (take(ring)) {
      turn = (ring + 1) % rings;
      return true;
    }
  }
  return false;
}

}  // namespace

RingCore::RingCore(const RingParams& params, std::span<DmaPort* const> channels)
    : params_(checked(params)),
      timing_(params),
      fetch_port_(*channels[ring_channel::kFetch], faults_),
      write_port_(*channels[ring_channel::kWriteBack], faults_),
      unit_(ring_unit_registers()),
      rings_(params.rings),
      keys_(params.key_slots),
      fetched_(std::size_t{params.prefetch_descriptors} * RingDescriptor::kBytes) {
  for (unsigned i = 0; i < params.engines; ++i) {
    engines_.emplace_back(params_, timing_, i, *channels[ring_channel::read(i)],
                          *channels[ring_channel::write(i)], faults_);
  }
}

// ---------------------------------------------------------------------------------------------
// Registers

std::uint32_t RingCore::unit_value(std::uint32_t offset) const {
  std::uint32_t v = 0;
  switch (offset) {
    case unit_reg::kCaps0:
      return params_.rings | params_.engines << 4 | params_.buffers << 8 |
             params_.prefetch_descriptors << 16 | params_.key_slots << 24;
    case unit_reg::kCaps1:
      return params_.list_max | ring_reg::kSizeMax << 16 | params_.list_prefetch << 20;
    case unit_reg::kAlgorithms:
      return 1u << ring_control::kAes | 1u << ring_control::kDes | 1u << ring_control::kDes3 |
             ring_bit::algorithms::kXts;
    case unit_reg::kControl:
      for (const Ring& r : rings_) v |= r.resetting ? ring_bit::control::kReset : 0;
      return v;
    case unit_reg::kStatus:
      for (unsigned i = 0; i < engines_.size(); ++i) v |= engines_[i].busy() ? 1u << i : 0;
      return v;
    case unit_reg::kIntSummary:
      for (unsigned i = 0; i < rings_.size(); ++i) v |= rings_[i].irq ? 1u << i : 0;
      return v;
    case unit_reg::kKeyValid:
      for (unsigned i = 0; i < keys_.size(); ++i) v |= keys_[i].bytes != 0 ? 1u << i : 0;
      return v;
    default:
      // What is write-only is kept inside but not shown.
      return unit_.desc(unit_.find(offset)).self_clearing != 0 ? 0 : unit_.get(offset);
  }
}

std::uint32_t RingCore::ring_value(unsigned ring, std::uint32_t offset) const {
  const Ring& r = rings_[ring];
  namespace status = ring_bit::status;
  switch (offset) {
    case ring_reg::kCommand:
      return r.resetting ? ring_bit::command::kReset : 0;
    case ring_reg::kStatus:
      return (r.running ? status::kRunning : 0) | (r.draining ? status::kDraining : 0) |
             (r.stopped ? status::kStopped : 0) | (r.cq_full ? status::kCqFull : 0) |
             in_flight(ring) << 16;
    case ring_reg::kSqConsumer:
      return r.sq_consumer;
    case ring_reg::kCqProducer:
      return r.cq_producer;
    default:
      return r.regs.get(offset);
  }
}

std::uint32_t RingCore::peek(std::uint32_t offset) const {
  const std::uint32_t page = offset / ring_reg::kPageBytes;
  const std::uint32_t own = offset % ring_reg::kPageBytes;
  if (page == 0) return unit_.has(own) ? unit_value(own) : 0;
  if (page > rings_.size() || !rings_[page - 1].regs.has(own)) return 0;
  return ring_value(page - 1, own);
}

std::uint32_t RingCore::read(std::uint32_t offset) {
  const std::uint32_t page = offset / ring_reg::kPageBytes;
  const std::uint32_t own = offset % ring_reg::kPageBytes;
  const bool exists =
      page == 0 ? unit_.has(own) : page <= rings_.size() && rings_[page - 1].regs.has(own);
  if (!exists) {
    guest_error("read of " + hex(offset) + ", where this unit has no register");
    return 0;
  }
  return peek(offset);
}

void RingCore::poke(std::uint32_t offset, std::uint32_t value) {
  const std::uint32_t page = offset / ring_reg::kPageBytes;
  const std::uint32_t own = offset % ring_reg::kPageBytes;
  if (page > rings_.size()) return;
  RegisterFile& regs = page == 0 ? unit_ : rings_[page - 1].regs;
  if (regs.has(own)) regs.poke(regs.find(own), value);
}

void RingCore::write(std::uint32_t offset, std::uint32_t value, Ps now) {
  const std::uint32_t page = offset / ring_reg::kPageBytes;
  const std::uint32_t own = offset % ring_reg::kPageBytes;
  RegisterFile* regs = page == 0               ? &unit_
                       : page <= rings_.size() ? &rings_[page - 1].regs
                                               : nullptr;
  if (regs == nullptr || !regs->has(own)) {
    guest_error("write of " + hex(value) + " to " + hex(offset) +
                ", where this unit has no register");
    return;
  }
  const std::uint8_t index = regs->find(own);
  const std::string_view name = regs->desc(index).name;
  if (page > 0 && rings_[page - 1].running && locked(own)) {
    report(page - 1,
           "write of " + hex(value) + " to " + std::string(name) + " while the ring is running");
    return;
  }
  const std::uint32_t before = regs->get(own);
  const RegisterWrite w = regs->write(index, value);
  if (w.reserved) {
    ++stats_.reserved_writes;
    guest_error("write of " + hex(value) + " to " + std::string(name) + ": bits " +
                hex(w.reserved) + " are reserved");
  }
  if (page == 0) {
    write_unit(own, w, value, now);
  } else {
    write_ring(page - 1, own, before, w.pulses, now);
  }
}

void RingCore::write_unit(std::uint32_t offset, const RegisterWrite& w, std::uint32_t value,
                          Ps now) {
  if (offset == unit_reg::kControl && w.pulses) {
    for (unsigned i = 0; i < rings_.size(); ++i) reset_ring(i, now);
    for (KeySlot& k : keys_) k = {};
    for (unsigned i = 0; i < unit_reg::kKeyWords; ++i) unit_.set(unit_reg::key_data(i), 0);
    wake_ = std::min(wake_, now);
  } else if (offset == unit_reg::kKeyCommand && w.pulses) {
    key_command(w.pulses);
  } else if (offset >= unit_reg::key_data(0) && offset < unit_reg::key_data(unit_reg::kKeyWords)) {
    unit_.set(offset, value);
  }
}

void RingCore::key_command(std::uint32_t value) {
  namespace bits = ring_bit::key_command;
  const std::uint32_t slot = bits::slot(value);
  const bool load = value & bits::kLoad;
  if (load == ((value & bits::kErase) != 0) || slot >= keys_.size()) {
    guest_error("key_command " + hex(value) + ": either load or erase, and a slot below " +
                std::to_string(keys_.size()) + ", are wanted");
    return;
  }
  if (load && bits::key_bytes(value) == 0) {
    guest_error("key_command " + hex(value) + ": the size is no key's");
    return;
  }
  KeySlot& k = keys_[slot];
  k = {};
  for (unsigned i = 0; i < unit_reg::kKeyWords; ++i) {
    if (load) store_le32(&k.key[4 * i], unit_.get(unit_reg::key_data(i)));
    unit_.set(unit_reg::key_data(i), 0);
  }
  if (load) k.bytes = bits::key_bytes(value);
}

void RingCore::write_ring(unsigned ring, std::uint32_t offset, std::uint32_t before,
                          std::uint32_t pulses, Ps now) {
  Ring& r = rings_[ring];
  switch (offset) {
    case ring_reg::kConfig: {
      const std::uint32_t wanted = r.config();
      if (r.running && ((wanted ^ before) & ~config::kEnable)) {
        report(ring, "settings in config changed while the ring is running");
        r.regs.set(offset, (before & ~config::kEnable) | (wanted & config::kEnable));
      }
      if ((wanted ^ before) & config::kEnable) set_enable(ring, wanted & config::kEnable, now);
      break;
    }
    case ring_reg::kCommand:
      if (pulses & ring_bit::command::kReset) reset_ring(ring, now);
      break;
    case ring_reg::kSqProducer:
      doorbell(ring, static_cast<std::uint16_t>(before), now);
      break;
    case ring_reg::kCqConsumer:
      acknowledge(ring, static_cast<std::uint16_t>(before));
      break;
    case ring_reg::kIntCause:
    case ring_reg::kIntMask:
      update_irq(r);
      return;
    case ring_reg::kCoalesceCount:
      coalesce(r, now, false);
      return;
    case ring_reg::kCoalesceTime:
      r.timer = kNever;
      coalesce(r, now, false);
      return;
    default:
      return;
  }
  wake_ = std::min(wake_, now);
}

bool RingCore::enable_allowed(unsigned ring, std::string& why) const {
  const Ring& r = rings_[ring];
  const auto size_ok = [&r](std::uint32_t reg) {
    return r.regs.get(reg) >= ring_reg::kSizeMin && r.regs.get(reg) <= ring_reg::kSizeMax;
  };
  const auto area_ok = [](PhysAddr at, std::uint64_t bytes) {
    return at != 0 && at + (bytes - 1) >= at;
  };
  if (r.resetting) {
    why = "during a reset";
  } else if (r.stopped) {
    why = "after an error that only a reset leads out of";
  } else if (r.running) {
    why = "before it has drained";
  } else if (!size_ok(ring_reg::kSqSize) || !size_ok(ring_reg::kCqSize)) {
    why = "with sq_size " + std::to_string(r.regs.get(ring_reg::kSqSize)) + " and cq_size " +
          std::to_string(r.regs.get(ring_reg::kCqSize));
  } else if (!area_ok(r.address(ring_reg::kSqBaseLo),
                      std::uint64_t{RingDescriptor::kBytes} << r.regs.get(ring_reg::kSqSize)) ||
             !area_ok(r.address(ring_reg::kCqBaseLo),
                      std::uint64_t{RingCompletion::kBytes} << r.regs.get(ring_reg::kCqSize))) {
    why = "with a base that is 0 or too high";
  } else if (((r.config() & config::kShadow) && !area_ok(r.address(ring_reg::kShadowLo), 4)) ||
             ((r.config() & config::kIndexWriteback) &&
              !area_ok(r.address(ring_reg::kIndexLo), 8))) {
    why = "with a shadow or index pointer that is 0 or too high";
  }
  return why.empty();
}

void RingCore::set_enable(unsigned ring, bool on, Ps now) {
  Ring& r = rings_[ring];
  if (!on) {
    if (r.running && !r.draining) r.draining = true;
    return;  // the step that follows sees whether it has come to rest
  }
  std::string why;
  if (!enable_allowed(ring, why)) {
    r.regs.clear_bits(ring_reg::kConfig, config::kEnable);
    report(ring, "enabled " + why);
    raise(r, irq_bit::kConfigError);
    return;
  }
  r.running = true;
  r.sq_log2 = r.regs.get(ring_reg::kSqSize);
  r.cq_log2 = r.regs.get(ring_reg::kCqSize);
  r.fetch_from = now + timing_.doorbell();
}

void RingCore::reset_ring(unsigned ring, Ps now) {
  Ring& r = rings_[ring];
  for (RingRequest* request : r.ready) {
    ++stats_.abandoned;
    requests_.put(*request);
  }
  for (RingRequest* request : r.order) {
    request->abandoned = true;
    if (request->engine == RingCompletion::kNoEngine || request->ended) {
      ++stats_.abandoned;
      requests_.put(*request);
    }
  }
  r.ready.clear();
  r.order.clear();
  stats_.abandoned += r.prefetched.size();
  r.prefetched.clear();
  r.regs.reset();
  r.running = r.draining = r.stopped = r.silenced = r.cq_full = r.shadow_due = false;
  r.sq_consumer = 0;
  r.cq_producer = 0;
  r.unannounced = 0;
  r.timer = kNever;
  r.resetting = true;  // until settle() finds nothing under way
  for (RingEngine& e : engines_) e.abandon(ring, now, ended_);
  for (RingRequest* request : ended_) ended(*request);
  ended_.clear();
  update_irq(r);
}

void RingCore::doorbell(unsigned ring, std::uint16_t before, Ps now) {
  Ring& r = rings_[ring];
  ++stats_.doorbells;
  const std::uint16_t wanted = r.sq_producer();
  const auto drop = [&](const std::string& why) {
    r.regs.set(ring_reg::kSqProducer, before);
    report(ring, "doorbell " + std::to_string(wanted) + " " + why);
    raise(r, irq_bit::kIndexError);
  };
  if (!r.running || r.draining) return drop("on a ring that is not enabled");
  const std::uint32_t size = 1u << r.sq_log2;
  const auto ahead = static_cast<std::uint16_t>(wanted - before);
  const auto known = static_cast<std::uint16_t>(before - r.sq_consumer);
  if (ahead > size - known) {
    const auto behind = static_cast<std::uint16_t>(before - wanted);
    if (!(r.config() & config::kShadow) || behind > size) {
      return drop("moves " + std::to_string(ahead) + " slots, " + std::to_string(size - known) +
                  " are free");
    }
    r.regs.set(ring_reg::kSqProducer, before);  // the shadow has overtaken it
  }
  const bool had_work = known != 0 || r.shadow_due || (fetch_.working && fetch_.ring == ring);
  if (r.config() & config::kShadow) r.shadow_due = true;
  if (!had_work) r.fetch_from = now + timing_.doorbell();
}

void RingCore::shadow_arrived(unsigned ring, std::uint16_t index) {
  Ring& r = rings_[ring];
  const auto ahead = static_cast<std::uint16_t>(index - r.sq_producer());
  if (ahead == 0) return;
  const std::uint32_t size = 1u << r.sq_log2;
  const std::uint32_t room = size - r.known();
  if (ahead > room) {
    // Behind: the driver rang without storing the shadow first.
    if (static_cast<std::uint16_t>(-ahead) <= size) return;
    report(ring, "shadow " + std::to_string(index) + " is " + std::to_string(ahead) +
                     " slots ahead, " + std::to_string(room) + " are free");
    raise(r, irq_bit::kIndexError);
    return;
  }
  r.regs.set(ring_reg::kSqProducer, index);
}

void RingCore::acknowledge(unsigned ring, std::uint16_t before) {
  Ring& r = rings_[ring];
  const std::uint16_t wanted = r.cq_consumer();
  const auto ahead = static_cast<std::uint16_t>(wanted - before);
  // A driver that polls the phase may be faster than the end of the entry's write.
  const bool writing = write_back_.working && write_back_.ring == ring && !r.resetting;
  const auto waiting = static_cast<std::uint16_t>(r.cq_producer + (writing ? 1 : 0) - before);
  if (ahead > waiting) {
    r.regs.set(ring_reg::kCqConsumer, before);
    report(ring, "cq_consumer " + std::to_string(wanted) + " takes " + std::to_string(ahead) +
                     " completions, " + std::to_string(waiting) + " are there");
    raise(r, irq_bit::kIndexError);
    return;
  }
  r.unannounced = static_cast<std::uint16_t>(std::clamp<int>(r.untaken(), 0, r.unannounced));
  if (r.unannounced == 0) r.timer = kNever;
}

// ---------------------------------------------------------------------------------------------
// Time

Ps RingCore::next() const {
  Ps at = wake_;
  if (fetch_.working) at = std::min(at, fetch_.until);
  if (write_back_.working) at = std::min(at, write_back_.until);
  for (const RingEngine& e : engines_) at = std::min(at, e.next());
  for (const Ring& r : rings_) {
    at = std::min(at, r.timer);
    if (!fetch_.working && wants_fetch(r)) at = std::min(at, r.fetch_from);
  }
  return at;
}

void RingCore::step(Ps now) {
  faults_.now = now;
  if (wake_ <= now) wake_ = kNever;
  for (Ring& r : rings_) {
    if (r.timer <= now) announce(r);
  }
  for (bool again = true; again;) {
    again = finish_fetch(now);
    again |= finish_write_back(now);
    for (RingEngine& e : engines_) again |= e.advance(now, ended_);
    for (RingRequest* request : ended_) ended(*request);
    ended_.clear();
    again |= start_fetch(now);
    again |= dispatch();
    again |= start_write_back(now);
  }
  for (unsigned i = 0; i < rings_.size(); ++i) settle(i);
}

void RingCore::settle(unsigned ring) {
  Ring& r = rings_[ring];
  const bool at_rest = r.in_engines == 0 && !(fetch_.working && fetch_.ring == ring) &&
                       !(write_back_.working && write_back_.ring == ring);
  if (!at_rest) return;
  r.resetting = false;
  if (r.draining && r.prefetched.empty() && r.order.empty() && r.ready.empty()) {
    r.running = r.draining = false;
    raise(r, irq_bit::kDrained);
  }
}

// ---------------------------------------------------------------------------------------------
// Fetch

bool RingCore::wants_fetch(const Ring& r) const {
  if (!r.running || r.draining || r.stopped) return false;
  if (r.known() > 0) return r.prefetched.size() < params_.prefetch_descriptors;
  return r.shadow_due;
}

bool RingCore::start_fetch(Ps now) {
  if (fetch_.working) return false;
  return round_robin(fetch_turn_, rings(), [&](unsigned ring) {
    Ring& r = rings_[ring];
    if (!wants_fetch(r) || now < r.fetch_from) return false;
    fetch_ = {.working = true, .ring = ring, .shadow = r.known() == 0};
    Ps took = 0;
    if (fetch_.shadow) {
      r.shadow_due = false;
      ++stats_.shadow_reads;
      const PhysAddr at = r.address(ring_reg::kShadowLo);
      fetch_.ok = fetch_port_.read(at, fetched_.data(), 4, timing_.read(at, 4), took);
    } else {
      const std::uint32_t slot = r.sq_consumer & ((1u << r.sq_log2) - 1);
      const auto room =
          static_cast<std::uint32_t>(params_.prefetch_descriptors - r.prefetched.size());
      fetch_.count = std::min({room, std::uint32_t{r.known()}, (1u << r.sq_log2) - slot});
      const PhysAddr at = r.address(ring_reg::kSqBaseLo) + PhysAddr{slot} * RingDescriptor::kBytes;
      fetch_.ok = fetch_port_.read(at, fetched_.data(), fetch_.count * RingDescriptor::kBytes,
                                   timing_.fetch(at, fetch_.count), took);
      ++stats_.fetches;
    }
    fetch_.until = now + took;
    stats_.fetch_busy_ps += took;
    return true;
  });
}

bool RingCore::finish_fetch(Ps now) {
  if (!fetch_.working || fetch_.until > now) return false;
  fetch_.working = false;
  const unsigned ring = fetch_.ring;
  Ring& r = rings_[ring];
  if (r.resetting) return true;
  if (!fetch_.ok) {
    r.stopped = true;
    report_bus_error(
        fetch_port_, ring,
        std::string("the bus refused ") +
            (fetch_.shadow ? "the shadow" : "descriptor " + std::to_string(r.sq_consumer)));
    raise(r, irq_bit::kFetchError);
    return true;
  }
  if (fetch_.shadow) {
    shadow_arrived(ring, static_cast<std::uint16_t>(load_le32(fetched_.data())));
    return true;
  }
  if (r.silenced) return true;
  stats_.descriptors += fetch_.count;
  for (std::uint32_t i = 0; i < fetch_.count; ++i) {
    r.prefetched.push_back(
        {r.sq_consumer++, RingDescriptor::decode(std::span<const std::uint8_t, 64>(
                              fetched_.data() + i * RingDescriptor::kBytes, 64))});
  }
  if (r.known() == 0 && (r.config() & config::kShadow)) r.shadow_due = true;
  return true;
}

// ---------------------------------------------------------------------------------------------
// Dispatch

std::uint32_t RingCore::in_flight(unsigned ring) const {
  const Ring& r = rings_[ring];
  const bool writing = write_back_.working && write_back_.ring == ring && !r.resetting;
  return static_cast<std::uint32_t>(r.order.size() + r.ready.size() + (writing ? 1 : 0));
}

bool RingCore::dispatch() {
  return round_robin(dispatch_turn_, rings(),
                     [this](unsigned ring) { return dispatch_from(ring); });
}

bool RingCore::dispatch_from(unsigned ring) {
  Ring& r = rings_[ring];
  if (r.prefetched.empty()) return false;
  const std::uint32_t flying = in_flight(ring);
  if (r.untaken() + static_cast<int>(flying) >= 1 << r.cq_log2) {
    // While entries are in flight things go on; when all are written it is the driver's turn.
    if (!r.cq_full && flying == 0) {
      r.cq_full = true;
      raise(r, irq_bit::kCqFull);
    }
    return false;
  }
  r.cq_full = false;
  if (flying >= params_.tracked_requests) return false;
  const Fetched& f = r.prefetched.front();
  const RingStatus status = check(f.d);
  RingEngine* engine = nullptr;
  if (status == RingStatus::ok) {
    engine = least_loaded();
    if (engine == nullptr) return false;
  }
  RingRequest& request = requests_.take();
  request.start(ring, f.index, f.d);
  r.prefetched.pop_front();
  r.order.push_back(&request);
  if (engine != nullptr) {
    if (request.d.has(ring_control::kKeySlot)) request.key = keys_[request.d.key].key;
    ++r.in_engines;
    engine->take(request);
  } else {
    request.status = status;
    request.ended = true;
    sort_ready(r);
  }
  return true;
}

RingStatus RingCore::check(const RingDescriptor& d) const {
  const RingStatus status = d.check(params_.list_max);
  if (status != RingStatus::ok || !d.has(ring_control::kKeySlot)) return status;
  const bool loaded = d.key < keys_.size() && keys_[d.key].bytes == d.key_bytes();
  return loaded ? RingStatus::ok : RingStatus::key_error;
}

RingEngine* RingCore::least_loaded() {
  RingEngine* best = nullptr;
  for (RingEngine& e : engines_) {
    if (e.has_room() && (best == nullptr || e.load() < best->load())) best = &e;
  }
  return best;
}

void RingCore::ended(RingRequest& request) {
  Ring& r = rings_[request.ring];
  --r.in_engines;
  request.ended = true;
  if (request.abandoned || r.silenced) {
    if (!request.abandoned) std::erase(r.order, &request);
    ++stats_.abandoned;
    requests_.put(request);
    return;
  }
  sort_ready(r);
}

void RingCore::sort_ready(Ring& r) {
  if (r.config() & config::kOutOfOrder) {
    for (auto it = r.order.begin(); it != r.order.end();) {
      if ((*it)->ended) {
        r.ready.push_back(*it);
        it = r.order.erase(it);
      } else {
        ++it;
      }
    }
    return;
  }
  while (!r.order.empty() && r.order.front()->ended) {
    r.ready.push_back(r.order.front());
    r.order.pop_front();
  }
}

// ---------------------------------------------------------------------------------------------
// Write-back

bool RingCore::start_write_back(Ps now) {
  if (write_back_.working) return false;
  return round_robin(write_back_turn_, rings(), [&](unsigned ring) {
    Ring& r = rings_[ring];
    if (r.ready.empty()) return false;
    RingRequest& q = *r.ready.front();
    r.ready.pop_front();
    write_back_ = {.working = true, .ring = ring, .request = &q};
    std::array<std::uint8_t, RingCompletion::kBytes> entry;
    RingCompletion{q.d.cookie, q.written, q.index,
                   q.engine,   q.status,  RingCompletion::phase_of(r.cq_producer, r.cq_log2)}
        .encode(entry);
    const std::uint32_t slot = r.cq_producer & ((1u << r.cq_log2) - 1);
    const PhysAddr at = r.address(ring_reg::kCqBaseLo) + PhysAddr{slot} * RingCompletion::kBytes;
    Ps took = 0;
    write_back_.ok = write_port_.write(at, entry.data(), RingCompletion::kBytes,
                                       timing_.write(at, RingCompletion::kBytes), took);
    if (write_back_.ok && (r.config() & config::kIndexWriteback)) {
      std::array<std::uint8_t, 8> indexes;
      store_le32(&indexes[0], r.sq_consumer);
      store_le32(&indexes[4], static_cast<std::uint16_t>(r.cq_producer + 1));
      const PhysAddr to = r.address(ring_reg::kIndexLo);
      write_back_.ok = write_port_.write(to, indexes.data(), 8, timing_.write(to, 8), took);
    }
    write_back_.until = now + took;
    stats_.write_back_busy_ps += took;
    return true;
  });
}

bool RingCore::finish_write_back(Ps now) {
  if (!write_back_.working || write_back_.until > now) return false;
  write_back_.working = false;
  const unsigned ring = write_back_.ring;
  Ring& r = rings_[ring];
  RingRequest& q = *write_back_.request;
  if (r.resetting) {
    ++stats_.abandoned;
  } else if (!write_back_.ok) {
    ++stats_.abandoned;
    report_bus_error(
        write_port_, ring,
        "the bus refused completion " + std::to_string(r.cq_producer) + " or the indexes after it");
    silence(r);
    raise(r, irq_bit::kWritebackError);
  } else {
    completed(ring, q, now);
  }
  requests_.put(q);
  return true;
}

void RingCore::completed(unsigned ring, const RingRequest& q, Ps now) {
  Ring& r = rings_[ring];
  ++r.cq_producer;
  if (r.untaken() > 0) ++r.unannounced;
  const bool failed = q.status != RingStatus::ok;
  ++(failed ? stats_.failed : stats_.completed);
  if (failed) {
    if (!q.faulted)
      report(ring, "request " + std::to_string(q.index) + " (cookie " + hex(q.d.cookie) +
                       "): " + std::string(ring_status_name(q.status)));
    r.regs.set(ring_reg::kError,
               static_cast<std::uint32_t>(q.status) | std::uint32_t{q.index} << 16);
    raise(r, irq_bit::kFailed);
  }
  coalesce(r, now, failed || q.d.has(ring_control::kInterrupt));
}

void RingCore::silence(Ring& r) {
  r.stopped = true;
  r.silenced = true;
  stats_.abandoned += r.ready.size() + r.prefetched.size();
  for (RingRequest* request : r.ready) requests_.put(*request);
  r.ready.clear();
  r.prefetched.clear();
  // Those in engines are dropped as they end; those that ended out of turn, now.
  std::erase_if(r.order, [this](RingRequest* request) {
    if (!request->ended) return false;
    ++stats_.abandoned;
    requests_.put(*request);
    return true;
  });
}

// ---------------------------------------------------------------------------------------------
// Interrupts

void RingCore::coalesce(Ring& r, Ps now, bool at_once) {
  if (r.unannounced == 0) return;
  const std::uint32_t count = r.regs.get(ring_reg::kCoalesceCount);
  const std::uint32_t time = r.regs.get(ring_reg::kCoalesceTime);
  if (at_once || (count != 0 && r.unannounced >= count)) {
    announce(r);
  } else if (time != 0 && r.timer == kNever) {
    r.timer = now + timing_.cycles(time);
  }
}

void RingCore::announce(Ring& r) {
  r.timer = kNever;
  r.unannounced = 0;
  ++stats_.announcements;
  raise(r, irq_bit::kDone);
}

void RingCore::raise(Ring& r, std::uint32_t causes) {
  r.regs.set_bits(ring_reg::kIntCause, causes);
  update_irq(r);
}

void RingCore::update_irq(Ring& r) {
  const bool level = (r.regs.get(ring_reg::kIntCause) & r.regs.get(ring_reg::kIntMask)) != 0;
  if (level && !r.irq) ++stats_.interrupts;
  r.irq = level;
}

void RingCore::guest_error(std::string report) {
  ++stats_.guest_errors;
  if (tracer_ != nullptr) tracer_->guest_error(CryptoUnit::ring, report);
  stats_.last_report = std::move(report);
}

void RingCore::report(unsigned ring, const std::string& text) {
  guest_error("ring " + std::to_string(ring) + ": " + text);
}

void RingCore::report_bus_error(const RingPort& port, unsigned ring, const std::string& text) {
  if (!port.faulted()) report(ring, text);
}

}  // namespace cesasim::hw
