// SPDX-License-Identifier: Apache-2.0
// What the ring buys over the chain, with the same DMA, the same cipher and the same memory:
// 512-byte AES-128-CBC requests, the CESA's model and the ring's, both with shipped presets.
#include <gtest/gtest.h>

#include <cstdio>

#include "hw_model/cesa/engine.h"
#include "hw_model/cesa/registers.h"
#include "hw_model/cesa/sa_descriptor.h"
#include "hw_model/cesa/tdma_descriptor.h"
#include "tests/hw_model/ring/preset_values.h"
#include "tests/hw_model/ring/ring_bench.h"

namespace cesasim::test {
namespace {

using hw::Ps;

// As the SoC presets have it.
constexpr Ps kReadLatency = 60 * hw::kPsPerNs;
constexpr std::uint32_t kBytes = 512;

class ChainPort : public hw::DmaPort {
 public:
  explicit ChainPort(Memory& memory) : memory_(memory) {}
  bool read(hw::PhysAddr a, std::uint8_t* d, std::uint32_t n, Ps own, Ps& delay) override {
    return memory_.access(0, false, a, d, n, own, 0, delay);
  }
  bool write(hw::PhysAddr a, std::uint8_t* d, std::uint32_t n, Ps own, Ps& delay) override {
    return memory_.access(0, true, a, d, n, own, 0, delay);
  }

