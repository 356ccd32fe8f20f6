// The OpenCrypto framework's types and flags (cryptodev.h of ocf-linux, 2005-2010).
#pragma once

#include <array>
#include <cerrno>  // ERESTART: the core keeps the request until crypto_unblock
#include <cstdint>
#include <span>

#include "hw_model/common/units.h"

namespace cesasim::driver {

/// The algorithms of dm-crypt that OCF knows (CRYPTO_DES_CBC, CRYPTO_3DES_CBC, CRYPTO_AES_CBC). It
/// has no ECB and no XTS.
enum class Alg : std::uint8_t { none, des_cbc, des3_cbc, aes_cbc, count };
/// Bytes of a cipher block: 8 for DES and 3DES, 16 for AES.
constexpr std::uint32_t alg_block_bytes(Alg alg) { return alg == Alg::aes_cbc ? 16 : 8; }
/// Whether a key of so many bits (parity bits included) is one of the cipher.
constexpr bool alg_takes_key(Alg alg, std::uint32_t bits) {
  switch (alg) {
    case Alg::aes_cbc:
      return bits == 128 || bits == 192 || bits == 256;
    case Alg::des_cbc:
      return bits == 64;
    case Alg::des3_cbc:
      return bits == 192;
    default:
      return false;
  }
}

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

/// For crypto_newsession under the later API: any driver of that kind.
enum : int {
  CRYPTO_CRID_HARDWARE = 0x01000000,
  CRYPTO_CRID_SOFTWARE = 0x02000000,
};

inline constexpr unsigned CRYPTO_SYMQ = 1;
inline constexpr int CRYPTO_HINT_MORE = 1;

inline constexpr std::uint32_t kMaxBlockLen = 16;

/// struct cryptoini: what a session is made of. Key length in bits.
struct CryptoIni {
  Alg cri_alg = Alg::none;
  std::uint32_t cri_klen = 0;
  std::span<const std::uint8_t> cri_key;

  /// The key is there, and the cipher takes one of its length.
  bool valid() const { return cri_key.size() * 8 == cri_klen && alg_takes_key(cri_alg, cri_klen); }
};

/// struct cryptodesc: one algorithm step over [crd_skip, crd_skip + crd_len) of the buffer.
struct CryptoDesc {
  std::uint32_t crd_skip = 0;
  std::uint32_t crd_len = 0;
  std::uint32_t crd_inject = 0;
  std::uint32_t crd_flags = 0;
  Alg crd_alg = Alg::none;
  std::uint32_t crd_klen = 0;             ///< bits
  std::span<const std::uint8_t> crd_key;  ///< for a new session when the driver has gone
  std::array<std::uint8_t, kMaxBlockLen> crd_iv{};
};

class Crypto;

/// struct cryptop: one request over one contiguous buffer of the modelled DRAM. In place, unless
/// crp_out_buf names another buffer: an extension (a late vendor tree has it for one driver) that
/// only drivers with out_of_place() take.
struct Cryptop {
  std::uint64_t crp_sid = 0;  ///< bits 0-31 driver's local id, 32-55 driver slot, 56-63 caps
  std::uint32_t crp_ilen = 0;
  std::uint32_t crp_olen = 0;
  int crp_etype = 0;  ///< 0 or errno, valid in the callback
  std::uint32_t crp_flags = 0;
  hw::PhysAddr crp_buf = 0;
  hw::PhysAddr crp_out_buf = 0;  ///< 0: the result goes to crp_buf
  void* crp_opaque = nullptr;
  int (*crp_callback)(Cryptop* crp) = nullptr;
  CryptoDesc crp_desc;
  Crypto* core = nullptr;    ///< the core it came from (in the original there is only one)
  std::uint64_t crp_id = 0;  ///< for tracers: Bio::id of what it is a part of; 0: nobody's
};

inline std::uint32_t crypto_sid_lid(std::uint64_t sid) { return static_cast<std::uint32_t>(sid); }
inline std::uint32_t crypto_sid_hid(std::uint64_t sid) {
  return static_cast<std::uint32_t>(sid >> 32) & 0xffffff;
}
inline std::uint32_t crypto_sid_caps(std::uint64_t sid) {
  return static_cast<std::uint32_t>(sid >> 56);
}

/// What a driver did since the start; what does not apply stays 0.
struct DriverStats {
  std::uint64_t requests = 0;  ///< taken
  std::uint64_t failed = 0;    ///< ended with an error in crp_etype
  std::uint64_t restarts = 0;  ///< ERESTART answers
  std::uint64_t launches = 0;  ///< chains, fragments or doorbells given to the device
  std::uint64_t interrupts = 0;
  std::uint64_t polls = 0;  ///< looks at the device without an interrupt
  std::uint64_t max_queue = 0;
  std::uint64_t watchdog_recoveries = 0;  ///< resets and lost interrupts made good
};

class CryptoDriver;

/// What a driver registers with and reports to: the OCF core, or the kernel's crypto API.
class CryptoCore {
 public:
  virtual ~CryptoCore() = default;
  /// Takes a slot for `driver`, which must outlive the core or unregister; the id is its index.
  virtual std::uint32_t crypto_get_driverid(std::uint32_t flags, CryptoDriver& driver) = 0;
  virtual void crypto_register(std::uint32_t driverid, Alg alg) = 0;
  /// The driver goes away: it gets no new requests. 0 or errno.
  virtual int crypto_unregister_all(std::uint32_t driverid) = 0;
  /// Called by drivers, in any context, when a request has ended.
  virtual void crypto_done(Cryptop* crp) = 0;
  /// Called by drivers that answered ERESTART, once they have room.
  virtual int crypto_unblock(std::uint32_t driverid, unsigned what) = 0;
};

/// A driver behind the OCF core.
class CryptoDriver {
 public:
  virtual ~CryptoDriver() = default;
  virtual const char* name() const = 0;
  /// Takes requests with crp_out_buf.
  virtual bool out_of_place() const { return false; }
  /// Its ciphers carry CRYPTO_ALG_ALLOCATES_MEMORY: it may ask for memory to serve a request, so
  /// that a request may fail, or wait for the very write that it is a part of.
  virtual bool allocates_memory() const { return false; }
  virtual DriverStats driver_stats() const { return {}; }
  /// Makes a session and returns its local id in `lid`; 0 or errno.
  virtual int newsession(std::uint32_t* lid, const CryptoIni& cri) = 0;
  virtual int freesession(std::uint32_t lid) = 0;
  /// Takes a request. 0: taken, crypto_done will be or was called. ERESTART: full, the core
  /// keeps the request. Other errno: refused (see each driver for what it did before).
  virtual int process(Cryptop* crp, int hint) = 0;
};

}  // namespace cesasim::driver
