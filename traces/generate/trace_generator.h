// SPDX-License-Identifier: Apache-2.0
// Traces made from parameters: what mkfs.ext2, Bonnie++ and fio-like jobs ask of a disk. They are
// deterministic; with a seed, by the seed.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "traces/generate/ext2_layout.h"
#include "traces/trace_record.h"

namespace cesasim::traces {

/// Takes the records of a generated trace in queue order.
using Emit = std::function<void(const TraceRecord& record, std::string_view phase)>;

enum class InodeTables : std::uint8_t {
  buffered,  ///< zeroed through the page cache, block by block: mke2fs of 2005
  zeroout,   ///< zeroed by the kernel's zero-out call, 1 MiB at a time
  lazy,      ///< left alone
};

struct MkfsParams {
  Ext2Params ext2;
  InodeTables tables = InodeTables::buffered;
  /// What of the buffered tables is still dirty in memory when mke2fs syncs, and then goes out
  /// with the metadata. Depends on the machine's memory; default: the capture's.
  std::uint64_t dirty_kib = 6804;
  /// Time stamps advance by what this rate would take. A trace of a real disk has other times.
  double rate_mb_s = 40;
};

/// One phase, "mkfs". Throws GeneratorError before it emits anything.
void generate_mkfs(const MkfsParams& params, const Emit& emit);

struct BonnieParams {
  Ext2Params ext2{.device_bytes = 2ull << 30};  ///< the file system the file is in
  std::uint64_t file_bytes = 512ull << 20;
  std::uint64_t chunk_bytes = 8192;  ///< unit of the seek phase
  std::uint64_t read_ahead_bytes = 131072;
  std::uint64_t writeback_bytes = 8 << 20;  ///< most that one write-back bio holds
  /// How far write-back lags behind the writer (in the rewrite phase, where it goes in slices of
  /// half of writeback_bytes, behind the reader).
  std::uint64_t dirty_bytes = 12 << 20;
  /// Part of the file in the page cache when the seeks begin: these reads do not reach the disk.
  std::uint64_t cached_bytes = 95ull << 20;
  std::uint64_t seeks = 8000;
  std::uint32_t seekers = 3;        ///< processes
  std::uint32_t update_every = 10;  ///< one seek in so many writes its chunk back
  /// Share of the seek phase after which the updates so far are written back; later ones are
  /// dropped because the file is removed.
  double seek_writeback_at = 0.63;
  /// Chance that half a slice of write-back goes out in two pieces, because the flusher caught up
  /// with the writer.
  double split_share = 0.3;
  std::uint64_t seed = 1;
  double rate_mb_s = 40;
};

/// Phases as in the capture: pre, Writing_with_putc_, Writing_intelligently, Rewriting,
/// Reading_with_getc_, Reading_intelligently, start_em (seeks), sync. Throws GeneratorError
/// before it emits anything.
void generate_bonnie(const BonnieParams& params, const Emit& emit);

enum class FioPattern : std::uint8_t { sequential, random, zipf };

struct FioParams {
  struct Size {
    std::uint64_t bytes;
    std::uint32_t weight;
  };
  std::string phase = "fio";
  std::uint32_t jobs = 1;  ///< processes (pids) that do the same beside each other
  FioPattern pattern = FioPattern::random;
  double zipf_theta = 1.2;  ///< above 0, not 1
  std::uint32_t read_percent = 70;
  std::vector<Size> sizes = {{4096, 1}};
  std::uint64_t offset_bytes = 0;
  std::uint64_t region_bytes = 1ull << 30;
  std::uint64_t offset_increment_bytes = 0;  ///< from the region of a job to that of the next
  std::uint64_t count = 10000;               ///< reads and writes of each job
  std::uint32_t depth = 1;         ///< requests of a job in flight, as far as the times tell
  std::uint32_t service_us = 100;  ///< of each request: what times and completions are made from
  std::uint32_t fsync_every = 0;   ///< a flush after so many writes; 0: none
  std::uint64_t seed = 1;
};

/// One phase after the other, each when all jobs of the one before have ended (fio's stonewall).
/// Throws GeneratorError before it emits anything.
void generate_fio(const std::vector<FioParams>& phases, const Emit& emit);
inline void generate_fio(const FioParams& params, const Emit& emit) {
  generate_fio(std::vector<FioParams>{params}, emit);
}

}  // namespace cesasim::traces
