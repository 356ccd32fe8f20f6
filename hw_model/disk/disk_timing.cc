// SPDX-License-Identifier: Apache-2.0
#include "hw_model/disk/disk_timing.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <stdexcept>
#include <vector>

namespace cesasim::hw {
namespace {

Ps ms_to_ps(double ms) { return static_cast<Ps>(std::llround(ms * kPsPerMs)); }
Ps us_to_ps(double us) { return static_cast<Ps>(std::llround(us * kPsPerUs)); }

/// Longest run written back before the arm is free for others: about half a track.
constexpr std::uint64_t kDestageSectors = 512;

// --- hard disk ------------------------------------------------------------------------------

class HardDiskTiming : public DiskTiming {
 public:
  explicit HardDiskTiming(const DiskParams& params);

  bool overlaps() const override { return false; }
  Ps read_ready(Ps now, std::uint64_t sector, std::uint32_t count) override;
  Ps write_room(Ps now, std::uint32_t count) override;
  Ps write_done(Ps now, std::uint64_t sector, std::uint32_t count) override;
  Ps flush_done(Ps now) override;
  Ps positioning(Ps now, std::uint64_t sector) const override;
  std::uint64_t dirty_sectors(Ps now) override {
    destage_until(now);
    return dirty_count_ + (destage_end_ > now ? destaging_ : 0);
  }

 private:
  struct Zone {
    std::uint64_t first_sector = 0;
    std::uint32_t first_cylinder = 0;
    std::uint32_t sectors_per_track = 0;
  };
  struct Place {
    std::uint32_t cylinder = 0;
    std::uint32_t head = 0;
    std::uint32_t sector = 0;  // on its track
    std::uint32_t sectors_per_track = 1;
    Ps origin = 0;  // angle of the track's sector 0, in picoseconds of rotation
  };
  struct Arm {
    std::uint32_t cylinder = 0;
    std::uint32_t head = 0;
  };
  /// Where a run of sectors got to.
  struct Run {
    Ps end = 0;
    std::uint64_t sectors = 0;
  };
  /// Data of one sequential stream in the read buffer: [begin, end). `end` of the active segment
  /// is only known on demand: the disk has read on from `base` since `base_time`, up to `limit`.
  struct Segment {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t used = 0;  // for replacement: least recently used
  };
  static constexpr std::size_t kNone = ~std::size_t{0};

  Place locate(std::uint64_t sector) const;
  Ps move_ps(const Arm& arm, const Place& place) const;
  Ps rotation_wait(Ps at, const Place& place) const;
  /// Moves the arm to `sector` and passes `count` sectors, starting at `at`; stops at `until`.
  Run run(Ps at, Arm& arm, std::uint64_t sector, std::uint64_t count, bool write, Ps until);
  Ps access(Ps at, std::uint64_t sector, std::uint64_t count, bool write);
  Ps stream_end(std::uint64_t target) const;
  void freeze_lookahead(Ps now);
  void destage_until(Ps time);
  void destage_step(Ps at);
  void insert_dirty(std::uint64_t begin, std::uint64_t end);
  bool dirty_covers(std::uint64_t begin, std::uint64_t end) const;
  std::uint64_t occupied(Ps now) const {
    return dirty_count_ + (destage_end_ > now ? destaging_ : 0);
  }

  Ps revolution_;
  Ps head_switch_;
  Ps cylinder_switch_;
  Ps write_settle_;
  Ps destage_idle_;
  std::uint32_t cylinders_ = 0;
  std::vector<Zone> zones_;
  std::unique_ptr<SeekCurve> seek_;

  Arm arm_;
  Ps arm_free_ = 0;
  Ps last_read_end_ = 0;

  std::vector<Segment> segments_;
  std::size_t active_ = kNone;
  std::uint64_t base_ = 0;
  Ps base_time_ = 0;
  std::uint64_t limit_ = 0;
  std::uint64_t use_count_ = 0;
  std::uint64_t lookahead_;
  std::uint64_t segment_sectors_;

