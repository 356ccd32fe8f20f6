// SPDX-License-Identifier: Apache-2.0
// What differs between the CESA units of the SoC generations, as data.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "hw_model/common/params.h"

namespace cesasim::hw {

/// The grain in which the engine's DMA reaches the bus. Function and interrupts are the same.
enum class Fidelity : std::uint8_t {
  descriptor,  ///< one access for all the bytes of a descriptor
  burst        ///< one access, at its own time, for every burst
};

struct CesaParams {
  // What the SoC has.
  std::uint32_t engines = 1;
  std::uint32_t sram_bytes = 2048;
  std::uint32_t sram_reserved_bytes = 0;
  bool tdma = true;
  bool sha256 = false;
  bool coalescing = false;
  std::uint32_t channels = 1;
  bool outstanding_modes = false;
  bool buffers_partial_block = true;
  // Where the SoC has it.
  std::uint32_t regs_offset = 0;
  std::uint32_t sram_base0 = 0;
  std::uint32_t sram_base1 = 0;
  std::uint32_t irq0 = 0;
  std::uint32_t irq1 = 0;
  // How fast it is.
  double clock_hz = 200e6;
  double engine_clock_hz = 200e6;
  double chain_start_cycles = 0;
  double descriptor_fetch_cycles = 0;
  double beat_cycles = 1;
  double read_burst_cycles = 0;
  double write_burst_cycles = 0;
  std::uint32_t outstanding_reads = 2;
  double sa_start_cycles = 0;
  double sa_end_cycles = 0;
  double aes128_block_cycles = 11;
  double aes192_block_cycles = 13;
  double aes256_block_cycles = 15;
  double des_block_cycles = 16;
  double des3_block_cycles = 48;
  double md5_block_cycles = 65;
  double sha1_block_cycles = 81;
  double sha256_block_cycles = 65;
  double sram_read_cycles = 0;
  double sram_write_cycles = 0;
  // A limit of the model, not of the silicon.
  std::uint32_t chain_limit = 65536;

