// SPDX-License-Identifier: Apache-2.0
#include "cosim/host/cpio.h"

#include <cstdio>
#include <stdexcept>

#include "base/file/files.h"

namespace cesasim::cosim {
namespace {

constexpr unsigned kFolder = 0040000;
constexpr unsigned kFile = 0100000;
constexpr unsigned kLink = 0120000;
constexpr const char* kTrailer = "TRAILER!!!";

}  // namespace

void CpioWriter::append(const std::string& name, std::string_view content, unsigned mode) {
  // Times are 0: the same content gives the same archive.
  char header[111];
  std::snprintf(header, sizeof header, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
                ++inode_, mode, 0u, 0u, (mode & kFolder) ? 2u : 1u, 0u,
                static_cast<unsigned>(content.size()), 0u, 0u, 0u, 0u,
                static_cast<unsigned>(name.size() + 1), 0u);
  bytes_ += header;
  bytes_ += name;
  bytes_ += '\0';
  while (bytes_.size() % 4 != 0) bytes_ += '\0';
  bytes_ += content;
  while (bytes_.size() % 4 != 0) bytes_ += '\0';
}

void CpioWriter::add_parents(const std::string& path) {
  if (path.empty() || path[0] != '/' || path.back() == '/') {
    throw std::invalid_argument("initramfs: '" + path + "' is not an absolute path");
  }
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string folder = path.substr(0, at);
    if (paths_.insert(folder).second) append(folder.substr(1), "", kFolder | 0755);
  }
}

void CpioWriter::add_entry(const std::string& path, std::string_view content, unsigned mode) {
  add_parents(path);
  if (!paths_.insert(path).second) {
    throw std::invalid_argument("initramfs: '" + path + "' is there already");
  }
  append(path.substr(1), content, mode);
}

void CpioWriter::add_folder(const std::string& path) {
  if (!has(path)) add_entry(path, "", kFolder | 0755);
}

void CpioWriter::add_file(const std::string& path, std::string_view content, unsigned mode) {
  add_entry(path, content, kFile | mode);
}

void CpioWriter::add_link(const std::string& path, const std::string& target) {
  add_entry(path, target, kLink | 0777);
}

void CpioWriter::add_host_file(const std::string& path, const std::string& source, unsigned mode) {
  add_file(path, read_file(source), mode);
}

std::string CpioWriter::finish() {
  append(kTrailer, "", 0);
  return std::move(bytes_);
}

}  // namespace cesasim::cosim
