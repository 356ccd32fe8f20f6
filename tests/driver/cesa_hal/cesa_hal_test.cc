// SPDX-License-Identifier: Apache-2.0
// Marvell's OCF driver on the modelled unit: right data for every cipher and length, its queue and
// interrupts as the original has them, and what it does not survive.
#include "driver/cesa_hal/cesa_hal.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include <cstring>
#include <deque>

#include "driver/ocf/crypto.h"
#include "tests/driver/vectors.h"
#include "tests/support/board.h"

namespace cesasim::test {
namespace {

using driver::Alg;
using driver::Cryptop;

driver::HalSettings settings(const char* generation = "kirkwood") {
  driver::HalSettings s;
  s.generation = generation;
  s.kirkwood_slots = 64;
  s.armada_slots = 256;
  s.max_chain = 20;
  return s;
}

Bytes openssl(const char* name, bool encrypt, const Bytes& key, const Bytes& iv, const Bytes& in) {
  static OSSL_PROVIDER* const legacy = OSSL_PROVIDER_load(nullptr, "legacy");
  static OSSL_PROVIDER* const standard = OSSL_PROVIDER_load(nullptr, "default");
  EXPECT_TRUE(legacy != nullptr && standard != nullptr);
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  Bytes out(in.size() + 16);
  int n = 0;
  EXPECT_EQ(EVP_CipherInit_ex2(ctx, cipher, key.data(), iv.data(), encrypt, nullptr), 1) << name;
  EVP_CIPHER_CTX_set_padding(ctx, 0);
  EXPECT_EQ(EVP_CipherUpdate(ctx, out.data(), &n, in.data(), static_cast<int>(in.size())), 1);
  EVP_CIPHER_CTX_free(ctx);
  EVP_CIPHER_free(cipher);
  out.resize(static_cast<std::size_t>(n));
  return out;
}

struct Cipher {
  const char* openssl;
  Alg alg;
  std::size_t key_bytes;
};
constexpr Cipher kCiphers[] = {{"AES-128-CBC", Alg::aes_cbc, 16},
                               {"AES-192-CBC", Alg::aes_cbc, 24},
                               {"AES-256-CBC", Alg::aes_cbc, 32},
                               {"DES-CBC", Alg::des_cbc, 8},
                               {"DES-EDE3-CBC", Alg::des3_cbc, 24}};

/// The driver on a board, and requests to it. A refused request is kept apart.
struct Bench {
  explicit Bench(const driver::HalSettings& s = settings(),
                 driver::OcfPolicy policy = driver::OcfPolicy::marvell, unsigned engines = 1)
      : board(soc(engines, s), test_kernel_costs(), test_kernel_settings()),
        // There BATCH means: to the driver at once.
        flags(policy == driver::OcfPolicy::marvell ? driver::CRYPTO_F_BATCH : 0u),
        wait(board.kernel) {
    board.crypto = std::make_unique<driver::Crypto>(board.kernel, test_ocf_costs(), policy);
    driver::CesaPlatform platform;
    const hw::CesaParams& cesa = board.soc.config().cesa;
    for (unsigned i = 0; i < engines; ++i) {
      platform.engines.push_back({board.soc.cesa_regs(i), cesa.sram_base(i), cesa.irq(i), 0});
    }
    platform.sram_bytes = cesa.sram_bytes;
    platform.dram_bytes = board.soc.dram().size();
    platform.tclk_hz = cesa.clock_hz;
    hal = std::make_unique<driver::CesaHal>(board.kernel, *board.crypto, test_driver_costs(),
                                            platform, s);
  }
  /// The later driver's units have the coalescing registers.
  static hw::SocConfig soc(unsigned engines, const driver::HalSettings& s) {
    hw::SocConfig c = test_soc(1, engines);
    c.cesa.coalescing = s.generation == "armada";
    return c;
  }
  std::uint64_t session(Alg alg, const Bytes& key) {
    driver::CryptoIni cri;
    cri.cri_alg = alg;
    cri.cri_klen = static_cast<std::uint32_t>(key.size() * 8);
    cri.cri_key = key;
    std::uint64_t sid = 0;
    EXPECT_EQ(board.crypto->crypto_newsession(&sid, cri), 0);
    return sid;
  }
  struct Request {
    Bench* bench = nullptr;
    hw::PhysAddr at = 0;
    std::size_t bytes = 0;
    int etype = -1;
    bool in_irq = false;
    unsigned callbacks = 0;
  };
  /// Returns what crypto_dispatch says.
  int post(std::uint64_t sid, Alg alg, bool encrypt, const Bytes& data, const Bytes& iv,
           std::uint32_t flags = driver::CRD_F_IV_EXPLICIT | driver::CRD_F_IV_PRESENT) {
    kernel::Kernel& k = board.kernel;
    requests.push_back({this, k.alloc_boot(std::max<std::size_t>(data.size(), 32), 32), data.size(),
                        -1, false, 0});
    Request& r = requests.back();
    if (!data.empty()) std::memcpy(k.cpu_write(r.at, r.bytes), data.data(), r.bytes);
    Cryptop* crp = board.crypto->crypto_getreq();
    crp->crp_sid = sid;
    crp->crp_flags = driver::CRYPTO_F_CBIMM | this->flags;
    crp->crp_buf = r.at;
    crp->crp_ilen = static_cast<std::uint32_t>(r.bytes);
    crp->crp_opaque = &r;
    crp->crp_callback = [](Cryptop* done) {
      auto& request = *static_cast<Request*>(done->crp_opaque);
      Bench& self = *request.bench;
      request.etype = done->crp_etype;
      request.in_irq = self.board.kernel.in_irq();
      ++request.callbacks;
      done->core->crypto_freereq(done);
      --self.outstanding;
      self.wait.wake_up();
      return 0;
    };
    crp->crp_desc.crd_alg = alg;
    crp->crp_desc.crd_len = static_cast<std::uint32_t>(r.bytes);
    crp->crp_desc.crd_flags = flags | (encrypt ? driver::CRD_F_ENCRYPT : 0u);
    std::copy(iv.begin(), iv.end(), crp->crp_desc.crd_iv.begin());
    ++outstanding;
    const int result = board.crypto->crypto_dispatch(crp);
    if (result != 0) --outstanding;
    return result;
  }
  void drain() {
    wait.wait_event([this] { return outstanding == 0; });
  }
  Bytes data(const Request& r) {
    const std::uint8_t* p = board.kernel.cpu_read(r.at, r.bytes);
    return Bytes(p, p + r.bytes);
  }

