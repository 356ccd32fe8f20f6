// SPDX-License-Identifier: Apache-2.0
// A CESA unit on a table: memory behind checkers, a driver's hands on the registers.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <systemc>
#include <tlm>
#include <vector>

#include "hw_model/cesa/cesa.h"
#include "hw_model/cesa/registers.h"
#include "hw_model/cesa/sa_descriptor.h"
#include "hw_model/cesa/tdma_descriptor.h"
#include "hw_model/checker/tlm_checker.h"
#include "hw_model/memory/dram.h"

namespace cesasim::test {

inline constexpr std::uint32_t kSramBase0 = 0xF5000000;
inline constexpr std::uint32_t kSramBase1 = 0xF5010000;

/// 200 MHz (5 ns), and a different number for every cost, so that a test on time shows which
/// one is missing.
inline hw::CesaParams bench_params(unsigned engines = 1) {
  hw::CesaParams p;
  p.engines = engines;
  p.sha256 = true;
  p.sram_base0 = kSramBase0;
  p.sram_base1 = kSramBase1;
  p.clock_hz = 200e6;
  p.engine_clock_hz = 200e6;
  p.chain_start_cycles = 7;
  p.descriptor_fetch_cycles = 5;
  p.read_burst_cycles = 15;
  p.write_burst_cycles = 3;
  p.sa_start_cycles = 32;
  p.sa_end_cycles = 4;
  p.sram_read_cycles = 2;
  p.sram_write_cycles = 1;
  return p;
}

/// Memory so fast that the DMA's own time decides: what a test on time wants.
inline hw::DramParams bench_dram() {
  hw::DramParams d;
  d.size_mib = 16;
  d.bandwidth_bytes_per_s = 1e12;
  d.read_latency_ns = 0;
  return d;
}

class CesaBench : public sc_core::sc_module {
 public:
  hw::Cesa cesa;
  tlm_utils::simple_initiator_socket<CesaBench> regs;
  sc_core::sc_vector<tlm_utils::simple_initiator_socket<CesaBench>> sram;
  sc_core::sc_vector<sc_core::sc_signal<bool>> irq;

  explicit CesaBench(sc_core::sc_module_name name, const hw::CesaParams& params = bench_params(),
                     bool checked = true, const hw::DramParams& memory = bench_dram(),
                     hw::Fidelity fidelity = hw::Fidelity::descriptor)
      : sc_module(name),
        cesa("cesa", params, fidelity),
        regs("regs"),
        sram("sram", params.engines),
        irq("irq", params.engines) {
    regs.bind(interpose(checked, "regs_checker", cesa.regs));
    for (unsigned i = 0; i < params.engines; ++i) {
      const std::string n = std::to_string(i);
      sram[i].bind(interpose(checked, "sram_checker" + n, cesa.sram[i]));
      memories_.push_back(std::make_unique<hw::Dram>(("dram" + n).c_str(), memory));
      cesa.dma[i].bind(interpose(checked, "dma_checker" + n, memories_.back()->socket));
      cesa.irq[i].bind(irq[i]);
    }
  }

  hw::Dram& dram(unsigned engine = 0) { return *memories_.at(engine); }
  std::uint8_t* mem(std::uint32_t addr, unsigned engine = 0) { return dram(engine).host(addr); }
  /// Registers of another engine than the first from here on.
  void use_engine(unsigned engine) { engine_ = engine; }

  // The processor's accesses. `offset` is the engine's own.
  void write(std::uint32_t offset, std::uint32_t value) {
    access(regs, tlm::TLM_WRITE_COMMAND, reg_address(offset), &value, 4);
  }
  std::uint32_t read(std::uint32_t offset) {
    std::uint32_t value = 0xDEADDEAD;
    access(regs, tlm::TLM_READ_COMMAND, reg_address(offset), &value, 4);
    return value;
  }
  std::uint32_t peek(std::uint32_t offset) {
    std::uint32_t value = 0xDEADDEAD;
    debug(regs, tlm::TLM_READ_COMMAND, reg_address(offset), &value, 4);
    return value;
  }
  void write_sram(std::uint32_t offset, const void* data, std::uint32_t bytes) {
    access(sram[engine_], tlm::TLM_WRITE_COMMAND, offset, const_cast<void*>(data), bytes);
  }
  void read_sram(std::uint32_t offset, void* data, std::uint32_t bytes) {
    access(sram[engine_], tlm::TLM_READ_COMMAND, offset, data, bytes);
  }

  /// One access; the response status is returned and `spent` holds the delay it added.
  template <class Socket>
  tlm::tlm_response_status access(Socket& socket, tlm::tlm_command command, std::uint64_t addr,
                                  void* data, std::uint32_t bytes) {
    prepare(command, addr, data, bytes);
    spent = sc_core::SC_ZERO_TIME;
    socket->b_transport(payload_, spent);
    return payload_.get_response_status();
  }
  template <class Socket>
  unsigned debug(Socket& socket, tlm::tlm_command command, std::uint64_t addr, void* data,
                 std::uint32_t bytes) {
    prepare(command, addr, data, bytes);
    return socket->transport_dbg(payload_);
  }
  sc_core::sc_time spent;

