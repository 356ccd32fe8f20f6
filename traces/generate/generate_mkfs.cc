// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "traces/generate/generator_output.h"

namespace cesasim::traces {
namespace {

constexpr std::uint32_t kMkfs = 100;  // pids
constexpr std::uint32_t kWriteback = 10;
constexpr std::uint64_t kZapBytes = 65536;     // wiped at the end of the device
constexpr std::uint64_t kZeroBytes = 1 << 20;  // in one zero-out write
constexpr std::uint64_t kLostAndFoundBytes = 16384;

class Mkfs {
 public:
  Mkfs(const MkfsParams& params, const Emit& emit)
      : params_(params),
        layout_(params.ext2),
        out_(emit, layout_.block_bytes(), params.rate_mb_s) {}

  void run() {
    out_.set_phase("mkfs");
    out_.flush(kMkfs);
    out_.read(0, 1, kMkfs);
    std::uint64_t left_dirty = 0;  // blocks of tables
    const std::uint64_t zap_blocks = kZapBytes / layout_.block_bytes();
    const std::uint64_t zap = layout_.blocks() - zap_blocks;
    if (params_.tables == InodeTables::buffered) {
      left_dirty = std::min(params_.dirty_kib * 1024 / layout_.block_bytes(), table_blocks());
      out_.write(0, 1, kWriteback);
      tables_by_writeback(table_blocks() - left_dirty, zap, zap_blocks);
    } else {
      out_.write(zap, zap_blocks, kMkfs, kSync);
      if (params_.tables == InodeTables::zeroout) tables_by_zeroout();
    }
    out_.read(layout_.inode_table(0), 1, kMkfs, kReadAhead);
    for (std::uint64_t g = 1; g < layout_.groups(); ++g) {
      if (layout_.has_backup(g)) out_.read(layout_.group_start(g), 1, kMkfs);
    }
    metadata(left_dirty);
    out_.flush(kMkfs);
    out_.read(0, 1, kMkfs);
    out_.write(0, 1, kMkfs, kSync);  // the superblock, now clean
    out_.flush(kMkfs);
  }

 private:
  std::uint64_t table_blocks() const { return layout_.groups() * layout_.inode_table_blocks(); }

  /// The flusher's first sweep over the device takes the wiped end along.
  void tables_by_writeback(std::uint64_t blocks, std::uint64_t zap, std::uint64_t zap_blocks) {
    constexpr std::uint64_t kFirstSweep = 64ull << 20;
    const std::uint64_t sweep = std::min(blocks, kFirstSweep / layout_.block_bytes());
    for (std::uint64_t i = 0; i < blocks; ++i) {
      if (i == sweep) write_each(zap, zap_blocks, kWriteback, 0);
      const std::uint64_t n = layout_.inode_table_blocks();
      out_.write(layout_.inode_table(i / n) + i % n, 1, kWriteback);
    }
    if (sweep == blocks) write_each(zap, zap_blocks, kWriteback, 0);
  }

  void tables_by_zeroout() {
    const std::uint64_t most = kZeroBytes / layout_.block_bytes();
    for (std::uint64_t g = 0; g < layout_.groups(); ++g) {
      for (std::uint64_t i = 0; i < layout_.inode_table_blocks(); i += most) {
        const std::uint64_t n = std::min(most, layout_.inode_table_blocks() - i);
        const bool last = i + n == layout_.inode_table_blocks();
        out_.write(layout_.inode_table(g) + i, n, kMkfs, last ? kSync : 0);
      }
    }
  }

  /// What mke2fs's fsync finds in the page cache, in the order of the device.
  void metadata(std::uint64_t left_dirty) {
    const std::uint64_t n = layout_.inode_table_blocks();
    const std::uint64_t clean = table_blocks() - left_dirty;  // of all groups' tables, in a row
    const bool buffered = params_.tables == InodeTables::buffered;
    for (std::uint64_t g = 0; g < layout_.groups(); ++g) {
      const std::uint64_t start = layout_.group_start(g);
      const std::uint64_t bitmap = layout_.block_bitmap(g);
      if (g == 0) {
        // The reserved descriptor blocks of group 0 are the resize inode's indirect blocks, the
        // first block of the table holds the root's inode.
        const std::uint64_t first = start + (buffered && start == 0 ? 1 : 0);
        write_each(first, layout_.inode_table(0) + 1 - first, kMkfs, kSync);
        const std::uint64_t root = 1;
        const std::uint64_t lost = kLostAndFoundBytes / layout_.block_bytes();
        const std::uint64_t resize = layout_.reserved_descriptor_blocks() > 0 ? 1 : 0;
        if (clean < n) {
          const std::uint64_t from = std::max<std::uint64_t>(clean, 1);
          write_each(layout_.inode_table(0) + from, n - from, kMkfs, kSync);
        }
        write_each(layout_.data_start(0), root + lost + resize, kMkfs, kSync);
        continue;
      }
      if (layout_.has_backup(g)) {
        write_each(start, 1 + layout_.descriptor_blocks(), kMkfs, kSync);
      }
      write_each(bitmap, 2, kMkfs, kSync);
      const std::uint64_t dirty_from = std::clamp(clean, g * n, (g + 1) * n) - g * n;
      write_each(layout_.inode_table(g) + dirty_from, n - dirty_from, kMkfs, kSync);
    }
  }

  /// Block by block, as the page cache of a block device writes.
  void write_each(std::uint64_t block, std::uint64_t blocks, std::uint32_t pid,
                  std::uint8_t flags) {
    for (std::uint64_t i = 0; i < blocks; ++i) out_.write(block + i, 1, pid, flags);
  }

  const MkfsParams& params_;
  Ext2Layout layout_;
  GeneratorOutput out_;
};

}  // namespace

void generate_mkfs(const MkfsParams& params, const Emit& emit) { Mkfs(params, emit).run(); }

}  // namespace cesasim::traces
