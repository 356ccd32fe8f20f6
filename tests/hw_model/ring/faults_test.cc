// SPDX-License-Identifier: Apache-2.0
// Faults on purpose in the ring, one at every place, and what a driver's recovery needs: the
// others go on, a ring's reset heals it.
#include <gtest/gtest.h>

#include <map>

#include "tests/hw_model/ring/ring_bench.h"

namespace cesasim::test {
namespace {

namespace irq = hw::ring_bit::irq;
using namespace hw::ring_reg;  // NOLINT(google-build-using-namespace)
using hw::FaultKind;
using hw::FaultPlan;
using hw::FaultRule;
using hw::RingCompletion;
using hw::RingStatus;

const Bytes kKey = pattern(16, 100);
constexpr std::uint32_t kBytes = 512;
constexpr hw::PhysAddr kStride = 0x10000;

FaultRule rule(FaultKind kind, std::uint64_t nth) {
  FaultRule r;
  r.kind = kind;
  r.nth = nth;
  return r;
}
FaultRule bus_rule(hw::PhysAddr at) {
  FaultRule r = rule(FaultKind::tdma_bus_error, 1);
  r.first = r.last = at;
  return r;
}

/// Rings with a driver each; request `i` has data, IV and place of its own.
struct Bench {
  PlainRing m;
  FaultPlan plan;
  std::vector<RingDriver> d;

  explicit Bench(FaultRule r, unsigned engines = 1, unsigned rings = 1, unsigned buffers = 2,
                 std::uint32_t config = 0)
      : m(bench_params(engines, rings, buffers)), plan({std::move(r)}, 1) {
    m.core->set_faults(&plan);
    RingDriver::Options options;
    options.config = config;
    for (unsigned i = 0; i < rings; ++i) d.emplace_back(m, i, options);
    d[0].load_key(0, kKey);
  }
  static hw::PhysAddr in(unsigned i) { return kData + kStride * i; }
  static hw::PhysAddr out(unsigned i) { return in(i) + kStride / 2; }
  static Bytes data(unsigned i, std::uint32_t n = kBytes) { return pattern(n, 1000 + i); }
  static Bytes iv(unsigned i) { return pattern(16, 2000 + i); }

