// SPDX-License-Identifier: Apache-2.0
// The bytes of a disk: memory only where something was written.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "hw_model/common/units.h"

namespace cesasim::hw {

/// Sector-addressed storage, sparse in chunks of 64 KiB. A sector never written reads as zeros.
/// Plain C++, no timing.
class SparseStore {
 public:
  static constexpr std::uint32_t kChunkSectors = 128;
  static constexpr std::uint32_t kChunkBytes = kChunkSectors * kSectorBytes;

  /// `sectors`: size of the disk in 512-byte sectors.
  explicit SparseStore(std::uint64_t sectors);

  std::uint64_t sectors() const { return sectors_; }
  /// Copies out. Precondition: sector + count <= sectors().
  void read(std::uint64_t sector, std::uint8_t* data, std::uint32_t count) const;
  /// Copies in and marks the sectors as written. Precondition: sector + count <= sectors().
  void write(std::uint64_t sector, const std::uint8_t* data, std::uint32_t count);
  /// Forgets the sectors: they were never written, and memory that held only such is released.
  /// Precondition: sector + count <= sectors().
  void discard(std::uint64_t sector, std::uint64_t count);
  /// True if the sector was written at least once.
  bool written(std::uint64_t sector) const;
  /// Sectors written at least once.
  std::uint64_t written_sectors() const { return written_sectors_; }
  /// Host memory held for data, in bytes.
  std::uint64_t bytes_held() const { return chunk_count_ * kChunkBytes; }
  /// Calls `visit` for every maximal run of written sectors, by rising sector; a run is cut at
  /// chunk limits, because its bytes must be contiguous in host memory.
  void for_each_extent(const std::function<void(std::uint64_t sector, const std::uint8_t* data,
                                                std::uint32_t count)>& visit) const;

 private:
  struct Chunk {
    std::array<std::uint64_t, kChunkSectors / 64> written{};
    std::array<std::uint8_t, kChunkBytes> bytes;
  };
  // Chunks hang in leaves of a hash by upper address bits, so that neighbours cost one lookup
  // (the last leaf is remembered) and an empty terabyte costs nothing.
  static constexpr std::uint32_t kLeafChunks = 1024;
  using Leaf = std::array<std::unique_ptr<Chunk>, kLeafChunks>;

  Leaf* leaf(std::uint64_t index) const;
  Chunk* chunk(std::uint64_t index) const;
  Chunk& chunk_for_write(std::uint64_t index);

  std::uint64_t sectors_;
  std::uint64_t written_sectors_ = 0;
  std::uint64_t chunk_count_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Leaf>> leaves_;
  mutable std::uint64_t last_leaf_index_ = ~std::uint64_t{0};
  mutable Leaf* last_leaf_ = nullptr;
};

}  // namespace cesasim::hw
