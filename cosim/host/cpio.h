// SPDX-License-Identifier: Apache-2.0
// An initramfs archive (cpio, "newc"), as the kernel reads it: uncompressed.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace cesasim::cosim {

class CpioWriter {
 public:
  /// Paths are absolute; missing parent folders are made. Adding a path twice is an error
  /// (std::invalid_argument), but for folders.
  void add_folder(const std::string& path);
  void add_file(const std::string& path, std::string_view content, unsigned mode = 0644);
  void add_link(const std::string& path, const std::string& target);
  /// The file of the host at `source`. Throws std::system_error if it cannot be read.
  void add_host_file(const std::string& path, const std::string& source, unsigned mode = 0755);
  bool has(const std::string& path) const { return paths_.count(path) != 0; }

  /// The archive with its trailer. Nothing can be added after that.
  std::string finish();

 private:
  void add_parents(const std::string& path);
  void add_entry(const std::string& path, std::string_view content, unsigned mode);
  void append(const std::string& name, std::string_view content, unsigned mode);

  std::string bytes_;
  std::set<std::string> paths_;
  unsigned inode_ = 0;
};

}  // namespace cesasim::cosim