 private:
  Memory& memory_;
};

/// Time of a chain of `requests`, five descriptors each, as the Linux driver builds them.
Ps chain_time(const hw::CesaParams& params, unsigned requests) {
  namespace reg = hw::cesa_reg;
  namespace cfg = hw::cesa_bit::cfg;
  Memory memory(16 << 20);
  memory.read_latency = kReadLatency;
  ChainPort port(memory);
  const std::uint32_t sram = params.sram_base0;
  hw::CesaEngine engine(params, sram, port);
  const Bytes key = pattern(16, 1), iv = pattern(16, 2), data = pattern(kBytes, 3);

  for (unsigned i = 0; i < requests; ++i) {
    const std::uint32_t descriptors = 0x10000 + 0x200 * i, op = 0x100000 + 0x80 * i,
                        place = 0x200000 + kBytes * i;
    Bytes head(0x80);
    const std::uint32_t words[5] = {hw::sa_aes_config(16, true, false), 0x80 | 0x80 << 16, kBytes,
                                    0x20, 0x40 | 0x40 << 16};
    for (unsigned w = 0; w < 5; ++w) {
      for (unsigned b = 0; b < 4; ++b) {
        head[4 * w + b] = static_cast<std::uint8_t>(words[w] >> (8 * b));
      }
    }
    std::copy(key.begin(), key.end(), head.begin() + 0x20);
    std::copy(iv.begin(), iv.end(), head.begin() + 0x40);
    memory.put(op, head);
    memory.put(place, data);
    const auto at = [&](unsigned n) { return descriptors + 32 * n; };
    const hw::TdmaDescriptor chain[5] = {
        {0x80, true, op, sram, at(1)},
        {kBytes, true, place, sram + 0x80, at(2)},
        {0, false, 0, 0, at(3)},
        {kBytes, true, sram + 0x80, place, at(4)},
        {0x80, true, sram, op, i + 1 < requests ? descriptors + 0x200 : 0}};
    for (unsigned n = 0; n < 5; ++n) {
      chain[n].encode(std::span<std::uint8_t, 16>(memory.at(at(n)), 16));
    }
  }
  engine.write(reg::tdma_win_base(0), 0, 0);
  engine.write(reg::tdma_win_ctrl(0), 0x00FF0E01, 0);
  engine.write(reg::kTdmaControl, 0x1904, 0);
  engine.write(reg::kCfg,
               cfg::kCh0WaitDma | cfg::kCh0ActivateDma | cfg::kMultiPacketChain | cfg::kNoParallel,
               0);
  engine.write(reg::kTdmaNext, 0x10000, 0);
  engine.write(reg::kCmd, hw::cesa_bit::cmd::kActivate0, 0);
  Ps now = 0;
  while (engine.next_at() != hw::CesaEngine::kNever) {
    now = engine.next_at();
    engine.advance(now);
  }
  EXPECT_EQ(engine.stats().operations, requests) << engine.stats().last_report;
  EXPECT_EQ(engine.stats().guest_errors, 0u) << engine.stats().last_report;
  EXPECT_EQ(memory.get(0x200000 + kBytes * (requests - 1), kBytes),
            openssl("AES-128-CBC", key, iv, data, true));
  return now;
}

double chain_period_ns(const hw::CesaParams& params) {
  return static_cast<double>(chain_time(params, 300) - chain_time(params, 100)) / 200 / 1e3;
}

double ring_period_ns(hw::RingParams params, unsigned buffers) {
  params.engines = 1;
  params.rings = 1;
  params.buffers = buffers;
  PlainRing m(params);
  m.mem.read_latency = kReadLatency;
  RingDriver d(m, 0, {.sq_log2 = 10, .cq_log2 = 11});
  d.load_key(0, pattern(16, 1));
  for (unsigned i = 0; i < 900; ++i) {
    d.put(cbc_request(kData + kBytes * i, kData + kBytes * i, kBytes, pattern(16, 2)));
  }
  d.doorbell();
  const auto time_at = [&](std::uint32_t n) {
    while (d.read(hw::ring_reg::kCqProducer) < n) EXPECT_TRUE(m.step());
    return m.now;
  };
  const Ps start = time_at(30);
  return static_cast<double>(time_at(870) - start) / 840 / 1e3;
}

struct Expected {
  const char* soc;
  double tclk_ns;
  double chain, in, cipher, out;  ///< cycles, worked out by hand from the preset
};

class RingAgainstChain : public testing::TestWithParam<Expected> {};

TEST_P(RingAgainstChain, OverlapAndFewerDescriptorsPay) {
  const Expected& e = GetParam();
  const double chain = chain_period_ns(shipped_preset<hw::CesaParams>("cesa", e.soc));
  const auto params = shipped_preset<hw::RingParams>("ring", e.soc);
  const double tolerance = 0.05;  // of a cycle: picoseconds are whole
  EXPECT_NEAR(chain / e.tclk_ns, e.chain, tolerance);
  const double sum = e.in + e.cipher + e.out;
  const double longest = std::max({e.in, e.cipher, e.out});
  std::printf("%s: chain %.1f MB/s", e.soc, kBytes * 1e3 / chain);
  for (const unsigned buffers : {1u, 2u, 3u}) {
    const double ring = ring_period_ns(params, buffers);
    EXPECT_NEAR(ring / e.tclk_ns, std::max(longest, sum / buffers), tolerance) << buffers;
    std::printf(", ring with %u buffer(s) %.1f MB/s", buffers, kBytes * 1e3 / ring);
  }
  std::printf("\n");
}

// Kirkwood, 5 ns; latency 12 cycles, fetch 30.74, beats of 13.37: (30.74+12)*5 + (213.92+12) +
// (855.68+36+12) + 388 + (855.68+12) + (213.92+3).
// Armada 38x, 4 ns; latency 15, fetch 11.8, beats of 3.9: (11.8+15)*5 + (62.4+15) +
// (249.6+36+15) + 388 + (249.6+12) + (62.4+3).
INSTANTIATE_TEST_SUITE_P(Shipped, RingAgainstChain,
                         testing::Values(Expected{"kirkwood", 5, 2815.9, 903.68, 388, 867.68},
                                         Expected{"armada-38x", 4, 1227, 300.6, 388, 261.6}),
                         [](const auto& info) {
                           return info.index == 0 ? "Kirkwood" : "Armada38x";
                         });

}  // namespace
}  // namespace cesasim::test
