// SPDX-License-Identifier: Apache-2.0
#include "hw_model/cesa/sa_descriptor.h"

#include "hw_model/common/little_endian.h"

namespace cesasim::hw {

SaDescriptor SaDescriptor::decode(std::span<const std::uint8_t, kBytes> bytes) {
  const auto word = [&](unsigned i) { return load_le32(&bytes[4 * i]); };
  const auto low = [&](unsigned i) { return word(i) & 0xFFFF; };
  const auto high = [&](unsigned i) { return word(i) >> 16; };
  const std::uint32_t w0 = word(0);
  SaDescriptor d;
  d.config = w0;
  d.operation = static_cast<SaOperation>(w0 & 3);
  d.mac_code = static_cast<std::uint8_t>((w0 >> 4) & 7);
  d.mac_96 = (w0 >> 7) & 1;
  d.cipher = static_cast<SaCipher>((w0 >> 8) & 3);
  d.decrypt = (w0 >> 12) & 1;
  d.cbc = (w0 >> 16) & 1;
  d.des3_ede = (w0 >> 20) & 1;
  d.aes_key_code = static_cast<std::uint8_t>((w0 >> 24) & 3);
  d.fragment = static_cast<SaFragment>(w0 >> 30);
  d.cipher_src = low(1);
  d.cipher_dst = high(1);
  d.cipher_len = low(2);
  d.key = low(3);
  d.iv = low(4);
  d.iv_buffer = high(4);
  d.mac_src = low(5);
  d.mac_total_len = high(5);
  d.digest = low(6);
  d.mac_len = high(6);
  d.inner_state = low(7);
  d.outer_state = high(7);
  return d;
}

std::uint32_t SaDescriptor::key_bytes() const {
  switch (cipher) {
    case SaCipher::none:
      return 0;
    case SaCipher::des:
      return 8;
    case SaCipher::des3:
      return 24;
    case SaCipher::aes:
      return aes_key_bytes();
  }
  return 0;
}

SaMac SaDescriptor::hash() const {
  switch (static_cast<SaMac>(mac_code)) {
    case SaMac::md5:
    case SaMac::hmac_md5:
      return SaMac::md5;
    case SaMac::sha1:
    case SaMac::hmac_sha1:
      return SaMac::sha1;
    case SaMac::sha256:
    case SaMac::hmac_sha256:
      return SaMac::sha256;
    case SaMac::none:
      break;
  }
  return SaMac::none;
}

bool SaDescriptor::hmac() const {
  const auto mac = static_cast<SaMac>(mac_code);
  return mac == SaMac::hmac_md5 || mac == SaMac::hmac_sha1 || mac == SaMac::hmac_sha256;
}

std::string SaDescriptor::algorithm_name() const {
  static constexpr const char* kMacs[] = {"no MAC", "SHA-256", "MAC code 2", "HMAC-SHA-256",
                                          "MD5",    "SHA-1",   "HMAC-MD5",   "HMAC-SHA-1"};
  std::string name;
  if (has_cipher()) {
    switch (cipher) {
      case SaCipher::none:
        name = "no cipher";
        break;
      case SaCipher::des:
        name = "DES";
        break;
      case SaCipher::des3:
        name = des3_ede ? "3DES-EDE" : "3DES-EEE";
        break;
      case SaCipher::aes:
        name = aes_key_code < 3 ? "AES-" + std::to_string(8 * aes_key_bytes()) : "AES key code 3";
        break;
    }
    if (cipher != SaCipher::none) {
      name += cbc ? "-CBC" : "-ECB";
      name += decrypt ? " decrypt" : " encrypt";
    }
  }
  if (has_mac()) {
    if (!name.empty()) name += operation == SaOperation::mac_then_cipher ? " after " : " then ";
    name += kMacs[mac_code];
    if (mac_96) name += "-96";
  }
  return name;
}

}  // namespace cesasim::hw
