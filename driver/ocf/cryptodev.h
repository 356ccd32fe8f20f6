// The OpenCrypto framework's types and flags (cryptodev.h of ocf-linux, 2005-2010).
#pragma once

#include <array>
#include <cerrno>  // ERESTART: the core keeps the request until crypto_unblock
#include <cstdint>
#include <span>

#include "hw_model/base/units.h"

namespace cesasim::driver {

/// Algorithms as OCF numbers them (only those a driver here may register).
enum class Alg : std::uint8_t { none, aes_cbc, count };

enum : std::uint32_t {
  CRYPTO_F_BATCH = 0x08,     ///< may be delayed: queue it for the crypto thread
  CRYPTO_F_CBIMM = 0x10,     ///< call back straight from crypto_done, in its context
  CRYPTO_F_DONE = 0x20,      ///< set by crypto_done
  CRYPTO_F_CBIFSYNC = 0x40,  ///< as CBIMM if the driver is synchronous
};

enum : std::uint32_t {
  CRD_F_ENCRYPT = 0x01,
  CRD_F_IV_PRESENT = 0x02,   ///< the IV is not to be written into the buffer
  CRD_F_IV_EXPLICIT = 0x04,  ///< use crd_iv
};

enum : std::uint32_t {
  CRYPTOCAP_F_CLEANUP = 0x01,
  CRYPTOCAP_F_SOFTWARE = 0x02,
  CRYPTOCAP_F_SYNC = 0x04,
};

inline constexpr unsigned CRYPTO_SYMQ = 1;
inline constexpr int CRYPTO_HINT_MORE = 1;

inline constexpr std::uint32_t kMaxBlockLen = 16;

/// struct cryptoini: what a session is made of. Key length in bits.
struct CryptoIni {
  Alg cri_alg = Alg::none;
  std::uint32_t cri_klen = 0;
  std::span<const std::uint8_t> cri_key;
};

/// struct cryptodesc: one algorithm step over [crd_skip, crd_skip + crd_len) of the buffer.
struct CryptoDesc {
  std::uint32_t crd_skip = 0;
  std::uint32_t crd_len = 0;
  std::uint32_t crd_inject = 0;
  std::uint32_t crd_flags = 0;
  Alg crd_alg = Alg::none;
  std::array<std::uint8_t, kMaxBlockLen> crd_iv{};
};

class Crypto;

/// struct cryptop: one request over one contiguous buffer of the modelled DRAM, in place.
struct Cryptop {
  std::uint64_t crp_sid = 0;  ///< bits 0-31 driver's local id, 32-55 driver slot, 56-63 caps
  std::uint32_t crp_ilen = 0;
  std::uint32_t crp_olen = 0;
  int crp_etype = 0;  ///< 0 or errno, valid in the callback
  std::uint32_t crp_flags = 0;
  hw::PhysAddr crp_buf = 0;
  void* crp_opaque = nullptr;
  int (*crp_callback)(Cryptop* crp) = nullptr;
  CryptoDesc crp_desc;
  Crypto* core = nullptr;  ///< the core it came from (in the original there is only one)
};

inline std::uint32_t crypto_sid_lid(std::uint64_t sid) { return static_cast<std::uint32_t>(sid); }
inline std::uint32_t crypto_sid_hid(std::uint64_t sid) {
  return static_cast<std::uint32_t>(sid >> 32) & 0xffffff;
}
inline std::uint32_t crypto_sid_caps(std::uint64_t sid) {
  return static_cast<std::uint32_t>(sid >> 56);
}

/// A driver behind the OCF core.
class CryptoDriver {
 public:
  virtual ~CryptoDriver() = default;
  virtual const char* name() const = 0;
  /// Makes a session and returns its local id in `lid`; 0 or errno.
  virtual int newsession(std::uint32_t* lid, const CryptoIni& cri) = 0;
  virtual int freesession(std::uint32_t lid) = 0;
  /// Takes a request. 0: taken, crypto_done will be or was called. ERESTART: full, the core
  /// keeps the request. Other errno: refused (see each driver for what it did before).
  virtual int process(Cryptop* crp, int hint) = 0;
};

}  // namespace cesasim::driver
