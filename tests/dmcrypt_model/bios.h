// SPDX-License-Identifier: Apache-2.0
// Bios in flight for the dm-crypt tests: several at once, their pages, how often they ended.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <random>
#include <vector>

#include "tests/support/board.h"

namespace cesasim::test {

using Bytes = std::vector<std::uint8_t>;

inline Bytes random_bytes(std::mt19937& random, std::size_t n) {
  Bytes out(n);
  for (auto& b : out) b = static_cast<std::uint8_t>(random());
  return out;
}

/// Submits bios and waits for their ends. Call from modelled threads; must outlive the bios.
class Bios {
 public:
  struct One {
    Bios* owner = nullptr;
    kernel::Bio bio;
    std::vector<hw::PhysAddr> pages;
    Bytes written;  ///< a write's data as it was submitted
    unsigned ends = 0;
    int error = 0;
    hw::Ps ended_at = 0;
    bool in_interrupt = false;
    std::string thread;
  };

  explicit Bios(Board& board) : board_(board), wait_(board.kernel) {}

  One& write(kernel::BlockDevice& device, std::uint64_t sector, const Bytes& data,
             std::mt19937* layout = nullptr) {
    return submit(make(kernel::BioOp::write, sector, data, layout), device);
  }
  One& read(kernel::BlockDevice& device, std::uint64_t sector, std::size_t bytes,
            std::mt19937* layout = nullptr) {
    return submit(make(kernel::BioOp::read, sector, Bytes(bytes), layout), device);
  }
  /// Allocates the pages without submitting. With `layout` the pieces start anywhere in pages.
  One& make(kernel::BioOp op, std::uint64_t sector, const Bytes& data, std::mt19937* layout) {
    all.emplace_back();
    One& one = all.back();
    one.owner = this;
    one.bio.op = op;
    one.bio.sector = sector;
    one.bio.size = static_cast<std::uint32_t>(data.size());
    one.bio.bi_private = &one;
    one.bio.end_io = &Bios::ended;
    for (std::size_t at = 0; at < data.size();) {
      const hw::PhysAddr page =
          board_.kernel.alloc_page(kernel::Activity::fs, hw::AllocSite::page_cache);
      EXPECT_NE(page, 0u);
      one.pages.push_back(page);
      std::uint32_t offset = 0;
      std::uint32_t len = hw::kPageBytes;
      if (layout != nullptr && (*layout)() % 3 == 0) {
        offset = ((*layout)() % 8) * hw::kSectorBytes;
        len = hw::kSectorBytes * (1 + (*layout)() % (8 - offset / hw::kSectorBytes));
      }
      len = static_cast<std::uint32_t>(std::min<std::size_t>(len, data.size() - at));
      if (op == kernel::BioOp::write) {
        std::memcpy(board_.kernel.phys_to_virt(page + offset), data.data() + at, len);
      }
      one.bio.vecs.push_back({page + offset, len});
      at += len;
    }
    if (op == kernel::BioOp::write) one.written = data;
    ++outstanding;
    return one;
  }
  One& submit(One& one, kernel::BlockDevice& device) {
    device.submit_bio(one.bio);
    device.unplug();
    return one;
  }
  void wait() {
    wait_.wait_event([this] { return outstanding == 0; });
  }
  Bytes data(const One& one) {
    Bytes out;
    for (const kernel::BioVec& vec : one.bio.vecs) {
      const std::uint8_t* p = board_.kernel.phys_to_virt(vec.addr);
      out.insert(out.end(), p, p + vec.len);
    }
    return out;
  }
  /// Checks that every bio ended once and no write changed its pages; frees the pages.
  void check_and_free() {
    for (One& one : all) {
      EXPECT_EQ(one.ends, 1u);
      if (one.bio.op == kernel::BioOp::write) {
        EXPECT_EQ(data(one), one.written);
      }
      for (hw::PhysAddr page : one.pages) board_.kernel.free_page(page, kernel::Activity::fs);
    }
    all.clear();
  }

  std::deque<One> all;
  std::size_t outstanding = 0;

 private:
  static void ended(kernel::Bio& bio, int error) {
    One& one = *static_cast<One*>(bio.bi_private);
    Bios& self = *one.owner;
    EXPECT_EQ(++one.ends, 1u) << "a bio ended twice";
    one.error = error;
    one.ended_at = self.board_.kernel.now();
    one.in_interrupt = self.board_.kernel.in_interrupt();
    one.thread = self.board_.kernel.current().name();
    if (--self.outstanding == 0) self.wait_.wake_up();
  }
  Board& board_;
  kernel::WaitQueue wait_;
};

inline dmcrypt::CryptTable crypt_table(const std::string& cipher = "aes-cbc-essiv:sha256",
                                       std::size_t key_bytes = 16) {
  dmcrypt::CryptTable table;
  table.cipher = dmcrypt::CipherSpec::parse(cipher);
  for (std::size_t i = 0; i < key_bytes; ++i) table.key.push_back(static_cast<std::uint8_t>(i * 7));
  table.iv_offset = 1000;
  table.start = 2048;
  table.sectors = 8192;
  return table;
}

}  // namespace cesasim::test
