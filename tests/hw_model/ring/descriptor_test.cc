// SPDX-License-Identifier: Apache-2.0
#include "hw_model/ring/descriptor.h"

#include <gtest/gtest.h>

namespace cesasim::hw {
namespace {

namespace c = ring_control;

// The layout of docs/ring.md, section 3, byte by byte.
TEST(RingDescriptorLayout, ByteForByte) {
  std::array<std::uint8_t, 64> b;
  for (unsigned i = 0; i < 64; ++i) b[i] = static_cast<std::uint8_t>(i + 1);
  const auto d = RingDescriptor::decode(b);
  EXPECT_EQ(d.control, 0x04030201u);
  EXPECT_EQ(d.cookie, 0x08070605u);
  EXPECT_EQ(d.length, 0x0C0B0A09u);
  EXPECT_EQ(d.source_entries, 0x0E0Du);
  EXPECT_EQ(d.destination_entries, 0x100Fu);
  EXPECT_EQ(d.source, 0x1817161514131211u);
  EXPECT_EQ(d.destination, 0x201F1E1D1C1B1A19u);
  for (unsigned i = 0; i < 16; ++i) EXPECT_EQ(d.iv[i], 0x21 + i);
  EXPECT_EQ(d.key, 0x3837363534333231u);
  EXPECT_EQ(d.iv_out, 0x403F3E3D3C3B3A39u);
  std::array<std::uint8_t, 64> again{};
  d.encode(again);
  EXPECT_EQ(again, b);
}

TEST(RingDescriptorLayout, ListEntryAndCompletion) {
  std::array<std::uint8_t, 16> b;
  for (unsigned i = 0; i < 16; ++i) b[i] = static_cast<std::uint8_t>(i + 1);
  const auto e = RingListEntry::decode(b);
  EXPECT_EQ(e.address, 0x0807060504030201u);
  EXPECT_EQ(e.length, 0x0C0B0A09u);
  EXPECT_EQ(e.reserved, 0x100F0E0Du);
  std::array<std::uint8_t, 16> out{};
  e.encode(out);
  EXPECT_EQ(out, b);

  RingCompletion{0x11223344, 0x55667788, 0x99AA, 0xB, RingStatus::list_long, true}.encode(out);
  const std::array<std::uint8_t, 16> expected = {0x44, 0x33, 0x22, 0x11, 0x88, 0x77, 0x66, 0x55,
                                                 0xAA, 0x99, 0x0B, 0x00, 0x06, 0x00, 0x00, 0x80};
  EXPECT_EQ(out, expected);
  const auto back = RingCompletion::decode(out);
  EXPECT_EQ(back.cookie, 0x11223344u);
  EXPECT_EQ(back.bytes_written, 0x55667788u);
  EXPECT_EQ(back.index, 0x99AA);
  EXPECT_EQ(back.engine, 0xB);
  EXPECT_EQ(back.status, RingStatus::list_long);
  EXPECT_TRUE(back.phase);
}

TEST(RingDescriptorLayout, PhaseTurnsWithEachPassAndOverTheIndexsEnd) {
  EXPECT_TRUE(RingCompletion::phase_of(0, 3));
  EXPECT_TRUE(RingCompletion::phase_of(7, 3));
  EXPECT_FALSE(RingCompletion::phase_of(8, 3));
  EXPECT_TRUE(RingCompletion::phase_of(16, 3));
  EXPECT_FALSE(RingCompletion::phase_of(65535, 12));
  EXPECT_TRUE(RingCompletion::phase_of(0, 12));
}

RingDescriptor good() {
  RingDescriptor d;
  d.control = c::kAes | c::kCbc | c::kKeySlot;
  d.length = 512;
  d.source = 0x1000;
  d.destination = 0x2000;
  return d;
}

template <class Change>
RingStatus checked(Change change) {
  RingDescriptor d = good();
  change(d);
  return d.check(16);
}

TEST(RingDescriptorCheck, EveryRule) {
  using D = RingDescriptor;
  using S = RingStatus;
  EXPECT_EQ(checked([](D&) {}), S::ok);
  for (unsigned bit : {7u, 14u, 20u, 31u}) {
    EXPECT_EQ(checked([&](D& d) { d.control |= 1u << bit; }), S::bad_descriptor) << bit;
  }
  EXPECT_EQ(checked([](D& d) { d.control ^= c::kAes; }), S::bad_algorithm) << "0";
  EXPECT_EQ(checked([](D& d) { d.control += 3; }), S::bad_algorithm) << "4";
  EXPECT_EQ(checked([](D& d) { d.control |= 2u << 4; }), S::bad_algorithm) << "mode 3";
  EXPECT_EQ(checked([](D& d) { d.control |= c::kKeySizeMask; }), S::bad_algorithm) << "size 3";
  EXPECT_EQ(checked([](D& d) { d.control += 1 + c::key_size(24); }), S::bad_algorithm)
      << "DES has no key size";
  EXPECT_EQ(checked([](D& d) { d.length = 0; }), S::bad_length);
  EXPECT_EQ(checked([](D& d) { d.length = 520; }), S::bad_length);
  EXPECT_EQ(checked([](D& d) {
              d.control += 1;
              d.length = 520;
            }),
            S::ok)
      << "DES has blocks of 8";
  EXPECT_EQ(checked([](D& d) { d.source_entries = 16; }), S::ok);
  EXPECT_EQ(checked([](D& d) { d.source_entries = 17; }), S::list_long);
  EXPECT_EQ(checked([](D& d) { d.destination_entries = 17; }), S::list_long);
  EXPECT_EQ(checked([](D& d) {
              d.source_entries = 1;
              d.source = 0x1008;
            }),
            S::bad_descriptor)
      << "a list is aligned to 16";
  EXPECT_EQ(checked([](D& d) { d.source = ~PhysAddr{0} - 511; }), S::ok) << "up to the last byte";
  EXPECT_EQ(checked([](D& d) { d.source = ~PhysAddr{0} - 510; }), S::bad_descriptor);
  EXPECT_EQ(checked([](D& d) { d.destination = ~PhysAddr{0}; }), S::bad_descriptor);
  EXPECT_EQ(checked([](D& d) { d.destination = d.source; }), S::ok) << "in place after all";
  EXPECT_EQ(checked([](D& d) { d.destination = d.source + 16; }), S::bad_descriptor);
  EXPECT_EQ(checked([](D& d) { d.destination = d.source - 511; }), S::bad_descriptor);
  EXPECT_EQ(checked([](D& d) { d.destination = d.source - 512; }), S::ok);
  EXPECT_EQ(checked([](D& d) { d.control |= c::kInPlace; }), S::bad_descriptor);
  EXPECT_EQ(checked([](D& d) {
              d.control |= c::kInPlace;
              d.destination = 0;
            }),
            S::ok);
  EXPECT_EQ(checked([](D& d) { d.iv_out = 0x3000; }), S::bad_descriptor) << "without the bit";
  EXPECT_EQ(checked([](D& d) {
              d.iv_out = 0x3000;
              d.control |= c::kIvOut;
            }),
            S::ok);
  EXPECT_EQ(checked([](D& d) {
              d.iv_out = 0x3008;
              d.control |= c::kIvOut;
            }),
            S::bad_descriptor);
  EXPECT_EQ(checked([](D& d) {
              d.iv_out = 0x3000;
              d.control = c::kAes | c::kEcb | c::kKeySlot | c::kIvOut;
            }),
            S::bad_descriptor)
      << "ECB has no chaining value";
  EXPECT_EQ(checked([](D& d) {
              d.control = c::kAes | c::kCbc;
              d.key = ~PhysAddr{0};
            }),
            S::bad_descriptor);
}

TEST(RingDescriptorCheck, KeySizes) {
  RingDescriptor d = good();
  EXPECT_EQ(d.key_bytes(), 16u);
  d.control |= c::key_size(24);
  EXPECT_EQ(d.key_bytes(), 24u);
  d.control = c::kAes | c::key_size(32);
  EXPECT_EQ(d.key_bytes(), 32u);
  d.control = c::kDes;
  EXPECT_EQ(d.key_bytes(), 8u);
  d.control = c::kDes3;
  EXPECT_EQ(d.key_bytes(), 24u);
}

}  // namespace
}  // namespace cesasim::hw