  std::map<std::uint64_t, std::uint64_t> dirty_;  // begin -> end, disjoint, not touching
  std::uint64_t dirty_count_ = 0;
  Ps dirty_since_ = 0;
  std::uint64_t destage_position_ = 0;
  std::uint64_t destaging_ = 0;
  Ps destage_end_ = 0;
};

HardDiskTiming::HardDiskTiming(const DiskParams& params)
    : DiskTiming(params),
      revolution_(static_cast<Ps>(std::llround(60e12 / params.rpm))),
      head_switch_(ms_to_ps(params.head_switch_ms)),
      cylinder_switch_(ms_to_ps(params.seek_track_ms)),
      write_settle_(ms_to_ps(params.write_settle_ms)),
      destage_idle_(ms_to_ps(params.destage_idle_ms)),
      lookahead_(std::uint64_t{params.lookahead_kib} * 2),
      segment_sectors_(
          std::max<std::uint64_t>(1, std::uint64_t{params.read_buffer_kib} * 2 /
                                         std::max<std::uint32_t>(1, params.read_segments))) {
  if (params.media_inner_bytes_per_s > params.media_outer_bytes_per_s) {
    throw std::invalid_argument("disk: media_inner_bytes_per_s is above media_outer_bytes_per_s");
  }
  const double revolution_s = static_cast<double>(revolution_) / 1e12;
  double mean = 0;
  for (std::uint32_t z = 0; z < params.zones; ++z) {
    // The middle of zone z between the outermost and the innermost rate; one zone: the mean.
    const double x = params.zones == 1 ? 0.5 : static_cast<double>(z) / (params.zones - 1);
    const double rate = params.media_outer_bytes_per_s +
                        x * (params.media_inner_bytes_per_s - params.media_outer_bytes_per_s);
    Zone zone;
    zone.sectors_per_track =
        static_cast<std::uint32_t>(std::llround(rate * revolution_s / kSectorBytes));
    if (zone.sectors_per_track == 0) {
      throw std::invalid_argument("disk: a track holds less than one sector at this media rate");
    }
    mean += zone.sectors_per_track;
    zones_.push_back(zone);
  }
  mean /= params.zones;
  const std::uint32_t per_zone = static_cast<std::uint32_t>(
      std::ceil(static_cast<double>(capacity_) / (params.heads * mean * params.zones)));
  std::uint64_t sector = 0;
  for (Zone& zone : zones_) {
    zone.first_sector = sector;
    zone.first_cylinder = cylinders_;
    sector += std::uint64_t{per_zone} * params.heads * zone.sectors_per_track;
    cylinders_ += per_zone;
  }
  if (cylinders_ < 4) throw std::invalid_argument("disk: capacity_gib is below four cylinders");
  seek_ =
      std::make_unique<SeekCurve>(cylinders_, ms_to_ps(params.seek_track_ms),
                                  ms_to_ps(params.seek_average_ms), ms_to_ps(params.seek_full_ms));
  segments_.resize(params.read_segments);
}

HardDiskTiming::Place HardDiskTiming::locate(std::uint64_t sector) const {
  const auto after =
      std::upper_bound(zones_.begin(), zones_.end(), sector,
                       [](std::uint64_t s, const Zone& z) { return s < z.first_sector; });
  const Zone& zone = *(after - 1);
  const std::uint64_t offset = sector - zone.first_sector;
  const std::uint64_t track = offset / zone.sectors_per_track;
  Place p;
  p.cylinder = zone.first_cylinder + static_cast<std::uint32_t>(track / params_.heads);
  p.head = static_cast<std::uint32_t>(track % params_.heads);
  p.sector = static_cast<std::uint32_t>(offset % zone.sectors_per_track);
  p.sectors_per_track = zone.sectors_per_track;
  // Skew: each track starts as much later as the switch to it takes, so that a sequential
  // transfer goes on without losing a revolution.
  const Ps per_cylinder = (params_.heads - 1) * head_switch_ + cylinder_switch_;
  p.origin = (p.cylinder * (per_cylinder % revolution_) + p.head * head_switch_) % revolution_;
  return p;
}

Ps HardDiskTiming::move_ps(const Arm& arm, const Place& place) const {
  if (place.cylinder != arm.cylinder) {
    return (*seek_)(place.cylinder > arm.cylinder ? place.cylinder - arm.cylinder
                                                  : arm.cylinder - place.cylinder);
  }
  return place.head != arm.head ? head_switch_ : 0;
}

Ps HardDiskTiming::rotation_wait(Ps at, const Place& place) const {
  const Ps angle =
      (place.origin + place.sector * revolution_ / place.sectors_per_track) % revolution_;
  return (angle + revolution_ - at % revolution_) % revolution_;
}

HardDiskTiming::Run HardDiskTiming::run(Ps at, Arm& arm, std::uint64_t sector, std::uint64_t count,
                                        bool write, Ps until) {
  Run done{at, 0};
  while (count > 0) {
    const Place p = locate(sector);
    Ps t = done.end + move_ps(arm, p);
    // The extra settling of a write belongs to a seek; consecutive tracks are skewed for reads
    // and a track switch within a transfer is servo-following, so it is not paid again there.
    if (write && done.sectors == 0 && t != done.end) t += write_settle_;
    t += rotation_wait(t, p);
    const std::uint64_t n = std::min<std::uint64_t>(count, p.sectors_per_track - p.sector);
    // Angles by difference, not by a rounded sector time: a full track is one revolution exactly.
    const Ps begin = p.sector * revolution_ / p.sectors_per_track;
    const Ps passed = (p.sector + n) * revolution_ / p.sectors_per_track - begin;
    if (t + passed > until) {
      if (t < until) {
        const std::uint64_t part = std::min<std::uint64_t>(
            n, static_cast<std::uint64_t>(static_cast<double>(until - t) * p.sectors_per_track /
                                          static_cast<double>(revolution_)));
        done.sectors += part;
        if (part > 0) arm = {p.cylinder, p.head};
      }
      done.end = until;
      return done;
    }
    if (done.sectors == 0 && p.cylinder != arm.cylinder) ++stats_.seeks;
    arm = {p.cylinder, p.head};
    done.end = t + passed;
    done.sectors += n;
    sector += n;
    count -= n;
  }
  return done;
}

Ps HardDiskTiming::access(Ps at, std::uint64_t sector, std::uint64_t count, bool write) {
  return arm_free_ = run(at, arm_, sector, count, write, ~Ps{0}).end;
}

/// When the look-ahead, started at base_, has read up to `target` (> base_).
Ps HardDiskTiming::stream_end(std::uint64_t target) const {
  const Place p = locate(base_ == 0 ? 0 : base_ - 1);
  Arm arm{p.cylinder, p.head};
  // Only the statistics would change, and a sequential run does not seek.
  return const_cast<HardDiskTiming*>(this)
      ->run(base_time_, arm, base_, target - base_, false, ~Ps{0})
      .end;
}

void HardDiskTiming::freeze_lookahead(Ps now) {
  if (active_ == kNone) return;
  Segment& s = segments_[active_];
  active_ = kNone;
  std::uint64_t reached = base_;
  if (limit_ > base_ && now > base_time_) {
    const Place p = locate(base_ - 1);
    arm_ = {p.cylinder, p.head};
    reached += run(base_time_, arm_, base_, limit_ - base_, false, now).sectors;
  }
  s.end = reached;
  s.begin = std::max(s.begin, s.end > segment_sectors_ ? s.end - segment_sectors_ : 0);
}

Ps HardDiskTiming::read_ready(Ps now, std::uint64_t sector, std::uint32_t count) {
  now = controller(now);
  destage_until(now);
  const std::uint64_t end = sector + count;
  if (dirty_covers(sector, end)) {
    ++stats_.read_hits;
    return now;
  }
  const Ps transfer = interface_ps(count);
  const auto start_for = [&](Ps media_end) {
    return media_end > now + transfer ? media_end - transfer : now;
  };
  const auto next_limit = [&] {
    return std::min(capacity_, end + std::min(lookahead_, segment_sectors_));
  };
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    Segment& s = segments_[i];
    if (i != active_) {
      if (sector >= s.begin && end <= s.end) {
        s.used = ++use_count_;
        ++stats_.read_hits;
        return now;
      }
      continue;
    }
    if (sector < s.begin || sector > limit_) continue;
    // The stream the disk is reading ahead. It may have stopped at its limit meanwhile.
    s.used = ++use_count_;
    const bool stopped = limit_ <= base_ || stream_end(limit_) <= now;
    Ps media_end = now;
    if (end <= limit_) {
      if (end > base_) media_end = std::max(now, stream_end(end));
      if (stopped && next_limit() > limit_) {
        base_ = std::max(base_, limit_);
        base_time_ = now;
      } else if (!stopped && end > base_) {
        base_time_ = stream_end(end);
        base_ = end;
      }
    } else {
      if (stopped) {
        base_ = std::max(base_, limit_);
        base_time_ = std::max(now, arm_free_);
      }
      media_end = stream_end(end);
      base_ = end;
      base_time_ = media_end;
    }
    limit_ = std::max(limit_, next_limit());
    if (limit_ - s.begin > segment_sectors_) {
      // The buffer is a ring: what was read longest ago gives way (never what is asked for).
      s.begin = std::max(s.begin, std::min(sector, limit_ - segment_sectors_));
    }
    if (media_end <= now) {
      ++stats_.read_hits;
    } else {
      arm_free_ = std::max(arm_free_, media_end);
      last_read_end_ = media_end;
    }
    return start_for(media_end);
  }
  // Miss: the arm leaves whatever it was reading ahead.
  const Ps at = std::max(now, arm_free_);
  freeze_lookahead(at);
  const Ps media_end = access(at, sector, count, false);
  last_read_end_ = media_end;
  std::size_t victim = 0;
  for (std::size_t i = 1; i < segments_.size(); ++i) {
    if (segments_[i].used < segments_[victim].used) victim = i;
  }
  segments_[victim] = {std::max(sector, end > segment_sectors_ ? end - segment_sectors_ : 0), end,
                       ++use_count_};
  active_ = victim;
  base_ = end;
  base_time_ = media_end;
  limit_ = next_limit();
  return start_for(media_end);
}

Ps HardDiskTiming::write_room(Ps now, std::uint32_t count) {
  now = controller(now);
  destage_until(now);
  if (cache_sectors_ == 0) return now;
  const std::uint64_t need = std::min<std::uint64_t>(count, cache_sectors_);
  Ps t = now;
  while (occupied(t) + need > cache_sectors_) {
    if (destage_end_ > t) {
      t = destage_end_;
    } else {
      destage_step(std::max({t, arm_free_, dirty_since_}));
    }
  }
  if (t > now) ++stats_.write_stalls;
  return t;
}

Ps HardDiskTiming::write_done(Ps now, std::uint64_t sector, std::uint32_t count) {
  if (cache_sectors_ == 0) {
    const Ps at = std::max(now, arm_free_);
    freeze_lookahead(at);
    return access(at, sector, count, true);
  }
  ++stats_.cached_writes;
  if (dirty_.empty()) dirty_since_ = now;
  insert_dirty(sector, sector + count);
  return now;
}

Ps HardDiskTiming::flush_done(Ps now) {
  now = controller(now);
  while (!dirty_.empty()) destage_step(std::max({now, arm_free_, dirty_since_}));
  return std::max(now, destage_end_);
}

Ps HardDiskTiming::positioning(Ps now, std::uint64_t sector) const {
  const Place p = locate(sector);
  const Ps move = move_ps(arm_, p);
  return move + rotation_wait(std::max(now, arm_free_) + move, p);
}

void HardDiskTiming::destage_until(Ps time) {
  while (!dirty_.empty()) {
    const Ps at = std::max({arm_free_, dirty_since_, last_read_end_ + destage_idle_});
    if (at >= time) return;
    destage_step(at);
  }
}

/// Writes back one run, in elevator order: upwards from where the last one ended, then from the
/// lowest again.
void HardDiskTiming::destage_step(Ps at) {
  freeze_lookahead(at);
  auto it = dirty_.lower_bound(destage_position_);
  if (it == dirty_.end()) it = dirty_.begin();
  const std::uint64_t begin = it->first;
  const std::uint64_t end = it->second;
  const std::uint64_t n = std::min(end - begin, kDestageSectors);
  dirty_.erase(it);
  if (begin + n < end) dirty_.emplace(begin + n, end);
  dirty_count_ -= n;
  destage_position_ = begin + n;
  destaging_ = n;
  destage_end_ = access(at, begin, n, true);
  ++stats_.destage_operations;
}

void HardDiskTiming::insert_dirty(std::uint64_t begin, std::uint64_t end) {
  auto it = dirty_.upper_bound(begin);
  if (it != dirty_.begin() && std::prev(it)->second >= begin) --it;
  while (it != dirty_.end() && it->first <= end) {
    begin = std::min(begin, it->first);
    end = std::max(end, it->second);
    dirty_count_ -= it->second - it->first;
    it = dirty_.erase(it);
  }
  dirty_.emplace_hint(it, begin, end);
  dirty_count_ += end - begin;
}

bool HardDiskTiming::dirty_covers(std::uint64_t begin, std::uint64_t end) const {
  auto it = dirty_.upper_bound(begin);
  return it != dirty_.begin() && std::prev(it)->second >= end;
}

// --- flash ----------------------------------------------------------------------------------

/// Reads go to the die that the address is striped to. Writes go, page by page, to the dies in
/// turn (a log-structured translation layer); there is no garbage collection: a disk with
/// plenty of erased blocks.
class FlashTiming : public DiskTiming {
 public:
  explicit FlashTiming(const DiskParams& params)
      : DiskTiming(params),
        page_sectors_(std::max<std::uint32_t>(1, params.flash_page_bytes / kSectorBytes)),
        read_(us_to_ps(params.flash_read_us)),
        program_(us_to_ps(params.flash_program_us)),
        channel_free_(params.flash_channels, 0),
        die_free_(std::size_t{params.flash_channels} * params.flash_dies_per_channel, 0) {}

