#include "hw_model/cesa/security_accelerator.h"

#include <cstdio>

namespace cesasim::hw {
namespace {

SaResult refuse(SaStatus status, const SaDescriptor& d, const std::string& why) {
  char config[48];
  std::snprintf(config, sizeof config, " (descriptor word 0 is 0x%08x: ", d.config);
  return {.status = status, .report = "accelerator: " + why + config + d.algorithm_name() + ")"};
}

std::string hex(std::uint32_t v) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%x", v);
  return text;
}

/// Why an area of the SRAM cannot be used, or null.
struct Area {
  const char* name;
  std::uint32_t offset;
  std::uint32_t bytes;
};

}  // namespace

SaResult SecurityAccelerator::run(std::span<std::uint8_t> sram, std::uint32_t descriptor_offset,
                                  std::span<std::uint32_t, 8> /*ivdig*/) {
  if (descriptor_offset + SaDescriptor::kBytes > sram.size()) {
    return {.status = SaStatus::guest_error,
            .report = "accelerator: DESC_P0 " + hex(descriptor_offset) + " lies outside the SRAM"};
  }
  const auto d =
      SaDescriptor::decode(sram.subspan(descriptor_offset).first<SaDescriptor::kBytes>());
  if (d.config & ~SaDescriptor::kConfigBits) {
    return refuse(SaStatus::guest_error, d, "undocumented configuration bits");
  }
  if (d.has_mac()) return refuse(SaStatus::unimplemented, d, "authentication is not modelled");
  if (d.cipher == SaCipher::none) {
    return refuse(SaStatus::guest_error, d, "a cipher operation without a cipher");
  }
  if (d.cipher != SaCipher::aes) return refuse(SaStatus::unimplemented, d, "DES is not modelled");
  if (d.aes_key_code > 2) return refuse(SaStatus::guest_error, d, "AES key size code 3");
  if (d.cipher_len == 0 || d.cipher_len % kAesBlockBytes != 0) {
    return refuse(
        SaStatus::guest_error, d,
        "cipher length " + std::to_string(d.cipher_len) + " is not a positive multiple of 16");
  }
  // The chaining value enters the first fragment at the IV pointer; later fragments find it
  // where the one before left it. With the two offsets equal, as the Linux drivers have them,
  // there is no difference.
  const bool later = d.fragment == SaFragment::middle || d.fragment == SaFragment::last;
  const std::uint32_t iv = later ? d.iv_buffer : d.iv;
  const Area areas[] = {{"source", d.cipher_src, d.cipher_len},
                        {"destination", d.cipher_dst, d.cipher_len},
                        {"key", d.key, d.aes_key_bytes()},
                        {"IV", iv, d.cbc ? kAesBlockBytes : 0},
                        {"IV buffer", d.iv_buffer, d.cbc ? kAesBlockBytes : 0}};
  for (const Area& a : areas) {
    if (a.bytes == 0) continue;
    if (a.offset % 4 != 0) {
      return refuse(SaStatus::guest_error, d,
                    std::string(a.name) + " offset " + hex(a.offset) + " is not aligned to 4");
    }
    if (a.offset + a.bytes > sram.size()) {
      return refuse(SaStatus::guest_error, d,
                    std::string(a.name) + " at " + hex(a.offset) + ", " + std::to_string(a.bytes) +
                        " bytes, lies outside the SRAM");
    }
  }
  std::uint8_t* const base = sram.data();
  ciphers_.run({.key = base + d.key,
                .key_bytes = d.aes_key_bytes(),
                .cbc = d.cbc,
                .decrypt = d.decrypt,
                .iv = d.cbc ? base + iv : nullptr,
                .next_iv = d.cbc ? base + d.iv_buffer : nullptr,
                .src = base + d.cipher_src,
                .dst = base + d.cipher_dst,
                .bytes = d.cipher_len});
  return {.cipher = d.cipher,
          .key_bytes = d.aes_key_bytes(),
          .cipher_bytes = d.cipher_len,
          .cipher_blocks = d.cipher_len / kAesBlockBytes};
}

}  // namespace cesasim::hw
