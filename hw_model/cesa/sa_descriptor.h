// SPDX-License-Identifier: Apache-2.0
// The accelerator's descriptor: eight little-endian words in SRAM.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace cesasim::hw {

enum class SaOperation : std::uint8_t {
  mac = 0,
  cipher = 1,
  mac_then_cipher = 2,
  cipher_then_mac = 3
};
enum class SaCipher : std::uint8_t { none = 0, des = 1, des3 = 2, aes = 3 };
enum class SaMac : std::uint8_t {
  none = 0,
  sha256 = 1,
  hmac_sha256 = 3,
  md5 = 4,
  sha1 = 5,
  hmac_md5 = 6,
  hmac_sha1 = 7
};
enum class SaFragment : std::uint8_t { whole = 0, first = 1, last = 2, middle = 3 };

struct SaDescriptor {
  static constexpr std::uint32_t kBytes = 32;
  /// Bits of the configuration word that are documented.
  static constexpr std::uint32_t kConfigBits = 0xC31113F3;

  std::uint32_t config = 0;
  SaOperation operation = SaOperation::mac;
  std::uint8_t mac_code = 0;  ///< an SaMac, or an undocumented code
  bool mac_96 = false;
  SaCipher cipher = SaCipher::none;
  bool decrypt = false;
  bool cbc = false;
  bool des3_ede = false;
  std::uint8_t aes_key_code = 0;  ///< 0, 1, 2 = 128, 192, 256 bits; 3 is undocumented
  SaFragment fragment = SaFragment::whole;

  // Offsets in the SRAM and lengths, bytes.
  std::uint32_t cipher_src = 0;
  std::uint32_t cipher_dst = 0;
  std::uint32_t cipher_len = 0;
  std::uint32_t key = 0;
  std::uint32_t iv = 0;
  std::uint32_t iv_buffer = 0;
  std::uint32_t mac_src = 0;
  std::uint32_t mac_total_len = 0;
  std::uint32_t digest = 0;
  std::uint32_t mac_len = 0;
  std::uint32_t inner_state = 0;
  std::uint32_t outer_state = 0;

  static SaDescriptor decode(std::span<const std::uint8_t, kBytes> bytes);
  std::uint32_t aes_key_bytes() const { return 16 + 8u * aes_key_code; }
  /// Bytes of the cipher's key, whichever cipher it is.
  std::uint32_t key_bytes() const;
  bool has_cipher() const { return operation != SaOperation::mac; }
  bool has_mac() const { return operation != SaOperation::cipher; }
  /// The hash beneath the MAC: md5, sha1, sha256, or none for a code that is not documented.
  SaMac hash() const;
  bool hmac() const;
  /// For reports: "AES-128-CBC encrypt", "HMAC-SHA-1", ...
  std::string algorithm_name() const;
};

/// The fields of a configuration word, for whoever builds descriptors:
/// `SaConfig{.operation = SaOperation::mac, .mac = SaMac::sha1}.word()`.
struct SaConfig {
  SaOperation operation = SaOperation::cipher;
  SaCipher cipher = SaCipher::none;
  std::uint32_t aes_key_bytes = 16;  ///< 16, 24 or 32
  bool des3_ede = true;              ///< 3DES: EDE, else EEE
  bool cbc = false;
  bool decrypt = false;
  SaMac mac = SaMac::none;
  bool mac_96 = false;  ///< only the first 96 bits of the digest
  SaFragment fragment = SaFragment::whole;

  constexpr std::uint32_t word() const {
    const auto field = [](auto value, unsigned at) {
      return static_cast<std::uint32_t>(value) << at;
    };
    return field(operation, 0) | field(mac, 4) | field(mac_96, 7) | field(cipher, 8) |
           field(decrypt, 12) | field(cbc, 16) | field(cipher == SaCipher::des3 && des3_ede, 20) |
           field(cipher == SaCipher::aes ? (aes_key_bytes - 16) / 8 : 0, 24) | field(fragment, 30);
  }
};

/// Configuration word of an AES operation without a MAC.
constexpr std::uint32_t sa_aes_config(std::uint32_t key_bytes, bool cbc, bool decrypt) {
  return SaConfig{
      .cipher = SaCipher::aes, .aes_key_bytes = key_bytes, .cbc = cbc, .decrypt = decrypt}
      .word();
}

/// Configuration word of a fragment of a hash or HMAC without a cipher.
constexpr std::uint32_t sa_mac_config(SaMac mac, SaFragment fragment = SaFragment::whole) {
  return SaConfig{.operation = SaOperation::mac, .mac = mac, .fragment = fragment}.word();
}

}  // namespace cesasim::hw
