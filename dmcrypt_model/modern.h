// SPDX-License-Identifier: Apache-2.0
// modern: dm-crypt as in Linux 6.1 (target 1.24) over the asynchronous crypto API, with the size
// limits that came with 6.11.
//
// One write: crypt_map -> kcryptd -> crypt_alloc_buffer (all pages or none) -> crypt_convert (every
// unit a request, counted) -> the last completion -> the sorted tree of the thread dmcrypt_write
// -> device -> crypt_endio -> end of the bio. One read: crypt_map -> device, on the bio's own
// pages -> crypt_endio -> kcryptd -> crypt_convert in place -> the last completion -> end of the
// bio. Any completion order does; an error of any unit is the bio's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "dmcrypt_model/crypt_target.h"
#include "dmcrypt_model/iv_generator.h"
#include "dmcrypt_model/path_info.h"
#include "driver/crypto_api/skcipher.h"
#include "driver/params.h"
#include "hw_model/common/object_pool.h"
#include "kernel_model/mempool.h"
#include "kernel_model/workqueue.h"

namespace cesasim::dmcrypt {

/// Integrity tags, zoned devices, several keys and the pages cap of 2 % of the memory (that makes
/// only writers with more than 16 MiB in flight wait) are not modelled. Where Linux would submit a
/// write from an interrupt (no_write_workqueue and a driver that completes there) the write thread
/// does it.
///
/// stats(): convert_errors counts conversions that failed, failed_sectors the 512-byte sectors of
/// their units, waits the sleeps for a driver's backlog, max_in_flight requests inside the crypto
/// API.
class ModernPath : public CryptTarget {
 public:
  static constexpr unsigned kPoolPages = 256;  ///< BIO_MAX_VECS: the largest write, and the pool
  static constexpr unsigned kMinIos = 64;      ///< MIN_IOS: reserve of requests and of clones

  /// Throws CipherSpecError for what the cipher or the table's sector_size does not allow.
  ModernPath(kernel::Kernel& kernel, const CryptTable& table, const DmCryptCosts& costs,
             const driver::CipherCosts& cipher_costs, kernel::BlockDevice& lower,
             driver::SkcipherApi& api, const PathSettings& settings);
  ~ModernPath() override;

  const char* path() const override { return "modern"; }
  /// The crypto driver's name; "generic" for the kernel's own code.
  const char* driver_name() const { return tfm_->driver_name(); }
  /// Sleeps for bounce pages.
  std::uint64_t page_waits() const { return page_pool_.waits(); }

 protected:
  int crypt_map(Bio& bio) override;

 private:
  /// struct completion.
  struct Completion {
    explicit Completion(kernel::Kernel& kernel) : wait(kernel) {}
    void complete();
    void wait_for_completion();
    bool try_wait();
    void reinit() { done = 0; }
    unsigned done = 0;
    kernel::WaitQueue wait;
  };

  /// mempool_t of slab objects, counted: what is free beyond the reserve is the slab's.
  class SlabPool {
   public:
    SlabPool(kernel::Kernel& kernel, hw::AllocSite site, unsigned min_nr)
        : kernel_(kernel), site_(site), min_nr_(min_nr), reserve_(min_nr), wait_(kernel) {}
    bool alloc(bool may_wait);
    void free();

   private:
    kernel::Kernel& kernel_;
    hw::AllocSite site_;
    unsigned min_nr_;
    unsigned reserve_;
    kernel::WaitQueue wait_;
  };

  struct Io;
  /// struct skcipher_request with dm_crypt_request behind it.
  struct Request {
    driver::SkcipherRequest sk;
    Io* io = nullptr;
  };
  /// A bio as it came. Device-mapper cuts it where the target asks.
  struct Whole {
    Bio* bio = nullptr;
    std::uint32_t pending = 0;  // pieces, plus one while cutting
    int error = 0;
  };
  struct Cursor {
    std::size_t idx = 0;
    std::uint32_t offset = 0;  // in the vec
    std::uint32_t left = 0;    // bytes
  };
  /// struct dm_crypt_io: one piece. It and its first request come with the bio.
  struct Io {
    Io(ModernPath& t, kernel::Kernel& kernel) : target(t), restart(kernel) { request.io = this; }
    ModernPath& target;
    Whole* whole = nullptr;
    Bio base;              // the piece
    Bio clone;             // what goes to the device
    std::uint64_t at = 0;  // sector inside the mapping
    std::uint32_t pending = 0;
    int error = 0;
    bool in_map = false;  // crypt_map has not returned: its caller unplugs
    Request request;
    // struct convert_context
    const Bio* out = nullptr;
    Cursor in_at;
    Cursor out_at;
    std::uint64_t cc_sector = 0;
    std::uint32_t cc_pending = 0;
    Completion restart;
    Request* req = nullptr;  // for the next unit
  };

  enum class Convert { done, failed, later };

  static std::unique_ptr<driver::CryptoSkcipher> make_tfm(driver::SkcipherApi& api,
                                                          const CryptTable& table,
                                                          const PathSettings& settings);
  std::uint32_t piece_limit(bool write) const;
  void map_piece(Whole& whole, std::uint32_t offset, std::uint32_t bytes);

  bool kcryptd_io_read(Io& io, bool may_wait);
  void kcryptd_queue_crypt(Io& io);
  void kcryptd_crypt(Io& io);
  void kcryptd_crypt_read_convert(Io& io);
  void kcryptd_crypt_read_continue(Io& io);
  void kcryptd_crypt_write_convert(Io& io);
  void kcryptd_crypt_write_io_submit(Io& io, bool async);
  void dmcrypt_write();
  void submit(Io& io);

  void crypt_convert_init(Io& io, const Bio& out);
  Convert crypt_convert(Io& io, bool atomic, bool reset_pending);
  int crypt_convert_block(Io& io, Request& req);
  bool crypt_alloc_req(Io& io);
  void crypt_free_req(Request& req);
  static void kcryptd_async_done(driver::SkcipherRequest& sk, int error);
  void unit_failed(Io& io);
  void finish_convert(Io& io, Convert result, bool read);

  void crypt_alloc_buffer(Io& io);
  void crypt_free_buffer_pages(Io& io);
  static void crypt_endio(Bio& clone, int error);
  void crypt_inc_pending(Io& io) { ++io.pending; }
  void crypt_dec_pending(Io& io);
  void drop(Io& io);
  void put_whole(Whole& whole, int error);

  driver::SkcipherApi& api_;
  PathSettings settings_;
  std::unique_ptr<driver::CryptoSkcipher> tfm_;
  std::unique_ptr<IvGenerator> iv_;  // none in ECB
  bool copy_first_;                  // writes are ciphered in place, in the bounce page
  unsigned sector_shift_;            // log2 of units in 512-byte sectors
  std::uint32_t in_flight_ = 0;
  unsigned writes_inside_ = 0;

  kernel::PageMempool page_pool_;
  SlabPool req_pool_;
  SlabPool clone_pool_;
  BounceBuffers buffers_;
  kernel::Workqueue io_queue_;
  kernel::Workqueue crypt_queue_;
  kernel::SpinLock write_lock_;
  std::multimap<std::uint64_t, Io*> write_tree_;
  kernel::Thread* write_thread_ = nullptr;

  // Host storage, recycled; what is charged is charged by the pools.
  hw::ObjectPool<Io> ios_;
  hw::ObjectPool<Whole> wholes_;
  hw::ObjectPool<Request> requests_;
};

}  // namespace cesasim::dmcrypt
