// SPDX-License-Identifier: Apache-2.0
// The OpenCrypto framework's types and flags for its clients (cryptodev.h of ocf-linux, 2005-2010).
#pragma once

#include <cstdint>

#include "driver/crypto_driver.h"
#include "driver/request.h"

namespace cesasim::driver {

/// In crp_flags, beside CRYPTO_F_DONE.
enum : std::uint32_t {
  CRYPTO_F_BATCH = 0x08,     ///< may be delayed: queue it for the crypto thread
  CRYPTO_F_CBIMM = 0x10,     ///< call back straight from crypto_done, in its context
  CRYPTO_F_CBIFSYNC = 0x40,  ///< as CBIMM if the driver is synchronous
};

/// For crypto_newsession under the later API: any driver of that kind.
enum : int {
  CRYPTO_CRID_HARDWARE = 0x01000000,
  CRYPTO_CRID_SOFTWARE = 0x02000000,
};

class Crypto;

/// struct cryptop: a request with what OCF's client wants to find in its callback.
struct Cryptop : CryptoRequest {
  std::uint32_t crp_ilen = 0;
  std::uint32_t crp_olen = 0;
  void* crp_opaque = nullptr;
  int (*crp_callback)(Cryptop* crp) = nullptr;
  Crypto* core = nullptr;  ///< the core it came from (in the original there is only one)
};

}  // namespace cesasim::driver
