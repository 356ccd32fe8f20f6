// SPDX-License-Identifier: Apache-2.0
// dm-crypt's cipher string: "cipher-chainmode-ivmode[:ivopts]", as dmsetup takes it.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cesasim::dmcrypt {

/// A cipher string, key or table line that crypt_ctr refuses; what() reads "PROBLEM; valid: VALID".
class CipherSpecError : public std::invalid_argument {
 public:
  /// `field`: what is at fault: a word of the table line by dmsetup's name ("cipher", "key",
  /// "iv_offset", an option), a member of PathSettings, or "path" or "driver".
  CipherSpecError(std::string field, std::string problem, std::string valid = "")
      : invalid_argument(valid.empty() ? problem : problem + "; valid: " + valid),
        field_(std::move(field)),
        problem_(std::move(problem)),
        valid_(std::move(valid)) {}

  const std::string& field() const { return field_; }
  const std::string& problem() const { return problem_; }
  const std::string& valid() const { return valid_; }

 private:
  std::string field_, problem_, valid_;
};

/// A word of the input in quotes, as error messages show it: printable and not endless.
std::string quote(std::string_view word);

struct CipherSpec {
  std::string cipher;     ///< "aes", "des", "des3_ede"
  std::string chainmode;  ///< "cbc", "ecb", "xts" (AES only)
  std::string ivmode;     ///< "plain", "plain64", "plain64be", "essiv", "benbi", "null"; ecb: none
  std::string ivopts;     ///< essiv: the hash, by its name in OpenSSL

  /// Parses as crypt_ctr does: "aes" and "aes-plain" mean aes-cbc-plain (compatibility of
  /// 2.6.12). Throws CipherSpecError.
  static CipherSpec parse(std::string_view text);
  std::string str() const;

  /// Bytes of a cipher block: 16 for AES, 8 for DES and 3DES.
  std::uint32_t block_bytes() const { return cipher == "aes" ? 16 : 8; }
  /// dm-crypt's iv_size: the cipher's IV, at least 8 bytes; 0 without an IV (ecb).
  std::uint32_t iv_bytes() const { return chainmode == "ecb" ? 0 : block_bytes(); }
  /// The key lengths that cipher and mode take.
  std::vector<std::uint32_t> key_bits() const;
};

/// The volume key from hexadecimal digits; checks that it is one that the cipher takes. Throws
/// CipherSpecError.
std::vector<std::uint8_t> parse_key(std::string_view hex, const CipherSpec& spec);

/// What becomes of an ESSIV hash longer than the cipher's keys: the patched dm-crypt of 2.6.12
/// cuts it to the longest key, later kernels use it whole or not at all.
enum class EssivSalt { cut, whole };

/// The key of the ESSIV cipher: the hash of the volume key. Throws CipherSpecError if it is no key
/// of the cipher.
std::vector<std::uint8_t> essiv_salt(const CipherSpec& spec, std::span<const std::uint8_t> key,
                                     EssivSalt rule);

}  // namespace cesasim::dmcrypt
