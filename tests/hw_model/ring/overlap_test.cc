// SPDX-License-Identifier: Apache-2.0
// Time: single stages by hand, and what overlapping them saves.
#include <gtest/gtest.h>

#include <algorithm>

#include "hw_model/cesa/timing.h"
#include "tests/hw_model/ring/ring_bench.h"

namespace cesasim::test {
namespace {

namespace c = hw::ring_control;
using hw::Ps;

// 512 bytes of AES-128-CBC at aligned addresses with bench_params(), in TCLK cycles.
constexpr unsigned kDoorbell = 7;
constexpr unsigned kFetchOne = 5 + 8;           // decode, beats; one burst
constexpr unsigned kCopyIn = 64 + 3 * 15;       // beats, waits of bursts 2 to 4
constexpr unsigned kCipher = 32 + 32 * 11 + 4;  // start, blocks, end
constexpr unsigned kCopyOut = 64 + 4 * 3;       // beats, bursts
constexpr unsigned kWriteBack = 2 + 3;          // beats, burst

TEST(RingTime, OneRequestIsTheSumOfItsStages) {
  PlainRing m;
  RingDriver d(m);
  d.load_key(0, pattern(16, 1));
  d.submit(cbc_request(kData, kData, 512, pattern(16, 2)));
  m.run();
  EXPECT_EQ(d.take().size(), 1u);
  EXPECT_EQ(m.now, (kDoorbell + kFetchOne + kCopyIn + kCipher + kCopyOut + kWriteBack) * kTclk);
  EXPECT_EQ(m.core->engine(0).read_busy_ps(), kCopyIn * kTclk);
  EXPECT_EQ(m.core->engine(0).cipher_busy_ps(), kCipher * kTclk);
  EXPECT_EQ(m.core->engine(0).write_busy_ps(), kCopyOut * kTclk);
  EXPECT_EQ(m.core->stats().fetch_busy_ps, kFetchOne * kTclk);
  EXPECT_EQ(m.core->stats().write_back_busy_ps, kWriteBack * kTclk);
}

TEST(RingTime, WhatComesOnTop) {
  const auto time_of = [](auto change, std::uint32_t config = 0, Ps latency = 0) {
    PlainRing m;
    m.mem.read_latency = latency;
    RingDriver d(m, 0, {.config = config});
    d.load_key(0, pattern(16, 1));
    hw::RingDescriptor r = cbc_request(kData, kData + 0x1000, 512, pattern(16, 2));
    change(m, r);
    d.submit(r);
    m.run();
    EXPECT_EQ(d.take().size(), 1u);
    EXPECT_EQ(m.core->stats().failed, 0u) << m.core->stats().last_report;
    return m.now;
  };
  const auto nothing = [](auto&, auto&) {};
  const Ps base = time_of(nothing);
  EXPECT_EQ(time_of(nothing, 0, 40000) - base, 2 * 40000u) << "descriptor and data wait";
  EXPECT_EQ(time_of([](auto&, auto& r) {
              r.control |= c::kIvOut;
              r.iv_out = kData + 0x2000;
            }) - base,
            (2 + 3) * kTclk);
  EXPECT_EQ(time_of([](auto&, auto& r) {
              r.control &= ~c::kKeySlot;
              r.key = kData + 0x3000;
            }) - base,
            2 * kTclk);
  EXPECT_EQ(time_of([](auto&, auto& r) { r.control |= c::kDecrypt; }) - base, 14 * kTclk);
  EXPECT_EQ(time_of(nothing, hw::ring_bit::config::kIndexWriteback) - base, (1 + 3) * kTclk);
  // A list of two entries: 4 beats; two pieces of 250 and 262 bytes, cut at odd addresses:
  // 32 + 33 beats instead of 64; 2 and 3 bursts (1 and 2 waits) instead of 4 (3 waits).
  EXPECT_EQ(time_of([](PlainRing& m, hw::RingDescriptor& r) {
              hw::RingListEntry{kData, 250, 0}.encode(
                  std::span<std::uint8_t, 16>(m.mem.at(kData + 0x8000), 16));
              hw::RingListEntry{kData + 250, 262, 0}.encode(
                  std::span<std::uint8_t, 16>(m.mem.at(kData + 0x8010), 16));
              r.source = kData + 0x8000;
              r.source_entries = 2;
            }),
            base + 4 * kTclk + (32 + 33 - 64) * kTclk + (1 + 2 - 3) * 15 * kTclk);
}

// The DMA's arithmetic is the CESA's, in the setting of the Linux driver.
TEST(RingTime, TransfersTakeWhatTheyTakeInTheCesa) {
  hw::CesaParams cesa;
  cesa.clock_hz = 200e6;
  cesa.read_burst_cycles = 15;
  cesa.write_burst_cycles = 3;
  const hw::CesaTiming a(cesa);
  const hw::RingTiming b(bench_params());
  for (const std::uint32_t n : {1u, 8u, 127u, 128u, 129u, 512u, 1920u}) {
    for (const hw::PhysAddr at : {0x1000u, 0x1001u, 0x107Fu}) {
      EXPECT_EQ(b.read(at, n), a.transfer({at, n, true}, 0x1904));
      EXPECT_EQ(b.write(at, n), a.transfer({at, n, false}, 0x1904));
    }
  }
}

/// Time of one request in the steady state of a long queue of 512-byte requests.
double period_cycles(const hw::RingParams& params, std::uint32_t bytes = 512) {
  PlainRing m(params);
  RingDriver d(m, 0, {.sq_log2 = 10, .cq_log2 = 11});
  d.load_key(0, pattern(16, 1));
  for (unsigned i = 0; i < 900; ++i) d.put(cbc_request(kData, kData, bytes, pattern(16, 2)));
  d.doorbell();
  const auto time_at = [&](std::uint32_t n) {
    while (d.read(hw::ring_reg::kCqProducer) < n) EXPECT_TRUE(m.step());
    return m.now;
  };
  // 840 divides by every number of buffers there is.
  const Ps start = time_at(30);
  const double cycles = static_cast<double>(time_at(870) - start) / 840 / kTclk;
  m.run();
  EXPECT_EQ(d.take().size(), 900u);
  return cycles;
}

TEST(RingOverlap, TwoBuffersHideTheCopiesBehindTheCipher) {
  const double one = period_cycles(bench_params(1, 1, 1));
  const double two = period_cycles(bench_params(1, 1, 2));
  EXPECT_DOUBLE_EQ(one, kCopyIn + kCipher + kCopyOut);
  EXPECT_DOUBLE_EQ(two, kCipher) << "the longest stage decides";
  EXPECT_NEAR(one / two, 573.0 / 388.0, 1e-12);
  EXPECT_DOUBLE_EQ(period_cycles(bench_params(1, 1, 3)), kCipher) << "a third has nothing to do";
}

// A bus as slow as the Armada 385's: both copies together are longer than the cipher.
TEST(RingOverlap, WithASlowBusTheThirdBufferPays) {
  const auto slow = [](unsigned buffers) {
    hw::RingParams p = bench_params(1, 1, buffers);
    p.beat_cycles = 4;
    return p;
  };
  const double in = 64 * 4 + 45, out = 64 * 4 + 12;
  EXPECT_DOUBLE_EQ(period_cycles(slow(1)), in + kCipher + out);
  EXPECT_DOUBLE_EQ(period_cycles(slow(2)), (in + kCipher + out) / 2);
  EXPECT_DOUBLE_EQ(period_cycles(slow(3)), kCipher);
}

// Copies that are longer than the cipher: no number of buffers beats the longest stage.
TEST(RingOverlap, TheLongestStageIsTheLimit) {
  hw::RingParams p = bench_params(1, 1, 4);
  p.beat_cycles = 8;
  EXPECT_DOUBLE_EQ(period_cycles(p), 64 * 8 + 45);
}

TEST(RingOverlap, APieceIsABufferSoALargeRequestOverlapsWithItself) {
  const auto time_of = [](unsigned buffers, std::uint32_t sram) {
    hw::RingParams p = bench_params(1, 1, buffers);
    p.sram_bytes = sram;
    PlainRing m(p);
    RingDriver d(m);
    d.load_key(0, pattern(16, 1));
    d.submit(cbc_request(kData, kData, 8192, pattern(16, 2)));
    m.run();
    EXPECT_EQ(d.take().size(), 1u);
    return static_cast<double>(m.now) / kTclk;
  };
  // Eight pieces of 1024: 128 beats and 7 waits, 64 blocks, 128 beats and 8 bursts.
  const double in = 128 + 7 * 15, cipher = 64 * 11 + 4, out = 128 + 8 * 3;
  const double ends = kDoorbell + kFetchOne + kWriteBack;
  EXPECT_DOUBLE_EQ(time_of(1, 1024), ends + 32 + 8 * (in + cipher + out));
  EXPECT_DOUBLE_EQ(time_of(2, 2048), ends + in + 32 + 8 * cipher + out);
}

// A request keeps its place in the engine until it is copied out, so a short queue leaves
// buffers idle.
TEST(RingOverlap, AShortQueueIsLikeFewerBuffers) {
  hw::RingParams p = bench_params(1, 1, 2);
  p.engine_queue = 1;
  EXPECT_DOUBLE_EQ(period_cycles(p), kCopyIn + kCipher + kCopyOut);
}

TEST(RingOverlap, TwoEnginesDoubleTheRate) {
  EXPECT_NEAR(period_cycles(bench_params(1)) / period_cycles(bench_params(2)), 2.0, 0.02);
}

TEST(RingPrefetch, ADeeperPrefetchReadsLongerBursts) {
  for (const unsigned depth : {1u, 4u, 16u}) {
    hw::RingParams p = bench_params();
    p.prefetch_descriptors = depth;
    p.engine_queue = 16;
    PlainRing m(p);
    RingDriver d(m);
    d.load_key(0, pattern(16, 1));
    m.mem.log_on = true;
    for (unsigned i = 0; i < 40; ++i) d.put(cbc_request(kData, kData, 16, pattern(16, 2)));
    d.doorbell();
    m.run();
    EXPECT_EQ(d.take().size(), 40u);
    std::uint32_t longest = 0;
    for (const auto& a : m.mem.log) {
      if (a.channel == hw::ring_channel::kFetch) longest = std::max(longest, a.bytes);
    }
    EXPECT_EQ(longest, depth * 64);
  }
}

// No resource does two things at a time; all of them work at the same time.
TEST(RingOverlap, ChannelsAreSequentialAndConcurrent) {
  PlainRing m(bench_params(2));
  RingDriver d(m);
  d.load_key(0, pattern(16, 1));
  for (unsigned i = 0; i < 40; ++i) d.put(cbc_request(kData, kData, 512, pattern(16, 2)));
  m.mem.log_on = true;
  d.doorbell();
  m.run();
  std::array<Ps, 6> busy_until{};
  std::array<Ps, 6> busy{};
  for (const auto& a : m.mem.log) {
    EXPECT_GE(a.start, busy_until[a.channel]) << "channel " << a.channel;
    busy_until[a.channel] = a.end;
    busy[a.channel] += a.end - a.start;
  }
  Ps sum = m.core->engine(0).cipher_busy_ps() + m.core->engine(1).cipher_busy_ps();
  for (const Ps b : busy) {
    EXPECT_GT(b, 0u);
    EXPECT_LE(b, m.now);
    sum += b;
  }
  EXPECT_LE(m.core->engine(0).cipher_busy_ps(), m.now);
  EXPECT_GT(sum, 2 * m.now);
}

}  // namespace
}  // namespace cesasim::test
