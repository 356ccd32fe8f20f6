// SPDX-License-Identifier: Apache-2.0
// An accelerator of one's own behind the driver interface, used by dm-crypt. README.md explains it.
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <deque>

#include "driver/crypto_driver.h"
#include "hw_model/soc/soc.h"
#include "machine/crypto_drivers.h"
#include "machine/machine.h"
#include "study/matrix/study.h"

using namespace cesasim;

constexpr unsigned kIrq = 70;  // a free line of the board

// --- the accelerator: one AES-CBC job at a time, 1 us and 4 ns a byte, then an interrupt ---------
struct Accelerator : sc_core::sc_module {
  SC_HAS_PROCESS(Accelerator);
  explicit Accelerator(hw::Soc& board) : sc_module(sc_core::sc_module_name("mine")), soc(board) {
    SC_METHOD(finish);
    sensitive << done;
    dont_initialize();
  }
  void start(driver::CryptoRequest& crp, const std::uint8_t* its_key) {
    job = &crp;
    key = its_key;
    done.notify(sc_core::sc_time(1000 + 4.0 * crp.crp_desc.crd_len, sc_core::SC_NS));
  }
  void finish() {
    const driver::CryptoDesc& d = job->crp_desc;
    std::uint8_t* const out = soc.dram().host(job->crp_out_buf ? job->crp_out_buf : job->crp_buf);
    int n = 0;
    EVP_CipherInit_ex(evp, EVP_aes_128_cbc(), nullptr, key, d.crd_iv.data(),
                      d.crd_flags & driver::CRD_F_ENCRYPT);
    EVP_CIPHER_CTX_set_padding(evp, 0);
    EVP_CipherUpdate(evp, out, &n, soc.dram().host(job->crp_buf), static_cast<int>(d.crd_len));
    ready = true;
    soc.intc().set_line(kIrq, true);
  }
  hw::Soc& soc;
  sc_core::sc_event done;
  driver::CryptoRequest* job = nullptr;
  const std::uint8_t* key = nullptr;
  bool ready = false;  // the cause bit of its interrupt
  EVP_CIPHER_CTX* evp = EVP_CIPHER_CTX_new();
  ~Accelerator() override { EVP_CIPHER_CTX_free(evp); }
};

// --- its driver ----------------------------------------------------------------------------------
struct MyDriver : driver::CryptoDriver {
  MyDriver(driver::CryptoCore& c, const DriverSite& site)
      : core(c), kernel(site.kernel), device(site.soc), id(core.crypto_get_driverid(0, *this)) {
    core.crypto_register(id, driver::Alg::aes_cbc);
    kernel.request_irq(
        kIrq, [this] { return interrupt(); }, "mine");
  }
  const char* name() const override { return "mine"; }
  bool out_of_place() const override { return true; }
  int newsession(std::uint32_t* lid, const driver::CryptoIni& ini) override {
    if (ini.cri_klen != 128) return EINVAL;
    *lid = static_cast<std::uint32_t>(keys.size());
    std::copy_n(ini.cri_key.begin(), 16, keys.emplace_back().begin());
    return 0;
  }
  int freesession(std::uint32_t) override { return 0; }
  int process(driver::CryptoRequest* crp, int) override {
    const kernel::Kernel::IrqLock lock(kernel, spinlock, hw::Activity::driver);
    if (device.job != nullptr) return full = true, ERESTART;  // the core keeps it for us
    kernel.charge(hw::Activity::driver, 500);
    map(*crp, true);
    kernel.sync_now();  // the device starts at this core's time
    device.start(*crp, keys[driver::crypto_sid_lid(crp->crp_sid)].data());
    return 0;
  }
  bool interrupt() {
    if (!std::exchange(device.ready, false)) return false;  // no job may end before its time
    device.soc.intc().set_line(kIrq, false);
    driver::CryptoRequest* const crp = std::exchange(device.job, nullptr);
    map(*crp, false);
    core.crypto_done(crp);
    if (std::exchange(full, false)) core.crypto_unblock(id, driver::CRYPTO_SYMQ);
    return true;
  }
  void map(const driver::CryptoRequest& crp, bool on) {
    using Direction = hw::DmaDirection;
    const auto one = [&](hw::PhysAddr at, Direction way) {
      if (on) kernel.dma_map_single(at, crp.crp_desc.crd_len, way);
      if (!on) kernel.dma_unmap_single(at, crp.crp_desc.crd_len, way);
    };
    if (crp.crp_out_buf == 0) return one(crp.crp_buf, Direction::bidirectional);
    one(crp.crp_buf, Direction::to_device);
    one(crp.crp_out_buf, Direction::from_device);
  }
  driver::CryptoCore& core;
  kernel::Kernel& kernel;
  kernel::SpinLock spinlock;
  Accelerator device;
  std::uint32_t id;
  std::deque<std::array<std::uint8_t, 16>> keys;  // by session
  bool full = false;
};

// --- one point of a study with it ----------------------------------------------------------------
int sc_main(int argc, char** argv) {
  if (argc != 2) return fmt::print(stderr, "usage: own_accelerator STUDY\n"), 2;
  const Library library = Library::locate();
  PointOptions options;
  options.own_driver = [](driver::CryptoCore& core, const DriverSite& site) {
    return std::make_unique<MyDriver>(core, site);
  };
  const auto points = study::expand(study::load_study(argv[1]), {}, library);
  const PointResult result = run_point(points.front().scenario, options);
  fmt::print("{}{}: {:.4g} MB/s, {} requests by the driver's interrupts\n",
             status_name(result.status), result.error.empty() ? "" : " (" + result.error + ")",
             find_value(result.metrics, "throughput_mb_s").value_or(0),
             find_value(result.metrics, "skcipher.requests").value_or(0));
  return result.status == Status::ok ? 0 : 3;
}
