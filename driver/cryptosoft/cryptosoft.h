// cryptosoft: OCF's software driver over the kernel's cipher API.
#pragma once

#include <memory>
#include <vector>

#include "driver/crypto_api/crypto_tfm.h"
#include "driver/ocf/crypto.h"
#include "driver/params.h"

namespace cesasim::driver {

/// Registered SOFTWARE and SYNC. process() ciphers to the end in the calling context (the
/// `crypto` thread when the core queued the request) and calls crypto_done; errors go into
/// crp_etype and process() still returns 0. Source: cryptosoft.c, ocf-linux 2004-2006.
class Cryptosoft : public CryptoDriver {
 public:
  Cryptosoft(kernel::Kernel& kernel, Crypto& crypto, const DriverCosts& costs,
             const CipherCosts& cipher_costs);

  const char* name() const override { return "cryptosoft"; }
  int newsession(std::uint32_t* lid, const CryptoIni& cri) override;
  int freesession(std::uint32_t lid) override;
  int process(Cryptop* crp, int hint) override;

 private:
  kernel::Kernel& kernel_;
  Crypto& crypto_;
  DriverCosts costs_;
  CipherCosts cipher_costs_;
  std::vector<std::unique_ptr<CryptoTfm>> sessions_;  // entry 0 unused, as in the original
};

}  // namespace cesasim::driver
