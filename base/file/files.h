// SPDX-License-Identifier: Apache-2.0
// Small helpers around files.
#pragma once

#include <filesystem>
#include <string>

namespace cesasim {

/// Throws std::system_error that names the file.
std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& content);
/// The last `lines` lines.
std::string tail_of(const std::string& text, unsigned lines);
/// The program's path, looked up in PATH and the system folders; "" if it is nowhere.
std::string find_program(const std::string& name);
/// A folder under the system's temporary one that goes with this object. Its path is short
/// enough for socket names.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace cesasim
