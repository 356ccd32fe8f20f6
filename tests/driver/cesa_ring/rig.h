// SPDX-License-Identifier: Apache-2.0
// A board with the ring driver alone, behind a core that passes requests with the hints a test
// wants.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "driver/cesa_ring/cesa_ring.h"
#include "hw_model/soc/soc.h"
#include "kernel_model/kernel.h"
#include "tests/driver/vectors.h"
#include "tests/support/board.h"
#include "tests/support/for_seeds.h"

namespace cesasim::test {

/// CBC by OpenSSL. Single DES is 3DES with one key thrice: OpenSSL 3 has DES in another provider.
inline Bytes reference_cbc(driver::Alg alg, bool encrypt, const Bytes& key, const Bytes& iv,
                           const Bytes& in) {
  if (alg == driver::Alg::aes_cbc) return openssl_cbc(encrypt, key, iv, in);
  Bytes three = key;
  while (three.size() < 24) three.insert(three.end(), key.begin(), key.end());
  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> ctx(EVP_CIPHER_CTX_new(),
                                                                      &EVP_CIPHER_CTX_free);
  Bytes out(in.size());
  int n = 0;
  if (EVP_CipherInit_ex(ctx.get(), EVP_des_ede3_cbc(), nullptr, three.data(), iv.data(), encrypt) !=
          1 ||
      EVP_CIPHER_CTX_set_padding(ctx.get(), 0) != 1 ||
      EVP_CipherUpdate(ctx.get(), out.data(), &n, in.data(), static_cast<int>(in.size())) != 1) {
    throw std::runtime_error("OpenSSL");
  }
  return out;
}

inline driver::RingSettings ring_settings() {
  driver::RingSettings s;
  s.entries = 64;
  s.per_core = true;
  s.doorbell_batch = 8;
  s.coalesce = "off";
  s.coalesce_count = 1;
  return s;
}

/// The whole of OCF that a driver sees, without queues. As in the 2005 core a driver that answers
/// ERESTART is marked blocked afterwards, whatever it did in between.
class DirectCore : public driver::CryptoCore {
 public:
  explicit DirectCore(kernel::Kernel& kernel) : kernel_(kernel), wait_(kernel) {}
  std::uint32_t crypto_get_driverid(std::uint32_t, driver::CryptoDriver& driver) override {
    driver_ = &driver;
    return 0;
  }
  void crypto_register(std::uint32_t, driver::Alg) override {}
  int crypto_unregister_all(std::uint32_t) override { return 0; }
  void crypto_done(driver::CryptoRequest* request) override {
    auto* const crp = static_cast<driver::Cryptop*>(request);
    crp->crp_callback(crp);
  }
  int crypto_unblock(std::uint32_t, unsigned) override {
    blocked_ = false;
    wait_.wake_up();
    return 0;
  }
  /// Waits while the driver has no room; a callback must not: false if there is none.
  bool pass(driver::Cryptop* crp, int hint, bool may_wait) {
    for (;;) {
      if (may_wait) wait_.wait_event([this] { return !blocked_; });
      const int answer = driver_->process(crp, hint);
      if (answer == 0) return true;
      EXPECT_EQ(answer, ERESTART);
      if (!may_wait) return false;
      kernel_.charge(kernel::Activity::ocf, 300);
      kernel_.sync();
      blocked_ = true;
      ++restarts;
    }
  }
  unsigned restarts = 0;

 private:
  kernel::Kernel& kernel_;
  driver::CryptoDriver* driver_ = nullptr;
  bool blocked_ = false;
  kernel::WaitQueue wait_;
};

struct RigConfig {
  hw::SocConfig soc = test_soc();
  kernel::KernelSettings kernel = test_kernel_settings();
  driver::RingSettings settings = ring_settings();
  driver::Recovery recovery{true, 20};
  std::vector<hw::FaultRule> faults;
  std::uint64_t seed = 1;
  unsigned rings = 2;
};

class Rig {
 public:
  struct Session {
    std::uint32_t lid = 0;
    driver::Alg alg = driver::Alg::none;
    Bytes key;
  };
  struct Job {
    driver::Cryptop crp;
    Rig* rig = nullptr;
    hw::PhysAddr to = 0;
    Bytes before, expected, iv;
    unsigned ended = 0;
    hw::Ps submitted = 0, finished = 0;
    bool in_irq = false, in_softirq = false;
    std::function<void()> then;
  };

  explicit Rig(const RigConfig& c)
      : config(c),
        plan(c.faults, c.seed),
        soc("soc", with_faults()),
        kernel("kernel", test_kernel_costs(), c.kernel, soc.core_list(), soc.intc(), soc.dram()),
        core(kernel),
        driver(kernel, core, test_driver_costs(), platform(), c.settings, c.recovery),
        wait_(kernel),
        random(static_cast<std::mt19937::result_type>(c.seed)) {
    kernel.set_faults(&plan);
  }
  Rig() : Rig(RigConfig{}) {}

