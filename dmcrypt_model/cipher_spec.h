// dm-crypt's cipher string: "cipher-chainmode-ivmode[:ivopts]", as dmsetup takes it.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace cesasim::dmcrypt {

/// A cipher string or key that crypt_ctr refuses; what() says why and what would be valid.
struct CipherSpecError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

struct CipherSpec {
  std::string cipher;     ///< "aes"
  std::string chainmode;  ///< "cbc"
  std::string ivmode;     ///< "plain", "essiv"
  std::string ivopts;     ///< essiv: the hash

  /// Parses as crypt_ctr does: "aes" and "aes-plain" mean aes-cbc-plain (compatibility of
  /// 2.6.12). Throws CipherSpecError.
  static CipherSpec parse(std::string_view text);
  std::string str() const;
};

/// The volume key from hexadecimal digits; checks length and the key sizes the cipher takes
/// (16, 24, 32 bytes). Throws CipherSpecError.
std::vector<std::uint8_t> parse_key(std::string_view hex, const CipherSpec& spec);

}  // namespace cesasim::dmcrypt
