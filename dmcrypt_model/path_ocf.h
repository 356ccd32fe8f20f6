// SPDX-License-Identifier: Apache-2.0
// The OCF patch of 2005 in its two forms, and Marvell's descendant of it. All post one OCF request
// per 512-byte sector, in place, so a write first copies the sector to its bounce page. Source: R.
// Shitrit, cryptoapi list, 2005-09-05/06; the surviving patched dm-crypt.c (target 1.1.0); for
// ocf-lsp the dm-crypt.c of a vendor kernel 3.10 (target 1.5.1).
#pragma once

#include <memory>
#include <vector>

#include "dmcrypt_model/dm_crypt.h"
#include "driver/ocf/crypto.h"
#include "hw_model/common/object_pool.h"

namespace cesasim::dmcrypt {

/// OCF's name of the cipher in CBC.
driver::Alg alg_of(const CipherSpec& spec);

/// What all paths of OCF share: the session and the making of requests.
class OcfPath : public DmCrypt {
 public:
  /// Opens one OCF session for the device. Throws CipherSpecError when no driver takes it.
  OcfPath(const char* path, kernel::Kernel& kernel, const CryptTable& table,
          const DmCryptCosts& costs, const driver::CipherCosts& cipher_costs,
          kernel::BlockDevice& lower, driver::Crypto& crypto, EssivSalt salt = EssivSalt::cut);
  ~OcfPath() override;

 protected:
  using Callback = int (*)(driver::Cryptop* crp);
  /// A request that ciphers the sector from `step.in` to `step.out`, without a callback yet.
  /// nullptr: no memory.
  driver::Cryptop* make_request(const SectorStep& step, bool write);
  /// Posts one sector in place; `opaque` comes back in the callback. 0 or -ENOMEM (any refusal;
  /// the request is leaked, as in the original).
  int dm_ocf_process(const SectorStep& step, bool write, Callback callback, void* opaque);
  /// Gives the request to OCF; any non-zero result is a refusal.
  virtual int dispatch(driver::Cryptop* crp) { return crypto_.crypto_dispatch(crp); }
  /// Counts what the historical callbacks never look at.
  void look_away(const driver::Cryptop* crp) {
    if (crp->crp_etype != 0) ++stats_.ignored_errors;
  }
  driver::CryptoIni session_ini() const;

  driver::Crypto& crypto_;
  driver::Alg alg_;
  std::uint64_t sid_ = 0;
  std::uint32_t crp_flags_ = driver::CRYPTO_F_CBIMM;
};

/// ocf-v1, known from the mail only: every conversion, read or write, waits until all posted
/// sectors are done. The count of outstanding sectors is one for the whole device (inferred
/// from "only one crypt_convert can occur in parallel" and from what the second patch changed),
/// so with two writers inside each also waits for the other's sectors.
class OcfV1Path : public OcfPath {
 public:
  OcfV1Path(kernel::Kernel& kernel, const CryptTable& table, const DmCryptCosts& costs,
            const driver::CipherCosts& cipher_costs, kernel::BlockDevice& lower,
            driver::Crypto& crypto);

 protected:
  int crypt_convert(ConvertContext& ctx) override;

 private:
  static int dm_ocf_cb(driver::Cryptop* crp);
  std::uint32_t pending_ = 0;  // sectors inside OCF, whole device
  kernel::WaitQueue wait_;
};

/// ocf-v3: a write waits for its own sectors with a counter of its own (30 s at most); a read
/// is only posted, and the callback of its last sector ends the io, assuming completion in
/// order. crp_etype is never looked at. These faults are the original's.
class OcfV3Path : public OcfPath {
 public:
  static constexpr hw::Ps kWriteTimeout = 30 * hw::kPsPerS;
  static constexpr hw::Ps kReadErrorPause = hw::kPsPerS / 2;

  OcfV3Path(kernel::Kernel& kernel, const CryptTable& table, const DmCryptCosts& costs,
            const driver::CipherCosts& cipher_costs, kernel::BlockDevice& lower,
            driver::Crypto& crypto)
      : OcfV3Path("ocf-v3", kernel, table, costs, cipher_costs, lower, crypto, EssivSalt::cut) {}
  ~OcfV3Path() override;

 protected:
  OcfV3Path(const char* path, kernel::Kernel& kernel, const CryptTable& table,
            const DmCryptCosts& costs, const driver::CipherCosts& cipher_costs,
            kernel::BlockDevice& lower, driver::Crypto& crypto, EssivSalt salt);

  /// The original's ocf_crypt_convert.
  int crypt_convert(ConvertContext& ctx) override;
  void kcryptd_do_work(CryptIo& io) override;
  /// Called first by both callbacks.
  virtual void request_ended() {}

 private:
  /// struct ocf_wr_priv. In the original a timed-out writer frees it under live requests;
  /// here it then stays until the last of them came back, and each is counted.
  struct WrPriv {
    OcfV3Path* path = nullptr;
    std::uint32_t completed = 0;
    std::uint32_t pending = 0;
    std::uint32_t posted = 0;
    bool abandoned = false;
    std::unique_ptr<kernel::WaitQueue> wait;
  };
  static int dm_ocf_wr_cb(driver::Cryptop* crp);
  static int dm_ocf_rd_cb(driver::Cryptop* crp);
  WrPriv* get_priv();

  /// What a read's requests carry, but for the last sector's, which carries the io. (The original
  /// has a null pointer and finds its globals without one.)
  CryptIo no_io_;
  hw::ObjectPool<WrPriv> priv_slab_;
};

/// ocf-lsp: as ocf-v3, but a refused request is tried again, reads' submission and writes'
/// encryption are queued to kcryptd as reads' decryption is, and requests ask for BATCH, which in
/// Marvell's core means "straight to the hardware". Faults beside those of ocf-v3: a write that
/// waits holds up its processor's kcryptd; an error of a read's conversion is kept in an unsigned
/// variable, so the test for it never holds and the bio never ends; a refusal for good is tried
/// for ever; a request that ends inside its own dispatch takes a lock that its processor holds.
class OcfLspPath : public OcfV3Path {
 public:
  /// Throws CipherSpecError also for a software session: its requests end inside dispatch.
  OcfLspPath(kernel::Kernel& kernel, const CryptTable& table, const DmCryptCosts& costs,
             const driver::CipherCosts& cipher_costs, kernel::BlockDevice& lower,
             driver::Crypto& crypto);

 protected:
  int crypt_map(Bio& bio) override;
  int dispatch(driver::Cryptop* crp) override;
  void kcryptd_do_work(CryptIo& io) override;
  void request_ended() override;

 private:
  kernel::SpinLock crypt_lock_;    // _crypt_lock: one for the module; here for the one device
  bool dispatching_ = false;       // crypt_lock_ is held around crypto_dispatch ...
  unsigned dispatching_cpu_ = 0;   // ... by this core
  std::uint32_t outstanding_ = 0;  // requests inside OCF
  kernel::WaitQueue wait_;
};

}  // namespace cesasim::dmcrypt
