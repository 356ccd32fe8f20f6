// SPDX-License-Identifier: Apache-2.0
// Where mke2fs puts the metadata of an ext2 file system.
#pragma once

#include <cstdint>
#include <stdexcept>

namespace cesasim::traces {

/// Parameters of a generator that make no sense; what() names them.
struct GeneratorError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Options of mke2fs; the defaults are those of its configuration for larger devices.
struct Ext2Params {
  std::uint64_t device_bytes = 0;
  std::uint64_t block_bytes = 4096;       ///< 1024, 2048 or 4096
  std::uint64_t blocks_per_group = 0;     ///< 0: as many as one bitmap block describes
  std::uint64_t bytes_per_inode = 16384;  ///< mke2fs -i
  std::uint64_t inode_bytes = 256;        ///< mke2fs -I
  bool sparse_super = true;               ///< backups in groups 0, 1 and powers of 3, 5 and 7 only
  bool resize_inode = true;               ///< descriptor blocks kept for growing 1024 times
};

/// Block numbers, all from the start of the device, and counts of blocks.
class Ext2Layout {
 public:
  /// Throws GeneratorError.
  explicit Ext2Layout(const Ext2Params& params);

  std::uint64_t block_bytes() const { return block_bytes_; }
  std::uint64_t blocks() const { return blocks_; }
  std::uint64_t groups() const { return groups_; }
  std::uint64_t group_start(std::uint64_t group) const {
    return first_data_block_ + group * blocks_per_group_;
  }
  bool has_backup(std::uint64_t group) const;
  std::uint64_t descriptor_blocks() const { return descriptor_blocks_; }
  std::uint64_t reserved_descriptor_blocks() const { return reserved_descriptor_blocks_; }
  std::uint64_t block_bitmap(std::uint64_t group) const;
  std::uint64_t inode_bitmap(std::uint64_t group) const { return block_bitmap(group) + 1; }
  std::uint64_t inode_table(std::uint64_t group) const { return block_bitmap(group) + 2; }
  std::uint64_t inode_table_blocks() const { return inode_table_blocks_; }
  /// First block of a group that may hold data.
  std::uint64_t data_start(std::uint64_t group) const {
    return inode_table(group) + inode_table_blocks_;
  }
  /// First block after a group.
  std::uint64_t group_end(std::uint64_t group) const {
    return group + 1 == groups_ ? blocks_ : group_start(group + 1);
  }

 private:
  std::uint64_t block_bytes_;
  std::uint64_t blocks_;
  std::uint64_t first_data_block_;  // 1 with blocks of 1 KiB, where the boot sector fills block 0
  std::uint64_t blocks_per_group_;
  std::uint64_t groups_;
  std::uint64_t descriptor_blocks_;
  std::uint64_t reserved_descriptor_blocks_ = 0;
  std::uint64_t inode_table_blocks_;
  bool sparse_super_;
};

}  // namespace cesasim::traces
