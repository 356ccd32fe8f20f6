// The OCF core (crypto.c): driver table, sessions, the request queue and its threads.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "driver/ocf/cryptodev.h"
#include "driver/params.h"
#include "kernel_model/kernel.h"

namespace cesasim::driver {

/// Where the versions of the core differ. Source for `v2005` (OCF-20050630, the one of the
/// mail): the dated ocf-linux change log, and for what it does not say the 2006 core (libreswan
/// linux/crypto/ocf/crypto.c); for `v2010`: the 2006-2010 core.
///  v2005: any number of requests (the limit came on 2005-07-22); software drivers always go
///         through the queue; ERESTART from a direct call puts the request at the queue's
///         tail; the thread is woken when crp_q was empty.
///  v2010: crypto_q_max requests at most; software drivers are called directly unless BATCH;
///         ERESTART puts it at the head; a driver that unblocked itself meanwhile is not marked
///         blocked; the thread is woken when it sleeps.
enum class OcfPolicy { v2005, v2010 };

struct CryptoStats {  // struct cryptostats
  std::uint64_t cs_ops = 0;
  std::uint64_t cs_errs = 0;
  std::uint64_t cs_intrs = 0;
  std::uint64_t cs_rets = 0;
  std::uint64_t cs_blocks = 0;
  std::uint64_t cs_drops = 0;
  std::uint64_t lost = 0;  ///< refused by the driver inside the thread: dropped, as in the original
};

class Crypto : public CryptoCore {
 public:
  static constexpr std::uint32_t kQMax = 1000;          ///< crypto_q_max
  static constexpr std::uint32_t kMaxLoopcount = 1000;  ///< crypto_max_loopcount (2010)

  Crypto(kernel::Kernel& kernel, const OcfCosts& costs, OcfPolicy policy);
  Crypto(const Crypto&) = delete;

  std::uint32_t crypto_get_driverid(std::uint32_t flags, CryptoDriver& driver) override;
  void crypto_register(std::uint32_t driverid, Alg alg) override;
  int crypto_unregister_all(std::uint32_t driverid) override;
  /// First driver in table order that supports the algorithm (crid 0: any; the 2005 API).
  /// 0 or errno (EINVAL: none).
  int crypto_newsession(std::uint64_t* sid, const CryptoIni& cri);
  int crypto_freesession(std::uint64_t sid);

  Cryptop* crypto_getreq();
  void crypto_freereq(Cryptop* crp);
  /// 0: accepted. ENOMEM: crypto_q_max requests are outstanding. Other errno: the driver's.
  int crypto_dispatch(Cryptop* crp);
  void crypto_done(Cryptop* crp) override;
  int crypto_unblock(std::uint32_t driverid, unsigned what) override;

  const CryptoStats& stats() const { return stats_; }
  std::uint32_t outstanding() const { return q_cnt_; }
  std::string driver_name(std::uint64_t sid) const;

 private:
  struct Slot {  // struct cryptocap
    CryptoDriver* driver = nullptr;
    std::uint32_t flags = 0;
    std::uint32_t sessions = 0;
    std::vector<bool> algs;
    bool qblocked = false;
    bool unqblocked = false;
  };

  void crypto_proc();
  void crypto_ret_proc();
  int crypto_invoke(Cryptop* crp, int hint);
  void enqueue(Cryptop* crp, bool front);

  kernel::Kernel& kernel_;
  OcfCosts costs_;
  OcfPolicy policy_;
  std::vector<Slot> drivers_;
  std::deque<Cryptop*> crp_q_;
  std::deque<Cryptop*> crp_ret_q_;
  kernel::SpinLock q_lock_;
  kernel::SpinLock ret_q_lock_;
  kernel::Thread* crypto_thread_ = nullptr;
  kernel::Thread* crypto_ret_thread_ = nullptr;
  bool crp_sleep_ = false;
  std::uint32_t q_cnt_ = 0;
  CryptoStats stats_;
  std::vector<std::unique_ptr<Cryptop>> slab_;
  std::vector<Cryptop*> free_;
};

}  // namespace cesasim::driver
