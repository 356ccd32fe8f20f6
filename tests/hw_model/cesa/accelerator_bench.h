// SPDX-License-Identifier: Apache-2.0
// An accelerator with its SRAM on the bench, without a device around it, and one-shot OpenSSL
// as the judge of what it computes.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <vector>

#include "hw_model/cesa/security_accelerator.h"
#include "hw_model/common/aes_key_schedule.h"
#include "hw_model/common/little_endian.h"
#include "tests/hw_model/cesa/aes_vectors.h"

namespace cesasim::test {

inline Bytes random_bytes(std::mt19937& rng, std::size_t n) {
  Bytes b(n);
  for (auto& x : b) x = static_cast<std::uint8_t>(rng());
  return b;
}

inline Bytes operator^(Bytes a, const Bytes& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] ^= b[i];
  return a;
}

/// One shot through EVP with a fresh context. Single DES is EDE with its key three times.
inline Bytes evp(const char* name, Bytes key, const Bytes* iv, bool decrypt, const Bytes& in) {
  if (key.size() == 8) {
    const Bytes one = key;
    for (int i = 0; i < 2; ++i) key.insert(key.end(), one.begin(), one.end());
  }
  EVP_CIPHER* c = EVP_CIPHER_fetch(nullptr, name, nullptr);
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  EXPECT_EQ(EVP_CipherInit_ex(ctx, c, nullptr, key.data(), iv ? iv->data() : nullptr, !decrypt), 1);
  EVP_CIPHER_CTX_set_padding(ctx, 0);
  Bytes out(in.size());
  int n = 0;
  EXPECT_EQ(EVP_CipherUpdate(ctx, out.data(), &n, in.data(), static_cast<int>(in.size())), 1);
  EVP_CIPHER_CTX_free(ctx);
  EVP_CIPHER_free(c);
  return out;
}

struct Cipher {
  hw::SaCipher kind = hw::SaCipher::aes;
  Bytes key;
  bool ede = true;
  std::uint32_t block() const {
    return kind == hw::SaCipher::aes ? hw::kAesBlockBytes : hw::kDesBlockBytes;
  }
  /// What software stores: for AES to decrypt, the start key.
  Bytes stored_key(bool decrypt) const {
    if (kind != hw::SaCipher::aes || !decrypt) return key;
    Bytes start(key.size());
    hw::aes_decrypt_start_from_key(key, start);
    return start;
  }
};

/// The judge's answer; `iv` null is ECB.
inline Bytes crypt(const Cipher& c, const Bytes* iv, bool decrypt, const Bytes& in) {
  if (c.kind == hw::SaCipher::aes) {
    const std::string name = "AES-" + std::to_string(8 * c.key.size()) + (iv ? "-CBC" : "-ECB");
    return evp(name.c_str(), c.key, iv, decrypt, in);
  }
  if (c.kind == hw::SaCipher::des || c.ede) {
    return evp(iv ? "DES-EDE3-CBC" : "DES-EDE3-ECB", c.key, iv, decrypt, in);
  }
  // EEE is in no library: single DES three times, block by block.
  Bytes out;
  Bytes chain = iv ? *iv : Bytes(8);
  for (std::size_t at = 0; at < in.size(); at += 8) {
    const Bytes given(in.begin() + at, in.begin() + at + 8);
    Bytes x = decrypt ? given : given ^ chain;
    for (int pass = 0; pass < 3; ++pass) {
      const int k = 8 * (decrypt ? 2 - pass : pass);
      x = evp("DES-EDE3-ECB", Bytes(c.key.begin() + k, c.key.begin() + k + 8), nullptr, decrypt, x);
    }
    if (decrypt) x = x ^ chain;
    if (iv) chain = decrypt ? given : x;
    out.insert(out.end(), x.begin(), x.end());
  }
  return out;
}

inline const EVP_MD* evp_md(hw::SaMac hash) {
  return hash == hw::SaMac::md5 ? EVP_md5() : hash == hw::SaMac::sha1 ? EVP_sha1() : EVP_sha256();
}

inline Bytes digest(hw::SaMac hash, const Bytes& in) {
  Bytes out(4 * hw::mac_words(hash));
  EXPECT_EQ(EVP_Digest(in.data(), in.size(), out.data(), nullptr, evp_md(hash), nullptr), 1);
  return out;
}

