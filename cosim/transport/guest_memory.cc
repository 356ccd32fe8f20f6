// SPDX-License-Identifier: Apache-2.0
#include "cosim/transport/guest_memory.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

namespace cesasim::cosim {

void GuestMemory::map(const std::vector<MemoryRegion>& regions,
                      const std::vector<FileDescriptor>& files) {
  clear();
  if (regions.empty() || regions.size() > kMaxRegions) {
    throw ProtocolError("memory table of " + std::to_string(regions.size()) + " regions");
  }
  if (files.size() != regions.size()) {
    throw ProtocolError("memory table of " + std::to_string(regions.size()) + " regions with " +
                        std::to_string(files.size()) + " files");
  }
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const MemoryRegion& r = regions[i];
    if (r.bytes == 0 || r.guest_address + r.bytes < r.guest_address) {
      throw ProtocolError("memory region that is empty or wraps around");
    }
    for (std::size_t k = 0; k < i; ++k) {
      const MemoryRegion& other = regions[k];
      if (r.guest_address < other.guest_address + other.bytes &&
          other.guest_address < r.guest_address + r.bytes) {
        throw ProtocolError("memory regions overlap");
      }
    }
    struct stat status;
    if (::fstat(files[i].get(), &status) != 0) {
      throw std::system_error(errno, std::generic_category(), "guest memory");
    }
    // Touching a page past the end of the file would be a SIGBUS.
    const auto file_bytes = static_cast<std::uint64_t>(status.st_size);
    if (r.file_offset > file_bytes || r.bytes > file_bytes - r.file_offset) {
      throw ProtocolError("memory region reaches past the end of its file");
    }
  }
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const MemoryRegion& r = regions[i];
    void* host = ::mmap(nullptr, r.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, files[i].get(),
                        static_cast<off_t>(r.file_offset));
    if (host == MAP_FAILED) {
      const int error = errno;
      clear();
      throw std::system_error(error, std::generic_category(), "mmap of guest memory");
    }
    regions_.push_back(r);
    hosts_.push_back(static_cast<std::uint8_t*>(host));
  }
}

void GuestMemory::clear() {
  for (std::size_t i = 0; i < regions_.size(); ++i) ::munmap(hosts_[i], regions_[i].bytes);
  regions_.clear();
  hosts_.clear();
}

std::uint8_t* GuestMemory::find(std::uint64_t address, std::uint64_t bytes) const {
  for (std::size_t i = 0; i < regions_.size(); ++i) {
    const MemoryRegion& r = regions_[i];
    if (address < r.guest_address) continue;
    const std::uint64_t offset = address - r.guest_address;
    if (offset <= r.bytes && bytes <= r.bytes - offset) return hosts_[i] + offset;
  }
  return nullptr;
}

}  // namespace cesasim::cosim
