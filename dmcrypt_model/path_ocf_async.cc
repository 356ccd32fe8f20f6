// SPDX-License-Identifier: Apache-2.0
#include "dmcrypt_model/path_ocf_async.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace cesasim::dmcrypt {

using driver::Cryptop;
using hw::kPageBytes;
using hw::kSectorBytes;
using kernel::BioVec;

OcfAsyncPath::OcfAsyncPath(kernel::Kernel& kernel, const CryptTable& table,
                           const DmCryptCosts& costs, const driver::CipherCosts& cipher_costs,
                           kernel::BlockDevice& lower, driver::Crypto& crypto,
                           const PathSettings& settings)
    : OcfPath("ocf-async", kernel, table, costs, cipher_costs, lower, crypto),
      two_buffers_wanted_(settings.placement == "out-of-place"),
      out_of_place_(two_buffers_wanted_),
      driver_(crypto.driver_name(sid_)),
      max_in_flight_(settings.max_in_flight),
      low_water_(max_in_flight_ - std::max(1u, max_in_flight_ / 4)),
      tick_(kernel.settings().tick()),
      slots_(kernel),
      room_(kernel),
      buffers_(kernel, page_pool_, costs.alloc_buffer_page),
      kcryptd_io_(kernel, "kcryptd_io"),
      kcryptd_again_(kernel, "kcryptd_again") {
  check_path("ocf-async", table, settings, true);
  if (settings.batch) crp_flags_ |= driver::CRYPTO_F_BATCH;
}

OcfAsyncPath::~OcfAsyncPath() = default;

// --- a bio comes and goes -------------------------------------------------------------------

int OcfAsyncPath::crypt_map(Bio& bio) {
  kernel_.charge(Activity::dm, costs_.crypt_map);
  CryptIo& io = *get_io(bio);
  if (bio.op != BioOp::write) return map_clones(io);

  ConvertContext cursor;  // how far the bio has been posted
  std::uint64_t sector = bio.sector;
  std::uint32_t remaining = bio.size;
  while (remaining != 0) {
    // What the pool can always give at once. A larger bio is several conversions.
    const std::uint32_t bytes = std::min(remaining, kMinPoolPages * kPageBytes);
    Clone* clone = alloc_buffer(io, bytes);
    Conversion& c = get_conversion(io, clone->bio, sector, true);
    c.clone = clone;
    c.offset_in = cursor.offset_in;
    c.idx_in = cursor.idx_in;
    c.vec_offset_in = cursor.vec_offset_in;
    ++io.pending;
    stats_.max_parallel_writes = std::max<std::uint64_t>(stats_.max_parallel_writes, ++writes_);
    const int result = crypt_convert(c);
    cursor = c;
    drop(c, true);
    remaining = result < 0 ? 0 : remaining - bytes;
    sector += bytes / kSectorBytes;
  }
  dec_pending(io, 0);
  return 0;
}

void OcfAsyncPath::kcryptd_do_work(CryptIo& io) {
  Conversion& c = get_conversion(io, *io.bio, io.bio->sector, false);
  crypt_convert(c);
  drop(c, true);
}

DmCrypt::Clone* OcfAsyncPath::alloc_buffer(CryptIo& io, std::uint32_t bytes) {
  Clone* clone = get_clone(io);
  if (buffers_.alloc_now(clone->bio, bytes)) return clone;
  ++stats_.waits;
  buffers_.alloc_wait(clone->bio, bytes);
  return clone;
}

OcfAsyncPath::Conversion& OcfAsyncPath::get_conversion(CryptIo& io, const Bio& out,
                                                       std::uint64_t sector, bool write) {
  kernel_.charge_slab_alloc(Activity::dm);
  Conversion& c = conversion_slab_.take();
  crypt_convert_init(c, io, out, *io.bio, sector + table_.iv_offset, write);
  c.path = this;
  c.clone = nullptr;
  c.at = sector;
  c.pending = 1;  // held by whoever posts
  c.failure = 0;
  c.posted = 0;
  c.sectors.resize(out.sectors());
  return c;
}

// --- posting --------------------------------------------------------------------------------