inline Bytes hmac(hw::SaMac hash, const Bytes& key, const Bytes& in) {
  Bytes out(4 * hw::mac_words(hash));
  unsigned n = 0;
  EXPECT_NE(HMAC(evp_md(hash), key.data(), static_cast<int>(key.size()), in.data(), in.size(),
                 out.data(), &n),
            nullptr);
  return out;
}

/// The chaining value after one block, as software stores it: words big endian.
inline Bytes hmac_state(hw::SaMac hash, Bytes key, std::uint8_t pad) {
  if (key.size() > 64) key = digest(hash, key);
  key.resize(64);
  for (auto& x : key) x ^= pad;
  std::vector<std::uint32_t> words;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  if (hash == hw::SaMac::md5) {
    MD5_CTX c;
    MD5_Init(&c);
    MD5_Update(&c, key.data(), 64);
    words = {c.A, c.B, c.C, c.D};
  } else if (hash == hw::SaMac::sha1) {
    SHA_CTX c;
    SHA1_Init(&c);
    SHA1_Update(&c, key.data(), 64);
    words = {c.h0, c.h1, c.h2, c.h3, c.h4};
  } else {
    SHA256_CTX c;
    SHA256_Init(&c);
    SHA256_Update(&c, key.data(), 64);
    words.assign(c.h, c.h + 8);
  }
#pragma GCC diagnostic pop
  Bytes out;
  for (const std::uint32_t w : words) {
    for (int shift = 24; shift >= 0; shift -= 8)
      out.push_back(static_cast<std::uint8_t>(w >> shift));
  }
  return out;
}

inline hw::SaMac hmac_code(hw::SaMac hash) {
  return hash == hw::SaMac::md5    ? hw::SaMac::hmac_md5
         : hash == hw::SaMac::sha1 ? hw::SaMac::hmac_sha1
                                   : hw::SaMac::hmac_sha256;
}

struct AcceleratorBench {
  static constexpr std::uint32_t kKey = 0x20, kIv = 0x40, kInner = 0x60, kOuter = 0x80,
                                 kDigest = 0xA0, kData = 0x100;

  explicit AcceleratorBench(hw::SaOptions options = {}) : sa(options) {
    at.key = kKey;
    at.iv = at.iv_buffer = kIv;
    at.inner_state = kInner;
    at.outer_state = kOuter;
    at.digest = kDigest;
    at.cipher_src = at.cipher_dst = at.mac_src = kData;
  }

  void put(std::uint32_t offset, const Bytes& b) {
    std::copy(b.begin(), b.end(), sram.begin() + offset);
  }
  Bytes get(std::uint32_t offset, std::size_t n) const {
    return {sram.begin() + offset, sram.begin() + offset + static_cast<std::ptrdiff_t>(n)};
  }
  void put_hmac_key(hw::SaMac hash, const Bytes& key) {
    put(kInner, hmac_state(hash, key, 0x36));
    put(kOuter, hmac_state(hash, key, 0x5C));
  }
  void put_descriptor(const hw::SaConfig& config) {
    const auto word = [&](unsigned i, std::uint32_t low, std::uint32_t high) {
      hw::store_le32(&sram[4 * i], low | high << 16);
    };
    hw::store_le32(sram.data(), config.word());
    word(1, at.cipher_src, at.cipher_dst);
    word(2, at.cipher_len, 0);
    word(3, at.key, 0);
    word(4, at.iv, at.iv_buffer);
    word(5, at.mac_src, at.mac_total_len);
    word(6, at.digest, at.mac_len);
    word(7, at.inner_state, at.outer_state);
  }
  hw::SaResult run() { return sa.run(sram, 0, ivdig); }
  hw::SaResult run(const hw::SaConfig& config) {
    put_descriptor(config);
    return run();
  }

  std::array<std::uint8_t, 2048> sram{};
  std::array<std::uint32_t, 8> ivdig{};
  hw::SaDescriptor at;  // offsets and lengths; its other fields are not used
  hw::SecurityAccelerator sa;
};

}  // namespace cesasim::test
