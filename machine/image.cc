// SPDX-License-Identifier: Apache-2.0
#include "machine/image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>
#include <systemc>
#include <vector>

#include "base/file/atomic_file.h"
#include "machine/assembly.h"
#include "machine/check/reference_cipher.h"
#include "machine/counters.h"
#include "machine/watch.h"
#include "scenario/crypt_table.h"

namespace cesasim {

namespace {

using hw::kSectorBytes;
using hw::Ps;
using kernel::Bio;
using kernel::BioOp;

/// What goes through the machine before the disk is emptied again: all that is held in memory.
constexpr std::uint64_t kWindowSectors = 32 * 1024 * 1024 / kSectorBytes;
constexpr std::uint32_t kPageBytes = 4096;

/// A regular file or a block device to read from.
class Source {
 public:
  explicit Source(std::string path) : path_(std::move(path)) {
    // A FIFO is not waited for.
    fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd_ < 0) fail();
    try {
      measure();
    } catch (...) {
      ::close(fd_);
      throw;
    }
  }
  ~Source() { ::close(fd_); }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  std::uint64_t bytes() const { return bytes_; }
  void read(std::uint64_t offset, std::uint8_t* data, std::size_t bytes) const {
    while (bytes > 0) {
      const ssize_t n = ::pread(fd_, data, bytes, static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail();
      if (n == 0) throw ImageInputError(fmt::format("{}: has become shorter", path_));
      data += n;
      offset += static_cast<std::uint64_t>(n);
      bytes -= static_cast<std::size_t>(n);
    }
  }

 private:
  void measure() {
    struct stat info;
    if (::fstat(fd_, &info) != 0) fail();
    if (!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode)) {
      throw ImageInputError(
          fmt::format("{}: cannot be an image; valid: a file or a block device", path_));
    }
    const off_t end = ::lseek(fd_, 0, SEEK_END);
    if (end < 0) fail();
    bytes_ = static_cast<std::uint64_t>(end);
  }
  [[noreturn]] void fail() const {
    throw ImageInputError(fmt::format("{}: cannot be read: {}", path_, std::strerror(errno)));
  }
  std::string path_;
  int fd_ = -1;
  std::uint64_t bytes_ = 0;
};

void check_size(const dmcrypt::CryptTable& table, const ImageJob& job, std::uint64_t bytes) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 53;  // bytes; no file system holds more
  const std::uint64_t sectors = table.sectors;
  if (table.start > kMost / kSectorBytes || sectors > kMost / kSectorBytes) {
    throw ImageInputError("--table: a mapping larger than any file");
  }
  if (job.encrypt && bytes != sectors * kSectorBytes) {
    throw ImageInputError(fmt::format(
        "{}: has {} bytes, the table's {} sectors are {}; valid: a file of just that size{}",
        job.in, bytes, sectors, sectors * kSectorBytes,
        bytes % kSectorBytes == 0 && bytes != 0
            ? fmt::format(", or a table of {} sectors", bytes / kSectorBytes)
            : ""));
  }
  const std::uint64_t end = (table.start + sectors) * kSectorBytes;
  if (!job.encrypt && bytes < end) {
    throw ImageInputError(fmt::format(
        "{}: has {} bytes, the table's mapping ends at byte {} (sector {} + {}); valid: a file of "
        "at least that size",
        job.in, bytes, end, table.start, sectors));
  }
}

class ImageRun {
 public:
  ImageRun(const Scenario& scenario, const ImageJob& job, const Source& source, SparseFile& out)
      : job_(job),
        source_(source),
        out_(out),
        at_(scenario, /*checkers=*/false),
        table_(at_.target->table()),
        reference_(table_.cipher.str(), table_.key, table_.iv_offset, table_.sector_size,
                   table_.iv_large_sectors),
        store_(at_.soc.disk().store()),
        ended_wait_(at_.kernel),
        slots_(job.encrypt ? scenario.workload.depth_write : scenario.workload.depth_read),
        max_bio_sectors_(scenario.workload.max_bio_bytes / kSectorBytes) {
    at_.kernel.kthread_run("image", [this] { submitter(); });
  }

