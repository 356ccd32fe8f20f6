// SPDX-License-Identifier: Apache-2.0
#include "tests/stock_driver/client.h"

#include <openssl/hmac.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace cesasim::stock {

Bytes random_bytes(Rng& rng, std::size_t size) {
  Bytes bytes(size);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(rng());
  return bytes;
}

unsigned random_between(Rng& rng, unsigned low, unsigned high) {
  return std::uniform_int_distribution<unsigned>(low, high)(rng);
}

const std::vector<CipherAlgorithm>& cipher_algorithms() {
  static const std::vector<CipherAlgorithm> all = {
      {"mv-ecb-des", 8, 0, {8}},           {"mv-cbc-des", 8, 8, {8}},
      {"mv-ecb-des3-ede", 8, 0, {24}},     {"mv-cbc-des3-ede", 8, 8, {24}},
      {"mv-ecb-aes", 16, 0, {16, 24, 32}}, {"mv-cbc-aes", 16, 16, {16, 24, 32}},
  };
  return all;
}

const std::vector<HashAlgorithm>& hash_algorithms() {
  static const std::vector<HashAlgorithm> all = {
      {"mv-md5", "MD5", 16, false},       {"mv-sha1", "SHA1", 20, false},
      {"mv-sha256", "SHA256", 32, false}, {"mv-hmac-md5", "MD5", 16, true},
      {"mv-hmac-sha1", "SHA1", 20, true}, {"mv-hmac-sha256", "SHA256", 32, true},
  };
  return all;
}

Bytes reference_cipher(const CipherAlgorithm& alg, bool encrypt, const Bytes& key, const Bytes& iv,
                       const Bytes& data) {
  const std::string mode = alg.iv_bytes > 0 ? "CBC" : "ECB";
  Bytes full_key = key;
  std::string name = "AES-" + std::to_string(8 * key.size()) + "-" + mode;
  if (alg.block_bytes == 8) {
    name = alg.iv_bytes > 0 ? "DES-EDE3-CBC" : "DES-EDE3-ECB";
    // OpenSSL 3 has moved single DES away; EDE with three equal keys is single DES.
    while (full_key.size() < 24) full_key.insert(full_key.end(), key.begin(), key.end());
  }
  Bytes out(data.size());
  int size = 0;
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr);
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  const bool ok =
      cipher != nullptr &&
      EVP_CipherInit_ex(ctx, cipher, nullptr, full_key.data(), iv.data(), encrypt) &&
      EVP_CIPHER_CTX_set_padding(ctx, 0) &&
      EVP_CipherUpdate(ctx, out.data(), &size, data.data(), static_cast<int>(data.size()));
  EVP_CIPHER_CTX_free(ctx);
  EVP_CIPHER_free(cipher);
  if (!ok || static_cast<std::size_t>(size) != data.size()) {
    throw std::runtime_error("OpenSSL does not do " + name);
  }
  return out;
}

Bytes reference_hash(const HashAlgorithm& alg, const Bytes& key,
                     std::span<const std::uint8_t> data) {
  Bytes out(alg.digest_bytes);
  static constexpr std::uint8_t kNothing = 0;
  const std::uint8_t* from = data.empty() ? &kNothing : data.data();
  const EVP_MD* md = EVP_get_digestbyname(alg.openssl_name);
  if (md == nullptr) throw std::runtime_error(std::string("OpenSSL has no ") + alg.openssl_name);
  if (alg.keyed) {
    HMAC(md, key.data(), static_cast<int>(key.size()), from, data.size(), out.data(), nullptr);
  } else {
    EVP_Digest(from, data.size(), out.data(), nullptr, md, nullptr);
  }
  return out;
}

// --- Scattered

Scattered::Scattered(std::span<const std::uint8_t> data) {
  add(data, 0);
  close();
}

Scattered::Scattered(std::span<const std::uint8_t> data, Rng& rng) {
  for (unsigned entries = random_between(rng, 1, 5); entries > 1 && data.size() > 1; --entries) {
    const auto size = random_between(rng, 1, static_cast<unsigned>(data.size()) - 1);
    add(data.first(size), random_between(rng, 0, 63));
    data = data.subspan(size);
  }
  add(data, random_between(rng, 0, 63));
  close();
}

void Scattered::add(std::span<const std::uint8_t> part, unsigned misalign) {
  // The entry ends where its heap block ends: going past it is the address sanitizer's.
  memory_.emplace_back(new std::uint8_t[misalign + part.size()]);
  std::uint8_t* at = memory_.back().get() + misalign;
  std::copy(part.begin(), part.end(), at);
  entries_.push_back({at, static_cast<unsigned>(part.size()), false, 0});
}

