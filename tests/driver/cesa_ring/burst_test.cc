// SPDX-License-Identifier: Apache-2.0
// What doorbell batching and coalescing are worth: a burst of 256 requests of 512 bytes,
// AES-128-CBC in place, through OCF's queue (CRYPTO_F_BATCH, so that the thread gives hints),
// beside cesa_tdma on the same board. Prints its figures; holds to what must be true of them
// whatever the board.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <string>

#include "driver/cesa_ring/cesa_ring.h"
#include "driver/cesa_tdma/cesa_tdma.h"
#include "driver/ocf/crypto.h"
#include "tests/driver/cesa_ring/rig.h"

namespace cesasim::driver {
namespace {

constexpr unsigned kRequests = 256;
constexpr std::uint32_t kBytes = 512;

struct Figures {
  double us = 0;
  DriverStats driver;
  double software_us = 0;  // of core 0
  bool right = false;      // every request ended, with the right bytes
};

/// `settings` nullptr: cesa_tdma.
Figures burst(const RingSettings* settings) {
  const test::RigConfig config;
  hw::Soc soc("soc", config.soc);
  kernel::Kernel kernel("kernel", test::test_kernel_costs(), config.kernel, soc.core_list(),
                        soc.intc(), soc.dram());
  Crypto crypto(kernel, test::test_ocf_costs(), OcfPolicy::v2010);
  std::unique_ptr<CryptoDriver> driver;
  if (settings != nullptr) {
    const hw::RingParams& ring = soc.config().ring;
    driver =
        std::make_unique<CesaRing>(kernel, crypto, test::test_driver_costs(),
                                   RingPlatform{soc.ring_regs(), {ring.irq(0)}, {0}, ring.clock_hz},
                                   *settings, Recovery{true, 20});
  } else {
    const hw::CesaParams& cesa = soc.config().cesa;
    CesaPlatform platform;
    platform.engines.push_back({soc.cesa_regs(0), cesa.sram_base(0), cesa.irq(0), 0});
    platform.sram_bytes = cesa.sram_bytes;
    platform.dram_bytes = soc.dram().size();
    driver = std::make_unique<CesaTdma>(kernel, crypto, test::test_driver_costs(), platform,
                                        TdmaSettings{512, true, false}, Recovery{});
  }
  struct State {
    unsigned left = kRequests;
    kernel::WaitQueue wait;
  } state{kRequests, kernel::WaitQueue(kernel)};
  Figures f;
  kernel.kthread_run("burst", [&] {
    kernel.schedule_timeout(3 * hw::kPsPerMs);
    std::mt19937 random(1);
    const test::Bytes key = test::random_bytes(random, 16), iv(16);
    const test::Bytes data = test::random_bytes(random, kBytes);
    CryptoIni cri;
    cri.cri_alg = Alg::aes_cbc;
    cri.cri_klen = 128;
    cri.cri_key = key;
    std::uint64_t sid = 0;
    ASSERT_EQ(crypto.crypto_newsession(&sid, cri), 0);
    std::vector<hw::PhysAddr> buffers;
    for (unsigned i = 0; i < kRequests; ++i) {
      buffers.push_back(kernel.alloc_boot(kBytes, 32));
      std::memcpy(kernel.cpu_write(buffers.back(), kBytes), data.data(), kBytes);
    }
    kernel.sync_now();
    const hw::Ps start = kernel.now();
    const hw::Ps busy = kernel.core_time(0).busy;
    for (const hw::PhysAddr at : buffers) {
      Cryptop* crp = crypto.crypto_getreq();
      crp->crp_sid = sid;
      crp->crp_flags = CRYPTO_F_CBIMM | CRYPTO_F_BATCH;
      crp->crp_buf = at;
      crp->crp_ilen = kBytes;
      crp->crp_opaque = &state;
      crp->crp_callback = [](Cryptop* done) {
        auto& s = *static_cast<State*>(done->crp_opaque);
        EXPECT_EQ(done->crp_etype, 0);
        done->core->crypto_freereq(done);
        if (--s.left == 0) s.wait.wake_up();
        return 0;
      };
      crp->crp_desc.crd_alg = Alg::aes_cbc;
      crp->crp_desc.crd_len = kBytes;
      crp->crp_desc.crd_flags = CRD_F_IV_EXPLICIT | CRD_F_IV_PRESENT | CRD_F_ENCRYPT;
      EXPECT_EQ(crypto.crypto_dispatch(crp), 0);
    }
    state.wait.wait_event([&] { return state.left == 0; });
    kernel.sync_now();
    f.us = static_cast<double>(kernel.now() - start) / hw::kPsPerUs;
    f.software_us = static_cast<double>(kernel.core_time(0).busy - busy) / hw::kPsPerUs;
    const test::Bytes expected = test::openssl_cbc(true, key, iv, data);
    for (const hw::PhysAddr at : buffers) {
      const std::uint8_t* p = kernel.cpu_read(at, kBytes);
      ASSERT_EQ(test::Bytes(p, p + kBytes), expected);
    }
    f.right = state.left == 0;
    sc_core::sc_stop();
  });
  sc_core::sc_start(1, sc_core::SC_SEC);
  EXPECT_EQ(state.left, 0u);
  f.driver = driver->driver_stats();
  return f;
}

/// In a child, as SystemC elaborates once.
Figures figures(const RingSettings* settings) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("pipe");
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    const Figures f = burst(settings);
    const bool told = write(ends[1], &f, sizeof f) == sizeof f;
    std::fflush(nullptr);
    _exit(told && f.right ? 0 : 1);
  }
  Figures f;
  close(ends[1]);
  EXPECT_EQ(read(ends[0], &f, sizeof f), static_cast<ssize_t>(sizeof f));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return f;
}

