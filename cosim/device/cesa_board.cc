// SPDX-License-Identifier: Apache-2.0
#include "cosim/device/cesa_board.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <string>

#include "hw_model/cesa/registers.h"
#include "hw_model/memory/mbus_extension.h"
#include "hw_model/tlm/memory_access.h"
#include "hw_model/tlm/sc_time.h"

namespace cesasim::cosim {
namespace {

constexpr std::uint16_t kVendorMarvell = 0x11AB;
constexpr std::uint16_t kDeviceCesa = 0xCE5A;
constexpr std::uint32_t kClassEncryption = 0x100000;

void settle() {
  while (sc_core::sc_pending_activity_at_current_time()) sc_core::sc_start(sc_core::SC_ZERO_TIME);
}

bool holds_address(std::uint32_t offset) {
  using namespace hw::cesa_reg;  // NOLINT(google-build-using-namespace): register names only
  const std::uint32_t own = hw::split_cesa_address(offset).offset;
  return own == kTdmaNext || own == kTdmaCurrent || own == kTdmaSrc || own == kTdmaDst;
}

}  // namespace

PciIdentity cesa_identity(const hw::CesaParams& params) {
  return {kVendorMarvell,
          kDeviceCesa,
          kClassEncryption,
          {hw::cesa_reg::kWindowBytes, std::bit_ceil(params.engines * kSramStride)},
          params.engines};
}

CesaBoard::CesaBoard(sc_core::sc_module_name name, const hw::CesaParams& cesa,
                     const hw::DramParams& dram, const GuestMemory& memory, DeviceLog& log,
                     const Injection& injection)
    : sc_module(name),
      cesa_("cesa", cesa),
      registers_("registers"),
      sram_("sram", cesa.engines),
      ram_("ram", cesa.engines),
      irq_("irq", cesa.engines),
      memory_(memory),
      bandwidth_(dram.bandwidth_bytes_per_s),
      read_latency_(static_cast<hw::Ps>(dram.read_latency_ns * hw::kPsPerNs)),
      log_(log),
      injection_(injection),
      line_(cesa.engines),
      pending_(cesa.engines) {
  if (cesa.sram_bytes > kSramStride) throw std::invalid_argument("cosim: SRAM above 64 KiB");
  connect(registers_, cesa_.regs);
  for (unsigned i = 0; i < cesa.engines; ++i) {
    connect(sram_[i], cesa_.sram[i]);
    ram_[i].register_b_transport(this, &CesaBoard::dma_transport, static_cast<int>(i));
    connect(cesa_.dma[i], ram_[i]);
    cesa_.irq[i].bind(irq_[i]);
  }
  SC_HAS_PROCESS(CesaBoard);
  SC_METHOD(irq_changed);
  for (auto& line : irq_) sensitive << line;
  dont_initialize();
}

// The log tells the guest's RAM from other addresses; the guest says late where it is.
void CesaBoard::name_ram() {
  if (memory_.regions().empty()) return;
  const MemoryRegion& ram = memory_.regions().front();
  log_.set_ram(ram.guest_address, ram.bytes);
}

// A breach of the base protocol is an SC_ERROR and ends the device with its text.
template <class Initiator, class Target>
void CesaBoard::connect(Initiator& initiator, Target& target) {
  const std::string name = "checker" + std::to_string(checkers_.size());
  checkers_.push_back(std::make_unique<hw::TlmChecker>(name.c_str()));
  initiator.bind(checkers_.back()->in);
  checkers_.back()->out.bind(target);
}

std::optional<std::uint64_t> CesaBoard::next_event_ns() {
  settle();
  if (!sc_core::sc_pending_activity_at_future_time()) return std::nullopt;
  const hw::Ps at = hw::now_ps() + sc_core::sc_time_to_pending_activity().value();
  return (at + hw::kPsPerNs - 1) / hw::kPsPerNs;
}

void CesaBoard::advance_to(std::uint64_t ns) {
  settle();
  const hw::Ps target = ns * hw::kPsPerNs;
  if (target > hw::now_ps()) sc_core::sc_start(sc_core::sc_time::from_value(target - hw::now_ps()));
  // sc_start leaves what is due exactly at its end to the next call.
  settle();
}

bool CesaBoard::access(bool write, unsigned bar, std::uint32_t offset, std::uint8_t* data,
                       std::uint32_t bytes) {
  tlm::tlm_generic_payload trans;
  trans.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
  trans.set_data_ptr(data);
  trans.set_data_length(bytes);
  trans.set_streaming_width(bytes);
  trans.set_byte_enable_ptr(nullptr);
  trans.set_dmi_allowed(false);
  trans.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  sc_core::sc_time delay;
  if (bar == kRegistersBar) {
    trans.set_address(offset);
    registers_->b_transport(trans, delay);
  } else {
    const std::uint32_t engine = offset / kSramStride;
    if (engine >= cesa_.engines()) return false;
    trans.set_address(offset % kSramStride);
    sram_[engine]->b_transport(trans, delay);
  }
  return trans.is_response_ok();
}

void CesaBoard::count_register_access() {
  ++counters_.register_accesses;
  if (log_.active()) name_ram();
  for (const auto kind : {Injection::Kind::stuck, Injection::Kind::kill}) {
    if (inject_now(kind, counters_.register_accesses)) {
      log_.inject(hw::now_ps(), injection_.str());
      if (on_injection) on_injection(kind);
    }
  }
}

void CesaBoard::bar_read(unsigned bar, std::uint32_t offset, std::span<std::uint8_t> data) {
  if (bar == kRegistersBar) count_register_access();
  if (!access(false, bar, offset, data.data(), static_cast<std::uint32_t>(data.size()))) {
    std::ranges::fill(data, 0xFF);
  }
  if (bar == kRegistersBar && data.size() == 4) {
    std::uint32_t value;
    std::memcpy(&value, data.data(), 4);
    log_.reg(hw::now_ps(), false, offset, value, holds_address(offset));
  } else if (bar == kSramBar) {
    log_.sram(hw::now_ps(), false, offset, data.size());
  }
}

void CesaBoard::bar_write(unsigned bar, std::uint32_t offset, std::span<const std::uint8_t> data) {
  if (bar == kRegistersBar) count_register_access();
  if (bar == kRegistersBar && data.size() == 4) {
    std::uint32_t value;
    std::memcpy(&value, data.data(), 4);
    log_.reg(hw::now_ps(), true, offset, value, holds_address(offset));
  } else if (bar == kSramBar) {
    log_.sram(hw::now_ps(), true, offset, data.size());
  }
  // TLM takes the data of a write by a pointer to non-const and does not change it.
  access(true, bar, offset, const_cast<std::uint8_t*>(data.data()),
         static_cast<std::uint32_t>(data.size()));
  settle();
}

void CesaBoard::bar_moved(unsigned bar, std::uint32_t address) {
  if (bar != kSramBar) return;
  for (unsigned i = 0; i < cesa_.engines(); ++i) {
    cesa_.map_sram(i, std::uint64_t{address} + i * kSramStride);
  }
}

void CesaBoard::dma_transport(int engine, tlm::tlm_generic_payload& trans,
                              sc_core::sc_time& delay) {
  const std::uint64_t address = trans.get_address();
  const std::uint32_t bytes = trans.get_data_length();
  if (log_.active()) {
    name_ram();
    log_.dma(hw::now_ps() + delay.value(), static_cast<unsigned>(engine), trans.is_write(), address,
             bytes);
  }
  if (inject_now(Injection::Kind::bus_error, ++counters_.dma_accesses)) {
    log_.inject(hw::now_ps(), injection_.str());
    if (on_injection) on_injection(Injection::Kind::bus_error);
    trans.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
    return;
  }
  trans.set_response_status(hw::whole_access_response(trans));
  if (!trans.is_response_ok()) return;
  std::uint8_t* host = memory_.find(address, bytes);
  if (host == nullptr) {
    trans.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return;
  }
  hw::move_bytes(trans, host);
  const auto* ext = trans.get_extension<hw::MbusExtension>();
  hw::Ps own = ext ? ext->own_ps : 0;
  if (trans.is_read() && !(ext && ext->continued)) own += read_latency_;
  const hw::Ps took =
      bandwidth_.transfer(ext ? ext->master : 0, hw::now_ps() + delay.value(), bytes, own);
  delay += sc_core::sc_time::from_value(took);
}

void CesaBoard::irq_changed() {
  for (unsigned i = 0; i < irq_.size(); ++i) {
    const bool level = irq_[i].read();
    if (level && !line_[i]) {
      log_.irq(hw::now_ps(), i);
      if (inject_now(Injection::Kind::lost_irq, ++counters_.interrupts)) {
        log_.inject(hw::now_ps(), injection_.str());
        if (on_injection) on_injection(Injection::Kind::lost_irq);
      } else {
        pending_[i] = true;
      }
    }
    line_[i] = level;
  }
}

std::optional<unsigned> CesaBoard::take_interrupt() {
  for (unsigned i = 0; i < pending_.size(); ++i) {
    if (pending_[i]) {
      pending_[i] = false;
      return i;
    }
  }
  return std::nullopt;
}

}  // namespace cesasim::cosim
