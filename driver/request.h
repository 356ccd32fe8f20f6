// SPDX-License-Identifier: Apache-2.0
// What a crypto driver is asked to do: sessions and requests, below OCF and the kernel's cipher
// API, which both hand them to the same drivers. Names are OCF's (cryptodev.h of ocf-linux,
// 2005-2010), for whose drivers they were made.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "hw_model/common/units.h"

namespace cesasim::driver {

/// The algorithms of dm-crypt that OCF knows (CRYPTO_DES_CBC, CRYPTO_3DES_CBC, CRYPTO_AES_CBC), and
/// those that only the kernel's cipher API asks for: OCF has no ECB and no XTS.
enum class Alg : std::uint8_t {
  none,
  des_cbc,
  des3_cbc,
  aes_cbc,
  des_ecb,
  des3_ecb,
  aes_ecb,
  aes_xts,
  count
};
constexpr bool alg_is_aes(Alg alg) {
  return alg == Alg::aes_cbc || alg == Alg::aes_ecb || alg == Alg::aes_xts;
}
constexpr bool alg_is_ecb(Alg alg) {
  return alg == Alg::des_ecb || alg == Alg::des3_ecb || alg == Alg::aes_ecb;
}
/// Bytes of a cipher block: 8 for DES and 3DES, 16 for AES.
constexpr std::uint32_t alg_block_bytes(Alg alg) { return alg_is_aes(alg) ? 16 : 8; }
/// Bytes of the IV: none in ECB, else one block (in XTS the tweak before its encryption).
constexpr std::uint32_t alg_iv_bytes(Alg alg) { return alg_is_ecb(alg) ? 0 : alg_block_bytes(alg); }
/// Whether a key of so many bits (parity bits included; in XTS both keys) is one of the cipher.
constexpr bool alg_takes_key(Alg alg, std::uint32_t bits) {
  switch (alg) {
    case Alg::aes_cbc:
    case Alg::aes_ecb:
      return bits == 128 || bits == 192 || bits == 256;
    case Alg::aes_xts:  // IEEE 1619 has no AES-192
      return bits == 256 || bits == 512;
    case Alg::des_cbc:
    case Alg::des_ecb:
      return bits == 64;
    case Alg::des3_cbc:
    case Alg::des3_ecb:
      return bits == 192;
    default:
      return false;
  }
}

enum : std::uint32_t {
  CRD_F_ENCRYPT = 0x01,
  CRD_F_IV_PRESENT = 0x02,   ///< the IV is not to be written into the buffer
  CRD_F_IV_EXPLICIT = 0x04,  ///< use crd_iv
};

enum : std::uint32_t {
  CRYPTO_F_DONE = 0x20,  ///< in crp_flags: set by crypto_done
};

inline constexpr std::uint32_t kMaxBlockLen = 16;

/// struct cryptoini: what a session is made of. Key length in bits.
struct CryptoIni {
  Alg cri_alg = Alg::none;
  std::uint32_t cri_klen = 0;
  std::span<const std::uint8_t> cri_key;

  /// The key is there, and the cipher takes one of its length.
  bool valid() const { return cri_key.size() * 8 == cri_klen && alg_takes_key(cri_alg, cri_klen); }
};

/// struct cryptodesc: one algorithm step over [crd_skip, crd_skip + crd_len) of the buffer.
struct CryptoDesc {
  std::uint32_t crd_skip = 0;
  std::uint32_t crd_len = 0;
  std::uint32_t crd_inject = 0;
  std::uint32_t crd_flags = 0;
  Alg crd_alg = Alg::none;
  std::uint32_t crd_klen = 0;             ///< bits
  std::span<const std::uint8_t> crd_key;  ///< for a new session when the driver has gone
  std::array<std::uint8_t, kMaxBlockLen> crd_iv{};
};

/// One request over one contiguous buffer of the modelled DRAM. In place, unless crp_out_buf names
/// another buffer: an extension (a late vendor tree has it for one driver) that only drivers with
/// out_of_place() take. Whoever asks derives from it: a driver passes on what it was given.
struct CryptoRequest {
  std::uint64_t crp_sid = 0;  ///< bits 0-31 driver's local id, 32-55 driver slot, 56-63 caps
  int crp_etype = 0;          ///< 0 or errno, valid in the callback
  std::uint32_t crp_flags = 0;
  hw::PhysAddr crp_buf = 0;
  hw::PhysAddr crp_out_buf = 0;  ///< 0: the result goes to crp_buf
  CryptoDesc crp_desc;
  std::uint64_t crp_id = 0;  ///< for tracers: Bio::id of what it is a part of; 0: nobody's
};

inline std::uint32_t crypto_sid_lid(std::uint64_t sid) { return static_cast<std::uint32_t>(sid); }
inline std::uint32_t crypto_sid_hid(std::uint64_t sid) {
  return static_cast<std::uint32_t>(sid >> 32) & 0xffffff;
}
inline std::uint32_t crypto_sid_caps(std::uint64_t sid) {
  return static_cast<std::uint32_t>(sid >> 56);
}

}  // namespace cesasim::driver
