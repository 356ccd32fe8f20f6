// The OCF patch of 2005 in its two forms. Both post one OCF request per 512-byte sector, in
// place, so a write first copies the sector to its bounce page. Source: R. Shitrit, cryptoapi
// list, 2005-09-05/06, and the surviving patched dm-crypt.c (target 1.1.0).
#pragma once

#include <memory>
#include <vector>

#include "dmcrypt_model/dm_crypt.h"
#include "driver/ocf/crypto.h"

namespace cesasim::dmcrypt {

/// What the two versions share: the session and dm_ocf_process.
class OcfPath : public DmCrypt {
 public:
  /// Opens one OCF session for the device. Throws CipherSpecError when no driver takes it.
  OcfPath(kernel::Kernel& kernel, const CryptTable& table, const DmCryptCosts& costs,
          const driver::CipherCosts& cipher_costs, kernel::BlockDevice& lower,
          driver::Crypto& crypto);
  ~OcfPath() override;

 protected:
  using Callback = int (*)(driver::Cryptop* crp);
  int crypt_convert(ConvertContext& ctx) override { return ocf_crypt_convert(ctx); }
  virtual int ocf_crypt_convert(ConvertContext& ctx) = 0;
  /// Posts one sector; `opaque` comes back in the callback. 0 or -ENOMEM (any refusal; the
  /// request is leaked, as in the original).
  int dm_ocf_process(const SectorStep& step, bool write, Callback callback, void* opaque);

  driver::Crypto& crypto_;
  std::uint64_t sid_ = 0;
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
  const char* path() const override { return "ocf-v1"; }

 protected:
  int ocf_crypt_convert(ConvertContext& ctx) override;

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
            driver::Crypto& crypto);
  ~OcfV3Path() override;
  const char* path() const override { return "ocf-v3"; }

 protected:
  int ocf_crypt_convert(ConvertContext& ctx) override;
  void kcryptd_do_work(CryptIo& io) override;

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

  std::vector<std::unique_ptr<WrPriv>> priv_slab_;
  std::vector<WrPriv*> free_privs_;
};

}  // namespace cesasim::dmcrypt