TEST(Burst, RingSettingsBesideTdma) {
  const auto print = [](const std::string& what, const Figures& f) {
    std::printf("%-24s %8.1f us, core busy %8.1f us, %3u doorbells or launches, %3u interrupts\n",
                what.c_str(), f.us, f.software_us, static_cast<unsigned>(f.driver.launches),
                static_cast<unsigned>(f.driver.interrupts));
  };
  const Figures tdma = figures(nullptr);
  print("cesa_tdma", tdma);
  std::map<std::string, std::map<unsigned, Figures>> ring;
  for (const char* coalesce : {"off", "fixed", "adaptive"}) {
    for (const unsigned batch : {1u, 8u, 32u}) {
      RingSettings s = test::ring_settings();
      s.entries = 512;
      s.doorbell_batch = batch;
      s.coalesce = coalesce;
      s.coalesce_count = 32;
      s.coalesce_us = 100;
      const Figures f = ring[coalesce][batch] = figures(&s);
      print(std::string("ring ") + coalesce + ", batch " + std::to_string(batch), f);
      EXPECT_EQ(f.driver.requests, kRequests);
      EXPECT_LT(f.us, tdma.us);
    }
    EXPECT_EQ(ring[coalesce][1].driver.launches, kRequests);
    EXPECT_LE(ring[coalesce][32].driver.launches, ring[coalesce][8].driver.launches);
  }
  // Where the software is slower than the unit, and every completion interrupts, the unit has never
  // enough in store for a request to be held back.
  EXPECT_LT(ring["fixed"][8].driver.launches, kRequests / 4);
  EXPECT_LT(ring["adaptive"][8].driver.launches, kRequests / 2);
  for (const unsigned batch : {1u, 8u, 32u}) {
    EXPECT_LT(ring["fixed"][batch].driver.interrupts, ring["off"][batch].driver.interrupts);
    EXPECT_LT(ring["adaptive"][batch].driver.interrupts, ring["off"][batch].driver.interrupts);
  }
}

}  // namespace
}  // namespace cesasim::driver
