// SPDX-License-Identifier: Apache-2.0
// Finds what a driver does wrong with DMA on a machine whose devices do not see the caches.
//
// The model has no cache: all bytes are in the DRAM at once. This is the state that a write-back
// cache *might* be in, one byte for each line, kept from what software says it touches
// (Kernel::cpu_read and friends), from the DMA mapping calls and from what devices really do on
// the bus. Nothing is ever evicted: a line that may be dirty counts as dirty. What a real cache
// gets away with most of the time is reported every time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "hw_model/common/units.h"

namespace cesasim::hw {

/// enum dma_data_direction.
enum class DmaDirection : std::uint8_t { to_device, from_device, bidirectional };

/// Which software is running, for the reports.
struct DmaContext {
  const std::string* who = nullptr;  ///< must outlive the sanitizer
  Ps at = 0;
  unsigned cpu = 0;
  bool interrupt = false;
};

struct DmaHazard {
  enum class Kind : std::uint8_t {
    uncleaned_read,     ///< a device reads what the CPU wrote and did not clean
    stale_read,         ///< the CPU reads what a device wrote under a line that the cache holds
    dirty_overwritten,  ///< a device writes to a line that is dirty in the cache
    not_owner,          ///< the CPU touches what is mapped for a device
    not_mapped,         ///< a device touches what is not mapped, or is with the CPU
    wrong_direction,    ///< a device reads what is mapped from_device, or writes to_device
    bad_unmap,          ///< unmap or sync of what is not mapped, or is mapped otherwise
  };
  static constexpr std::size_t kKinds = 7;
  Kind kind = Kind::uncleaned_read;
  PhysAddr addr = 0;  ///< first byte concerned
  std::size_t bytes = 0;
  Ps at = 0;
  std::string text;  ///< one sentence: who, what, where, when, and whose fault it may be
};

/// The shadow of one memory. Addresses are offsets in it; what lies outside is ignored. Each
/// faulty access is counted once, and the lines concerned count as repaired from then on, so that
/// one mistake is not reported over and over.
class DmaSanitizer {
 public:
  static constexpr std::size_t kReportsKept = 16;

  /// `line_bytes`: of the cache, a power of two from 8 to 256 (else std::invalid_argument).
  /// `coherent`: devices see the caches; only mistakes with mappings are left to find then.
  DmaSanitizer(std::size_t memory_bytes, std::size_t line_bytes, bool coherent);
  ~DmaSanitizer();
  DmaSanitizer(const DmaSanitizer&) = delete;
  DmaSanitizer& operator=(const DmaSanitizer&) = delete;

  /// Asked whenever software does something.
  void set_context(std::function<DmaContext()> context) { context_ = std::move(context); }

  // --- what software does ---------------------------------------------------------------------
  void cpu_read(PhysAddr addr, std::size_t bytes);
  void cpu_write(PhysAddr addr, std::size_t bytes);
  /// dma_map_single: hands the bytes to the device, after cleaning (to_device) or cleaning and
  /// invalidating their lines.
  void map(PhysAddr addr, std::size_t bytes, DmaDirection direction);
  /// dma_unmap_single. Does nothing to the cache, as Linux on an ARMv5.
  void unmap(PhysAddr addr, std::size_t bytes, DmaDirection direction);
  /// dma_sync_single_for_cpu and _for_device, of a mapping or a part of one.
  void sync_for_cpu(PhysAddr addr, std::size_t bytes, DmaDirection direction);
  void sync_for_device(PhysAddr addr, std::size_t bytes, DmaDirection direction);
  /// Uncached from now on: both sides may touch it at any time.
  void coherent_memory(PhysAddr addr, std::size_t bytes);

  // --- what devices do ------------------------------------------------------------------------
  void device_read(unsigned master, PhysAddr addr, std::size_t bytes, Ps at);
  void device_write(unsigned master, PhysAddr addr, std::size_t bytes, Ps at);

  // --- what came of it ------------------------------------------------------------------------
  std::uint64_t hazards() const { return total_; }
  std::uint64_t count(DmaHazard::Kind kind) const {
    return counts_[static_cast<std::size_t>(kind)];
  }
  /// The first kReportsKept.
  const std::vector<DmaHazard>& reports() const { return reports_; }
  /// Mappings not unmapped yet.
  std::size_t mappings() const { return records_.size() - free_records_.size(); }

