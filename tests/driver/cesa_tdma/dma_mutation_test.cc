// SPDX-License-Identifier: Apache-2.0
// The real driver on a kernel that gets one DMA mapping call wrong: does the sanitizer see that
// this driver's memory traffic depends on the call?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "driver/cesa_tdma/cesa_tdma.h"
#include "tests/support/board.h"

namespace cesasim::driver {
namespace {

using hw::DmaDirection;
using hw::PhysAddr;
using Kind = hw::DmaHazard::Kind;
using Kinds = std::vector<Kind>;

constexpr std::size_t kBytes = 512;

/// What becomes of the mapping calls of one of the requests.
struct Mutation {
  bool map = true;
  bool unmap = true;
  bool early_unmap = false;  // at once after the map
  DmaDirection direction = DmaDirection::bidirectional;
  std::size_t bytes = kBytes;
};

class MutantKernel : public kernel::Kernel {
 public:
  using Kernel::Kernel;
  unsigned request = 0;  // the one that is mutated
  Mutation mutation;
  unsigned maps = 0;

  PhysAddr dma_map_single(PhysAddr addr, std::size_t bytes, DmaDirection direction) override {
    if (maps++ != request) return Kernel::dma_map_single(addr, bytes, direction);
    victim_ = addr;
    if (!mutation.map) return addr;
    Kernel::dma_map_single(addr, mutation.bytes, mutation.direction);
    if (mutation.early_unmap) Kernel::dma_unmap_single(addr, mutation.bytes, mutation.direction);
    return addr;
  }
  void dma_unmap_single(PhysAddr addr, std::size_t bytes, DmaDirection direction) override {
    if (addr != victim_) {
      Kernel::dma_unmap_single(addr, bytes, direction);
    } else if (mutation.map && mutation.unmap && !mutation.early_unmap) {
      Kernel::dma_unmap_single(addr, mutation.bytes, mutation.direction);
    }
  }

 private:
  PhysAddr victim_ = 0;
};

/// Encrypts five buffers that the CPU filled, with the mapping of the third one mutated, and
/// looks at all results.
struct Rig {
  explicit Rig(const Mutation& mutation, bool coherent = false)
      : soc("soc", test::test_soc()),
        kernel("kernel", test::test_kernel_costs(), settings(coherent), soc.core_list(), soc.intc(),
               soc.dram()),
        crypto(kernel, test::test_ocf_costs(), OcfPolicy::v2010) {
    kernel.request = 2;
    kernel.mutation = mutation;
    CesaPlatform platform;
    const hw::CesaParams& cesa = soc.config().cesa;
    platform.engines.push_back({soc.cesa_regs(0), cesa.sram_base(0), cesa.irq(0), 0});
    platform.sram_bytes = cesa.sram_bytes;
    platform.sram_reserved_bytes = cesa.sram_reserved_bytes;
    platform.dram_bytes = soc.dram().size();
    driver = std::make_unique<CesaTdma>(kernel, crypto, test::test_driver_costs(), platform);
  }
  static kernel::KernelSettings settings(bool coherent) {
    kernel::KernelSettings s = test::test_kernel_settings();
    s.non_coherent_dma = !coherent;
    return s;
  }