  /// A window over all of the memory and the settings of the Linux driver.
  void set_up_tdma() {
    write(hw::cesa_reg::tdma_win_base(0), 0);
    write(hw::cesa_reg::tdma_win_ctrl(0), 0x00FF0E01);  // 16 MiB, enabled
    write(hw::cesa_reg::kCfg, 0);
    write(hw::cesa_reg::kIntMask, hw::cesa_bit::irq::kAccel0DmaDone);
    write(hw::cesa_reg::kTdmaControl, kControl);
    write(hw::cesa_reg::kCfg, kChainConfig);
    write(hw::cesa_reg::kDescP0, 0);
  }
  void launch(std::uint32_t first) {
    write(hw::cesa_reg::kTdmaNext, first);
    write(hw::cesa_reg::kCmd, hw::cesa_bit::cmd::kActivate0);
  }
  void put(std::uint32_t addr, const hw::TdmaDescriptor& d) {
    d.encode(std::span<std::uint8_t, 16>(mem(addr, engine_), 16));
  }

  static constexpr std::uint32_t kControl = 0x1904;
  static constexpr std::uint32_t kChainConfig =
      hw::cesa_bit::cfg::kCh0WaitDma | hw::cesa_bit::cfg::kCh0ActivateDma |
      hw::cesa_bit::cfg::kMultiPacketChain | hw::cesa_bit::cfg::kNoParallel;

 private:
  template <class Target>
  tlm::tlm_base_target_socket_b<>& interpose(bool checked, const std::string& name,
                                             Target& target) {
    if (!checked) return target;
    checkers_.push_back(std::make_unique<hw::TlmChecker>(name.c_str()));
    checkers_.back()->out.bind(target);
    return checkers_.back()->in;
  }
  std::uint64_t reg_address(std::uint32_t offset) const {
    return offset + engine_ * hw::cesa_reg::kEngineStride;
  }
  void prepare(tlm::tlm_command command, std::uint64_t addr, void* data, std::uint32_t bytes) {
    payload_.set_command(command);
    payload_.set_address(addr);
    payload_.set_data_ptr(static_cast<unsigned char*>(data));
    payload_.set_data_length(bytes);
    payload_.set_streaming_width(bytes);
    payload_.set_byte_enable_ptr(nullptr);
    payload_.set_dmi_allowed(false);
    payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  }

  std::vector<std::unique_ptr<hw::Dram>> memories_;
  std::vector<std::unique_ptr<hw::TlmChecker>> checkers_;
  tlm::tlm_generic_payload payload_;
  unsigned engine_ = 0;
};

/// The 128 bytes that precede the data in the Linux driver's SRAM layout: descriptor, key, IV.
struct CipherOp {
  static constexpr std::uint32_t kBytes = 0x80;
  static constexpr std::uint32_t kKey = 0x20;
  static constexpr std::uint32_t kIv = 0x40;
  static constexpr std::uint32_t kData = 0x80;

  std::array<std::uint8_t, kBytes> bytes{};

  CipherOp(std::uint32_t config, std::span<const std::uint8_t> key,
           std::span<const std::uint8_t> iv, std::uint32_t length) {
    const std::uint32_t words[8] = {
        config, kData | kData << 16, length, kKey, kIv | kIv << 16, 0, 0, 0};
    for (unsigned i = 0; i < 8; ++i) {
      for (unsigned b = 0; b < 4; ++b) {
        bytes[4 * i + b] = static_cast<std::uint8_t>(words[i] >> (8 * b));
      }
    }
    std::memcpy(&bytes[kKey], key.data(), key.size());
    if (!iv.empty()) std::memcpy(&bytes[kIv], iv.data(), iv.size());
  }
};

/// Where one request's pieces stand in the memory.
struct RequestPlace {
  std::uint32_t descriptors = 0;  ///< five of 32 bytes each, as the driver's pool has them
  std::uint32_t op = 0;
  std::uint32_t src = 0;
  std::uint32_t dst = 0;

  std::uint32_t descriptor(unsigned i) const { return descriptors + 32 * i; }
};

/// The chain the Linux driver builds for a contiguous cipher request of up to 1920 bytes:
/// operation in, data in, launch, data out, result out.
inline void put_request(CesaBench& bench, const RequestPlace& at, const CipherOp& op,
                        std::uint32_t length, std::uint32_t sram_base = kSramBase0,
                        std::uint32_t next_request = 0) {
  std::memcpy(bench.mem(at.op, sram_base == kSramBase1), op.bytes.data(), CipherOp::kBytes);
  const std::uint32_t data = sram_base + CipherOp::kData;
  bench.put(at.descriptor(0), {CipherOp::kBytes, true, at.op, sram_base, at.descriptor(1)});
  bench.put(at.descriptor(1), {length, true, at.src, data, at.descriptor(2)});
  bench.put(at.descriptor(2), {0, false, 0, 0, at.descriptor(3)});
  bench.put(at.descriptor(3), {length, true, data, at.dst, at.descriptor(4)});
  bench.put(at.descriptor(4), {CipherOp::kBytes, true, sram_base, at.op, next_request});
}

}  // namespace cesasim::test
