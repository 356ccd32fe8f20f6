// dm-crypt's transformation of one sector, written a second time straight over OpenSSL's
// one-shot interface: the judge of what the simulated stack left on the disk. It shares no code
// with the data paths, the drivers or the device.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cesasim::study {

class ReferenceCipher {
 public:
  /// `cipher` as dm-crypt's table has it: aes-cbc-plain or aes-cbc-essiv:HASH. Throws
  /// std::invalid_argument for anything else.
  ReferenceCipher(const std::string& cipher, std::vector<std::uint8_t> key,
                  std::uint64_t iv_offset);

  /// Decrypts one 512-byte sector; `sector` counts from the start of the mapping.
  void decrypt(std::uint64_t sector, const std::uint8_t* in, std::uint8_t* out) const;
  void encrypt(std::uint64_t sector, const std::uint8_t* in, std::uint8_t* out) const;

 private:
  void crypt(bool encrypt, std::uint64_t sector, const std::uint8_t* in, std::uint8_t* out) const;
  std::vector<std::uint8_t> key_;
  std::vector<std::uint8_t> essiv_salt_;  // empty: plain
  std::uint64_t iv_offset_;
};

}  // namespace cesasim::study
