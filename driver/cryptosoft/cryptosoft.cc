// SPDX-License-Identifier: Apache-2.0
#include "driver/cryptosoft/cryptosoft.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "hw_model/common/fault.h"

namespace cesasim::driver {

Cryptosoft::Cryptosoft(kernel::Kernel& kernel, CryptoCore& crypto, const DriverCosts& costs,
                       const CipherCosts& cipher_costs)
    : KnownDriver("cryptosoft"),
      kernel_(kernel),
      crypto_(crypto),
      costs_(costs),
      cipher_costs_(cipher_costs) {
  sessions_.emplace_back();
  const std::uint32_t id =
      crypto_.crypto_get_driverid(CRYPTOCAP_F_SOFTWARE | CRYPTOCAP_F_SYNC, *this);
  for (const Alg alg : {Alg::des_cbc, Alg::des3_cbc, Alg::aes_cbc}) {
    crypto_.crypto_register(id, alg);
  }
}

int Cryptosoft::newsession(std::uint32_t* lid, const CryptoIni& cri) {
  if (cri.cri_key.size() * 8 != cri.cri_klen) return EINVAL;
  Session session;
  session.alg = cri.cri_alg;
  Cipher cipher;
  switch (cri.cri_alg) {
    case Alg::des_cbc:
      cipher = Cipher::des;
      break;
    case Alg::des3_cbc:
      cipher = Cipher::des3;
      break;
    case Alg::aes_cbc:
      cipher = Cipher::aes;
      break;
    default:
      return EINVAL;
  }
  try {
    session.tfm =
        std::make_unique<CryptoTfm>(kernel_, cipher_costs_, cipher, CipherMode::cbc, cri.cri_key);
  } catch (const std::invalid_argument&) {
    return EINVAL;  // setkey's answer to a length that the cipher does not take
  }
  const auto free = std::find_if(sessions_.begin() + 1, sessions_.end(),
                                 [](const Session& s) { return s.alg == Alg::none; });
  *lid = static_cast<std::uint32_t>(free - sessions_.begin());
  if (free == sessions_.end()) sessions_.emplace_back();
  sessions_[*lid] = std::move(session);
  return 0;
}

int Cryptosoft::freesession(std::uint32_t lid) {
  if (lid == 0 || lid >= sessions_.size() || !sessions_[lid].tfm) return ENOENT;
  sessions_[lid] = Session{};
  return 0;
}

int Cryptosoft::swcr_encdec(CryptoRequest& crp) {
  const std::uint32_t lid = crypto_sid_lid(crp.crp_sid);
  const CryptoDesc& crd = crp.crp_desc;
  if (lid == 0 || lid >= sessions_.size() || !sessions_[lid].tfm) return ENOENT;
  CryptoTfm& tfm = *sessions_[lid].tfm;
  const std::uint32_t block = tfm.block_bytes();
  if (crp.crp_buf == 0 || crd.crd_alg != sessions_[lid].alg || crd.crd_len < block) return EINVAL;
  if (kernel_.fault(hw::FaultKind::engine_error)) return EIO;

  const hw::PhysAddr out_buf = crp.crp_out_buf != 0 ? crp.crp_out_buf : crp.crp_buf;
  const bool encrypt = (crd.crd_flags & CRD_F_ENCRYPT) != 0;
  std::array<std::uint8_t, kMaxBlockLen> iv = crd.crd_iv;
  if ((crd.crd_flags & CRD_F_IV_EXPLICIT) == 0) {
    if (encrypt) {
      std::generate(iv.begin(), iv.end(), [this] { return static_cast<std::uint8_t>(random_()); });
    } else {
      std::memcpy(iv.data(), kernel_.cpu_read(crp.crp_buf + crd.crd_inject, block), block);
    }
  }
  if (encrypt && (crd.crd_flags & CRD_F_IV_PRESENT) == 0) {
    std::memcpy(kernel_.cpu_write(out_buf + crd.crd_inject, block), iv.data(), block);
  }
  const std::uint8_t* in = kernel_.cpu_read(crp.crp_buf + crd.crd_skip, crd.crd_len);
  std::uint8_t* out = kernel_.cpu_write(out_buf + crd.crd_skip, crd.crd_len);
  return -(encrypt ? tfm.encrypt(out, in, crd.crd_len, iv.data())
                   : tfm.decrypt(out, in, crd.crd_len, iv.data()));
}

int Cryptosoft::process(CryptoRequest* crp, int) {
  kernel_.charge(kernel::Activity::driver, costs_.cryptosoft_request);
  ++stats_.requests;
  crp->crp_etype = swcr_encdec(*crp);
  kernel_.trace(kernel::TraceEvent::ciphered, crp->crp_id);
  if (crp->crp_etype != 0) ++stats_.failed;
  crypto_.crypto_done(crp);
  return 0;
}

}  // namespace cesasim::driver
