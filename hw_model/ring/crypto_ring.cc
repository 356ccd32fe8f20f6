#include "hw_model/ring/crypto_ring.h"

#include <cstring>
#include <stdexcept>
#include <string>

#include "hw_model/common/lookahead.h"
#include "hw_model/memory/mbus_extension.h"

namespace cesasim::hw {
namespace {

Ps now_ps() { return sc_core::sc_time_stamp().value(); }

sc_core::sc_time to_sc_time(Ps ps) { return sc_core::sc_time::from_value(ps); }

}  // namespace

/// One of the unit's ways to the bus. All share the socket; each has its own payload and master
/// number, since their transfers overlap.
class CryptoRing::Channel : public DmaPort {
 public:
  Channel(CryptoRing& ring, unsigned master) : ring_(ring) {
    extension_.master = master;
    payload_.set_extension(&extension_);
    payload_.set_byte_enable_ptr(nullptr);
  }
  // The payload must not delete the extension, which is a member.
  ~Channel() override { payload_.clear_extension(&extension_); }

  bool read(PhysAddr addr, std::uint8_t* data, std::uint32_t bytes, Ps own, Ps& delay) override {
    return access(tlm::TLM_READ_COMMAND, addr, data, bytes, own, delay);
  }
  bool write(PhysAddr addr, std::uint8_t* data, std::uint32_t bytes, Ps own, Ps& delay) override {
    return access(tlm::TLM_WRITE_COMMAND, addr, data, bytes, own, delay);
  }

 private:
  bool access(tlm::tlm_command command, PhysAddr addr, std::uint8_t* data, std::uint32_t bytes,
              Ps own, Ps& delay) {
    payload_.set_command(command);
    payload_.set_address(addr);
    payload_.set_data_ptr(data);
    payload_.set_data_length(bytes);
    payload_.set_streaming_width(bytes);
    payload_.set_dmi_allowed(false);
    payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    extension_.own_ps = own;
    sc_core::sc_time time = to_sc_time(ring_.ahead_ + delay);
    ring_.dma->b_transport(payload_, time);
    delay = time.value() - ring_.ahead_;
    return payload_.is_response_ok();
  }

  CryptoRing& ring_;
  tlm::tlm_generic_payload payload_;
  MbusExtension extension_;
};

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
    channels_.push_back(std::make_unique<Channel>(*this, first_master + i));
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
  if (trans.get_byte_enable_ptr() != nullptr) {
    trans.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
    core_->guest_error("register access with byte enables");
    return;
  }
  if (trans.get_data_length() != 4 || trans.get_streaming_width() < 4 || at % 4 != 0) {
    trans.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    core_->guest_error("register access that is not one aligned 32-bit word");
    return;
  }
  const auto offset = static_cast<std::uint32_t>(at);
  std::uint32_t value = 0;
  if (trans.is_read()) {
    value = core_->read(offset);
    std::memcpy(trans.get_data_ptr(), &value, 4);
  } else if (trans.is_write()) {
    std::memcpy(&value, trans.get_data_ptr(), 4);
    core_->write(offset, value, now_ps() + delay.value());
    follow_irq();
    schedule();
  }
  trans.set_response_status(tlm::TLM_OK_RESPONSE);
}

unsigned CryptoRing::regs_debug(tlm::tlm_generic_payload& trans) {
  const unsigned words = trans.get_data_length() / 4;
  std::uint8_t* data = trans.get_data_ptr();
  unsigned done = 0;
  for (; done < words; ++done) {
    const std::uint64_t at = trans.get_address() + 4 * done;
    if (at >= ring_reg::kWindowBytes || at % 4 != 0) break;
    const auto offset = static_cast<std::uint32_t>(at);
    if (trans.is_read()) {
      const std::uint32_t value = core_->peek(offset);
      std::memcpy(data + 4 * done, &value, 4);
    } else if (trans.is_write()) {
      std::uint32_t value;
      std::memcpy(&value, data + 4 * done, 4);
      core_->poke(offset, value);
    }
  }
  trans.set_response_status(done > 0 ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
  return 4 * done;
}

}  // namespace cesasim::hw
