// SPDX-License-Identifier: Apache-2.0
// A client of OCF for the drivers' tests: requests over buffers of the modelled DRAM.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>

#include "driver/ocf/crypto.h"
#include "tests/driver/vectors.h"
#include "tests/support/board.h"

namespace cesasim::test {

class OcfClient {
 public:
  struct Post {
    OcfClient* client = nullptr;
    hw::PhysAddr buffer = 0;
    std::size_t bytes = 0;
    unsigned callbacks = 0;
    int etype = 0;
    bool in_irq = false;
  };

  OcfClient(Board& board, driver::Crypto& crypto)
      : board_(board), crypto_(crypto), wait_(board.kernel) {}

  /// 0 or errno; the session id is kept.
  int open(const Bytes& key, std::uint32_t bits) {
    driver::CryptoIni cri;
    cri.cri_alg = driver::Alg::aes_cbc;
    cri.cri_klen = bits;
    cri.cri_key = key;
    return crypto_.crypto_newsession(&sid, cri);
  }
  void open(const Bytes& key) {
    if (open(key, static_cast<std::uint32_t>(key.size() * 8)) != 0) {
      throw std::runtime_error("no session");
    }
  }
  hw::PhysAddr buffer(const Bytes& data) {
    const hw::PhysAddr at = board_.kernel.alloc_boot(std::max<std::size_t>(data.size(), 16), 32);
    std::memcpy(board_.kernel.cpu_write(at, data.size()), data.data(), data.size());
    return at;
  }
  /// Dispatches a request; returns crypto_dispatch's answer. `change` may spoil it before.
  template <class Change>
  int post(bool encrypt, hw::PhysAddr buffer, std::size_t bytes, const Bytes& iv, Change change) {
    driver::Cryptop* crp = crypto_.crypto_getreq();
    posts.push_back({this, buffer, bytes, 0, 0, false});
    crp->crp_sid = sid;
    crp->crp_flags = driver::CRYPTO_F_CBIMM;
    crp->crp_buf = buffer;
    crp->crp_ilen = static_cast<std::uint32_t>(bytes);
    crp->crp_opaque = &posts.back();
    crp->crp_callback = &OcfClient::callback;
    crp->crp_desc.crd_alg = driver::Alg::aes_cbc;
    crp->crp_desc.crd_len = static_cast<std::uint32_t>(bytes);
    crp->crp_desc.crd_flags = driver::CRD_F_IV_EXPLICIT | driver::CRD_F_IV_PRESENT |
                              (encrypt ? driver::CRD_F_ENCRYPT : 0u);
    std::copy(iv.begin(), iv.end(), crp->crp_desc.crd_iv.begin());
    change(*crp);
    ++outstanding;
    return crypto_.crypto_dispatch(crp);
  }
  int post(bool encrypt, hw::PhysAddr buffer, std::size_t bytes, const Bytes& iv) {
    return post(encrypt, buffer, bytes, iv, [](driver::Cryptop&) {});
  }
  void wait() {
    wait_.wait_event([this] { return outstanding == 0; });
  }
  Bytes read(hw::PhysAddr at, std::size_t bytes) {
    const std::uint8_t* p = board_.kernel.cpu_read(at, bytes);
    return Bytes(p, p + bytes);
  }
  /// One request from data to result.
  Bytes run(bool encrypt, const Bytes& data, const Bytes& iv) {
    const hw::PhysAddr at = buffer(data);
    post(encrypt, at, data.size(), iv);
    wait();
    return read(at, data.size());
  }

  std::uint64_t sid = 0;
  std::size_t outstanding = 0;
  std::deque<Post> posts;

 private:
  static int callback(driver::Cryptop* crp) {
    Post& post = *static_cast<Post*>(crp->crp_opaque);
    OcfClient& self = *post.client;
    ++post.callbacks;
    post.etype = crp->crp_etype;
    post.in_irq = self.board_.kernel.in_irq();
    crp->core->crypto_freereq(crp);
    if (--self.outstanding == 0) self.wait_.wake_up();
    return 0;
  }
  Board& board_;
  driver::Crypto& crypto_;
  kernel::WaitQueue wait_;
};

}  // namespace cesasim::test
