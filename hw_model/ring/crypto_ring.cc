// SPDX-License-Identifier: Apache-2.0
#include "hw_model/ring/crypto_ring.h"

#include <stdexcept>
#include <string>

#include "hw_model/common/lookahead.h"
#include "hw_model/memory/mbus_extension.h"
#include "hw_model/tlm/register_access.h"
#include "hw_model/tlm/sc_time.h"

namespace cesasim::hw {

CryptoRing::CryptoRing(sc_core::sc_module_name name, const RingParams& params,
                       unsigned first_master)
    : sc_module(name),
      regs("regs"),
      dma("dma"),
      irq("irq", params.rings),
      step_event_("step_event"),
      irq_event_("irq_event"),
      driven_(params.rings, false) {
  params.check();
  const unsigned count = ring_channel::count(params.engines);
  if (first_master + count > kMbusMasters) {
    throw std::invalid_argument("ring: " + std::to_string(count) + " bus masters from " +
                                std::to_string(first_master) + " on, the bus has " +
                                std::to_string(kMbusMasters));
  }
  std::vector<DmaPort*> ports;
  for (unsigned i = 0; i < count; ++i) {
    channels_.push_back(std::make_unique<DmaMasterPort>(dma, first_master + i, ahead_));
    ports.push_back(channels_.back().get());
  }
  core_ = std::make_unique<RingCore>(params, ports);
  regs.register_b_transport(this, &CryptoRing::regs_transport);
  regs.register_transport_dbg(this, &CryptoRing::regs_debug);
  SC_HAS_PROCESS(CryptoRing);
  SC_METHOD(step);
  sensitive << step_event_;
  dont_initialize();
  SC_METHOD(drive_irq);
  sensitive << irq_event_;
  dont_initialize();
}

CryptoRing::~CryptoRing() = default;

void CryptoRing::step() {
  for (ahead_ = 0;;) {
    core_->step(now_ps() + ahead_);
    const Ps next = core_->next();
    follow_irq();
    // An edge of a line is seen from outside, so time has to follow first.
    if (next == kNever || !run_ahead_ || !nothing_due_within(next - now_ps())) break;
    ahead_ = next - now_ps();
  }
  ahead_ = 0;
  schedule();
}

void CryptoRing::schedule() {
  step_event_.cancel();
  const Ps next = core_->next();
  if (next == kNever) return;
  step_event_.notify(to_sc_time(next > now_ps() ? next - now_ps() : 0));
}

void CryptoRing::follow_irq() {
  for (unsigned i = 0; i < core_->rings(); ++i) {
    if (core_->irq(i) == driven_[i]) continue;
    driven_[i] = core_->irq(i);
    irq_event_.notify(to_sc_time(ahead_));
  }
}

// The only writer of the ports: a signal accepts one writing process.
void CryptoRing::drive_irq() {
  for (unsigned i = 0; i < core_->rings(); ++i) irq[i].write(core_->irq(i));
}

void CryptoRing::regs_transport(tlm::tlm_generic_payload& trans, sc_core::sc_time& delay) {
  const std::uint64_t at = trans.get_address();
  if (at >= ring_reg::kWindowBytes) {
    trans.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    core_->guest_error("register access outside the window");
    return;
  }
  if (const char* objection = register_access_objection(trans)) {
    core_->guest_error(objection);
    return;
  }
  const auto offset = static_cast<std::uint32_t>(at);
  register_access(
      trans, [&] { return core_->read(offset); },
      [&](std::uint32_t value) {
        core_->write(offset, value, now_ps() + to_ps(delay));
        follow_irq();
        schedule();
      });
}

unsigned CryptoRing::regs_debug(tlm::tlm_generic_payload& trans) {
  return register_debug(
      trans, ring_reg::kWindowBytes, [this](std::uint32_t offset) { return core_->peek(offset); },
      [this](std::uint32_t offset, std::uint32_t value) { core_->poke(offset, value); });
}

}  // namespace cesasim::hw
