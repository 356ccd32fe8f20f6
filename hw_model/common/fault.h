// SPDX-License-Identifier: Apache-2.0
// Fault injection: rules say when, the models ask at the places where one could happen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "hw_model/common/units.h"

namespace cesasim::hw {

/// What can go wrong; fault_info() says more of each.
enum class FaultKind : std::uint8_t {
  engine_error,
  engine_stuck,
  tdma_bus_error,
  lost_interrupt,
  spurious_interrupt,
  disk_read_error,
  disk_write_error,
  disk_short,
  page_alloc,
  request_alloc,
  queue_full,
  completion_order,
  unregister,
  count
};

struct FaultInfo {
  FaultKind kind;
  const char* name;
  const char* doc;
  const char* place;  ///< what the `where` of an opportunity is; "": always 0
  const char* note;   ///< what a study should know besides; "": nothing
};
/// All kinds, in their order.
inline constexpr FaultInfo kFaultInfos[] = {
    {FaultKind::engine_error, "engine_error",
     "an engine's operation fails (cryptosoft: the cipher call)", "engine", ""},
    {FaultKind::engine_stuck, "engine_stuck", "an engine hangs in an operation until it is reset",
     "engine", ""},
    {FaultKind::tdma_bus_error, "tdma_bus_error",
     "the bus completes a DMA access of the crypto unit with an error", "bus address", ""},
    {FaultKind::lost_interrupt, "lost_interrupt", "a rising interrupt line is not seen", "line",
     ""},
    {FaultKind::spurious_interrupt, "spurious_interrupt",
     "an interrupt handler is called without a cause", "line", ""},
    {FaultKind::disk_read_error, "disk_read_error",
     "a disk command fails on the medium while reading", "its first sector", ""},
    {FaultKind::disk_write_error, "disk_write_error",
     "a disk command fails on the medium while writing", "its first sector", ""},
    {FaultKind::disk_short, "disk_short", "a disk command ends early and without an error",
     "its first sector", ""},
    {FaultKind::page_alloc, "page_alloc", "the page allocator has no page", "who asks",
     "without a page for the page cache no request reaches dm-crypt; bounce pages come from a "
     "mempool"},
    {FaultKind::request_alloc, "request_alloc", "an allocation for a crypto request fails",
     "who asks", "the driver is cesa_hal; dm-crypt's are of path modern, from mempools"},
    {FaultKind::queue_full, "queue_full", "a driver reports that its queue is full", "", ""},
    {FaultKind::completion_order, "completion_order",
     "a driver completes a request after its successor", "", ""},
    {FaultKind::unregister, "unregister", "the driver is unregistered in use and registered again",
     "", ""},
};
constexpr const FaultInfo& fault_info(FaultKind kind) {
  return kFaultInfos[static_cast<std::size_t>(kind)];
}
constexpr const char* fault_name(FaultKind kind) { return fault_info(kind).name; }

/// Who asks for memory: the place of a page_alloc or request_alloc.
enum class AllocSite : std::uint8_t {
  page_cache,      ///< a page for the workload's own data
  bounce_pages,    ///< a page of dm-crypt's mempool, for a write's ciphertext
  ocf_request,     ///< cryptop and cryptodesc
  driver_request,  ///< what a driver allocates for each request (cesa_hal)
  dm_request,      ///< request of dm-crypt to the kernel's cipher API (path modern)
  dm_clone,        ///< bio of dm-crypt to the device (path modern)
  count
};
struct AllocSiteInfo {
  AllocSite site;
  FaultKind kind;    ///< what can happen there: to pages or to slab objects
  const char* name;  ///< in words
};
inline constexpr AllocSiteInfo kAllocSites[] = {
    {AllocSite::page_cache, FaultKind::page_alloc, "the page cache"},
    {AllocSite::bounce_pages, FaultKind::page_alloc, "dm-crypt's bounce pages"},
    {AllocSite::ocf_request, FaultKind::request_alloc, "OCF's requests"},
    {AllocSite::driver_request, FaultKind::request_alloc, "the driver's requests"},
    {AllocSite::dm_request, FaultKind::request_alloc, "dm-crypt's requests"},
    {AllocSite::dm_clone, FaultKind::request_alloc, "dm-crypt's clones"},
};
static_assert(std::size(kAllocSites) == static_cast<std::size_t>(AllocSite::count));
constexpr const char* alloc_site_name(AllocSite site) {
  return kAllocSites[static_cast<std::size_t>(site)].name;
}
constexpr FaultKind alloc_site_kind(AllocSite site) {
  return kAllocSites[static_cast<std::size_t>(site)].kind;
}
/// Both tables are in the order of their enumerations.
constexpr bool fault_tables_in_order() {
  for (std::size_t i = 0; i < std::size(kFaultInfos); ++i) {
    if (kFaultInfos[i].kind != static_cast<FaultKind>(i)) return false;
  }
  for (std::size_t i = 0; i < std::size(kAllocSites); ++i) {
    if (kAllocSites[i].site != static_cast<AllocSite>(i)) return false;
  }
  return true;
}
static_assert(fault_tables_in_order());
/// Whether the places of a kind are AllocSites.
constexpr bool at_alloc_site(FaultKind kind) {
  return kind == FaultKind::page_alloc || kind == FaultKind::request_alloc;
}

/// Fires at the opportunities of its kind that lie in its window and range: at the nth of them
/// (from 1), at every one after it while `times` lasts if `every` is set, or at random.
struct FaultRule {
  std::string name;
  FaultKind kind = FaultKind::engine_error;
  std::uint64_t nth = 0;    ///< 0: not by number
  std::uint64_t every = 0;  ///< 0: once; else again at each `every`-th after the nth
  double probability = 0;   ///< 0: not at random
  std::uint64_t first = 0;  ///< range of `where`, both ends included
  std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  Ps from = 0;  ///< window of simulated time
  Ps to = std::numeric_limits<Ps>::max();
  std::uint64_t times = 0;  ///< fires so often at most; 0: no limit
};

/// All rules of a run and what became of them. One per machine; the models hold a pointer.
class FaultPlan {
 public:
  FaultPlan() = default;
  /// `seed` feeds the random rules, each with a stream of its own.
  FaultPlan(std::vector<FaultRule> rules, std::uint64_t seed);