  void submit(unsigned i, unsigned ring = 0, std::uint32_t n = kBytes) {
    m.mem.put(in(i), data(i, n));
    hw::RingDescriptor r = cbc_request(in(i), out(i), n, iv(i));
    r.cookie = i;
    d[ring].submit(r);
  }
  bool done(unsigned i, std::uint32_t n = kBytes) {
    return m.mem.get(out(i), n) == openssl("AES-128-CBC", kKey, iv(i), data(i, n), true);
  }
  bool untouched(unsigned i) { return m.mem.get(out(i), kBytes) == Bytes(kBytes); }
  std::uint64_t guest_errors() const { return m.core->stats().guest_errors; }
  void reset(unsigned ring) {
    d[ring].write(kCommand, 1);
    EXPECT_TRUE(d[ring].read(kCommand) & 1);
    m.run();
    EXPECT_EQ(d[ring].read(kCommand), 0u);
    d[ring].enable();
  }
  /// What became of a ring's requests, by cookie.
  std::map<std::uint32_t, RingStatus> take(unsigned ring = 0) {
    std::map<std::uint32_t, RingStatus> result;
    for (const RingCompletion& c : d[ring].take()) result[c.cookie] = c.status;
    return result;
  }
};
using Results = std::map<std::uint32_t, RingStatus>;
constexpr RingStatus kOk = RingStatus::ok;

TEST(RingFaults, APlanThatDoesNotFireChangesNothing) {
  Bench with(rule(FaultKind::engine_error, 100)), without(rule(FaultKind::engine_error, 100));
  without.m.core->set_faults(nullptr);
  for (Bench* b : {&with, &without}) {
    for (unsigned i = 0; i < 6; ++i) b->submit(i, 0, i == 3 ? 5000 / 16 * 16 : kBytes);
    b->m.run();
  }
  EXPECT_EQ(with.m.now, without.m.now);
  EXPECT_EQ(with.plan.outcomes()[0].opportunities, 6u) << "one a request, however long";
}

TEST(RingFaults, AFailedOperationEndsItsRequestAlone) {
  for (const unsigned buffers : {1u, 2u, 3u}) {
    for (const std::uint32_t n : {kBytes, 4096u}) {  // a request of one piece, of several
      SCOPED_TRACE(testing::Message() << buffers << " buffers, " << n << " bytes");
      Bench b(rule(FaultKind::engine_error, 2), 1, 1, buffers);
      for (unsigned i = 0; i < 4; ++i) b.submit(i, 0, n);
      b.m.run();
      const auto all = b.d[0].take();
      ASSERT_EQ(all.size(), 4u);
      for (const RingCompletion& c : all) {
        EXPECT_EQ(c.status, c.cookie == 1 ? RingStatus::engine_error : kOk) << c.cookie;
        EXPECT_EQ(c.bytes_written, c.cookie == 1 ? 0 : n);
        EXPECT_EQ(b.done(c.cookie, n), c.cookie != 1);
      }
      EXPECT_TRUE(b.untouched(1));
      EXPECT_EQ(b.d[0].cause(), irq::kDone | irq::kFailed);
      EXPECT_EQ(b.d[0].read(kError), 11u | 1u << 16);
      EXPECT_TRUE(b.m.core->irq(0));
      EXPECT_EQ(b.guest_errors(), 0u) << "not the driver's mistake";
      EXPECT_EQ(b.m.core->stats().failed, 1u);
      EXPECT_EQ(b.m.core->faults(), 1u);
      EXPECT_EQ(b.m.read(hw::ring_unit_reg::kStatus), 0u);
      b.submit(1, 0, n);
      b.m.run();
      EXPECT_TRUE(b.done(1, n));
    }
  }
}

TEST(RingFaults, WhereIsTheEngine) {
  FaultRule r = rule(FaultKind::engine_error, 0);
  r.every = 1;
  r.nth = 1;
  r.first = r.last = 1;
  Bench b(r, /*engines=*/2);
  for (unsigned i = 0; i < 6; ++i) b.submit(i);
  b.m.run();
  unsigned failed = 0;
  for (const RingCompletion& c : b.d[0].take()) {
    EXPECT_EQ(c.status, c.engine == 1 ? RingStatus::engine_error : kOk);
    failed += c.engine == 1;
  }
  EXPECT_GT(failed, 0u);
  EXPECT_EQ(b.plan.fired(), failed);
}

TEST(RingFaults, AStuckEngineHoldsItsRequestsUntilTheRingIsReset) {
  Bench b(rule(FaultKind::engine_stuck, 2), 1, 1, 2);
  for (unsigned i = 0; i < 5; ++i) b.submit(i);
  b.m.run();
  EXPECT_EQ(b.take(), (Results{{0, kOk}}));
  EXPECT_EQ(b.m.read(hw::ring_unit_reg::kStatus), 1u) << "engine 0 holds a request";
  EXPECT_EQ(b.d[0].read(kStatus) >> 16, 4u) << "in flight";
  EXPECT_TRUE(b.untouched(1));
  b.m.now += hw::kPsPerMs;
  const hw::Ps busy = b.m.core->engine(0).cipher_busy_ps();
  b.reset(0);
  EXPECT_GE(b.m.core->engine(0).cipher_busy_ps(), busy + hw::kPsPerMs);
  EXPECT_EQ(b.m.read(hw::ring_unit_reg::kStatus), 0u);
  for (unsigned i = 1; i < 5; ++i) EXPECT_TRUE(b.untouched(i)) << i;
  EXPECT_EQ(b.m.core->stats().abandoned, 4u);
  for (unsigned i = 1; i < 5; ++i) b.submit(i);
  b.m.run();
  EXPECT_EQ(b.take().size(), 4u);
  for (unsigned i = 0; i < 5; ++i) EXPECT_TRUE(b.done(i)) << i;
  EXPECT_EQ(b.guest_errors(), 0u);
}

TEST(RingFaults, TheUnitsResetFreesAStuckEngineToo) {
  Bench b(rule(FaultKind::engine_stuck, 1), 1, 2);
  b.submit(0, 0);
  b.submit(1, 1);
  b.m.run();
  b.m.write(hw::ring_unit_reg::kControl, 1);
  b.m.run();
  EXPECT_EQ(b.m.read(hw::ring_unit_reg::kControl), 0u);
  EXPECT_EQ(b.m.read(hw::ring_unit_reg::kStatus), 0u);
  for (unsigned ring : {0u, 1u}) b.d[ring].enable();
  b.d[0].load_key(0, kKey);
  b.submit(0, 0);
  b.submit(1, 1);
  b.m.run();
  EXPECT_TRUE(b.done(0));
  EXPECT_TRUE(b.done(1));
}

// Ring 0's request is stuck in the only engine, ring 1's requests wait behind it.
TEST(RingFaults, TheResetOfTheStuckRingLetsTheOtherGoOn) {
  for (const unsigned buffers : {1u, 2u, 4u}) {
    SCOPED_TRACE(buffers);
    Bench b(rule(FaultKind::engine_stuck, 1), 1, 2, buffers);
    b.submit(0, 0);
    b.m.run();
    for (unsigned i = 1; i < 8; ++i) b.submit(i, 1);
    b.m.run();
    EXPECT_TRUE(b.take(1).empty());
    b.reset(0);
    EXPECT_EQ(b.take(1).size(), 7u) << "they ran on, without a hand on their ring";
    for (unsigned i = 1; i < 8; ++i) EXPECT_TRUE(b.done(i)) << i;
    EXPECT_TRUE(b.untouched(0));
    b.submit(0, 0);
    b.m.run();
    EXPECT_TRUE(b.done(0));
  }
}

// The reset of a ring that only waits behind the stuck one comes to its end as well.
TEST(RingFaults, TheResetOfAWaitingRingEnds) {
  for (const unsigned buffers : {1u, 2u, 4u}) {
    for (const bool while_reading : {false, true}) {
      SCOPED_TRACE(testing::Message() << buffers << while_reading);
      Bench b(rule(FaultKind::engine_stuck, 1), 1, 2, buffers);
      b.submit(0, 0);
      b.m.run();
      for (unsigned i = 1; i < 4; ++i) b.submit(i, 1, 2048);
      if (while_reading) {
        b.m.run_for(60 * kTclk);
      } else {
        b.m.run();
      }
      b.reset(1);
      EXPECT_EQ(b.m.read(hw::ring_unit_reg::kStatus), 1u) << "ring 0's request is still there";
      for (unsigned i = 1; i < 4; ++i) EXPECT_TRUE(b.untouched(i)) << i;
      b.submit(5, 1);
      b.m.run();
      b.reset(0);
      EXPECT_EQ(b.take(1), (Results{{5, kOk}}));
      EXPECT_TRUE(b.done(5));
      b.submit(0, 0);
      b.m.run();
      EXPECT_TRUE(b.done(0));
      EXPECT_EQ(b.m.read(hw::ring_unit_reg::kStatus), 0u);
    }
  }
}

TEST(RingFaults, AnotherEngineGoesOnBesideAStuckOne) {
  Bench b(rule(FaultKind::engine_stuck, 1), 2, 1, 2, hw::ring_bit::config::kOutOfOrder);
  for (unsigned i = 0; i < 20; ++i) b.submit(i);
  b.m.run();
  const auto all = b.d[0].take();
  EXPECT_GE(all.size(), 20u - bench_params().engine_queue);
  for (const RingCompletion& c : all) EXPECT_EQ(c.engine, 1);
  b.reset(0);
  b.submit(0);
  b.m.run();
  EXPECT_TRUE(b.done(0));
}

// A bus error at every access of a request in turn: the documented status or cause, nothing for
// the others, and after a reset (where one is needed) all is well.
TEST(RingFaults, ABusErrorAtEveryPlace) {
  enum class Seen { status, fetch, write_back };
  const struct {
    const char* name;
    Seen seen;
    RingStatus status;
  } cases[] = {{"descriptor", Seen::fetch, kOk},
               {"shadow", Seen::fetch, kOk},
               {"completion", Seen::write_back, kOk},
               {"indexes", Seen::write_back, kOk},
               {"key", Seen::status, RingStatus::key_bus_error},
               {"source", Seen::status, RingStatus::source_bus_error},
               {"source list", Seen::status, RingStatus::source_bus_error},
               {"destination", Seen::status, RingStatus::destination_bus_error},
               {"destination list", Seen::status, RingStatus::destination_bus_error},
               {"iv", Seen::status, RingStatus::iv_bus_error}};
  constexpr hw::PhysAddr kLists = kData + 0x800000;
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const std::string name = c.name;
    // Request 1 of three meets it; the ring of these has its structures where the driver says.
    const hw::PhysAddr ring = 0x100000;
    const hw::PhysAddr at = name == "descriptor"         ? ring
                            : name == "shadow"           ? ring + 0x60000
                            : name == "completion"       ? ring + 0x40000 + 16
                            : name == "indexes"          ? ring + 0x60040
                            : name == "key"              ? kLists + 0x100
                            : name == "source"           ? Bench::in(1)
                            : name == "source list"      ? kLists + 0x200
                            : name == "destination"      ? Bench::out(1)
                            : name == "destination list" ? kLists + 0x300
                                                         : kLists + 0x400;
    Bench b(bus_rule(at), 1, 2, 2,
            hw::ring_bit::config::kShadow | hw::ring_bit::config::kIndexWriteback);
    const auto submit = [&](unsigned i) {
      b.m.mem.put(Bench::in(i), Bench::data(i));
      hw::RingDescriptor r = cbc_request(Bench::in(i), Bench::out(i), kBytes, Bench::iv(i), 16,
                                         hw::ring_control::kIvOut);
      r.cookie = i;
      r.iv_out = kLists + 0x1000 * (i + 1) + 0x400;
      if (i == 1) {
        r.iv_out = kLists + 0x400;
        r.control &= ~hw::ring_control::kKeySlot;
        r.key = kLists + 0x100;
        b.m.mem.put(r.key, kKey);
        r.source = kLists + 0x200;
        r.destination = kLists + 0x300;
        r.source_entries = r.destination_entries = 1;
        hw::RingListEntry{Bench::in(1), kBytes, 0}.encode(
            std::span<std::uint8_t, 16>(b.m.mem.at(r.source), 16));
        hw::RingListEntry{Bench::out(1), kBytes, 0}.encode(
            std::span<std::uint8_t, 16>(b.m.mem.at(r.destination), 16));
      }
      b.d[0].put(r);
      b.d[0].store_shadow();
    };
    for (unsigned i = 0; i < 3; ++i) submit(i);
    b.d[0].doorbell();
    b.submit(7, 1);
    b.m.run();
    EXPECT_EQ(b.plan.fired(), 1u);
    EXPECT_EQ(b.take(1), (Results{{7, kOk}})) << "the other ring";
    EXPECT_TRUE(b.done(7));
    EXPECT_EQ(b.guest_errors(), 0u);
    const std::uint32_t cause = b.d[0].cause();
    if (c.seen == Seen::status) {
      EXPECT_EQ(b.take(), (Results{{0, kOk}, {1, c.status}, {2, kOk}}));
      EXPECT_EQ(cause, irq::kDone | irq::kFailed);
    } else {
      EXPECT_TRUE(cause & (c.seen == Seen::fetch ? irq::kFetchError : irq::kWritebackError));
      EXPECT_TRUE(b.d[0].read(kStatus) & hw::ring_bit::status::kStopped);
      EXPECT_TRUE(b.m.core->irq(0));
      b.reset(0);
    }
    submit(1);
    b.d[0].doorbell();
    b.m.run();
    EXPECT_EQ(b.take(), (Results{{1, kOk}}));
    EXPECT_TRUE(b.done(1));
  }
}

// Every fault at every opportunity of a small load: no request is lost without a trace, none has
// wrong data and status ok, and after a reset of all the unit works.
TEST(RingFaults, EveryFaultAtEveryOpportunity) {
  for (const FaultKind kind :
       {FaultKind::engine_error, FaultKind::engine_stuck, FaultKind::tdma_bus_error}) {
    for (std::uint64_t nth = 1;; ++nth) {
      SCOPED_TRACE(testing::Message() << hw::fault_name(kind) << " " << nth);
      Bench b(rule(kind, nth), 2, 2, 2);
      for (unsigned i = 0; i < 6; ++i) b.submit(i, i % 2, 1500 / 16 * 16);
      b.m.run();
      if (b.plan.fired() == 0) {
        EXPECT_GT(nth, 6u);
        break;
      }
      for (unsigned ring : {0u, 1u}) {
        for (const auto& [i, status] : b.take(ring)) {
          EXPECT_TRUE(status != kOk || b.done(i, 1500 / 16 * 16)) << i;
        }
      }
      b.reset(0);
      b.reset(1);
      EXPECT_EQ(b.m.read(hw::ring_unit_reg::kStatus), 0u);
      const auto& s = b.m.core->stats();
      EXPECT_EQ(s.completed + s.failed + s.abandoned, s.descriptors);
      for (unsigned i = 0; i < 6; ++i) b.submit(i, i % 2);
      b.m.run();
      for (unsigned i = 0; i < 6; ++i) EXPECT_TRUE(b.done(i)) << i;
    }
  }
}

}  // namespace
}  // namespace cesasim::test
