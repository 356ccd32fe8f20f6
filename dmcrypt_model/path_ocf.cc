// SPDX-License-Identifier: Apache-2.0
#include "dmcrypt_model/path_ocf.h"

#include <cerrno>

namespace cesasim::dmcrypt {

using driver::Cryptop;

driver::Alg alg_of(const CipherSpec& spec) {
  if (spec.cipher == "des") return driver::Alg::des_cbc;
  return spec.cipher == "des3_ede" ? driver::Alg::des3_cbc : driver::Alg::aes_cbc;
}

OcfPath::OcfPath(const char* path, kernel::Kernel& kernel, const CryptTable& table,
                 const DmCryptCosts& costs, const driver::CipherCosts& cipher_costs,
                 kernel::BlockDevice& lower, driver::Crypto& crypto, EssivSalt salt)
    : DmCrypt(path, kernel, table, costs, cipher_costs, lower, salt),
      crypto_(crypto),
      alg_(alg_of(table.cipher)) {
  const driver::CryptoIni cri = session_ini();
  if (const int error = crypto_.crypto_newsession(&sid_, cri)) {
    throw CipherSpecError("driver", "no OCF driver takes " + table_.cipher.str() +
                                        " with a key of " + std::to_string(cri.cri_klen) +
                                        " bits (error " + std::to_string(error) + ")");
  }
}

OcfPath::~OcfPath() { crypto_.crypto_freesession(sid_); }

driver::CryptoIni OcfPath::session_ini() const {
  driver::CryptoIni cri;
  cri.cri_alg = alg_;
  cri.cri_klen = static_cast<std::uint32_t>(table_.key.size() * 8);
  cri.cri_key = table_.key;
  return cri;
}

Cryptop* OcfPath::make_request(const SectorStep& step, bool write) {
  Cryptop* crp = crypto_.crypto_getreq();
  if (crp == nullptr) return nullptr;
  driver::CryptoDesc& crd = crp->crp_desc;
  iv_->generate(step.sector, crd.crd_iv);
  crd.crd_alg = alg_;
  crd.crd_klen = static_cast<std::uint32_t>(table_.key.size() * 8);
  crd.crd_key = table_.key;
  crd.crd_flags = driver::CRD_F_IV_EXPLICIT | driver::CRD_F_IV_PRESENT;
  if (write) crd.crd_flags |= driver::CRD_F_ENCRYPT;
  crd.crd_len = hw::kSectorBytes;
  crp->crp_sid = sid_;
  crp->crp_id = step.id;
  crp->crp_ilen = hw::kSectorBytes;
  crp->crp_olen = hw::kSectorBytes;
  crp->crp_flags = crp_flags_;
  crp->crp_buf = step.out;
  return crp;
}

int OcfPath::dm_ocf_process(const SectorStep& step, bool write, Callback callback, void* opaque) {
  Cryptop* crp = make_request(step, write);
  if (crp == nullptr) return -ENOMEM;
  crp->crp_opaque = opaque;
  crp->crp_callback = callback;
  // OCF ciphers in place: a write's plaintext must stay as it is in the page cache.
  if (step.in != step.out) kernel_.memcpy(step.out, step.in, hw::kSectorBytes);
  if (dispatch(crp) == 0) return 0;
  ++stats_.leaked_requests;
  return -ENOMEM;
}

// --- ocf-v1 ---------------------------------------------------------------------------------

OcfV1Path::OcfV1Path(kernel::Kernel& kernel, const CryptTable& table, const DmCryptCosts& costs,
                     const driver::CipherCosts& cipher_costs, kernel::BlockDevice& lower,
                     driver::Crypto& crypto)
    : OcfPath("ocf-v1", kernel, table, costs, cipher_costs, lower, crypto), wait_(kernel) {}

int OcfV1Path::crypt_convert(ConvertContext& ctx) {
  SectorStep step;
  int result = 0;
  while (result == 0 && next_sector(ctx, step)) {
    ++pending_;
    result = dm_ocf_process(step, ctx.write, &dm_ocf_cb, this);
    if (result < 0) --pending_;
  }
  wait_.wait_event([this] { return pending_ == 0; });
  return result;
}

int OcfV1Path::dm_ocf_cb(Cryptop* crp) {
  auto& self = *static_cast<OcfV1Path*>(crp->crp_opaque);
  self.look_away(crp);
  self.crypto_.crypto_freereq(crp);
  if (--self.pending_ == 0) self.wait_.wake_up();
  return 0;
}

// --- ocf-v3 ---------------------------------------------------------------------------------

OcfV3Path::OcfV3Path(const char* path, kernel::Kernel& kernel, const CryptTable& table,
                     const DmCryptCosts& costs, const driver::CipherCosts& cipher_costs,
                     kernel::BlockDevice& lower, driver::Crypto& crypto, EssivSalt salt)
    : OcfPath(path, kernel, table, costs, cipher_costs, lower, crypto, salt) {
  no_io_.target = this;
}

OcfV3Path::~OcfV3Path() = default;

OcfV3Path::WrPriv* OcfV3Path::get_priv() {
  kernel_.charge_slab_alloc(Activity::dm);  // kmalloc
  WrPriv* priv = &priv_slab_.take();
  priv->path = this;
  if (priv->wait == nullptr) priv->wait = std::make_unique<kernel::WaitQueue>(kernel_);
  priv->completed = priv->pending = priv->posted = 0;
  priv->abandoned = false;
  return priv;
}

int OcfV3Path::crypt_convert(ConvertContext& ctx) {
  SectorStep step;
  int result = 0;
  if (!ctx.write) {
    // Read: only the context's last sector carries the io; nobody waits.
    while (result == 0 && next_sector(ctx, step)) {
      result = dm_ocf_process(step, false, &dm_ocf_rd_cb, step.last ? ctx.io : &no_io_);
    }
    return result;
  }
  WrPriv* priv = get_priv();
  std::uint32_t count = 0;
  while (result == 0 && next_sector(ctx, step)) {
    ++count;  // before the call: a refused sector is counted too, and the wait runs its 30 s
    result = dm_ocf_process(step, true, &dm_ocf_wr_cb, priv);
    if (result == 0) ++priv->posted;
  }
  priv->pending += count;
  if (!priv->wait->wait_event_timeout([priv] { return priv->pending == priv->completed; },
                                      kWriteTimeout)) {
    ++stats_.timeouts;
  }
  kernel_.charge_slab_free(Activity::dm);
  if (priv->completed == priv->posted) {
    priv_slab_.put(*priv);
  } else {
    priv->abandoned = true;
    ++stats_.freed_in_use;
  }
  return result;
}

int OcfV3Path::dm_ocf_wr_cb(Cryptop* crp) {
  WrPriv* priv = static_cast<WrPriv*>(crp->crp_opaque);
  OcfV3Path& self = *priv->path;
  self.request_ended();
  self.look_away(crp);
  ++priv->completed;
  if (priv->abandoned) {
    ++self.stats_.late_callbacks;
    if (priv->completed == priv->posted) self.priv_slab_.put(*priv);
  } else if (priv->completed == priv->pending) {
    priv->wait->wake_up();
  }
  self.crypto_.crypto_freereq(crp);
  return 0;
}

int OcfV3Path::dm_ocf_rd_cb(Cryptop* crp) {
  auto* io = static_cast<CryptIo*>(crp->crp_opaque);
  auto& self = *static_cast<OcfV3Path*>(io->target);
  self.request_ended();
  self.look_away(crp);
  self.crypto_.crypto_freereq(crp);
  if (io != &self.no_io_) self.dec_pending(*io, 0);
  return 0;
}

void OcfV3Path::kcryptd_do_work(CryptIo& io) {
  ConvertContext ctx;
  crypt_convert_init(ctx, io, *io.bio, *io.bio, io.bio->sector + table_.iv_offset, false);
  const int result = crypt_convert(ctx);
  if (result < 0) {
    ++stats_.convert_errors;
    kernel_.schedule_timeout(kReadErrorPause);  // hoping that what was posted ends meanwhile
    dec_pending(io, result);
  }
}

// --- ocf-lsp --------------------------------------------------------------------------------

OcfLspPath::OcfLspPath(kernel::Kernel& kernel, const CryptTable& table, const DmCryptCosts& costs,
                       const driver::CipherCosts& cipher_costs, kernel::BlockDevice& lower,
                       driver::Crypto& crypto)
    : OcfV3Path("ocf-lsp", kernel, table, costs, cipher_costs, lower, crypto, EssivSalt::whole),
      wait_(kernel) {
  crp_flags_ = driver::CRYPTO_F_CBIMM | driver::CRYPTO_F_BATCH;
  if ((driver::crypto_sid_caps(sid_) & (driver::CRYPTOCAP_F_SOFTWARE | driver::CRYPTOCAP_F_SYNC)) !=
      0) {
    throw CipherSpecError("driver",
                          "path 'ocf-lsp': the driver '" + crypto_.driver_name(sid_) +
                              "' ends requests inside crypto_dispatch, where the callback waits "
                              "for ever for the lock that is held around it",
                          "a hardware driver");
  }
}

/// Nothing is done in the submitter. The queue is started at once: the kernel of this path (3.10)
/// no longer waits for the submitter to unplug it.
int OcfLspPath::crypt_map(Bio& bio) {
  kernel_.charge(Activity::dm, costs_.crypt_map);
  CryptIo& io = *get_io(bio);
  kcryptd_.queue_work([this, &io, &bio] {
    if (const int error = map_clones(io)) bio.end_io(bio, error);
    lower_.unplug();
  });
  return 0;
}

int OcfLspPath::dispatch(Cryptop* crp) {
  for (;;) {
    std::uint32_t seen = 0;
    {
      kernel::Kernel::IrqLock lock(kernel_, crypt_lock_, Activity::dm);
      dispatching_ = true;
      dispatching_cpu_ = kernel_.smp_processor_id();
      const int refused = crypto_.crypto_dispatch(crp);
      dispatching_ = false;
      if (refused == 0) {
        ++outstanding_;
        return 0;
      }
      seen = outstanding_;
    }
    ++stats_.retries;
    if (seen == 0) {
      kernel_.yield();
      continue;
    }
    ++stats_.waits;
    wait_.wait_event([this, seen] { return outstanding_ < seen; });
  }
}

void OcfLspPath::request_ended() {
  if (dispatching_ && kernel_.smp_processor_id() == dispatching_cpu_) {
    // Here the original's processor stops for good, with its interrupts off.
    ++stats_.self_deadlocks;
    --outstanding_;
    return;
  }
  {
    kernel::Kernel::IrqLock lock(kernel_, crypt_lock_, Activity::dm);
    --outstanding_;
  }
  wait_.wake_up();
}

void OcfLspPath::kcryptd_do_work(CryptIo& io) {
  ConvertContext ctx;
  crypt_convert_init(ctx, io, *io.bio, *io.bio, io.bio->sector + table_.iv_offset, false);
  // On an error nobody is left to end the io: the test of the unsigned result never holds.
  if (crypt_convert(ctx) < 0) ++stats_.convert_errors;
}

}  // namespace cesasim::dmcrypt
