// SPDX-License-Identifier: Apache-2.0
// How long a disk takes: a hard disk with a real angular position, or flash with channels.
//
// Plain C++; moves no bytes. Background work (look-ahead, writing back the cache) is not ticked:
// it is worked out, up to the time asked about, when the next command arrives.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "hw_model/common/params.h"
#include "hw_model/common/units.h"

namespace cesasim::hw {

/// One disk. The fields of the kind that `kind` does not name are neither described nor used.
struct DiskParams {
  std::string kind = "hard-disk";
  double capacity_gib = 0;
  std::uint32_t queue_depth = 0;
  double command_overhead_us = 0;
  double interface_bytes_per_s = 0;
  std::uint32_t write_cache_kib = 0;
  // hard disk
  double rpm = 0;
  std::uint32_t heads = 0;
  std::uint32_t zones = 0;
  double media_outer_bytes_per_s = 0;
  double media_inner_bytes_per_s = 0;
  double seek_track_ms = 0;
  double seek_average_ms = 0;
  double seek_full_ms = 0;
  double write_settle_ms = 0;
  double head_switch_ms = 0;
  std::uint32_t read_buffer_kib = 0;
  std::uint32_t read_segments = 0;
  std::uint32_t lookahead_kib = 0;
  double destage_idle_ms = 0;
  // flash
  std::uint32_t flash_channels = 0;
  std::uint32_t flash_dies_per_channel = 0;
  std::uint32_t flash_page_bytes = 0;
  double flash_read_us = 0;
  double flash_program_us = 0;
  double flash_channel_bytes_per_s = 0;

  bool flash() const { return kind == "flash"; }
  /// Whole 512-byte sectors in capacity_gib.
  std::uint64_t sectors() const {
    return static_cast<std::uint64_t>(capacity_gib * 1073741824.0) / kSectorBytes;
  }

  void describe(ParamVisitor& v) {
    v.choice("kind", kind, {"hard-disk", "flash"}, "rotating disk, or flash memory");
    v.number("capacity_gib", capacity_gib, "GiB", 0.001, 65536, "size the host sees");
    v.count("queue_depth", queue_depth, "commands", 1, 256,
            "commands the disk takes at once (1: no native queueing)");
    v.number("command_overhead_us", command_overhead_us, "us", 0, 10000,
             "the disk's controller at work on one command, before anything moves");
    v.number("interface_bytes_per_s", interface_bytes_per_s, "bytes/s", 1e6, 1e11,
             "data rate of the host interface");
    v.count("write_cache_kib", write_cache_kib, "KiB", 0, 4194304,
            "writes end when they are in this cache; 0: when they are on the medium");
    if (flash()) {
      v.count("flash_channels", flash_channels, "channels", 1, 256,
              "channels over which consecutive pages are striped");
      v.count("flash_dies_per_channel", flash_dies_per_channel, "dies", 1, 64,
              "dies that work in parallel behind one channel");
      v.count("flash_page_bytes", flash_page_bytes, "bytes", 512, 65536, "page of a die");
      v.number("flash_read_us", flash_read_us, "us", 0, 100000,
               "one page from the cells to the die's register");
      v.number("flash_program_us", flash_program_us, "us", 0, 100000,
               "one page from the die's register to the cells");
      v.number("flash_channel_bytes_per_s", flash_channel_bytes_per_s, "bytes/s", 1e5, 1e11,
               "data rate of one channel");
      return;
    }
    v.number("rpm", rpm, "rpm", 100, 100000, "spindle speed");
    v.count("heads", heads, "heads", 1, 64, "recording surfaces");
    v.count("zones", zones, "zones", 1, 256,
            "recording zones; sectors per track fall evenly from the outermost to the innermost");
    v.number("media_outer_bytes_per_s", media_outer_bytes_per_s, "bytes/s", 1e5, 1e10,
             "user data under the head on the outermost track (head switches not included)");
    v.number("media_inner_bytes_per_s", media_inner_bytes_per_s, "bytes/s", 1e5, 1e10,
             "user data under the head on the innermost track (head switches not included)");
    v.number("seek_track_ms", seek_track_ms, "ms", 0, 1000, "seek to the next cylinder (read)");
    v.number("seek_average_ms", seek_average_ms, "ms", 0, 1000,
             "average seek, taken as a seek over a third of the cylinders (read)");
    v.number("seek_full_ms", seek_full_ms, "ms", 0, 1000, "seek over all cylinders (read)");
    v.number("write_settle_ms", write_settle_ms, "ms", 0, 1000,
             "how much longer the head settles before it writes");
    v.number("head_switch_ms", head_switch_ms, "ms", 0, 1000,
             "to the next surface of the same cylinder");
    v.count("read_buffer_kib", read_buffer_kib, "KiB", 1, 4194304,
            "buffer for data read, all segments together");
    v.count("read_segments", read_segments, "segments", 1, 256,
            "sequential streams whose data the read buffer keeps apart");
    v.count("lookahead_kib", lookahead_kib, "KiB", 0, 4194304,
            "how far the disk reads on by itself after a read (0: no look-ahead)");
    v.number("destage_idle_ms", destage_idle_ms, "ms", 0, 10000,
             "written data waits in the cache until no read has used the arm for this long, or "
             "room is needed");
  }
};

/// What the mechanism did; all counts since the start.
struct DiskTimingStats {
  std::uint64_t seeks = 0;               ///< arm movements (not: head switches)
  std::uint64_t read_hits = 0;           ///< reads whose data were in the buffer on arrival
  std::uint64_t cached_writes = 0;       ///< writes that ended in the write cache
  std::uint64_t write_stalls = 0;        ///< writes that waited for room in the write cache
  std::uint64_t destage_operations = 0;  ///< runs written from the cache to the medium
};

/// Service times of one disk. The caller keeps time: `now` must not go back from call to call.
/// A read is read_ready(), then the transfer to the host; a write is write_room(), the transfer,
/// then write_done().
class DiskTiming {
 public:
  /// Throws std::invalid_argument if the parameters contradict each other (seek times that fall
  /// with distance, inner rate above outer, a capacity below one cylinder).
  static std::unique_ptr<DiskTiming> create(const DiskParams& params);
  virtual ~DiskTiming() = default;

