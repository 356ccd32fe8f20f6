// SPDX-License-Identifier: Apache-2.0
// The cipher sessions of a CESA driver: configuration word and keys, as the drivers that use the
// Linux layout of the SRAM keep them.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <span>

#include "driver/request.h"
#include "hw_model/cesa/sa_descriptor.h"
#include "hw_model/common/aes_key_schedule.h"

namespace cesasim::driver {

struct CesaSession {
  bool used = false;
  Alg alg = Alg::none;
  std::uint32_t config = 0;  ///< SA configuration word of an encryption
  std::array<std::uint8_t, 32> key_enc{};
  std::array<std::uint8_t, 32> key_dec{};  ///< AES: the decrypt start key
};

/// What the unit has; XTS is not among it.
inline constexpr Alg kCesaAlgs[] = {Alg::des_cbc, Alg::des3_cbc, Alg::aes_cbc,
                                    Alg::des_ecb, Alg::des3_ecb, Alg::aes_ecb};

/// What a decryption adds to CesaSession::config.
inline constexpr std::uint32_t kSaDecrypt =
    hw::SaConfig{.operation = hw::SaOperation::mac, .decrypt = true}.word();

/// 0, or EINVAL for an algorithm or key length that the unit does not take.
inline int make_cesa_session(const CryptoIni& cri, CesaSession& session) {
  if (!cri.valid()) return EINVAL;
  hw::SaConfig config{.cbc = !alg_is_ecb(cri.cri_alg)};
  switch (cri.cri_alg) {
    case Alg::aes_cbc:
    case Alg::aes_ecb:
      config.cipher = hw::SaCipher::aes;
      config.aes_key_bytes = cri.cri_klen / 8;
      break;
    case Alg::des_cbc:
    case Alg::des_ecb:
      config.cipher = hw::SaCipher::des;
      break;
    case Alg::des3_cbc:
    case Alg::des3_ecb:
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
  session.key_dec = session.key_enc;
  if (alg_is_aes(cri.cri_alg)) {
    // The engine does not expand the key by itself.
    hw::aes_decrypt_start_from_key(cri.cri_key,
                                   std::span(session.key_dec).first(cri.cri_key.size()));
  }
  return 0;
}

/// The sessions of a driver by their local ids, which are not used twice; 0 is none.
class CesaSessions {
 public:
  /// As CryptoDriver::newsession.
  int open(std::uint32_t* lid, const CryptoIni& cri) {
    CesaSession session;
    if (const int error = make_cesa_session(cri, session)) return error;
    sessions_.push_back(session);
    *lid = static_cast<std::uint32_t>(sessions_.size());
    return 0;
  }
  /// As CryptoDriver::freesession.
  int close(std::uint32_t lid) {
    if (lid == 0 || lid > sessions_.size() || !sessions_[lid - 1].used) return ENOENT;
    sessions_[lid - 1].used = false;
    return 0;
  }
  /// A session that was opened, closed since or not. Stays where it is.
  const CesaSession& at(std::uint32_t lid) const { return sessions_.at(lid - 1); }
  /// The session of a request that the unit can do, else nullptr.
  const CesaSession* of(const CryptoRequest& crp) const {
    const std::uint32_t lid = crypto_sid_lid(crp.crp_sid);
    if (lid == 0 || lid > sessions_.size() || !sessions_[lid - 1].used) return nullptr;
    const CesaSession& session = sessions_[lid - 1];
    const CryptoDesc& crd = crp.crp_desc;
    const bool fits = crd.crd_alg == session.alg && crd.crd_len != 0 &&
                      crd.crd_len % alg_block_bytes(session.alg) == 0 && crp.crp_buf != 0;
    return fits ? &session : nullptr;
  }

 private:
  std::deque<CesaSession> sessions_;
};

}  // namespace cesasim::driver