void Scattered::close() { entries_.back().last = true; }

Bytes Scattered::bytes() const {
  Bytes all;
  for (const scatterlist& e : entries_) {
    const auto* from = static_cast<const std::uint8_t*>(e.buf);
    all.insert(all.end(), from, from + e.length);
  }
  return all;
}

// --- Ciphers

Cipher::Cipher(const CipherAlgorithm& alg, const Bytes& key)
    : tfm_(crypto_alloc_skcipher(alg.driver_name, 0, 0)),
      key_error_(crypto_skcipher_setkey(tfm_, key.data(), static_cast<unsigned>(key.size()))) {}

CipherRequest::CipherRequest(Cipher& cipher, const Bytes& iv, Scattered src,
                             std::unique_ptr<Scattered> dst)
    : iv_(iv),
      src_(std::move(src)),
      dst_(std::move(dst)),
      req_(skcipher_request_alloc(cipher.tfm(), GFP_KERNEL)) {
  req_->iv = iv_.data();
  req_->src = src_.list();
  req_->dst = dst_ ? dst_->list() : req_->src;
  req_->cryptlen = static_cast<unsigned>(src_.bytes().size());
  req_->base.complete = on_complete;
  req_->base.data = this;
}

int CipherRequest::submit(bool encrypt, unsigned flags) {
  req_->base.flags = flags;
  return encrypt ? crypto_skcipher_encrypt(req_) : crypto_skcipher_decrypt(req_);
}

void CipherRequest::on_complete(crypto_completion_arg* arg, int error) {
  auto* self = static_cast<CipherRequest*>(crypto_completion_data(arg));
  if (error == -EINPROGRESS) {
    ++self->promoted_;
    return;
  }
  if (self->ended_) SimulatedKernel::current().report("a request ended twice");
  self->ended_ = true;
  self->error_ = error;
}

// --- Hashes

Hash::Hash(const HashAlgorithm& alg, const Bytes& key)
    : tfm_(crypto_alloc_ahash(alg.driver_name, 0, 0)), digest_bytes_(alg.digest_bytes) {
  if (alg.keyed) {
    key_error_ = crypto_ahash_setkey(tfm_, key.data(), static_cast<unsigned>(key.size()));
  }
}

HashRequest::HashRequest(Hash& hash)
    : hash_(hash),
      src_(std::span<const std::uint8_t>()),
      result_(new std::uint8_t[hash.digest_bytes()]()),
      req_(ahash_request_alloc(hash.tfm(), GFP_KERNEL)) {
  ahash_request_set_callback(req_, 0, on_complete, this);
}

int HashRequest::start(int (*step)(ahash_request*)) {
  busy_ = true;
  error_ = 0;
  const int result = step(req_);
  if (result != -EINPROGRESS && result != -EBUSY) busy_ = false;
  return result;
}

int HashRequest::start(int (*step)(ahash_request*), Scattered data, std::size_t size) {
  src_ = std::move(data);
  ahash_request_set_crypt(req_, src_.list(), result_.get(), static_cast<unsigned>(size));
  return start(step);
}

int HashRequest::init() { return start(crypto_ahash_init); }
int HashRequest::update(Scattered data, std::size_t size) {
  return start(crypto_ahash_update, std::move(data), size);
}
int HashRequest::finup(Scattered data, std::size_t size) {
  return start(crypto_ahash_finup, std::move(data), size);
}
int HashRequest::digest(Scattered data, std::size_t size) {
  return start(crypto_ahash_digest, std::move(data), size);
}
int HashRequest::final() {
  ahash_request_set_crypt(req_, nullptr, result_.get(), 0);
  return start(crypto_ahash_final);
}

int HashRequest::export_import() {
  Bytes state(crypto_ahash_alg(hash_.tfm())->halg.statesize);
  if (const int error = crypto_ahash_export(req_, state.data())) return error;
  std::memset(ahash_request_ctx(req_), 0x5A, hash_.tfm()->base.reqsize);
  return crypto_ahash_import(req_, state.data());
}

Bytes HashRequest::result() const { return {result_.get(), result_.get() + hash_.digest_bytes()}; }

void HashRequest::on_complete(crypto_completion_arg* arg, int error) {
  auto* self = static_cast<HashRequest*>(crypto_completion_data(arg));
  if (error == -EINPROGRESS) return;
  if (!self->busy_) SimulatedKernel::current().report("a request ended twice");
  self->busy_ = false;
  self->error_ = error;
}

}  // namespace cesasim::stock
