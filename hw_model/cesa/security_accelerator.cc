// SPDX-License-Identifier: Apache-2.0
#include "hw_model/cesa/security_accelerator.h"

#include <array>
#include <cstdio>
#include <cstring>

#include "base/text/hex.h"

namespace cesasim::hw {
namespace {

/// A part of the SRAM that the operation reads or writes.
struct Area {
  const char* name;
  std::uint32_t offset;
  std::uint32_t bytes;  // 0 = not used
};

bool usable(const Area& a, std::size_t sram_bytes) {
  return a.bytes == 0 || (a.offset % 4 == 0 && a.offset + a.bytes <= sram_bytes);
}

/// Why the area is not usable.
std::string area_objection(const Area& a) {
  if (a.offset % 4 != 0) {
    return std::string(a.name) + " offset " + hex(a.offset) + " is not aligned to 4";
  }
  return std::string(a.name) + " at " + hex(a.offset) + ", " + std::to_string(a.bytes) +
         " bytes, lies outside the SRAM";
}

CipherAlgorithm algorithm(const SaDescriptor& d) {
  if (d.cipher == SaCipher::aes) return CipherAlgorithm::aes;
  if (d.cipher == SaCipher::des) return CipherAlgorithm::des;
  return d.des3_ede ? CipherAlgorithm::des3_ede : CipherAlgorithm::des3_eee;
}

bool starts(const SaDescriptor& d) {
  return d.fragment == SaFragment::whole || d.fragment == SaFragment::first;
}
bool ends(const SaDescriptor& d) {
  return d.fragment == SaFragment::whole || d.fragment == SaFragment::last;
}

// Marvell's HAL and NetBSD's mvxpsec let the IV buffer point at the packet's IV field: an
// encryption takes its IV from the IV pointer alone and leaves it in the packet, a decryption
// takes it from the packet. In later fragments the HAL's IV buffer is "don't care" and points
// into the data, so these can touch the IV pointer only, and what they find there the fragment
// before has left. With equal offsets, as the Linux drivers have them, there is no difference.
std::uint32_t iv_offset(const SaDescriptor& d) {
  return starts(d) && d.decrypt ? d.iv_buffer : d.iv;
}

std::uint32_t digest_bytes(const SaDescriptor& d) {
  return d.mac_96 ? 12 : 4 * mac_words(d.hash());
}
/// A start that decodes clears the digest's place, an end writes the digest there.
bool uses_digest(const SaDescriptor& d) { return ends(d) || (starts(d) && d.decrypt); }

MacRun mac_run(const SaDescriptor& d, const std::uint8_t* sram) {
  return {.hash = d.hash(),
          .hmac = d.hmac(),
          .fragment = d.fragment,
          .data = sram + d.mac_src,
          .bytes = d.mac_len,
          .total_bytes = d.mac_total_len,
          .inner = d.hmac() && starts(d) ? sram + d.inner_state : nullptr,
          .outer = d.hmac() && ends(d) ? sram + d.outer_state : nullptr};
}

}  // namespace

std::string SecurityAccelerator::objection(const SaDescriptor& d,
                                           std::span<const std::uint8_t> sram) const {
  if (d.config & ~SaDescriptor::kConfigBits) return "undocumented configuration bits";
  if (d.has_cipher()) {
    if (d.cipher == SaCipher::none) return "a cipher operation without a cipher";
    if (d.cipher == SaCipher::aes && d.aes_key_code > 2) return "AES key size code 3";
    const std::uint32_t block = cipher_block_bytes(algorithm(d));
    if (d.cipher_len == 0 || d.cipher_len % block != 0) {
      return "cipher length " + std::to_string(d.cipher_len) + " is not a positive multiple of " +
             std::to_string(block);
    }
    const std::uint32_t iv = d.cbc ? block : 0;
    for (const Area& a :
         {Area{"source", d.cipher_src, d.cipher_len},
          Area{"destination", d.cipher_dst, d.cipher_len}, Area{"key", d.key, d.key_bytes()},
          Area{"IV", d.iv, iv}, Area{"IV buffer", d.iv_buffer, starts(d) ? iv : 0}}) {
      if (!usable(a, sram.size())) return area_objection(a);
    }
  }
  if (d.has_mac()) {
    if (d.mac_code == 0) return "a MAC operation without a MAC";
    if (d.hash() == SaMac::none) return "an undocumented MAC code";
    if (d.hash() == SaMac::sha256 && !options_.sha256) {
      return "SHA-256 in a unit that does not know it";
    }
    const std::uint32_t state = d.hmac() ? 4 * mac_words(d.hash()) : 0;
    for (const Area& a : {Area{"MAC source", d.mac_src, d.mac_len},
                          Area{"digest", d.digest, uses_digest(d) ? digest_bytes(d) : 0},
                          Area{"inner HMAC state", d.inner_state, starts(d) ? state : 0},
                          Area{"outer HMAC state", d.outer_state, ends(d) ? state : 0}}) {
      if (!usable(a, sram.size())) return area_objection(a);
    }
    if (auto why = mac_.refusal(mac_run(d, sram.data())); !why.empty()) return why;
  }
  // Cipher and MAC of a fragment advance together, block by block (a rule of Marvell's HAL).
  if (d.has_cipher() && d.has_mac() && d.fragment != SaFragment::whole) {
    const std::uint32_t block = cipher_block_bytes(algorithm(d));
    if ((d.cipher_src - d.mac_src) % block != 0) {
      return "in a fragment, cipher source " + hex(d.cipher_src) + " and MAC source " +
             hex(d.mac_src) + " are not a multiple of " + std::to_string(block) + " apart";
    }
  }
  return {};
}

SaResult SecurityAccelerator::run(std::span<std::uint8_t> sram, std::uint32_t descriptor_offset,
                                  MacWords ivdig) {
  if (descriptor_offset + SaDescriptor::kBytes > sram.size()) {
    return {.status = SaStatus::guest_error,
            .report = "accelerator: DESC_P0 " + hex(descriptor_offset) + " lies outside the SRAM"};
  }
  const auto d =
      SaDescriptor::decode(sram.subspan(descriptor_offset).first<SaDescriptor::kBytes>());
  if (const std::string why = objection(d, sram); !why.empty()) {
    char config[48];
    std::snprintf(config, sizeof config, " (descriptor word 0 is 0x%08x: ", d.config);
    return {.status = SaStatus::guest_error,
            .report = "accelerator: " + why + config + d.algorithm_name() + ")"};
  }
  SaResult result;
  std::uint8_t* const base = sram.data();
  switch (d.operation) {
    case SaOperation::mac:
      run_mac(d, base, ivdig, result);
      break;
    case SaOperation::cipher:
      run_cipher(d, base, result);
      break;
    case SaOperation::mac_then_cipher:
      run_mac(d, base, ivdig, result);
      run_cipher(d, base, result);
      break;
    case SaOperation::cipher_then_mac:
      run_cipher(d, base, result);
      run_mac(d, base, ivdig, result);
      break;
  }
  return result;
}

void SecurityAccelerator::run_cipher(const SaDescriptor& d, std::uint8_t* sram, SaResult& result) {
  const std::uint32_t block = cipher_block_bytes(algorithm(d));
  if (d.cbc && starts(d) && !d.decrypt) std::memmove(sram + d.iv_buffer, sram + d.iv, block);
  ciphers_.run({.algorithm = algorithm(d),
                .key = sram + d.key,
                .key_bytes = d.key_bytes(),
                .cbc = d.cbc,
                .decrypt = d.decrypt,
                .iv = d.cbc ? sram + iv_offset(d) : nullptr,
                .next_iv = d.cbc ? sram + d.iv : nullptr,
                .src = sram + d.cipher_src,
                .dst = sram + d.cipher_dst,
                .bytes = d.cipher_len});
  result.cipher = d.cipher;
  result.key_bytes = d.key_bytes();
  result.cipher_bytes = d.cipher_len;
  result.cipher_blocks = d.cipher_len / block;
}

void SecurityAccelerator::run_mac(const SaDescriptor& d, std::uint8_t* sram, MacWords ivdig,
                                  SaResult& result) {
  std::uint8_t* const place = sram + d.digest;
  const std::uint32_t bytes = digest_bytes(d);
  std::array<std::uint8_t, 32> expected{};
  if (d.decrypt && ends(d)) std::memcpy(expected.data(), place, bytes);
  if (d.decrypt && starts(d)) std::memset(place, 0, bytes);
  result.mac = d.hash();
  result.mac_bytes = d.mac_len;
  result.mac_blocks = mac_.run(mac_run(d, sram), ivdig);
  if (!ends(d)) return;
  std::array<std::uint8_t, 32> digest{};
  mac_store_digest(d.hash(), ivdig, digest.data());
  result.digest_mismatch = d.decrypt && std::memcmp(expected.data(), digest.data(), bytes) != 0;
  std::memcpy(place, digest.data(), bytes);
}

}  // namespace cesasim::hw
