// SPDX-License-Identifier: Apache-2.0
// The asynchronous symmetric cipher API of later kernels (crypto_skcipher, Linux 6.x), as dm-crypt
// meets it: requests that end by callback, and a backlog instead of failure when a driver is full.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "driver/crypto_api/crypto_tfm.h"
#include "driver/crypto_driver.h"
#include "driver/params.h"
#include "kernel_model/kernel.h"

namespace cesasim::driver {

enum : std::uint32_t {
  CRYPTO_TFM_REQ_MAY_BACKLOG = 0x400,  ///< a full driver: keep the request for later
};
enum : std::uint32_t {
  CRYPTO_ALG_ALLOCATES_MEMORY = 0x10000,  ///< CryptoDriver::allocates_memory()
};

class SkcipherApi;
class CryptoSkcipher;
class XtsTemplate;

/// struct skcipher_request over buffers of the modelled DRAM. Not to be touched from its submission
/// until it has ended.
struct SkcipherRequest {
  CryptoSkcipher* tfm = nullptr;
  hw::PhysAddr src = 0;
  hw::PhysAddr dst = 0;  ///< may be src; another only if the tfm is out_of_place()
  std::uint32_t cryptlen = 0;
  std::array<std::uint8_t, 16> iv{};  ///< not changed (the API would leave the next IV)
  std::uint32_t flags = 0;
  /// In the context in which the driver ends requests. `error` is 0 or -errno; -EINPROGRESS says
  /// that a request that got -EBUSY has left the backlog, and its end is still to come.
  void (*complete)(SkcipherRequest& request, int error) = nullptr;
  void* data = nullptr;
  std::uint64_t id = 0;  ///< for tracers, as CryptoRequest::crp_id

 private:
  friend class SkcipherApi;
  struct DriverRequest : CryptoRequest {
    SkcipherRequest* owner = nullptr;
  };
  DriverRequest crp_;
  bool direct_ = false;    // the driver is synchronous: the answer goes to the submitter
  bool notified_ = false;  // has had its -EINPROGRESS
};

/// A transform: an algorithm with a key, bound to a driver or to the kernel's own code. To be gone
/// before the API.
class CryptoSkcipher {
 public:
  ~CryptoSkcipher();
  CryptoSkcipher(const CryptoSkcipher&) = delete;

  /// The driver's name, "xts(NAME)" for XTS by the processor around the driver's ECB, or "generic".
  const char* driver_name() const;
  /// Requests may end by callback.
  bool async() const;
  bool out_of_place() const;
  std::uint32_t block_bytes() const { return block_bytes_; }

 private:
  friend class SkcipherApi;
  CryptoSkcipher();
  SkcipherApi* api_ = nullptr;
  std::uint32_t driverid_ = 0;
  std::uint32_t lid_ = 0;
  Alg alg_ = Alg::none;
  std::uint32_t block_bytes_ = 0;
  std::unique_ptr<CryptoTfm> software_;  // no driver
  std::unique_ptr<XtsTemplate> xts_;     // somebody's ECB
};

struct SkcipherStats {
  std::uint64_t requests = 0;     ///< to drivers, refused ones included
  std::uint64_t synchronous = 0;  ///< to the kernel's own code
  std::uint64_t errors = 0;       ///< ended with an error, or refused other than by -ENOSPC
  std::uint64_t backlogged = 0;   ///< returned -EBUSY
  std::uint64_t no_space = 0;     ///< returned -ENOSPC
  std::uint64_t max_backlog = 0;
  std::uint64_t unregister_refused = 0;  ///< drivers that wanted to go while in use
  std::uint64_t ended_twice = 0;         ///< crypto_done for a request that had ended
  std::uint64_t passed_over = 0;         ///< drivers not bound for a flag of a transform's mask
};

/// Drivers register as with OCF, and take the same requests; there is no OCF and no thread of its
/// between. A driver's ERESTART puts the request at the end of that driver's backlog, from which
/// requests go on in order: when the driver reports room, ends a request, or, if it has none in
/// flight that could end, after a tick. While there is a backlog new requests line up behind it.
///
/// A driver with transforms cannot go: crypto_unregister_all returns EBUSY (in Linux the module's
/// reference count keeps it) and the driver goes on serving; FaultKind::unregister tries at each
/// request.
class SkcipherApi : public CryptoCore {
 public:
  SkcipherApi(kernel::Kernel& kernel, const DriverCosts& costs, const CipherCosts& cipher_costs);
  SkcipherApi(const SkcipherApi&) = delete;

  /// Binds to the first hardware driver that has the algorithm and takes the key, XTS else to the
  /// template over the first hardware driver's ECB (XtsTemplate), else to the first software
  /// driver, else to the kernel's own code.
  /// Drivers with a flag of `mask` are passed over (CRYPTO_ALG_ALLOCATES_MEMORY: dm-crypt since
  /// Linux 5.10). Throws std::invalid_argument for what the cipher does not take.
  std::unique_ptr<CryptoSkcipher> crypto_alloc_skcipher(Cipher cipher, CipherMode mode,
                                                        std::span<const std::uint8_t> key,
                                                        std::uint32_t mask = 0);
  /// 0: done. -EINPROGRESS: taken. -EBUSY: in the backlog (MAY_BACKLOG), the callback comes first
  /// with -EINPROGRESS and then with the end. -ENOSPC: the driver is full. -EINVAL: no whole
  /// blocks, or a destination of its own with a driver that cannot. Else the driver's refusal.
  int crypto_skcipher_encrypt(SkcipherRequest& request);
  int crypto_skcipher_decrypt(SkcipherRequest& request);

  std::uint32_t crypto_get_driverid(std::uint32_t flags, CryptoDriver& driver) override;
  void crypto_register(std::uint32_t driverid, Alg alg) override;
  int crypto_unregister_all(std::uint32_t driverid) override;
  void crypto_done(CryptoRequest* crp) override;
  int crypto_unblock(std::uint32_t driverid, unsigned what) override;

  const SkcipherStats& stats() const { return stats_; }
  /// Requests that wait for room, all drivers.
  std::size_t backlog() const;

 private:
  friend class CryptoSkcipher;
  struct Slot {
    CryptoDriver* driver = nullptr;
    std::uint32_t flags = 0;
    std::array<bool, static_cast<std::size_t>(Alg::count)> algs{};
    std::uint32_t tfms = 0;
    std::uint32_t in_flight = 0;  // taken by the driver, or being offered to it
    std::deque<SkcipherRequest*> backlog;
    std::uint64_t room = 0;  // times the driver reported some, or ended a request
    bool passing = false;    // somebody works on the backlog
    bool again = false;      // and is to look once more
    kernel::Tasklet tasklet;
    kernel::Timer timer;
  };

  int submit(SkcipherRequest& request, bool encrypt);
  int submit_software(SkcipherRequest& request, bool encrypt);
  void complete(SkcipherRequest& request, int error);
  int offer(Slot& slot, SkcipherRequest& request, int hint);
  void run_backlog(Slot& slot);
  void pass_backlog(Slot& slot);
  void arm(Slot& slot);
  bool bind(CryptoSkcipher& tfm, bool hardware, const CryptoIni& cri, std::uint32_t mask);

  kernel::Kernel& kernel_;
  DriverCosts costs_;
  CipherCosts cipher_costs_;
  hw::Ps tick_;
  std::vector<std::unique_ptr<Slot>> slots_;
  SkcipherStats stats_;
};

}  // namespace cesasim::driver
