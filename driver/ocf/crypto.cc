// SPDX-License-Identifier: Apache-2.0
#include "driver/ocf/crypto.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace cesasim::driver {

using kernel::Activity;
using kernel::Kernel;

Crypto::QLock::QLock(Crypto& crypto) {
  if (crypto.lock_cpu_ == static_cast<int>(crypto.kernel_.smp_processor_id())) {
    ++crypto.stats_.self_deadlocks;
  } else {
    lock_.emplace(crypto.kernel_, crypto.q_lock_, Activity::ocf);
  }
}

Crypto::Crypto(Kernel& kernel, const OcfCosts& costs, const OcfOptions& options)
    : kernel_(kernel), costs_(costs), policy_(options.policy), irqs_off_(options.irqs_off) {
  const int nice = options.crypto_nice;
  crypto_thread_ = &kernel_.kthread_run(
      "crypto", [this] { crypto_proc(); }, nice);
  crypto_ret_thread_ = &kernel_.kthread_run(
      "crypto_ret", [this] { crypto_ret_proc(); }, nice);
}

// --- drivers and sessions ---------------------------------------------------------------------

std::uint32_t Crypto::crypto_get_driverid(std::uint32_t flags, CryptoDriver& driver) {
  const auto free = std::find_if(drivers_.begin(), drivers_.end(), [](const Slot& slot) {
    return slot.driver == nullptr && (slot.flags & CRYPTOCAP_F_CLEANUP) == 0 && !slot.retired;
  });
  const auto at = static_cast<std::size_t>(free - drivers_.begin());
  if (free == drivers_.end()) drivers_.emplace_back();
  Slot& slot = drivers_[at];
  slot = Slot{};
  slot.driver = &driver;
  slot.flags = flags;
  slot.algs.assign(static_cast<std::size_t>(Alg::count), false);
  return static_cast<std::uint32_t>(at);
}

void Crypto::crypto_register(std::uint32_t driverid, Alg alg) {
  drivers_.at(driverid).algs.at(static_cast<std::size_t>(alg)) = true;
}

int Crypto::crypto_unregister_all(std::uint32_t driverid) {
  if (driverid >= drivers_.size() || drivers_[driverid].driver == nullptr) return EINVAL;
  // The slot is zeroed; while sessions remain it keeps their count and stays taken.
  Slot& slot = drivers_[driverid];
  const std::uint32_t sessions = slot.sessions;
  slot = Slot{};
  if (sessions != 0) {
    slot.flags = CRYPTOCAP_F_CLEANUP;
    slot.sessions = sessions;
  }
  // What is queued for it can go now.
  if (crp_sleep_ && !crp_q_.empty()) kernel_.wake_up_process(*crypto_thread_);
  return 0;
}

const Crypto::Slot* Crypto::crypto_checkdriver(std::uint32_t hid) const {
  return hid < drivers_.size() && drivers_[hid].driver != nullptr ? &drivers_[hid] : nullptr;
}

int Crypto::newsession_on(std::size_t hid, std::uint64_t* sid, const CryptoIni& cri) {
  Slot& slot = drivers_[hid];
  std::uint32_t lid = 0;
  if (const int err = slot.driver->newsession(&lid, cri)) return err;
  ++slot.sessions;
  *sid = (static_cast<std::uint64_t>(slot.flags & 0xff) << 56) |
         (static_cast<std::uint64_t>(hid) << 32) | lid;
  return 0;
}

int Crypto::crypto_newsession(std::uint64_t* sid, const CryptoIni& cri, int hard_or_crid) {
  const auto software = [](const Slot& slot) { return (slot.flags & CRYPTOCAP_F_SOFTWARE) != 0; };
  const auto fits = [&](const Slot& slot) {
    return slot.driver != nullptr && slot.algs[static_cast<std::size_t>(cri.cri_alg)];
  };
  if (policy_ == OcfPolicy::v2005 || policy_ == OcfPolicy::v2006) {
    for (std::size_t hid = 0; hid < drivers_.size(); ++hid) {
      const Slot& slot = drivers_[hid];
      if (!fits(slot) || (hard_or_crid > 0 && software(slot)) ||
          (hard_or_crid < 0 && !software(slot))) {
        continue;
      }
      return newsession_on(hid, sid, cri);
    }
    return EINVAL;
  }
  if ((hard_or_crid & (CRYPTO_CRID_HARDWARE | CRYPTO_CRID_SOFTWARE)) == 0) {
    // Neither kind named: the very slot, and 0 is one too.
    const auto hid = static_cast<std::size_t>(hard_or_crid);
    if (hard_or_crid < 0 || hid >= drivers_.size() || !fits(drivers_[hid])) return EINVAL;
    return newsession_on(hid, sid, cri);
  }
  for (const int kind : {CRYPTO_CRID_HARDWARE, CRYPTO_CRID_SOFTWARE}) {
    if ((hard_or_crid & kind) == 0) continue;
    const Slot* best = nullptr;
    for (const Slot& slot : drivers_) {
      if (!fits(slot) || software(slot) != (kind == CRYPTO_CRID_SOFTWARE)) continue;
      if (best == nullptr || slot.sessions < best->sessions) best = &slot;
    }
    if (best != nullptr) {
      return newsession_on(static_cast<std::size_t>(best - drivers_.data()), sid, cri);
    }
  }
  return EINVAL;
}

