// SPDX-License-Identifier: Apache-2.0
// The crypto API: algorithms, tfms, requests, the queue with its backlog, key helpers.
#include <openssl/des.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "tests/stock_driver/kernel.h"
#include "tests/stock_driver/simulated_kernel.h"

using cesasim::stock::SimulatedKernel;

namespace {

SimulatedKernel& kernel() { return SimulatedKernel::current(); }

template <typename Owner, typename Member>
Owner* owner_of(Member* member, Member Owner::*field) {
  alignas(Owner) static char dummy[sizeof(Owner)];
  auto* owner = reinterpret_cast<Owner*>(dummy);
  const auto offset = reinterpret_cast<char*>(&(owner->*field)) - dummy;
  return reinterpret_cast<Owner*>(reinterpret_cast<char*>(member) - offset);
}

crypto_async_request* request_of(list_head* entry) {
  return owner_of(entry, &crypto_async_request::list);
}

template <typename T>
T* alloc_with_context(std::size_t context_bytes, int context_fill) {
  void* memory = ::operator new (sizeof(T) + context_bytes, std::align_val_t{alignof(T)});
  T* object = new (memory) T{};
  std::memset(object + 1, context_fill, context_bytes);
  return object;
}

// A tfm's context starts as zeros, a request's as whatever was there.
constexpr int kGarbage = 0x5A;

template <typename T>
void free_with_context(T* object) {
  ::operator delete (object, std::align_val_t{alignof(T)});
}

// Freed with its place in a queue, a request is used again when its turn comes. Taken out, so that
// this ends with the report; a place among queue->queued stays taken.
void check_not_queued(crypto_async_request& req) {
  if (req.list.next == nullptr) return;
  kernel().report("a request is freed that is still queued");
  list_del(&req.list);
}

template <typename Tfm>
Tfm* alloc_tfm(crypto_alg& alg) {
  Tfm* tfm = alloc_with_context<Tfm>(alg.cra_ctxsize, 0);
  tfm->base.__crt_alg = &alg;
  if (alg.cra_init != nullptr && alg.cra_init(&tfm->base) != 0) {
    free_with_context(tfm);
    return nullptr;
  }
  ++kernel().tfms[&alg];
  return tfm;
}

template <typename Tfm>
void free_tfm(Tfm* tfm) {
  crypto_alg& alg = *tfm->base.__crt_alg;
  if (alg.cra_exit != nullptr) alg.cra_exit(&tfm->base);
  --kernel().tfms[&alg];
  free_with_context(tfm);
}

template <typename T>
void unregister(std::vector<T*>& algorithms, T* alg, const crypto_alg& base) {
  const auto at = std::find(algorithms.begin(), algorithms.end(), alg);
  if (at == algorithms.end()) {
    kernel().report(std::string(base.cra_driver_name) + " unregistered twice");
    return;
  }
  if (kernel().tfms[&base] > 0) {
    kernel().report(std::string(base.cra_driver_name) + " unregistered while in use");
  }
  algorithms.erase(at);
}

template <typename Tfm>
Tfm* no_such_algorithm() {
  return reinterpret_cast<Tfm*>(static_cast<std::intptr_t>(-ENOENT));
}

}  // namespace

// --- Queue. A request beyond max_qlen waits in the backlog if it may, and joins the queue as
// soon as a place is free; its owner learns that by -EINPROGRESS.

void crypto_init_queue(crypto_queue* queue, unsigned max_qlen) {
  INIT_LIST_HEAD(&queue->queued);
  INIT_LIST_HEAD(&queue->waiting);
  queue->qlen = 0;
  queue->max_qlen = max_qlen;
}

int crypto_enqueue_request(crypto_queue* queue, crypto_async_request* req) {
  if (queue->qlen < queue->max_qlen) {
    list_add_tail(&req->list, &queue->queued);
    ++queue->qlen;
    return -EINPROGRESS;
  }
  if (!(req->flags & CRYPTO_TFM_REQ_MAY_BACKLOG)) return -ENOSPC;
  list_add_tail(&req->list, &queue->waiting);
  return -EBUSY;
}

crypto_async_request* crypto_get_backlog(crypto_queue* queue) {
  list_head* first = queue->waiting.next;
  return first == &queue->waiting ? nullptr : request_of(first);
}

crypto_async_request* crypto_dequeue_request(crypto_queue* queue) {
  list_head* first = queue->queued.next;
  if (first == &queue->queued) return nullptr;
  list_del(first);
  list_head* waiting = queue->waiting.next;
  if (waiting != &queue->waiting) {
    list_del(waiting);
    list_add_tail(waiting, &queue->queued);
  } else {
    --queue->qlen;
  }
  return request_of(first);
}

