#include "cosim/host/edits.h"

#include <algorithm>

#include "cosim/host/files.h"
#include "cosim/host/process.h"

namespace cesasim::cosim {
namespace fs = std::filesystem;
namespace {

constexpr unsigned kLogLines = 20;

}  // namespace

std::vector<fs::path> edits_in(const fs::path& home, const std::string& folder) {
  std::vector<fs::path> edits;
  for (const auto& entry : fs::directory_iterator(home / "cosim" / "kernel" / folder)) {
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
    throw EditError(edit.string() + " does not fit the driver in '" + named + "':\n" +
                    tail_of(read_file(log), kLogLines));
  }
}

}  // namespace cesasim::cosim
