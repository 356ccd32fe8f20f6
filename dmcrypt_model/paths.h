// SPDX-License-Identifier: Apache-2.0
// Making a target by the name of its path.
#pragma once

#include <memory>
#include <string>

#include "dmcrypt_model/crypt_target.h"
#include "dmcrypt_model/path_info.h"
#include "driver/ocf/crypto.h"
#include "driver/params.h"

namespace cesasim::driver {
class SkcipherApi;
}

namespace cesasim::dmcrypt {

/// Makes the target. What check_path() refuses is refused, except that a driver's lack of
/// crp_out_buf is up to the caller. `ocf` is needed by paths of OCF, `api` by `modern`; both must
/// outlive the target. Throws CipherSpecError.
std::unique_ptr<CryptTarget> make_target(const std::string& path, kernel::Kernel& kernel,
                                         const CryptTable& table, const DmCryptCosts& costs,
                                         const driver::CipherCosts& cipher_costs,
                                         kernel::BlockDevice& lower, driver::Crypto* ocf,
                                         driver::SkcipherApi* api, const PathSettings& settings);

}  // namespace cesasim::dmcrypt
