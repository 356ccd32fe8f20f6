// SPDX-License-Identifier: Apache-2.0
// dm-crypt's transformation of one encryption unit, written a second time straight over
// OpenSSL's one-shot interface: the judge of what the simulated stack left on the disk. It shares
// no code with the data paths, the drivers or the device.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

struct evp_cipher_st;

namespace cesasim {

class ReferenceCipher {
 public:
  /// `cipher` as dm-crypt's table has it: aes, des or des3_ede in CBC or ECB, aes in XTS, with
  /// the IVs plain, plain64, plain64be, essiv:HASH, benbi and null; or "none": out is in.
  /// `unit_bytes` is sector_size.
  /// Throws std::invalid_argument for anything else.
  ReferenceCipher(const std::string& cipher, std::vector<std::uint8_t> key, std::uint64_t iv_offset,
                  std::uint32_t unit_bytes = 512, bool iv_large_sectors = false);

  std::uint32_t unit_bytes() const { return unit_bytes_; }
  /// Decrypts one unit; `sector` (512 bytes each) counts from the start of the mapping.
  void decrypt(std::uint64_t sector, const std::uint8_t* in, std::uint8_t* out) const;
  void encrypt(std::uint64_t sector, const std::uint8_t* in, std::uint8_t* out) const;

 private:
  using Iv = std::array<std::uint8_t, 16>;
  void crypt(bool encrypt, std::uint64_t sector, const std::uint8_t* in, std::uint8_t* out) const;
  Iv iv_of(std::uint64_t sector) const;
  void xts(bool encrypt, Iv tweak, const std::uint8_t* in, std::uint8_t* out) const;

  bool none_ = false;
  const evp_cipher_st* cipher_ = nullptr;  // nullptr: XTS as OpenSSL does not have it
  const evp_cipher_st* essiv_cipher_ = nullptr;
  std::string iv_mode_;
  std::vector<std::uint8_t> key_;  // as OpenSSL takes it
  std::vector<std::uint8_t> essiv_key_;
  std::uint32_t block_bytes_ = 16;
  std::uint64_t iv_offset_;
  std::uint32_t unit_bytes_;
  bool iv_large_sectors_;
};

}  // namespace cesasim
