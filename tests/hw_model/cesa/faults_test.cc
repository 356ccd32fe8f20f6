// SPDX-License-Identifier: Apache-2.0
// Faults on purpose in an engine, and what a driver's recovery needs afterwards: in both grains
// the same registers, memory and times.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "tests/hw_model/cesa/engine_rig.h"

namespace cesasim::test {
namespace {

using namespace hw::cesa_reg;  // NOLINT(google-build-using-namespace)
namespace bit = hw::cesa_bit;
namespace irq = hw::cesa_bit::irq;
using hw::FaultKind;
using hw::FaultPlan;
using hw::FaultRule;
using hw::Fidelity;
using hw::Ps;

constexpr std::uint32_t kTied =
    bit::cfg::kCh0WaitDma | bit::cfg::kCh0ActivateDma | bit::cfg::kMultiPacketChain;
constexpr std::uint32_t kAesCauses = irq::kAesEncryptDone | irq::kCipherDone | irq::kAccel0Done;
constexpr std::uint32_t kChain = 0x1000, kOps = 0x4000, kIn = 0x8000, kOut = 0xC000;
constexpr std::uint32_t kBytes = 64;
constexpr unsigned kRequests = 3;
constexpr unsigned kDescriptors = 4;  // of a request: operation in, data in, launch, data out
constexpr Ps kOverhead = 36 * kCycle;

Bytes openssl_cbc(const Bytes& key, const Bytes& iv, const Bytes& in) {
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  EVP_EncryptInit_ex(ctx, EVP_aes_128_cbc(), nullptr, key.data(), iv.data());
  EVP_CIPHER_CTX_set_padding(ctx, 0);
  Bytes out(in.size());
  int n = 0;
  EVP_EncryptUpdate(ctx, out.data(), &n, in.data(), static_cast<int>(in.size()));
  EVP_CIPHER_CTX_free(ctx);
  return out;
}

/// Descriptor, key and IV of one request, as they go into the SRAM.
Bytes operation(unsigned request) {
  Bytes b =
      sa_words({1 | 3 << 8 | 1 << 16, 0x80 | 0x80 << 16, kBytes, 0x20, 0x40 | 0x40 << 16, 0, 0, 0});
  const Bytes key = counted(16, 5), iv = counted(16, 90 + request);
  b.insert(b.end(), key.begin(), key.end());
  b.resize(0x40);
  b.insert(b.end(), iv.begin(), iv.end());
  b.resize(0x80);
  return b;
}
Bytes data(unsigned request) { return counted(kBytes, 30 * request + 1); }
Bytes ciphertext(unsigned request) {
  return openssl_cbc(counted(16, 5), counted(16, 90 + request), data(request));
}
constexpr std::uint32_t descriptor(unsigned request, unsigned i) {
  return kChain + 32 * (kDescriptors * request + i);
}

/// Three requests in one chain, with a rule; the line follows the done cause and the errors.
struct Rig : EngineRig {
  FaultPlan plan;

