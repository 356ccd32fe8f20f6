// SPDX-License-Identifier: Apache-2.0
// The guest's RAM, shared with it by mmap.
#pragma once

#include <cstdint>
#include <vector>

#include "cosim/transport/socket.h"

namespace cesasim::cosim {

/// One entry of the vhost-user memory table.
struct MemoryRegion {
  std::uint64_t guest_address = 0;
  std::uint64_t bytes = 0;
  std::uint64_t user_address = 0;
  std::uint64_t file_offset = 0;
};

class GuestMemory {
 public:
  static constexpr std::size_t kMaxRegions = 8;

  GuestMemory() = default;
  ~GuestMemory() { clear(); }
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;

  /// Replaces the table; one file per region. Throws ProtocolError for a table that cannot be:
  /// regions that are empty, overlap, wrap around or reach past the end of their file.
  void map(const std::vector<MemoryRegion>& regions, const std::vector<FileDescriptor>& files);
  void clear();

  /// Host address of [address, address + bytes), nullptr if it is not wholly in one region.
  std::uint8_t* find(std::uint64_t address, std::uint64_t bytes) const;
  const std::vector<MemoryRegion>& regions() const { return regions_; }

 private:
  std::vector<MemoryRegion> regions_;
  std::vector<std::uint8_t*> hosts_;
};

}  // namespace cesasim::cosim