  bool overlaps() const override { return true; }

  Ps read_ready(Ps now, std::uint64_t sector, std::uint32_t count) override {
    now = controller(now);
    Ps ready = now;
    const std::uint64_t end = sector + count;
    while (sector < end) {
      const std::uint64_t page = sector / page_sectors_;
      const std::uint64_t next = std::min(end, (page + 1) * page_sectors_);
      Ps& die = die_free_[page % die_free_.size()];
      // Dies are numbered so that neighbours sit on different channels.
      Ps& channel = channel_free_[page % channel_free_.size()];
      const Ps in_register = std::max(now, die) + read_;
      const Ps out = std::max(in_register, channel) + channel_ps(next - sector);
      die = channel = out;
      ready = std::max(ready, out);
      sector = next;
    }
    const Ps transfer = interface_ps(count);
    return ready > now + transfer ? ready - transfer : now;
  }

  Ps write_room(Ps now, std::uint32_t count) override {
    now = controller(now);
    if (cache_sectors_ == 0) return now;
    const std::uint64_t need = std::min<std::uint64_t>(count, cache_sectors_);
    forget_programmed(now);
    Ps t = now;
    while (held_ + need > cache_sectors_ && !programming_.empty()) {
      t = programming_.top().end;
      forget_programmed(t);
    }
    if (t > now) ++stats_.write_stalls;
    // Reserved before the data come, so that commands that overlap do not share room.
    held_ += need;
    return t;
  }