void crypto_request_complete(crypto_async_request* req, int err) {
#if STOCK_LINUX_AT_LEAST(6, 3)
  req->complete(req->data, err);
#else
  req->complete(req, err);
#endif
}

void crypto_req_done(crypto_completion_arg* arg, int err) {
  if (err == -EINPROGRESS) return;  // out of the backlog
  auto* wait = static_cast<crypto_wait*>(crypto_completion_data(arg));
  wait->err = err;
  complete(&wait->completion);
}

int crypto_wait_req(int err, crypto_wait* wait) {
  if (err != -EINPROGRESS && err != -EBUSY) return err;
  wait_for_completion(&wait->completion);
  return wait->err;
}

// --- Ciphers

unsigned crypto_tfm_alg_blocksize(crypto_tfm* tfm) { return tfm->__crt_alg->cra_blocksize; }

int crypto_register_skcipher(skcipher_alg* alg) {
  kernel().skciphers.push_back(alg);
  return 0;
}
void crypto_unregister_skcipher(skcipher_alg* alg) {
  unregister(kernel().skciphers, alg, alg->base);
}

crypto_skcipher* crypto_alloc_skcipher(const char* name, u32, u32) {
  for (skcipher_alg* alg : kernel().skciphers) {
    if (std::strcmp(alg->base.cra_driver_name, name) == 0) {
      return alloc_tfm<crypto_skcipher>(alg->base);
    }
  }
  return no_such_algorithm<crypto_skcipher>();
}
void crypto_free_skcipher(crypto_skcipher* tfm) { free_tfm(tfm); }

skcipher_alg* crypto_skcipher_alg(crypto_skcipher* tfm) {
  return owner_of(tfm->base.__crt_alg, &skcipher_alg::base);
}

int crypto_skcipher_setkey(crypto_skcipher* tfm, const u8* key, unsigned len) {
  const skcipher_alg& alg = *crypto_skcipher_alg(tfm);
  if (len < alg.min_keysize || len > alg.max_keysize) return -EINVAL;
  return alg.setkey(tfm, key, len);
}

skcipher_request* skcipher_request_alloc(crypto_skcipher* tfm, gfp_t) {
  auto* req = alloc_with_context<skcipher_request>(tfm->base.reqsize, kGarbage);
  req->base.tfm = &tfm->base;
  return req;
}
void skcipher_request_free(skcipher_request* req) {
  check_not_queued(req->base);
  free_with_context(req);
}

int crypto_skcipher_encrypt(skcipher_request* req) {
  return crypto_skcipher_alg(owner_of(req->base.tfm, &crypto_skcipher::base))->encrypt(req);
}
int crypto_skcipher_decrypt(skcipher_request* req) {
  return crypto_skcipher_alg(owner_of(req->base.tfm, &crypto_skcipher::base))->decrypt(req);
}

// --- Hashes

int crypto_register_ahash(ahash_alg* alg) {
  kernel().ahashes.push_back(alg);
  return 0;
}
void crypto_unregister_ahash(ahash_alg* alg) { unregister(kernel().ahashes, alg, alg->halg.base); }

crypto_ahash* crypto_alloc_ahash(const char* name, u32, u32) {
  for (ahash_alg* alg : kernel().ahashes) {
    if (std::strcmp(alg->halg.base.cra_driver_name, name) == 0) {
      return alloc_tfm<crypto_ahash>(alg->halg.base);
    }
  }
  return no_such_algorithm<crypto_ahash>();
}
void crypto_free_ahash(crypto_ahash* tfm) { free_tfm(tfm); }

ahash_alg* crypto_ahash_alg(crypto_ahash* tfm) {
  return owner_of(owner_of(tfm->base.__crt_alg, &hash_alg_common::base), &ahash_alg::halg);
}

int crypto_ahash_setkey(crypto_ahash* tfm, const u8* key, unsigned len) {
  const ahash_alg& alg = *crypto_ahash_alg(tfm);
  return alg.setkey != nullptr ? alg.setkey(tfm, key, len) : -ENOSYS;
}

ahash_request* ahash_request_alloc(crypto_ahash* tfm, gfp_t) {
  auto* req = alloc_with_context<ahash_request>(tfm->base.reqsize, kGarbage);
  req->base.tfm = &tfm->base;
  return req;
}
void ahash_request_free(ahash_request* req) {
  check_not_queued(req->base);
  free_with_context(req);
}

void ahash_request_set_callback(ahash_request* req, u32 flags, crypto_completion_t done,
                                void* data) {
  req->base.flags = flags;
  req->base.complete = done;
  req->base.data = data;
}
void ahash_request_set_crypt(ahash_request* req, scatterlist* src, u8* result, unsigned nbytes) {
  req->src = src;
  req->result = result;
  req->nbytes = nbytes;
}

