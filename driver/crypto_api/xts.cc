// SPDX-License-Identifier: Apache-2.0
#include "driver/crypto_api/xts.h"

#include <cerrno>
#include <utility>

namespace cesasim::driver {

namespace {

/// One block by crypto_cipher_encrypt_one: no scatterlist, no mode.
CipherCosts single_block(CipherCosts costs) {
  costs.aes_setup = 0;
  return costs;
}

}  // namespace

XtsTemplate::XtsTemplate(kernel::Kernel& kernel, const CipherCosts& costs, SkcipherApi& api,
                         std::unique_ptr<CryptoSkcipher> child,
                         std::span<const std::uint8_t> tweak_key)
    : kernel_(kernel),
      api_(api),
      pass_setup_(costs.aes_setup),
      pass_per_byte_(costs.xts_per_byte / 2),
      dram_per_byte_(costs.dram_bytes_per_byte),
      child_(std::move(child)),
      tweak_(kernel, single_block(costs), CipherMode::ecb, tweak_key),
      name_(std::string("xts(") + child_->driver_name() + ")") {}

/// One pass over the data of a request.
void XtsTemplate::xts_xor_tweak(hw::PhysAddr dst, hw::PhysAddr src, const Context& context) {
  const std::uint32_t bytes = context.owner->cryptlen;
  kernel_.charge_with_dram(kernel::Activity::cipher, pass_setup_ + bytes * pass_per_byte_,
                           static_cast<std::uint64_t>(bytes * dram_per_byte_));
  hw::XtsTweak tweak = context.tweak;
  const std::uint8_t* from = kernel_.cpu_read(src, bytes);
  hw::xts_xor_tweaks(kernel_.cpu_write(dst, bytes), from, bytes, tweak);
}

void XtsTemplate::xts_xor_tweak_pre(Context& context) {
  xts_xor_tweak(context.owner->dst, context.owner->src, context);
}

void XtsTemplate::xts_xor_tweak_post(Context& context) {
  xts_xor_tweak(context.owner->dst, context.owner->dst, context);
}

int XtsTemplate::xts_crypt(SkcipherRequest& request, bool encrypt) {
  Context& context = contexts_.take();
  context.tfm = this;
  context.owner = &request;
  SkcipherRequest& subreq = context.subreq;
  subreq.tfm = child_.get();
  subreq.src = subreq.dst = request.dst;
  subreq.cryptlen = request.cryptlen;
  subreq.flags = request.flags;
  subreq.complete = &XtsTemplate::xts_crypt_done;
  subreq.data = &context;
  subreq.id = request.id;
  tweak_.encrypt(context.tweak.data(), request.iv.data(), context.tweak.size(), nullptr);
  xts_xor_tweak_pre(context);
  const int result =
      encrypt ? api_.crypto_skcipher_encrypt(subreq) : api_.crypto_skcipher_decrypt(subreq);
  if (result == -EINPROGRESS || result == -EBUSY) return result;
  if (result == 0) xts_xor_tweak_post(context);
  contexts_.put(context);
  return result;
}

/// xts_encrypt_done and xts_decrypt_done. A request that has left the backlog is not at its end.
void XtsTemplate::xts_crypt_done(SkcipherRequest& subreq, int error) {
  Context& context = *static_cast<Context*>(subreq.data);
  SkcipherRequest& owner = *context.owner;
  if (error == 0) context.tfm->xts_xor_tweak_post(context);
  if (error != -EINPROGRESS) context.tfm->contexts_.put(context);
  owner.complete(owner, error);
}

}  // namespace cesasim::driver