int OcfAsyncPath::crypt_convert(ConvertContext& ctx) {
  auto& c = static_cast<Conversion&>(ctx);
  SectorStep step;
  while (c.failure == 0 && next_sector(c, step)) {
    take_slot();
    Sector& s = c.sectors[c.posted++];
    s = Sector{};
    s.conversion = &c;
    s.out = step.out;
    for (;;) {
      const std::uint64_t seen = completions_;
      s.crp = make_request(step, c.write);
      if (s.crp != nullptr) break;
      const kernel::Kernel::MemoryWait waiting(kernel_, hw::AllocSite::ocf_request);
      wait_for_room(seen);
    }
    s.crp->crp_opaque = &s;
    s.crp->crp_callback = &OcfAsyncPath::sector_cb;
    if (step.in != step.out) {
      if (out_of_place_) {
        s.crp->crp_buf = step.in;
        s.crp->crp_out_buf = step.out;
      } else {
        kernel_.memcpy(step.out, step.in, kSectorBytes);
      }
    }
    ++c.pending;
    if (const int error = post(s)) retire(s, error);
  }
  return c.failure;
}

/// A sector more inside OCF; sleeps while there are max_in_flight. Who has slept goes on when a
/// quarter of them is done, so that not every callback wakes somebody; nobody overtakes sleepers.
void OcfAsyncPath::take_slot() {
  if (in_flight_ >= max_in_flight_ || slots_.active()) {
    ++stats_.waits;
    slots_.wait_event([this] { return in_flight_ <= low_water_; });
  }
  ++in_flight_;
  stats_.max_in_flight = std::max<std::uint64_t>(stats_.max_in_flight, in_flight_);
}

/// Room comes with a completion, `seen` being their number when there was none. It may be another
/// client's that is not seen here: look again at every tick.
void OcfAsyncPath::wait_for_room(std::uint64_t seen) {
  ++stats_.waits;
  ++stats_.retries;
  room_.wait_event_timeout([this, seen] { return completions_ != seen; }, tick_);
}

/// Gives the sector to OCF. What may pass is waited for: no memory, the core's limit, a driver
/// without room. 0, or -EIO: refused for good.
int OcfAsyncPath::post(Sector& s) {
  for (;;) {
    const std::uint64_t seen = completions_;
    s.sid = s.crp->crp_sid = sid_;
    s.session = session_;
    const int refused = std::abs(crypto_.crypto_dispatch(s.crp));
    if (refused == 0) return 0;
    if (refused != ENOMEM && refused != ERESTART && refused != EAGAIN) return -EIO;
    wait_for_room(seen);
  }
}

// --- completion, in any context -------------------------------------------------------------

int OcfAsyncPath::sector_cb(Cryptop* crp) {
  Sector& s = *static_cast<Sector*>(crp->crp_opaque);
  OcfAsyncPath& self = *s.conversion->path;
  if (crp->crp_etype == EAGAIN) {
    self.post_again(s);
  } else {
    self.retire(s, crp->crp_etype == 0 ? 0 : -EIO);
  }
  return 0;
}

void OcfAsyncPath::retire(Sector& s, int error) {
  Conversion& c = *s.conversion;
  crypto_.crypto_freereq(s.crp);
  --in_flight_;
  ++completions_;
  if (in_flight_ <= low_water_) slots_.wake_up();
  room_.wake_up();
  if (error != 0) {
    ++stats_.failed_sectors;
    c.failure = error;
  }
  drop(c, false);
}

void OcfAsyncPath::drop(Conversion& c, bool posting) {
  if (--c.pending != 0) return;
  if (c.failure != 0) ++stats_.convert_errors;
  if (!c.write) {
    CryptIo& io = *c.io;
    const int result = c.failure;
    put_conversion(c);
    dec_pending(io, result);
    return;
  }
  --writes_;
  if (may_sleep()) {
    end_write(c);
    if (!posting) lower_.blk_run_queue();  // the submitter, who will unplug, is long gone
    return;
  }
  bool queue = false;
  {
    kernel::Kernel::IrqLock lock(kernel_, lock_, Activity::dm);
    finished_.push_back(&c);
    queue = !std::exchange(finished_queued_, true);
  }
  if (queue) kcryptd_io_.queue_work([this] { submit_finished(); });
}

