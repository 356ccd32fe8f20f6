// SPDX-License-Identifier: Apache-2.0
#include "hw_model/disk/sparse_store.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

namespace cesasim::hw {
namespace {

/// Bits [from, from + count) of a 64-bit word. Precondition: count > 0, from + count <= 64.
std::uint64_t bit_run(std::uint32_t from, std::uint32_t count) {
  return (count == 64 ? ~std::uint64_t{0} : ((std::uint64_t{1} << count) - 1)) << from;
}

}  // namespace

SparseStore::SparseStore(std::uint64_t sectors) : sectors_(sectors) {}

SparseStore::Leaf* SparseStore::leaf(std::uint64_t index) const {
  if (index == last_leaf_index_) return last_leaf_;
  const auto it = leaves_.find(index);
  if (it == leaves_.end()) return nullptr;
  last_leaf_index_ = index;
  last_leaf_ = it->second.get();
  return last_leaf_;
}

SparseStore::Chunk* SparseStore::chunk(std::uint64_t index) const {
  const Leaf* l = leaf(index / kLeafChunks);
  return l == nullptr ? nullptr : (*l)[index % kLeafChunks].get();
}

SparseStore::Chunk& SparseStore::chunk_for_write(std::uint64_t index) {
  Leaf* l = leaf(index / kLeafChunks);
  if (l == nullptr) {
    l = leaves_.emplace(index / kLeafChunks, std::make_unique<Leaf>()).first->second.get();
  }
  std::unique_ptr<Chunk>& c = (*l)[index % kLeafChunks];
  if (c == nullptr) {
    // The bytes stay uninitialised: the bitmap says which of them count.
    c.reset(new Chunk);
    ++chunk_count_;
  }
  return *c;
}

void SparseStore::read(std::uint64_t sector, std::uint8_t* data, std::uint32_t count) const {
  while (count > 0) {
    const std::uint32_t first = static_cast<std::uint32_t>(sector % kChunkSectors);
    const std::uint32_t n = std::min(count, kChunkSectors - first);
    const Chunk* c = chunk(sector / kChunkSectors);
    if (c == nullptr) {
      std::memset(data, 0, std::size_t{n} * kSectorBytes);
    } else {
      std::uint32_t i = 0;
      while (i < n) {
        const std::uint32_t at = first + i;
        const std::uint32_t run = std::min(n - i, 64 - at % 64);
        const std::uint64_t mask = bit_run(at % 64, run);
        const std::uint64_t have = c->written[at / 64] & mask;
        std::uint8_t* out = data + std::size_t{i} * kSectorBytes;
        if (have == mask) {
          std::memcpy(out, &c->bytes[std::size_t{at} * kSectorBytes],
                      std::size_t{run} * kSectorBytes);
        } else {
          for (std::uint32_t s = 0; s < run; ++s, out += kSectorBytes) {
            if ((have >> ((at + s) % 64)) & 1) {
              std::memcpy(out, &c->bytes[std::size_t{at + s} * kSectorBytes], kSectorBytes);
            } else {
              std::memset(out, 0, kSectorBytes);
            }
          }
        }
        i += run;
      }
    }
    sector += n;
    data += std::size_t{n} * kSectorBytes;
    count -= n;
  }
}

void SparseStore::write(std::uint64_t sector, const std::uint8_t* data, std::uint32_t count) {
  while (count > 0) {
    const std::uint32_t first = static_cast<std::uint32_t>(sector % kChunkSectors);
    const std::uint32_t n = std::min(count, kChunkSectors - first);
    Chunk& c = chunk_for_write(sector / kChunkSectors);
    std::memcpy(&c.bytes[std::size_t{first} * kSectorBytes], data, std::size_t{n} * kSectorBytes);
    for (std::uint32_t i = 0; i < n;) {
      const std::uint32_t at = first + i;
      const std::uint32_t run = std::min(n - i, 64 - at % 64);
      const std::uint64_t mask = bit_run(at % 64, run);
      written_sectors_ += static_cast<std::uint64_t>(std::popcount(mask & ~c.written[at / 64]));
      c.written[at / 64] |= mask;
      i += run;
    }
    sector += n;
    data += std::size_t{n} * kSectorBytes;
    count -= n;
  }
}

void SparseStore::discard(std::uint64_t sector, std::uint64_t count) {
  const std::uint64_t end = sector + count;
  while (sector < end) {
    const std::uint64_t index = sector / kChunkSectors;
    Leaf* const l = leaf(index / kLeafChunks);
    if (l == nullptr) {
      sector = (index / kLeafChunks + 1) * kLeafChunks * kChunkSectors;
      continue;
    }
    const std::uint32_t first = static_cast<std::uint32_t>(sector % kChunkSectors);
    const std::uint32_t n =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(end - sector, kChunkSectors - first));
    if (std::unique_ptr<Chunk>& c = (*l)[index % kLeafChunks]; c != nullptr) {
      for (std::uint32_t i = 0; i < n;) {
        const std::uint32_t at = first + i;
        const std::uint32_t run = std::min(n - i, 64 - at % 64);
        const std::uint64_t mask = bit_run(at % 64, run);
        written_sectors_ -= static_cast<std::uint64_t>(std::popcount(mask & c->written[at / 64]));
        c->written[at / 64] &= ~mask;
        i += run;
      }
      if (std::all_of(c->written.begin(), c->written.end(), [](auto w) { return w == 0; })) {
        c.reset();
        --chunk_count_;
      }
    }
    sector += n;
    const bool leaf_passed = sector == end || sector % (kLeafChunks * kChunkSectors) == 0;
    if (leaf_passed &&
        std::all_of(l->begin(), l->end(), [](const auto& chunk) { return chunk == nullptr; })) {
      leaves_.erase(index / kLeafChunks);
      last_leaf_index_ = ~std::uint64_t{0};
      last_leaf_ = nullptr;
    }
  }
}

bool SparseStore::written(std::uint64_t sector) const {
  const Chunk* c = chunk(sector / kChunkSectors);
  const std::uint64_t at = sector % kChunkSectors;
  return c != nullptr && ((c->written[at / 64] >> (at % 64)) & 1) != 0;
}

void SparseStore::for_each_extent(
    const std::function<void(std::uint64_t sector, const std::uint8_t* data, std::uint32_t count)>&
        visit) const {
  std::vector<std::uint64_t> order;
  order.reserve(leaves_.size());
  for (const auto& entry : leaves_) order.push_back(entry.first);
  std::sort(order.begin(), order.end());
  for (const std::uint64_t index : order) {
    const Leaf& l = *leaves_.at(index);
    for (std::uint32_t i = 0; i < kLeafChunks; ++i) {
      const Chunk* c = l[i].get();
      if (c == nullptr) continue;
      const std::uint64_t base = (index * kLeafChunks + i) * kChunkSectors;
      for (std::uint32_t at = 0; at < kChunkSectors;) {
        const auto set = [c](std::uint32_t s) { return (c->written[s / 64] >> (s % 64)) & 1; };
        if (!set(at)) {
          ++at;
          continue;
        }
        std::uint32_t end = at;
        while (end < kChunkSectors && set(end)) ++end;
        visit(base + at, &c->bytes[std::size_t{at} * kSectorBytes], end - at);
        at = end;
      }
    }
  }
}

}  // namespace cesasim::hw