 private:
  using Line = std::size_t;
  using Mask = std::uint64_t;  // of a line's granules

  struct Mapping {
    PhysAddr addr = 0;
    std::size_t bytes = 0;
    DmaContext by;
    DmaDirection direction = DmaDirection::to_device;
    bool with_cpu = false;   // all of it, by sync_for_cpu
    std::uint32_t next = 0;  // another that begins in the same line (index + 1)
  };
  /// Which granules of a line are dirty and stale, where it is not all or none.
  struct Part {
    Mask dirty = 0;
    Mask stale = 0;
  };
  struct DeviceWrite {
    Ps at = 0;
    unsigned master = 0;
  };
  /// Zeros until touched, in host memory too.
  template <class T>
  class Sparse {
   public:
    explicit Sparse(std::size_t size);
    ~Sparse();
    Sparse(const Sparse&) = delete;
    T& operator[](std::size_t i) { return data_[i]; }

   private:
    T* data_;
    std::size_t bytes_;
  };
  /// Lines [first, first + count) of a range of bytes.
  struct Range {
    PhysAddr addr = 0, end = 0;
    Line first = 0;
    std::size_t count = 0;
    bool whole_lines = false;
  };
  /// The bytes of an access that are at fault, from the first to the last.
  struct Fault {
    PhysAddr addr = 0, end = 0;
    void add(PhysAddr from, PhysAddr to) {
      if (end == 0) addr = from;
      end = to;
    }
  };
  /// A piece of an access within one line.
  struct Piece {
    Line line = 0;
    PhysAddr from = 0, to = 0;
    Mask mask = 0;
  };

  bool range(PhysAddr addr, std::size_t bytes, Range& out) const {
    if (bytes == 0 || addr >= memory_bytes_ || bytes > memory_bytes_ - addr) return false;
    out.addr = addr;
    out.end = addr + bytes;
    out.first = addr >> line_shift_;
    out.count = ((out.end - 1) >> line_shift_) - out.first + 1;
    out.whole_lines = ((addr | out.end) & ((PhysAddr{1} << line_shift_) - 1)) == 0;
    return true;
  }
  template <class Visit>
  void for_each_piece(const Range& r, Visit visit);
  Mask dirty(Line line);
  Mask stale(Line line);
  void set_masks(Line line, Mask dirty, Mask stale);
  template <class Visit>
  void for_each_mapping(Line line, Visit visit);
  const Mapping* mapping_of(PhysAddr from, PhysAddr to);
  /// The mapping that a sync is about; none: nullptr, and a report.
  Mapping* synced(PhysAddr addr, std::size_t bytes, const char* whom, DmaDirection direction);
  bool owned_by_device(const Piece& p, bool cpu_writes);
  bool permitted(const Piece& p, bool write);
  void maintain(const Piece& p, DmaDirection direction);
  void find_flags(Line line);
  void cpu_fault(DmaHazard::Kind kind, const Fault& fault, const char* verb);
  void device_fault(DmaHazard::Kind kind, const Fault& fault, unsigned master, bool write, Ps at);
  void report(DmaHazard::Kind kind, PhysAddr addr, std::size_t bytes, Ps at, std::string text);
  DmaContext context() const { return context_ ? context_() : DmaContext{}; }

  std::size_t memory_bytes_;
  unsigned line_shift_;
  unsigned granule_shift_;
  Mask all_;  // granules of a line
  bool coherent_;
  std::function<DmaContext()> context_;
  Sparse<std::uint8_t> state_;           // by line
  Sparse<std::uint32_t> first_mapping_;  // by line: chain of those that begin there (index + 1)
  Sparse<DmaContext> writer_;            // by page: who wrote last
  std::unordered_map<Line, Part> parts_;
  std::unordered_map<PhysAddr, DeviceWrite> device_writes_;  // by page, under held lines only
  std::vector<Mapping> records_;
  std::vector<std::uint32_t> free_records_;
  std::array<std::uint64_t, DmaHazard::kKinds> counts_{};
  std::uint64_t total_ = 0;
  std::vector<DmaHazard> reports_;
};

}  // namespace cesasim::hw
