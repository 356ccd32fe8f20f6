// SPDX-License-Identifier: Apache-2.0
#include "driver/crypto_api/crypto_tfm.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "hw_model/common/xts.h"

namespace cesasim::driver {

namespace {

/// Single DES is in OpenSSL 3's legacy provider only; EDE with three equal keys is the same.
const EVP_CIPHER* evp_cipher(Cipher cipher, bool cbc, std::size_t key_bytes) {
  if (cipher != Cipher::aes) return cbc ? EVP_des_ede3_cbc() : EVP_des_ede3_ecb();
  switch (key_bytes) {
    case 16:
      return cbc ? EVP_aes_128_cbc() : EVP_aes_128_ecb();
    case 24:
      return cbc ? EVP_aes_192_cbc() : EVP_aes_192_ecb();
    default:
      return cbc ? EVP_aes_256_cbc() : EVP_aes_256_ecb();
  }
}

void check(Cipher cipher, CipherMode mode, std::size_t key_bytes) {
  const auto takes = [&](const char* what) {
    throw std::invalid_argument(std::string(what) + ", not " + std::to_string(key_bytes));
  };
  switch (cipher) {
    case Cipher::aes: {
      const std::size_t one = mode == CipherMode::xts ? key_bytes / 2 : key_bytes;
      const bool whole = mode != CipherMode::xts || key_bytes % 2 == 0;
      if (whole && (one == 16 || one == 24 || one == 32)) return;
      takes(mode == CipherMode::xts ? "AES in XTS takes keys of 32, 48 or 64 bytes"
                                    : "AES takes keys of 16, 24 or 32 bytes");
      break;
    }
    case Cipher::des:
      if (key_bytes != 8) takes("DES takes keys of 8 bytes");
      break;
    case Cipher::des3:
      if (key_bytes != 24) takes("3DES takes keys of 24 bytes");
      break;
  }
  if (mode == CipherMode::xts) {
    throw std::invalid_argument("XTS needs a cipher with blocks of 16 bytes: AES");
  }
}

struct ContextDeleter {
  void operator()(EVP_CIPHER_CTX* ctx) const { EVP_CIPHER_CTX_free(ctx); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, ContextDeleter>;

Context make_context(Cipher cipher, bool cbc, std::span<const std::uint8_t> key, bool encrypt) {
  std::vector<std::uint8_t> k(key.begin(), key.end());
  if (cipher == Cipher::des) {
    for (int i = 0; i < 2; ++i) k.insert(k.end(), key.begin(), key.end());
  }
  const EVP_CIPHER* evp = evp_cipher(cipher, cbc, key.size());
  Context ctx(EVP_CIPHER_CTX_new());
  if (!ctx || EVP_CipherInit_ex(ctx.get(), evp, nullptr, k.data(), nullptr, encrypt) != 1 ||
      EVP_CIPHER_CTX_set_padding(ctx.get(), 0) != 1) {
    throw std::runtime_error("OpenSSL refuses the cipher context");
  }
  return ctx;
}

bool update(EVP_CIPHER_CTX* ctx, std::uint8_t* dst, const std::uint8_t* src, std::size_t bytes) {
  int out = 0;
  return EVP_CipherUpdate(ctx, dst, &out, src, static_cast<int>(bytes)) == 1;
}

/// XTS over the block cipher: OpenSSL's own refuses keys with equal halves, which Linux takes.
/// Whole blocks only, so no ciphertext stealing.
bool xts(EVP_CIPHER_CTX* ecb, EVP_CIPHER_CTX* tweak_ecb, std::uint8_t* dst, const std::uint8_t* src,
         std::size_t bytes, const std::uint8_t* iv) {
  hw::XtsTweak tweak;
  if (!update(tweak_ecb, tweak.data(), iv, tweak.size())) return false;
  // Some blocks at a time, so that OpenSSL can work on several at once and they stay in its cache.
  constexpr std::size_t kBatch = 64 * hw::kXtsBlockBytes;
  for (std::size_t at = 0; at < bytes; at += kBatch) {
    const std::size_t n = std::min(kBatch, bytes - at);
    hw::XtsTweak again = tweak;
    hw::xts_xor_tweaks(dst + at, src + at, n, tweak);
    if (!update(ecb, dst + at, dst + at, n)) return false;
    hw::xts_xor_tweaks(dst + at, dst + at, n, again);
  }
  return true;
}

}  // namespace

struct CryptoTfm::Contexts {
  Context encrypt;
  Context decrypt;
  Context tweak;  // XTS: encrypts the tweak, whatever the direction
};

CryptoTfm::CryptoTfm(kernel::Kernel& kernel, const CipherCosts& costs, Cipher cipher,
                     CipherMode mode, std::span<const std::uint8_t> key)
    : kernel_(kernel),
      cipher_(cipher),
      mode_(mode),
      encrypt_setup_(costs.aes_setup),
      decrypt_setup_(costs.aes_setup),
      dram_per_byte_(costs.dram_bytes_per_byte) {
  check(cipher, mode, key.size());
  const bool is_xts = mode == CipherMode::xts;
  const auto data_key = is_xts ? key.first(key.size() / 2) : key;
  if (cipher == Cipher::aes) {
    const double extra_rounds = (static_cast<double>(data_key.size()) - 16) / 4;
    encrypt_per_byte_ = costs.aes128_encrypt_per_byte + extra_rounds * costs.aes_round_per_byte;
    decrypt_per_byte_ = costs.aes128_decrypt_per_byte + extra_rounds * costs.aes_round_per_byte;
  } else {
    encrypt_per_byte_ = decrypt_per_byte_ =
        cipher == Cipher::des ? costs.des_per_byte : costs.des3_per_byte;
  }
  if (is_xts) {
    // The tweak is one block more to encrypt.
    encrypt_setup_ += encrypt_per_byte_ * static_cast<double>(hw::kXtsBlockBytes);
    decrypt_setup_ = encrypt_setup_;
    encrypt_per_byte_ += costs.xts_per_byte;
    decrypt_per_byte_ += costs.xts_per_byte;
  }
  const bool cbc = mode == CipherMode::cbc;
  contexts_ = std::make_unique<Contexts>();
  contexts_->encrypt = make_context(cipher, cbc, data_key, true);
  contexts_->decrypt = make_context(cipher, cbc, data_key, false);
  if (is_xts) contexts_->tweak = make_context(cipher, false, key.last(key.size() / 2), true);
}

CryptoTfm::~CryptoTfm() = default;

int CryptoTfm::run(bool encrypt, std::uint8_t* dst, const std::uint8_t* src, std::size_t bytes,
                   const std::uint8_t* iv) {
  if (bytes == 0 || bytes % block_bytes() != 0) return -EINVAL;
  const double n = static_cast<double>(bytes);
  kernel_.charge_with_dram(
      kernel::Activity::cipher,
      encrypt ? encrypt_setup_ + n * encrypt_per_byte_ : decrypt_setup_ + n * decrypt_per_byte_,
      static_cast<std::uint64_t>(n * dram_per_byte_));
  EVP_CIPHER_CTX* ctx = (encrypt ? contexts_->encrypt : contexts_->decrypt).get();
  bool ok = false;
  switch (mode_) {
    case CipherMode::ecb:
      ok = update(ctx, dst, src, bytes);
      break;
    case CipherMode::cbc:
      ok = EVP_CipherInit_ex(ctx, nullptr, nullptr, nullptr, iv, -1) == 1 &&
           update(ctx, dst, src, bytes);
      break;
    case CipherMode::xts:
      ok = xts(ctx, contexts_->tweak.get(), dst, src, bytes, iv);
      break;
  }
  return ok ? 0 : -EINVAL;
}

int CryptoTfm::encrypt(std::uint8_t* dst, const std::uint8_t* src, std::size_t bytes,
                       const std::uint8_t* iv) {
  return run(true, dst, src, bytes, iv);
}

int CryptoTfm::decrypt(std::uint8_t* dst, const std::uint8_t* src, std::size_t bytes,
                       const std::uint8_t* iv) {
  return run(false, dst, src, bytes, iv);
}

}  // namespace cesasim::driver
