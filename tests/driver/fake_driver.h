// SPDX-License-Identifier: Apache-2.0
// A driver behind the OCF core that does what a test tells it, and remembers who called.
#pragma once

#include <cerrno>
#include <functional>
#include <string>
#include <vector>

#include "driver/ocf/crypto.h"
#include "kernel_model/kernel.h"

namespace cesasim::test {

class FakeDriver : public driver::CryptoDriver {
 public:
  struct Call {
    driver::Cryptop* crp = nullptr;
    std::string thread;  ///< in whose context
    bool in_interrupt = false;
    int hint = 0;
  };

  FakeDriver(kernel::Kernel& kernel, driver::Crypto& crypto, std::uint32_t flags,
             bool register_aes = true)
      : kernel_(kernel), crypto_(crypto), id(crypto.crypto_get_driverid(flags, *this)) {
    if (register_aes) crypto.crypto_register(id, driver::Alg::aes_cbc);
  }

  const char* name() const override { return "fake"; }
  int newsession(std::uint32_t* lid, const driver::CryptoIni&) override {
    if (session_error != 0) return session_error;
    *lid = ++sessions;
    return 0;
  }
  int freesession(std::uint32_t lid) override {
    freed.push_back(lid);
    return lid == 0 || lid > sessions ? ENOENT : 0;
  }
  int process(driver::CryptoRequest* request, int hint) override {
    auto* const crp = static_cast<driver::Cryptop*>(request);  // behind OCF
    calls.push_back({crp, kernel_.current().name(), kernel_.in_interrupt(), hint});
    if (on_process) return on_process(crp);
    crypto_.crypto_done(crp);
    return 0;
  }

  std::uint64_t open_session() {
    const std::vector<std::uint8_t> key(16);
    std::uint64_t sid = 0;
    driver::CryptoIni cri;
    cri.cri_alg = driver::Alg::aes_cbc;
    cri.cri_klen = 128;
    cri.cri_key = key;
    return crypto_.crypto_newsession(&sid, cri) == 0 ? sid : 0;
  }

 private:
  kernel::Kernel& kernel_;
  driver::Crypto& crypto_;

 public:
  const std::uint32_t id;
  /// What process() does; by default it ends the request at once.
  std::function<int(driver::Cryptop*)> on_process;
  std::vector<Call> calls;
  std::uint32_t sessions = 0;
  int session_error = 0;
  std::vector<std::uint32_t> freed;
};

}  // namespace cesasim::test
