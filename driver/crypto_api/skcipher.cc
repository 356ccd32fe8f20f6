// SPDX-License-Identifier: Apache-2.0
#include "driver/crypto_api/skcipher.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "driver/crypto_api/xts.h"
#include "hw_model/common/fault.h"

namespace cesasim::driver {

using kernel::Activity;

// The model switches contexts at synchronisation points only, and there is none between a test of
// a slot's fields and their change here: no lock. What Linux locks, the driver's queue, is priced
// by the driver.

CryptoSkcipher::CryptoSkcipher() = default;

CryptoSkcipher::~CryptoSkcipher() {
  if (software_ || xts_) return;
  SkcipherApi::Slot& slot = *api_->slots_[driverid_];
  slot.driver->freesession(lid_);
  --slot.tfms;
}

const char* CryptoSkcipher::driver_name() const {
  if (xts_) return xts_->driver_name();
  return software_ ? "generic" : api_->slots_[driverid_]->driver->name();
}

bool CryptoSkcipher::async() const {
  if (xts_) return xts_->child().async();
  return !software_ && (api_->slots_[driverid_]->flags & CRYPTOCAP_F_SYNC) == 0;
}

bool CryptoSkcipher::out_of_place() const {
  return software_ || xts_ || api_->slots_[driverid_]->driver->out_of_place();
}

SkcipherApi::SkcipherApi(kernel::Kernel& kernel, const DriverCosts& costs,
                         const CipherCosts& cipher_costs)
    : kernel_(kernel),
      costs_(costs),
      cipher_costs_(cipher_costs),
      tick_(kernel.settings().tick()) {}

std::uint32_t SkcipherApi::crypto_get_driverid(std::uint32_t flags, CryptoDriver& driver) {
  slots_.push_back(std::make_unique<Slot>());
  Slot& slot = *slots_.back();
  slot.driver = &driver;
  slot.flags = flags;
  slot.tasklet.fn = slot.timer.fn = [this, &slot] { pass_backlog(slot); };
  return static_cast<std::uint32_t>(slots_.size() - 1);
}

void SkcipherApi::crypto_register(std::uint32_t driverid, Alg alg) {
  slots_.at(driverid)->algs.at(static_cast<std::size_t>(alg)) = true;
}

int SkcipherApi::crypto_unregister_all(std::uint32_t driverid) {
  if (driverid >= slots_.size()) return EINVAL;
  if (slots_[driverid]->tfms != 0) {
    ++stats_.unregister_refused;
    return EBUSY;
  }
  slots_[driverid]->algs.fill(false);
  return 0;
}

bool SkcipherApi::bind(CryptoSkcipher& tfm, bool hardware, const CryptoIni& cri,
                       std::uint32_t mask) {
  for (std::size_t id = 0; id < slots_.size(); ++id) {
    Slot& slot = *slots_[id];
    if (((slot.flags & CRYPTOCAP_F_SOFTWARE) == 0) != hardware) continue;
    if (!slot.algs[static_cast<std::size_t>(cri.cri_alg)]) continue;
    if ((mask & CRYPTO_ALG_ALLOCATES_MEMORY) != 0 && slot.driver->allocates_memory()) {
      ++stats_.passed_over;
      continue;
    }
    if (slot.driver->newsession(&tfm.lid_, cri) != 0) continue;
    tfm.driverid_ = static_cast<std::uint32_t>(id);
    tfm.alg_ = cri.cri_alg;
    tfm.software_.reset();
    ++slot.tfms;
    return true;
  }
  return false;
}

namespace {

Alg algorithm(Cipher cipher, CipherMode mode) {
  constexpr Alg kAlgs[3][3] = {{Alg::aes_ecb, Alg::aes_cbc, Alg::aes_xts},
                               {Alg::des_ecb, Alg::des_cbc, Alg::none},
                               {Alg::des3_ecb, Alg::des3_cbc, Alg::none}};
  return kAlgs[static_cast<int>(cipher)][static_cast<int>(mode)];
}

}  // namespace

std::unique_ptr<CryptoSkcipher> SkcipherApi::crypto_alloc_skcipher(
    Cipher cipher, CipherMode mode, std::span<const std::uint8_t> key, std::uint32_t mask) {
  // Made in any case: it knows what the cipher takes.
  auto software = std::make_unique<CryptoTfm>(kernel_, cipher_costs_, cipher, mode, key);
  std::unique_ptr<CryptoSkcipher> tfm(new CryptoSkcipher);
  tfm->software_ = std::move(software);
  tfm->api_ = this;
  tfm->block_bytes_ = tfm->software_->block_bytes();
  CryptoIni cri;
  cri.cri_alg = algorithm(cipher, mode);
  cri.cri_klen = static_cast<std::uint32_t>(key.size() * 8);
  cri.cri_key = key;
  if (bind(*tfm, true, cri, mask)) return tfm;
  if (mode == CipherMode::xts) {
    const auto data_key = key.first(key.size() / 2);
    auto child = crypto_alloc_skcipher(cipher, CipherMode::ecb, data_key, mask);
    if (child->async()) {
      tfm->xts_ = std::make_unique<XtsTemplate>(kernel_, cipher_costs_, *this, std::move(child),
                                                key.last(key.size() / 2));
      tfm->software_.reset();
      return tfm;
    }
  }
  bind(*tfm, false, cri, mask);
  return tfm;
}

std::size_t SkcipherApi::backlog() const {
  std::size_t n = 0;
  for (const auto& slot : slots_) n += slot->backlog.size();
  return n;
}

int SkcipherApi::submit_software(SkcipherRequest& request, bool encrypt) {
  ++stats_.synchronous;
  CryptoTfm& tfm = *request.tfm->software_;
  const std::uint8_t* in = kernel_.cpu_read(request.src, request.cryptlen);
  std::uint8_t* out = kernel_.cpu_write(request.dst, request.cryptlen);
  const int result = encrypt ? tfm.encrypt(out, in, request.cryptlen, request.iv.data())
                             : tfm.decrypt(out, in, request.cryptlen, request.iv.data());
  kernel_.trace(kernel::TraceEvent::ciphered, request.id);
  return result;
}

/// The end of a request that went to a driver, for its owner.
void SkcipherApi::complete(SkcipherRequest& request, int error) {
  kernel_.trace(kernel::TraceEvent::crypto_callback, request.id);
  request.complete(request, error);
}

int SkcipherApi::crypto_skcipher_encrypt(SkcipherRequest& request) { return submit(request, true); }

int SkcipherApi::crypto_skcipher_decrypt(SkcipherRequest& request) {
  return submit(request, false);
}

int SkcipherApi::submit(SkcipherRequest& request, bool encrypt) {
  CryptoSkcipher& tfm = *request.tfm;
  kernel_.trace(kernel::TraceEvent::crypto_dispatch, request.id);
  int result;
  if (request.cryptlen == 0 || request.cryptlen % tfm.block_bytes_ != 0 ||
      (request.src != request.dst && !tfm.out_of_place())) {
    result = -EINVAL;
  } else if (tfm.software_) {
    result = submit_software(request, encrypt);
  } else if (tfm.xts_) {
    // Counted, and its errors, as the ECB request that it becomes.
    return encrypt ? tfm.xts_->xts_encrypt(request) : tfm.xts_->xts_decrypt(request);
  } else {
    kernel_.charge(Activity::ocf, costs_.skcipher_request);
    kernel_.sync();  // the backlog now, not when this context last looked
    ++stats_.requests;
    Slot& slot = *slots_[tfm.driverid_];
    SkcipherRequest::DriverRequest& crp = request.crp_;
    crp = {};
    crp.crp_sid = static_cast<std::uint64_t>(slot.flags & 0xff) << 56 |
                  static_cast<std::uint64_t>(tfm.driverid_) << 32 | tfm.lid_;
    crp.crp_buf = request.src;
    crp.crp_out_buf = request.dst == request.src ? 0 : request.dst;
    crp.owner = &request;
    crp.crp_id = request.id;
    crp.crp_desc.crd_alg = tfm.alg_;
    crp.crp_desc.crd_len = request.cryptlen;
    crp.crp_desc.crd_flags =
        CRD_F_IV_EXPLICIT | CRD_F_IV_PRESENT | (encrypt ? std::uint32_t{CRD_F_ENCRYPT} : 0u);
    std::copy(request.iv.begin(), request.iv.end(), crp.crp_desc.crd_iv.begin());
    request.direct_ = request.notified_ = false;

    // Somebody tries rmmod.
    if (kernel_.fault(hw::FaultKind::unregister)) crypto_unregister_all(tfm.driverid_);
    const std::uint64_t room = slot.room;
    result = slot.backlog.empty() ? offer(slot, request, 0) : ERESTART;
    if (result == ERESTART) {
      if ((request.flags & CRYPTO_TFM_REQ_MAY_BACKLOG) == 0) {
        ++stats_.no_space;
        return -ENOSPC;
      }
      ++stats_.backlogged;
      slot.backlog.push_back(&request);
      stats_.max_backlog = std::max<std::uint64_t>(stats_.max_backlog, slot.backlog.size());
      if (slot.room != room) {  // there is some since the driver said no
        run_backlog(slot);
      } else {
        arm(slot);
      }
      return -EBUSY;
    }
    arm(slot);
  }
  if (result != 0 && result != -EINPROGRESS) ++stats_.errors;
  return result;
}

/// Hands a request to its driver. Returns ERESTART, or what the submitter gets. The request is not
/// the API's any more if the answer is -EINPROGRESS.
int SkcipherApi::offer(Slot& slot, SkcipherRequest& request, int hint) {
  const bool synchronous = (slot.flags & CRYPTOCAP_F_SYNC) != 0;
  request.direct_ = synchronous;
  ++slot.in_flight;
  const int result = std::abs(slot.driver->process(&request.crp_, hint));
  if (result != 0) {
    --slot.in_flight;
    return result == ERESTART ? ERESTART : -result;
  }
  if (synchronous) {
    if ((request.crp_.crp_flags & CRYPTO_F_DONE) != 0) return -request.crp_.crp_etype;
    request.direct_ = false;
  }
  return -EINPROGRESS;
}

void SkcipherApi::crypto_done(CryptoRequest* crp) {
  if ((crp->crp_flags & CRYPTO_F_DONE) != 0) {
    ++stats_.ended_twice;
    return;
  }
  crp->crp_flags |= CRYPTO_F_DONE;
  kernel_.trace(kernel::TraceEvent::crypto_done, crp->crp_id);
  Slot& slot = *slots_[crypto_sid_hid(crp->crp_sid)];
  --slot.in_flight;
  ++slot.room;
  auto& request = *static_cast<SkcipherRequest::DriverRequest*>(crp)->owner;
  if (!request.direct_) {
    if (crp->crp_etype != 0) ++stats_.errors;
    complete(request, -crp->crp_etype);
  }
  if (!slot.backlog.empty()) run_backlog(slot);
}

int SkcipherApi::crypto_unblock(std::uint32_t driverid, unsigned what) {
  if (driverid >= slots_.size()) return EINVAL;
  Slot& slot = *slots_[driverid];
  if ((what & CRYPTO_SYMQ) == 0) return 0;
  ++slot.room;
  if (!slot.backlog.empty()) run_backlog(slot);
  return 0;
}

/// Passes the backlog on from here, as Linux's drivers do in their interrupt thread; but a driver
/// that reports from its hard interrupt or under a lock is not called back before it is out.
void SkcipherApi::run_backlog(Slot& slot) {
  if (kernel_.in_irq() || kernel_.irqs_disabled()) {
    kernel_.tasklet_schedule(slot.tasklet);
  } else {
    pass_backlog(slot);
  }
}

void SkcipherApi::pass_backlog(Slot& slot) {
  if (slot.passing) {
    slot.again = true;
    return;
  }
  slot.passing = true;
  do {
    slot.again = false;
    while (!slot.backlog.empty()) {
      SkcipherRequest& request = *slot.backlog.front();
      if (!request.notified_) {
        // Before the driver has it: its end cannot overtake this.
        request.notified_ = true;
        request.complete(request, -EINPROGRESS);
      }
      // It stays in the backlog meanwhile, so that newer ones line up.
      const int result = offer(slot, request, slot.backlog.size() > 1 ? CRYPTO_HINT_MORE : 0);
      if (result == ERESTART) break;
      slot.backlog.pop_front();
      if (result != -EINPROGRESS) {
        if (result != 0) ++stats_.errors;
        complete(request, result);
      }
    }
  } while (slot.again);
  slot.passing = false;
  arm(slot);
}

/// With nothing in the driver that could end, nobody else would come back to the backlog.
void SkcipherApi::arm(Slot& slot) {
  if (!slot.backlog.empty() && slot.in_flight == 0 && !slot.timer.armed) {
    kernel_.mod_timer(slot.timer, tick_);
  }
}

}  // namespace cesasim::driver
