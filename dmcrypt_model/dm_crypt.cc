// SPDX-License-Identifier: Apache-2.0
#include "dmcrypt_model/dm_crypt.h"

#include <algorithm>
#include <cerrno>

#include "dmcrypt_model/path_info.h"

namespace cesasim::dmcrypt {

using hw::kPageBytes;
using hw::kSectorBytes;
using kernel::BioVec;

namespace {

const CryptTable& checked(const char* path, const CryptTable& table) {
  check_path(path, table, {}, false);
  return table;
}

}  // namespace

DmCrypt::DmCrypt(const char* path, kernel::Kernel& kernel, const CryptTable& table,
                 const DmCryptCosts& costs, const driver::CipherCosts& cipher_costs,
                 kernel::BlockDevice& lower, EssivSalt salt)
    : CryptTarget(kernel, checked(path, table), costs, lower),
      iv_(IvGenerator::make(kernel, table.cipher, table.key, costs, cipher_costs, salt)),
      page_pool_(kernel, kMinPoolPages, Activity::dm),
      kcryptd_(kernel, "kcryptd"),
      path_(path) {}

DmCrypt::~DmCrypt() = default;

CryptIo* DmCrypt::get_io(Bio& bio) {
  kernel_.charge_slab_alloc(Activity::dm);
  CryptIo* io = &io_slab_.take();
  *io = CryptIo{};
  io->target = this;
  io->bio = &bio;
  io->pending = 1;  // held by crypt_map until all clones are out
  return io;
}

DmCrypt::Clone* DmCrypt::get_clone(CryptIo& io) {
  kernel_.charge_slab_alloc(Activity::dm);
  kernel_.charge(Activity::dm, costs_.clone_bio);
  ++stats_.clones;
  Clone* clone = &clone_slab_.take();
  clone->io = &io;
  clone->target = this;
  clone->bio.op = io.bio->op;
  clone->bio.id = io.bio->id;
  clone->bio.size = 0;
  clone->bio.vecs.clear();
  clone->bio.end_io = &DmCrypt::crypt_endio;
  clone->bio.bi_private = clone;
  return clone;
}

void DmCrypt::put_clone(Clone& clone) {
  kernel_.charge_slab_free(Activity::dm);
  clone_slab_.put(clone);
}

int DmCrypt::crypt_map(Bio& bio) {
  kernel_.charge(Activity::dm, costs_.crypt_map);
  return map_clones(*get_io(bio));
}

int DmCrypt::map_clones(CryptIo& io) {
  const Bio& bio = *io.bio;
  const bool write = bio.op == BioOp::write;
  std::uint64_t sector = bio.sector;
  std::uint32_t remaining = bio.size;
  ConvertContext ctx;
  if (write) crypt_convert_init(ctx, io, bio, bio, sector + table_.iv_offset, true);

  bool first = true;
  while (remaining != 0) {
    Clone* clone;
    int result = -ENOMEM;
    if (write) {
      clone = crypt_alloc_buffer(io, remaining, first);
      if (clone != nullptr) {
        ctx.bio_out = &clone->bio;
        ctx.offset_out = ctx.idx_out = ctx.vec_offset_out = 0;
        ++writes_inside_;
        stats_.max_parallel_writes =
            std::max<std::uint64_t>(stats_.max_parallel_writes, writes_inside_);
        result = crypt_convert(ctx);
        --writes_inside_;
        if (result < 0) {
          ++stats_.convert_errors;
          free_buffer_pages(*clone);
          put_clone(*clone);
          clone = nullptr;  // a failed conversion surfaces as a missing clone
        }
      }
    } else {
      clone = crypt_clone(io, bio);
    }
    if (clone == nullptr) {
      if (!first) {
        dec_pending(io, -ENOMEM);
        return 0;
      }
      io_slab_.put(io);
      kernel_.charge_slab_free(Activity::dm);
      return -ENOMEM;
    }
    first = false;
    ++io.pending;
    remaining -= clone->bio.size;
    const std::uint64_t at = sector;
    sector += clone->bio.sectors();
    submit_clone(*clone, at);
    // Out of memory: give other writes a chance to finish before the next part.
    if (remaining != 0) {
      lower_.blk_congestion_wait(static_cast<hw::Ps>(hw::kPsPerS / 100));
    }
  }
  dec_pending(io, 0);
  return 0;
}

DmCrypt::Clone* DmCrypt::crypt_alloc_buffer(CryptIo& io, std::uint32_t bytes, bool first) {
  Clone* clone = get_clone(io);
  const std::uint32_t pages = (bytes + kPageBytes - 1) / kPageBytes;
  std::uint32_t left = bytes;
  for (std::uint32_t i = 0; i < pages; ++i) {
    kernel_.charge(Activity::dm, costs_.alloc_buffer_page);
    // The first pages are waited for; after MIN_BIO_PAGES only what is there at once is taken,
    // so that two half-filled clones cannot wait for each other.
    const bool may_wait = i < kMinBioPages;
    const hw::PhysAddr page = page_pool_.alloc(may_wait);
    if (page == 0) break;
    const std::uint32_t len = std::min(left, kPageBytes);
    clone->bio.vecs.push_back({page, len});
    clone->bio.size += len;
    left -= len;
  }
  if (left != 0 && first) ++stats_.partial_clones;
  if (clone->bio.size == 0) {
    put_clone(*clone);
    return nullptr;
  }
  return clone;
}

DmCrypt::Clone* DmCrypt::crypt_clone(CryptIo& io, const Bio& bio) {
  Clone* clone = get_clone(io);
  clone->bio.vecs = bio.vecs;
  clone->bio.size = bio.size;
  return clone;
}

void DmCrypt::free_buffer_pages(Clone& clone) {
  for (const BioVec& vec : clone.bio.vecs) page_pool_.free(vec.addr);
}

void DmCrypt::submit_clone(Clone& clone, std::uint64_t sector) {
  clone.bio.sector = table_.start + sector;
  lower_.submit_bio(clone.bio);
}

void DmCrypt::crypt_endio(Bio& bio, int error) {
  Clone& clone = *static_cast<Clone*>(bio.bi_private);
  DmCrypt& self = *clone.target;
  CryptIo& io = *clone.io;
  self.kernel_.charge(Activity::dm, self.costs_.endio);
  const bool write = bio.op == BioOp::write;
  if (write) self.free_buffer_pages(clone);
  self.put_clone(clone);
  if (!write && error == 0) {
    self.kcryptd_.queue_work([&self, &io] { self.kcryptd_do_work(io); });
    return;
  }
  self.dec_pending(io, error);
}

void DmCrypt::kcryptd_do_work(CryptIo& io) {
  ConvertContext ctx;
  crypt_convert_init(ctx, io, *io.bio, *io.bio, io.bio->sector + table_.iv_offset, false);
  const int result = crypt_convert(ctx);
  if (result < 0) ++stats_.convert_errors;
  dec_pending(io, result);
}

void DmCrypt::dec_pending(CryptIo& io, int error) {
  kernel_.charge(Activity::dm, costs_.dec_pending);
  if (error < 0) io.error = error;
  if (--io.pending != 0) return;
  Bio& bio = *io.bio;
  const int result = io.error;
  kernel_.charge_slab_free(Activity::dm);
  io_slab_.put(io);
  bio.end_io(bio, result);
}

void DmCrypt::crypt_convert_init(ConvertContext& ctx, CryptIo& io, const Bio& out, const Bio& in,
                                 std::uint64_t sector, bool write) {
  ctx = ConvertContext{};
  ctx.io = &io;
  ctx.bio_in = &in;
  ctx.bio_out = &out;
  ctx.sector = sector;
  ctx.write = write;
}

bool DmCrypt::next_sector(ConvertContext& ctx, SectorStep& step) {
  if (ctx.offset_in >= ctx.bio_in->size || ctx.offset_out >= ctx.bio_out->size) return false;
  kernel_.charge(Activity::dm, costs_.convert_sector);
  const BioVec& in = ctx.bio_in->vecs[ctx.idx_in];
  const BioVec& out = ctx.bio_out->vecs[ctx.idx_out];
  step.in = in.addr + ctx.vec_offset_in;
  step.out = out.addr + ctx.vec_offset_out;
  step.sector = ctx.sector++;
  step.id = ctx.io->bio->id;
  ctx.offset_in += kSectorBytes;
  ctx.vec_offset_in += kSectorBytes;
  if (ctx.vec_offset_in >= in.len) {
    ctx.vec_offset_in = 0;
    ++ctx.idx_in;
  }
  ctx.offset_out += kSectorBytes;
  ctx.vec_offset_out += kSectorBytes;
  if (ctx.vec_offset_out >= out.len) {
    ctx.vec_offset_out = 0;
    ++ctx.idx_out;
  }
  step.last = ctx.offset_in >= ctx.bio_in->size || ctx.offset_out >= ctx.bio_out->size;
  return true;
}

}  // namespace cesasim::dmcrypt
