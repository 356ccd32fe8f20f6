// SPDX-License-Identifier: Apache-2.0
// dm-crypt as in Linux 2.6.12 (drivers/md/dm-crypt.c, target 1.1.0): what all data paths share.
// A path differs in how crypt_convert gets its sectors ciphered; see path_*.h.
//
// One write: crypt_map -> crypt_alloc_buffer (bounce pages) -> crypt_convert -> clone to the
// device -> crypt_endio -> dec_pending -> end of the bio. One read: crypt_map -> clone with the
// same pages -> crypt_endio -> kcryptd_do_work -> crypt_convert in place -> dec_pending.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dmcrypt_model/crypt_target.h"
#include "dmcrypt_model/iv_generator.h"
#include "driver/crypto_api/crypto_tfm.h"
#include "hw_model/common/object_pool.h"
#include "kernel_model/bio.h"
#include "kernel_model/kernel.h"
#include "kernel_model/mempool.h"
#include "kernel_model/workqueue.h"

namespace cesasim::dmcrypt {

class DmCrypt;

/// struct crypt_io: one bio on its way through the target.
struct CryptIo {
  DmCrypt* target = nullptr;
  Bio* bio = nullptr;
  unsigned pending = 0;
  int error = 0;
};

/// struct convert_context: sectors from bio_in to bio_out (equal for reads).
struct ConvertContext {
  CryptIo* io = nullptr;
  const Bio* bio_in = nullptr;
  const Bio* bio_out = nullptr;
  std::uint32_t offset_in = 0;  // bytes into bio_in
  std::uint32_t idx_in = 0;     // its vec and the offset in it
  std::uint32_t vec_offset_in = 0;
  std::uint32_t offset_out = 0;
  std::uint32_t idx_out = 0;
  std::uint32_t vec_offset_out = 0;
  std::uint64_t sector = 0;  // IV sector of the next unit
  bool write = false;
};

/// One sector of a conversion: where it is, where it goes, its IV sector.
struct SectorStep {
  hw::PhysAddr in = 0;
  hw::PhysAddr out = 0;
  std::uint64_t sector = 0;
  std::uint64_t id = 0;  ///< of the bio, for tracers
  bool last = false;     ///< the context ends with this sector
};

/// The target. Paths override crypt_convert().
class DmCrypt : public CryptTarget {
 public:
  static constexpr unsigned kMinPoolPages = 32;  // MIN_POOL_PAGES
  static constexpr unsigned kMinBioPages = 8;    // MIN_BIO_PAGES

  /// Throws CipherSpecError for what the path does not take (check_path).
  DmCrypt(const char* path, kernel::Kernel& kernel, const CryptTable& table,
          const DmCryptCosts& costs, const driver::CipherCosts& cipher_costs,
          kernel::BlockDevice& lower, EssivSalt salt = EssivSalt::cut);
  ~DmCrypt() override;
  const char* path() const override { return path_; }

 protected:
  struct Clone {
    Bio bio;
    CryptIo* io = nullptr;
    DmCrypt* target = nullptr;
  };

  /// Ciphers all sectors of the context. 0, or -errno for the first failure. Returns when the
  /// data is ready, unless the path says otherwise.
  virtual int crypt_convert(ConvertContext& ctx) = 0;
  /// What kcryptd does with a read whose data has come from the disk: by default the conversion
  /// is complete when crypt_convert returns and the io ends here.
  virtual void kcryptd_do_work(CryptIo& io);
  int crypt_map(Bio& bio) override;
  /// The body of crypt_map: makes and submits the clones. -ENOMEM: the first one failed and the
  /// io is gone.
  int map_clones(CryptIo& io);

  /// Next sector of the context, its cost charged; false when there is none left.
  bool next_sector(ConvertContext& ctx, SectorStep& step);
  void crypt_convert_init(ConvertContext& ctx, CryptIo& io, const Bio& out, const Bio& in,
                          std::uint64_t sector, bool write);
  void dec_pending(CryptIo& io, int error);
  CryptIo* get_io(Bio& bio);
  Clone* get_clone(CryptIo& io);
  void put_clone(Clone& clone);
  void free_buffer_pages(Clone& clone);
  /// `sector`: inside the mapping.
  void submit_clone(Clone& clone, std::uint64_t sector);

  std::unique_ptr<IvGenerator> iv_;  // nullptr: ecb
  kernel::PageMempool page_pool_;
  kernel::Workqueue kcryptd_;

 private:
  Clone* crypt_alloc_buffer(CryptIo& io, std::uint32_t bytes, bool first);
  Clone* crypt_clone(CryptIo& io, const Bio& bio);
  static void crypt_endio(Bio& clone, int error);

  const char* path_;
  unsigned writes_inside_ = 0;
  hw::ObjectPool<CryptIo> io_slab_;
  hw::ObjectPool<Clone> clone_slab_;
};

}  // namespace cesasim::dmcrypt