int Crypto::crypto_freesession(std::uint64_t sid) {
  const std::uint32_t hid = crypto_sid_hid(sid);
  if (hid >= drivers_.size()) return ENOENT;
  Slot& slot = drivers_[hid];
  if (slot.sessions != 0) --slot.sessions;
  if (slot.driver != nullptr) return slot.driver->freesession(crypto_sid_lid(sid));
  // The last session of a driver that has gone frees its slot.
  if (slot.sessions == 0) slot.flags = 0;
  return 0;
}

std::string Crypto::driver_name(std::uint64_t sid) const {
  const std::uint32_t hid = crypto_sid_hid(sid);
  const Slot* const slot = crypto_checkdriver(hid);
  return slot == nullptr ? "none" : slot->driver->name();
}

Cryptop* Crypto::crypto_getreq() {
  // The cryptop and its one cryptodesc are two slab objects.
  kernel_.charge(Activity::ocf, costs_.getreq);
  if (!kernel_.slab_alloc(Activity::ocf, hw::AllocSite::ocf_request)) return nullptr;
  if (!kernel_.slab_alloc(Activity::ocf, hw::AllocSite::ocf_request)) {
    kernel_.charge_slab_free(Activity::ocf);
    return nullptr;
  }
  Cryptop* crp = &slab_.take();
  *crp = Cryptop{};
  crp->core = this;
  return crp;
}

void Crypto::crypto_freereq(Cryptop* crp) {
  kernel_.charge(Activity::ocf, costs_.freereq);
  kernel_.charge_slab_free(Activity::ocf);
  kernel_.charge_slab_free(Activity::ocf);
  slab_.put(*crp);
}

// --- requests -----------------------------------------------------------------------------

bool Crypto::limited() const { return policy_ == OcfPolicy::v2006 || policy_ == OcfPolicy::v2010; }

std::size_t Crypto::behind_blocked() const {
  return static_cast<std::size_t>(std::count_if(crp_q_.begin(), crp_q_.end(), [this](auto* crp) {
    const std::uint32_t hid = crypto_sid_hid(crp->crp_sid);
    const Slot* const slot = crypto_checkdriver(hid);
    return slot != nullptr && slot->qblocked;
  }));
}

void Crypto::enqueue(Cryptop* crp, bool front) {
  kernel_.charge(Activity::ocf, costs_.enqueue);
  const bool was_empty = crp_q_.empty();
  if (front) {
    crp_q_.push_front(crp);
  } else {
    crp_q_.push_back(crp);
  }
  // 2005, 2006: woken when crp_q was empty. With only blocked requests queued the original's thread
  // does not sleep but spins, and so sees a request for another driver; the one here sleeps.
  const bool always = policy_ == OcfPolicy::marvell;
  const bool old = policy_ == OcfPolicy::v2005 || policy_ == OcfPolicy::v2006;
  if (crp_sleep_ || always || (old && was_empty)) kernel_.wake_up_process(*crypto_thread_);
}

