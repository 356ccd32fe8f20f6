// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/study_reader_fuzz.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include "scenario/library.h"
#include "study/matrix/study.h"

namespace cesasim::fuzz {
namespace {

/// A matrix can be large; some points say as much as all.
constexpr std::size_t kMaxPoints = 16;

}  // namespace

void fuzz_study_reader(const std::uint8_t* data, std::size_t size) {
  static const Library library(std::filesystem::current_path());
  try {
    const study::Study parsed =
        study::parse_study(std::string(reinterpret_cast<const char*>(data), size), "fuzz.yaml");
    std::size_t points = 1;
    for (const study::Axis& axis : parsed.axes) points *= axis.values.size();
    if (points > kMaxPoints) return;
    for (const study::Point& point : study::expand(parsed, {}, library, /*check_files=*/false)) {
      // What a run prints must read back.
      const std::string text = to_yaml(point.tree);
      parse_yaml(text, "printed", Layer::scenario);
    }
  } catch (const ConfigError& error) {
    if (error.problem().empty()) std::abort();
  }
}

}  // namespace cesasim::fuzz