void OcfAsyncPath::submit_finished() {
  std::deque<Conversion*> list;
  {
    kernel::Kernel::IrqLock lock(kernel_, lock_, Activity::dm);
    finished_queued_ = false;
    list.swap(finished_);
  }
  for (Conversion* c : list) end_write(*c);
  lower_.blk_run_queue();
}

/// Of a conversion that failed nothing reaches the disk.
void OcfAsyncPath::end_write(Conversion& c) {
  CryptIo& io = *c.io;
  Clone& clone = *c.clone;
  const int result = c.failure;
  const std::uint64_t at = c.at;
  put_conversion(c);
  if (result == 0) {
    submit_clone(clone, at);
    return;
  }
  free_buffer_pages(clone);
  put_clone(clone);
  dec_pending(io, result);
}

void OcfAsyncPath::put_conversion(Conversion& c) {
  kernel_.charge_slab_free(Activity::dm);
  conversion_slab_.put(c);
}

bool OcfAsyncPath::may_sleep() const { return !kernel_.in_interrupt() && !kernel_.irqs_disabled(); }

// --- a driver has gone away -----------------------------------------------------------------

void OcfAsyncPath::post_again(Sector& s) {
  bool queue = false;
  {
    kernel::Kernel::IrqLock lock(kernel_, lock_, Activity::dm);
    again_.push_back(&s);
    queue = !std::exchange(again_queued_, true);
  }
  if (queue) kcryptd_again_.queue_work([this] { post_returned(); });
}

void OcfAsyncPath::post_returned() {
  std::deque<Sector*> list;
  {
    kernel::Kernel::IrqLock lock(kernel_, lock_, Activity::dm);
    again_queued_ = false;
    list.swap(again_);
  }
  std::vector<Sector*> later;
  for (Sector* s : list) {
    if (!adopt_session(*s)) {
      const hw::Ps now = kernel_.now();
      if (s->driverless_since == 0) s->driverless_since = now;
      if (now - s->driverless_since > kNoDriverTimeout) {
        retire(*s, -EIO);
      } else {
        later.push_back(s);
      }
      continue;
    }
    s->driverless_since = 0;
    ++stats_.retries;
    Cryptop& crp = *s->crp;
    crp.crp_etype = 0;
    crp.crp_flags = crp_flags_;
    if (crp.crp_out_buf != 0 && !out_of_place_) {
      kernel_.memcpy(s->out, crp.crp_buf, kSectorBytes);
      crp.crp_buf = s->out;
      crp.crp_out_buf = 0;
    }
    if (const int error = post(*s)) retire(*s, error);
  }
  if (later.empty()) return;
  kernel_.schedule_timeout(tick_);
  for (Sector* s : later) post_again(*s);
}

/// Sees to it that sid_ is not the session that `s` came back from. The core has opened a new
/// one for each request that came back: the first is kept, the others are closed. If it could
/// not, there may be a driver by now. False: there is none.
bool OcfAsyncPath::adopt_session(Sector& s) {
  const std::uint64_t offered = s.crp->crp_sid;
  if (s.session != session_) {
    if (offered != s.sid && offered != sid_) crypto_.crypto_freesession(offered);
    return true;
  }
  if (offered != s.sid) {
    sid_ = offered;
  } else {
    // What dm-crypt always asks for; later cores take that for the first driver in the table.
    constexpr int kAny = driver::CRYPTO_CRID_HARDWARE | driver::CRYPTO_CRID_SOFTWARE;
    const driver::CryptoIni cri = session_ini();
    if (crypto_.crypto_newsession(&sid_, cri) != 0 &&
        crypto_.crypto_newsession(&sid_, cri, kAny) != 0) {
      return false;
    }
  }
  ++session_;
  ++stats_.migrations;
  // A driver of another name may have one buffer only.
  out_of_place_ = two_buffers_wanted_ && crypto_.driver_name(sid_) == driver_;
  return true;
}

}  // namespace cesasim::dmcrypt
