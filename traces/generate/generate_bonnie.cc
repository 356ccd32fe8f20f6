// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "traces/generate/generator_output.h"

namespace cesasim::traces {
namespace {

constexpr std::uint32_t kBonnie = 200;  // pids; the seekers follow
constexpr std::uint32_t kWriteback = 10;
constexpr std::uint32_t kSyncer = 300;

/// Blocks of a file that lie side by side on the disk.
struct Extent {
  std::uint64_t file_block;
  std::uint64_t disk_block;
  std::uint64_t blocks;
};

/// Where ext2 puts a file that is written from its beginning: windows that double up to 8 MiB,
/// whole groups one after the other, indirect blocks in the gaps between the windows.
class FileLayout {
 public:
  FileLayout(const Ext2Layout& layout, std::uint64_t blocks, std::uint64_t first_group)
      : layout_(layout), blocks_(blocks), group_(first_group), cursor_(layout.data_start(group_)) {
    const std::uint64_t indirect = blocks / per_indirect() + 2;
    for (std::uint64_t at = 0; at < blocks;) at += place(at);
    for (std::uint64_t i = 0; i < indirect; ++i) indirect_.push_back(place_indirect());
    last_group_ = group_;
  }

  std::uint64_t blocks() const { return blocks_; }
  std::uint64_t last_group() const { return last_group_; }
  const std::set<std::uint64_t>& groups() const { return groups_; }

  /// Calls visit(disk_block, blocks) for each piece of [from, from + blocks) of the file.
  template <class Visit>
  void pieces(std::uint64_t from, std::uint64_t blocks, Visit visit) const {
    auto it = std::upper_bound(extents_.begin(), extents_.end(), from,
                               [](std::uint64_t at, const Extent& e) { return at < e.file_block; });
    for (--it; blocks > 0; ++it) {
      const std::uint64_t skip = from - it->file_block;
      const std::uint64_t n = std::min(blocks, it->blocks - skip);
      visit(it->disk_block + skip, n);
      from += n;
      blocks -= n;
    }
  }

  /// Metadata blocks that writing [from, from + blocks) for the first time changes.
  std::set<std::uint64_t> metadata(std::uint64_t from, std::uint64_t blocks) const {
    constexpr std::uint64_t kDirect = 12;  // blocks that the inode lists itself
    std::set<std::uint64_t> changed = {descriptors(), inode()};
    pieces(from, blocks, [&](std::uint64_t at, std::uint64_t) {
      changed.insert(layout_.block_bitmap(group_of(at)));
    });
    const std::uint64_t end = from + blocks;
    if (end <= kDirect) return changed;
    const std::uint64_t first = (std::max(from, kDirect) - kDirect) / per_indirect();
    const std::uint64_t last = (end - 1 - kDirect) / per_indirect();
    if (last > 0) changed.insert(indirect_[0]);  // the block that lists the others
    for (std::uint64_t i = first; i <= last; ++i) changed.insert(indirect_[i + 1]);
    return changed;
  }
  std::uint64_t descriptors() const { return layout_.group_start(0) + 1; }
  std::uint64_t inode() const { return layout_.inode_table(0); }
  std::uint64_t directory() const { return layout_.data_start(0); }

 private:
  static constexpr std::uint64_t kWindowBytes = 8 << 20;
  static constexpr std::uint64_t kFirstWindow = 16;  // blocks
  static constexpr std::uint64_t kFilesAhead = 6;    // root directory and lost+found

  std::uint64_t per_indirect() const { return layout_.block_bytes() / 4; }
  std::uint64_t group_of(std::uint64_t block) const {
    return (block - layout_.group_start(0)) / (layout_.group_start(1) - layout_.group_start(0));
  }

  void next_group() {
    if (cursor_ < layout_.group_end(group_)) {
      gaps_.push_back({0, cursor_, layout_.group_end(group_) - cursor_});
    }
    group_ = (group_ + 1) % layout_.groups();
    if (groups_.contains(group_)) {
      throw GeneratorError(
          fmt::format("a file of {} blocks does not fit into the file system", blocks_));
    }
    cursor_ = layout_.data_start(group_) + (group_ == 0 ? kFilesAhead : 0);
  }