  /// An opportunity: does a fault happen here and now? Counts for every rule of the kind.
  bool fires(FaultKind kind, Ps now, std::uint64_t where = 0) {
    return has_[static_cast<std::size_t>(kind)] && decide(kind, now, where);
  }
  bool has(FaultKind kind) const { return has_[static_cast<std::size_t>(kind)]; }
  bool empty() const { return rules_.empty(); }

  struct Outcome {
    const FaultRule* rule = nullptr;
    std::uint64_t opportunities = 0;  ///< inside window and range
    std::uint64_t fired = 0;
    Ps last_fired = 0;
    /// How often at which AllocSite; all 0 for kinds with other places.
    std::array<std::uint64_t, static_cast<std::size_t>(AllocSite::count)> fired_at{};
  };
  /// One per rule, in their order.
  std::vector<Outcome> outcomes() const;
  std::uint64_t fired() const;

 private:
  struct State {
    FaultRule rule;
    std::mt19937_64 random;
    std::uint64_t opportunities = 0;
    std::uint64_t fired = 0;
    Ps last_fired = 0;
    std::array<std::uint64_t, static_cast<std::size_t>(AllocSite::count)> fired_at{};
  };
  bool decide(FaultKind kind, Ps now, std::uint64_t where);

  std::vector<State> rules_;
  std::array<bool, static_cast<std::size_t>(FaultKind::count)> has_{};
};

}  // namespace cesasim::hw
