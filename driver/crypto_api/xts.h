// SPDX-License-Identifier: Apache-2.0
// Linux's template "xts" (crypto/xts.c, Linux 6.1): XTS by the processor around somebody's ECB. It
// is how an engine without XTS gets into dm-crypt's default, aes-xts-plain64: xts(mv-ecb-aes).
#pragma once

#include <memory>
#include <span>
#include <string>

#include "driver/crypto_api/crypto_tfm.h"
#include "driver/crypto_api/skcipher.h"
#include "hw_model/common/object_pool.h"
#include "hw_model/common/xts.h"
#include "kernel_model/kernel.h"

namespace cesasim::driver {

/// The tweak is encrypted by the kernel's own AES; a pass over the data before the ECB request and
/// one after it exclusive-or the tweaks, which is XTS's price beside the block cipher
/// (CipherCosts::xts_per_byte), half of it each; each pass walks a scatterlist
/// (CipherCosts::aes_setup). The first goes from src to dst, the ECB request is in place in dst: so
/// any driver takes two buffers behind this.
class XtsTemplate {
 public:
  /// `child`: AES in ECB with the first half of the key; `tweak_key` is the second.
  XtsTemplate(kernel::Kernel& kernel, const CipherCosts& costs, SkcipherApi& api,
              std::unique_ptr<CryptoSkcipher> child, std::span<const std::uint8_t> tweak_key);

  /// As SkcipherApi's functions of that name.
  int xts_encrypt(SkcipherRequest& request) { return xts_crypt(request, true); }
  int xts_decrypt(SkcipherRequest& request) { return xts_crypt(request, false); }

  const CryptoSkcipher& child() const { return *child_; }
  const char* driver_name() const { return name_.c_str(); }

 private:
  /// struct xts_request_ctx.
  struct Context {
    SkcipherRequest subreq;
    XtsTemplate* tfm = nullptr;
    SkcipherRequest* owner = nullptr;
    hw::XtsTweak tweak{};
  };

  int xts_crypt(SkcipherRequest& request, bool encrypt);
  void xts_xor_tweak(hw::PhysAddr dst, hw::PhysAddr src, const Context& context);
  void xts_xor_tweak_pre(Context& context);
  void xts_xor_tweak_post(Context& context);
  static void xts_crypt_done(SkcipherRequest& subreq, int error);

  kernel::Kernel& kernel_;
  SkcipherApi& api_;
  double pass_setup_;
  double pass_per_byte_;
  double dram_per_byte_;
  std::unique_ptr<CryptoSkcipher> child_;
  CryptoTfm tweak_;
  std::string name_;
  hw::ObjectPool<Context> contexts_;  // in Linux behind the request, where its owner makes room
};

}  // namespace cesasim::driver
