// SPDX-License-Identifier: Apache-2.0
#include "cosim/host/edits.h"

#include <algorithm>
#include <sstream>
#include <string_view>

#include "base/file/files.h"
#include "base/process/process.h"

namespace cesasim::cosim {
namespace fs = std::filesystem;
namespace {

constexpr unsigned kLogLines = 20;

}  // namespace

std::vector<fs::path> edits_in(const fs::path& home, const std::string& folder) {
  std::vector<fs::path> edits;
  const fs::path all = home / "cosim" / "kernel" / folder;
  if (!fs::exists(all)) return edits;
  for (const auto& entry : fs::directory_iterator(all)) {
    if (entry.path().extension() == ".patch") edits.push_back(fs::absolute(entry.path()));
  }
  std::ranges::sort(edits);
  return edits;
}

void apply_edit(const fs::path& edit, const fs::path& sources, const std::string& named) {
  const TemporaryFolder scratch;
  const std::string log = (scratch.path() / "log").string();
  if (run_logged({"patch", "--batch", "--forward", "--fuzz=0", "--no-backup-if-mismatch", "-p1",
                  "-r", "-", "-d", sources.string(), "-i", fs::absolute(edit).string()},
                 log) != 0) {
    throw EditError(edit.string() + " does not fit the sources in '" + named + "':\n" +
                    tail_of(read_file(log), kLogLines));
  }
}

Mutant read_mutant(const fs::path& patch) {
  Mutant mutant{patch.stem().string(), "", patch};
  std::istringstream lines(read_file(patch));
  for (std::string line; std::getline(lines, line) && line.rfind("---", 0) != 0;) {
    constexpr std::string_view kKey = "# Soc: ";
    if (line.rfind(kKey, 0) == 0) mutant.soc = line.substr(kKey.size());
  }
  if (mutant.soc.empty()) {
    throw EditError(patch.string() + ": no line '# Soc: PRESET' before the patch");
  }
  return mutant;
}

}  // namespace cesasim::cosim