namespace {
ahash_alg& alg_of(ahash_request* req) {
  return *crypto_ahash_alg(owner_of(req->base.tfm, &crypto_ahash::base));
}
}  // namespace

int crypto_ahash_init(ahash_request* req) { return alg_of(req).init(req); }
int crypto_ahash_update(ahash_request* req) { return alg_of(req).update(req); }
int crypto_ahash_final(ahash_request* req) { return alg_of(req).final(req); }
int crypto_ahash_finup(ahash_request* req) { return alg_of(req).finup(req); }
int crypto_ahash_digest(ahash_request* req) { return alg_of(req).digest(req); }
int crypto_ahash_export(ahash_request* req, void* out) { return alg_of(req).export_(req, out); }
int crypto_ahash_import(ahash_request* req, const void* in) { return alg_of(req).import(req, in); }

// --- Keys

namespace {

unsigned multiply(unsigned a, unsigned b) {  // in AES's field
  unsigned product = 0;
  for (; b != 0; b >>= 1) {
    if (b & 1) product ^= a;
    a = a << 1 ^ (a & 0x80 ? 0x11B : 0);
  }
  return product;
}

std::array<std::uint8_t, 256> make_sbox() {
  std::array<std::uint8_t, 256> sbox{};
  for (unsigned i = 0; i < 256; ++i) {
    unsigned inverse = 0;
    for (unsigned j = 1; i != 0 && inverse == 0; ++j) {
      if (multiply(i, j) == 1) inverse = j;
    }
    unsigned value = 0x63;
    for (unsigned turn = 0; turn < 5; ++turn) value ^= (inverse << turn | inverse >> (8 - turn));
    sbox[i] = static_cast<std::uint8_t>(value);
  }
  return sbox;
}

std::uint32_t sub_word(std::uint32_t w) {
  static const auto sbox = make_sbox();
  return sbox[w & 0xFF] | sbox[w >> 8 & 0xFF] << 8 | sbox[w >> 16 & 0xFF] << 16 |
         std::uint32_t{sbox[w >> 24]} << 24;
}

std::uint32_t inv_mix_column(std::uint32_t w) {
  static constexpr unsigned kFactors[] = {14, 11, 13, 9};
  std::uint32_t out = 0;
  for (unsigned row = 0; row < 4; ++row) {
    unsigned byte = 0;
    for (unsigned i = 0; i < 4; ++i) byte ^= multiply(w >> 8 * ((row + i) % 4) & 0xFF, kFactors[i]);
    out |= byte << 8 * row;
  }
  return out;
}

}  // namespace

int aes_expandkey(crypto_aes_ctx* ctx, const u8* key, unsigned len) {
  if (len != 16 && len != 24 && len != 32) return -EINVAL;
  const unsigned nk = len / 4;
  const unsigned words = 4 * (nk + 7);
  std::memcpy(ctx->key_enc, key, len);
  unsigned round_constant = 1;
  for (unsigned i = nk; i < words; ++i) {
    std::uint32_t w = ctx->key_enc[i - 1];
    if (i % nk == 0) {
      w = sub_word(w >> 8 | w << 24) ^ round_constant;
      round_constant = multiply(round_constant, 2);
    } else if (nk > 6 && i % nk == 4) {
      w = sub_word(w);
    }
    ctx->key_enc[i] = ctx->key_enc[i - nk] ^ w;
  }
  for (unsigned i = 0; i < words; ++i) {
    const std::uint32_t w = ctx->key_enc[words - 4 - i / 4 * 4 + i % 4];
    ctx->key_dec[i] = i < 4 || i >= words - 4 ? w : inv_mix_column(w);
  }
  ctx->key_length = len;
  return 0;
}

namespace {
bool forbids_weak(const crypto_skcipher* tfm) {
  return (tfm->base.crt_flags & CRYPTO_TFM_REQ_FORBID_WEAK_KEYS) != 0;
}
}  // namespace

int verify_skcipher_des_key(crypto_skcipher* tfm, const u8* key) {
  DES_cblock block;
  std::memcpy(block, key, sizeof block);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  const bool weak = DES_is_weak_key(&block) != 0;
#pragma GCC diagnostic pop
  return weak && forbids_weak(tfm) ? -EINVAL : 0;
}

int verify_skcipher_des3_key(crypto_skcipher* tfm, const u8* key) {
  const bool weak = std::memcmp(key, key + 8, 8) == 0 || std::memcmp(key + 8, key + 16, 8) == 0;
  return weak && forbids_weak(tfm) ? -EINVAL : 0;
}
