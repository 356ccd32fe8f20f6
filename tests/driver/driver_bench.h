// SPDX-License-Identifier: Apache-2.0
// A board with one OCF driver and a client that checks every answer against OpenSSL.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "driver/ocf/crypto.h"
#include "hw_model/common/fault.h"
#include "tests/driver/vectors.h"
#include "tests/support/board.h"

namespace cesasim::test {

struct DriverCipher {
  const char* openssl;
  driver::Alg alg;
  std::size_t key_bytes;
};
inline constexpr DriverCipher kDriverCiphers[] = {{"AES-128-CBC", driver::Alg::aes_cbc, 16},
                                                  {"AES-192-CBC", driver::Alg::aes_cbc, 24},
                                                  {"AES-256-CBC", driver::Alg::aes_cbc, 32},
                                                  {"DES-CBC", driver::Alg::des_cbc, 8},
                                                  {"DES-EDE3-CBC", driver::Alg::des3_cbc, 24}};

/// One-shot by OpenSSL; `name` as its provider calls the cipher.
inline Bytes openssl_cipher(const char* name, bool encrypt, const Bytes& key, const Bytes& iv,
                            const Bytes& in) {
  static OSSL_PROVIDER* const legacy = OSSL_PROVIDER_load(nullptr, "legacy");  // DES
  static OSSL_PROVIDER* const standard = OSSL_PROVIDER_load(nullptr, "default");
  if (legacy == nullptr || standard == nullptr) throw std::runtime_error("no OpenSSL provider");
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  Bytes out(in.size() + 16);
  int n = 0;
  const bool ok =
      EVP_CipherInit_ex2(ctx, cipher, key.data(), iv.data(), encrypt, nullptr) == 1 &&
      EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
      EVP_CipherUpdate(ctx, out.data(), &n, in.data(), static_cast<int>(in.size())) == 1;
  EVP_CIPHER_CTX_free(ctx);
  EVP_CIPHER_free(cipher);
  if (!ok) throw std::runtime_error(name);
  out.resize(static_cast<std::size_t>(n));
  return out;
}

/// A board whose hardware and kernel follow a fault plan, one driver, and requests to it. At the
/// end of run() every request taken must have been called back exactly once and hold what OpenSSL
/// says, unless it ended with an error.
class DriverBench {
 public:
  using MakeDriver =
      std::function<std::unique_ptr<driver::CryptoDriver>(Board& board, driver::Crypto& core)>;

  DriverBench(const MakeDriver& make, std::vector<hw::FaultRule> rules = {}, unsigned cores = 1,
              unsigned engines = 1, driver::OcfPolicy policy = driver::OcfPolicy::v2010,
              bool tdma = true)
      : faults(std::move(rules), 1),
        board(with(test_soc(cores, engines), faults, tdma), test_kernel_costs(),
              test_kernel_settings()),
        core(board.kernel, test_ocf_costs(), policy),
        driver(make(board, core)),
        wait_(board.kernel) {
    board.kernel.set_faults(&faults);
  }

  struct Session {
    std::uint64_t sid = 0;
    const DriverCipher* cipher = nullptr;
    Bytes key;
  };
  Session open(const DriverCipher& cipher) {
    Session s{0, &cipher, random_bytes(random, cipher.key_bytes)};
    driver::CryptoIni cri;
    cri.cri_alg = cipher.alg;
    cri.cri_klen = static_cast<std::uint32_t>(s.key.size() * 8);
    cri.cri_key = s.key;
    EXPECT_EQ(core.crypto_newsession(&s.sid, cri), 0) << cipher.openssl;
    return s;
  }