  void describe(ParamVisitor& v) {
    v.count("engines", engines, "engines", 1, 2, "crypto engines, each with SRAM and DMA");
    v.count("sram_bytes", sram_bytes, "bytes", 512, 65536, "SRAM of one engine");
    v.count("sram_reserved_bytes", sram_reserved_bytes, "bytes", 0, 1024,
            "start of the SRAM that platform code keeps for itself");
    v.flag("tdma", tdma, "the engine has its own DMA (without: the processor copies)");
    v.flag("sha256", sha256, "the engine knows SHA-256");
    v.flag("coalescing", coalescing, "the unit has the interrupt coalescing registers");
    v.count("channels", channels, "channels", 1, 2,
            "accelerator channels, each with its descriptor pointer, that share the engines");
    v.flag("outstanding_modes", outstanding_modes,
           "the DMA's CONTROL register has the outstanding modes (bits 17..16)");
    v.flag("buffers_partial_block", buffers_partial_block,
           "a MAC fragment that is no multiple of 64 bytes waits in the engine for the next one "
           "(without: it is refused)");
    v.count("regs_offset", regs_offset, "address", 0, 0xFFFFFFFF,
            "registers, from the start of the SoC's internal register window");
    v.count("sram_base0", sram_base0, "address", 0, 0xFFFFFFFF,
            "bus address of engine 0's SRAM window");
    v.count("sram_base1", sram_base1, "address", 0, 0xFFFFFFFF,
            "bus address of engine 1's SRAM window (0 with one engine)");
    v.count("irq0", irq0, "line", 0, 95, "interrupt line of engine 0");
    v.count("irq1", irq1, "line", 0, 95, "interrupt line of engine 1 (0 with one engine)");
    v.number("clock_hz", clock_hz, "Hz", 1e6, 1e10, "clock of the unit and its DMA (TCLK)");
    v.number("engine_clock_hz", engine_clock_hz, "Hz", 1e6, 1e10, "clock of the cipher engines");
    v.number("chain_start_cycles", chain_start_cycles, "TCLK cycles", 0, 10000,
             "from the CMD write to the first descriptor fetch");
    v.number("descriptor_fetch_cycles", descriptor_fetch_cycles, "TCLK cycles", 0, 10000,
             "one DMA descriptor beside its data beats and the memory's latency");
    v.number("beat_cycles", beat_cycles, "TCLK cycles", 0.1, 100, "one 8-byte beat of the DMA");
    v.number("read_burst_cycles", read_burst_cycles, "TCLK cycles", 0, 10000,
             "wait before each further read burst when reads are not outstanding; the first "
             "burst waits for the memory's own latency");
    v.number("write_burst_cycles", write_burst_cycles, "TCLK cycles", 0, 10000,
             "cost of posting one write burst");
    v.count("outstanding_reads", outstanding_reads, "bursts", 1, 8,
            "read bursts in progress at once when CONTROL bit 4 (outstanding reads) is set");
    v.number("sa_start_cycles", sa_start_cycles, "TCLK cycles", 0, 10000,
             "accelerator: read descriptor, key and IV");
    v.number("sa_end_cycles", sa_end_cycles, "TCLK cycles", 0, 10000,
             "accelerator: write back the IV, hand over");
    v.number("aes128_block_cycles", aes128_block_cycles, "engine cycles/block", 1, 1000,
             "AES, 128-bit key");
    v.number("aes192_block_cycles", aes192_block_cycles, "engine cycles/block", 1, 1000,
             "AES, 192-bit key");
    v.number("aes256_block_cycles", aes256_block_cycles, "engine cycles/block", 1, 1000,
             "AES, 256-bit key");
    v.number("des_block_cycles", des_block_cycles, "engine cycles/block", 1, 1000,
             "DES, 8-byte block");
    v.number("des3_block_cycles", des3_block_cycles, "engine cycles/block", 1, 1000,
             "3DES, 8-byte block");
    v.number("md5_block_cycles", md5_block_cycles, "engine cycles/block", 1, 1000,
             "MD5, 64-byte block");
    v.number("sha1_block_cycles", sha1_block_cycles, "engine cycles/block", 1, 1000,
             "SHA-1, 64-byte block");
    v.number("sha256_block_cycles", sha256_block_cycles, "engine cycles/block", 1, 1000,
             "SHA-256, 64-byte block");
    v.number("sram_read_cycles", sram_read_cycles, "TCLK cycles", 0, 1000,
             "a core's 32-bit read of the SRAM, beside the bus");
    v.number("sram_write_cycles", sram_write_cycles, "TCLK cycles", 0, 1000,
             "a core's 32-bit write of the SRAM, beside the bus");
    v.count("chain_limit", chain_limit, "descriptors", 16, 100000000,
            "a chain longer than this is taken for a loop and stopped");
  }

  /// Throws ParamError where the parts contradict each other or no model can be built;
  /// describe() gives the bounds of the single values.
  void check() const {
    const auto refuse = [](const char* field, const std::string& valid, const std::string& value) {
      throw ParamError("cesa", field, "must be " + valid + ", not " + value, valid);
    };
    if (engines < 1 || engines > 2) refuse("engines", "1 or 2", std::to_string(engines));
    if (channels < 1 || channels > 2) refuse("channels", "1 or 2", std::to_string(channels));
    if (outstanding_reads < 1) {
      refuse("outstanding_reads", "at least 1", std::to_string(outstanding_reads));
    }
    if (sram_bytes < 512) refuse("sram_bytes", "at least 512", std::to_string(sram_bytes));
    if (sram_reserved_bytes >= sram_bytes) {
      refuse("sram_reserved_bytes", "below sram_bytes, " + std::to_string(sram_bytes),
             std::to_string(sram_reserved_bytes));
    }
    for (const auto& [field, hz] :
         {std::pair{"clock_hz", clock_hz}, std::pair{"engine_clock_hz", engine_clock_hz}}) {
      if (!(hz > 0)) refuse(field, "positive", std::to_string(hz));
    }
    if (engines == 2 && tdma && sram_base0 < sram_base1 + sram_bytes &&
        sram_base1 < sram_base0 + sram_bytes) {
      throw ParamError("cesa", "sram_base1", "is less than sram_bytes away from sram_base0",
                       "windows that do not overlap");
    }
  }

  std::uint32_t sram_base(unsigned engine) const { return engine == 0 ? sram_base0 : sram_base1; }
  std::uint32_t irq(unsigned engine) const { return engine == 0 ? irq0 : irq1; }
};

}  // namespace cesasim::hw
