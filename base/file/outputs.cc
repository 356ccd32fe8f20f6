// SPDX-License-Identifier: Apache-2.0
#include "base/file/outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/file/atomic_file.h"
#include "base/text/errors.h"

namespace cesasim {
namespace {

namespace fs = std::filesystem;

/// One name for a file, whether it exists or not.
std::string canonical(const std::string& file) {
  std::error_code error;
  const fs::path path = fs::weakly_canonical(fs::absolute(file, error), error);
  return error ? file : path.string();
}

}  // namespace

void check_outputs(const std::vector<OutputFile>& outputs, const std::vector<std::string>& inputs) {
  std::map<std::string, std::string> taken;  // with the option that takes it
  for (const auto& [option, file] : outputs) {
    if (file.empty()) continue;
    if (file == "-") {
      throw UsageError(fmt::format("{}: '-' is no file; valid: a file's name", option));
    }
    try {
      refuse_input(file, inputs);
    } catch (const OutputError& error) {
      throw UsageError(fmt::format("{}: {}; valid: another file", option, error.what()));
    }
    // A file that is complete at once has its part beside it until then.
    for (const std::string& name : {canonical(file), canonical(SparseFile::part_file(file))}) {
      const auto [other, added] = taken.emplace(name, option);
      if (!added && other->second != option) {
        throw UsageError(fmt::format("{}: {} is asked for twice, also by {}; valid: another file",
                                     option, file, other->second));
      }
    }
    try {
      probe_file(file);
    } catch (const OutputError& error) {
      throw UsageError(fmt::format("{}: {}; valid: a file in a folder that can be written", option,
                                   error.what()));
    }
  }
}

}  // namespace cesasim
