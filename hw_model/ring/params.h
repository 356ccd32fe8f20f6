// SPDX-License-Identifier: Apache-2.0
// What is built into a crypto ring and how fast it is. The data sheet is docs/ring.md.
#pragma once

#include <cstdint>
#include <string>

#include "hw_model/common/params.h"

namespace cesasim::hw {

struct RingParams {
  // What is built.
  std::uint32_t engines = 1;
  std::uint32_t rings = 1;
  std::uint32_t sram_bytes = 2048;
  std::uint32_t buffers = 2;
  std::uint32_t prefetch_descriptors = 4;
  std::uint32_t list_prefetch = 4;
  std::uint32_t list_max = 256;
  std::uint32_t engine_queue = 4;
  std::uint32_t tracked_requests = 32;
  std::uint32_t key_slots = 8;
  // Where the SoC has it.
  std::uint32_t regs_offset = 0xC0000;
  std::uint32_t irq_first = 80;
  // How fast it is.
  double clock_hz = 200e6;
  double engine_clock_hz = 200e6;
  double doorbell_cycles = 0;
  double descriptor_fetch_cycles = 0;
  double beat_cycles = 1;
  double read_burst_cycles = 0;
  double write_burst_cycles = 0;
  std::uint32_t burst_bytes = 128;
  double cipher_start_cycles = 0;
  double cipher_end_cycles = 0;
  double decrypt_key_cycles = 0;
  double aes128_block_cycles = 11;
  double aes192_block_cycles = 13;
  double aes256_block_cycles = 15;
  double des_block_cycles = 16;
  double des3_block_cycles = 48;

  void describe(ParamVisitor& v) {
    v.count("engines", engines, "engines", 1, 4, "engines behind the rings, each with SRAM");
    v.count("rings", rings, "rings", 1, 8, "rings, each with a register page and a line");
    v.count("sram_bytes", sram_bytes, "bytes", 64, 65536, "data SRAM of one engine");
    v.count("buffers", buffers, "buffers", 1, 4,
            "equal parts of the SRAM: 1 = copies and cipher in turn, 2 = double buffering");
    v.count("prefetch_descriptors", prefetch_descriptors, "descriptors", 1, 64,
            "descriptors a ring fetches ahead");
    v.count("list_prefetch", list_prefetch, "entries", 1, 64, "list entries read at a time");
    v.count("list_max", list_max, "entries", 1, 4096, "longest source or destination list");
    v.count("engine_queue", engine_queue, "requests", 1, 16, "requests one engine holds");
    v.count("tracked_requests", tracked_requests, "requests", 1, 256,
            "requests of one ring between dispatch and completion");
    v.count("key_slots", key_slots, "slots", 0, 32, "keys kept in the device");
    v.count("regs_offset", regs_offset, "address", 0, 0xFFFFFFFF,
            "registers, from the start of the SoC's internal register window");
    v.count("irq_first", irq_first, "line", 0, 95,
            "interrupt line of ring 0; ring r has the r-th after");
    v.number("clock_hz", clock_hz, "Hz", 1e6, 1e10, "clock of the unit and its DMA (TCLK)");
    v.number("engine_clock_hz", engine_clock_hz, "Hz", 1e6, 1e10, "clock of the cipher engines");
    v.number("doorbell_cycles", doorbell_cycles, "TCLK cycles", 0, 10000,
             "from the doorbell to the first fetch of a ring that had nothing to fetch");
    v.number("descriptor_fetch_cycles", descriptor_fetch_cycles, "TCLK cycles", 0, 10000,
             "one descriptor beside its data beats and the memory's latency");
    v.number("beat_cycles", beat_cycles, "TCLK cycles", 0.1, 100, "one 8-byte beat of a channel");
    v.number(
        "read_burst_cycles", read_burst_cycles, "TCLK cycles", 0, 10000,
        "wait before each further read burst; the first one waits for the memory's own latency");
    v.number("write_burst_cycles", write_burst_cycles, "TCLK cycles", 0, 10000,
             "cost of posting one write burst");
    v.count("burst_bytes", burst_bytes, "bytes", 32, 128, "longest burst: 32 or 128");
    v.number("cipher_start_cycles", cipher_start_cycles, "TCLK cycles", 0, 10000,
             "cipher: take key and IV, once a request");
    v.number("cipher_end_cycles", cipher_end_cycles, "TCLK cycles", 0, 10000,
             "cipher: hand a buffer over");
    v.number("decrypt_key_cycles", decrypt_key_cycles, "TCLK cycles", 0, 10000,
             "AES: expand the key to its end, once a decryption");
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
  }

  /// Bytes of one SRAM buffer: the largest piece of a request.
  std::uint32_t buffer_bytes() const { return sram_bytes / buffers / 16 * 16; }

  /// Throws ParamError where no model can be built; describe() gives the bounds of the single
  /// values.
  void check() const {
    const auto refuse = [](const char* field, const std::string& valid, const std::string& value) {
      throw ParamError("ring", field, "must be " + valid + ", not " + value, valid);
    };
    const auto within = [&refuse](const char* field, std::uint32_t value, std::uint32_t low,
                                  std::uint32_t high) {
      if (value < low || value > high) {
        refuse(field, std::to_string(low) + " to " + std::to_string(high), std::to_string(value));
      }
    };
    const auto positive = [&refuse](const char* field, double value) {
      if (!(value > 0)) refuse(field, "positive", std::to_string(value));
    };
    within("engines", engines, 1, 4);
    within("rings", rings, 1, 8);
    within("buffers", buffers, 1, 4);
    within("sram_bytes", sram_bytes, 64, 65536);
    within("prefetch_descriptors", prefetch_descriptors, 1, 64);
    within("list_prefetch", list_prefetch, 1, 64);
    within("list_max", list_max, 1, 4096);
    within("engine_queue", engine_queue, 1, 16);
    within("tracked_requests", tracked_requests, 1, 256);
    within("key_slots", key_slots, 0, 32);
    if (burst_bytes != 32 && burst_bytes != 128) {
      refuse("burst_bytes", "32 or 128", std::to_string(burst_bytes));
    }
    positive("clock_hz", clock_hz);
    positive("engine_clock_hz", engine_clock_hz);
  }

  std::uint32_t irq(unsigned ring) const { return irq_first + ring; }
};

}  // namespace cesasim::hw