  ImageResult run() {
    const bool finished = watch_run({
        .done = [this] { return done_; },
        .completed = [this] { return ended_sectors_; },
        .waiting = [this] { return busy(); },
        .slice = [] { return sc_core::sc_time(0.02, sc_core::SC_SEC); },
        .after_slice =
            [this] {
              if (done_ || !job_.progress) return;
              if (!job_.progress(static_cast<double>(ended_sectors_) /
                                 static_cast<double>(table_.sectors))) {
                throw ImageStopped();
              }
            },
    });
    if (!finished) {
      throw BrokenImage(fmt::format("the machine stopped at {:.6f} s with {} of {} sectors done",
                                    sc_core::sc_time_stamp().to_seconds(), ended_sectors_,
                                    table_.sectors));
    }
    if (failure_) std::rethrow_exception(failure_);
    check_machine();
    return {table_.sectors * kSectorBytes, static_cast<double>(finished_at_ - started_at_) * 1e-12};
  }

 private:
  struct Slot {
    ImageRun* run = nullptr;
    Bio bio;
    std::vector<hw::PhysAddr> pages;
    std::uint64_t sector = 0;  // of the mapping
    std::uint32_t sectors = 0;
    bool busy = false;   // its bio is below
    bool ended = false;  // ... and has ended, but its result was not looked at yet
    int error = 0;
  };

  // --- on the simulated machine -----------------------------------------------------------

  void submitter() {
    try {
      started_at_ = at_.kernel.now();
      for (std::uint64_t base = 0; base < table_.sectors; base += kWindowSectors) {
        window_base_ = base;
        const std::uint64_t sectors = std::min(kWindowSectors, table_.sectors - base);
        begin_window(sectors);
        for (std::uint64_t at = 0; at < sectors;) {
          const std::uint64_t n = std::min<std::uint64_t>(sectors - at, max_bio_sectors_);
          submit(free_slot(), base + at, static_cast<std::uint32_t>(n));
          at += n;
        }
        drain();
        end_window(sectors);
      }
      finished_at_ = at_.kernel.now();
    } catch (const std::exception&) {
      failure_ = std::current_exception();
    }
    done_ = true;
    at_.kernel.sync_now();
    sc_core::sc_pause();
  }

  void submit(Slot& slot, std::uint64_t sector, std::uint32_t sectors) {
    slot.run = this;
    slot.sector = sector;
    slot.sectors = sectors;
    slot.busy = true;
    slot.ended = false;
    slot.bio = Bio{};
    slot.bio.op = job_.encrypt ? BioOp::write : BioOp::read;
    slot.bio.sector = sector;
    slot.bio.size = sectors * kSectorBytes;
    slot.bio.end_io = &ImageRun::end_io;
    slot.bio.bi_private = &slot;
    const std::uint8_t* data = in_.data() + (sector - window_base_) * kSectorBytes;
    for (std::uint32_t done = 0, i = 0; done < slot.bio.size; ++i) {
      const std::uint32_t n = std::min(slot.bio.size - done, kPageBytes);
      if (i == slot.pages.size()) {
        const hw::PhysAddr page =
            at_.kernel.alloc_page(kernel::Activity::fs, hw::AllocSite::page_cache);
        if (page == 0) throw BrokenImage("the modelled memory has no room for the bios");
        slot.pages.push_back(page);
      }
      if (job_.encrypt) std::memcpy(at_.kernel.cpu_write(slot.pages[i], n), data + done, n);
      slot.bio.vecs.push_back({slot.pages[i], n});
      done += n;
    }
    at_.target->blk_start_plug();
    at_.target->submit_bio(slot.bio);
  }

  static void end_io(Bio& bio, int error) {
    Slot& slot = *static_cast<Slot*>(bio.bi_private);
    slot.ended = true;
    slot.error = error;
    slot.run->ended_wait_.wake_up();
  }

  /// Takes what a bio that has ended left.
  void reap(Slot& slot) {
    slot.busy = false;
    if (slot.error != 0) {
      throw BrokenImage(fmt::format("sectors {} to {}: the {} failed: {}", slot.sector,
                                    slot.sector + slot.sectors - 1, job_.encrypt ? "write" : "read",
                                    std::strerror(slot.error < 0 ? -slot.error : slot.error)));
    }
    if (!job_.encrypt) {
      std::uint8_t* data = result_.data() + (slot.sector - window_base_) * kSectorBytes;
      std::uint32_t left = slot.sectors * kSectorBytes;
      for (std::size_t i = 0; left > 0; ++i) {
        const std::uint32_t n = std::min(left, kPageBytes);
        std::memcpy(data, at_.kernel.cpu_read(slot.pages[i], n), n);
        data += n;
        left -= n;
      }
    }
    ended_sectors_ += slot.sectors;
  }

