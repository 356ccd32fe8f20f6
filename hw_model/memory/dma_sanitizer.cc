// SPDX-License-Identifier: Apache-2.0
#include "hw_model/memory/dma_sanitizer.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include "hw_model/memory/mbus_extension.h"

namespace cesasim::hw {
namespace {

using Kind = DmaHazard::Kind;

// State of a line.
constexpr std::uint8_t kDirty = 0x01;      // the CPU wrote it and did not clean it
constexpr std::uint8_t kHeld = 0x02;       // the CPU touched it and did not invalidate it
constexpr std::uint8_t kStale = 0x04;      // a device wrote it while it was held
constexpr std::uint8_t kPart = 0x08;       // dirty or stale in part: parts_ has the masks
constexpr std::uint8_t kDevReads = 0x10;   // mapped: a device may read it
constexpr std::uint8_t kDevWrites = 0x20;  // mapped: a device may write it
constexpr std::uint8_t kLook = 0x40;       // mapped in part, more than once, or synced: look it up
constexpr std::uint8_t kUncached = 0x80;
constexpr std::uint8_t kDev = kDevReads | kDevWrites;
constexpr std::uint8_t kMapped = kDev | kLook;

constexpr std::uint64_t kEachByte = 0x0101010101010101;

// Eight lines at a time: a sector is two words of state.
std::uint8_t any_of(const std::uint8_t* p, std::size_t n) {
  std::uint64_t bits = 0, word;
  for (; n >= 8; p += 8, n -= 8) {
    std::memcpy(&word, p, 8);
    bits |= word;
  }
  bits |= bits >> 32;
  bits |= bits >> 16;
  bits |= bits >> 8;
  for (; n > 0; ++p, --n) bits |= *p;
  return static_cast<std::uint8_t>(bits);
}

/// Whether all lines have the bits of `want` set and, of `care`, no others.
bool all_have(const std::uint8_t* p, std::size_t n, std::uint8_t want, std::uint8_t care) {
  std::uint64_t bits = 0, word;
  for (; n >= 8; p += 8, n -= 8) {
    std::memcpy(&word, p, 8);
    bits |= (word ^ (kEachByte * want)) & (kEachByte * care);
  }
  for (; n > 0; ++p, --n) bits |= (*p ^ want) & care;
  return bits == 0;
}

void change(std::uint8_t* p, std::size_t n, std::uint8_t keep, std::uint8_t set) {
  std::uint64_t word;
  for (; n >= 8; p += 8, n -= 8) {
    std::memcpy(&word, p, 8);
    word = (word & (kEachByte * keep)) | (kEachByte * set);
    std::memcpy(p, &word, 8);
  }
  for (; n > 0; ++p, --n) *p = static_cast<std::uint8_t>((*p & keep) | set);
}

std::uint8_t flags_of(DmaDirection direction) {
  switch (direction) {
    case DmaDirection::to_device:
      return kDevReads;
    case DmaDirection::from_device:
      return kDevWrites;
    case DmaDirection::bidirectional:
      return kDev;
  }
  return 0;
}

const char* name_of(DmaDirection direction) {
  switch (direction) {
    case DmaDirection::to_device:
      return "to_device";
    case DmaDirection::from_device:
      return "from_device";
    case DmaDirection::bidirectional:
      return "bidirectional";
  }
  return "";
}

std::string name_of(unsigned master) {
  if (master == kMbusMasterDisk) return "the disk";
  if (master >= mbus_master_tdma(0) && master < kMbusMasterDisk) {
    return "TDMA engine " + std::to_string(master - mbus_master_tdma(0));
  }
  if (master >= mbus_master_ring(0)) {
    return "channel " + std::to_string(master - mbus_master_ring(0)) + " of the crypto ring";
  }
  return "bus master " + std::to_string(master);
}

std::string name_of(const DmaContext& c) {
  if (c.who == nullptr) return "the CPU";
  return "'" + *c.who + "' on cpu " + std::to_string(c.cpu) + (c.interrupt ? " (interrupt)" : "");
}

std::string when(Ps at) {
  char text[40];
  std::snprintf(text, sizeof text, " at %.9f s", static_cast<double>(at) * 1e-12);
  return text;
}

std::string where(PhysAddr addr, std::size_t bytes) {
  char text[64];
  std::snprintf(text, sizeof text, "%zu bytes at 0x%llx", bytes,
                static_cast<unsigned long long>(addr));
  return text;
}

unsigned checked_shift(std::size_t line_bytes) {
  if (!std::has_single_bit(line_bytes) || line_bytes < 8 || line_bytes > 256) {
    throw std::invalid_argument("DMA sanitizer: a cache line of " + std::to_string(line_bytes) +
                                " bytes is no power of two from 8 to 256");
  }
  return static_cast<unsigned>(std::countr_zero(line_bytes));
}

constexpr unsigned kGranules = 64;  // bits of a mask: single bytes of lines up to 64 bytes

}  // namespace

template <class T>
DmaSanitizer::Sparse<T>::Sparse(std::size_t size) : bytes_(size * sizeof(T)) {
  void* p = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<T*>(p);
}

template <class T>
DmaSanitizer::Sparse<T>::~Sparse() {
  munmap(static_cast<void*>(data_), bytes_);
}

DmaSanitizer::DmaSanitizer(std::size_t memory_bytes, std::size_t line_bytes, bool coherent)
    : memory_bytes_(memory_bytes),
      line_shift_(checked_shift(line_bytes)),
      granule_shift_(line_bytes > kGranules ? line_shift_ - 6 : 0),
      all_(line_bytes >= kGranules ? ~Mask{0} : (Mask{1} << line_bytes) - 1),
      coherent_(coherent),
      state_((memory_bytes >> line_shift_) + 1),
      first_mapping_((memory_bytes >> line_shift_) + 1),
      writer_(memory_bytes / kPageBytes + 1) {}

DmaSanitizer::~DmaSanitizer() = default;

// --- lines ----------------------------------------------------------------------------------

template <class Visit>
void DmaSanitizer::for_each_piece(const Range& r, Visit visit) {
  const PhysAddr line_bytes = PhysAddr{1} << line_shift_;
  for (Line line = r.first; line < r.first + r.count; ++line) {
    if ((state_[line] & kUncached) != 0) continue;
    const PhysAddr base = PhysAddr{line} << line_shift_;
    Piece p{line, std::max(base, r.addr), std::min(base + line_bytes, r.end), 0};
    const unsigned low = static_cast<unsigned>(p.from - base) >> granule_shift_;
    const unsigned high = static_cast<unsigned>(p.to - 1 - base) >> granule_shift_;
    p.mask = (~Mask{0} << low) & (~Mask{0} >> (kGranules - 1 - high)) & all_;
    visit(p);
  }
}

DmaSanitizer::Mask DmaSanitizer::dirty(Line line) {
  const std::uint8_t s = state_[line];
  if ((s & kDirty) == 0) return 0;
  return (s & kPart) != 0 ? parts_[line].dirty : all_;
}

DmaSanitizer::Mask DmaSanitizer::stale(Line line) {
  const std::uint8_t s = state_[line];
  if ((s & kStale) == 0) return 0;
  return (s & kPart) != 0 ? parts_[line].stale : all_;
}

void DmaSanitizer::set_masks(Line line, Mask dirty, Mask stale) {
  const bool part = (dirty != 0 && dirty != all_) || (stale != 0 && stale != all_);
  std::uint8_t& s = state_[line];
  if (part) {
    parts_[line] = {dirty, stale};
  } else if ((s & kPart) != 0) {
    parts_.erase(line);
  }
  s = static_cast<std::uint8_t>((s & ~(kDirty | kStale | kPart)) | (dirty != 0 ? kDirty : 0) |
                                (stale != 0 ? kStale : 0) | (part ? kPart : 0));
}

// --- mappings -------------------------------------------------------------------------------

/// Visits the mappings that touch `line`. One that began earlier covers all lines in between.
template <class Visit>
void DmaSanitizer::for_each_mapping(Line line, Visit visit) {
  const PhysAddr base = PhysAddr{line} << line_shift_;
  for (Line at = line;; --at) {
    for (std::uint32_t i = first_mapping_[at]; i != 0; i = records_[i - 1].next) {
      const Mapping& m = records_[i - 1];
      if (m.addr + m.bytes > base) visit(m);
    }
    if (at == 0 || (state_[at - 1] & kUncached) != 0 || (state_[at - 1] & kMapped) == 0) return;
  }
}

const DmaSanitizer::Mapping* DmaSanitizer::mapping_of(PhysAddr from, PhysAddr to) {
  const Mapping* found = nullptr;
  for_each_mapping(from >> line_shift_, [&](const Mapping& m) {
    if (m.addr < to && from < m.addr + m.bytes) found = &m;
  });
  return found;
}

bool DmaSanitizer::owned_by_device(const Piece& p, bool cpu_writes) {
  // Software may look at what a device only reads, but not change it.
  const std::uint8_t s = state_[p.line];
  if ((s & (cpu_writes ? kDev : kDevWrites)) == 0) return false;
  if ((s & kLook) == 0) return true;
  bool owned = false;
  for_each_mapping(p.line, [&](const Mapping& m) {
    const bool counts = cpu_writes || m.direction != DmaDirection::to_device;
    owned |= counts && !m.with_cpu && m.addr < p.to && p.from < m.addr + m.bytes;
  });
  return owned;
}

bool DmaSanitizer::permitted(const Piece& p, bool write) {
  const std::uint8_t s = state_[p.line];
  const std::uint8_t need = write ? kDevWrites : kDevReads;
  if ((s & need) == 0) return false;
  if ((s & kLook) == 0) return true;
  bool allowed = false;
  for_each_mapping(p.line, [&](const Mapping& m) {
    allowed |= (flags_of(m.direction) & need) != 0 && !m.with_cpu && m.addr <= p.from &&
               p.to <= m.addr + m.bytes;
  });
  return allowed;
}

/// Cleans, or cleans and invalidates, a line that belongs to a buffer.
void DmaSanitizer::maintain(const Piece& p, DmaDirection direction) {
  if (direction == DmaDirection::to_device) {
    set_masks(p.line, 0, stale(p.line));
  } else {
    set_masks(p.line, 0, 0);
    state_[p.line] &= static_cast<std::uint8_t>(~kHeld);
  }
}

/// Works out the flags of a line from the mappings that are left.
void DmaSanitizer::find_flags(Line line) {
  std::uint8_t flags = 0;
  unsigned mappings = 0;
  const PhysAddr base = PhysAddr{line} << line_shift_;
  for_each_mapping(line, [&](const Mapping& m) {
    const bool whole = m.addr <= base && base + (PhysAddr{1} << line_shift_) <= m.addr + m.bytes;
    if (!m.with_cpu) flags |= flags_of(m.direction);
    if (++mappings > 1 || !whole || m.with_cpu) flags |= kLook;
  });
  state_[line] = static_cast<std::uint8_t>((state_[line] & ~kMapped) | flags);
}

void DmaSanitizer::map(PhysAddr addr, std::size_t bytes, DmaDirection direction) {
  Range r;
  if (!range(addr, bytes, r)) return;
  if (free_records_.empty()) {
    records_.emplace_back();
    free_records_.push_back(static_cast<std::uint32_t>(records_.size()));
  }
  const std::uint32_t index = free_records_.back();
  free_records_.pop_back();
  std::uint32_t& chain = first_mapping_[r.first];
  records_[index - 1] = {addr, bytes, context(), direction, false, chain};
  chain = index;

  const std::uint8_t flags = flags_of(direction);
  std::uint8_t* const state = &state_[r.first];
  if (r.whole_lines && (any_of(state, r.count) & (kMapped | kPart | kUncached)) == 0) {
    const std::uint8_t keep = direction == DmaDirection::to_device ? kHeld | kStale : 0;
    change(state, r.count, keep, flags);
    return;
  }
  for_each_piece(r, [&](const Piece& p) {
    if (!coherent_) maintain(p, direction);
    std::uint8_t& s = state_[p.line];
    const bool look = (s & kMapped) != 0 || p.mask != all_;
    s |= flags | (look ? kLook : 0);
  });
}

void DmaSanitizer::unmap(PhysAddr addr, std::size_t bytes, DmaDirection direction) {
  Range r;
  if (!range(addr, bytes, r)) return;
  // The one that agrees, or else any that begins there.
  std::uint32_t* link = nullptr;
  for (std::uint32_t* at = &first_mapping_[r.first]; *at != 0; at = &records_[*at - 1].next) {
    const Mapping& m = records_[*at - 1];
    if (m.addr != addr) continue;
    const bool agrees = m.bytes == bytes && m.direction == direction;
    if (link == nullptr || agrees) link = at;
    if (agrees) break;
  }
  if (link == nullptr) {
    const DmaContext c = context();
    report(Kind::bad_unmap, addr, bytes, c.at,
           name_of(c) + " unmaps " + where(addr, bytes) + when(c.at) + ": nothing is mapped there");
    return;
  }
  const std::uint32_t index = *link;
  const Mapping m = records_[index - 1];
  *link = m.next;
  free_records_.push_back(index);
  if (m.bytes != bytes || m.direction != direction) {
    const DmaContext c = context();
    report(Kind::bad_unmap, addr, bytes, c.at,
           name_of(c) + " unmaps " + where(addr, bytes) + " as " + name_of(direction) + when(c.at) +
               ": mapped were " + where(m.addr, m.bytes) + " as " + name_of(m.direction) + ", by " +
               name_of(m.by) + when(m.by.at));
    range(m.addr, m.bytes, r);
  }
  std::uint8_t* const state = &state_[r.first];
  if ((any_of(state, r.count) & (kLook | kUncached)) == 0) {
    change(state, r.count, static_cast<std::uint8_t>(~kDev), 0);
    return;
  }
  for_each_piece(r, [&](const Piece& p) { find_flags(p.line); });
}

DmaSanitizer::Mapping* DmaSanitizer::synced(PhysAddr addr, std::size_t bytes, const char* whom,
                                            DmaDirection direction) {
  auto* m = const_cast<Mapping*>(mapping_of(addr, addr + bytes));
  if (m != nullptr) return m;
  const DmaContext c = context();
  report(Kind::bad_unmap, addr, bytes, c.at,
         name_of(c) + " syncs " + where(addr, bytes) + " " + whom + " as " + name_of(direction) +
             when(c.at) + ": nothing is mapped there");
  return nullptr;
}

void DmaSanitizer::sync_for_cpu(PhysAddr addr, std::size_t bytes, DmaDirection direction) {
  Range r;
  if (!range(addr, bytes, r)) return;
  Mapping* const m = synced(addr, bytes, "for the CPU", direction);
  if (m == nullptr) return;
  m->with_cpu = addr <= m->addr && m->addr + m->bytes <= addr + bytes;
  for_each_piece(r, [&](const Piece& p) {
    state_[p.line] = static_cast<std::uint8_t>((state_[p.line] & ~kDev) | kLook);
  });
}

void DmaSanitizer::sync_for_device(PhysAddr addr, std::size_t bytes, DmaDirection direction) {
  Range r;
  if (!range(addr, bytes, r)) return;
  Mapping* const m = synced(addr, bytes, "for the device", direction);
  if (m == nullptr) return;
  m->with_cpu = false;
  for_each_piece(r, [&](const Piece& p) {
    if (!coherent_) maintain(p, direction);
    state_[p.line] |= flags_of(m->direction);
  });
}

void DmaSanitizer::coherent_memory(PhysAddr addr, std::size_t bytes) {
  Range r;
  if (!range(addr, bytes, r)) return;
  for_each_piece(r, [&](const Piece& p) { set_masks(p.line, 0, 0); });
  // With the flags of a mapping, so that devices find nothing to look at.
  change(&state_[r.first], r.count, 0, kUncached | kDev);
}

// --- accesses -------------------------------------------------------------------------------

void DmaSanitizer::cpu_read(PhysAddr addr, std::size_t bytes) {
  Range r;
  if (!range(addr, bytes, r)) return;
  std::uint8_t* const state = &state_[r.first];
  if ((any_of(state, r.count) & (kStale | kDevWrites)) == 0) {
    if (!coherent_) change(state, r.count, 0xff, kHeld);
    return;
  }
  Fault not_owner, stale_data;
  for_each_piece(r, [&](const Piece& p) {
    if (owned_by_device(p, false)) {
      not_owner.add(p.from, p.to);
      return;
    }
    if (coherent_) return;
    if ((stale(p.line) & p.mask) != 0) {
      stale_data.add(p.from, p.to);
      set_masks(p.line, dirty(p.line), 0);
    }
    state_[p.line] |= kHeld;
  });
  if (not_owner.end != 0) cpu_fault(Kind::not_owner, not_owner, "reads");
  if (stale_data.end != 0) cpu_fault(Kind::stale_read, stale_data, "reads");
}

void DmaSanitizer::cpu_write(PhysAddr addr, std::size_t bytes) {
  Range r;
  if (!range(addr, bytes, r)) return;
  std::uint8_t* const state = &state_[r.first];
  const std::uint8_t seen = any_of(state, r.count);
  if ((seen & kUncached) != 0 && all_have(state, r.count, kUncached, kUncached)) return;
  const DmaContext now = context();
  for (PhysAddr page = r.addr / kPageBytes; page <= (r.end - 1) / kPageBytes; ++page) {
    writer_[page] = now;
  }
  if (r.whole_lines && (seen & (kMapped | kPart | kUncached)) == 0) {
    if (!coherent_) std::memset(state, kDirty | kHeld, r.count);
    return;
  }
  Fault not_owner;
  for_each_piece(r, [&](const Piece& p) {
    if (owned_by_device(p, true)) {
      not_owner.add(p.from, p.to);
    } else if (!coherent_) {
      set_masks(p.line, dirty(p.line) | p.mask, stale(p.line) & ~p.mask);
      state_[p.line] |= kHeld;
    }
  });
  if (not_owner.end != 0) cpu_fault(Kind::not_owner, not_owner, "writes");
}

void DmaSanitizer::device_read(unsigned master, PhysAddr addr, std::size_t bytes, Ps at) {
  Range r;
  if (!range(addr, bytes, r)) return;
  const std::uint8_t* const state = &state_[r.first];
  if (all_have(state, r.count, kDevReads, kDevReads | kDirty | kLook)) return;
  Fault uncleaned, direction, unmapped;
  for_each_piece(r, [&](const Piece& p) {
    if ((dirty(p.line) & p.mask) != 0) {
      uncleaned.add(p.from, p.to);
      set_masks(p.line, 0, stale(p.line));
    } else if (!permitted(p, false)) {
      const Mapping* m = mapping_of(p.from, p.to);
      const bool wrong = m != nullptr && m->direction == DmaDirection::from_device;
      (wrong ? direction : unmapped).add(p.from, p.to);
    }
  });
  if (uncleaned.end != 0) device_fault(Kind::uncleaned_read, uncleaned, master, false, at);
  if (direction.end != 0) device_fault(Kind::wrong_direction, direction, master, false, at);
  if (unmapped.end != 0) device_fault(Kind::not_mapped, unmapped, master, false, at);
}

void DmaSanitizer::device_write(unsigned master, PhysAddr addr, std::size_t bytes, Ps at) {
  Range r;
  if (!range(addr, bytes, r)) return;
  const std::uint8_t* const state = &state_[r.first];
  if (all_have(state, r.count, kDevWrites, kDevWrites | kDirty | kHeld | kLook)) return;
  Fault dirty_lines, direction, unmapped;
  for_each_piece(r, [&](const Piece& p) {
    const std::uint8_t s = state_[p.line];
    if ((s & kDirty) != 0) {
      dirty_lines.add(p.from, p.to);
      set_masks(p.line, 0, stale(p.line));
      return;
    }
    if (!permitted(p, true)) {
      const Mapping* m = mapping_of(p.from, p.to);
      if (m != nullptr && m->direction == DmaDirection::to_device) {
        direction.add(p.from, p.to);
        return;
      }
      // A line that the cache holds is reported when the CPU reads the old data there.
      if (m != nullptr || (s & kHeld) == 0) {
        unmapped.add(p.from, p.to);
        return;
      }
    }
    if ((s & kHeld) != 0) {
      set_masks(p.line, 0, stale(p.line) | p.mask);
      device_writes_[p.from / kPageBytes] = {at, master};
    }
  });
  if (dirty_lines.end != 0) device_fault(Kind::dirty_overwritten, dirty_lines, master, true, at);
  if (direction.end != 0) device_fault(Kind::wrong_direction, direction, master, true, at);
  if (unmapped.end != 0) device_fault(Kind::not_mapped, unmapped, master, true, at);
}

// --- reports --------------------------------------------------------------------------------

void DmaSanitizer::cpu_fault(Kind kind, const Fault& fault, const char* verb) {
  const DmaContext c = context();
  const std::size_t bytes = fault.end - fault.addr;
  std::string text = name_of(c) + " " + verb + " " + where(fault.addr, bytes) + when(c.at);
  const Mapping* m = mapping_of(fault.addr, fault.end);
  if (kind == Kind::not_owner) {
    text += ", which belong to a device until they are unmapped or synced";
  } else {
    const DeviceWrite& w = device_writes_[fault.addr / kPageBytes];
    text += ", which are stale in the cache: " + name_of(w.master) + " wrote them" + when(w.at) +
            " and nobody invalidated the lines since the CPU used them before";
  }
  if (m != nullptr) {
    text +=
        "; mapped " + std::string(name_of(m->direction)) + " by " + name_of(m->by) + when(m->by.at);
  }
  report(kind, fault.addr, bytes, c.at, std::move(text));
}

void DmaSanitizer::device_fault(Kind kind, const Fault& fault, unsigned master, bool write, Ps at) {
  const std::size_t bytes = fault.end - fault.addr;
  std::string text =
      name_of(master) + (write ? " writes " : " reads ") + where(fault.addr, bytes) + when(at);
  const Mapping* m = mapping_of(fault.addr, fault.end);
  if (kind == Kind::uncleaned_read || kind == Kind::dirty_overwritten) {
    const DmaContext& w = writer_[fault.addr / kPageBytes];
    text += kind == Kind::uncleaned_read
                ? ", which are dirty in the cache: nobody cleaned them"
                : " in lines that are dirty in the cache, whose write-back will overwrite them";
    text += "; " + name_of(w) + " wrote there" + when(w.at);
  }
  if (kind == Kind::not_mapped && m != nullptr) text += ", which were synced for the CPU";
  if (m == nullptr) {
    text += kind == Kind::not_mapped ? ", which are not mapped for a device" : "; not mapped";
  } else {
    text +=
        "; mapped " + std::string(name_of(m->direction)) + " by " + name_of(m->by) + when(m->by.at);
  }
  report(kind, fault.addr, bytes, at, std::move(text));
}

void DmaSanitizer::report(Kind kind, PhysAddr addr, std::size_t bytes, Ps at, std::string text) {
  ++total_;
  ++counts_[static_cast<std::size_t>(kind)];
  if (reports_.size() < kReportsKept) reports_.push_back({kind, addr, bytes, at, std::move(text)});
}

}  // namespace cesasim::hw
