#include "driver/ocf/crypto.h"

#include <algorithm>
#include <cerrno>

namespace cesasim::driver {

using kernel::Activity;
using kernel::Kernel;

Crypto::Crypto(Kernel& kernel, const OcfCosts& costs, OcfPolicy policy)
    : kernel_(kernel), costs_(costs), policy_(policy) {
  crypto_thread_ = &kernel_.kthread_run("crypto", [this] { crypto_proc(); });
  crypto_ret_thread_ = &kernel_.kthread_run("crypto_ret", [this] { crypto_ret_proc(); });
}

std::uint32_t Crypto::crypto_get_driverid(std::uint32_t flags, CryptoDriver& driver) {
  Slot slot;
  slot.driver = &driver;
  slot.flags = flags;
  slot.algs.assign(static_cast<std::size_t>(Alg::count), false);
  drivers_.push_back(std::move(slot));
  return static_cast<std::uint32_t>(drivers_.size() - 1);
}

void Crypto::crypto_register(std::uint32_t driverid, Alg alg) {
  drivers_.at(driverid).algs.at(static_cast<std::size_t>(alg)) = true;
}

int Crypto::crypto_unregister_all(std::uint32_t driverid) {
  if (driverid >= drivers_.size()) return EINVAL;
  Slot& slot = drivers_[driverid];
  slot.algs.assign(slot.algs.size(), false);
  slot.flags = CRYPTOCAP_F_CLEANUP;
  return 0;
}

int Crypto::crypto_newsession(std::uint64_t* sid, const CryptoIni& cri) {
  for (std::size_t hid = 0; hid < drivers_.size(); ++hid) {
    Slot& slot = drivers_[hid];
    if ((slot.flags & CRYPTOCAP_F_CLEANUP) != 0) continue;
    if (!slot.algs[static_cast<std::size_t>(cri.cri_alg)]) continue;
    std::uint32_t lid = 0;
    if (const int err = slot.driver->newsession(&lid, cri)) return err;
    ++slot.sessions;
    *sid = (static_cast<std::uint64_t>(slot.flags & 0xff) << 56) |
           (static_cast<std::uint64_t>(hid) << 32) | lid;
    return 0;
  }
  return EINVAL;
}

int Crypto::crypto_freesession(std::uint64_t sid) {
  const std::uint32_t hid = crypto_sid_hid(sid);
  if (hid >= drivers_.size()) return ENOENT;
  if (drivers_[hid].sessions != 0) --drivers_[hid].sessions;
  return drivers_[hid].driver->freesession(crypto_sid_lid(sid));
}

std::string Crypto::driver_name(std::uint64_t sid) const {
  return drivers_.at(crypto_sid_hid(sid)).driver->name();
}

Cryptop* Crypto::crypto_getreq() {
  // The cryptop and its one cryptodesc are two slab objects.
  kernel_.charge(Activity::ocf, costs_.getreq);
  kernel_.charge_slab_alloc(Activity::ocf);
  kernel_.charge_slab_alloc(Activity::ocf);
  if (free_.empty()) {
    slab_.push_back(std::make_unique<Cryptop>());
    free_.push_back(slab_.back().get());
  }
  Cryptop* crp = free_.back();
  free_.pop_back();
  *crp = Cryptop{};
  crp->core = this;
  return crp;
}

void Crypto::crypto_freereq(Cryptop* crp) {
  kernel_.charge(Activity::ocf, costs_.freereq);
  kernel_.charge_slab_free(Activity::ocf);
  kernel_.charge_slab_free(Activity::ocf);
  free_.push_back(crp);
}

void Crypto::enqueue(Cryptop* crp, bool front) {
  kernel_.charge(Activity::ocf, costs_.enqueue);
  const bool was_empty = crp_q_.empty();
  if (front) {
    crp_q_.push_front(crp);
  } else {
    crp_q_.push_back(crp);
  }
  // 2005: woken when crp_q was empty. With only blocked requests queued the original's thread
  // does not sleep but spins, and so sees a request for another driver; the one here sleeps.
  const bool wake = crp_sleep_ || (policy_ == OcfPolicy::v2005 && was_empty);
  if (wake) kernel_.wake_up_process(*crypto_thread_);
}

int Crypto::crypto_dispatch(Cryptop* crp) {
  Kernel& k = kernel_;
  ++stats_.cs_ops;
  k.charge(Activity::ocf, costs_.dispatch);
  const std::uint32_t hid = crypto_sid_hid(crp->crp_sid);
  {
    Kernel::IrqLock lock(k, q_lock_, Activity::ocf);
    if (policy_ == OcfPolicy::v2010 && q_cnt_ >= kQMax) {
      ++stats_.cs_drops;
      return ENOMEM;
    }
    ++q_cnt_;
    if (hid >= drivers_.size()) {  // no such driver: the thread answers it
      enqueue(crp, false);
      return 0;
    }
    Slot& slot = drivers_[hid];
    const bool software = (slot.flags & CRYPTOCAP_F_SOFTWARE) != 0;
    const bool batch = (crp->crp_flags & CRYPTO_F_BATCH) != 0;
    const bool direct = !slot.qblocked && !batch && !(software && policy_ == OcfPolicy::v2005);
    if (!direct) {
      enqueue(crp, false);
      return 0;
    }
    slot.unqblocked = false;
  }
  const int result = crypto_invoke(crp, 0);
  if (result == 0) return 0;
  Kernel::IrqLock lock(k, q_lock_, Activity::ocf);
  if (result == ERESTART) {
    Slot& slot = drivers_[hid];
    ++stats_.cs_blocks;
    // The 2005 core marks the driver blocked even if it unblocked itself in between.
    if (policy_ == OcfPolicy::v2005 || !slot.unqblocked) slot.qblocked = true;
    enqueue(crp, policy_ == OcfPolicy::v2010);
    return 0;
  }
  if (policy_ == OcfPolicy::v2005) --q_cnt_;  // the 2010 core leaks this slot
  return result;
}

int Crypto::crypto_invoke(Cryptop* crp, int hint) {
  kernel_.charge(Activity::ocf, costs_.invoke);
  const std::uint32_t hid = crypto_sid_hid(crp->crp_sid);
  if (hid >= drivers_.size()) {
    // The original would try to migrate the session; either way the client is to try again.
    crp->crp_etype = EAGAIN;
    crypto_done(crp);
    return 0;
  }
  return drivers_[hid].driver->process(crp, hint);
}

void Crypto::crypto_done(Cryptop* crp) {
  kernel_.charge(Activity::ocf, costs_.done);
  if ((crp->crp_flags & CRYPTO_F_DONE) == 0) {
    crp->crp_flags |= CRYPTO_F_DONE;
    --q_cnt_;
  }
  if (crp->crp_etype != 0) ++stats_.cs_errs;
  const bool sync_driver = (crypto_sid_caps(crp->crp_sid) & CRYPTOCAP_F_SYNC) != 0;
  if ((crp->crp_flags & CRYPTO_F_CBIMM) != 0 ||
      ((crp->crp_flags & CRYPTO_F_CBIFSYNC) != 0 && sync_driver)) {
    crp->crp_callback(crp);
    return;
  }
  Kernel::IrqLock lock(kernel_, ret_q_lock_, Activity::ocf);
  kernel_.charge(Activity::ocf, costs_.enqueue);
  const bool was_empty = crp_ret_q_.empty();
  crp_ret_q_.push_back(crp);
  if (was_empty) kernel_.wake_up_process(*crypto_ret_thread_);
}

int Crypto::crypto_unblock(std::uint32_t driverid, unsigned what) {
  if (driverid >= drivers_.size()) return EINVAL;
  Kernel::IrqLock lock(kernel_, q_lock_, Activity::ocf);
  Slot& slot = drivers_[driverid];
  if ((what & CRYPTO_SYMQ) != 0) {
    slot.qblocked = false;
    slot.unqblocked = true;
  }
  if (policy_ == OcfPolicy::v2005 || crp_sleep_) kernel_.wake_up_process(*crypto_thread_);
  return 0;
}

void Crypto::crypto_proc() {
  Kernel& k = kernel_;
  std::uint32_t rounds = 0;
  for (;;) {
    Cryptop* submit = nullptr;
    int hint = 0;
    {
      Kernel::IrqLock lock(k, q_lock_, Activity::ocf);
      auto chosen = crp_q_.end();
      std::uint32_t chosen_hid = 0;
      for (auto it = crp_q_.begin(); it != crp_q_.end(); ++it) {
        const std::uint32_t hid = crypto_sid_hid((*it)->crp_sid);
        const bool exists = hid < drivers_.size();
        if (exists && drivers_[hid].qblocked) continue;
        if (chosen == crp_q_.end()) {
          chosen = it;
          chosen_hid = hid;
          if (!exists || ((*it)->crp_flags & CRYPTO_F_BATCH) == 0) break;
        } else {
          if (hid == chosen_hid) hint = CRYPTO_HINT_MORE;
          break;
        }
      }
      if (chosen != crp_q_.end()) {
        submit = *chosen;
        crp_q_.erase(chosen);
        k.charge(Activity::ocf, costs_.dequeue);
        if (chosen_hid < drivers_.size()) drivers_[chosen_hid].unqblocked = false;
      } else {
        // The original's sleep test; the 2005 core looks at emptiness only and would spin while
        // everything is blocked. Here it sleeps until crypto_unblock or a request that can go.
        crp_sleep_ = true;
        k.set_blocked();
      }
    }
    if (submit == nullptr) {
      k.schedule();
      crp_sleep_ = false;
      ++stats_.cs_intrs;
      continue;
    }
    const int result = crypto_invoke(submit, hint);
    if (result == ERESTART) {
      Kernel::IrqLock lock(k, q_lock_, Activity::ocf);
      Slot& slot = drivers_[crypto_sid_hid(submit->crp_sid)];
      ++stats_.cs_blocks;
      if (policy_ == OcfPolicy::v2005 || !slot.unqblocked) slot.qblocked = true;
      crp_q_.push_front(submit);
    } else if (result != 0) {
      ++stats_.lost;
    }
    // 2010: crypto_max_loopcount rounds, then schedule(). 2005: until the queue is empty.
    if (policy_ == OcfPolicy::v2010 && ++rounds >= kMaxLoopcount) {
      rounds = 0;
      k.cond_resched();
    }
  }
}

void Crypto::crypto_ret_proc() {
  Kernel& k = kernel_;
  for (;;) {
    Cryptop* crp = nullptr;
    {
      Kernel::IrqLock lock(k, ret_q_lock_, Activity::ocf);
      if (crp_ret_q_.empty()) {
        k.set_blocked();
      } else {
        k.charge(Activity::ocf, costs_.dequeue);
        crp = crp_ret_q_.front();
        crp_ret_q_.pop_front();
      }
    }
    if (crp == nullptr) {
      k.schedule();
      ++stats_.cs_rets;
      continue;
    }
    crp->crp_callback(crp);
  }
}

}  // namespace cesasim::driver
