// SPDX-License-Identifier: Apache-2.0
// The sectors of outstanding bios: what a new one has to wait for.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory_resource>

namespace cesasim::traces {

/// Half-open ranges of sectors, by direction; the same range may be there more than once.
class OutstandingRanges {
 public:
  enum Direction : unsigned { kRead, kWrite };

  /// No range is longer than `longest` sectors.
  explicit OutstandingRanges(std::uint64_t longest) : longest_(longest) {}

  void add(Direction direction, std::uint64_t sector, std::uint64_t end) {
    ranges_[direction].emplace(sector, end);
  }
  /// Precondition: it was added.
  void remove(Direction direction, std::uint64_t sector, std::uint64_t end) {
    auto it = ranges_[direction].find(sector);
    while (it->second != end) ++it;
    ranges_[direction].erase(it);
  }
  /// Whether a bio would meet one that it must not overtake: any write, for a write any read too.
  bool overlaps(Direction direction, std::uint64_t sector, std::uint64_t end) const {
    return meets(ranges_[kWrite], sector, end) ||
           (direction == kWrite && meets(ranges_[kRead], sector, end));
  }

 private:
  using Ranges = std::pmr::multimap<std::uint64_t, std::uint64_t>;  // sector -> end

  bool meets(const Ranges& ranges, std::uint64_t sector, std::uint64_t end) const {
    // Few can reach over `sector` from below.
    auto it = ranges.lower_bound(sector > longest_ ? sector - longest_ : 0);
    for (; it != ranges.end() && it->first < end; ++it) {
      if (it->second > sector) return true;
    }
    return false;
  }

  std::uint64_t longest_;
  std::pmr::unsynchronized_pool_resource memory_;  // a node per bio, without the heap
  std::array<Ranges, 2> ranges_{Ranges(&memory_), Ranges(&memory_)};
};

}  // namespace cesasim::traces
