// SPDX-License-Identifier: Apache-2.0
// The kernel's own cipher API as it was in 2.6.12: a crypto_tfm bound to one key, working in
// the caller's context. Used by standard dm-crypt, by the ESSIV generator, by cryptosoft and,
// where no driver has the algorithm, by the asynchronous API of later kernels (skcipher.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "driver/params.h"
#include "hw_model/common/units.h"
#include "kernel_model/kernel.h"

namespace cesasim::driver {

enum class Cipher { aes, des, des3 };
enum class CipherMode { ecb, cbc, xts };

/// Bytes of a cipher block.
constexpr std::uint32_t cipher_block_bytes(Cipher cipher) { return cipher == Cipher::aes ? 16 : 8; }
/// Bytes of the IV: none in ECB, one block in CBC, 16 in XTS (the tweak before its encryption).
constexpr std::uint32_t cipher_iv_bytes(Cipher cipher, CipherMode mode) {
  return mode == CipherMode::ecb ? 0 : cipher_block_bytes(cipher);
}

/// One cipher in one mode with one key. Bytes by OpenSSL, time by CipherCosts.
///
/// AES takes keys of 16, 24 or 32 bytes, in XTS two of them one after the other (data, tweak); DES
/// 8 bytes; 3DES (EDE) 24. XTS needs blocks of 16 bytes, so AES. As in Linux outside FIPS mode
/// nothing is said against weak keys, equal halves of an XTS key or equal parts of a 3DES key.
class CryptoTfm {
 public:
  /// Throws std::invalid_argument for a key length or mode that the cipher does not take.
  CryptoTfm(kernel::Kernel& kernel, const CipherCosts& costs, Cipher cipher, CipherMode mode,
            std::span<const std::uint8_t> key);
  /// AES.
  CryptoTfm(kernel::Kernel& kernel, const CipherCosts& costs, CipherMode mode,
            std::span<const std::uint8_t> key)
      : CryptoTfm(kernel, costs, Cipher::aes, mode, key) {}
  ~CryptoTfm();
  CryptoTfm(const CryptoTfm&) = delete;

  std::uint32_t block_bytes() const { return cipher_block_bytes(cipher_); }
  std::uint32_t iv_bytes() const { return cipher_iv_bytes(cipher_, mode_); }

  /// Ciphers `bytes` (a multiple of the block; in XTS one data unit) from `src` to `dst` (may be
  /// equal), charging Activity::cipher. `iv`: iv_bytes(), not changed. Returns 0 or -EINVAL.
  int encrypt(std::uint8_t* dst, const std::uint8_t* src, std::size_t bytes,
              const std::uint8_t* iv);
  int decrypt(std::uint8_t* dst, const std::uint8_t* src, std::size_t bytes,
              const std::uint8_t* iv);

 private:
  struct Contexts;
  int run(bool encrypt, std::uint8_t* dst, const std::uint8_t* src, std::size_t bytes,
          const std::uint8_t* iv);

  kernel::Kernel& kernel_;
  Cipher cipher_;
  CipherMode mode_;
  double encrypt_setup_;
  double decrypt_setup_;
  double encrypt_per_byte_;
  double decrypt_per_byte_;
  double dram_per_byte_;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace cesasim::driver
