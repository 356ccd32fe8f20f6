// SPDX-License-Identifier: Apache-2.0
// What a command is going to write, checked before it does anything.
#pragma once

#include <string>
#include <vector>

namespace cesasim {

/// A file that an option or argument names.
struct OutputFile {
  std::string option;  ///< as messages name it: "--junit"
  std::string file;    ///< "": not asked for
};

/// Errors: UsageError naming the option if a file could not be written: no folder, or none that may
/// be written, a device (a terminal or a pipe too: outputs get their name when they are complete),
/// one of `inputs`, or the same as another output, by whatever name. Writes nothing that stays.
void check_outputs(const std::vector<OutputFile>& outputs, const std::vector<std::string>& inputs);

}  // namespace cesasim