  Ps write_done(Ps now, std::uint64_t sector, std::uint32_t count) override {
    Ps done = now;
    const std::uint64_t end = sector + count;
    if (cache_sectors_ != 0) {
      ++stats_.cached_writes;
      held_ -= std::min<std::uint64_t>(count, cache_sectors_);
    }
    while (sector < end) {
      const std::uint64_t next = std::min(end, (sector / page_sectors_ + 1) * page_sectors_);
      const std::size_t target = next_die_++ % die_free_.size();
      Ps& die = die_free_[target];
      Ps& channel = channel_free_[target % channel_free_.size()];
      const Ps loaded = std::max({now, die, channel}) + channel_ps(next - sector);
      channel = loaded;
      die = loaded + program_;
      done = std::max(done, die);
      if (cache_sectors_ != 0) {
        programming_.push({die, next - sector});
        held_ += next - sector;
      }
      ++stats_.destage_operations;
      sector = next;
    }
    programmed_ = std::max(programmed_, done);
    return cache_sectors_ != 0 ? now : done;
  }

  Ps flush_done(Ps now) override { return std::max(controller(now), programmed_); }

  Ps positioning(Ps, std::uint64_t) const override { return 0; }

  std::uint64_t dirty_sectors(Ps now) override {
    forget_programmed(now);
    return held_;
  }