int Crypto::crypto_dispatch(Cryptop* crp) {
  Kernel& k = kernel_;
  ++stats_.cs_ops;
  k.trace(kernel::TraceEvent::crypto_dispatch, crp->crp_id);
  k.charge(Activity::ocf, costs_.dispatch);
  const std::uint32_t hid = crypto_sid_hid(crp->crp_sid);
  if (crypto_checkdriver(hid) != nullptr && k.fault(hw::FaultKind::unregister, hid)) unload(hid);
  std::optional<int> called;
  {
    QLock lock(*this);
    if (limited() && q_cnt_ >= kQMax) {
      ++stats_.cs_drops;
      return ENOMEM;
    }
    ++q_cnt_;
    if (crypto_checkdriver(hid) == nullptr) {  // the thread migrates it
      enqueue(crp, false);
      return 0;
    }
    Slot& slot = drivers_[hid];
    const bool software = (slot.flags & CRYPTOCAP_F_SOFTWARE) != 0;
    const bool batch = (crp->crp_flags & CRYPTO_F_BATCH) != 0;
    bool direct = !slot.qblocked && !batch;
    if (policy_ == OcfPolicy::marvell) {
      direct = batch;
    } else if (policy_ != OcfPolicy::v2010) {
      direct = direct && !software;
    }
    if (!direct) {
      enqueue(crp, false);
      return 0;
    }
    slot.unqblocked = false;
    if (irqs_off_ != IrqsOff::none && lock_cpu_ < 0) {
      lock_cpu_ = static_cast<int>(k.smp_processor_id());
      called = crypto_invoke(crp, 0);
      lock_cpu_ = -1;
    }
  }
  const int result = called ? *called : crypto_invoke(crp, 0);
  if (result == 0) return 0;
  QLock lock(*this);
  if (result == ERESTART && policy_ != OcfPolicy::marvell) {
    ++stats_.cs_blocks;
    // The older cores mark the driver blocked even if it unblocked itself in between.
    if (crypto_checkdriver(hid) != nullptr &&
        (policy_ != OcfPolicy::v2010 || !drivers_[hid].unqblocked)) {
      drivers_[hid].qblocked = true;
    }
    enqueue(crp, policy_ == OcfPolicy::v2010);
    return 0;
  }
  // The 2010 core leaks this place, unless the driver has called crypto_done.
  if (policy_ != OcfPolicy::v2010 && (crp->crp_flags & CRYPTO_F_DONE) == 0) --q_cnt_;
  return result;
}

int Crypto::crypto_invoke(Cryptop* crp, int hint) {
  kernel_.charge(Activity::ocf, costs_.invoke);
  const std::uint32_t hid = crypto_sid_hid(crp->crp_sid);
  if (crypto_checkdriver(hid) == nullptr) return migrate(crp);
  return drivers_[hid].driver->process(crp, hint);
}

/// The driver has unregistered: a new session with whoever is there, from what the request says of
/// its key. The request itself is not done; the client is to try again.
int Crypto::migrate(Cryptop* crp) {
  ++stats_.migrated;
  crypto_freesession(crp->crp_sid);
  CryptoIni cri;
  cri.cri_alg = crp->crp_desc.crd_alg;
  cri.cri_klen = crp->crp_desc.crd_klen;
  cri.cri_key = crp->crp_desc.crd_key;
  const bool old = policy_ == OcfPolicy::v2005 || policy_ == OcfPolicy::v2006;
  std::uint64_t sid = 0;
  if (crypto_newsession(&sid, cri, old ? 0 : CRYPTO_CRID_HARDWARE | CRYPTO_CRID_SOFTWARE) == 0) {
    crp->crp_sid = sid;
  }
  crp->crp_etype = EAGAIN;
  crypto_done(crp);
  return 0;
}

/// FaultKind::unregister: the module is taken out and put back.
void Crypto::unload(std::uint32_t driverid) {
  auto unloaded = std::make_unique<Unloaded>();
  Unloaded* u = unloaded.get();
  u->driverid = driverid;
  u->slot = drivers_[driverid];
  crypto_unregister_all(driverid);
  // It comes back in another slot, as after insmod while sessions are open: those of before must
  // not meet the driver of after. Nobody else gets the slot, whose id the driver goes on using.
  drivers_[driverid].retired = true;
  u->timer.fn = [this, u] {
    const std::uint32_t id = crypto_get_driverid(u->slot.flags, *u->slot.driver);
    drivers_[id].algs = u->slot.algs;
    moved_[u->driverid] = id;
  };
  unloaded_.push_back(std::move(unloaded));
  kernel_.mod_timer(u->timer, kReload);
}

