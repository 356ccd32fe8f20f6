// A cipher session of the CESA: configuration word and keys, as the drivers that use the Linux
// layout of the SRAM keep them.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "driver/cesa/aes_schedule.h"
#include "driver/ocf/cryptodev.h"
#include "hw_model/cesa/sa_descriptor.h"

namespace cesasim::driver {

struct CesaSession {
  bool used = false;
  Alg alg = Alg::none;
  std::uint32_t config = 0;  ///< SA configuration word of an encryption
  std::array<std::uint8_t, 32> key_enc{};
  std::array<std::uint8_t, 32> key_dec{};  ///< AES: the decrypt start key
};

/// What a decryption adds to CesaSession::config.
inline constexpr std::uint32_t kSaDecrypt =
    hw::SaConfig{.operation = hw::SaOperation::mac, .decrypt = true}.word();

/// 0, or EINVAL for an algorithm or key length that the unit does not take.
inline int make_cesa_session(const CryptoIni& cri, CesaSession& session) {
  if (cri.cri_key.size() * 8 != cri.cri_klen) return EINVAL;
  hw::SaConfig config{.cbc = true};
  switch (cri.cri_alg) {
    case Alg::aes_cbc:
      if (cri.cri_klen != 128 && cri.cri_klen != 192 && cri.cri_klen != 256) return EINVAL;
      config.cipher = hw::SaCipher::aes;
      config.aes_key_bytes = cri.cri_klen / 8;
      break;
    case Alg::des_cbc:
      if (cri.cri_klen != 64) return EINVAL;
      config.cipher = hw::SaCipher::des;
      break;
    case Alg::des3_cbc:
      if (cri.cri_klen != 192) return EINVAL;
      config.cipher = hw::SaCipher::des3;
      break;
    default:
      return EINVAL;
  }
  session = {};
  session.used = true;
  session.alg = cri.cri_alg;
  session.config = config.word();
  std::copy(cri.cri_key.begin(), cri.cri_key.end(), session.key_enc.begin());
  session.key_dec =
      cri.cri_alg == Alg::aes_cbc ? aes_decrypt_start_key(cri.cri_key) : session.key_enc;
  return 0;
}

}  // namespace cesasim::driver