  Rig(FaultRule rule, Fidelity fidelity, hw::CesaParams params = rig_params())
      : EngineRig(params, fidelity), plan({std::move(rule)}, 1) {
    engine.set_faults(&plan, 0);
    if (params.tdma) {
      config(kTied);
      write(kTdmaErrorMask, 0xF);
      write(kIntMask, irq::kAccel0DmaDone);
    }
    for (unsigned r = 0; r < kRequests; ++r) {
      put(kOps + 0x100 * r, operation(r));
      put(kIn + 0x100 * r, data(r));
      const auto link = [&](unsigned i, hw::TdmaDescriptor d) {
        const bool last = r + 1 == kRequests && i + 1 == kDescriptors;
        d.next = last ? 0 : descriptor(r, i) + 32;
        d.encode(std::span<std::uint8_t, 16>(&memory.bytes[descriptor(r, i)], 16));
      };
      link(0, {0x80, true, kOps + 0x100 * r, kRigSram, 0});
      link(1, {kBytes, true, kIn + 0x100 * r, kRigSram + 0x80, 0});
      link(2, {0, false, 0, 0, 0});
      link(3, {kBytes, true, kRigSram + 0x80, kOut + 0x100 * r, 0});
    }
  }
  bool done(unsigned request) const {
    return dram(kOut + 0x100 * request, kBytes) == ciphertext(request);
  }
  bool untouched(unsigned request) const {
    return dram(kOut + 0x100 * request, kBytes) == Bytes(kBytes);
  }
  /// What a driver does after it has seen the end of things.
  void relaunch(unsigned request) {
    write(kIntCause, 0);
    write(kTdmaErrorCause, 0);
    chain(descriptor(request, 0));
    run();
  }
  void expect_at_rest() {
    EXPECT_EQ(read(kCmd), 0u);
    EXPECT_EQ(read(kStatus) & bit::status::kActive0, 0u);
    EXPECT_EQ(read(kTdmaControl) & bit::tdma_control::kActive, 0u);
    EXPECT_FALSE(engine.running());
  }
};

FaultRule rule(FaultKind kind, std::uint64_t nth) {
  FaultRule r;
  r.kind = kind;
  r.nth = nth;
  return r;
}

/// When the chain launches its second operation.
Ps second_launch(Fidelity fidelity) {
  Rig rig(rule(FaultKind::engine_stuck, 2), fidelity);
  rig.chain(descriptor(0, 0));
  rig.run();
  return rig.plan.outcomes()[0].last_fired;
}

class EngineFaults : public testing::TestWithParam<Fidelity> {};
INSTANTIATE_TEST_SUITE_P(BothGrains, EngineFaults,
                         testing::Values(Fidelity::descriptor, Fidelity::burst),
                         [](const auto& info) {
                           return info.param == Fidelity::descriptor ? "descriptor" : "burst";
                         });

TEST_P(EngineFaults, APlanThatDoesNotFireChangesNothing) {
  Rig with(rule(FaultKind::engine_error, 100), GetParam());
  Rig without(rule(FaultKind::engine_error, 100), GetParam());
  without.engine.set_faults(nullptr, 0);
  for (Rig* rig : {&with, &without}) {
    rig->chain(descriptor(0, 0));
    rig->run();
    for (unsigned r = 0; r < kRequests; ++r) EXPECT_TRUE(rig->done(r)) << r;
  }
  EXPECT_EQ(with.now, without.now);
  EXPECT_EQ(with.interrupts, without.interrupts);
  EXPECT_EQ(with.plan.outcomes()[0].opportunities, kRequests) << "one an operation";
}

TEST_P(EngineFaults, AFailedOperationStopsTheChainThere) {
  Rig rig(rule(FaultKind::engine_error, 2), GetParam());
  rig.chain(descriptor(0, 0));
  rig.run();
  EXPECT_TRUE(rig.done(0));
  EXPECT_TRUE(rig.untouched(1)) << "its data are not moved out";
  EXPECT_TRUE(rig.untouched(2));
  EXPECT_EQ(rig.read(kTdmaErrorCause), bit::tdma_error::kDataError);
  EXPECT_EQ(rig.causes() & (irq::kAccel0DmaDone | irq::kDmaDone), 0u);
  EXPECT_EQ(rig.read(kTdmaCurrent), descriptor(1, 2)) << "the launch";
  rig.expect_at_rest();
  EXPECT_EQ(rig.sram(0x80, kBytes), data(1)) << "SRAM as it was";
  // The error is seen when the operation has taken start and end, no sooner.
  EXPECT_EQ(rig.interrupts, std::vector<Ps>{second_launch(GetParam()) + kOverhead});
  EXPECT_EQ(rig.engine.stats().operations, 1u);
  EXPECT_EQ(rig.engine.stats().faults, 1u);
  EXPECT_EQ(rig.engine.stats().guest_errors, 0u) << "not the driver's mistake";
  EXPECT_EQ(rig.engine.stats().busy_ps, rig.now);

  rig.relaunch(1);
  for (unsigned r = 0; r < kRequests; ++r) EXPECT_TRUE(rig.done(r)) << r;
  EXPECT_TRUE(rig.causes() & irq::kAccel0DmaDone);
  EXPECT_EQ(rig.read(kTdmaErrorCause), 0u);
  EXPECT_EQ(rig.engine.stats().operations, 3u);
}

TEST_P(EngineFaults, AMaskedErrorIsSilent) {
  Rig rig(rule(FaultKind::engine_error, 1), GetParam());
  rig.write(kTdmaErrorMask, 0);
  rig.chain(descriptor(0, 0));
  rig.run();
  EXPECT_TRUE(rig.interrupts.empty());
  EXPECT_EQ(rig.read(kTdmaErrorCause), bit::tdma_error::kDataError);
  EXPECT_EQ(rig.causes(), 0u);
}

TEST_P(EngineFaults, AStuckOperationLastsUntilStop) {
  Rig rig(rule(FaultKind::engine_stuck, 2), GetParam());
  rig.chain(descriptor(0, 0));
  rig.run();
  const Ps launch = second_launch(GetParam());
  EXPECT_TRUE(rig.done(0));
  EXPECT_EQ(rig.read(kCmd), bit::cmd::kActivate0);
  EXPECT_EQ(rig.read(kStatus) & bit::status::kActive0, bit::status::kActive0);
  EXPECT_TRUE(rig.read(kTdmaControl) & bit::tdma_control::kActive);
  EXPECT_TRUE(rig.engine.running());
  EXPECT_FALSE(rig.due());
  EXPECT_TRUE(rig.interrupts.empty());
  EXPECT_EQ(rig.read(kTdmaCurrent), descriptor(1, 2));
  EXPECT_EQ(rig.read(kTdmaErrorCause), 0u);
  const Ps working = rig.engine.stats().sa_busy_ps;

  rig.now = launch + 1000 * hw::kPsPerUs;
  rig.activate();
  EXPECT_TRUE(rig.reported("while it runs"));
  rig.write(kCmd, bit::cmd::kStop);
  rig.expect_at_rest();
  EXPECT_EQ(rig.read(kTdmaCurrent), descriptor(1, 2)) << "where it stopped";
  EXPECT_EQ(rig.engine.stats().busy_ps, rig.now);
  EXPECT_EQ(rig.engine.stats().sa_busy_ps, working + 1000 * hw::kPsPerUs);

  rig.relaunch(2);  // the driver gives up request 1
  EXPECT_TRUE(rig.done(2));
  EXPECT_TRUE(rig.untouched(1));
  rig.relaunch(1);
  EXPECT_TRUE(rig.done(1));
  EXPECT_TRUE(rig.causes() & irq::kAccel0DmaDone);
}

TEST_P(EngineFaults, DisablingTheDmaEndsAStuckOperationOfAChainToo) {
  Rig rig(rule(FaultKind::engine_stuck, 1), GetParam());
  rig.chain(descriptor(0, 0));
  rig.run();
  rig.now += hw::kPsPerUs;
  rig.write(kTdmaControl, 0);
  rig.expect_at_rest();
  rig.write(kTdmaControl, 0x1904);
  rig.relaunch(0);
  for (unsigned r = 0; r < kRequests; ++r) EXPECT_TRUE(rig.done(r)) << r;
}

// Each access of the first request in turn: a descriptor or its data.
TEST_P(EngineFaults, ABusErrorAtEachAccess) {
  const struct {
    unsigned nth, current;  // the descriptor in CURRENT
    bool fetch;
    std::uint32_t where;
  } cases[] = {{1, 0, true, descriptor(0, 0)},
               {2, 0, false, kOps},
               {3, 0, true, descriptor(0, 1)},
               {4, 1, false, kIn},
               {5, 1, true, descriptor(0, 2)},
               {6, 2, true, descriptor(0, 3)},
               {7, 3, false, kOut}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.nth);
    for (const bool by_address : {false, true}) {
      FaultRule r = rule(FaultKind::tdma_bus_error, by_address ? 1 : c.nth);
      if (by_address) r.first = r.last = c.where;
      Rig rig(r, GetParam());
      rig.chain(descriptor(0, 0));
      rig.run();
      EXPECT_EQ(rig.read(kTdmaErrorCause), bit::tdma_error::kDataError);
      EXPECT_EQ(rig.read(kTdmaCurrent), c.nth == 1 ? 0u : descriptor(0, c.current));
      EXPECT_EQ(rig.interrupts.size(), 1u);
      EXPECT_TRUE(rig.untouched(0));
      EXPECT_EQ(rig.engine.stats().guest_errors, 0u);
      EXPECT_EQ(rig.engine.stats().faults, 1u);
      rig.expect_at_rest();
      rig.relaunch(0);
      for (unsigned q = 0; q < kRequests; ++q) EXPECT_TRUE(rig.done(q)) << q;
    }
  }
}

// An operation that the processor starts, on a unit with a DMA and on one without.
TEST_P(EngineFaults, OperationsThatTheProcessorStarts) {
  for (const bool tdma : {true, false}) {
    hw::CesaParams params = rig_params();
    params.tdma = tdma;
    SCOPED_TRACE(tdma);
    for (const FaultKind kind : {FaultKind::engine_error, FaultKind::engine_stuck}) {
      SCOPED_TRACE(hw::fault_name(kind));
      Rig rig(rule(kind, 1), GetParam(), params);
      rig.config(0);
      rig.write(kIntMask, irq::kAccel0Done);
      rig.put_sram(0, operation(0));
      rig.put_sram(0x80, data(0));
      rig.activate();
      rig.run();
      EXPECT_EQ(rig.causes(), 0u);
      EXPECT_EQ(rig.sram(0x80, kBytes), data(0));
      if (kind == FaultKind::engine_error) {
        EXPECT_EQ(rig.now, kOverhead);
        EXPECT_EQ(rig.read(kCmd), 0u);
        EXPECT_EQ(rig.interrupts.size(), tdma ? 1u : 0u);
        if (tdma) {
          EXPECT_EQ(rig.read(kTdmaErrorCause), bit::tdma_error::kDataError);
          rig.write(kTdmaErrorCause, 0);
        }
        EXPECT_EQ(rig.engine.stats().busy_ps, kOverhead);
      } else {
        EXPECT_EQ(rig.read(kCmd), bit::cmd::kActivate0);
        rig.now = hw::kPsPerUs;
        rig.write(kCmd, bit::cmd::kStop);
        EXPECT_EQ(rig.read(kCmd), 0u);
        EXPECT_EQ(rig.engine.stats().sa_busy_ps, hw::kPsPerUs);
      }
      rig.activate();
      rig.run();
      EXPECT_EQ(rig.causes(), kAesCauses);
      EXPECT_EQ(rig.sram(0x80, kBytes), ciphertext(0));
    }
  }
}

// The other channel of a unit with two waits for the accelerator, and gets it after the stop.
TEST_P(EngineFaults, ASecondChannelWaitsBehindAStuckOne) {
  hw::CesaParams params = rig_params();
  params.channels = 2;
  Rig rig(rule(FaultKind::engine_stuck, 1), GetParam(), params);
  rig.config(0);
  rig.write(kDescP1, 0x400);
  rig.put_sram(0, operation(0));
  rig.put_sram(0x80, data(0));
  rig.activate(0);
  rig.activate(1);
  rig.run();
  EXPECT_EQ(rig.causes(), 0u);
  EXPECT_EQ(rig.read(kCmd), bit::cmd::kActivate0 | bit::cmd::kActivate1);
  rig.write(kCmd, bit::cmd::kStop);
  EXPECT_EQ(rig.read(kCmd), 0u);
  rig.activate(0);
  rig.run();
  EXPECT_EQ(rig.causes(), kAesCauses);
}

TEST(FaultGrains, BothGrainsLeaveTheSame) {
  for (const FaultKind kind :
       {FaultKind::engine_error, FaultKind::engine_stuck, FaultKind::tdma_bus_error}) {
    for (std::uint64_t nth = 1; nth <= 3; ++nth) {
      Rig coarse(rule(kind, nth), Fidelity::descriptor);
      Rig fine(rule(kind, nth), Fidelity::burst);
      for (Rig* rig : {&coarse, &fine}) {
        rig->chain(descriptor(0, 0));
        rig->run();
        rig->now = hw::kPsPerMs;
        rig->write(kCmd, bit::cmd::kStop);
      }
      EXPECT_EQ(coarse.memory.bytes, fine.memory.bytes);
      for (const std::uint32_t reg : {kIntCause, kTdmaErrorCause, kTdmaCurrent, kCmd, kStatus}) {
        EXPECT_EQ(coarse.read(reg), fine.read(reg)) << std::hex << reg;
      }
      EXPECT_EQ(coarse.plan.fired(), fine.plan.fired());
      EXPECT_EQ(coarse.engine.stats().operations, fine.engine.stats().operations);
    }
  }
}

}  // namespace
}  // namespace cesasim::test
