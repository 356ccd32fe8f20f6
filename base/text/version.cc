// SPDX-License-Identifier: Apache-2.0
#include "base/text/version.h"

#include <filesystem>
#include <fstream>
#include <system_error>

namespace cesasim {

namespace {

/// A name of git's; anything else is no description.
bool is_description(const std::string& text) {
  constexpr std::size_t kLongest = 200;
  if (text.empty() || text.size() > kLongest) return false;
  for (const char c : text) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

}  // namespace

std::string build_description(const std::string& program) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::canonical(program, error);
  if (error) return "";
  std::ifstream in(path.string() + ".describe");
  std::string line;
  std::getline(in, line);
  return is_description(line) ? line : "";
}

std::string version_text(const std::string& version, const std::string& description) {
  return description.empty() ? version : version + " (" + description + ")";
}

}  // namespace cesasim
