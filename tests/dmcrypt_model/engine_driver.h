// SPDX-License-Identifier: Apache-2.0
// A driver behind OCF that really ciphers AES-CBC, in whatever order, with whatever failures and in
// whatever context a test wants: what a path must be able to live with.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <random>
#include <vector>

#include "driver/ocf/crypto.h"
#include "kernel_model/kernel.h"

namespace cesasim::test {

class EngineDriver : public driver::CryptoDriver {
 public:
  EngineDriver(kernel::Kernel& kernel, driver::Crypto& crypto, std::uint32_t flags = 0)
      : kernel_(kernel), crypto_(crypto) {
    id = crypto.crypto_get_driverid(flags, *this);
    crypto.crypto_register(id, driver::Alg::aes_cbc);
    timer_.fn = [this] { complete_some(); };
  }

  const char* name() const override { return called; }
  bool out_of_place() const override { return two_buffers; }
  int newsession(std::uint32_t* lid, const driver::CryptoIni& cri) override {
    *lid = ++last_lid_;
    sessions[*lid].assign(cri.cri_key.begin(), cri.cri_key.end());
    return 0;
  }
  int freesession(std::uint32_t lid) override { return sessions.erase(lid) == 1 ? 0 : ENOENT; }

  int process(driver::CryptoRequest* request, int) override {
    auto* const crp = static_cast<driver::Cryptop*>(request);  // behind OCF
    if (refuse) {
      if (const int error = refuse(*crp)) return error;
    }
    if (crp->crp_out_buf != 0 && !two_buffers) return EINVAL;
    queue.push_back(crp);
    max_queue = std::max(max_queue, queue.size());
    if (at_once) complete(crp);
    if (manual || at_once) return 0;
    if (!timer_.armed) kernel_.mod_timer(timer_, hw::kPsPerMs);
    return 0;
  }

  /// Ciphers (or, with `failure`, spoils) the data and ends the request.
  void complete(driver::Cryptop* crp, int failure = 0) {
    queue.erase(std::find(queue.begin(), queue.end(), crp));
    const driver::CryptoDesc& crd = crp->crp_desc;
    const auto session = sessions.find(driver::crypto_sid_lid(crp->crp_sid));
    if (failure == 0 && session == sessions.end()) failure = ENOENT;
    if (failure != EAGAIN) {
      const hw::PhysAddr to = crp->crp_out_buf != 0 ? crp->crp_out_buf : crp->crp_buf;
      const std::uint8_t* in = kernel_.cpu_read(crp->crp_buf, crd.crd_len);
      std::uint8_t* out = kernel_.cpu_write(to, crd.crd_len);
      if (failure == 0) {
        cipher(session->second, crd, in, out);
      } else {
        for (std::uint32_t i = 0; i < crd.crd_len / 2; ++i) out[i] ^= 0x5A;
      }
    }
    crp->crp_etype = failure;
    ++completed;
    crypto_.crypto_done(crp);
  }
  /// A random part of what is queued, in random order; a tick later the rest.
  void complete_some() {
    if (in_interrupt_only) {
      EXPECT_TRUE(kernel_.in_interrupt());
    }
    std::shuffle(queue.begin(), queue.end(), random);
    std::size_t n = 1 + random() % queue.size();
    if (queue.size() > 300) n = queue.size();
    while (n-- != 0 && !queue.empty()) {
      driver::Cryptop* crp = queue.front();
      complete(crp, verdict ? verdict(*crp) : 0);
    }
    if (!queue.empty() && !timer_.armed) kernel_.mod_timer(timer_, hw::kPsPerMs);
  }

  std::uint32_t id = 0;
  const char* called = "engine";
  std::vector<driver::Cryptop*> queue;
  std::size_t max_queue = 0;
  std::uint64_t completed = 0;
  bool manual = false;   ///< the test calls complete()
  bool at_once = false;  ///< process() does
  bool two_buffers = false;
  bool in_interrupt_only = true;
  std::mt19937 random{1};
  /// errno with which process() refuses; 0: takes it.
  std::function<int(driver::Cryptop&)> refuse;
  /// What becomes of a request: 0 or what crp_etype is to be (EAGAIN: data untouched).
  std::function<int(driver::Cryptop&)> verdict;
  std::map<std::uint32_t, std::vector<std::uint8_t>> sessions;

 private:
  static void cipher(const std::vector<std::uint8_t>& key, const driver::CryptoDesc& crd,
                     const std::uint8_t* in, std::uint8_t* out) {
    const bool encrypt = (crd.crd_flags & driver::CRD_F_ENCRYPT) != 0;
    const EVP_CIPHER* evp = key.size() == 16 ? EVP_aes_128_cbc() : EVP_aes_256_cbc();
    EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    EVP_CipherInit_ex(ctx, evp, nullptr, key.data(), crd.crd_iv.data(), encrypt);
    EVP_CIPHER_CTX_set_padding(ctx, 0);
    EVP_CipherUpdate(ctx, out, &n, in, static_cast<int>(crd.crd_len));
    EVP_CIPHER_CTX_free(ctx);
  }
  kernel::Kernel& kernel_;
  driver::Crypto& crypto_;
  kernel::Timer timer_;
  std::uint32_t last_lid_ = 0;
};

}  // namespace cesasim::test
