// SPDX-License-Identifier: Apache-2.0
// standard: dm-crypt of 2.6.12 over the kernel's cipher API. crypt_convert is a serial loop in
// the caller: the submitter for writes, kcryptd for reads. No lock: n submitters cipher at once.
#pragma once

#include "dmcrypt_model/dm_crypt.h"

namespace cesasim::dmcrypt {

class StandardPath : public DmCrypt {
 public:
  /// `in_place`: a write is copied to its bounce page and ciphered there, as OCF would have to;
  /// the original has two pointers and copies nothing.
  StandardPath(kernel::Kernel& kernel, const CryptTable& table, const DmCryptCosts& costs,
               const driver::CipherCosts& cipher_costs, kernel::BlockDevice& lower,
               bool in_place = false);

 protected:
  int crypt_convert(ConvertContext& ctx) override;

 private:
  driver::CryptoTfm tfm_;
  bool in_place_;
};

}  // namespace cesasim::dmcrypt
