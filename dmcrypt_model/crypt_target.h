// SPDX-License-Identifier: Apache-2.0
// The device-mapper target "crypt", whatever its data path: what lies around crypt_map.
#pragma once

#include <cstdint>

#include "dmcrypt_model/params.h"
#include "dmcrypt_model/table.h"
#include "kernel_model/bio.h"
#include "kernel_model/kernel.h"
#include "kernel_model/mempool.h"

namespace cesasim::dmcrypt {

using kernel::Activity;
using kernel::Bio;
using kernel::BioOp;

/// What a path did since the start; what does not apply to it stays 0.
struct DmCryptStats {
  std::uint64_t bios = 0;
  std::uint64_t clones = 0;
  std::uint64_t partial_clones = 0;       ///< writes cut by crypt_alloc_buffer
  std::uint64_t max_parallel_writes = 0;  ///< write conversions inside at once
  std::uint64_t convert_errors = 0;       ///< conversions that failed, as far as the path notices
  std::uint64_t timeouts = 0;             ///< waits given up after 30 s (ocf-v3)
  std::uint64_t late_callbacks = 0;       ///< callbacks after such a timeout
  std::uint64_t freed_in_use = 0;         ///< structures freed under live requests (ocf-v3)
  std::uint64_t leaked_requests = 0;      ///< refused by OCF and never freed (ocf-v1, v3, lsp)
  std::uint64_t ignored_errors = 0;       ///< callbacks whose crp_etype nobody looked at
  std::uint64_t self_deadlocks = 0;       ///< waits for a lock that the waiter holds (ocf-lsp)
  std::uint64_t retries = 0;              ///< sectors posted again after a refusal
  std::uint64_t waits = 0;                ///< sleeps for room below or for memory
  std::uint64_t migrations = 0;           ///< new session ids taken from EAGAIN
  std::uint64_t failed_sectors = 0;       ///< sectors ended with an error that the bio carries
  std::uint64_t max_in_flight = 0;        ///< most sectors inside the crypto layer at once
};

/// Base of all paths. submit_bio is what device-mapper and the target's map function share:
/// flushes pass, what lies beyond the end is ended with -EIO, the rest goes to crypt_map.
class CryptTarget : public kernel::BlockDevice {
 public:
  CryptTarget(kernel::Kernel& kernel, const CryptTable& table, const DmCryptCosts& costs,
              kernel::BlockDevice& lower)
      : kernel_(kernel), table_(table), costs_(costs), lower_(lower) {}

  void submit_bio(Bio& bio) override;
  std::uint64_t sectors() const override { return table_.sectors; }
  void blk_start_plug() override { lower_.blk_start_plug(); }
  void unplug() override { lower_.unplug(); }
  void blk_congestion_wait(hw::Ps timeout) override { lower_.blk_congestion_wait(timeout); }

  /// The path's name as scenarios have it.
  virtual const char* path() const = 0;
  const CryptTable& table() const { return table_; }
  const DmCryptStats& stats() const { return stats_; }

 protected:
  /// Takes a read or write inside the mapping, in process context. 0: the bio will end by
  /// itself; -errno: the caller ends it with that.
  virtual int crypt_map(Bio& bio) = 0;

  kernel::Kernel& kernel_;
  CryptTable table_;
  DmCryptCosts costs_;
  DmCryptStats stats_;
  kernel::BlockDevice& lower_;
};

/// The bounce pages of writes, all that a write needs or none while it waits: whoever waits for
/// them does so alone, and what the others hold comes back from the device. Two that wait with half
/// a buffer each could wait for one another.
class BounceBuffers {
 public:
  /// `page_cycles`: cost of one page beyond the pool's.
  BounceBuffers(kernel::Kernel& kernel, kernel::PageMempool& pool, double page_cycles)
      : kernel_(kernel), pool_(pool), page_cycles_(page_cycles), wait_(kernel) {}

  /// Pages for `bytes` as the vecs of `clone`, if all are there at once.
  bool alloc_now(Bio& clone, std::uint32_t bytes) { return fill(clone, bytes, false); }
  /// The same, sleeping until they are there.
  void alloc_wait(Bio& clone, std::uint32_t bytes);
  /// Releases them.
  void free(Bio& clone);

 private:
  bool fill(Bio& clone, std::uint32_t bytes, bool may_wait);

  kernel::Kernel& kernel_;
  kernel::PageMempool& pool_;
  double page_cycles_;
  bool locked_ = false;  // bio_alloc_lock, a mutex
  kernel::WaitQueue wait_;
};

}  // namespace cesasim::dmcrypt
