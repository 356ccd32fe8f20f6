#include "driver/cryptosoft/cryptosoft.h"

#include <cerrno>

namespace cesasim::driver {

Cryptosoft::Cryptosoft(kernel::Kernel& kernel, Crypto& crypto, const DriverCosts& costs,
                       const CipherCosts& cipher_costs)
    : kernel_(kernel), crypto_(crypto), costs_(costs), cipher_costs_(cipher_costs) {
  sessions_.emplace_back();
  const std::uint32_t id =
      crypto_.crypto_get_driverid(CRYPTOCAP_F_SOFTWARE | CRYPTOCAP_F_SYNC, *this);
  crypto_.crypto_register(id, Alg::aes_cbc);
}

int Cryptosoft::newsession(std::uint32_t* lid, const CryptoIni& cri) {
  if (cri.cri_alg != Alg::aes_cbc) return EINVAL;
  if (cri.cri_key.size() * 8 != cri.cri_klen) return EINVAL;
  if (cri.cri_klen != 128 && cri.cri_klen != 192 && cri.cri_klen != 256) return EINVAL;
  sessions_.push_back(
      std::make_unique<CryptoTfm>(kernel_, cipher_costs_, CipherMode::cbc, cri.cri_key));
  *lid = static_cast<std::uint32_t>(sessions_.size() - 1);
  return 0;
}

int Cryptosoft::freesession(std::uint32_t lid) {
  if (lid == 0 || lid >= sessions_.size() || !sessions_[lid]) return ENOENT;
  sessions_[lid].reset();
  return 0;
}

int Cryptosoft::process(Cryptop* crp, int) {
  kernel_.charge(kernel::Activity::driver, costs_.cryptosoft_request);
  const std::uint32_t lid = crypto_sid_lid(crp->crp_sid);
  const CryptoDesc& crd = crp->crp_desc;
  if (lid == 0 || lid >= sessions_.size() || !sessions_[lid]) {
    crp->crp_etype = ENOENT;
  } else if (crp->crp_buf == 0 || crd.crd_alg != Alg::aes_cbc || crd.crd_len < kMaxBlockLen) {
    crp->crp_etype = EINVAL;
  } else {
    CryptoTfm& tfm = *sessions_[lid];
    std::uint8_t* data = kernel_.cpu_update(crp->crp_buf + crd.crd_skip, crd.crd_len);
    // dm-crypt always sends explicit IVs; a request without one would take it from the buffer.
    const std::uint8_t* iv = (crd.crd_flags & CRD_F_IV_EXPLICIT) != 0
                                 ? crd.crd_iv.data()
                                 : kernel_.cpu_read(crp->crp_buf + crd.crd_inject, kMaxBlockLen);
    const int result = (crd.crd_flags & CRD_F_ENCRYPT) != 0
                           ? tfm.encrypt(data, data, crd.crd_len, iv)
                           : tfm.decrypt(data, data, crd.crd_len, iv);
    crp->crp_etype = -result;
  }
  crypto_.crypto_done(crp);
  return 0;
}

}  // namespace cesasim::driver
