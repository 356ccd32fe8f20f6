// SPDX-License-Identifier: Apache-2.0
// A driver behind the asynchronous cipher API that ends its requests when a test tells it to.
#pragma once

#include <cerrno>
#include <cstddef>
#include <deque>
#include <initializer_list>
#include <memory>
#include <vector>

#include "driver/crypto_api/crypto_tfm.h"
#include "driver/crypto_driver.h"
#include "kernel_model/kernel.h"

namespace cesasim::test {

/// A driver with room for `capacity` requests that ends them when told, with the right bytes.
class SkcipherDevice : public driver::CryptoDriver {
 public:
  SkcipherDevice(kernel::Kernel& kernel, driver::CryptoCore& core, std::uint32_t flags = 0,
                 std::initializer_list<driver::Alg> algs = {driver::Alg::aes_cbc})
      : kernel_(kernel), core_(core), id(core.crypto_get_driverid(flags, *this)) {
    for (const driver::Alg alg : algs) core.crypto_register(id, alg);
  }
  const char* name() const override { return "device"; }
  bool out_of_place() const override { return can_out_of_place; }
  bool allocates_memory() const override { return allocates; }
  int newsession(std::uint32_t* lid, const driver::CryptoIni& cri) override {
    if (session_error != 0) return session_error;
    if (!cri.valid()) return EINVAL;
    using driver::Alg, driver::CipherMode;
    const CipherMode mode = cri.cri_alg == Alg::aes_xts       ? CipherMode::xts
                            : driver::alg_is_ecb(cri.cri_alg) ? CipherMode::ecb
                                                              : CipherMode::cbc;
    tfm = std::make_unique<driver::CryptoTfm>(kernel_, driver::CipherCosts{}, mode, cri.cri_key);
    ++sessions;
    *lid = 1;
    return 0;
  }
  int freesession(std::uint32_t) override {
    --sessions;
    return 0;
  }
  int process(driver::CryptoRequest* crp, int) override {
    kernel_.charge(kernel::Activity::driver, 500);
    kernel_.sync();
    if (refuse != 0) return refuse;
    if (queue.size() >= capacity) {
      ++full;
      return ERESTART;
    }
    order.push_back(crp);
    queue.push_back(crp);
    return 0;
  }
  void end(std::size_t index = 0, int etype = 0) {
    driver::CryptoRequest* crp = queue.at(index);
    queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(index));
    crp->crp_etype = etype;
    if (etype == 0) {
      const std::uint32_t n = crp->crp_desc.crd_len;
      const hw::PhysAddr to = crp->crp_out_buf != 0 ? crp->crp_out_buf : crp->crp_buf;
      const std::uint8_t* in = kernel_.cpu_read(crp->crp_buf, n);
      std::uint8_t* out = kernel_.cpu_write(to, n);
      const std::uint8_t* iv = crp->crp_desc.crd_iv.data();
      (crp->crp_desc.crd_flags & driver::CRD_F_ENCRYPT) != 0 ? tfm->encrypt(out, in, n, iv)
                                                             : tfm->decrypt(out, in, n, iv);
    }
    core_.crypto_done(crp);
  }
  void unblock() { core_.crypto_unblock(id, driver::CRYPTO_SYMQ); }

 private:
  kernel::Kernel& kernel_;
  driver::CryptoCore& core_;

 public:
  const std::uint32_t id;
  std::size_t capacity = 1000;
  int refuse = 0;
  int session_error = 0;
  bool allocates = false;
  bool can_out_of_place = true;
  int sessions = 0;
  std::uint64_t full = 0;
  std::unique_ptr<driver::CryptoTfm> tfm;
  std::deque<driver::CryptoRequest*> queue;
  std::vector<driver::CryptoRequest*> order;  // as they were taken
};

}  // namespace cesasim::test
