// SPDX-License-Identifier: Apache-2.0
#include "machine/check/reference_cipher.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace cesasim {

namespace {

using Bytes = std::vector<std::uint8_t>;

/// ECB or CBC of the block cipher `name`. DES is 3DES with one key three times: OpenSSL 3 has the
/// single DES in its legacy provider only. `key` becomes what OpenSSL takes.
const EVP_CIPHER* block_cipher(const std::string& name, Bytes& key, bool cbc) {
  const std::size_t bytes = key.size();
  if (name == "aes" && bytes == 16) return cbc ? EVP_aes_128_cbc() : EVP_aes_128_ecb();
  if (name == "aes" && bytes == 24) return cbc ? EVP_aes_192_cbc() : EVP_aes_192_ecb();
  if (name == "aes" && bytes == 32) return cbc ? EVP_aes_256_cbc() : EVP_aes_256_ecb();
  if (name == "des" && bytes == 8) {
    const Bytes one = key;
    for (int i = 0; i < 2; ++i) key.insert(key.end(), one.begin(), one.end());
    return cbc ? EVP_des_ede3_cbc() : EVP_des_ede3_ecb();
  }
  if (name == "des3_ede" && bytes == 24) return cbc ? EVP_des_ede3_cbc() : EVP_des_ede3_ecb();
  throw std::invalid_argument("no reference for " + name + " with a key of " +
                              std::to_string(8 * bytes) + " bits");
}

void one_shot(const EVP_CIPHER* cipher, const std::uint8_t* key, const std::uint8_t* iv,
              bool encrypt, const std::uint8_t* in, std::uint8_t* out, std::size_t bytes) {
  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> ctx(EVP_CIPHER_CTX_new(),
                                                                      &EVP_CIPHER_CTX_free);
  int n = 0;
  if (!ctx || EVP_CipherInit_ex(ctx.get(), cipher, nullptr, key, iv, encrypt) != 1 ||
      EVP_CIPHER_CTX_set_padding(ctx.get(), 0) != 1 ||
      EVP_CipherUpdate(ctx.get(), out, &n, in, static_cast<int>(bytes)) != 1 ||
      n != static_cast<int>(bytes)) {
    throw std::runtime_error("OpenSSL failed on the reference cipher");
  }
}

}  // namespace

ReferenceCipher::ReferenceCipher(const std::string& cipher, Bytes key, std::uint64_t iv_offset,
                                 std::uint32_t unit_bytes, bool iv_large_sectors)
    : key_(std::move(key)),
      iv_offset_(iv_offset),
      unit_bytes_(unit_bytes),
      iv_large_sectors_(iv_large_sectors) {
  none_ = cipher == "none";
  if (none_) return;
  // "name-mode-iv:option", cut at the first dashes; a bare name means cbc-plain.
  const std::size_t dash = cipher.find('-');
  const std::string name = cipher.substr(0, dash);
  std::string rest = dash == std::string::npos ? "plain" : cipher.substr(dash + 1);
  if (rest == "plain") rest = "cbc-plain";
  const std::string mode = rest.substr(0, rest.find('-'));
  const std::string iv = rest == mode ? "" : rest.substr(mode.size() + 1);
  const std::size_t colon = iv.find(':');
  iv_mode_ = iv.substr(0, colon);
  const std::string known[] = {"plain", "plain64", "plain64be", "essiv", "benbi", "null"};
  if (mode == "ecb" ? !iv.empty()
                    : std::find(std::begin(known), std::end(known), iv_mode_) == std::end(known)) {
    throw std::invalid_argument("no reference for cipher " + cipher);
  }
  if (unit_bytes != 512 && unit_bytes != 1024 && unit_bytes != 2048 && unit_bytes != 4096) {
    throw std::invalid_argument("no reference for units of " + std::to_string(unit_bytes));
  }
  block_bytes_ = name == "aes" ? 16 : 8;
  const Bytes volume_key = key_;
  if (mode == "cbc" || mode == "ecb") {
    cipher_ = block_cipher(name, key_, mode == "cbc");
  } else if (mode == "xts" && name == "aes") {
    const auto half = static_cast<std::ptrdiff_t>(key_.size() / 2);
    Bytes data_key(key_.begin(), key_.begin() + half);
    if (key_.size() % 2 != 0) throw std::invalid_argument("an XTS key has two halves");
    block_cipher(name, data_key, false);  // refuses what is no key
    // OpenSSL has no AES-192-XTS and takes no key of two equal halves.
    const bool equal = std::equal(key_.begin(), key_.begin() + half, key_.begin() + half);
    if (!equal && half == 16) cipher_ = EVP_aes_128_xts();
    if (!equal && half == 32) cipher_ = EVP_aes_256_xts();
  } else {
    throw std::invalid_argument("no reference for cipher " + cipher);
  }
  if (iv_mode_ != "essiv") return;
  // The salt is the hash of the volume key, cut to the longest key that the cipher takes.
  essiv_key_.resize(EVP_MAX_MD_SIZE);
  unsigned bytes = 0;
  const std::string hash = colon == std::string::npos ? "" : iv.substr(colon + 1);
  const EVP_MD* md = EVP_get_digestbyname(hash.c_str());
  if (md == nullptr || EVP_Digest(volume_key.data(), volume_key.size(), essiv_key_.data(), &bytes,
                                  md, nullptr) != 1) {
    throw std::invalid_argument("no such hash: " + cipher);
  }
  const unsigned longest = name == "aes" ? 32 : name == "des" ? 8 : 24;
  essiv_key_.resize(std::min(bytes, longest));
  essiv_cipher_ = block_cipher(name, essiv_key_, false);
}

