// SPDX-License-Identifier: Apache-2.0
#include "dmcrypt_model/modern.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

namespace cesasim::dmcrypt {

using hw::kPageBytes;
using hw::kSectorBytes;
using kernel::BioVec;
using kernel::Kernel;

namespace {

/// The bytes [offset, offset + bytes) of `from` as vecs.
void cut_vecs(const Bio& from, std::uint32_t offset, std::uint32_t bytes,
              std::vector<BioVec>& out) {
  out.clear();
  for (const BioVec& vec : from.vecs) {
    if (bytes == 0) return;
    if (offset >= vec.len) {
      offset -= vec.len;
      continue;
    }
    const std::uint32_t len = std::min(vec.len - offset, bytes);
    out.push_back({vec.addr + offset, len});
    offset = 0;
    bytes -= len;
  }
}

kernel::WorkqueueOptions crypt_queue_options(const Kernel& kernel, bool same_cpu) {
  kernel::WorkqueueOptions o;
  o.unbound = !same_cpu;
  o.max_active = same_cpu ? 1 : kernel.cpus();
  o.nice = 0;  // not WQ_HIGHPRI
  return o;
}

kernel::WorkqueueOptions io_queue_options() {
  kernel::WorkqueueOptions o;
  o.max_active = 1;
  o.nice = 0;
  return o;
}

}  // namespace

// --- waiting and pools ------------------------------------------------------------------------

void ModernPath::Completion::complete() {
  ++done;
  wait.wake_up();  // last: the waiter may be done with this object
}

void ModernPath::Completion::wait_for_completion() {
  wait.wait_event([this] { return done != 0; });
  --done;
}

bool ModernPath::Completion::try_wait() {
  if (done == 0) return false;
  --done;
  return true;
}

bool ModernPath::SlabPool::alloc(bool may_wait) {
  for (;;) {
    if (kernel_.slab_alloc(Activity::dm, site_)) return true;
    if (reserve_ != 0) {
      --reserve_;
      return true;
    }
    if (!may_wait) return false;
    const Kernel::MemoryWait waiting(kernel_, site_);
    wait_.wait_event([this] { return reserve_ != 0; });
  }
}

void ModernPath::SlabPool::free() {
  if (reserve_ < min_nr_) {
    ++reserve_;
    wait_.wake_up();
  } else {
    kernel_.charge_slab_free(Activity::dm);
  }
}

// --- construction -----------------------------------------------------------------------------

std::unique_ptr<driver::CryptoSkcipher> ModernPath::make_tfm(driver::SkcipherApi& api,
                                                             const CryptTable& table,
                                                             const PathSettings& settings) {
  const std::uint32_t unit = table.sector_size;
  if (unit < 512 || unit > 4096 || !std::has_single_bit(unit)) {
    throw CipherSpecError("sector_size",
                          "Invalid feature value for sector_size: " + std::to_string(unit),
                          "512, 1024, 2048, 4096");
  }
  if (table.sectors % (unit / kSectorBytes) != 0) {
    throw CipherSpecError("sectors", "Device size is not multiple of sector_size feature");
  }
  if (table.iv_offset % (unit / kSectorBytes) != 0) {
    throw CipherSpecError("iv_offset", "Invalid iv_offset sector: no multiple of sector_size");
  }
  const std::uint32_t mask =
      settings.allow_allocating_drivers ? 0 : std::uint32_t{driver::CRYPTO_ALG_ALLOCATES_MEMORY};
  std::unique_ptr<driver::CryptoSkcipher> tfm;
  try {
    tfm =
        api.crypto_alloc_skcipher(cipher_of(table.cipher), mode_of(table.cipher), table.key, mask);
  } catch (const std::invalid_argument& e) {
    throw CipherSpecError("cipher", table.cipher.str() + ": " + e.what());
  }
  if (settings.placement == "out-of-place" && !tfm->out_of_place()) {
    throw CipherSpecError("placement",
                          std::string("placement 'out-of-place': the crypto driver ") +
                              tfm->driver_name() + " takes one buffer",
                          "native (copies then), in-place");
  }
  return tfm;
}

ModernPath::ModernPath(Kernel& kernel, const CryptTable& table, const DmCryptCosts& costs,
                       const driver::CipherCosts& cipher_costs, kernel::BlockDevice& lower,
                       driver::SkcipherApi& api, const PathSettings& settings)
    : CryptTarget(kernel, table, costs, lower),
      api_(api),
      settings_(settings),
      tfm_(make_tfm(api, table, settings)),  // and what refuses a table comes before the threads
      iv_(IvGenerator::make(kernel, table.cipher, table.key, costs, cipher_costs,
                            EssivSalt::whole)),
      copy_first_(settings.placement == "in-place" || !tfm_->out_of_place()),
      sector_shift_(static_cast<unsigned>(std::countr_zero(table.sector_size / kSectorBytes))),
      page_pool_(kernel, kPoolPages, Activity::dm),
      req_pool_(kernel, hw::AllocSite::dm_request, kMinIos),
      clone_pool_(kernel, hw::AllocSite::dm_clone, kMinIos),
      buffers_(kernel, page_pool_, costs.alloc_buffer_page),
      io_queue_(kernel, "kcryptd_io", io_queue_options()),
      crypt_queue_(kernel, "kcryptd", crypt_queue_options(kernel, table.same_cpu_crypt)),
      write_thread_(&kernel.kthread_run("dmcrypt_write", [this] { dmcrypt_write(); })),
      ios_([this] { return std::make_unique<Io>(*this, kernel_); }) {}

ModernPath::~ModernPath() = default;

// --- mapping ----------------------------------------------------------------------------------

std::uint32_t ModernPath::piece_limit(bool write) const {
  std::uint32_t limit = write ? settings_.max_write_size : settings_.max_read_size;
  if (limit == 0) {
    if (!write) return std::numeric_limits<std::uint32_t>::max();
    limit = kPoolPages * kPageBytes;
  }
  if (write) limit = std::min(limit, kPoolPages * kPageBytes);
  return std::max(limit / table_.sector_size, 1u) * table_.sector_size;
}

int ModernPath::crypt_map(Bio& bio) {
  Whole& whole = wholes_.take();
  whole = Whole{&bio, 1, 0};
  const std::uint32_t limit = piece_limit(bio.op == BioOp::write);
  for (std::uint32_t offset = 0; offset < bio.size;) {
    const std::uint32_t bytes = std::min(bio.size - offset, limit);
    // dm_accept_partial_bio: device-mapper comes back with the rest as with a bio of its own.
    if (offset != 0) kernel_.charge(Activity::dm, costs_.dm_request);
    map_piece(whole, offset, bytes);
    offset += bytes;
  }
  put_whole(whole, 0);
  return 0;
}

void ModernPath::put_whole(Whole& whole, int error) {
  if (error != 0 && whole.error == 0) whole.error = error;
  if (--whole.pending != 0) return;
  Bio& bio = *whole.bio;
  const int result = whole.error;
  wholes_.put(whole);
  bio.end_io(bio, result);
}

void ModernPath::map_piece(Whole& whole, std::uint32_t offset, std::uint32_t bytes) {
  kernel_.charge(Activity::dm, costs_.crypt_map);
  ++whole.pending;
  const Bio& bio = *whole.bio;
  const std::uint64_t at = bio.sector + offset / kSectorBytes;
  if (((at << 9 | bytes) & (table_.sector_size - 1)) != 0) {
    put_whole(whole, -EIO);  // DM_MAPIO_KILL
    return;
  }
  Io& io = ios_.take();
  io.whole = &whole;
  io.base.op = bio.op;
  io.base.id = bio.id;
  io.base.sector = at;
  io.base.size = bytes;
  cut_vecs(bio, offset, bytes, io.base.vecs);
  io.clone.op = bio.op;
  io.clone.id = bio.id;
  io.clone.end_io = &ModernPath::crypt_endio;
  io.clone.bi_private = &io;
  io.at = at;
  io.pending = 1;  // until this returns
  io.error = 0;
  io.req = &io.request;
  io.restart.reinit();
  io.in_map = true;
  if (bio.op == BioOp::read) {
    if (!kcryptd_io_read(io, false)) {
      crypt_inc_pending(io);
      io_queue_.queue_work([this, &io] {
        kcryptd_io_read(io, true);
        crypt_dec_pending(io);
      });
    }
  } else {
    crypt_inc_pending(io);
    kcryptd_queue_crypt(io);
  }
  io.in_map = false;
  drop(io);
}

void ModernPath::submit(Io& io) {
  io.clone.sector = table_.start + io.at;
  const bool run_queue = !io.in_map;
  lower_.submit_bio(io.clone);
  // A submitter unplugs when it has no more; threads of our own submit without a plug, which in
  // 2.6.12's block layer takes an unplug at once.
  if (run_queue) lower_.blk_run_queue();
}

// --- reads: the device first --------------------------------------------------------------------

bool ModernPath::kcryptd_io_read(Io& io, bool may_wait) {
  if (!clone_pool_.alloc(may_wait)) return false;
  kernel_.charge(Activity::dm, costs_.clone_bio);
  ++stats_.clones;
  // The block layer may change the clone's vecs, and the conversion needs them.
  io.clone.vecs = io.base.vecs;
  io.clone.size = io.base.size;
  crypt_inc_pending(io);
  submit(io);
  return true;
}

void ModernPath::crypt_endio(Bio& clone, int error) {
  Io& io = *static_cast<Io*>(clone.bi_private);
  ModernPath& self = io.target;
  self.kernel_.charge(Activity::dm, self.costs_.endio);
  const bool write = clone.op == BioOp::write;
  if (write) self.crypt_free_buffer_pages(io);
  self.clone_pool_.free();
  if (!write && error == 0) {
    self.kcryptd_queue_crypt(io);
    return;
  }
  if (error != 0 && io.error == 0) io.error = error;
  self.crypt_dec_pending(io);
}

void ModernPath::crypt_dec_pending(Io& io) {
  kernel_.charge(Activity::dm, costs_.dec_pending);
  drop(io);
}

void ModernPath::drop(Io& io) {
  if (--io.pending != 0) return;
  if (io.req != nullptr) crypt_free_req(*std::exchange(io.req, nullptr));
  Whole& whole = *io.whole;
  const int error = io.error;
  ios_.put(io);
  put_whole(whole, error);
}

// --- kcryptd ------------------------------------------------------------------------------------

void ModernPath::kcryptd_queue_crypt(Io& io) {
  const bool inline_ =
      io.base.op == BioOp::write ? table_.no_write_workqueue : table_.no_read_workqueue;
  // The crypto API does not work in a hard interrupt, nor with interrupts off.
  if (inline_ && !kernel_.in_irq() && !kernel_.irqs_disabled()) {
    kcryptd_crypt(io);
    return;
  }
  crypt_queue_.queue_work([this, &io] { kcryptd_crypt(io); });
}

void ModernPath::kcryptd_crypt(Io& io) {
  if (io.base.op == BioOp::write) {
    kcryptd_crypt_write_convert(io);
  } else {
    kcryptd_crypt_read_convert(io);
  }
}

void ModernPath::kcryptd_crypt_read_convert(Io& io) {
  crypt_inc_pending(io);
  crypt_convert_init(io, io.base);
  finish_convert(io, crypt_convert(io, table_.no_read_workqueue, true), true);
}

/// The rest of a read whose conversion met a full driver, or no memory, in a softirq.
void ModernPath::kcryptd_crypt_read_continue(Io& io) {
  io.restart.wait_for_completion();
  io.restart.reinit();
  finish_convert(io, crypt_convert(io, false, false), true);
}

void ModernPath::kcryptd_crypt_write_convert(Io& io) {
  crypt_alloc_buffer(io);
  crypt_convert_init(io, io.clone);
  crypt_inc_pending(io);
  stats_.max_parallel_writes =
      std::max<std::uint64_t>(stats_.max_parallel_writes, ++writes_inside_);
  const Convert result = crypt_convert(io, table_.no_write_workqueue, true);
  --writes_inside_;
  finish_convert(io, result, false);
}

/// The submitter's share of the count goes; if nothing is in flight any more, it is its turn.
void ModernPath::finish_convert(Io& io, Convert result, bool read) {
  if (result == Convert::later) {
    // Only a softirq cannot wait, and only reads are converted in one.
    if (!read) throw std::logic_error("modern: a write's conversion cannot be continued later");
    crypt_queue_.queue_work([this, &io] { kcryptd_crypt_read_continue(io); });
    return;
  }
  if (--io.cc_pending == 0) {
    if (read) {
      if (io.error != 0) ++stats_.convert_errors;
      crypt_dec_pending(io);  // kcryptd_crypt_read_done
    } else {
      kcryptd_crypt_write_io_submit(io, false);
    }
  }
  crypt_dec_pending(io);
}

// --- conversion -----------------------------------------------------------------------------

void ModernPath::crypt_convert_init(Io& io, const Bio& out) {
  io.out = &out;
  io.in_at = {0, 0, io.base.size};
  io.out_at = {0, 0, out.size};
  io.cc_sector = io.at + table_.iv_offset;
}

bool ModernPath::crypt_alloc_req(Io& io) {
  if (io.req != nullptr) return true;
  if (!req_pool_.alloc(!kernel_.in_interrupt())) return false;
  io.req = &requests_.take();
  io.req->io = &io;
  return true;
}

void ModernPath::crypt_free_req(Request& req) {
  if (&req == &req.io->request) return;
  requests_.put(req);
  req_pool_.free();
}

void ModernPath::unit_failed(Io& io) {
  stats_.failed_sectors += table_.sector_size / kSectorBytes;
  if (io.error == 0) io.error = -EIO;
}

ModernPath::Convert ModernPath::crypt_convert(Io& io, bool atomic, bool reset_pending) {
  if (reset_pending) io.cc_pending = 1;
  const std::uint32_t step = table_.sector_size / kSectorBytes;
  while (io.in_at.left != 0 && io.out_at.left != 0) {
    if (!crypt_alloc_req(io)) {
      io.restart.complete();  // there is no backlog to wait for
      return Convert::later;
    }
    ++io.cc_pending;
    stats_.max_in_flight = std::max<std::uint64_t>(stats_.max_in_flight, ++in_flight_);
    int result = crypt_convert_block(io, *io.req);
    if (result == -EBUSY) {
      if (kernel_.in_interrupt()) {
        if (!io.restart.try_wait()) {
          io.req = nullptr;
          io.cc_sector += step;
          return Convert::later;
        }
      } else {
        if (io.restart.done == 0) ++stats_.waits;
        io.restart.wait_for_completion();
      }
      io.restart.reinit();
      result = -EINPROGRESS;
    }
    if (result == -EINPROGRESS) {  // the driver's, until it comes back
      io.req = nullptr;
      io.cc_sector += step;
      continue;
    }
    --in_flight_;
    --io.cc_pending;
    if (result != 0) {
      unit_failed(io);
      return Convert::failed;
    }
    io.cc_sector += step;
    if (atomic || kernel_.in_interrupt()) {
      kernel_.sync();
    } else {
      kernel_.cond_resched();
    }
  }
  return Convert::done;
}

int ModernPath::crypt_convert_block(Io& io, Request& req) {
  kernel_.charge(Activity::dm, costs_.convert_sector);
  const std::uint32_t unit = table_.sector_size;
  const BioVec& in = io.base.vecs[io.in_at.idx];
  const BioVec& out = io.out->vecs[io.out_at.idx];
  // A unit must lie in one page.
  if ((in.len - io.in_at.offset) % unit != 0) return -EIO;
  const hw::PhysAddr src = in.addr + io.in_at.offset;
  const hw::PhysAddr dst = out.addr + io.out_at.offset;
  if (iv_) {
    const std::uint64_t sector =
        table_.iv_large_sectors ? io.cc_sector >> sector_shift_ : io.cc_sector;
    iv_->generate(sector, req.sk.iv);
  }
  const bool write = io.base.op == BioOp::write;
  if (write && copy_first_) kernel_.memcpy(dst, src, unit);
  req.sk.tfm = tfm_.get();
  req.sk.id = io.base.id;
  req.sk.src = write && copy_first_ ? dst : src;
  req.sk.dst = dst;
  req.sk.cryptlen = unit;
  req.sk.flags = driver::CRYPTO_TFM_REQ_MAY_BACKLOG;
  req.sk.complete = &ModernPath::kcryptd_async_done;
  req.sk.data = &req;
  for (auto [at, len] : {std::pair<Cursor*, std::uint32_t>{&io.in_at, in.len},
                         std::pair<Cursor*, std::uint32_t>{&io.out_at, out.len}}) {
    at->left -= unit;
    at->offset += unit;
    if (at->offset >= len) {
      at->offset = 0;
      ++at->idx;
    }
  }
  return write ? api_.crypto_skcipher_encrypt(req.sk) : api_.crypto_skcipher_decrypt(req.sk);
}

void ModernPath::kcryptd_async_done(driver::SkcipherRequest& sk, int error) {
  Request& req = *static_cast<Request*>(sk.data);
  Io& io = *req.io;
  ModernPath& self = io.target;
  if (error == -EINPROGRESS) {  // a backlogged request goes ahead
    io.restart.complete();
    return;
  }
  --self.in_flight_;
  if (error != 0) self.unit_failed(io);
  self.crypt_free_req(req);
  if (--io.cc_pending != 0) return;
  if (io.base.op == BioOp::read) {
    if (io.error != 0) ++self.stats_.convert_errors;
    self.crypt_dec_pending(io);
  } else {
    self.kcryptd_crypt_write_io_submit(io, true);
  }
}

// --- writes: bounce pages, then the device ----------------------------------------------------

void ModernPath::crypt_alloc_buffer(Io& io) {
  clone_pool_.alloc(true);
  kernel_.charge(Activity::dm, costs_.clone_bio);
  ++stats_.clones;
  if (!buffers_.alloc_now(io.clone, io.base.size)) buffers_.alloc_wait(io.clone, io.base.size);
}

void ModernPath::crypt_free_buffer_pages(Io& io) { buffers_.free(io.clone); }

void ModernPath::kcryptd_crypt_write_io_submit(Io& io, bool async) {
  if (io.error != 0) {
    ++stats_.convert_errors;
    crypt_free_buffer_pages(io);
    clone_pool_.free();
    crypt_dec_pending(io);
    return;
  }
  const bool may_sleep = !kernel_.in_interrupt() && !kernel_.irqs_disabled();
  if (may_sleep && ((!async && table_.submit_from_crypt_cpus) || table_.no_write_workqueue)) {
    submit(io);
    return;
  }
  Kernel::IrqLock lock(kernel_, write_lock_, Activity::dm);
  kernel_.charge(Activity::dm, costs_.sort_write);
  const bool was_empty = write_tree_.empty();
  write_tree_.emplace(io.at, &io);
  if (was_empty) kernel_.wake_up_process(*write_thread_);
}

/// The thread takes the whole tree at once and submits it in the device's order under a plug.
void ModernPath::dmcrypt_write() {
  for (;;) {
    std::multimap<std::uint64_t, Io*> tree;
    {
      Kernel::IrqLock lock(kernel_, write_lock_, Activity::dm);
      if (write_tree_.empty()) {
        kernel_.set_blocked();
      } else {
        tree.swap(write_tree_);
      }
    }
    if (tree.empty()) {
      kernel_.schedule();
      continue;
    }
    lower_.blk_start_plug();
    for (const auto& [at, io] : tree) {
      io->clone.sector = table_.start + at;
      lower_.submit_bio(io->clone);
      kernel_.cond_resched();
    }
    lower_.unplug();
  }
}

}  // namespace cesasim::dmcrypt
