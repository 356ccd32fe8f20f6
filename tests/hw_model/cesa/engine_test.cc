// SPDX-License-Identifier: Apache-2.0
// One engine without SystemC: MACs, the second channel, the DMA alone and in every tie with the
// channel, windows, errors, digest policies, coalescing, bursts.
#include "hw_model/cesa/engine.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>

#include "tests/hw_model/cesa/engine_rig.h"

namespace cesasim::test {
namespace {

using namespace hw::cesa_reg;  // NOLINT(google-build-using-namespace)
namespace bit = hw::cesa_bit;
namespace irq = bit::irq;
using hw::Ps;

Bytes openssl_digest(const EVP_MD* md, const Bytes& in) {
  Bytes out(static_cast<std::size_t>(EVP_MD_get_size(md)));
  EVP_Digest(in.data(), in.size(), out.data(), nullptr, md, nullptr);
  return out;
}
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

// Descriptor words of the operations below: key 0x20, IV 0x40, digest 0x60, data 0x80.
constexpr std::uint32_t kAesCbc = 1 | 3 << 8 | 1 << 16;
constexpr std::uint32_t kSha1 = 5 << 4;
constexpr std::uint32_t kFirst = 1u << 30, kLast = 2u << 30;
Bytes aes_op(std::uint32_t bytes) {
  return sa_words({kAesCbc, 0x80 | 0x80 << 16, bytes, 0x20, 0x40 | 0x40 << 16, 0, 0, 0});
}
Bytes mac_op(std::uint32_t config, std::uint32_t bytes, std::uint32_t total) {
  return sa_words({config, 0, 0, 0, 0, 0x80 | total << 16, 0x60 | bytes << 16, 0});
}

constexpr Ps kOverhead = 36 * kCycle;
constexpr Ps aes_time(unsigned blocks) { return kOverhead + blocks * 11 * kCycle; }
constexpr Ps sha1_time(unsigned blocks) { return kOverhead + blocks * 81 * kCycle; }

constexpr std::uint32_t kTied =
    bit::cfg::kCh0WaitDma | bit::cfg::kCh0ActivateDma | bit::cfg::kMultiPacketChain;
constexpr std::uint32_t kAesCauses = irq::kAesEncryptDone | irq::kCipherDone | irq::kAccel0Done;

// --- MACs -------------------------------------------------------------------------------------

TEST(EngineMac, DigestStandsInMemoryAndInTheRegisters) {
  EngineRig rig;
  const Bytes data = counted(200, 3);
  rig.put_sram(0, mac_op(kSha1, 200, 200));
  rig.put_sram(0x80, data);
  rig.activate();
  rig.run();
  EXPECT_EQ(rig.now, sha1_time(4)) << "200 bytes and the padding are four blocks";
  const Bytes digest = openssl_digest(EVP_sha1(), data);
  EXPECT_EQ(rig.sram(0x60, 20), digest);
  for (unsigned i = 0; i < 5; ++i) {
    const std::uint32_t word = static_cast<std::uint32_t>(digest[4 * i]) << 24 |
                               digest[4 * i + 1] << 16 | digest[4 * i + 2] << 8 | digest[4 * i + 3];
    EXPECT_EQ(rig.read(ivdig(i)), word) << i;
  }
  EXPECT_EQ(rig.causes(), irq::kAuthDone | irq::kAccel0Done);
  EXPECT_EQ(rig.engine.stats().bytes_authenticated, 200u);
}

// As Linux does for a hash that another request has interrupted: words out, words back in.
TEST(EngineMac, SoftwareSavesAndRestoresTheState) {
  EngineRig rig;
  const Bytes data = counted(192, 9);
  const auto fragment = [&](std::uint32_t config, std::size_t from, std::uint32_t n) {
    rig.put_sram(0, mac_op(config, n, 192));
    rig.put_sram(0x80, Bytes(data.begin() + static_cast<std::ptrdiff_t>(from),
                             data.begin() + static_cast<std::ptrdiff_t>(from + n)));
    rig.activate();
    rig.run();
  };
  fragment(kSha1 | kFirst, 0, 128);
  std::array<std::uint32_t, 5> saved;
  for (unsigned i = 0; i < 5; ++i) saved[i] = rig.read(ivdig(i));
  rig.put_sram(0, mac_op(kSha1, 64, 64));
  rig.activate();
  rig.run();
  EXPECT_NE(rig.read(ivdig(0)), saved[0]);
  for (unsigned i = 0; i < 5; ++i) rig.write(ivdig(i), saved[i]);
  fragment(kSha1 | kLast, 128, 64);
  EXPECT_EQ(rig.sram(0x60, 20), openssl_digest(EVP_sha1(), data));
}

TEST(EngineMac, WritingTheStateDropsThePartialBlock) {
  const Bytes data = counted(130, 1);
  const Bytes digest = openssl_digest(EVP_sha1(), data);
  for (const bool touch : {false, true}) {
    EngineRig rig;
    rig.put_sram(0, mac_op(kSha1 | kFirst, 70, 130));
    rig.put_sram(0x80, Bytes(data.begin(), data.begin() + 70));
    rig.activate();
    rig.run();
    if (touch) rig.write(ivdig(0), rig.read(ivdig(0)));
    rig.put_sram(0, mac_op(kSha1 | kLast, 60, 130));
    rig.put_sram(0x80, Bytes(data.begin() + 70, data.end()));
    rig.activate();
    rig.run();
    EXPECT_EQ(rig.sram(0x60, 20) == digest, !touch);
    EXPECT_EQ(rig.reported("MAC total length 130"), touch)
        << "64 and 60 bytes are no 130: " << rig.engine.stats().last_report;
  }
}

TEST(EngineMac, CipherAndMacAddUpOrOverlap) {
  for (const bool parallel : {false, true}) {
    EngineRig rig;
    rig.config(parallel ? 0 : bit::cfg::kNoParallel);
    // Cipher then MAC over the same 64 bytes: 4 blocks of AES, 2 of SHA-1 with the padding.
    rig.put_sram(0, sa_words({3 | 3 << 8 | 1 << 16 | kSha1, 0x80 | 0x80 << 16, 64, 0x20,
                              0x40 | 0x40 << 16, 0x80 | 64 << 16, 0x60 | 64 << 16, 0}));
    const Bytes data = counted(64, 5);
    rig.put_sram(0x80, data);
    rig.activate();
    rig.run();
    EXPECT_EQ(rig.now, kOverhead + (parallel ? 162 : 162 + 44) * kCycle);
    const Bytes coded = openssl_cbc(Bytes(16), Bytes(16), data);
    EXPECT_EQ(rig.sram(0x80, 64), coded);
    EXPECT_EQ(rig.sram(0x60, 20), openssl_digest(EVP_sha1(), coded));
    EXPECT_EQ(rig.causes(), kAesCauses | irq::kAuthDone);
  }
}

// --- Channels ---------------------------------------------------------------------------------

TEST(EngineChannels, TwoShareOneSetOfEngines) {
  auto p = rig_params();
  p.channels = 2;
  p.tdma = false;
  EngineRig rig(p);
  const Bytes data = counted(64, 2);
  rig.put_sram(0, aes_op(64));
  rig.put_sram(0x80, data);
  rig.put_sram(0x100,
               sa_words({kAesCbc, 0x200 | 0x200 << 16, 32, 0x20, 0x140 | 0x140 << 16, 0, 0, 0}));
  rig.put_sram(0x200, data);
  rig.write(kDescP1, 0x100);
  rig.write(kIntMask, irq::kAccel0Done | irq::kAccel1Done);
  rig.activate(0);
  rig.run(10 * kCycle);
  rig.activate(1);
  EXPECT_EQ(rig.read(kCmd), 3u);
  EXPECT_EQ(rig.read(kStatus), 3u);
  rig.run(aes_time(4));
  EXPECT_EQ(rig.read(kStatus), 2u) << "the second still runs";
  EXPECT_EQ(rig.causes(), kAesCauses);
  rig.run();
  EXPECT_EQ(rig.now, aes_time(4) + aes_time(2)) << "one after the other";
  EXPECT_EQ(rig.causes(), kAesCauses | irq::kAccel1Done);
  EXPECT_EQ(rig.read(kCmd), 0u);
  EXPECT_EQ(rig.sram(0x80, 64), openssl_cbc(Bytes(16), Bytes(16), data));
  EXPECT_EQ(rig.sram(0x200, 32),
            openssl_cbc(Bytes(16), Bytes(16), Bytes(data.begin(), data.begin() + 32)));
  EXPECT_EQ(rig.engine.stats().busy_ps, rig.now);
  EXPECT_EQ(rig.engine.stats().guest_errors, 0u) << rig.engine.stats().last_report;
}

// STATUS has a digest error for each channel: bit 8 and, after Marvell's HAL of the two-channel
// Orion, 1 << (channel + 8). A start clears its own.
TEST(EngineChannels, EachHasItsDigestError) {
  auto p = rig_params();
  p.channels = 2;
  p.tdma = false;
  EngineRig rig(p);
  const Bytes data = counted(64, 2);
  rig.put_sram(0x80, data);
  rig.put_sram(0, mac_op(kSha1 | 0x1000, 64, 64));
  rig.put_sram(0x100, mac_op(kSha1 | 0x1000, 64, 64));
  rig.write(kDescP1, 0x100);
  const auto run_with = [&](unsigned channel, bool right) {
    rig.put_sram(0x60, right ? openssl_digest(EVP_sha1(), data) : Bytes(20, 1));
    rig.activate(channel);
    rig.run();
    return rig.read(kStatus);
  };
  EXPECT_EQ(run_with(1, false), 0x200u);
  EXPECT_EQ(run_with(0, true), 0x200u) << "the other one's stays";
  EXPECT_EQ(run_with(0, false), 0x300u);
  EXPECT_EQ(run_with(1, true), 0x100u);
  EXPECT_EQ(run_with(0, true), 0u);
}

TEST(EngineChannels, StopEndsBoth) {
  auto p = rig_params();
  p.channels = 2;
  EngineRig rig(p);
  rig.put_sram(0, aes_op(64));
  rig.write(kCmd, 3);
  rig.run(10 * kCycle);
  EXPECT_EQ(rig.read(kStatus), 3u);
  rig.write(kCmd, bit::cmd::kStop);
  EXPECT_EQ(rig.read(kStatus), 0u);
  EXPECT_FALSE(rig.due());
  EXPECT_EQ(rig.causes(), 0u);
  EXPECT_EQ(rig.engine.stats().busy_ps, 10 * kCycle);
}

TEST(EngineChannels, TheSecondMayDriveTheDma) {
  auto p = rig_params();
  p.channels = 2;
  EngineRig rig(p);
  const Bytes data = counted(64, 2);
  rig.put(0x3000, aes_op(64));
  rig.put(0x4000, data);
  rig.put_chain(0x1000, {{32, true, 0x3000, kRigSram + 0x100},
                         {64, true, 0x4000, kRigSram + 0x80},
                         {0, false},
                         {64, true, kRigSram + 0x80, 0x5000}});
  rig.config(bit::cfg::kCh1WaitDma | bit::cfg::kCh1ActivateDma | bit::cfg::kMultiPacketChain);
  rig.write(kDescP1, 0x100);
  rig.write(kTdmaNext, 0x1000);
  rig.activate(1);
  rig.run();
  EXPECT_EQ(rig.dram(0x5000, 64), openssl_cbc(Bytes(16), Bytes(16), data));
  EXPECT_EQ(rig.causes(), irq::kAesEncryptDone | irq::kCipherDone | irq::kAccel1Done |
                              irq::kChainedPacketDone | irq::kDmaDone | irq::kAccel1DmaDone);
}

TEST(EngineChannels, AUnitWithOneSaysSo) {
  EngineRig rig;
  rig.activate(1);
  EXPECT_TRUE(rig.reported("no second channel")) << rig.engine.stats().last_report;
  rig.config(bit::cfg::kCh1WaitDma);
  rig.write(kDescP1, 0x100);
  EXPECT_EQ(rig.engine.stats().guest_errors, 3u);
  EXPECT_EQ(rig.read(kCfg), 0u);
  EXPECT_FALSE(rig.engine.running());
}

// --- DMA and its ties -------------------------------------------------------------------------

constexpr Ps kStart = 7 * kCycle;
constexpr Ps kFetch = 7 * kCycle;  // 5 and two beats

TEST(EngineDma, FetchNextStartsItAlone) {
  EngineRig rig;
  rig.put(0x4000, counted(64, 1));
  rig.put_chain(0x1000, {{64, true, 0x4000, kRigSram + 0x80}});
  rig.write(kTdmaNext, 0x1000);
  rig.write(kTdmaControl, 0x1904 | bit::tdma_control::kFetchNext);
  EXPECT_EQ(rig.read(kTdmaControl), 0x1904 | bit::tdma_control::kActive) << "clears itself";
  EXPECT_EQ(rig.read(kCmd), 0u);
  rig.run();
  EXPECT_EQ(rig.now, kStart + kFetch + 8 * kCycle);
  EXPECT_EQ(rig.causes(), irq::kDmaDone);
  EXPECT_EQ(rig.read(kTdmaControl), 0x1904u);
  EXPECT_EQ(rig.sram(0x80, 64), counted(64, 1));
}

TEST(EngineDma, HandOverThatNobodyWaitsForIsAnOwnershipError) {
  EngineRig rig;
  rig.put_chain(0x1000, {{0, false}, {0, true}});
  rig.write(kTdmaNext, 0x1000);
  rig.write(kIntMask, irq::kDmaOwnershipError);
  rig.write(kTdmaControl, 0x1904 | bit::tdma_control::kFetchNext);
  rig.run();
  EXPECT_EQ(rig.causes(), irq::kDmaOwnershipError);
  EXPECT_TRUE(rig.engine.irq());
  EXPECT_EQ(rig.read(kTdmaControl), 0x1904u);
  EXPECT_TRUE(rig.reported("no channel waits"));
}

// CFG bit 7 alone: the channel waits, software starts the DMA.
TEST(EngineDma, AChannelWaitsForADmaThatSoftwareStarts) {
  EngineRig rig;
  const Bytes data = counted(64, 8);
  rig.put_sram(0, aes_op(64));
  rig.put(0x4000, data);
  rig.put_chain(
      0x1000,
      {{64, true, 0x4000, kRigSram + 0x80}, {0, false}, {64, true, kRigSram + 0x80, 0x5000}});
  rig.config(bit::cfg::kCh0WaitDma | bit::cfg::kMultiPacketChain);
  rig.activate();
  EXPECT_EQ(rig.read(kStatus), 1u);
  EXPECT_FALSE(rig.due()) << "nothing happens before the DMA is started";
  rig.write(kTdmaNext, 0x1000);
  rig.write(kTdmaControl, 0x1904 | bit::tdma_control::kFetchNext);
  rig.run();
  EXPECT_EQ(rig.dram(0x5000, 64), openssl_cbc(Bytes(16), Bytes(16), data));
  EXPECT_EQ(rig.causes(),
            kAesCauses | irq::kChainedPacketDone | irq::kDmaDone | irq::kAccel0DmaDone);
  EXPECT_EQ(rig.read(kStatus), 0u);
}

// CFG bit 9 alone: both start at once, and the channel is done when both are.
TEST(EngineDma, CommandStartsBothWithoutWaiting) {
  for (const bool long_dma : {false, true}) {
    EngineRig rig;
    rig.put_sram(0, aes_op(16));
    const std::uint32_t n = long_dma ? 1024 : 8;
    rig.put_chain(0x1000, {{n, true, 0x4000, kRigSram + 0x400}});
    rig.config(bit::cfg::kCh0ActivateDma);
    rig.chain(0x1000);
    const Ps dma = kStart + kFetch + (long_dma ? 128 + 7 * 15 : 1) * kCycle;
    rig.run(std::min(dma, aes_time(1)));
    EXPECT_EQ(rig.causes(), long_dma ? kAesCauses : irq::kDmaDone);
    EXPECT_EQ(rig.read(kStatus), 1u) << "the other still runs";
    rig.run();
    EXPECT_EQ(rig.now, std::max(dma, aes_time(1)));
    EXPECT_EQ(rig.causes(), kAesCauses | irq::kDmaDone | irq::kAccel0DmaDone);
    EXPECT_EQ(rig.read(kStatus), 0u);
    EXPECT_EQ(rig.engine.stats().guest_errors, 0u) << rig.engine.stats().last_report;
  }
}

TEST(EngineDma, ByteSwapTurnsEachBeatAround) {
  EngineRig rig;
  // 13 bytes at 0x4005: three of one beat, a whole one, two of the next.
  rig.put(0x4005, {1, 2, 3, 11, 12, 13, 14, 15, 16, 17, 18, 21, 22});
  const Bytes turned = {3, 2, 1, 18, 17, 16, 15, 14, 13, 12, 11, 22, 21};
  rig.put_chain(0x1000, {{13, true, 0x4005, kRigSram + 0x81}, {13, true, kRigSram + 0x81, 0x5005}});
  rig.write(kTdmaControl, 0x1904 & ~bit::tdma_control::kNoByteSwap);
  rig.config(kTied);
  rig.chain(0x1000);
  rig.run();
  EXPECT_EQ(rig.sram(0x81, 13), turned);
  EXPECT_EQ(rig.dram(0x5005, 13), rig.dram(0x4005, 13)) << "twice is none";
  EXPECT_EQ(rig.engine.stats().unimplemented, 0u);
}

TEST(EngineDma, StartsThatItRefuses) {
  EngineRig rig;
  rig.config(kTied);
  rig.write(kTdmaControl, 0x0904);
  rig.chain(0x1000);
  EXPECT_TRUE(rig.reported("DMA disabled"));
  rig.write(kTdmaControl, 0x1904);
  rig.chain(0);
  EXPECT_TRUE(rig.reported("empty chain"));
  for (const std::uint32_t code : {0u, 1u, 2u, 5u, 6u, 7u}) {
    rig.write(kTdmaControl, 0x1804 | code << 6);
    rig.chain(0x1000);
    EXPECT_TRUE(rig.reported("burst limit code " + std::to_string(code)));
    rig.write(kTdmaControl, 0x1900 | code);
    rig.chain(0x1000);
    EXPECT_TRUE(rig.reported("burst limit code " + std::to_string(code)));
  }
  EXPECT_EQ(rig.engine.stats().guest_errors, 14u);
  EXPECT_FALSE(rig.engine.running());
  EXPECT_EQ(rig.read(kCmd), 0u);
  rig.write(kTdmaControl, 0x1904);
  rig.put_chain(0x1000, {{1024, true, 0x4000, kRigSram}});
  rig.chain(0x1000);
  rig.write(kTdmaControl, 0x1904 | bit::tdma_control::kFetchNext);
  EXPECT_TRUE(rig.reported("while it runs"));
}

TEST(EngineDma, ClearingEnableStopsIt) {
  EngineRig rig;
  rig.put_chain(0x1000, {{64, true, 0x4000, kRigSram}, {64, true, 0x4000, kRigSram}});
  rig.config(kTied);
  rig.chain(0x1000);
  rig.run(kStart);
  rig.write(kTdmaControl, 0x0904);
  EXPECT_FALSE(rig.engine.running());
  EXPECT_FALSE(rig.due());
  EXPECT_EQ(rig.read(kStatus) | rig.read(kCmd) | rig.causes(), 0u);
}

// --- Windows and errors -----------------------------------------------------------------------

TEST(EngineWindows, NeighboursShareATransferAndOverlapsAreADoubleHit) {
  EngineRig rig;
  rig.write(tdma_win_ctrl(0), 0x00000001);  // 64 KiB from 0
  rig.write(tdma_win_base(1), 0x00010000);
  rig.write(tdma_win_ctrl(1), 0x00000001);  // and the next
  rig.config(kTied);
  rig.put_chain(0x1000, {{64, true, 0xFFE0, kRigSram}});
  rig.chain(0x1000);
  rig.run();
  EXPECT_EQ(rig.read(kTdmaErrorCause), 0u) << rig.engine.stats().last_report;

  rig.write(tdma_win_ctrl(1), 0x00000000);  // disabled: its bytes are out of reach
  rig.chain(0x1000);
  rig.run();
  EXPECT_EQ(rig.read(kTdmaErrorCause), bit::tdma_error::kMiss);
  rig.write(kTdmaErrorCause, 0);

  rig.write(tdma_win_ctrl(1), 0x00000001);
  rig.write(tdma_win_ctrl(2), 0x00010001);  // 128 KiB from 0: over both
  rig.chain(0x1000);
  rig.run();
  EXPECT_EQ(rig.read(kTdmaErrorCause), bit::tdma_error::kDoubleHit);
}

TEST(EngineWindows, BadSizeOrBaseDecodesNothingAndIsReported) {
  struct {
    std::uint32_t base, ctrl;
  } const cases[] = {{0, 0x00020001},            // 192 KiB
                     {0x00010000, 0x00010001}};  // 128 KiB at 64 KiB
  for (const auto& c : cases) {
    EngineRig rig;
    rig.write(tdma_win_base(0), c.base);
    rig.write(tdma_win_ctrl(0), c.ctrl);
    rig.config(kTied);
    rig.put_chain(0x10000, {{64, true, 0x14000, kRigSram}});
    rig.chain(0x10000);
    EXPECT_TRUE(rig.reported("window 0 decodes nothing")) << rig.engine.stats().last_report;
    rig.run();
    EXPECT_EQ(rig.read(kTdmaErrorCause), bit::tdma_error::kMiss);
  }
}

TEST(EngineErrors, TheLineFollowsTheErrorMask) {
  EngineRig rig;
  rig.config(kTied);
  rig.write(kIntMask, irq::kAccel0DmaDone);
  rig.write(kTdmaErrorMask, 0xF);
  rig.put_chain(0x1000, {{64, true, 0x00200000, kRigSram}, {64, true, 0x4000, kRigSram}});
  rig.chain(0x1000);
  rig.run();
  EXPECT_EQ(rig.read(kTdmaErrorCause), bit::tdma_error::kMiss);
  EXPECT_EQ(rig.causes(), 0u) << "no done";
  EXPECT_TRUE(rig.engine.irq());
  EXPECT_EQ(rig.read(kCmd) | rig.read(kStatus), 0u);
  EXPECT_EQ(rig.read(kTdmaControl), 0x1904u);
  EXPECT_EQ(rig.read(kTdmaCurrent), 0x1000u);
  rig.write(kTdmaErrorMask, 0);
  EXPECT_FALSE(rig.engine.irq());
  rig.write(kTdmaErrorMask, bit::tdma_error::kMiss);
  EXPECT_TRUE(rig.engine.irq());
  rig.write(kTdmaErrorCause, ~bit::tdma_error::kMiss);
  EXPECT_FALSE(rig.engine.irq());
  EXPECT_EQ(rig.engine.stats().interrupts, 2u);
  rig.put_chain(0x1000, {{64, true, 0x4000, kRigSram}});
  rig.chain(0x1000);
  rig.run();
  EXPECT_EQ(rig.causes(), irq::kAccel0DmaDone | irq::kDmaDone) << "and it starts again";
}

// --- Digest policy ----------------------------------------------------------------------------

// Two packets; the first one's digest is wrong (0x1000: decode, so the digest is compared).
struct Policy {
  std::uint32_t policy;
  bool first_out, second_done;
};
TEST(EngineDigest, PolicyDecidesWhatFollowsAMismatch) {
  for (const Policy& want : {Policy{bit::cfg::kDigestErrorContinue, true, true},
                             Policy{bit::cfg::kDigestErrorSkip, false, true},
                             Policy{bit::cfg::kDigestErrorStop, false, false}}) {
    SCOPED_TRACE(want.policy);
    EngineRig rig;
    rig.put(0x3000, mac_op(kSha1 | 0x1000, 64, 64));
    rig.put(0x4000, counted(64, 1));
    rig.put_chain(0x1000, {{32, true, 0x3000, kRigSram},
                           {64, true, 0x4000, kRigSram + 0x80},
                           {0, false},
                           {64, true, kRigSram + 0x80, 0x5000},
                           {20, true, kRigSram + 0x60, 0x5100},
                           {20, true, 0x3100, kRigSram + 0x60},
                           {0, false},
                           {64, true, kRigSram + 0x80, 0x6000}});
    rig.put(0x3100, openssl_digest(EVP_sha1(), counted(64, 1)));  // the second one's is right
    rig.config(kTied | want.policy);
    rig.chain(0x1000);
    rig.run();
    EXPECT_EQ(rig.dram(0x5000, 64) == counted(64, 1), want.first_out);
    EXPECT_EQ(rig.dram(0x6000, 64) == counted(64, 1), want.second_done);
    EXPECT_EQ(rig.read(kStatus), 0x100u);
    EXPECT_EQ(rig.engine.stats().digest_errors, 1u);
    EXPECT_EQ(rig.engine.stats().operations, want.second_done ? 2u : 1u);
    EXPECT_TRUE(rig.causes() & irq::kAccel0DmaDone) << "a driver learns of the end";
    EXPECT_EQ(rig.read(kTdmaCurrent), want.second_done ? 0x10E0u : 0x1040u);
    EXPECT_EQ(rig.engine.stats().guest_errors, 0u) << rig.engine.stats().last_report;
    rig.config(0);
    rig.put_sram(0, aes_op(16));
    rig.activate();
    EXPECT_EQ(rig.read(kStatus), bit::status::kActive0) << "cleared by the next start";
  }
}

// --- Coalescing -------------------------------------------------------------------------------

class Coalescing : public testing::Test {
 protected:
  static constexpr Ps kPacket = kFetch + aes_time(1);
  Coalescing()
      : rig([] {
          auto p = rig_params();
          p.coalescing = true;
          return p;
        }()) {
    rig.put_sram(0, aes_op(16));
    rig.config(kTied);
    rig.write(kIntMask, irq::kEndOfPacketCoalesce);
  }
  void chain_of(unsigned packets) {
    for (unsigned i = 0; i < packets; ++i) {
      const std::uint32_t at = 0x1000 + 32 * i;
      hw::TdmaDescriptor{0, false, 0, 0, i + 1 < packets ? at + 32 : 0}.encode(
          std::span<std::uint8_t, 16>(&rig.memory.bytes[at], 16));
    }
    rig.chain(0x1000);
  }
  EngineRig rig;
};

TEST_F(Coalescing, EverySoManyPackets) {
  rig.write(kCoalescePackets, 2);
  chain_of(5);
  while (rig.due()) {
    const std::size_t seen = rig.interrupts.size();
    rig.run(rig.engine.next_at());
    if (rig.interrupts.size() > seen) {
      EXPECT_TRUE(rig.causes() & irq::kEndOfPacketCoalesce);
      rig.write(kIntCause, ~irq::kEndOfPacketCoalesce);
    }
  }
  EXPECT_EQ(rig.interrupts,
            (std::vector<Ps>{kStart + 2 * kPacket + kFetch, kStart + 4 * kPacket + kFetch}))
      << "when the next one is handed over; the fifth waits for a sixth";
}

TEST_F(Coalescing, OrSoLongAfterTheFirst) {
  rig.write(kCoalescePackets, 200);
  rig.write(kCoalesceTime, 1000);
  chain_of(3);
  rig.run();
  EXPECT_EQ(rig.interrupts, std::vector<Ps>{kStart + kPacket + kFetch + 1000 * kCycle});
  EXPECT_FALSE(rig.engine.running());
}

TEST_F(Coalescing, ZeroIsOffAndAWriteStartsOver) {
  chain_of(3);
  rig.run();
  EXPECT_TRUE(rig.interrupts.empty());
  rig.write(kCoalesceTime, 1000);
  chain_of(1);
  const Ps begun = rig.now;
  rig.run(begun + kStart + kPacket + 500 * kCycle);
  rig.write(kCoalesceTime, 1000);
  rig.run();
  EXPECT_TRUE(rig.interrupts.empty()) << "the packet before the write is forgotten";
}

// Marvell's HAL unmasks the coalesced cause alone and takes STATUS for the answer whether the
// request has ended: when the cause comes, the data is in memory and the channel is idle.
class CoalescedData : public testing::TestWithParam<hw::Fidelity> {
 protected:
  static constexpr std::uint32_t kBytes = 512;
  CoalescedData()
      : rig(
            [] {
              auto p = rig_params();
              p.coalescing = true;
              return p;
            }(),
            GetParam()) {
    rig.put(0x3000, aes_op(kBytes));
    rig.put(0x4000, data);
    rig.config(kTied);
    rig.write(kIntMask, irq::kEndOfPacketCoalesce);
  }
  /// `packets` whole ones, each with its data in and out, from 0x1000; out to 0x5000, 0x5200 ...
  void chain_of(unsigned packets) {
    std::uint32_t at = 0x1000;
    const auto add = [&](hw::TdmaDescriptor d, bool last) {
      d.next = last ? 0 : at + 32;
      d.encode(std::span<std::uint8_t, 16>(&rig.memory.bytes[at], 16));
      at += 32;
    };
    for (unsigned i = 0; i < packets; ++i) {
      add({32, true, 0x3000, kRigSram}, false);
      add({16, true, 0x3020, kRigSram + 0x40}, false);  // the IV: zero
      add({kBytes, true, 0x4000, kRigSram + 0x80}, false);
      add({0, false}, false);
      add({kBytes, true, kRigSram + 0x80, 0x5000 + kBytes * i}, i + 1 == packets);
    }
    rig.chain(0x1000);
  }
  /// Runs to the next rising edge of the line; false if there is none.
  bool next_edge() {
    const std::size_t seen = rig.interrupts.size();
    while (rig.due() && rig.interrupts.size() == seen) rig.run(rig.engine.next_at());
    return rig.interrupts.size() > seen;
  }
  const Bytes data = counted(kBytes, 5);
  const Bytes ciphered = openssl_cbc(Bytes(16), Bytes(16), data);
  EngineRig rig;
};
INSTANTIATE_TEST_SUITE_P(Grains, CoalescedData,
                         testing::Values(hw::Fidelity::descriptor, hw::Fidelity::burst),
                         [](const auto& grain) {
                           return grain.param == hw::Fidelity::burst ? "burst" : "descriptor";
                         });

TEST_P(CoalescedData, OfTheLastPacketIsOutAtTheEdge) {
  rig.write(kCoalescePackets, 1);
  chain_of(1);
  ASSERT_TRUE(next_edge());
  EXPECT_EQ(rig.read(kStatus), 0u);
  EXPECT_EQ(rig.read(kCmd), 0u);
  EXPECT_EQ(rig.causes(), 0x4AB4u);
  EXPECT_EQ(rig.dram(0x5000, kBytes), ciphered);
  EXPECT_FALSE(rig.engine.running());
}

TEST_P(CoalescedData, OfAPacketInTheMiddleIsOutWhenTheNextIsHandedOver) {
  rig.write(kCoalescePackets, 1);
  chain_of(3);
  for (unsigned i = 0; i < 3; ++i) {
    SCOPED_TRACE(i);
    ASSERT_TRUE(next_edge());
    EXPECT_EQ(rig.dram(0x5000 + kBytes * i, kBytes), ciphered);
    EXPECT_EQ(rig.read(kStatus), i < 2 ? 1u : 0u);
    if (i < 2) {
      EXPECT_EQ(rig.read(kTdmaCurrent), 0x1000 + 32 * (5 * (i + 1) + 3)) << "the next hand-over";
      EXPECT_EQ(rig.dram(0x5000 + kBytes * (i + 1), kBytes), Bytes(kBytes)) << "not yet begun";
    }
    rig.write(kIntCause, 0);
  }
  EXPECT_FALSE(next_edge());
}

TEST_P(CoalescedData, TimeRunsFromThere) {
  rig.write(kCoalesceTime, 4000);
  chain_of(1);
  while (rig.engine.running()) rig.run(rig.engine.next_at());
  const Ps ended = rig.now;
  ASSERT_TRUE(next_edge());
  EXPECT_EQ(rig.interrupts.back(), ended + 4000 * kCycle);
}

// The cause of a single packet (11) is what coalescing counts.
TEST_P(CoalescedData, EveryPacketsOwnCauseComesWithIt) {
  rig.write(kIntMask, irq::kChainedPacketDone);
  chain_of(2);
  ASSERT_TRUE(next_edge());
  EXPECT_EQ(rig.dram(0x5000, kBytes), ciphered);
  EXPECT_EQ(rig.read(kTdmaCurrent), 0x1000u + 32 * 8);
  rig.write(kIntCause, 0);
  ASSERT_TRUE(next_edge());
  EXPECT_EQ(rig.read(kStatus), 0u);
  EXPECT_EQ(rig.dram(0x5000 + kBytes, kBytes), ciphered);
}

// What is stopped or broken off while its data is in the SRAM was no packet.
TEST_P(CoalescedData, APacketThatDoesNotGetOutDoesNotCount) {
  rig.write(kCoalescePackets, 1);
  chain_of(1);
  while (!(rig.causes() & irq::kAccel0Done)) rig.run(rig.engine.next_at());
  ASSERT_TRUE(rig.engine.running());
  rig.write(kCmd, bit::cmd::kStop);
  rig.run();
  EXPECT_FALSE(rig.causes() & (irq::kChainedPacketDone | irq::kEndOfPacketCoalesce));
  chain_of(1);
  ASSERT_TRUE(next_edge()) << "and the next one does";
  EXPECT_EQ(rig.interrupts.size(), 1u);
}

// --- Directly addressed engines ---------------------------------------------------------------

// SHA-1 of "abc" (FIPS 180): one padded block through the data register.
TEST(EngineDirect, AuthenticationThroughItsRegisters) {
  EngineRig rig;
  rig.write(kIntMask, irq::kAuthDone);
  rig.write(kAuthCommand, bit::auth_command::kSha1);
  rig.write(kAuthDataIn, 0x61626380);
  for (int i = 1; i < 14; ++i) rig.write(kAuthDataIn, 0);
  rig.write(kAuthBitCountLow, 0);
  EXPECT_EQ(rig.causes(), 0u);
  rig.write(kAuthBitCountHigh, 24);
  EXPECT_EQ(rig.causes(), irq::kAuthDone);
  EXPECT_TRUE(rig.engine.irq());
  const std::uint32_t want[] = {0xA9993E36, 0x4706816A, 0xBA3E2571, 0x7850C26C, 0x9CD0D89D};
  for (unsigned i = 0; i < 5; ++i) EXPECT_EQ(rig.read(ivdig(i)), want[i]) << i;
  EXPECT_EQ(rig.engine.stats().unimplemented + rig.engine.stats().guest_errors, 0u);
}

// FIPS 81, table B1, first block.
TEST(EngineDirect, DesThroughItsRegisters) {
  EngineRig rig;
  rig.write(kDesKey0High, 0x01234567);
  rig.write(kDesKey0Low, 0x89ABCDEF);
  rig.write(kDesCommand, 0);
  rig.write(kDesDataHigh, 0x4E6F7720);
  rig.write(kDesDataLow, 0x69732074);
  EXPECT_EQ(rig.causes(), irq::kDesDone);
  EXPECT_TRUE(rig.read(kDesCommand) & bit::des_command::kReadAllowed);
  EXPECT_EQ(rig.engine.peek(kDesOutHigh), 0x3FA40E8Au);
  EXPECT_EQ(rig.read(kDesOutHigh), 0x3FA40E8Au);
  EXPECT_EQ(rig.read(kDesOutLow), 0x984D4815u);
  EXPECT_FALSE(rig.read(kDesCommand) & bit::des_command::kReadAllowed);
  rig.write(kDesOutLow, 1);
  EXPECT_TRUE(rig.reported("read only"));
}

// --- Bursts -----------------------------------------------------------------------------------

TEST(EngineBurst, EveryBurstIsAnAccessOfItsOwn) {
  EngineRig rig(rig_params(), hw::Fidelity::burst);
  rig.put_chain(0x1000,
                {{300, true, 0x4070, kRigSram + 0x80}, {100, true, kRigSram + 0x80, 0x5010}});
  rig.config(kTied);
  rig.write(kTdmaControl, 0x1903);  // 128 in, 32 out
  rig.chain(0x1000);
  rig.run();
  struct Want {
    hw::PhysAddr addr;
    std::uint32_t bytes;
    char kind;
    Ps cycles;
  };
  const Want want[] = {{0x1000, 16, 'r', 7},        {0x4070, 16, 'r', 2},
                       {0x4080, 128, 'f', 16 + 15}, {0x4100, 128, 'f', 16 + 15},
                       {0x4180, 28, 'f', 4 + 15},   {0x1020, 16, 'r', 7},
                       {0x5010, 16, 'w', 2 + 3},    {0x5020, 32, 'w', 4 + 3},
                       {0x5040, 32, 'w', 4 + 3},    {0x5060, 20, 'w', 3 + 3}};
  ASSERT_EQ(rig.memory.accesses.size(), std::size(want));
  for (std::size_t i = 0; i < std::size(want); ++i) {
    const auto& got = rig.memory.accesses[i];
    EXPECT_EQ(got.addr, want[i].addr) << i;
    EXPECT_EQ(got.bytes, want[i].bytes) << i;
    EXPECT_EQ(got.kind, want[i].kind) << i;
    EXPECT_EQ(got.own, want[i].cycles * kCycle) << i;
  }
}

// Same bytes, interrupts and, on memory that never makes anybody wait, times.
TEST(EngineBurst, AgreesWithDescriptorFidelity) {
  for (const std::uint32_t control : {0x1904u, 0x18C3u, 0x1914u, 0x1104u}) {
    for (const std::uint32_t bytes : {16u, 64u, 512u, 1040u, 1904u}) {
      for (const std::uint32_t skew : {0u, 1u, 4u, 61u, 127u}) {
        SCOPED_TRACE("control " + std::to_string(control) + " bytes " + std::to_string(bytes) +
                     " skew " + std::to_string(skew));
        const auto run = [&](hw::Fidelity fidelity) {
          EngineRig rig(rig_params(), fidelity);
          rig.put(0x3000, aes_op(bytes));
          rig.put(0x4000 + skew, counted(bytes, skew));
          rig.put_chain(0x1000, {{128, true, 0x3000, kRigSram},
                                 {bytes, true, 0x4000 + skew, kRigSram + 0x80},
                                 {0, false},
                                 {bytes, true, kRigSram + 0x80, 0x6000 + skew},
                                 {128, true, kRigSram, 0x3000}});
          rig.config(kTied);
          rig.write(kIntMask, irq::kAccel0DmaDone);
          rig.write(kTdmaControl, control);
          rig.chain(0x1000);
          rig.run();
          // With the bytes swapped the accelerator's descriptor is nonsense, to both.
          EXPECT_EQ(rig.engine.stats().guest_errors, control & 1u << 11 ? 0u : 1u)
              << rig.engine.stats().last_report;
          return std::tuple(rig.memory.bytes, rig.sram(0, 2048), rig.interrupts, rig.causes(),
                            rig.engine.stats().busy_ps);
        };
        EXPECT_TRUE(run(hw::Fidelity::descriptor) == run(hw::Fidelity::burst));
      }
    }
  }
}

TEST(EngineBurst, AStopLeavesATransferHalfDone) {
  EngineRig rig(rig_params(), hw::Fidelity::burst);
  rig.put(0x4000, counted(512, 1));
  rig.put_chain(0x1000, {{512, true, 0x4000, kRigSram}});
  rig.config(kTied);
  rig.chain(0x1000);
  rig.run(kStart + kFetch + 16 * kCycle);  // the second burst has begun
  rig.write(kCmd, bit::cmd::kStop);
  EXPECT_EQ(rig.sram(0, 256), counted(256, 1));
  EXPECT_EQ(rig.sram(256, 256), Bytes(256));
}

}  // namespace
}  // namespace cesasim::test
