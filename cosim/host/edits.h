// SPDX-License-Identifier: Apache-2.0
// Patches for a copy of the kernel's or the driver's sources: cosim/kernel/patches, mends, mutants.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/text/errors.h"

namespace cesasim::cosim {

/// A patch does not fit the sources; the message names both and says where.
struct EditError : UsageError {
  using UsageError::UsageError;
};

/// The patches of a folder of HOME/cosim/kernel ("patches", "mends", "mutants"), sorted by name;
/// none if there is no such folder.
std::vector<std::filesystem::path> edits_in(const std::filesystem::path& home,
                                            const std::string& folder);

/// Changes the files in `sources`. Without fuzz: a patch that does not fit must not go elsewhere.
/// Throws EditError, which calls the sources `named`; they are then of no more use.
void apply_edit(const std::filesystem::path& edit, const std::filesystem::path& sources,
                const std::string& named);

/// A patch of cosim/kernel/mutants for a driver that has all of cosim/kernel/mends.
struct Mutant {
  std::string name;  ///< of the file, without ".patch"
  std::string soc;   ///< preset on which it is tried: the line "# Soc: NAME"
  std::filesystem::path patch;
};

/// Reads what stands before the patch itself. Throws EditError that names the file.
Mutant read_mutant(const std::filesystem::path& patch);

}  // namespace cesasim::cosim
