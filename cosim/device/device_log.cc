// SPDX-License-Identifier: Apache-2.0
#include "cosim/device/device_log.h"

#include <cerrno>
#include <system_error>

namespace cesasim::cosim {
namespace {

unsigned long long ns(hw::Ps now) { return now / hw::kPsPerNs; }

}  // namespace

DeviceLog::DeviceLog(const std::string& path) : path_(path) {
  if (path.empty()) return;
  file_.reset(std::fopen(path.c_str(), "we"));
  if (!file_) throw std::system_error(errno, std::generic_category(), path);
}

void DeviceLog::set_ram(std::uint64_t start, std::uint64_t bytes) {
  ram_start_ = start;
  ram_bytes_ = bytes;
}

std::string DeviceLog::address(std::uint64_t value) {
  char text[48];
  if (value < ram_start_ || value - ram_start_ >= ram_bytes_) {
    std::snprintf(text, sizeof text, "0x%08llx", static_cast<unsigned long long>(value));
    return text;
  }
  const auto page = pages_.emplace(value / hw::kPageBytes, pages_.size()).first->second;
  std::snprintf(text, sizeof text, "ram[%u]+0x%03x", page,
                static_cast<unsigned>(value % hw::kPageBytes));
  return text;
}

void DeviceLog::reg(hw::Ps now, bool write, std::uint32_t offset, std::uint32_t value,
                    bool is_address) {
  if (!file_) return;
  if (is_address) {
    std::fprintf(file_.get(), "%llu %c reg 0x%04x %s\n", ns(now), write ? 'w' : 'r', offset,
                 address(value).c_str());
  } else {
    std::fprintf(file_.get(), "%llu %c reg 0x%04x 0x%08x\n", ns(now), write ? 'w' : 'r', offset,
                 value);
  }
}

void DeviceLog::sram(hw::Ps now, bool write, std::uint32_t offset, std::size_t bytes) {
  if (!file_) return;
  std::fprintf(file_.get(), "%llu %c sram 0x%04x %zu\n", ns(now), write ? 'w' : 'r', offset, bytes);
}

void DeviceLog::dma(hw::Ps now, unsigned engine, bool write, std::uint64_t at, std::size_t bytes) {
  if (!file_) return;
  std::fprintf(file_.get(), "%llu dma %u %s %s %zu\n", ns(now), engine, write ? "wr" : "rd",
               address(at).c_str(), bytes);
}

void DeviceLog::irq(hw::Ps now, unsigned engine) {
  if (file_) std::fprintf(file_.get(), "%llu irq %u\n", ns(now), engine);
}

void DeviceLog::inject(hw::Ps now, const std::string& what) {
  if (!file_) return;
  std::fprintf(file_.get(), "%llu inject %s\n", ns(now), what.c_str());
  flush();
}

void DeviceLog::flush() {
  if (file_) std::fflush(file_.get());
}

void DeviceLog::close() {
  if (!file_) return;
  errno = 0;
  const bool lost = std::ferror(file_.get()) != 0;
  if (std::fclose(file_.release()) != 0 || lost) {
    throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(), path_);
  }
}

}  // namespace cesasim::cosim
