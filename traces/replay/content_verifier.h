// SPDX-License-Identifier: Apache-2.0
// Gives the writes of a replay their data, and checks the data of its reads.
#pragma once

#include <cstdint>
#include <vector>

#include "kernel_model/kernel.h"
#include "traces/replay/content_oracle.h"
#include "traces/replay/replay_events.h"

namespace cesasim::traces {

/// A sector that did not hold what it should.
struct Mismatch {
  std::uint64_t sector = 0;
  std::uint64_t line = 0;
  Ps time = 0;
};

/// What the sectors hold that the replay never wrote.
class UnwrittenContent {
 public:
  /// Whether `data` (512 bytes) is what `sector` holds. Called in whatever context ends the read.
  virtual bool is_right(std::uint64_t sector, const std::uint8_t* data) = 0;

 protected:
  ~UnwrittenContent() = default;
};

/// Fills every write with what the oracle says, makes sure that a read cannot find its data in the
/// page already, and compares what was read.
class ContentVerifier final : public ReplayListener {
 public:
  /// Of the whole run.
  struct Counts {
    std::uint64_t verified_reads = 0;  ///< read bios all of whose sectors were right
    std::uint64_t verified_sectors = 0;
    std::uint64_t mismatched_sectors = 0;
    /// Sectors read that the replay never wrote: checked by UnwrittenContent if there is one (and
    /// then also counted as verified or mismatched).
    std::uint64_t unwritten_sectors = 0;
    /// Sectors read after a failed write of theirs: nothing can be said.
    std::uint64_t uncertain_sectors = 0;
    /// Sectors of write bios that no longer held the plaintext when the write ended: the path
    /// below encrypted the caller's page.
    std::uint64_t clobbered_sectors = 0;
  };

  /// The objects must outlive it. `unwritten` may be nullptr: such sectors are not checked.
  ContentVerifier(kernel::Kernel& kernel, ContentOracle& oracle,
                  UnwrittenContent* unwritten = nullptr)
      : kernel_(kernel), oracle_(oracle), unwritten_(unwritten) {}

  void submitted(const RequestLog& log, BioPages pages) override;
  void completed(RequestLog& log, BioPages pages) override;

  const Counts& counts() const { return counts_; }
  const std::vector<Mismatch>& first_mismatches() const { return first_mismatches_; }

 private:
  template <class Visit>
  void for_each_sector(const RequestLog& log, BioPages pages, Visit visit);
  void fill(const RequestLog& log, BioPages pages);
  void poison(const RequestLog& log, BioPages pages);
  void verify_read(RequestLog& log, BioPages pages);
  void check_clobbered(const RequestLog& log, BioPages pages);

  kernel::Kernel& kernel_;
  ContentOracle& oracle_;
  UnwrittenContent* unwritten_;
  Counts counts_;
  std::vector<Mismatch> first_mismatches_;
};

}  // namespace cesasim::traces
