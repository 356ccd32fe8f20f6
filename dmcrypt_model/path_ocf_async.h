// SPDX-License-Identifier: Apache-2.0
// ocf-async: dm-crypt over OCF with what the patch of 2005 leaves for the future. Ours, built on
// the parts of 2.6.12; no original exists.
//
// Nobody waits for a conversion. crypt_map posts a write's sectors and returns; every sector is
// counted, and the callback that takes the count to zero has the clone submitted. Reads likewise:
// the last callback, whichever sector's it is, ends the io. Refusals (no room, no memory) are
// waited for and tried again, errors reach the bio, and a driver that goes away takes nothing with
// it: EAGAIN brings a new session, and as the data is untouched then the sector is posted again.
#pragma once

#include <deque>
#include <vector>

#include "dmcrypt_model/path_info.h"
#include "dmcrypt_model/path_ocf.h"
#include "hw_model/common/object_pool.h"

namespace cesasim::dmcrypt {

/// Who sleeps for what, so that nothing waits in a circle:
///  - a slot (max_in_flight): submitters and kcryptd, holding bounce pages. Slots come back with
///    callbacks, which need no thread that waits for slots or pages: sectors to be posted again
///    keep theirs and are posted by a workqueue of their own.
///  - bounce pages: submitters, one at a time and holding no page that it took in vain. Pages come
///    back from the disk; the submission of finished clones has its own workqueue too.
class OcfAsyncPath : public OcfPath {
 public:
  /// Without any driver for its session a sector is tried again for so long, then its bio fails.
  static constexpr hw::Ps kNoDriverTimeout = 30 * hw::kPsPerS;

  /// Of the settings: placement "out-of-place" has requests with crp_out_buf, and nothing is copied
  /// (only with drivers that take it; after a migration to another driver requests are in place);
  /// max_in_flight; batch.
  OcfAsyncPath(kernel::Kernel& kernel, const CryptTable& table, const DmCryptCosts& costs,
               const driver::CipherCosts& cipher_costs, kernel::BlockDevice& lower,
               driver::Crypto& crypto, const PathSettings& settings);
  ~OcfAsyncPath() override;

 protected:
  int crypt_map(Bio& bio) override;
  /// Posts all sectors and returns; `ctx` is a Conversion.
  int crypt_convert(ConvertContext& ctx) override;
  void kcryptd_do_work(CryptIo& io) override;

 private:
  struct Conversion;
  /// One sector inside OCF.
  struct Sector {
    Conversion* conversion = nullptr;
    driver::Cryptop* crp = nullptr;
    hw::PhysAddr out = 0;
    std::uint64_t sid = 0;  // posted with, and the session_ of then
    std::uint32_t session = 0;
    hw::Ps driverless_since = 0;  // 0: there is a driver
  };
  /// One clone (write) or one io (read) on its way through OCF.
  struct Conversion : ConvertContext {
    OcfAsyncPath* path = nullptr;
    Clone* clone = nullptr;     // write
    std::uint64_t at = 0;       // write: the clone's sector inside the mapping
    std::uint32_t pending = 0;  // sectors posted, plus one while posting
    int failure = 0;
    std::vector<Sector> sectors;
    std::uint32_t posted = 0;
  };

  static int sector_cb(driver::Cryptop* crp);
  Clone* alloc_buffer(CryptIo& io, std::uint32_t bytes);
  Conversion& get_conversion(CryptIo& io, const Bio& out, std::uint64_t sector, bool write);
  void put_conversion(Conversion& c);
  bool may_sleep() const;

  void take_slot();
  void wait_for_room(std::uint64_t seen);
  int post(Sector& s);
  /// The end of a sector's request: 0 or -errno.
  void retire(Sector& s, int error);
  /// One of `c.pending` is done; `posting`: by who posts, not by a callback.
  void drop(Conversion& c, bool posting);
  void end_write(Conversion& c);
  void submit_finished();
  void post_again(Sector& s);
  void post_returned();
  bool adopt_session(Sector& s);

  bool two_buffers_wanted_;
  bool out_of_place_;
  std::string driver_;         // that was asked whether it takes two buffers
  std::uint32_t session_ = 0;  // counts: ids come again when a driver comes back
  std::uint32_t max_in_flight_;
  std::uint32_t low_water_;
  hw::Ps tick_;
  std::uint32_t in_flight_ = 0;
  unsigned writes_ = 0;  // conversions of writes in progress
  std::uint64_t completions_ = 0;
  kernel::WaitQueue slots_;  // submitters waiting for a slot
  kernel::WaitQueue room_;   // ... for room in OCF or its driver
  BounceBuffers buffers_;

  kernel::SpinLock lock_;  // the two lists
  std::deque<Conversion*> finished_;
  bool finished_queued_ = false;
  std::deque<Sector*> again_;
  bool again_queued_ = false;
  kernel::Workqueue kcryptd_io_;
  kernel::Workqueue kcryptd_again_;

  hw::ObjectPool<Conversion> conversion_slab_;
};

}  // namespace cesasim::dmcrypt
