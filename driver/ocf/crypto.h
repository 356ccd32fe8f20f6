// SPDX-License-Identifier: Apache-2.0
// The OCF core (crypto.c): driver table, sessions, the request queue and its threads.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "driver/ocf/cryptodev.h"
#include "driver/params.h"
#include "hw_model/common/object_pool.h"
#include "kernel_model/kernel.h"

namespace cesasim::driver {

/// The versions of the core and where they differ. Sources: v2005 (OCF-20050630, the one of the
/// mail) from the dated ocf-linux change log, and where that is silent from the 2006 core; v2006:
/// libreswan linux/crypto/ocf/crypto.c of 2006-10; v2010: the 2006-2010 core; marvell: the core of
/// Marvell's later kernels, built for the CESA (as Synology ships it).
///
/// |                        | v2005        | v2006        | v2010           | marvell        |
/// | ---------------------- | ------------ | ------------ | --------------- | -------------- |
/// | requests at most       | any          | crypto_q_max | crypto_q_max    | any            |
/// | software driver        | queued       | queued       | direct, BATCH   | direct if      |
/// |                        |              |              | queued          | BATCH          |
/// | hardware driver        | direct unless BATCH or blocked                | direct if BATCH, |
/// |                        |                                               | blocked or not |
/// | ERESTART, called       | blocked,     | blocked,     | blocked unless  | to the caller  |
/// | directly               | queue's tail | queue's tail | unblocked since,|                |
/// |                        |              |              | queue's head    |                |
/// | another error          | to the caller| to the caller| to the caller,  | to the caller  |
/// |                        |              |              | its place in the|                |
/// |                        |              |              | limit is lost   |                |
/// | thread woken           | crp_q was empty             | it sleeps       | always         |
/// | crypto_newsession's X  | 0 any, > 0 hardware, < 0    | kind, or the very slot (0: the   |
/// |                        | software; first in the table| first); fewest sessions first    |
///
/// In all: ERESTART in the thread goes to the head; another error there loses the request.
///
/// Departures. While all that is queued is blocked, the thread of 2005 and 2006 spins, and that of
/// 2010 offers the refused request again and again (it clears the mark that it should set): the one
/// here sleeps. The fork behind v2006 counted X from -3 (a kind) to the number of a slot and kept
/// slot 0 for software, so that dm-crypt's 0 never meant hardware: X is read as in 2005 instead.
enum class OcfPolicy { v2005, v2006, v2010, marvell };

/// Whether drivers are called with interrupts off under the queue's lock. The change log says that
/// they were until 2006-02-25; whether the thread kept the lock over one request or over all that
/// were queued is not known.
enum class IrqsOff { none, request, backlog };

struct OcfOptions {
  OcfOptions() = default;
  OcfOptions(OcfPolicy version) : policy(version) {}  // NOLINT: a policy is the usual option
  OcfPolicy policy = OcfPolicy::v2005;
  IrqsOff irqs_off = IrqsOff::none;
  int crypto_nice = 0;  ///< of the two threads
};

struct CryptoStats {  // struct cryptostats
  std::uint64_t cs_ops = 0;
  std::uint64_t cs_errs = 0;
  std::uint64_t cs_intrs = 0;
  std::uint64_t cs_rets = 0;
  std::uint64_t cs_blocks = 0;
  std::uint64_t cs_drops = 0;
  std::uint64_t lost = 0;  ///< refused by the driver inside the thread: dropped, as in the original
  std::uint64_t migrated = 0;  ///< completed with EAGAIN because the driver had gone
  /// The queue's lock taken by who holds it (irqs_off): the original would hang there.
  std::uint64_t self_deadlocks = 0;
};

class Crypto : public CryptoCore {
 public:
  static constexpr std::uint32_t kQMax = 1000;          ///< crypto_q_max
  static constexpr std::uint32_t kMaxLoopcount = 1000;  ///< crypto_max_loopcount (2010)

  /// How long a driver that FaultKind::unregister takes away stays away.
  static constexpr hw::Ps kReload = hw::kPsPerMs;