  void wait_for_an_end() {
    const auto any = [this] {
      return std::any_of(slots_.begin(), slots_.end(),
                         [](const Slot& s) { return s.busy && s.ended; });
    };
    at_.target->unplug();
    ended_wait_.wait_event(any);
    for (Slot& slot : slots_) {
      if (slot.busy && slot.ended) reap(slot);
    }
  }

  Slot& free_slot() {
    for (;;) {
      for (Slot& slot : slots_) {
        if (!slot.busy) return slot;
      }
      wait_for_an_end();
    }
  }

  void drain() {
    while (busy()) wait_for_an_end();
  }

  /// Whether bios are outstanding, or have ended and were not looked at.
  bool busy() const {
    return std::any_of(slots_.begin(), slots_.end(), [](const Slot& s) { return s.busy; });
  }

  // --- outside of it, in no time ----------------------------------------------------------

  /// Where sector 0 of the mapping lies in the input.
  std::uint64_t in_start() const { return job_.encrypt ? 0 : table_.start; }

  void begin_window(std::uint64_t sectors) {
    in_.resize(sectors * kSectorBytes);
    result_.resize(in_.size());
    source_.read((in_start() + window_base_) * kSectorBytes, in_.data(), in_.size());
    if (!job_.encrypt) {
      store_.write(table_.start + window_base_, in_.data(), static_cast<std::uint32_t>(sectors));
    }
  }

  void end_window(std::uint64_t sectors) {
    const std::uint64_t lower = table_.start + window_base_;
    if (job_.encrypt) {
      store_.read(lower, result_.data(), static_cast<std::uint32_t>(sectors));
      if (store_.written_sectors() != sectors) {
        throw BrokenImage(fmt::format("{} sectors of the disk were written instead of {}",
                                      store_.written_sectors(), sectors));
      }
    }
    check(sectors);
    out_.write((job_.encrypt ? lower : window_base_) * kSectorBytes, result_.data(),
               result_.size());
    store_.discard(lower, sectors);
  }

  void check(std::uint64_t sectors) const {
    const std::uint32_t unit = table_.sector_size;
    std::vector<std::uint8_t> expected(unit);
    for (std::uint64_t at = 0; at < sectors; at += unit / kSectorBytes) {
      const std::uint8_t* const in = in_.data() + at * kSectorBytes;
      if (job_.encrypt) {
        reference_.encrypt(window_base_ + at, in, expected.data());
      } else {
        reference_.decrypt(window_base_ + at, in, expected.data());
      }
      if (std::memcmp(expected.data(), result_.data() + at * kSectorBytes, unit) != 0) {
        throw BrokenImage(
            fmt::format("sector {}: not what the reference cipher makes of it", window_base_ + at));
      }
    }
  }

  void check_machine() {
    const auto refuse = [](std::uint64_t count, const char* what) {
      if (count != 0) throw BrokenImage(fmt::format("{} {}", count, what));
    };
    refuse(at_.kernel.dma_sanitizer().hazards(), "DMA hazards");
    const DeviceErrors device = device_errors(at_);
    refuse(device.unimplemented, "uses of what the crypto unit does not model");
    refuse(device.guest_errors, "mistakes of the driver");
  }

  const ImageJob& job_;
  const Source& source_;
  SparseFile& out_;
  Assembly at_;
  const dmcrypt::CryptTable& table_;
  ReferenceCipher reference_;
  hw::SparseStore& store_;
  kernel::WaitQueue ended_wait_;
  std::vector<Slot> slots_;
  std::uint32_t max_bio_sectors_;
  std::uint64_t window_base_ = 0;  // sector of the mapping
  std::vector<std::uint8_t> in_, result_;
  std::uint64_t ended_sectors_ = 0;
  Ps started_at_ = 0, finished_at_ = 0;
  bool done_ = false;
  std::exception_ptr failure_;
};

}  // namespace

ImageResult run_image(const Scenario& scenario, const ImageJob& job) {
  const Source source(job.in);
  check_size(crypt_table(scenario.dmcrypt, scenario.disk.sectors()), job, source.bytes());
  std::unique_ptr<SparseFile> out;
  try {
    out = std::make_unique<SparseFile>(job.out);
  } catch (const OutputError& error) {
    throw ImageInputError(
        fmt::format("{}; valid: a file in a folder that can be written", error.what()));
  }
  const auto run = std::make_unique<ImageRun>(scenario, job, source, *out);
  const ImageResult result = run->run();
  const dmcrypt::CryptTable table = crypt_table(scenario.dmcrypt, scenario.disk.sectors());
  out->commit(((job.encrypt ? table.start : 0) + table.sectors) * kSectorBytes);
  return result;
}

}  // namespace cesasim
