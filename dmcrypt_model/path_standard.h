// standard: dm-crypt of 2.6.12 over the kernel's cipher API. crypt_convert is a serial loop in
// the caller: the submitter for writes, kcryptd for reads. No lock: n submitters cipher at once.
#pragma once

#include "dmcrypt_model/dm_crypt.h"

namespace cesasim::dmcrypt {

class StandardPath : public DmCrypt {
 public:
  StandardPath(kernel::Kernel& kernel, const CryptTable& table, const DmCryptCosts& costs,
               const driver::CipherCosts& cipher_costs, kernel::BlockDevice& lower);
  const char* path() const override { return "standard"; }

 protected:
  int crypt_convert(ConvertContext& ctx) override;

 private:
  driver::CryptoTfm tfm_;
};

}  // namespace cesasim::dmcrypt
