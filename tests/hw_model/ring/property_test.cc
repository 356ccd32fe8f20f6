// SPDX-License-Identifier: Apache-2.0
// Seeded random traffic over random units: every request ends exactly once, in the order its
// ring promises, with the right bytes in the right place and no byte anywhere else.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/hw_model/ring/ring_bench.h"

namespace cesasim::test {
namespace {

namespace c = hw::ring_control;
namespace config = hw::ring_bit::config;
using hw::RingCompletion;
using hw::RingDescriptor;
using hw::RingListEntry;
using hw::RingStatus;

class Traffic : public testing::TestWithParam<unsigned> {
 protected:
  unsigned below(unsigned n) { return std::uniform_int_distribution<unsigned>(0, n - 1)(rng); }
  bool one_in(unsigned n) { return below(n) == 0; }

  std::mt19937 rng{GetParam()};
};

/// A request and what must come of it.
struct Wanted {
  std::uint16_t index = 0;
  RingStatus status = RingStatus::ok;
  std::vector<std::pair<hw::PhysAddr, Bytes>> result;  ///< pieces of the destination
  unsigned ended = 0;
};

TEST_P(Traffic, EveryRequestEndsOnceAndRight) {
  hw::RingParams p = bench_params(1 + below(3), 1 + below(3), 1 + below(4));
  p.prefetch_descriptors = 1 + below(8);
  p.engine_queue = 1 + below(4);
  p.tracked_requests = 1 + below(40);
  p.list_prefetch = 1 + below(5);
  p.sram_bytes = 256u << below(5);
  PlainRing m(p, 64 << 20);
  m.mem.read_latency = below(100) * 1000;

  struct OneRing {
    RingDriver driver;
    bool ordered;
    bool shadow;
    std::uint32_t next_cookie = 0;
    std::uint32_t taken = 0;
    std::uint16_t expected_index = 0;
  };
  std::vector<OneRing> rings;
  for (unsigned i = 0; i < p.rings; ++i) {
    const bool ordered = one_in(2), shadow = one_in(2);
    const std::uint32_t bits = (ordered ? 0 : config::kOutOfOrder) |
                               (shadow ? config::kShadow : 0) |
                               (one_in(2) ? config::kIndexWriteback : 0);
    rings.push_back(
        {RingDriver(m, i, {.sq_log2 = 1 + below(6), .cq_log2 = 1 + below(7), .config = bits}),
         ordered, shadow});
    rings.back().driver.write(hw::ring_reg::kCoalesceCount, below(5));
    rings.back().driver.write(hw::ring_reg::kCoalesceTime, below(2000));
  }
  const Bytes key = pattern(32, GetParam() + 1);
  rings[0].driver.load_key(0, Bytes(key.begin(), key.begin() + 16));
  rings[0].driver.load_key(1, key);

  // Memory for data: each request has an area of its own, used again when it has ended.
  constexpr std::uint32_t kArea = 0x8000;
  constexpr unsigned kAreas = 1024;
  std::vector<unsigned> free_areas;
  for (unsigned i = 0; i < kAreas; ++i) free_areas.push_back(i);
  std::map<std::pair<unsigned, std::uint32_t>, std::pair<Wanted, unsigned>> open;

  const auto make = [&](unsigned ring) {
    OneRing& o = rings[ring];
    const unsigned area = free_areas.back();
    free_areas.pop_back();
    const hw::PhysAddr base = kData + std::uint64_t{area} * kArea;
    Wanted w;
    const bool long_key = one_in(2), decrypt = one_in(2), cbc = !one_in(4), in_place = one_in(2);
    const std::uint32_t n = 16 * (1 + below(one_in(4) ? 300 : 40));
    const Bytes iv = pattern(16, rng()), data = pattern(n, rng());
    RingDescriptor r;
    r.cookie = o.next_cookie++;
    r.length = n;
    r.control = c::kAes | c::key_size(long_key ? 32 : 16) | (decrypt ? c::kDecrypt : 0) |
                (cbc ? c::kCbc : c::kEcb) | c::kKeySlot | (one_in(8) ? c::kInterrupt : 0) |
                (in_place ? c::kInPlace : 0);
    r.key = long_key;
    std::copy(iv.begin(), iv.end(), r.iv.begin());
    std::fill_n(m.mem.at(base), kArea, 0xEE);

    // Pieces with gaps between them; 0x0000 source, 0x3000 destination, 0x6000 lists.
    using Pieces = std::vector<std::pair<hw::PhysAddr, std::uint32_t>>;
    const auto split = [&](hw::PhysAddr at) {
      Pieces pieces;
      for (std::uint32_t done = 0; done < n;) {
        const std::uint32_t take = std::min(n - done, 1 + below(n));
        at += below(40);
        pieces.push_back({at, take});
        at += take;
        done += take;
        if (one_in(6)) pieces.push_back({0, 0});
        if (pieces.size() == 40) {
          pieces.push_back({at, n - done});
          break;
        }
      }
      while (pieces.back().second == 0) pieces.pop_back();
      return pieces;
    };
    const auto describe = [&](const Pieces& pieces, hw::PhysAddr list, hw::PhysAddr& pointer,
                              std::uint16_t& entries) {
      if (pieces.size() == 1 && one_in(2)) {
        pointer = pieces[0].first;
        return;
      }
      pointer = list;
      entries = static_cast<std::uint16_t>(pieces.size());
      for (const auto& [at, len] : pieces) {
        RingListEntry{at, len, 0}.encode(std::span<std::uint8_t, 16>(m.mem.at(list), 16));
        list += 16;
      }
    };
    const Pieces source = split(base), destination = in_place ? source : split(base + 0x3000);
    describe(source, base + 0x6000, r.source, r.source_entries);
    if (!in_place) describe(destination, base + 0x7000, r.destination, r.destination_entries);
    std::uint32_t at = 0;
    for (const auto& [addr, len] : source) {
      if (len != 0) std::memcpy(m.mem.at(addr), data.data() + at, len);
      at += len;
    }
    const std::string name =
        std::string(long_key ? "AES-256-" : "AES-128-") + (cbc ? "CBC" : "ECB");
    const Bytes out = openssl(name.c_str(), long_key ? key : Bytes(key.begin(), key.begin() + 16),
                              iv, data, !decrypt);
    at = 0;
    for (const auto& [addr, len] : destination) {
      w.result.push_back({addr, Bytes(out.begin() + at, out.begin() + at + len)});
      at += len;
    }
    if (one_in(20)) {
      r.length -= 8;
      w.status = RingStatus::bad_length;
    } else if (one_in(20)) {
      r.key = 5;
      w.status = RingStatus::key_error;
    }
    w.index = o.driver.put(r);
    open[{ring, r.cookie}] = {w, area};
  };

  const auto collect = [&](unsigned ring) {
    OneRing& o = rings[ring];
    for (const RingCompletion& done : o.driver.take()) {
      ++o.taken;
      const auto found = open.find({ring, done.cookie});
      ASSERT_NE(found, open.end()) << "ended twice, or never submitted: " << done.cookie;
      auto& [w, area] = found->second;
      ASSERT_EQ(done.status, w.status) << hw::ring_status_name(done.status);
      ASSERT_EQ(done.index, w.index);
      ASSERT_TRUE(!o.ordered || done.index == o.expected_index++);
      if (w.status == RingStatus::ok) {
        for (const auto& [addr, expected] : w.result) {
          ASSERT_EQ(m.mem.get(addr, expected.size()), expected);
          // The gaps and all that is behind belong to others.
          std::fill_n(m.mem.at(addr), expected.size(), 0xEE);
        }
        const hw::PhysAddr base = kData + std::uint64_t{area} * kArea;
        for (std::uint32_t i = 0x3000; i < 0x6000; ++i) ASSERT_EQ(*m.mem.at(base + i), 0xEE) << i;
      }
      free_areas.push_back(area);
      open.erase(found);
    }
  };

  const std::uint32_t total = 1500;
  std::uint32_t submitted = 0;
  for (unsigned round = 0; submitted < total || !open.empty(); ++round) {
    ASSERT_LT(round, 100000u) << open.size() << " requests are lost";
    const unsigned ring = below(p.rings);
    OneRing& o = rings[ring];
    if (submitted < total) {
      unsigned n = std::min({o.driver.free_slots(), 1 + below(12), total - submitted,
                             static_cast<unsigned>(free_areas.size())});
      submitted += n;
      for (; n > 0; --n) make(ring);
      if (o.shadow) o.driver.store_shadow();
      o.driver.doorbell();
    }
    if (one_in(3)) {
      m.run_for(below(20000) * kTclk);
    } else {
      for (unsigned i = below(30); i > 0 && m.step(); --i) {
      }
    }
    if (submitted == total) m.run();
    if (!one_in(4)) {
      const unsigned which = below(p.rings);
      collect(which);
      rings[which].driver.clear(0xFF);
    }
    if (HasFatalFailure()) return;
  }
  std::uint32_t taken = 0;
  for (const OneRing& o : rings) taken += o.taken;
  EXPECT_EQ(taken, total);
  const hw::RingStats& s = m.core->stats();
  EXPECT_EQ(s.completed + s.failed, total);
  EXPECT_EQ(s.guest_errors, s.failed);
  EXPECT_EQ(s.abandoned, 0u);
  EXPECT_EQ(m.read(hw::ring_unit_reg::kStatus), 0u);
  for (unsigned i = 0; i < p.engines; ++i) EXPECT_EQ(m.core->engine(i).load(), 0u);
}
INSTANTIATE_TEST_SUITE_P(Seeds, Traffic, testing::Range(1u, 25u));

// Descriptors of random bits: whatever they are, each ends once and the ring stays usable.
class Garbage : public testing::TestWithParam<unsigned> {};

TEST_P(Garbage, NeverHangsTheRing) {
  std::mt19937 rng(GetParam());
  PlainRing m(bench_params(2), 32 << 20);
  RingDriver d(m);
  d.load_key(0, pattern(16, 1));
  std::uint32_t ended = 0;
  for (unsigned round = 0; round < 50; ++round) {
    for (unsigned i = 0; i < 40; ++i) {
      std::array<std::uint8_t, 64> raw;
      for (auto& b : raw) b = static_cast<std::uint8_t>(rng());
      RingDescriptor r = RingDescriptor::decode(raw);
      // Otherwise nearly all would fall at the first hurdle.
      if (rng() % 8) {
        const std::uint32_t free = c::kCbc | c::kDecrypt | c::kInPlace | c::kIvOut | c::kInterrupt;
        r.control = (r.control & free) | c::kAes | c::kKeySlot;
      }
      if (rng() % 8) r.length = rng() % 0x2000 * 16;
      if (rng() % 4) r.source = kData + rng() % 0x80000 * 16;
      if (rng() % 4) r.destination = (r.control & c::kInPlace) ? 0 : kData + rng() % 0x80000 * 16;
      if (rng() % 2) r.source_entries = r.destination_entries = 0;
      if (rng() % 2) r.source_entries = rng() % 8;
      if (rng() % 4) r.key = (r.control & c::kKeySlot) ? rng() % 2 : kData + rng() % 4096;
      if (rng() % 4) r.iv_out = (r.control & c::kIvOut) ? kData + rng() % 4096 * 16 : 0;
      d.put(r);
    }
    d.doorbell();
    m.run();
    ended += static_cast<std::uint32_t>(d.take().size());
  }
  EXPECT_EQ(ended, 2000u);
  EXPECT_GT(m.core->stats().completed, 10u) << "some of it was sense";
  EXPECT_GT(m.core->stats().failed, 500u);
  const Bytes iv = pattern(16, 2), data = pattern(64, 3);
  m.mem.put(kData, data);
  d.submit(cbc_request(kData, kData + 64, 64, iv));
  m.run();
  EXPECT_EQ(m.mem.get(kData + 64, 64), openssl("AES-128-CBC", pattern(16, 1), iv, data, true));
}
INSTANTIATE_TEST_SUITE_P(Seeds, Garbage, testing::Range(1u, 6u));

// Random register writes at random instants of random traffic: no crash, no hang, and after a
// reset all is well.
class Vandal : public testing::TestWithParam<unsigned> {};

TEST_P(Vandal, ARingSurvivesAnyRegisterWrites) {
  std::mt19937 rng(GetParam());
  PlainRing m(bench_params(2, 2), 32 << 20);
  RingDriver a(m, 0), b(m, 1);
  for (unsigned i = 0; i < 3000; ++i) {
    a.put(cbc_request(kData, kData + 0x1000, 16 * (1 + rng() % 200), pattern(16, 2)));
    if (rng() % 3 == 0) a.doorbell();
    const std::uint32_t page = rng() % 3 * 0x1000;
    const std::uint32_t value = rng() % 2 ? rng() : rng() % 64;
    m.write(page + rng() % 0x60 / 4 * 4, value);
    for (unsigned n = rng() % 6; n > 0 && m.step(); --n) {
    }
    if (rng() % 50 == 0) {
      m.write(hw::ring_unit_reg::kControl, 1);
      m.run();
      a.enable();
      b.enable();
    }
  }
  m.write(hw::ring_unit_reg::kControl, 1);
  m.run();
  ASSERT_EQ(m.read(hw::ring_unit_reg::kControl), 0u);
  ASSERT_EQ(m.read(hw::ring_unit_reg::kStatus), 0u);
  for (RingDriver* d : {&a, &b}) {
    d->enable();
    d->load_key(0, pattern(16, 1));
    const Bytes iv = pattern(16, 2), data = pattern(64, 3);
    m.mem.put(kData, data);
    d->submit(cbc_request(kData, kData + 64, 64, iv));
    m.run();
    EXPECT_EQ(d->take().size(), 1u);
    EXPECT_EQ(m.mem.get(kData + 64, 64), openssl("AES-128-CBC", pattern(16, 1), iv, data, true));
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, Vandal, testing::Range(1u, 11u));

}  // namespace
}  // namespace cesasim::test
