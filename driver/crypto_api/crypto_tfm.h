// The kernel's own cipher API as it was in 2.6.12: a crypto_tfm bound to one key, working in
// the caller's context. Used by standard dm-crypt, by the ESSIV generator and by cryptosoft.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "driver/params.h"
#include "hw_model/base/units.h"
#include "kernel_model/kernel.h"

namespace cesasim::driver {

enum class CipherMode { ecb, cbc };

/// AES with one key (16, 24 or 32 bytes). Bytes by OpenSSL, time by CipherCosts.
class CryptoTfm {
 public:
  /// Throws std::invalid_argument for a key length AES does not take.
  CryptoTfm(kernel::Kernel& kernel, const CipherCosts& costs, CipherMode mode,
            std::span<const std::uint8_t> key);
  ~CryptoTfm();
  CryptoTfm(const CryptoTfm&) = delete;

  /// Ciphers `bytes` (a multiple of 16) from `src` to `dst` (may be equal), charging
  /// Activity::cipher. `iv`: 16 bytes, not changed; ignored in ECB. Returns 0 or -EINVAL.
  int encrypt(std::uint8_t* dst, const std::uint8_t* src, std::size_t bytes,
              const std::uint8_t* iv);
  int decrypt(std::uint8_t* dst, const std::uint8_t* src, std::size_t bytes,
              const std::uint8_t* iv);

 private:
  struct Contexts;
  int run(bool encrypt, std::uint8_t* dst, const std::uint8_t* src, std::size_t bytes,
          const std::uint8_t* iv);

  kernel::Kernel& kernel_;
  double setup_;
  double encrypt_per_byte_;
  double decrypt_per_byte_;
  double dram_per_byte_;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace cesasim::driver
