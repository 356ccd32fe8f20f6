// SPDX-License-Identifier: Apache-2.0
#include "traces/replay/content_verifier.h"

#include <algorithm>
#include <cstring>

namespace cesasim::traces {
namespace {

using hw::kPageBytes;
using hw::kSectorBytes;
using kernel::BioOp;

constexpr std::size_t kMismatchesKept = 16;
constexpr std::uint8_t kPoison = 0xa5;
constexpr std::size_t kPoisonBytes = 16;  // what identifies plaintext: version and magic

/// Calls visit(page, bytes) for each page of the bio.
template <class Visit>
void for_each_page(const RequestLog& log, BioPages pages, Visit visit) {
  std::uint32_t left = log.bytes;
  for (const hw::PhysAddr page : pages) {
    const std::uint32_t bytes = std::min<std::uint32_t>(left, kPageBytes);
    visit(page, bytes);
    left -= bytes;
  }
}

}  // namespace

template <class Visit>
void ContentVerifier::for_each_sector(const RequestLog& log, BioPages pages, Visit visit) {
  // From the replay's own record of the request: a driver may have advanced the bio's.
  constexpr std::uint32_t kPerPage = kPageBytes / kSectorBytes;
  const std::uint32_t sectors = log.bytes / kSectorBytes;
  for (std::uint32_t i = 0; i < sectors; ++i) {
    std::uint8_t* const page = kernel_.phys_to_virt(pages[i / kPerPage]);
    visit(log.sector + i, page + (i % kPerPage) * kSectorBytes);
  }
}

void ContentVerifier::submitted(const RequestLog& log, BioPages pages) {
  if (log.op == BioOp::write) {
    oracle_.begin_write(log.sector, log.bytes / kSectorBytes);
    fill(log, pages);
  } else if (log.op == BioOp::read) {
    poison(log, pages);
  }
}

void ContentVerifier::completed(RequestLog& log, BioPages pages) {
  if (log.op == BioOp::write) {
    if (log.error != 0) oracle_.mark_uncertain(log.sector, log.bytes / kSectorBytes);
    check_clobbered(log, pages);
  } else if (log.op == BioOp::read && log.error == 0) {
    verify_read(log, pages);
  }
}

void ContentVerifier::fill(const RequestLog& log, BioPages pages) {
  for_each_page(log, pages,
                [this](hw::PhysAddr page, std::uint32_t bytes) { kernel_.cpu_write(page, bytes); });
  for_each_sector(log, pages, [this](std::uint64_t sector, std::uint8_t* data) {
    oracle_.fill(sector, oracle_.expected(sector), data);
  });
}

void ContentVerifier::poison(const RequestLog& log, BioPages pages) {
  // The page may hold what an earlier request left there: the very data this read should bring.
  for_each_sector(log, pages, [](std::uint64_t, std::uint8_t* data) {
    std::memset(data, kPoison, kPoisonBytes);
  });
}

void ContentVerifier::verify_read(RequestLog& log, BioPages pages) {
  // This stands for the reader's copy out of the page cache.
  for_each_page(log, pages,
                [this](hw::PhysAddr page, std::uint32_t bytes) { kernel_.cpu_read(page, bytes); });
  for_each_sector(log, pages, [&](std::uint64_t sector, const std::uint8_t* data) {
    bool right = false;
    if (!oracle_.written(sector)) {
      ++counts_.unwritten_sectors;
      if (unwritten_ == nullptr) return;
      right = unwritten_->is_right(sector, data);
    } else if (!oracle_.certain(sector)) {
      ++counts_.uncertain_sectors;
      return;
    } else {
      right = oracle_.verify(sector, data);
    }
    if (right) {
      ++counts_.verified_sectors;
      return;
    }
    ++log.wrong_sectors;
    ++counts_.mismatched_sectors;
    if (first_mismatches_.size() < kMismatchesKept) {
      first_mismatches_.push_back({sector, log.line, log.ended});
    }
  });
  if (log.wrong_sectors == 0) ++counts_.verified_reads;
}

void ContentVerifier::check_clobbered(const RequestLog& log, BioPages pages) {
  for_each_sector(log, pages, [this](std::uint64_t sector, const std::uint8_t* data) {
    if (!oracle_.looks_like_plaintext(sector, data)) ++counts_.clobbered_sectors;
  });
}

}  // namespace cesasim::traces