  /// Places the window that begins at block `at` of the file; returns its size.
  std::uint64_t place(std::uint64_t at) {
    const std::uint64_t largest = kWindowBytes / layout_.block_bytes();
    std::uint64_t window = kFirstWindow;
    while (window < largest && window <= at) window *= at == kFirstWindow ? 4 : 2;
    window = std::min(window, largest);
    const std::uint64_t size = std::min(blocks_ - at, window - at % window);
    if (groups_.empty() && group_ == 0) cursor_ += kFilesAhead;
    for (;;) {
      const std::uint64_t end = layout_.group_end(group_);
      // Small windows are aligned to their size, which leaves gaps between them.
      const std::uint64_t aligned = (cursor_ + size - 1) / size * size;
      const std::uint64_t begin = at < largest && aligned + size <= end ? aligned : cursor_;
      if (begin + std::min(size, kFirstWindow) > end) {
        next_group();
        continue;
      }
      const std::uint64_t n = std::min(size, end - begin);
      if (begin > cursor_) gaps_.push_back({0, cursor_, begin - cursor_});
      groups_.insert(group_);
      cursor_ = begin + n;
      append({at, begin, n});
      return n;
    }
  }

  void append(const Extent& extent) {
    if (!extents_.empty() &&
        extents_.back().disk_block + extents_.back().blocks == extent.disk_block) {
      extents_.back().blocks += extent.blocks;
    } else {
      extents_.push_back(extent);
    }
  }

  std::uint64_t place_indirect() {
    while (!gaps_.empty() && gaps_.front().blocks == 0) gaps_.erase(gaps_.begin());
    if (gaps_.empty()) {
      if (cursor_ == layout_.group_end(group_)) next_group();
      groups_.insert(group_);
      return cursor_++;
    }
    --gaps_.front().blocks;
    return gaps_.front().disk_block++;
  }

  const Ext2Layout& layout_;
  std::uint64_t blocks_;
  std::uint64_t group_;
  std::uint64_t cursor_;
  std::uint64_t last_group_ = 0;
  std::vector<Extent> extents_;
  std::vector<Extent> gaps_;
  std::vector<std::uint64_t> indirect_;  // the first lists the others
  std::set<std::uint64_t> groups_;
};

void require(bool good, const std::string& what) {
  if (!good) throw GeneratorError(what);
}

class Bonnie {
 public:
  Bonnie(const BonnieParams& p, const Emit& emit)
      : params_(checked(p)),
        layout_(p.ext2),
        block_(layout_.block_bytes()),
        blocks_(p.file_bytes / block_),
        first_(layout_, blocks_, 0),
        second_(layout_, blocks_, first_.last_group()),
        out_(emit, block_, p.rate_mb_s),
        random_(p.seed) {
    const auto whole = [&](std::uint64_t bytes, const char* what) {
      require(bytes >= block_ && bytes % block_ == 0,
              fmt::format("{} of {} bytes is not a multiple of the block size, {}", what, bytes,
                          block_));
    };
    whole(p.file_bytes, "file");
    whole(p.chunk_bytes, "chunk");
    whole(p.read_ahead_bytes, "read-ahead");
    whole(p.writeback_bytes / 2, "half a write-back slice");
    require(p.file_bytes % p.chunk_bytes == 0, "the file is not a whole number of chunks");
  }

  void run() {
    out_.set_phase("pre");
    mount();
    out_.set_phase("Writing_with_putc_");
    // A new file: superblock, inode bitmap and directory change, too.
    write_metadata(first_, 0, kCreated,
                   {layout_.group_start(0), layout_.inode_bitmap(0), first_.directory()});
    write_new(first_);
    out_.set_phase("Writing_intelligently");
    behind_ = 0;  // what was not written yet goes with the removed file
    write_metadata(second_, 0, kCreated, removed());
    write_new(second_);
    out_.set_phase("Rewriting");
    write_behind(0);
    rewrite();
    out_.set_phase("Reading_with_getc_");
    write_behind(0);
    read_all(second_);
    out_.set_phase("Reading_intelligently");
    read_all(second_);
    out_.set_phase("start_em");
    seek();
    out_.set_phase("sync");
    for (const std::uint64_t block : removed()) out_.write(block, 1, kWriteback, kMetadata);
    out_.flush(kSyncer);
  }

