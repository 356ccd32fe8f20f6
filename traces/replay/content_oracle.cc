// SPDX-License-Identifier: Apache-2.0
#include "traces/replay/content_oracle.h"

#include <cstring>

#include "base/text/splitmix64.h"

namespace cesasim::traces {
namespace {

constexpr std::size_t kWords = ContentOracle::kSectorBytes / sizeof(std::uint64_t);

}  // namespace

ContentOracle::ContentOracle(std::uint64_t seed)
    : content_key_(splitmix64_mix(seed ^ kSplitMix64Step)),
      magic_key_(splitmix64_mix(content_key_ + seed)) {}

void ContentOracle::fill(std::uint64_t sector, std::uint32_t generation, std::uint8_t* out) const {
  // Two rounds: sector and generation are below 2^55 and 2^31 and would collide if only added.
  const std::uint64_t key = splitmix64_mix(splitmix64_mix(sector ^ content_key_) + generation);
  // Each word depends on its index alone, not on its neighbour, and takes no multiply: compilers
  // turn this loop into vector code for any machine. Every step is a bijection, so that no two
  // words of a sector are equal.
  for (std::size_t i = 0; i < kWords; ++i) {
    std::uint64_t x = key + i * kSplitMix64Step;
    x ^= x >> 32;
    x += x << 21;
    x ^= x >> 29;
    std::memcpy(out + i * sizeof x, &x, sizeof x);
  }
  const std::uint64_t first[2] = {key, magic(sector)};
  std::memcpy(out, first, sizeof first);
}

bool ContentOracle::looks_like_plaintext(std::uint64_t sector, const std::uint8_t* data) const {
  const std::uint64_t wanted = magic(sector);
  return std::memcmp(data + sizeof wanted, &wanted, sizeof wanted) == 0;
}

void ContentOracle::begin_write(std::uint64_t sector, std::uint64_t sectors) {
  for (std::uint64_t end = sector + sectors; sector < end; ++sector) {
    std::uint32_t& entry = chunk_for(sector / kChunkSectors)[sector % kChunkSectors];
    if (entry == 0) ++written_sectors_;
    const std::uint32_t generation = (entry & kGenerationMask) + 1;
    // 2^31 writes of one sector: start over, but never at 0, which means "never written".
    entry = generation > kGenerationMask ? 1 : generation;
  }
}

void ContentOracle::mark_uncertain(std::uint64_t sector, std::uint64_t sectors) {
  for (std::uint64_t end = sector + sectors; sector < end; ++sector) {
    chunk_for(sector / kChunkSectors)[sector % kChunkSectors] |= kUncertain;
  }
}

bool ContentOracle::verify(std::uint64_t sector, const std::uint8_t* data) const {
  std::array<std::uint8_t, kSectorBytes> wanted;
  fill(sector, expected(sector), wanted.data());
  return std::memcmp(wanted.data(), data, kSectorBytes) == 0;
}

std::uint32_t ContentOracle::entry(std::uint64_t sector) const {
  const std::uint64_t number = sector / kChunkSectors;
  if (number != cached_number_ || cached_ == nullptr) {
    const auto found = chunks_.find(number);
    if (found == chunks_.end()) return 0;
    cached_ = found->second.get();
    cached_number_ = number;
  }
  return (*cached_)[sector % kChunkSectors];
}

ContentOracle::Chunk& ContentOracle::chunk_for(std::uint64_t number) {
  if (number != cached_number_ || cached_ == nullptr) {
    std::unique_ptr<Chunk>& chunk = chunks_[number];
    if (chunk == nullptr) chunk = std::make_unique<Chunk>();
    cached_ = chunk.get();
    cached_number_ = number;
  }
  return *cached_;
}

std::uint64_t ContentOracle::magic(std::uint64_t sector) const {
  return splitmix64_mix(splitmix64_mix(sector + magic_key_) ^ content_key_);
}

}  // namespace cesasim::traces
