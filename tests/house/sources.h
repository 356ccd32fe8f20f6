// SPDX-License-Identifier: Apache-2.0
// Every source of every floor, from the runfiles.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace cesasim {

struct Source {
  std::string file;  ///< path from the root
  std::vector<std::string> lines;
};

/// The .h and .cc files below the given folders of the root, sorted by path.
inline std::vector<Source> read_sources(const std::vector<std::string>& folders) {
  namespace fs = std::filesystem;
  const fs::path root = fs::path(std::getenv("TEST_SRCDIR")) / std::getenv("TEST_WORKSPACE");
  std::vector<Source> sources;
  for (const std::string& folder : folders) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(
             root / folder, fs::directory_options::follow_directory_symlink)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cc") continue;
      Source source{entry.path().lexically_relative(root).string(), {}};
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) source.lines.push_back(line);
      sources.push_back(std::move(source));
    }
  }
  std::sort(sources.begin(), sources.end(),
            [](const Source& a, const Source& b) { return a.file < b.file; });
  return sources;
}

}  // namespace cesasim