  Crypto(kernel::Kernel& kernel, const OcfCosts& costs, const OcfOptions& options);
  Crypto(const Crypto&) = delete;

  std::uint32_t crypto_get_driverid(std::uint32_t flags, CryptoDriver& driver) override;
  void crypto_register(std::uint32_t driverid, Alg alg) override;
  /// The slot is free again once its sessions are closed. Requests that come for it until then, or
  /// are queued for it, migrate (see crypto_dispatch).
  int crypto_unregister_all(std::uint32_t driverid) override;
  /// Opens a session with a driver chosen as the policy has it (`hard_or_crid`: X in its table;
  /// dm-crypt passes 0). 0 or errno: EINVAL if no driver does.
  int crypto_newsession(std::uint64_t* sid, const CryptoIni& cri, int hard_or_crid = 0);
  int crypto_freesession(std::uint64_t sid);

  /// nullptr when there is no memory (GFP_ATOMIC).
  Cryptop* crypto_getreq();
  void crypto_freereq(Cryptop* crp);
  /// 0: accepted. ENOMEM: crypto_q_max requests are outstanding. Other errno: the driver's. A
  /// request whose driver has gone ends with EAGAIN in crp_etype and, if another one takes its
  /// session, the new id in crp_sid: the client is to try again with that.
  int crypto_dispatch(Cryptop* crp);
  void crypto_done(CryptoRequest* request) override;
  int crypto_unblock(std::uint32_t driverid, unsigned what) override;

  const CryptoStats& stats() const { return stats_; }
  std::uint32_t outstanding() const { return q_cnt_; }
  /// Requests queued for a driver that is marked blocked.
  std::size_t behind_blocked() const;
  std::string driver_name(std::uint64_t sid) const;

 private:
  struct Slot {  // struct cryptocap
    CryptoDriver* driver = nullptr;
    std::uint32_t flags = 0;
    std::uint32_t sessions = 0;
    std::vector<bool> algs;
    bool qblocked = false;
    bool unqblocked = false;
    bool retired = false;  // its driver came back in another slot
  };
  /// The queue's lock, unless this core holds it already.
  class QLock {
   public:
    explicit QLock(Crypto& crypto);

   private:
    std::optional<kernel::Kernel::IrqLock> lock_;
  };

  void crypto_proc();
  void crypto_ret_proc();
  int crypto_invoke(Cryptop* crp, int hint);
  int migrate(Cryptop* crp);
  int newsession_on(std::size_t hid, std::uint64_t* sid, const CryptoIni& cri);
  /// nullptr if the driver has gone.
  const Slot* crypto_checkdriver(std::uint32_t hid) const;
  Cryptop* choose(int* hint);
  void handle_result(Cryptop* crp, int result);
  bool limited() const;
  void unload(std::uint32_t driverid);
  void enqueue(Cryptop* crp, bool front);

  kernel::Kernel& kernel_;
  OcfCosts costs_;
  OcfPolicy policy_;
  IrqsOff irqs_off_;
  std::vector<Slot> drivers_;
  std::deque<Cryptop*> crp_q_;
  std::deque<Cryptop*> crp_ret_q_;
  kernel::SpinLock q_lock_;
  int lock_cpu_ = -1;  // of who calls a driver under q_lock_
  kernel::SpinLock ret_q_lock_;
  kernel::Thread* crypto_thread_ = nullptr;
  kernel::Thread* crypto_ret_thread_ = nullptr;
  bool crp_sleep_ = false;
  std::uint32_t q_cnt_ = 0;
  CryptoStats stats_;
  /// A driver taken away by fault injection, until its timer brings it back.
  struct Unloaded {
    std::uint32_t driverid;
    Slot slot;
    kernel::Timer timer;
  };
  std::vector<std::unique_ptr<Unloaded>> unloaded_;
  std::map<std::uint32_t, std::uint32_t> moved_;  // ids that drivers still use for themselves
  hw::ObjectPool<Cryptop> slab_;
};

}  // namespace cesasim::driver