  struct Request {
    DriverBench* bench = nullptr;
    hw::PhysAddr in = 0;
    hw::PhysAddr out = 0;
    Bytes before, expected;
    unsigned callbacks = 0;
    int etype = 0;
    std::string thread;
    bool in_irq = false;
    hw::Ps posted = 0;
    hw::Ps ended = 0;
  };
  /// Dispatches random data; 0 or the core's answer.
  int post(const Session& session, std::size_t bytes, bool encrypt, bool out_of_place = false,
           std::uint32_t flags = driver::CRYPTO_F_CBIMM) {
    kernel::Kernel& k = board.kernel;
    const std::uint32_t block = driver::alg_block_bytes(session.cipher->alg);
    requests.emplace_back();
    Request& r = requests.back();
    r.bench = this;
    r.before = random_bytes(random, bytes);
    const Bytes iv = random_bytes(random, block);
    r.expected = openssl_cipher(session.cipher->openssl, encrypt, session.key, iv, r.before);
    r.in = k.alloc_boot(bytes, 32);
    r.out = out_of_place ? k.alloc_boot(bytes, 32) : r.in;
    std::memcpy(k.cpu_write(r.in, bytes), r.before.data(), bytes);
    if (out_of_place) std::memset(k.cpu_write(r.out, bytes), 0xEE, bytes);
    driver::Cryptop* crp = core.crypto_getreq();
    crp->crp_sid = session.sid;
    crp->crp_flags = flags;
    crp->crp_buf = r.in;
    crp->crp_out_buf = out_of_place ? r.out : 0;
    crp->crp_ilen = static_cast<std::uint32_t>(bytes);
    crp->crp_opaque = &r;
    crp->crp_callback = &DriverBench::callback;
    crp->crp_desc.crd_alg = session.cipher->alg;
    crp->crp_desc.crd_len = static_cast<std::uint32_t>(bytes);
    crp->crp_desc.crd_flags = driver::CRD_F_IV_EXPLICIT | driver::CRD_F_IV_PRESENT |
                              (encrypt ? driver::CRD_F_ENCRYPT : 0u);
    std::copy(iv.begin(), iv.end(), crp->crp_desc.crd_iv.begin());
    r.posted = k.now();
    ++outstanding;
    const int answer = core.crypto_dispatch(crp);
    if (answer != 0) --outstanding;
    return answer;
  }
  void drain() {
    wait_.wait_event([this] { return outstanding == 0; });
  }
  /// Sleeps until nothing is outstanding, or this long. False: something still is.
  bool drain_for(hw::Ps ps) {
    return wait_.wait_event_timeout([this] { return outstanding == 0; }, ps);
  }

  /// Runs `body` as a thread, then checks all requests that were called back.
  void run(std::function<void()> body) {
    board.run([&] {
      body();
      for (std::size_t i = 0; i < requests.size(); ++i) check(i);
    });
  }
  unsigned failed() const {
    unsigned n = 0;
    for (const Request& r : requests) n += r.callbacks != 0 && r.etype != 0;
    return n;
  }

  hw::FaultPlan faults;
  Board board;
  driver::Crypto core;
  std::unique_ptr<driver::CryptoDriver> driver;
  std::mt19937 random{1};
  std::deque<Request> requests;
  std::size_t outstanding = 0;

 private:
  static hw::SocConfig with(hw::SocConfig config, hw::FaultPlan& faults, bool tdma) {
    config.faults = &faults;
    config.cesa.tdma = tdma;
    return config;
  }
  static int callback(driver::Cryptop* crp) {
    Request& r = *static_cast<Request*>(crp->crp_opaque);
    DriverBench& self = *r.bench;
    ++r.callbacks;
    r.etype = crp->crp_etype;
    r.thread = self.board.kernel.current().name();
    r.in_irq = self.board.kernel.in_irq();
    r.ended = self.board.kernel.now();
    crp->core->crypto_freereq(crp);
    --self.outstanding;
    self.wait_.wake_up();
    return 0;
  }
  void check(std::size_t i) {
    Request& r = requests[i];
    EXPECT_LE(r.callbacks, 1u) << "request " << i;
    if (r.callbacks != 1 || r.etype != 0) return;
    const auto at = [&](hw::PhysAddr addr) {
      const std::uint8_t* p = board.kernel.cpu_read(addr, r.before.size());
      return Bytes(p, p + r.before.size());
    };
    EXPECT_EQ(at(r.out), r.expected) << "request " << i << " of " << r.before.size() << " bytes";
    if (r.out != r.in) {
      EXPECT_EQ(at(r.in), r.before) << "the source of request " << i;
    }
  }

  kernel::WaitQueue wait_;
};

}  // namespace cesasim::test