 private:
  static constexpr std::uint64_t kCreated = 16;  // blocks of a file when its inode is written first

  /// The directory, the inodes around it by read-ahead, and the block bitmaps.
  void mount() {
    constexpr std::uint64_t kInodeReadAhead = 22;
    out_.read(first_.directory(), 1, kBonnie, kMetadata);
    out_.read(layout_.inode_bitmap(0), 1, kBonnie, kMetadata);
    const std::uint64_t ahead = std::min(kInodeReadAhead, layout_.inode_table_blocks() - 1);
    for (std::uint64_t i = 1; i <= ahead; ++i) {
      out_.read(layout_.inode_table(0) + i, 1, kBonnie, kReadAhead);
    }
    out_.read(layout_.inode_table(0), 1, kBonnie, kMetadata);
    for (std::uint64_t g = 0; g < layout_.groups(); ++g) {
      out_.read(layout_.block_bitmap(g), 1, kBonnie, kMetadata | kReadAhead);
    }
  }

  /// What the removal of the first file changes.
  std::set<std::uint64_t> removed() const {
    std::set<std::uint64_t> blocks = {first_.descriptors(), layout_.inode_bitmap(0), first_.inode(),
                                      first_.directory()};
    for (const std::uint64_t g : first_.groups()) blocks.insert(layout_.block_bitmap(g));
    return blocks;
  }

  void write_metadata(const FileLayout& file, std::uint64_t from, std::uint64_t blocks,
                      std::set<std::uint64_t> more = {}) {
    more.merge(file.metadata(from, std::min(blocks, blocks_ - from)));
    for (const std::uint64_t block : more) out_.write(block, 1, kWriteback, kMetadata);
  }

  std::uint64_t slice_blocks() const { return params_.writeback_bytes / block_; }
  std::uint64_t dirty_blocks() const { return params_.dirty_bytes / block_; }

  /// Write-back of [from, from + blocks) of a file: in places the flusher catches up with the
  /// writer, and the slice goes out in two pieces.
  void write_slice(const FileLayout& file, std::uint64_t from, std::uint64_t blocks) {
    const std::uint64_t half = slice_blocks() / 2;
    const std::uint64_t end = from + blocks;
    std::uint64_t at = from;
    for (std::uint64_t part = from; part < end; part += half) {
      const std::uint64_t n = std::min(half, end - part);
      if (n < 2 || random_.unit() >= params_.split_share) continue;
      const std::uint64_t cut = part + 1 + random_.below(n - 1);
      write_pieces(file, at, cut - at);
      at = cut;
    }
    write_pieces(file, at, end - at);
  }

  void write_pieces(const FileLayout& file, std::uint64_t from, std::uint64_t blocks) {
    file.pieces(from, blocks,
                [&](std::uint64_t at, std::uint64_t n) { out_.write(at, n, kWriteback); });
  }

  /// Fills a new file; what is dirty at the end stays behind.
  void write_new(const FileLayout& file) {
    const std::uint64_t end = blocks_ - std::min(dirty_blocks(), blocks_);
    for (std::uint64_t at = 0; at < end; at += slice_blocks()) {
      const std::uint64_t n = std::min(slice_blocks(), end - at);
      write_slice(file, at, n);
      write_metadata(file, at, n);
    }
    behind_ = blocks_ - end;
  }

  /// Writes what is dirty of the second file's end, but for the last `keep` blocks.
  void write_behind(std::uint64_t keep) {
    while (behind_ > keep) {
      const std::uint64_t n = std::min(slice_blocks() / 2, behind_ - keep);
      write_slice(second_, blocks_ - behind_, n);
      out_.write(second_.inode(), 1, kWriteback, kMetadata);  // its time stamp
      behind_ -= n;
    }
  }