 private:
  struct Page {
    Ps end;
    std::uint64_t sectors;
    bool operator>(const Page& other) const { return end > other.end; }
  };

  Ps channel_ps(std::uint64_t sectors) const {
    return transfer_ps(sectors * kSectorBytes, params_.flash_channel_bytes_per_s);
  }
  void forget_programmed(Ps now) {
    while (!programming_.empty() && programming_.top().end <= now) {
      held_ -= programming_.top().sectors;
      programming_.pop();
    }
  }

  std::uint64_t page_sectors_;
  Ps read_;
  Ps program_;
  std::vector<Ps> channel_free_;
  std::vector<Ps> die_free_;
  std::uint64_t next_die_ = 0;
  Ps programmed_ = 0;
  std::priority_queue<Page, std::vector<Page>, std::greater<>> programming_;
  std::uint64_t held_ = 0;
};

}  // namespace

// --- common ---------------------------------------------------------------------------------

DiskTiming::DiskTiming(const DiskParams& params)
    : params_(params),
      capacity_(params.sectors()),
      cache_sectors_(std::uint64_t{params.write_cache_kib} * 1024 / kSectorBytes),
      overhead_(us_to_ps(params.command_overhead_us)) {}

std::unique_ptr<DiskTiming> DiskTiming::create(const DiskParams& params) {
  if (params.sectors() == 0) throw std::invalid_argument("disk: capacity_gib is zero");
  if (params.flash()) {
    if (params.flash_channels == 0 || params.flash_dies_per_channel == 0) {
      throw std::invalid_argument("disk: flash needs at least one channel and one die");
    }
    return std::make_unique<FlashTiming>(params);
  }
  if (params.heads == 0 || params.zones == 0 || params.read_segments == 0 || params.rpm <= 0) {
    throw std::invalid_argument("disk: heads, zones, read_segments and rpm must not be zero");
  }
  return std::make_unique<HardDiskTiming>(params);
}

Ps DiskTiming::controller(Ps now) {
  controller_free_ = std::max(controller_free_, now) + overhead_;
  return controller_free_;
}

SeekCurve::SeekCurve(std::uint32_t cylinders, Ps track, Ps average, Ps full)
    : third_(std::max<std::uint32_t>(1, cylinders / 3)),
      last_(cylinders - 1),
      track_(static_cast<double>(track)),
      average_(static_cast<double>(average)),
      full_(static_cast<double>(full)) {
  if (track > average || average > full) {
    throw std::invalid_argument("disk: seek times must not fall with the distance");
  }
  b_ = third_ > 1 ? (average_ - track_) / (std::sqrt(static_cast<double>(third_)) - 1) : 0;
}

Ps SeekCurve::operator()(std::uint32_t distance) const {
  if (distance == 0) return 0;
  const double d = distance;
  if (distance <= third_) return static_cast<Ps>(std::llround(track_ + b_ * (std::sqrt(d) - 1)));
  const double x = (d - third_) / static_cast<double>(last_ - third_);
  return static_cast<Ps>(std::llround(average_ + x * (full_ - average_)));
}

}  // namespace cesasim::hw
