// SPDX-License-Identifier: Apache-2.0
// dm-crypt's IV generators (crypt_iv_operations).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "dmcrypt_model/cipher_spec.h"
#include "dmcrypt_model/params.h"
#include "driver/crypto_api/crypto_tfm.h"
#include "kernel_model/kernel.h"

namespace cesasim::dmcrypt {

inline constexpr std::size_t kIvBytes = 16;
using Iv = std::array<std::uint8_t, kIvBytes>;

/// The same in the terms of the kernel's cipher API.
driver::Cipher cipher_of(const CipherSpec& spec);
driver::CipherMode mode_of(const CipherSpec& spec);

/// Makes the IV of an encryption unit, charging dm for the generator and cipher for what ESSIV
/// encrypts.
class IvGenerator {
 public:
  virtual ~IvGenerator() = default;
  /// `sector`: the unit's number inside the mapping plus iv_offset, in whatever units the path
  /// counts. What is beyond CipherSpec::iv_bytes() becomes 0.
  virtual void generate(std::uint64_t sector, Iv& iv) = 0;

  /// nullptr for ecb, which has no IV. Throws CipherSpecError if ESSIV's hash is no key.
  static std::unique_ptr<IvGenerator> make(kernel::Kernel& kernel, const CipherSpec& spec,
                                           std::span<const std::uint8_t> key,
                                           const DmCryptCosts& costs,
                                           const driver::CipherCosts& cipher_costs,
                                           EssivSalt salt = EssivSalt::cut);
};

}  // namespace cesasim::dmcrypt