  const DiskParams& params() const { return params_; }
  /// True if commands overlap inside the disk; else the caller gives them one at a time.
  virtual bool overlaps() const = 0;
  /// When the transfer of [sector, sector + count) to the host can start at `now` or later so
  /// that, at the interface's rate, it does not overtake the medium.
  virtual Ps read_ready(Ps now, std::uint64_t sector, std::uint32_t count) = 0;
  /// When the disk can start to take the data of a write; reserves the room.
  virtual Ps write_room(Ps now, std::uint32_t count) = 0;
  /// When a write ends whose data are in the disk at `now`.
  virtual Ps write_done(Ps now, std::uint64_t sector, std::uint32_t count) = 0;
  /// When everything written so far is on the medium.
  virtual Ps flush_done(Ps now) = 0;
  /// Estimated time from `now` to the first byte (seek and rotation), to order a queue.
  virtual Ps positioning(Ps now, std::uint64_t sector) const = 0;
  /// Sectors in the write cache that are not on the medium at `now`.
  virtual std::uint64_t dirty_sectors(Ps now) = 0;

  /// Time the interface needs for `count` sectors.
  Ps interface_ps(std::uint32_t count) const {
    return transfer_ps(std::uint64_t{count} * kSectorBytes, params_.interface_bytes_per_s);
  }
  const DiskTimingStats& stats() const { return stats_; }

 protected:
  explicit DiskTiming(const DiskParams& params);
  /// The controller takes commands one after the other.
  Ps controller(Ps now);

  DiskParams params_;
  DiskTimingStats stats_;
  std::uint64_t capacity_;
  std::uint64_t cache_sectors_;

 private:
  Ps overhead_;
  Ps controller_free_ = 0;
};

/// Seek time by distance: a + b*sqrt(d) up to a third of the stroke, linear beyond. Exactly the
/// three given times at distance 1, cylinders/3 and cylinders-1.
class SeekCurve {
 public:
  /// `cylinders` >= 2; times in picoseconds, not falling.
  SeekCurve(std::uint32_t cylinders, Ps track, Ps average, Ps full);
  Ps operator()(std::uint32_t distance) const;
  std::uint32_t average_distance() const { return third_; }

 private:
  std::uint32_t third_;
  std::uint32_t last_;
  double track_, average_, full_, b_;
};

}  // namespace cesasim::hw
