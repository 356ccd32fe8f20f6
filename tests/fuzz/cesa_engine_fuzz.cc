// SPDX-License-Identifier: Apache-2.0
// Fuzz target: what a driver gone mad can do to one engine through registers, SRAM and
// descriptors. The input is a program of register accesses, memory writes and steps of time.
// Whatever it says: no crash, no hang, no access outside the model's memory, and the rules
// below hold. Built as a libFuzzer binary by tools/fuzz, and replayed over the kept seeds and
// over random programs by corpus_test.
#include "tests/fuzz/cesa_engine_fuzz.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "hw_model/cesa/engine.h"
#include "hw_model/cesa/registers.h"
#include "hw_model/cesa/sa_descriptor.h"
#include "tests/fuzz/byte_stream.h"
#include "tests/fuzz/fuzz_memory.h"

namespace cesasim::fuzz {
namespace {

using hw::PhysAddr;
using hw::Ps;

constexpr PhysAddr kSramBase = 0xF5000000;
constexpr std::uint32_t kChainLimit = 64;
// 64 KiB in bursts of 32 bytes for each descriptor, and a few more.
constexpr unsigned kMaxSteps = kChainLimit * (2048 + 8);

hw::CesaParams generation(std::uint8_t choice) {
  hw::CesaParams p;
  p.sram_base0 = kSramBase;
  p.chain_limit = kChainLimit;
  p.tdma = choice & 1;
  p.sha256 = choice & 2;
  p.coalescing = choice & 4;
  p.sram_reserved_bytes = choice & 8 ? 0x20 : 0;
  p.channels = choice & 16 ? 2 : 1;
  p.outstanding_modes = choice & 32;
  p.buffers_partial_block = choice & 128;
  return p;
}

class Program {
 public:
  Program(const std::uint8_t* data, std::size_t size)
      : in_(data, size),
        shape_(in_.u8()),
        engine_(generation(shape_), kSramBase, memory_,
                shape_ & 64 ? hw::Fidelity::burst : hw::Fidelity::descriptor) {
    // Most inputs should get past the windows and the control word.
    engine_.write(hw::cesa_reg::tdma_win_ctrl(0), 0x0000'0001 | (1u << 16), now_);
    engine_.write(hw::cesa_reg::kTdmaControl, 0x1904, now_);
  }

  void run() {
    while (!in_.empty()) {
      one();
      check();
    }
    settle();
    check();
  }

 private:
  void one() {
    switch (in_.u8() % 10) {
      case 0:
        engine_.write(register_offset(), in_.u32(), now_);
        break;
      case 1:
        (void)engine_.read(register_offset());
        break;
      case 2: {
        const auto sram = engine_.sram();
        for (std::uint32_t at = in_.u16(), n = in_.u8(); n > 0; --n, ++at) {
          sram[at % sram.size()] = in_.u8();
        }
        break;
      }
      case 3:
        for (std::uint32_t at = in_.u16(), n = in_.u8(); n > 0; --n, ++at) {
          memory_.bytes[at % FuzzMemory::kBytes] = in_.u8();
        }
        break;
      case 4:
        for (unsigned n = in_.u8(); n > 0 && step(); --n) {
        }
        break;
      case 5:
        tdma_descriptor();
        break;
      case 6:
        sa_descriptor();
        break;
      case 7:
        launch();
        break;
      case 8:
        settle();
        break;
      case 9:
        engine_.write(hw::cesa_reg::kCmd, hw::cesa_bit::cmd::kStop, now_);
        require(!engine_.running(), "a stop ends what runs");
        break;
    }
  }

  /// Mostly a register of the table, sometimes any offset.
  std::uint32_t register_offset() {
    const std::uint16_t pick = in_.u16();
    if (pick & 0x8000) return pick & 0x7FFF;
    const auto table = hw::cesa_registers();
    return table[pick % table.size()].offset;
  }

  std::uint32_t bus_address() {
    const std::uint8_t kind = in_.u8();
    const std::uint16_t offset = in_.u16();
    if (kind < 100) return offset;                                     // memory
    if (kind < 200) return kSramBase + (offset & 0x7FF);               // SRAM
    if (kind < 220) return FuzzMemory::kBytes - 64 + (offset & 0x7F);  // over the memory's end
    if (kind < 240) return kSramBase + 0x7C0 + (offset & 0x7F);        // over the SRAM's end
    return in_.u32();
  }

  // One DMA descriptor in one of 32 places, so that chains and loops come about often.
  void tdma_descriptor() {
    const std::uint32_t at = 0x100 + 32 * (in_.u8() % 32);
    const std::uint8_t shape = in_.u8();
    const std::uint32_t next = shape & 1 ? 0x100 + 32 * (in_.u8() % 32) : 0;
    const std::uint32_t count = shape & 2 ? in_.u16() : in_.u8();
    const std::uint32_t own = shape & 4 ? 0x8000'0000 : 0;
    store(at, own | (own ? count : 0));
    store(at + 4, bus_address());
    store(at + 8, bus_address());
    store(at + 12, shape & 8 ? in_.u32() : next);
  }

  void sa_descriptor() {
    const auto sram = engine_.sram();
    const std::uint32_t at = in_.u8() % 8 * 8;
    const auto word = [&](unsigned i, std::uint32_t v) {
      std::memcpy(sram.data() + at + 4 * i, &v, 4);
    };
    const std::uint8_t odd = in_.u8();
    // Documented bits only, unless the input asks for more.
    word(0, in_.u32() & (odd & 1 ? 0xFFFFFFFF : hw::SaDescriptor::kConfigBits));
    const auto offset = [&] { return odd & 2 ? in_.u16() : in_.u8() * 8u; };
    const auto length = [&] { return odd & 4 ? in_.u16() : in_.u8() * 16u; };
    word(1, offset() | offset() << 16);
    word(2, length());
    word(3, offset());
    word(4, offset() | offset() << 16);
    word(5, offset() | length() << 16);
    word(6, offset() | length() << 16);
    word(7, offset() | offset() << 16);
    engine_.write(hw::cesa_reg::kDescP0, at, now_);
  }

  void launch() {
    const std::uint8_t how = in_.u8();
    engine_.write(hw::cesa_reg::kTdmaNext, how & 0x80 ? in_.u32() : 0x100 + 32 * (how % 32), now_);
    engine_.write(hw::cesa_reg::kCfg, how & 0x40 ? 0x2A80 : in_.u32(), now_);
    engine_.write(hw::cesa_reg::kCmd, how & 0x20 ? 2 : 1, now_);
  }

  /// False if only software can make something happen.
  bool step() {
    const Ps due = engine_.next_at();
    if (due == hw::CesaEngine::kNever) return false;
    require(due < now_ + Ps{1'000'000'000'000}, "a step takes less than a second");
    now_ = std::max(now_, due);
    engine_.advance(now_);
    return true;
  }

  // A chain is bounded by chain_limit, so all that can go on by itself ends after so many
  // steps: two channels, a DMA of bursts and the coalescing timer included.
  void settle() {
    unsigned steps = 0;
    while (step()) {
      require(++steps < kMaxSteps, "what runs ends");
    }
  }

  void check() {
    namespace reg = hw::cesa_reg;
    const bool line = (engine_.peek(reg::kIntCause) & engine_.peek(reg::kIntMask)) != 0 ||
                      (engine_.peek(reg::kTdmaErrorCause) & engine_.peek(reg::kTdmaErrorMask)) != 0;
    require(engine_.irq() == line, "the line shows cause and mask");
    const std::uint32_t activate = hw::cesa_bit::cmd::kActivate0 | hw::cesa_bit::cmd::kActivate1;
    if (!engine_.running()) {
      require((engine_.peek(reg::kCmd) & activate) == 0, "CMD reads 0 when nothing runs");
      require((engine_.peek(reg::kStatus) & 3) == 0, "STATUS shows no active channel when idle");
      require((engine_.peek(reg::kTdmaControl) & hw::cesa_bit::tdma_control::kActive) == 0,
              "CONTROL shows no active DMA when idle");
    }
    require(engine_.sram().size() == 2048, "the SRAM keeps its size");
  }

  void store(std::uint32_t at, std::uint32_t value) {
    std::memcpy(memory_.bytes.data() + at, &value, 4);
  }

  ByteStream in_;
  std::uint8_t shape_;
  FuzzMemory memory_;
  hw::CesaEngine engine_;
  Ps now_ = 0;
};

}  // namespace

void fuzz_cesa_engine(const std::uint8_t* data, std::size_t size) {
  if (size > 0) Program(data, size).run();
}

}  // namespace cesasim::fuzz