  Board board;
  const std::uint32_t flags;
  kernel::WaitQueue wait;
  std::unique_ptr<driver::CesaHal> hal;
  std::deque<Request> requests;
  int outstanding = 0;
};

class Generations : public testing::TestWithParam<const char*> {};

TEST_P(Generations, EveryCipherAndLengthIsRight) {
  Bench bench(settings(GetParam()));
  std::mt19937 random(1);
  bench.board.run([&] {
    for (const Cipher& c : kCiphers) {
      const Bytes key = random_bytes(random, c.key_bytes);
      const std::uint64_t sid = bench.session(c.alg, key);
      const std::size_t block = driver::alg_block_bytes(c.alg);
      // One block, a sector, just below, at and above one and two fragments, many fragments.
      for (const std::size_t bytes :
           {block, std::size_t{512}, 1600 - 2 * block, 1600 - block, std::size_t{1600},
            3200 - block, std::size_t{3200}, std::size_t{4096}, std::size_t{32768}}) {
        for (const bool encrypt : {true, false}) {
          const Bytes in = random_bytes(random, bytes);
          const Bytes iv = random_bytes(random, block);
          ASSERT_EQ(bench.post(sid, c.alg, encrypt, in, iv), 0);
          bench.drain();
          EXPECT_EQ(bench.requests.back().etype, 0);
          EXPECT_EQ(bench.data(bench.requests.back()), openssl(c.openssl, encrypt, key, iv, in))
              << c.openssl << " " << bytes << (encrypt ? " encrypt" : " decrypt");
        }
      }
    }
  });
  EXPECT_EQ(bench.hal->driver_stats().failed, 0u);
  EXPECT_EQ(bench.board.soc.cesa().stats(0).guest_errors, 0u)
      << bench.board.soc.cesa().stats(0).last_report;
}

TEST_P(Generations, ManyAtOnceOverSeveralSessions) {
  Bench bench(settings(GetParam()));
  std::mt19937 random(2);
  struct Posted {
    Bytes in, expected;
  };
  std::vector<Posted> posted;
  bench.board.run([&] {
    std::vector<std::pair<std::uint64_t, Bytes>> sessions;
    for (const Cipher& c : kCiphers) {
      const Bytes key = random_bytes(random, c.key_bytes);
      sessions.emplace_back(bench.session(c.alg, key), key);
    }
    for (int i = 0; i < 60; ++i) {
      const std::size_t s = random() % std::size(kCiphers);
      const Cipher& c = kCiphers[s];
      const bool encrypt = random() % 2 == 0;
      const Bytes in = random_bytes(random, 16 * (1 + random() % 200));
      const Bytes iv = random_bytes(random, driver::alg_block_bytes(c.alg));
      ASSERT_EQ(bench.post(sessions[s].first, c.alg, encrypt, in, iv), 0);
      posted.push_back({in, openssl(c.openssl, encrypt, sessions[s].second, iv, in)});
    }
    bench.drain();
    for (std::size_t i = 0; i < posted.size(); ++i) {
      EXPECT_EQ(bench.data(bench.requests[i]), posted[i].expected) << i;
      EXPECT_EQ(bench.requests[i].callbacks, 1u);
      EXPECT_TRUE(bench.requests[i].in_irq) << "CBIMM from the hard interrupt";
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Both, Generations, testing::Values("kirkwood", "armada"));

/// Without chains every fragment is a launch and an interrupt: 16 bytes of IV and 4096 of data are
/// three pieces of at most 1600.
TEST(CesaHal, AnInterruptForEveryFragment) {
  Bench bench;
  bench.board.run([&] {
    const std::uint64_t sid = bench.session(Alg::aes_cbc, Bytes(16, 1));
    bench.post(sid, Alg::aes_cbc, true, Bytes(512), Bytes(16));
    bench.drain();
    EXPECT_EQ(bench.hal->driver_stats().interrupts, 1u);
    bench.post(sid, Alg::aes_cbc, true, Bytes(4096), Bytes(16));
    bench.drain();
  });
  EXPECT_EQ(bench.hal->driver_stats().interrupts, 4u);
  EXPECT_EQ(bench.hal->driver_stats().launches, 4u);
}

/// 64 slots, of which one stays free; the answer goes to the caller, who may try again.
TEST(CesaHal, AFullQueueAnswersErestart) {
  Bench bench;
  bench.board.run([&] {
    const std::uint64_t sid = bench.session(Alg::aes_cbc, Bytes(16, 1));
    int taken = 0;
    int answer = 0;
    {
      // Nothing completes while interrupts are off.
      kernel::Kernel::IrqOff off(bench.board.kernel, hw::Activity::user);
      while ((answer = bench.post(sid, Alg::aes_cbc, true, Bytes(512), Bytes(16))) == 0) ++taken;
    }
    EXPECT_EQ(taken, 63);
    EXPECT_EQ(answer, ERESTART);
    bench.drain();
    EXPECT_EQ(bench.post(sid, Alg::aes_cbc, true, Bytes(512), Bytes(16)), 0);
    bench.drain();
  });
  EXPECT_EQ(bench.hal->driver_stats().restarts, 1u);
}

/// Under the cores of 2005 to 2010: 63 of the 64 slots fill, the 64th request is answered ERESTART,
/// the core marks the driver blocked and keeps that request and all later ones. The 63 end, the
/// unit is idle, and the rest waits in the core's queue for a crypto_unblock that the original
/// never sends: one from outside, and all of them end.
class OldCores : public testing::TestWithParam<driver::OcfPolicy> {};
INSTANTIATE_TEST_SUITE_P(All, OldCores,
                         testing::Values(driver::OcfPolicy::v2005, driver::OcfPolicy::v2006,
                                         driver::OcfPolicy::v2010));

TEST_P(OldCores, WaitForAnUnblockThatNeverComes) {
  Bench bench(settings(), GetParam());
  bench.board.run([&] {
    const std::uint64_t sid = bench.session(Alg::aes_cbc, Bytes(16, 1));
    const auto post = [&] { return bench.post(sid, Alg::aes_cbc, true, Bytes(512), Bytes(16)); };
    {
      kernel::Kernel::IrqOff off(bench.board.kernel, hw::Activity::user);
      for (int i = 0; i < 70; ++i) post();
    }
    bench.board.kernel.schedule_timeout(hw::kPsPerS);
    for (std::size_t i = 0; i < 70; ++i) EXPECT_EQ(bench.requests[i].callbacks, i < 63) << i;
    EXPECT_EQ(bench.board.soc.cesa().stats(0).operations, 63u) << "the unit has done what it got";
    EXPECT_EQ(bench.board.crypto->outstanding(), 7u);
    EXPECT_EQ(bench.board.crypto->stats().cs_blocks, 1u);
    EXPECT_EQ(bench.board.crypto->stats().lost, 0u);
    post();
    bench.board.kernel.schedule_timeout(hw::kPsPerS);
    EXPECT_EQ(bench.outstanding, 8);
    bench.board.crypto->crypto_unblock(driver::crypto_sid_hid(sid), driver::CRYPTO_SYMQ);
    bench.drain();
    for (const auto& request : bench.requests) EXPECT_EQ(request.etype, 0);
  });
}

/// Error exits end the request without crypto_done.
TEST(CesaHal, WhatItRefuses) {
  Bench bench;
  bench.board.run([&] {
    const std::uint64_t sid = bench.session(Alg::aes_cbc, Bytes(16, 1));
    EXPECT_EQ(bench.post(sid, Alg::aes_cbc, true, Bytes(100), Bytes(16)), EINVAL);
    EXPECT_EQ(bench.post(sid, Alg::aes_cbc, true, Bytes(), Bytes(16)), EINVAL);
    EXPECT_EQ(bench.post(sid, Alg::aes_cbc, true, Bytes(65536), Bytes(16)), EINVAL);
    EXPECT_EQ(bench.post(sid, Alg::des_cbc, true, Bytes(512), Bytes(16)), EINVAL);
    EXPECT_EQ(bench.post(sid + 7, Alg::aes_cbc, true, Bytes(512), Bytes(16)), EINVAL);
    EXPECT_EQ(bench.post(sid, Alg::aes_cbc, true, Bytes(512), Bytes(16), driver::CRD_F_IV_PRESENT),
              EINVAL);
  });
  for (const auto& request : bench.requests) EXPECT_EQ(request.callbacks, 0u);
  EXPECT_EQ(bench.hal->driver_stats().failed, 6u);
}

/// IVs that do not come with the request: in the buffer, or the session's own.
TEST(CesaHal, ImplicitIvs) {
  Bench bench;
  std::mt19937 random(3);
  const Bytes key = random_bytes(random, 16);
  const Bytes data = random_bytes(random, 512);
  bench.board.run([&] {
    const std::uint64_t sid = bench.session(Alg::aes_cbc, key);
    // Decryption takes what stands at crd_inject (the first block here).
    bench.post(sid, Alg::aes_cbc, false, data, Bytes(16), 0);
    bench.drain();
    const Bytes first(data.begin(), data.begin() + 16);
    EXPECT_EQ(bench.data(bench.requests.back()), openssl("AES-128-CBC", false, key, first, data));
    // Encryption writes the IV that it uses to crd_inject; the next one is the last block.
    bench.post(sid, Alg::aes_cbc, true, data, Bytes(16), 0);
    bench.drain();
    Bytes in = data;
    std::fill_n(in.begin(), 16, std::uint8_t{0});
    const Bytes out = openssl("AES-128-CBC", true, key, Bytes(16), in);
    EXPECT_EQ(bench.data(bench.requests.back()), out);
    bench.post(sid, Alg::aes_cbc, true, data, Bytes(16), 0);
    bench.drain();
    const Bytes next(out.end() - 16, out.end());
    in = data;
    std::copy(next.begin(), next.end(), in.begin());
    EXPECT_EQ(bench.data(bench.requests.back()), openssl("AES-128-CBC", true, key, next, in));
  });
}

/// A session opened in the place of a closed one has its own key, in memory and in the SRAM.
TEST(CesaHal, ASessionsPlaceIsUsedAgain) {
  Bench bench;
  std::mt19937 random(4);
  bench.board.run([&] {
    for (int i = 0; i < 300; ++i) {
      const Bytes key = random_bytes(random, 16);
      const Bytes in = random_bytes(random, 512);
      const std::uint64_t sid = bench.session(Alg::aes_cbc, key);
      bench.post(sid, Alg::aes_cbc, true, in, Bytes(16));
      bench.drain();
      ASSERT_EQ(bench.data(bench.requests.back()),
                openssl("AES-128-CBC", true, key, Bytes(16), in));
      ASSERT_EQ(bench.board.crypto->crypto_freesession(sid), 0);
    }
    // 128 at once, no more.
    std::vector<std::uint64_t> open;
    for (int i = 0; i < 128; ++i) open.push_back(bench.session(Alg::aes_cbc, Bytes(16)));
    driver::CryptoIni cri;
    const Bytes key(16);
    cri.cri_alg = Alg::aes_cbc;
    cri.cri_klen = 128;
    cri.cri_key = key;
    std::uint64_t sid = 0;
    EXPECT_EQ(bench.board.crypto->crypto_newsession(&sid, cri), ENOMEM);
  });
}

/// The later driver: waiting requests form one chain with one interrupt, all results taken.
TEST(CesaHal, ArmadaChainsAndDrains) {
  Bench bench(settings("armada"));
  bench.board.run([&] {
    const std::uint64_t sid = bench.session(Alg::aes_cbc, Bytes(16, 1));
    {
      kernel::Kernel::IrqOff off(bench.board.kernel, hw::Activity::user);
      for (int i = 0; i < 21; ++i) bench.post(sid, Alg::aes_cbc, true, Bytes(512), Bytes(16));
    }
    bench.drain();
  });
  // The first one alone, then the twenty that waited.
  EXPECT_EQ(bench.hal->driver_stats().launches, 2u);
  EXPECT_EQ(bench.hal->driver_stats().interrupts, 2u);
}

driver::HalSettings coalesced(unsigned count, double us) {
  driver::HalSettings s = settings("armada");
  s.coalesce_count = count;
  s.coalesce_us = us;
  return s;
}

/// Bit 14 is all that is unmasked, and STATUS decides: were the channel still active when the
/// interrupt comes, the request would wait for an interrupt that nothing brings.
TEST(CesaHal, TheCoalescedInterruptFindsItsRequestEnded) {
  Bench bench(coalesced(1, 0));
  bench.board.run([&] {
    const std::uint64_t sid = bench.session(Alg::aes_cbc, Bytes(16, 1));
    for (const std::size_t bytes : {16, 512, 1584}) {
      bench.post(sid, Alg::aes_cbc, true, Bytes(bytes), Bytes(16));
      bench.board.kernel.schedule_timeout(hw::kPsPerS);
      ASSERT_EQ(bench.outstanding, 0) << bytes << " bytes wait for ever";
      EXPECT_EQ(bench.data(bench.requests.back()),
                openssl("AES-128-CBC", true, Bytes(16, 1), Bytes(16), Bytes(bytes)));
    }
  });
  EXPECT_EQ(bench.hal->driver_stats().interrupts, 3u);
}

/// Built for coalescing the later HAL links no requests, and hears of several at once.
TEST(CesaHal, ArmadaCoalescesRequestsThatItStartsOneByOne) {
  Bench bench(coalesced(4, 50));
  bench.board.run([&] {
    const std::uint64_t sid = bench.session(Alg::aes_cbc, Bytes(16, 1));
    for (int i = 0; i < 40; ++i) bench.post(sid, Alg::aes_cbc, true, Bytes(512), Bytes(16));
    bench.drain();
  });
  EXPECT_EQ(bench.hal->driver_stats().launches, 40u);
  EXPECT_GE(bench.hal->driver_stats().interrupts, 10u) << "at most four an interrupt";
  EXPECT_LT(bench.hal->driver_stats().interrupts, 30u);
}

/// One that ends alone is announced when the time is over; one that waits behind an idle engine is
/// started only then.
TEST(CesaHal, ACoalescedRequestWaitsForCompanyAsLongAsItSays) {
  Bench bench(coalesced(3, 200));
  bench.board.run([&] {
    const std::uint64_t sid = bench.session(Alg::aes_cbc, Bytes(16, 1));
    hw::Ps begun = bench.board.kernel.now();
    bench.post(sid, Alg::aes_cbc, true, Bytes(512), Bytes(16));
    bench.drain();
    hw::Ps took = bench.board.kernel.now() - begun;
    EXPECT_GT(took, 200 * hw::kPsPerUs);
    EXPECT_LT(took, 250 * hw::kPsPerUs);
    begun = bench.board.kernel.now();
    {
      kernel::Kernel::IrqOff off(bench.board.kernel, hw::Activity::user);
      for (int i = 0; i < 2; ++i) bench.post(sid, Alg::aes_cbc, true, Bytes(1584), Bytes(16));
    }
    bench.drain();
    took = bench.board.kernel.now() - begun;
    EXPECT_GT(took, 400 * hw::kPsPerUs) << "the second was not started when the first had ended";
  });
  EXPECT_EQ(bench.hal->driver_stats().interrupts, 3u);
}

/// A chain under the older handler: twenty requests end, one result is taken, nineteen wait for
/// interrupts that only later requests bring.
TEST(CesaHal, OneResultAnInterruptLeavesAChainsOthersBehind) {
  driver::HalSettings s = settings();
  s.chain = true;
  Bench bench(s);
  bench.board.run([&] {
    const std::uint64_t sid = bench.session(Alg::aes_cbc, Bytes(16, 1));
    const auto post = [&] { bench.post(sid, Alg::aes_cbc, true, Bytes(512), Bytes(16)); };
    {
      kernel::Kernel::IrqOff off(bench.board.kernel, hw::Activity::user);
      for (int i = 0; i < 21; ++i) post();
    }
    bench.board.kernel.schedule_timeout(hw::kPsPerS);
    EXPECT_EQ(bench.outstanding, 19);
    post();
    bench.board.kernel.schedule_timeout(hw::kPsPerS);
    EXPECT_EQ(bench.outstanding, 19) << "one in, one out";
  });
}

TEST(CesaHal, ArmadaSpreadsOverTwoEngines) {
  Bench bench(settings("armada"), driver::OcfPolicy::marvell, 2);
  bench.board.run([&] {
    const std::uint64_t sid = bench.session(Alg::aes_cbc, Bytes(16, 1));
    for (int i = 0; i < 40; ++i) bench.post(sid, Alg::aes_cbc, true, Bytes(512), Bytes(16));
    bench.drain();
  });
  EXPECT_GT(bench.board.soc.cesa().stats(0).operations, 10u);
  EXPECT_GT(bench.board.soc.cesa().stats(1).operations, 10u);
}

TEST(CesaHal, ASmallSramIsRefused) {
  Board board;
  driver::Crypto crypto(board.kernel, test_ocf_costs(), driver::OcfPolicy::marvell);
  driver::CesaPlatform platform;
  platform.engines.push_back({});
  platform.sram_bytes = 1024;
  EXPECT_THROW(driver::CesaHal(board.kernel, crypto, test_driver_costs(), platform, settings()),
               std::invalid_argument);
}

}  // namespace
}  // namespace cesasim::test