  Kinds run() {
    kernel.kthread_run("test", [this] {
      kernel.schedule_timeout(hw::kPsPerMs);  // the probe
      CryptoIni cri;
      cri.cri_alg = Alg::aes_cbc;
      cri.cri_klen = 128;
      const std::vector<std::uint8_t> key(16, 0x31);
      cri.cri_key = key;
      std::uint64_t sid = 0;
      ASSERT_EQ(crypto.crypto_newsession(&sid, cri), 0);
      std::vector<PhysAddr> buffers;
      for (int i = 0; i < 5; ++i) {
        buffers.push_back(kernel.alloc_boot(kBytes, kBytes));
        std::memset(kernel.cpu_write(buffers.back(), kBytes), i, kBytes);
      }
      victim = buffers[2];
      for (const PhysAddr buffer : buffers) {
        Cryptop* crp = crypto.crypto_getreq();
        crp->crp_sid = sid;
        crp->crp_flags = CRYPTO_F_CBIMM;
        crp->crp_buf = buffer;
        crp->crp_ilen = kBytes;
        crp->crp_opaque = this;
        crp->crp_callback = [](Cryptop* done) {
          ++static_cast<Rig*>(done->crp_opaque)->ended;
          done->core->crypto_freereq(done);
          return 0;
        };
        crp->crp_desc.crd_alg = Alg::aes_cbc;
        crp->crp_desc.crd_len = kBytes;
        crp->crp_desc.crd_flags = CRD_F_IV_EXPLICIT | CRD_F_IV_PRESENT | CRD_F_ENCRYPT;
        EXPECT_EQ(crypto.crypto_dispatch(crp), 0);
      }
      kernel.schedule_timeout(5 * hw::kPsPerMs);
      EXPECT_EQ(ended, 5);
      for (const PhysAddr buffer : buffers) kernel.cpu_read(buffer, kBytes);
      sc_core::sc_stop();
    });
    sc_core::sc_start(sc_core::sc_time(1, sc_core::SC_SEC));
    EXPECT_EQ(ended, 5);
    Kinds kinds;
    for (const hw::DmaHazard& h : kernel.dma_sanitizer().reports()) {
      kinds.push_back(h.kind);
      EXPECT_GE(h.addr, victim) << h.text;
      EXPECT_LE(h.addr + h.bytes, victim + kBytes) << h.text;
    }
    return kinds;
  }
  std::string text(std::size_t i) { return kernel.dma_sanitizer().reports().at(i).text; }

  hw::Soc soc;
  MutantKernel kernel;
  Crypto crypto;
  std::unique_ptr<CesaTdma> driver;
  PhysAddr victim = 0;
  int ended = 0;
};

TEST(DmaMutation, NoneIsClean) {
  Rig rig(Mutation{});
  EXPECT_EQ(rig.run(), Kinds{});
  EXPECT_EQ(rig.kernel.maps, 5u);
  EXPECT_EQ(rig.kernel.dma_sanitizer().mappings(), 0u);
}

TEST(DmaMutation, AMapLeftOut) {
  Rig rig({.map = false});
  EXPECT_EQ(rig.run(), (Kinds{Kind::uncleaned_read, Kind::stale_read}));
  EXPECT_EQ(rig.text(0).rfind("TDMA engine 0 reads 512 bytes at ", 0), 0u) << rig.text(0);
  EXPECT_THAT(rig.text(0), testing::HasSubstr("'test' on cpu 0 wrote there"));
  EXPECT_EQ(rig.text(1).rfind("'test' on cpu 0 reads 512 bytes at ", 0), 0u) << rig.text(1);
}

TEST(DmaMutation, AnUnmapLeftOut) {
  Rig rig({.unmap = false});
  EXPECT_EQ(rig.run(), Kinds{Kind::not_owner});
}

TEST(DmaMutation, AnUnmapTooEarly) {
  Rig rig({.early_unmap = true});
  EXPECT_EQ(rig.run(), (Kinds{Kind::not_mapped, Kind::not_mapped}));
}

TEST(DmaMutation, MappedOnlyToTheDevice) {
  Rig rig({.direction = DmaDirection::to_device});
  EXPECT_EQ(rig.run(), Kinds{Kind::wrong_direction});
  EXPECT_THAT(rig.text(0), testing::HasSubstr(" writes "));
}

TEST(DmaMutation, MappedOnlyFromTheDevice) {
  Rig rig({.direction = DmaDirection::from_device});
  EXPECT_EQ(rig.run(), Kinds{Kind::wrong_direction});
  EXPECT_THAT(rig.text(0), testing::HasSubstr(" reads "));
}

TEST(DmaMutation, MappedInPart) {
  Rig rig({.bytes = 256});
  EXPECT_EQ(rig.run(), (Kinds{Kind::uncleaned_read, Kind::stale_read}));
  EXPECT_THAT(rig.text(0), testing::HasSubstr(" reads 256 bytes"));
}

/// A coherent SoC shows no hazard of the cache, only that the mapping is missing.
TEST(DmaMutation, AMapLeftOutOnACoherentSoc) {
  Rig rig({.map = false}, true);
  EXPECT_EQ(rig.run(), (Kinds{Kind::not_mapped, Kind::not_mapped}));
}

}  // namespace
}  // namespace cesasim::driver
