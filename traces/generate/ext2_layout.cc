// SPDX-License-Identifier: Apache-2.0
#include "traces/generate/ext2_layout.h"

#include <fmt/format.h>

#include <algorithm>

namespace cesasim::traces {
namespace {

constexpr std::uint64_t kDescriptorBytes = 32;
constexpr std::uint64_t kMinGroupBlocks = 50;  // mke2fs leaves a smaller last group away

std::uint64_t ceil_div(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }
std::uint64_t round_up(std::uint64_t a, std::uint64_t b) { return ceil_div(a, b) * b; }

bool is_power_of(std::uint64_t value, std::uint64_t base) {
  while (value % base == 0) value /= base;
  return value == 1;
}

void require(bool good, const std::string& what) {
  if (!good) throw GeneratorError(what);
}

}  // namespace

Ext2Layout::Ext2Layout(const Ext2Params& p)
    : block_bytes_(p.block_bytes), sparse_super_(p.sparse_super) {
  const std::uint64_t b = p.block_bytes;
  require(b == 1024 || b == 2048 || b == 4096,
          fmt::format("block size of {} bytes; valid: 1024, 2048, 4096", b));
  blocks_per_group_ = p.blocks_per_group == 0 ? 8 * b : p.blocks_per_group;
  require(blocks_per_group_ >= 256 && blocks_per_group_ <= 8 * b && blocks_per_group_ % 8 == 0,
          fmt::format("{} blocks per group; valid: a multiple of 8 from 256 to {} (what one bitmap "
                      "block describes)",
                      blocks_per_group_, 8 * b));
  require(p.inode_bytes >= 128 && p.inode_bytes <= b && (p.inode_bytes & (p.inode_bytes - 1)) == 0,
          fmt::format("inodes of {} bytes; valid: a power of two from 128 to the block size",
                      p.inode_bytes));
  require(p.bytes_per_inode >= 1024,
          fmt::format("{} bytes per inode; valid: 1024 and more", p.bytes_per_inode));
  constexpr std::uint64_t kMaxBlocks = 0xffff'ffff;  // ext2's block numbers have 32 bits
  blocks_ = p.device_bytes / b;
  require(blocks_ <= kMaxBlocks,
          fmt::format("a device of {} bytes; ext2 holds at most {} blocks of {}", p.device_bytes,
                      kMaxBlocks, b));
  first_data_block_ = b == 1024 ? 1 : 0;
  require(blocks_ > first_data_block_ + 64,
          fmt::format("a device of {} bytes is too small for ext2", p.device_bytes));

  for (;;) {
    groups_ = ceil_div(blocks_ - first_data_block_, blocks_per_group_);
    descriptor_blocks_ = ceil_div(groups_ * kDescriptorBytes, b);
    if (p.resize_inode) {
      // One indirect block lists the reserved blocks, so there are no more than it holds.
      const std::uint64_t grown = std::min(blocks_ * 1024, kMaxBlocks);
      const std::uint64_t grown_groups = ceil_div(grown - first_data_block_, blocks_per_group_);
      const std::uint64_t grown_descriptors = ceil_div(grown_groups * kDescriptorBytes, b);
      reserved_descriptor_blocks_ = std::min(grown_descriptors - descriptor_blocks_, b / 4);
    }
    const std::uint64_t inodes = std::max<std::uint64_t>(16, p.device_bytes / p.bytes_per_inode);
    const std::uint64_t per_block = b / p.inode_bytes;
    const std::uint64_t per_group = std::min(round_up(ceil_div(inodes, groups_), 8), 8 * b);
    inode_table_blocks_ = ceil_div(per_group, per_block);

    // All groups must hold their metadata; the last one may be too short and is then left away.
    const std::uint64_t last = groups_ - 1;
    const std::uint64_t used = data_start(last) - group_start(last);
    if (group_start(last) + used + kMinGroupBlocks <= blocks_) break;
    require(last > 0,
            fmt::format("a device of {} bytes does not hold its own metadata", p.device_bytes));
    blocks_ = group_start(last);
  }
  require(data_start(0) + kMinGroupBlocks <= group_end(0),
          fmt::format("groups of {} blocks do not hold their own metadata", blocks_per_group_));
}

bool Ext2Layout::has_backup(std::uint64_t group) const {
  return !sparse_super_ || group <= 1 || is_power_of(group, 3) || is_power_of(group, 5) ||
         is_power_of(group, 7);
}

std::uint64_t Ext2Layout::block_bitmap(std::uint64_t group) const {
  const std::uint64_t before =
      has_backup(group) ? 1 + descriptor_blocks_ + reserved_descriptor_blocks_ : 0;
  return group_start(group) + before;
}

}  // namespace cesasim::traces