ReferenceCipher::Iv ReferenceCipher::iv_of(std::uint64_t sector) const {
  std::uint64_t number = sector + iv_offset_;
  if (iv_large_sectors_) number /= unit_bytes_ / 512;
  Iv iv{};
  const auto little = [&iv](std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) iv[i] = static_cast<std::uint8_t>(value >> (8 * i));
  };
  const auto big_at_end = [&](std::uint64_t value) {
    for (unsigned i = 0; i < 8; ++i) {
      iv[block_bytes_ - 1 - i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
  };
  if (iv_mode_ == "plain") little(number, 4);
  if (iv_mode_ == "plain64" || iv_mode_ == "essiv") little(number, 8);
  if (iv_mode_ == "plain64be") big_at_end(number);
  // Counts cipher blocks, from 1.
  if (iv_mode_ == "benbi") big_at_end(number * (512 / block_bytes_) + 1);
  if (iv_mode_ == "essiv") {
    const Iv clear = iv;
    one_shot(essiv_cipher_, essiv_key_.data(), nullptr, true, clear.data(), iv.data(),
             block_bytes_);
  }
  return iv;
}

void ReferenceCipher::crypt(bool encrypt, std::uint64_t sector, const std::uint8_t* in,
                            std::uint8_t* out) const {
  if (none_) {
    std::copy_n(in, unit_bytes_, out);
    return;
  }
  const Iv iv = iv_of(sector);
  if (cipher_ == nullptr) return xts(encrypt, iv, in, out);
  one_shot(cipher_, key_.data(), iv.data(), encrypt, in, out, unit_bytes_);
}

/// IEEE 1619: each block between two exclusive-ors with a tweak that doubles in GF(2^128).
void ReferenceCipher::xts(bool encrypt, Iv tweak, const std::uint8_t* in, std::uint8_t* out) const {
  const auto half = static_cast<std::ptrdiff_t>(key_.size() / 2);
  Bytes data_key(key_.begin(), key_.begin() + half);
  Bytes tweak_key(key_.begin() + half, key_.end());
  const EVP_CIPHER* ecb = block_cipher("aes", data_key, false);
  const Iv clear = tweak;
  one_shot(ecb, tweak_key.data(), nullptr, true, clear.data(), tweak.data(), tweak.size());
  for (std::uint32_t at = 0; at < unit_bytes_; at += 16) {
    Iv block;
    for (unsigned i = 0; i < 16; ++i) block[i] = in[at + i] ^ tweak[i];
    one_shot(ecb, data_key.data(), nullptr, encrypt, block.data(), out + at, 16);
    for (unsigned i = 0; i < 16; ++i) out[at + i] ^= tweak[i];
    const bool carry = (tweak[15] & 0x80) != 0;
    for (unsigned i = 15; i > 0; --i) {
      tweak[i] = static_cast<std::uint8_t>(tweak[i] << 1 | tweak[i - 1] >> 7);
    }
    tweak[0] = static_cast<std::uint8_t>(tweak[0] << 1 ^ (carry ? 0x87 : 0));
  }
}

void ReferenceCipher::decrypt(std::uint64_t sector, const std::uint8_t* in,
                              std::uint8_t* out) const {
  crypt(false, sector, in, out);
}

void ReferenceCipher::encrypt(std::uint64_t sector, const std::uint8_t* in,
                              std::uint8_t* out) const {
  crypt(true, sector, in, out);
}

}  // namespace cesasim
