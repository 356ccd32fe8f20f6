// SPDX-License-Identifier: Apache-2.0
#include "hw_model/ring/registers.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "hw_model/registers/register_file.h"
#include "tests/hw_model/ring/ring_bench.h"

namespace cesasim::hw {
namespace {

using test::bench_params;
using test::PlainRing;

const std::span<const RegisterDesc> kPages[] = {ring_unit_registers(), ring_registers()};

TEST(RingRegisters, NamesAndFieldNamesAreUnique) {
  for (const auto page : kPages) {
    std::set<std::string_view> names;
    for (const RegisterDesc& r : page) {
      EXPECT_TRUE(names.insert(r.name).second) << r.name;
      EXPECT_FALSE(r.doc.empty()) << r.name;
      std::set<std::string_view> fields;
      for (const RegisterField& f : r.fields) {
        EXPECT_TRUE(fields.insert(f.name).second) << r.name << "." << f.name;
      }
    }
  }
}

// Every bit of every register, written alone over zeros and left alone under ones.
TEST(RingRegisters, EveryBitFollowsItsMask) {
  for (const auto table : kPages) {
    for (const RegisterDesc& r : table) {
      RegisterFile page(table);
      const std::uint8_t index = page.find(r.offset);
      ASSERT_NE(index, kNoRegister) << r.name;
      EXPECT_EQ(&page.desc(index), &r);
      EXPECT_EQ(page.get(r.offset), r.reset) << r.name;
      for (unsigned n = 0; n < 32; ++n) {
        SCOPED_TRACE(std::string(r.name) + " bit " + std::to_string(n));
        const std::uint32_t bit = 1u << n;
        const bool kept = (r.ro | r.w0c | r.self_clearing | r.reserved) & bit;
        page.set(r.offset, 0);
        const auto w = page.write(index, bit);
        EXPECT_EQ(page.get(r.offset), kept ? 0 : bit);
        EXPECT_EQ(w.pulses, r.self_clearing & bit);
        EXPECT_EQ(w.reserved, r.w0c ? 0 : r.reserved & bit);

        const std::uint32_t ones = ~r.reserved;
        page.set(r.offset, ones);
        page.write(index, ~bit);
        EXPECT_EQ(page.get(r.offset) & bit, (r.w0c & bit) || !kept ? 0 : ones & bit);
        page.set(r.offset, ones);
        page.write(index, 0xFFFFFFFF);
        EXPECT_EQ(page.get(r.offset) & bit, ones & bit);
      }
    }
  }
}

// The same through the unit, for all registers that hold what was written.
TEST(RingRegisters, TheUnitDecodesEveryPage) {
  PlainRing ring(bench_params(2, 3));
  for (unsigned page = 0; page < 16; ++page) {
    for (std::uint32_t offset = 0; offset < 0x100; offset += 4) {
      const std::uint32_t at = page * 0x1000 + offset;
      const auto table = kPages[page == 0 ? 0 : 1];
      const auto r = std::find_if(table.begin(), table.end(),
                                  [&](const RegisterDesc& d) { return d.offset == offset; });
      const bool there = page <= 3 && r != table.end();
      const auto errors = ring.core->stats().guest_errors;
      const std::uint32_t value = ring.read(at);
      EXPECT_EQ(ring.core->stats().guest_errors, errors + (there ? 0 : 1)) << at;
      if (!there) {
        EXPECT_EQ(value, 0u);
        ring.write(at, 0xFFFFFFFF);
        EXPECT_EQ(ring.core->stats().guest_errors, errors + 2) << at;
        EXPECT_EQ(ring.read(at), 0u);
        continue;
      }
      if (!(page == 0 && offset >= ring_unit_reg::kCaps0 && offset <= ring_unit_reg::kAlgorithms)) {
        EXPECT_EQ(value, r->reset) << r->name;
      }
      // Commands, doorbell and acknowledgement act: they have tests of their own.
      if (r->ro == 0 && r->w0c == 0 && r->self_clearing == 0 && offset != ring_reg::kConfig &&
          offset != ring_reg::kSqProducer && offset != ring_reg::kCqConsumer) {
        const std::uint32_t pattern = 0xA5C3961Eu + at;
        ring.write(at, pattern);
        EXPECT_EQ(ring.read(at), pattern & ~r->reserved) << r->name;
        EXPECT_EQ(ring.core->peek(at), pattern & ~r->reserved) << r->name;
      }
    }
  }
}

// All ones to every register of a ring at rest, through the unit: what reads back is what the
// table's masks keep.
TEST(RingRegisters, AllOnesReadBackWithinTheMasks) {
  PlainRing ring(bench_params(2, 3));
  for (unsigned page = 0; page <= 3; ++page) {
    for (const RegisterDesc& r : kPages[page == 0 ? 0 : 1]) {
      // Enabling and ringing act on the ring as it is set up: they have tests of their own.
      if (page > 0 && (r.offset == ring_reg::kConfig || r.offset == ring_reg::kSqProducer ||
                       r.offset == ring_reg::kCqConsumer)) {
        continue;
      }
      const std::uint32_t at = page * ring_reg::kPageBytes + r.offset;
      const std::uint32_t kept = r.ro | r.w0c | r.self_clearing | r.reserved;
      const std::uint32_t before = ring.read(at);
      ring.write(at, 0xFFFFFFFF);
      ring.run();  // a reset reads 1 until it is complete
      EXPECT_EQ(ring.read(at), (before & kept) | ~kept) << r.name;
    }
  }
}

TEST(RingRegisters, IdentityAndCapabilitiesSayWhatIsBuilt) {
  RingParams p = bench_params(2, 3);
  p.key_slots = 5;
  p.list_max = 300;
  PlainRing ring(p);
  EXPECT_EQ(ring.read(0x00), 0x474E4952u);
  EXPECT_EQ(ring.read(0x04), 0x00010001u);
  EXPECT_EQ(ring.read(0x08), 3u | 2u << 4 | 2u << 8 | 4u << 16 | 5u << 24);
  EXPECT_EQ(ring.read(0x0C), 300u | 12u << 16 | 4u << 20);
  EXPECT_EQ(ring.read(0x10), 0x1000Eu);
  ring.write(0x08, 0);
  EXPECT_EQ(ring.read(0x08) & 0xF, 3u) << "read only";
}

TEST(RingRegisters, KeysCanBeLoadedButNotReadBack) {
  PlainRing ring;
  test::RingDriver driver(ring);
  driver.load_key(2, test::pattern(32, 1));
  EXPECT_EQ(ring.read(ring_unit_reg::kKeyValid), 4u);
  for (unsigned i = 0; i < 8; ++i) {
    ring.write(ring_unit_reg::key_data(i), 0x12345678);
    EXPECT_EQ(ring.read(ring_unit_reg::key_data(i)), 0u);
    EXPECT_EQ(ring.core->peek(ring_unit_reg::key_data(i)), 0u);
  }
  ring.write(ring_unit_reg::kKeyCommand, ring_bit::key_command::kErase | 2);
  EXPECT_EQ(ring.read(ring_unit_reg::kKeyValid), 0u);
  EXPECT_EQ(ring.core->stats().guest_errors, 0u) << ring.core->stats().last_report;
  ring.write(ring_unit_reg::kKeyCommand, ring_bit::key_command::kLoad | 8);
  EXPECT_EQ(ring.core->stats().guest_errors, 1u) << "there are slots 0 to 7";
  ring.write(ring_unit_reg::kKeyCommand,
             ring_bit::key_command::kLoad | ring_bit::key_command::kErase);
  EXPECT_EQ(ring.core->stats().guest_errors, 2u);
  EXPECT_EQ(ring.read(ring_unit_reg::kKeyValid), 0u);
}

TEST(RingRegisters, DebugAccessHasNoEffect) {
  PlainRing ring;
  test::RingDriver driver(ring);
  const std::uint32_t page = ring_reg::page(0);
  ring.core->poke(page + ring_reg::kCommand, 1);
  ring.core->poke(page + ring_reg::kSqProducer, 5);
  EXPECT_EQ(ring.core->stats().doorbells, 0u);
  EXPECT_EQ(ring.core->peek(page + 0x800), 0u);
  EXPECT_EQ(ring.core->stats().guest_errors, 0u);
  EXPECT_TRUE(driver.running());
}

TEST(RingRegisters, ParametersThatMakeNoUnitAreRefused) {
  const auto refused = [](auto change) -> std::string {
    RingParams p = bench_params();
    change(p);
    try {
      PlainRing ring(p);
    } catch (const ParamError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("ring: " + error.field() + " must be "))
          << error.what();
      return error.field() + ": " + error.valid();
    }
    return "";
  };
  EXPECT_EQ(refused([](RingParams& p) { p.engines = 0; }), "engines: 1 to 4");
  EXPECT_EQ(refused([](RingParams& p) { p.rings = 9; }), "rings: 1 to 8");
  EXPECT_EQ(refused([](RingParams& p) { p.buffers = 5; }), "buffers: 1 to 4");
  EXPECT_EQ(refused([](RingParams& p) { p.sram_bytes = 32; }), "sram_bytes: 64 to 65536");
  EXPECT_EQ(refused([](RingParams& p) { p.burst_bytes = 64; }), "burst_bytes: 32 or 128");
  EXPECT_EQ(refused([](RingParams& p) { p.clock_hz = 0; }), "clock_hz: positive");
  EXPECT_EQ(refused([](RingParams& p) { p.engine_clock_hz = -1; }), "engine_clock_hz: positive");
  EXPECT_EQ(refused([](RingParams& p) { p.prefetch_descriptors = 0; }),
            "prefetch_descriptors: 1 to 64");
  EXPECT_EQ(refused([](RingParams& p) { p.key_slots = 0; }), "");
}

}  // namespace
}  // namespace cesasim::hw
