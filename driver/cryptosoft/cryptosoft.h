// SPDX-License-Identifier: Apache-2.0
// cryptosoft: OCF's software driver over the kernel's cipher API.
#pragma once

#include <memory>
#include <random>
#include <vector>

#include "driver/crypto_api/crypto_tfm.h"
#include "driver/crypto_driver.h"
#include "driver/known_driver.h"
#include "driver/params.h"
#include "kernel_model/kernel.h"

namespace cesasim::driver {

/// Registered SOFTWARE and SYNC: AES, DES and 3DES in CBC. process() ciphers to the end in the
/// calling context (the `crypto` thread when the core queued the request) and calls crypto_done;
/// errors go into crp_etype and process() still returns 0: ENOENT for no such session, EINVAL for
/// no buffer, an algorithm the session has not, less than a block, or no whole blocks.
/// An IV that is not CRD_F_IV_EXPLICIT is drawn at random to encrypt and read at crd_inject to
/// decrypt; to encrypt without CRD_F_IV_PRESENT it is also written to crd_inject (of crp_out_buf,
/// if there is one). Source: cryptosoft.c, ocf-linux 2004-2006, which however ignores what the
/// cipher itself returns; that it is reported is the later version's.
///
/// FaultKind::engine_error makes the cipher call fail: EIO, the data stays as it was.
class Cryptosoft : public KnownDriver {
 public:
  Cryptosoft(kernel::Kernel& kernel, CryptoCore& crypto, const DriverCosts& costs,
             const CipherCosts& cipher_costs);

  DriverStats driver_stats() const override { return stats_; }
  /// swcr_newsession and swcr_freesession.
  int newsession(std::uint32_t* lid, const CryptoIni& cri) override;
  int freesession(std::uint32_t lid) override;
  /// swcr_process.
  int process(CryptoRequest* crp, int hint) override;

 private:
  struct Session {
    Alg alg = Alg::none;
    std::unique_ptr<CryptoTfm> tfm;
  };
  int swcr_encdec(CryptoRequest& crp);

  kernel::Kernel& kernel_;
  CryptoCore& crypto_;
  DriverCosts costs_;
  CipherCosts cipher_costs_;
  std::vector<Session> sessions_;  // entry 0 unused, as in the original
  std::mt19937 random_{1};         // of the IVs that clients leave to the driver
  DriverStats stats_;
};

}  // namespace cesasim::driver
