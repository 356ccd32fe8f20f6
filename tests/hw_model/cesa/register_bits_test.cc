// SPDX-License-Identifier: Apache-2.0
// Every bit of every register of every SoC generation, through the public interface, against a
// second description typed from the public sources (Linux, Marvell's HAL, NetBSD) and not from
// the model's table: a change in either is noticed.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "hw_model/cesa/engine.h"
#include "hw_model/cesa/registers.h"
#include "tests/hw_model/cesa/engine_rig.h"

namespace cesasim::test {
namespace {

struct Generation {
  const char* name;
  bool tdma, sha256, coalescing, two_channels, modes;
};
constexpr Generation kGenerations[] = {{"orion", false, false, false, true, false},
                                       {"kirkwood", true, false, false, false, false},
                                       {"armada-370", true, true, true, false, true},
                                       {"everything", true, true, true, true, true}};

hw::CesaParams params(const Generation& g) {
  auto p = rig_params();
  p.tdma = g.tdma;
  p.sha256 = g.sha256;
  p.coalescing = g.coalescing;
  p.channels = g.two_channels ? 2 : 1;
  p.outstanding_modes = g.modes;
  return p;
}

enum Kind { kPlain, kCause, kPort };  // kPort: words that go into or come out of an engine

struct Expected {
  std::uint32_t offset;
  std::uint32_t writable;  // keeps what is written
  std::uint32_t reset = 0;
  std::uint32_t acts = 0;       // takes a 1 and reads 0
  std::uint32_t read_only = 0;  // neither
  Kind kind = kPlain;
  bool exists = true;
};

// What one generation should have. Bits in no mask are reserved.
std::vector<Expected> expectation(const Generation& g) {
  std::vector<Expected> e;
  const bool t = g.tdma;
  e.push_back({.offset = 0x800, .writable = 0x8000FFFF, .exists = t});
  for (const std::uint32_t o : {0x810u, 0x820u, 0x830u, 0x870u}) {
    e.push_back({.offset = o, .writable = 0xFFFFFFFF, .exists = t});
  }
  e.push_back({.offset = 0x840,
               .writable = 0x00001BD7u | (g.modes ? 0x00030000u : 0),
               .acts = 0x2000,
               .read_only = 0x4000,
               .exists = t});
  e.push_back({.offset = 0x8C8, .writable = 0xF, .kind = kCause, .exists = t});
  e.push_back({.offset = 0x8CC, .writable = 0xF, .exists = t});
  for (std::uint32_t o = 0xA00; o < 0xA20; o += 8) {
    e.push_back({.offset = o, .writable = 0xFFFF0000, .exists = t});
    e.push_back({.offset = o + 4, .writable = 0xFFFFFFF1, .exists = t});
  }
  for (std::uint32_t o = 0xDD00; o <= 0xDD10; o += 4) {
    e.push_back({.offset = o, .writable = 0xFFFFFFFF});
  }
  for (std::uint32_t o = 0xDD28; o <= 0xDD30; o += 4) {
    e.push_back({.offset = o, .writable = 0xFFFFFFFF});
  }
  e.push_back({.offset = 0xDD18, .writable = 0x17, .reset = 1u << 31, .read_only = 1u << 31});
  e.push_back({.offset = 0xDD58, .writable = 0x15F, .reset = 3u << 30, .read_only = 7u << 29});
  e.push_back({.offset = 0xDDB0, .writable = 0x113, .reset = 1u << 31, .read_only = 1u << 31});
  // Bit 2 (make the key) is stored as the others are.
  e.push_back({.offset = 0xDDF0, .writable = 0x117, .reset = 1u << 31, .read_only = 1u << 31});
  for (const std::uint32_t o :
       {0xDD40u, 0xDD44u, 0xDD48u, 0xDD4Cu, 0xDD50u, 0xDD54u, 0xDD60u, 0xDD64u}) {
    e.push_back({.offset = o, .writable = 0xFFFFFFFF});
  }
  for (std::uint32_t n = 0; n < 8; ++n) {
    e.push_back({.offset = 0xDD80 + 4 * n, .writable = 0xFFFFFFFF});
    e.push_back({.offset = 0xDDC0 + 4 * n, .writable = 0xFFFFFFFF});
  }
  for (const std::uint32_t o :
       {0xDD20u, 0xDD24u, 0xDD38u, 0xDD70u, 0xDD74u, 0xDD78u, 0xDD7Cu, 0xDDA0u, 0xDDA4u, 0xDDA8u,
        0xDDACu, 0xDDE0u, 0xDDE4u, 0xDDE8u, 0xDDECu}) {
    e.push_back({.offset = o, .writable = 0xFFFFFFFF, .kind = kPort});
  }
  const std::uint32_t two = g.two_channels ? 0xFFFFFFFF : 0;
  // CMD reads 0 again once what it started is over or stopped; here the stop bit or a stop
  // after each write sees to that.
  e.push_back({.offset = 0xDE00, .writable = 0, .acts = 0x80000005u | (two & 2)});
  e.push_back({.offset = 0xDE04, .writable = 0xFFF8});
  e.push_back({.offset = 0xDE14, .writable = 0xFFF8, .exists = g.two_channels});
  e.push_back({.offset = 0xDE08, .writable = 0x2A83u | (two & 0x500)});
  e.push_back({.offset = 0xDE0C, .writable = 0, .read_only = 0xFFFFE101u | (two & 0x202)});
  const std::uint32_t causes =
      0x0EBFu | (t ? 0x1000 : 0) | (g.coalescing ? 0x4000 : 0) | (two & 0x140);
  e.push_back({.offset = 0xDE20, .writable = causes, .kind = kCause});
  e.push_back({.offset = 0xDD68, .writable = causes, .kind = kCause});
  e.push_back({.offset = 0xDE24, .writable = causes});
  e.push_back({.offset = 0xDE30, .writable = 0xFF, .exists = g.coalescing});
  e.push_back({.offset = 0xDE34, .writable = 0xFFFFFF, .exists = g.coalescing});
  return e;
}

std::vector<std::uint32_t> patterns() {
  std::vector<std::uint32_t> v = {0xFFFFFFFF, 0};
  for (unsigned n = 0; n < 32; ++n) {
    v.push_back(1u << n);
    v.push_back(~(1u << n));
  }
  return v;
}

std::string at(const Generation& g, std::uint32_t offset) {
  char text[64];
  std::snprintf(text, sizeof text, "%s 0x%04x", g.name, offset);
  return text;
}

class Generations : public testing::TestWithParam<Generation> {};

TEST_P(Generations, TheTwoDescriptionsNameTheSameRegisters) {
  std::set<std::uint32_t> here, model;
  for (const Expected& e : expectation(GetParam())) {
    EXPECT_TRUE(here.insert(e.offset).second) << at(GetParam(), e.offset);
  }
  for (const hw::RegisterDesc& r : hw::cesa_registers()) model.insert(r.offset);
  EXPECT_EQ(here, model);
}

TEST_P(Generations, WhatIsNotThereReadsZeroAndIsCounted) {
  RigMemory memory;
  hw::CesaEngine engine(params(GetParam()), kRigSram, memory);
  std::set<std::uint32_t> present;
  for (const Expected& e : expectation(GetParam())) {
    if (e.exists) present.insert(e.offset);
  }
  for (std::uint32_t offset = 0; offset < 0x10000; offset += 4) {
    const auto errors = engine.stats().guest_errors;
    const std::uint32_t value = engine.read(offset);
    EXPECT_EQ(engine.stats().guest_errors - errors, present.count(offset) ? 0u : 1u)
        << at(GetParam(), offset);
    if (!present.count(offset)) {
      EXPECT_EQ(value, 0u);
      engine.write(offset, 0xFFFFFFFF, 0);
      EXPECT_EQ(engine.stats().guest_errors - errors, 2u) << at(GetParam(), offset);
    }
  }
}

TEST_P(Generations, EveryBitOfEveryRegister) {
  for (const Expected& e : expectation(GetParam())) {
    if (!e.exists) continue;
    SCOPED_TRACE(at(GetParam(), e.offset));
    RigMemory memory;
    {
      hw::CesaEngine fresh(params(GetParam()), kRigSram, memory);
      EXPECT_EQ(fresh.read(e.offset), e.reset);
    }
    if (e.kind == kPort) continue;
    hw::CesaEngine engine(params(GetParam()), kRigSram, memory);
    const std::uint32_t known = e.writable | e.acts | e.read_only;
    for (const std::uint32_t value : patterns()) {
      SCOPED_TRACE(value);
      const auto reserved = engine.stats().reserved_writes;
      if (e.kind == kCause) {
        // Hardware's part by the debugger: all causes are there.
        engine.poke(e.offset, 0xFFFFFFFF);
        EXPECT_EQ(engine.read(e.offset), e.writable);
        engine.write(e.offset, value, 0);
        EXPECT_EQ(engine.read(e.offset), e.writable & value) << "zeros clear, ones leave alone";
        EXPECT_EQ(engine.stats().reserved_writes, reserved) << "drivers write ~bit";
        engine.write(e.offset, 0xFFFFFFFF, 0);
        EXPECT_EQ(engine.read(e.offset), e.writable & value) << "nothing sets them";
        continue;
      }
      engine.write(e.offset, value, 0);
      if (e.offset == 0xDE00) engine.stop(0);
      EXPECT_EQ(engine.read(e.offset), (value & e.writable) | e.reset);
      EXPECT_EQ(engine.peek(e.offset), (value & e.writable) | e.reset);
      EXPECT_EQ(engine.stats().reserved_writes - reserved, value & ~known ? 1u : 0u);
      EXPECT_EQ(engine.stats().unimplemented, 0u) << engine.stats().last_report;
    }
  }
}

// One after the other, all written before any is read: no register shows another's bits,
// but for the one alias.
TEST_P(Generations, RegistersAreApart) {
  RigMemory memory;
  hw::CesaEngine engine(params(GetParam()), kRigSram, memory);
  const auto pattern = [](std::uint32_t offset) { return offset * 0x9E3779B1u; };
  const auto skipped = [](const Expected& e) {
    // The command registers of the direct engines change what their IV words take.
    return !e.exists || e.kind != kPlain || e.offset == 0xDE00 || e.reset != 0;
  };
  for (const Expected& e : expectation(GetParam())) {
    if (!skipped(e)) engine.write(e.offset, pattern(e.offset) & ~e.acts, 0);
  }
  for (const Expected& e : expectation(GetParam())) {
    if (skipped(e)) continue;
    EXPECT_EQ(engine.read(e.offset), pattern(e.offset) & e.writable) << at(GetParam(), e.offset);
  }
  engine.poke(0xDE20, 0xA1);
  EXPECT_EQ(engine.read(0xDD68), 0xA1u);
  engine.write(0xDD68, ~0x80u, 0);
  EXPECT_EQ(engine.read(0xDE20), 0x21u);
}

TEST_P(Generations, MasksDecideTheLine) {
  RigMemory memory;
  hw::CesaEngine engine(params(GetParam()), kRigSram, memory);
  struct {
    std::uint32_t cause, mask;
    bool there;
  } const pairs[] = {{0xDE20, 0xDE24, true}, {0x8C8, 0x8CC, GetParam().tdma}};
  for (const auto& pair : pairs) {
    if (!pair.there) continue;
    std::uint32_t causes = 0;
    for (const Expected& e : expectation(GetParam())) {
      if (e.offset == pair.cause) causes = e.writable;
    }
    for (unsigned c = 0; c < 16; ++c) {
      if (!(causes >> c & 1)) continue;
      for (unsigned m = 0; m < 16; ++m) {
        if (!(causes >> m & 1)) continue;
        engine.poke(pair.cause, 1u << c);
        engine.write(pair.mask, 1u << m, 0);
        EXPECT_EQ(engine.irq(), c == m) << at(GetParam(), pair.cause) << " " << c << " " << m;
      }
    }
    engine.write(pair.cause, 0, 0);
    EXPECT_FALSE(engine.irq());
  }
}

INSTANTIATE_TEST_SUITE_P(All, Generations, testing::ValuesIn(kGenerations), [](const auto& info) {
  std::string name = info.param.name;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
});

}  // namespace
}  // namespace cesasim::test
