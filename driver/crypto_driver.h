// SPDX-License-Identifier: Apache-2.0
// What a crypto driver is, and what it registers with.
#pragma once

#include <cerrno>  // ERESTART: the core keeps the request until crypto_unblock
#include <cstdint>

#include "driver/request.h"

namespace cesasim::driver {

enum : std::uint32_t {
  CRYPTOCAP_F_CLEANUP = 0x01,
  CRYPTOCAP_F_SOFTWARE = 0x02,
  CRYPTOCAP_F_SYNC = 0x04,
};

inline constexpr unsigned CRYPTO_SYMQ = 1;
inline constexpr int CRYPTO_HINT_MORE = 1;

/// What a driver did since the start; what does not apply stays 0.
struct DriverStats {
  std::uint64_t requests = 0;  ///< taken
  std::uint64_t failed = 0;    ///< ended with an error in crp_etype
  std::uint64_t restarts = 0;  ///< returns of ERESTART
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
  virtual void crypto_done(CryptoRequest* crp) = 0;
  /// Called by drivers that returned ERESTART, once they have room.
  virtual int crypto_unblock(std::uint32_t driverid, unsigned what) = 0;
};

/// A crypto driver, behind OCF or the cipher API.
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
  virtual int process(CryptoRequest* crp, int hint) = 0;
};

}  // namespace cesasim::driver
