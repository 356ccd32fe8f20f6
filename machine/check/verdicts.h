// SPDX-License-Identifier: Apache-2.0
// What became of every request: right, failed and reported, or which guarantee it broke.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "hw_model/common/units.h"
#include "traces/replay/replay.h"

namespace cesasim {

/// The verdict on a request. If several apply the one that stands last counts.
enum class Verdict : std::uint8_t {
  right,
  failed,             ///< ended with an error, and said so
  hung,               ///< took longer than the limit
  lost,               ///< never ended
  ended_twice,        ///<
  wrong_on_disk,      ///< a write that succeeded, and the disk does not hold its data
  wrong_data,         ///< a read that succeeded with wrong data
  plaintext_on_disk,  ///< a write whose plaintext reached the disk
  count
};
/// As in the metrics: "verdict." and this.
const char* verdict_name(Verdict verdict);
/// What the verdict breaks, in words; "" for right and failed.
const char* broken_guarantee(Verdict verdict);

/// Watches a replay. Memory: 8 bytes per sector of the disk that was written, and the requests that
/// did not end right.
class Verdicts {
 public:
  explicit Verdicts(hw::Ps hang_limit) : hang_limit_(hang_limit) {}

  void submitted(const traces::RequestLog& log);
  void ended(const traces::RequestLog& log);
  void ended_twice(const traces::RequestLog& log);
  void lost(const traces::RequestLog& log);
  /// At the disk, in sectors of the mapping; attributed to the latest write of that sector, if
  /// there is one.
  void plaintext_written(std::uint64_t sector, hw::Ps when) {
    at_disk(Verdict::plaintext_on_disk, sector, when);
  }
  void wrong_on_disk(std::uint64_t sector, hw::Ps when) {
    at_disk(Verdict::wrong_on_disk, sector, when);
  }
  /// A sector of the disk that is not of the mapping was written.
  void outside_mapping(std::uint64_t disk_sector, hw::Ps when) {
    unattributed(kOutside, disk_sector, when);
  }

  std::array<std::uint64_t, static_cast<std::size_t>(Verdict::count)> counts() const;
  /// What is wrong at the disk in sectors that no request wrote: such sectors, each as often as it
  /// was found.
  std::uint64_t unattributed() const;
  /// One line for each guarantee that broke, with how often and where first. That requests end in
  /// time is one only `with_hung`: without faults a slow machine is no broken one.
  std::vector<std::string> broken(bool with_hung) const;

 private:
  static constexpr std::uint64_t kChunkSectors = 4096;
  using Chunk = std::array<std::uint64_t, kChunkSectors>;  // id of the latest write; 0: none

  struct First {
    std::uint64_t sector = 0;
    std::uint64_t line = 0;
    hw::Ps when = 0;
    bool seen = false;
  };

  struct Unattributed {
    std::uint64_t count = 0;
    First first;
  };
  enum Nobodys : std::size_t { kPlaintext, kWritten, kOutside, kNobodys };

  void at_disk(Verdict verdict, std::uint64_t sector, hw::Ps when);
  void unattributed(Nobodys kind, std::uint64_t sector, hw::Ps when);
  void mark(std::uint64_t id, Verdict verdict);
  void note_first(Verdict verdict, std::uint64_t sector, std::uint64_t line, hw::Ps when);
  std::uint64_t writer(std::uint64_t sector) const;

  hw::Ps hang_limit_;
  std::uint64_t submitted_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Chunk>> writers_;
  std::unordered_map<std::uint64_t, Verdict> not_right_;
  std::array<First, static_cast<std::size_t>(Verdict::count)> first_{};
  std::array<Unattributed, kNobodys> nobodys_{};
};

}  // namespace cesasim
