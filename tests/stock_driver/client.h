// SPDX-License-Identifier: Apache-2.0
// Users of the crypto API: requests over cut-up memory, and what OpenSSL says of the same data.
#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "tests/stock_driver/kernel.h"
#include "tests/stock_driver/simulated_kernel.h"

namespace cesasim::stock {

using Bytes = std::vector<std::uint8_t>;
using Rng = std::mt19937;

Bytes random_bytes(Rng& rng, std::size_t size);
/// Uniform, both ends included.
unsigned random_between(Rng& rng, unsigned low, unsigned high);

// --- Algorithms

struct CipherAlgorithm {
  const char* driver_name;
  unsigned block_bytes;
  unsigned iv_bytes;
  std::vector<unsigned> key_bytes;
};
const std::vector<CipherAlgorithm>& cipher_algorithms();

struct HashAlgorithm {
  const char* driver_name;
  const char* openssl_name;
  unsigned digest_bytes;
  bool keyed;
};
const std::vector<HashAlgorithm>& hash_algorithms();

/// OpenSSL's one-shot answer.
Bytes reference_cipher(const CipherAlgorithm& alg, bool encrypt, const Bytes& key, const Bytes& iv,
                       const Bytes& data);
Bytes reference_hash(const HashAlgorithm& alg, const Bytes& key,
                     std::span<const std::uint8_t> data);

// --- Requests

/// Data in a scatterlist whose every entry is heap memory of its own.
class Scattered {
 public:
  /// One entry.
  explicit Scattered(std::span<const std::uint8_t> data);
  /// Up to five entries, cut and aligned at random.
  Scattered(std::span<const std::uint8_t> data, Rng& rng);

  scatterlist* list() { return entries_.data(); }
  Bytes bytes() const;

 private:
  void add(std::span<const std::uint8_t> part, unsigned misalign);
  void close();

  std::vector<std::unique_ptr<std::uint8_t[]>> memory_;
  std::vector<scatterlist> entries_;
};

class Cipher {
 public:
  Cipher(const CipherAlgorithm& alg, const Bytes& key);
  ~Cipher() { crypto_free_skcipher(tfm_); }
  Cipher(const Cipher&) = delete;
  Cipher& operator=(const Cipher&) = delete;
  crypto_skcipher* tfm() { return tfm_; }
  /// What setkey returned.
  int key_error() const { return key_error_; }

 private:
  crypto_skcipher* tfm_;
  int key_error_;
};

class CipherRequest {
 public:
  /// In place if there is no `dst`.
  CipherRequest(Cipher& cipher, const Bytes& iv, Scattered src,
                std::unique_ptr<Scattered> dst = nullptr);
  ~CipherRequest() { skcipher_request_free(req_); }
  CipherRequest(const CipherRequest&) = delete;
  CipherRequest& operator=(const CipherRequest&) = delete;

  int submit(bool encrypt, unsigned flags = 0);
  bool ended() const { return ended_; }
  int error() const { return error_; }
  /// Times that it was told to have left the backlog.
  unsigned promoted() const { return promoted_; }
  Bytes output() const { return dst_ ? dst_->bytes() : src_.bytes(); }
  const Bytes& iv() const { return iv_; }

 private:
  static void on_complete(crypto_completion_arg* arg, int error);

  Bytes iv_;
  Scattered src_;
  std::unique_ptr<Scattered> dst_;
  skcipher_request* req_;
  bool ended_ = false;
  int error_ = 0;
  unsigned promoted_ = 0;
};

class Hash {
 public:
  explicit Hash(const HashAlgorithm& alg, const Bytes& key = {});
  ~Hash() { crypto_free_ahash(tfm_); }
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;
  crypto_ahash* tfm() { return tfm_; }
  unsigned digest_bytes() const { return digest_bytes_; }
  int key_error() const { return key_error_; }

 private:
  crypto_ahash* tfm_;
  unsigned digest_bytes_;
  int key_error_ = 0;
};

/// One message. Each call starts a step; the next one may come when it is no longer busy().
class HashRequest {
 public:
  explicit HashRequest(Hash& hash);
  ~HashRequest() { ahash_request_free(req_); }
  HashRequest(const HashRequest&) = delete;
  HashRequest& operator=(const HashRequest&) = delete;

  int init();
  int update(Scattered data, std::size_t size);
  int finup(Scattered data, std::size_t size);
  int digest(Scattered data, std::size_t size);
  int final();
  /// Saves the state, spoils this request's own and continues with what was saved.
  int export_import();

  bool busy() const { return busy_; }
  int error() const { return error_; }
  Bytes result() const;

 private:
  int start(int (*step)(ahash_request*));
  int start(int (*step)(ahash_request*), Scattered data, std::size_t size);
  static void on_complete(crypto_completion_arg* arg, int error);

  Hash& hash_;
  Scattered src_;
  std::unique_ptr<std::uint8_t[]> result_;
  ahash_request* req_;
  bool busy_ = false;
  int error_ = 0;
};

}  // namespace cesasim::stock