void Crypto::crypto_done(CryptoRequest* request) {
  auto* const crp = static_cast<Cryptop*>(request);  // drivers get all of theirs from here
  kernel_.trace(kernel::TraceEvent::crypto_done, crp->crp_id);
  kernel_.charge(Activity::ocf, costs_.done);
  if ((crp->crp_flags & CRYPTO_F_DONE) == 0) {
    crp->crp_flags |= CRYPTO_F_DONE;
    --q_cnt_;
  }
  if (crp->crp_etype != 0) ++stats_.cs_errs;
  const bool sync_driver = (crypto_sid_caps(crp->crp_sid) & CRYPTOCAP_F_SYNC) != 0;
  if ((crp->crp_flags & CRYPTO_F_CBIMM) != 0 ||
      ((crp->crp_flags & CRYPTO_F_CBIFSYNC) != 0 && sync_driver)) {
    kernel_.trace(kernel::TraceEvent::crypto_callback, crp->crp_id);
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
  for (auto moved = moved_.find(driverid); moved != moved_.end(); moved = moved_.find(driverid)) {
    driverid = moved->second;
  }
  if (driverid >= drivers_.size()) return EINVAL;
  QLock lock(*this);
  Slot& slot = drivers_[driverid];
  if ((what & CRYPTO_SYMQ) != 0) {
    slot.qblocked = false;
    slot.unqblocked = true;
  }
  if (policy_ != OcfPolicy::v2010 || crp_sleep_) kernel_.wake_up_process(*crypto_thread_);
  return 0;
}

/// The thread's scan: takes a request that can go off the queue; `hint` is MORE if the next one is
/// for the same driver.
Cryptop* Crypto::choose(int* hint) {
  auto chosen = crp_q_.end();
  std::uint32_t chosen_hid = 0;
  for (auto it = crp_q_.begin(); it != crp_q_.end(); ++it) {
    const std::uint32_t hid = crypto_sid_hid((*it)->crp_sid);
    if (crypto_checkdriver(hid) != nullptr && drivers_[hid].qblocked) continue;
    if (chosen != crp_q_.end()) {
      if (hid == chosen_hid) *hint = CRYPTO_HINT_MORE;
      break;
    }
    chosen = it;
    chosen_hid = hid;
    if (crypto_checkdriver(hid) == nullptr || ((*it)->crp_flags & CRYPTO_F_BATCH) == 0) break;
  }
  if (chosen == crp_q_.end()) return nullptr;
  Cryptop* crp = *chosen;
  crp_q_.erase(chosen);
  kernel_.charge(Activity::ocf, costs_.dequeue);
  if (crypto_checkdriver(chosen_hid) != nullptr) drivers_[chosen_hid].unqblocked = false;
  return crp;
}

/// What the thread does with what crypto_invoke has returned; the queue's lock is held.
void Crypto::handle_result(Cryptop* crp, int result) {
  if (result == ERESTART) {
    ++stats_.cs_blocks;
    const std::uint32_t hid = crypto_sid_hid(crp->crp_sid);
    const bool old = policy_ == OcfPolicy::v2005 || policy_ == OcfPolicy::v2006;
    if (crypto_checkdriver(hid) != nullptr && (old || !drivers_[hid].unqblocked)) {
      drivers_[hid].qblocked = true;
    }
    crp_q_.push_front(crp);
  } else if (result != 0) {
    ++stats_.lost;
  }
}

void Crypto::crypto_proc() {
  Kernel& k = kernel_;
  std::uint32_t rounds = 0;
  for (;;) {
    Cryptop* submit = nullptr;
    int hint = 0;
    {
      Kernel::IrqLock lock(k, q_lock_, Activity::ocf);
      submit = choose(&hint);
      if (submit == nullptr) {
        // The original's sleep test; the 2005 core looks at emptiness only and would spin while
        // everything is blocked. Here it sleeps until crypto_unblock or a request that can go.
        crp_sleep_ = true;
        k.set_blocked();
      }
      // With the lock over the call, a backlog too if that is what it is kept for.
      while (submit != nullptr && irqs_off_ != IrqsOff::none) {
        lock_cpu_ = static_cast<int>(k.smp_processor_id());
        const int result = crypto_invoke(submit, hint);
        lock_cpu_ = -1;
        handle_result(submit, result);
        if (irqs_off_ == IrqsOff::request) break;
        hint = 0;
        submit = choose(&hint);
      }
    }
    if (irqs_off_ != IrqsOff::none && !crp_sleep_) continue;
    if (submit == nullptr) {
      k.schedule();
      crp_sleep_ = false;
      ++stats_.cs_intrs;
      continue;
    }
    const int result = crypto_invoke(submit, hint);
    if (result != 0) {
      Kernel::IrqLock lock(k, q_lock_, Activity::ocf);
      handle_result(submit, result);
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
    k.trace(kernel::TraceEvent::crypto_callback, crp->crp_id);
    crp->crp_callback(crp);
  }
}

}  // namespace cesasim::driver