  /// Reads one read-ahead window; returns its blocks.
  std::uint64_t read_window(const FileLayout& file, std::uint64_t from) {
    const std::uint64_t ahead = params_.read_ahead_bytes / block_;
    // Read-ahead begins with a few blocks and then takes whole windows.
    std::uint64_t window = ahead;
    if (from == 0) {
      window = std::max<std::uint64_t>(ahead / 8, 1);
    } else if (from < ahead / 2) {
      window = ahead / 2 - from;
    }
    const std::uint64_t n = std::min(window, blocks_ - from);
    file.pieces(from, n, [&](std::uint64_t at, std::uint64_t piece) {
      out_.read(at, piece, kBonnie, kReadAhead);
    });
    return n;
  }

  void read_all(const FileLayout& file) {
    for (std::uint64_t at = 0; at < blocks_;) at += read_window(file, at);
  }

  /// Reads the file and dirties it; write-back follows so far behind.
  void rewrite() {
    const std::uint64_t half = slice_blocks() / 2;
    std::uint64_t written = 0;
    for (std::uint64_t at = 0; at < blocks_;) {
      at += read_window(second_, at);
      while (at >= written + half + dirty_blocks()) {
        write_slice(second_, written, half);
        out_.write(second_.inode(), 1, kWriteback, kMetadata);
        written += half;
      }
    }
    behind_ = blocks_ - written;
  }

  void seek() {
    const std::uint64_t chunk = params_.chunk_bytes / block_;
    const std::uint64_t chunks = blocks_ / chunk;
    const std::uint64_t cached = std::min(params_.cached_bytes / params_.chunk_bytes, chunks);
    const auto writeback_at =
        static_cast<std::uint64_t>(static_cast<double>(params_.seeks) * params_.seek_writeback_at);
    std::set<std::uint64_t> dirty;
    for (std::uint64_t i = 0; i < params_.seeks; ++i) {
      const std::uint64_t which = random_.below(chunks);
      const auto seeker = static_cast<std::uint32_t>(1 + random_.below(params_.seekers));
      if (which < chunks - cached) {
        second_.pieces(which * chunk, chunk, [&](std::uint64_t at, std::uint64_t n) {
          out_.read(at, n, kBonnie + seeker, kReadAhead);
        });
      }
      if (random_.below(params_.update_every) == 0) dirty.insert(which);
      if (i + 1 != writeback_at) continue;
      for (auto it = dirty.begin(); it != dirty.end();) {
        const std::uint64_t from = *it;
        std::uint64_t after = from;
        while (it != dirty.end() && *it == after) {
          ++it;
          ++after;
        }
        write_pieces(second_, from * chunk, (after - from) * chunk);
      }
      out_.write(second_.inode(), 1, kWriteback, kMetadata);
    }
  }

  static const BonnieParams& checked(const BonnieParams& p) {
    require(p.seekers >= 1 && p.update_every >= 1, "seekers and updates must be at least 1");
    require(p.split_share >= 0 && p.split_share <= 1, "the split share is not between 0 and 1");
    require(p.seek_writeback_at >= 0 && p.seek_writeback_at <= 1,
            "the share of the seek phase is not between 0 and 1");
    // A block size that is none is told by the layout.
    require(p.ext2.block_bytes == 0 || p.file_bytes / p.ext2.block_bytes >= kCreated,
            "the file is too small");
    return p;
  }

  const BonnieParams& params_;
  Ext2Layout layout_;
  std::uint64_t block_;
  std::uint64_t blocks_;  // of the file
  FileLayout first_;      // of the putc phase
  FileLayout second_;     // of all others
  GeneratorOutput out_;
  GeneratorRandom random_;
  std::uint64_t behind_ = 0;  // blocks at the end of the file that are dirty
};

}  // namespace

void generate_bonnie(const BonnieParams& params, const Emit& emit) { Bonnie(params, emit).run(); }

}  // namespace cesasim::traces
