// SPDX-License-Identifier: Apache-2.0
// What every sector of the device must hold: contents are a function of (seed, sector, how
// often it was written), so remembering them costs four bytes per touched sector.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>

namespace cesasim::traces {

/// Makes and checks plaintext. The n-th version ("generation") of a sector is
///   word 0     a keyed mix of seed, sector and generation (tells versions apart),
///   word 1     a keyed magic of seed and sector (plaintext is recognised on sight),
///   words 2..  a pseudo-random stream keyed by word 0.
/// Not cryptography: it only has to differ from everything it could be mistaken for.
class ContentOracle {
 public:
  static constexpr std::size_t kSectorBytes = 512;

  explicit ContentOracle(std::uint64_t seed);

  /// Writes version `generation` of `sector` to `out` (512 bytes, any alignment).
  void fill(std::uint64_t sector, std::uint32_t generation, std::uint8_t* out) const;

  /// True if `data` carries the magic of `sector`, whatever the generation. Random data does
  /// so with probability 2^-64.
  bool looks_like_plaintext(std::uint64_t sector, const std::uint8_t* data) const;

  /// Notes that `sectors` sectors from `sector` on are about to be written anew: bumps their
  /// generations and makes them certain again.
  void begin_write(std::uint64_t sector, std::uint64_t sectors);
  /// Notes that a write of these sectors failed: each may hold the old version, the new one or
  /// neither, until it is written again.
  void mark_uncertain(std::uint64_t sector, std::uint64_t sectors);

  /// Latest generation of `sector`; 0: never written.
  std::uint32_t expected(std::uint64_t sector) const { return entry(sector) & kGenerationMask; }
  bool written(std::uint64_t sector) const { return entry(sector) != 0; }
  /// False after a failed write: nothing can be said about the sector's content.
  bool certain(std::uint64_t sector) const { return (entry(sector) & kUncertain) == 0; }
  /// Number of sectors ever written.
  std::uint64_t written_sectors() const { return written_sectors_; }

  /// True if `data` is the latest version of `sector`. Precondition: written and certain.
  bool verify(std::uint64_t sector, const std::uint8_t* data) const;

  /// Calls visit(sector, generation, certain) for every written sector, in ascending order.
  template <class Visit>
  void for_each_written(Visit visit) const {
    for (const auto& [number, chunk] : chunks_) {
      for (std::uint64_t i = 0; i < kChunkSectors; ++i) {
        const std::uint32_t entry = (*chunk)[i];
        if (entry == 0) continue;
        visit(number * kChunkSectors + i, entry & kGenerationMask, (entry & kUncertain) == 0);
      }
    }
  }

 private:
  // 2 MiB of disk per 16 KiB chunk, allocated on first touch.
  static constexpr std::uint64_t kChunkSectors = 4096;
  static constexpr std::uint32_t kUncertain = 1u << 31;
  static constexpr std::uint32_t kGenerationMask = kUncertain - 1;
  using Chunk = std::array<std::uint32_t, kChunkSectors>;

  std::uint32_t entry(std::uint64_t sector) const;
  Chunk& chunk_for(std::uint64_t number);
  std::uint64_t magic(std::uint64_t sector) const;

  std::uint64_t content_key_;
  std::uint64_t magic_key_;
  std::map<std::uint64_t, std::unique_ptr<Chunk>> chunks_;
  std::uint64_t written_sectors_ = 0;
  // The chunk looked at last: requests run over neighbouring sectors.
  mutable std::uint64_t cached_number_ = ~0ull;
  mutable Chunk* cached_ = nullptr;
};

}  // namespace cesasim::traces
