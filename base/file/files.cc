// SPDX-License-Identifier: Apache-2.0
#include "base/file/files.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <system_error>

namespace cesasim {
namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  if (in) out << in.rdbuf();
  if (!in || fs::is_directory(path)) {
    throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(), path.string());
  }
  return out.str();
}

void write_file(const fs::path& path, const std::string& content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << content;
  out.close();
  if (!out) {
    throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(), path.string());
  }
}

std::string tail_of(const std::string& text, unsigned lines) {
  std::size_t at = text.size();
  if (at > 0 && text[at - 1] == '\n') --at;
  while (lines > 0 && at > 0) {
    at = text.rfind('\n', at - 1);
    if (at == std::string::npos) return text;
    if (--lines == 0) return text.substr(at + 1);
  }
  return text;
}

std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  // Administrators' programs are often not in a user's PATH.
  std::istringstream folders(std::string(path ? path : "") + ":/usr/sbin:/sbin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string file = folder + "/" + name;
    if (!folder.empty() && ::access(file.c_str(), X_OK) == 0) return file;
  }
  return "";
}

TemporaryFolder::TemporaryFolder() {
  constexpr std::size_t kSocketNameRoom = 60;
  std::error_code error;
  fs::path base = fs::temp_directory_path(error);
  if (error || base.string().size() > kSocketNameRoom) base = "/tmp";
  std::string name = (base / "cesasim-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), name);
  }
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace cesasim