  Session open(driver::Alg alg, std::size_t key_bytes) {
    Session s{0, alg, random_bytes(random, key_bytes)};
    driver::CryptoIni cri;
    cri.cri_alg = alg;
    cri.cri_klen = static_cast<std::uint32_t>(8 * key_bytes);
    cri.cri_key = s.key;
    EXPECT_EQ(driver.newsession(&s.lid, cri), 0);
    return s;
  }
  /// A request over fresh buffers with a result by OpenSSL. Not submitted yet.
  Job& make(const Session& s, bool encrypt, std::size_t bytes, bool out_of_place) {
    jobs.emplace_back();
    Job& job = jobs.back();
    job.rig = this;
    job.before = random_bytes(random, bytes);
    job.iv = random_bytes(random, driver::alg_block_bytes(s.alg));
    job.expected = reference_cbc(s.alg, encrypt, s.key, job.iv, job.before);
    driver::Cryptop& crp = job.crp;
    crp.crp_sid = s.lid;
    crp.crp_buf = buffer(job.before);
    job.to = crp.crp_buf;
    if (out_of_place) crp.crp_out_buf = job.to = buffer(Bytes(bytes, 0xEE));
    crp.crp_opaque = &job;
    crp.crp_callback = &Rig::callback;
    crp.crp_desc.crd_alg = s.alg;
    crp.crp_desc.crd_len = static_cast<std::uint32_t>(bytes);
    crp.crp_desc.crd_flags = driver::CRD_F_IV_EXPLICIT | driver::CRD_F_IV_PRESENT |
                             (encrypt ? driver::CRD_F_ENCRYPT : 0u);
    std::copy(job.iv.begin(), job.iv.end(), crp.crp_desc.crd_iv.begin());
    return job;
  }
  bool submit(Job& job, int hint = 0, bool may_wait = true) {
    job.submitted = kernel.now();
    ++outstanding;
    return core.pass(&job.crp, hint, may_wait);
  }
  void wait() {
    wait_.wait_event([this] { return outstanding == 0; });
  }
  /// Waits for at most `ps`; false if something is still outstanding.
  bool wait(hw::Ps ps) {
    return wait_.wait_event_timeout([this] { return outstanding == 0; }, ps);
  }
  /// Each ended once, with the right result or with EIO and without one; `errors` of the latter.
  void check(unsigned errors = 0) {
    unsigned failed = 0;
    for (Job& job : jobs) {
      EXPECT_EQ(job.ended, 1u);
      if (job.crp.crp_etype != 0) {
        EXPECT_EQ(job.crp.crp_etype, EIO);
        ++failed;
        continue;
      }
      EXPECT_TRUE(read(job.to, job.expected.size()) == job.expected)
          << "job to " << job.to << " has wrong data";
      if (job.to != job.crp.crp_buf) {
        EXPECT_TRUE(read(job.crp.crp_buf, job.before.size()) == job.before) << "source changed";
      }
    }
    if (errors != kAny) {
      EXPECT_EQ(failed, errors);
    }
  }
  static constexpr unsigned kAny = ~0u;

  Bytes read(hw::PhysAddr at, std::size_t bytes) {
    const std::uint8_t* p = kernel.cpu_read(at, bytes);
    return Bytes(p, p + bytes);
  }
  hw::PhysAddr buffer(const Bytes& data) {
    const hw::PhysAddr at = kernel.alloc_boot((data.size() + 31) / 32 * 32, 32);
    std::memcpy(kernel.cpu_write(at, data.size()), data.data(), data.size());
    return at;
  }
  void sleep(hw::Ps ps = 3 * hw::kPsPerMs) { kernel.schedule_timeout(ps); }
  std::uint64_t irqs(unsigned ring = 0) { return kernel.irq_count(soc.config().ring.irq(ring)); }

  /// Runs `body` as a thread to its end, the probe before it.
  void run(std::function<void()> body, hw::Ps limit = 100 * hw::kPsPerS) {
    bool done = false;
    kernel.kthread_run("test", [&] {
      sleep();
      body();
      kernel.sync_now();
      done = true;
      sc_core::sc_stop();
    });
    sc_core::sc_start(sc_core::sc_time::from_value(limit));
    EXPECT_TRUE(done) << "the test's thread did not return";
    EXPECT_EQ(soc.protocol_violations(), 0u);
    EXPECT_EQ(soc.ring().stats().guest_errors, 0u) << soc.ring().stats().last_report;
    EXPECT_EQ(soc.mbus().decode_errors(), 0u);
    for (const hw::DmaHazard& hazard : kernel.dma_sanitizer().reports()) {
      ADD_FAILURE() << "DMA hazard: " << hazard.text;
    }
    if (outstanding == 0) {
      EXPECT_EQ(kernel.dma_sanitizer().mappings(), 0u);
    }
  }

  RigConfig config;
  hw::FaultPlan plan;
  hw::Soc soc;
  kernel::Kernel kernel;
  DirectCore core;
  driver::CesaRing driver;
  std::deque<Job> jobs;
  unsigned outstanding = 0;
  std::vector<Job*> order;  // as they ended

 private:
  hw::SocConfig with_faults() {
    hw::SocConfig s = config.soc;
    s.faults = &plan;
    return s;
  }
  driver::RingPlatform platform() {
    driver::RingPlatform p;
    p.regs = soc.ring_regs();
    for (unsigned i = 0; i < config.rings; ++i) {
      p.irqs.push_back(soc.config().ring.irq(i));
      p.irq_cpus.push_back(i % soc.cores());
    }
    p.tclk_hz = soc.config().ring.clock_hz;
    return p;
  }
  static int callback(driver::Cryptop* crp) {
    Job& job = *static_cast<Job*>(crp->crp_opaque);
    Rig& rig = *job.rig;
    ++job.ended;
    job.finished = rig.kernel.now();
    job.in_irq = rig.kernel.in_irq();
    job.in_softirq = rig.kernel.in_interrupt() && !job.in_irq;
    rig.order.push_back(&job);
    if (job.then) job.then();
    if (--rig.outstanding == 0) rig.wait_.wake_up();
    return 0;
  }
  kernel::WaitQueue wait_;

 public:
  std::mt19937 random;
};

}  // namespace cesasim::test
