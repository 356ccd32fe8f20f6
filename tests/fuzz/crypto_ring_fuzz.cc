// SPDX-License-Identifier: Apache-2.0
// Fuzz target: what a driver gone mad can do to the crypto ring (docs/ring.md) through registers,
// rings, lists and keys. Whatever the input says: no crash, no hang, no access outside the
// memory, and the rules of the data sheet below hold.
#include "tests/fuzz/crypto_ring_fuzz.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "hw_model/ring/core.h"
#include "tests/fuzz/byte_stream.h"
#include "tests/fuzz/fuzz_memory.h"

namespace cesasim::fuzz {
namespace {

namespace reg = hw::ring_reg;
namespace unit = hw::ring_unit_reg;
using hw::Ps;

// A ring of 4 x 64 descriptors, lists of 8 entries: far fewer steps than this end all of it.
constexpr unsigned kMaxSteps = 200'000;

hw::RingParams built(ByteStream& in) {
  hw::RingParams p;
  p.engines = 1 + in.u8() % 3;
  p.rings = 1 + in.u8() % 3;
  p.buffers = 1 + in.u8() % 4;
  p.sram_bytes = 64u << in.u8() % 6;
  p.prefetch_descriptors = 1 + in.u8() % 8;
  p.list_prefetch = 1 + in.u8() % 4;
  p.list_max = 8;
  p.engine_queue = 1 + in.u8() % 4;
  p.tracked_requests = 1 + in.u8() % 16;
  p.key_slots = in.u8() % 4;
  return p;
}

class Program {
 public:
  Program(const std::uint8_t* data, std::size_t size)
      : in_(data, size), params_(built(in_)), ports_(ports()), core_(params_, ports_) {
    for (unsigned r = 0; r < params_.rings; ++r) set_up(r);
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
  std::vector<hw::DmaPort*> ports() {
    return std::vector<hw::DmaPort*>(hw::ring_channel::count(params_.engines), &memory_);
  }

  static std::uint32_t sq_base(unsigned ring) { return 0x1000 + 0x1000 * ring; }
  static std::uint32_t cq_base(unsigned ring) { return 0x8000 + 0x1000 * ring; }

  void write(unsigned ring, std::uint32_t offset, std::uint32_t value) {
    core_.write(reg::page(ring) + offset, value, now_);
  }

  /// Rings of 16 and 16 in memory that is there: most inputs should get past this.
  void set_up(unsigned ring) {
    write(ring, reg::kSqBaseLo, sq_base(ring));
    write(ring, reg::kSqSize, 4);
    write(ring, reg::kCqBaseLo, cq_base(ring));
    write(ring, reg::kCqSize, 4);
    write(ring, reg::kShadowLo, 0x800 + 16 * ring);
    write(ring, reg::kIndexLo, 0x900 + 16 * ring);
    write(ring, reg::kConfig, 1u | (in_.u8() & 0xE));
  }

  void one() {
    const unsigned ring = in_.u8() % params_.rings;
    switch (in_.u8() % 9) {
      case 0:
        core_.write(offset(), in_.u32(), now_);
        break;
      case 1:
        (void)core_.read(offset());
        break;
      case 2:
        for (std::uint32_t at = in_.u16(), n = in_.u8(); n > 0; --n, ++at) {
          memory_.bytes[at % FuzzMemory::kBytes] = in_.u8();
        }
        break;
      case 3:
      case 4:
        descriptor(ring);
        break;
      case 5:
        list();
        break;
      case 6:
        write(ring, reg::kSqProducer,
              (core_.peek(reg::page(ring) + reg::kSqProducer) + in_.u8() % 20) & 0xFFFF);
        break;
      case 7:
        write(ring, reg::kCqConsumer, core_.peek(reg::page(ring) + reg::kCqProducer));
        break;
      case 8:
        for (unsigned n = in_.u8(); n > 0 && step(); --n) {
        }
        break;
    }
  }

  std::uint32_t offset() {
    const std::uint16_t pick = in_.u16();
    if (pick & 0x8000) return pick & 0x7FFF;
    return reg::kPageBytes * (pick % (params_.rings + 1)) + (pick >> 4 & 0x7C);
  }

  std::uint64_t address() {
    const std::uint8_t kind = in_.u8();
    if (kind < 220) return in_.u16();
    if (kind < 240) return FuzzMemory::kBytes - 32 + in_.u8();
    return in_.u32() | std::uint64_t{in_.u32()} << 32;
  }

  void descriptor(unsigned ring) {
    hw::RingDescriptor d;
    const std::uint8_t odd = in_.u8();
    d.control = odd & 1 ? in_.u32() : in_.u16() & hw::ring_control::kBits;
    if (!(odd & 2)) d.control = (d.control & ~0xFu) | (1 + d.control % 3);
    d.length = odd & 4 ? in_.u32() : in_.u8() * 16u;
    d.source_entries = odd & 8 ? in_.u8() % 10 : 0;
    d.destination_entries = odd & 16 ? in_.u8() % 10 : 0;
    d.source = address();
    d.destination = odd & 32 ? 0 : address();
    if (d.source_entries) d.source &= ~std::uint64_t{15};
    if (d.destination_entries) d.destination &= ~std::uint64_t{15};
    d.key = odd & 64 ? in_.u8() % 5 : address();
    if (d.has(hw::ring_control::kIvOut)) d.iv_out = address() & ~std::uint64_t{15};
    const std::span<std::uint8_t, hw::RingDescriptor::kBytes> at(
        memory_.bytes.data() + sq_base(ring) + 64 * (in_.u8() % 16), 64);
    d.encode(at);
  }

  void list() {
    std::uint32_t at = in_.u16() & 0xFFF0;
    for (unsigned n = in_.u8() % 10; n > 0; --n, at += 16) {
      hw::RingListEntry e;
      e.address = address();
      e.length = in_.u8() & 1 ? in_.u16() : in_.u8();
      e.encode(std::span<std::uint8_t, hw::RingListEntry::kBytes>(memory_.bytes.data() + at, 16));
    }
  }

  bool step() {
    const Ps due = core_.next();
    if (due == hw::kNever) return false;
    require(due < now_ + Ps{10'000'000'000'000}, "a step takes less than ten seconds");
    now_ = std::max(now_, due);
    core_.step(now_);
    return true;
  }

  void settle() {
    unsigned steps = 0;
    while (step()) require(++steps < kMaxSteps, "what runs ends");
  }

  void check() {
    for (unsigned r = 0; r < params_.rings; ++r) {
      const auto get = [&](std::uint32_t o) { return core_.peek(reg::page(r) + o); };
      require(core_.irq(r) == ((get(reg::kIntCause) & get(reg::kIntMask)) != 0),
              "the line shows cause and mask");
      const auto known = static_cast<std::uint16_t>(get(reg::kSqProducer) - get(reg::kSqConsumer));
      require(known <= 4096, "no more descriptors are known than the largest ring holds");
      require(hw::ring_bit::status::in_flight(get(reg::kStatus)) <=
                  params_.tracked_requests + params_.prefetch_descriptors,
              "requests in flight are bounded");
    }
  }

  ByteStream in_;
  hw::RingParams params_;
  FuzzMemory memory_;
  std::vector<hw::DmaPort*> ports_;
  hw::RingCore core_;
  Ps now_ = 0;
};

}  // namespace

void fuzz_crypto_ring(const std::uint8_t* data, std::size_t size) {
  if (size > 0) Program(data, size).run();
}

}  // namespace cesasim::fuzz
