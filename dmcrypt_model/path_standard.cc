// SPDX-License-Identifier: Apache-2.0
#include "dmcrypt_model/path_standard.h"

namespace cesasim::dmcrypt {

StandardPath::StandardPath(kernel::Kernel& kernel, const CryptTable& table,
                           const DmCryptCosts& costs, const driver::CipherCosts& cipher_costs,
                           kernel::BlockDevice& lower, bool in_place)
    : DmCrypt("standard", kernel, table, costs, cipher_costs, lower),
      tfm_(kernel, cipher_costs, cipher_of(table.cipher), mode_of(table.cipher), table.key),
      in_place_(in_place) {}

int StandardPath::crypt_convert(ConvertContext& ctx) {
  SectorStep step;
  Iv iv{};
  while (next_sector(ctx, step)) {
    if (iv_) iv_->generate(step.sector, iv);
    if (in_place_ && step.in != step.out) {
      kernel_.memcpy(step.out, step.in, hw::kSectorBytes);
      step.in = step.out;
    }
    const std::uint8_t* in = kernel_.cpu_read(step.in, hw::kSectorBytes);
    std::uint8_t* out = kernel_.cpu_write(step.out, hw::kSectorBytes);
    const int result = ctx.write ? tfm_.encrypt(out, in, hw::kSectorBytes, iv.data())
                                 : tfm_.decrypt(out, in, hw::kSectorBytes, iv.data());
    if (result < 0) return result;
    kernel_.sync();
    kernel_.trace(kernel::TraceEvent::ciphered, step.id);
  }
  return 0;
}

}  // namespace cesasim::dmcrypt
