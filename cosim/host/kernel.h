// SPDX-License-Identifier: Apache-2.0
// The guest's kernel and modules: built once and kept, or a user's own.
#pragma once

#include <compare>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/text/errors.h"

namespace cesasim::cosim {

/// Something did not build; the message ends with the last lines of the log.
struct BuildError : UsageError {
  using UsageError::UsageError;
};

struct KernelOptions {
  std::filesystem::path home;        ///< the folder that holds cosim/
  std::filesystem::path kernel;      ///< source tree or built tree; empty: the distribution's
  std::filesystem::path module_dir;  ///< the driver's sources; empty: the kernel's own
  /// Where the distribution's packages leave kernel sources (linux-source-VERSION.tar.xz).
  std::filesystem::path distribution = "/usr/src";
  /// Patches for a copy of the driver's sources, in this order; the sources stay as they are.
  std::vector<std::filesystem::path> edits;
  /// Called with one line before something slow.
  std::function<void(const std::string&)> progress;
};

/// Of Linux, as far as what is expected of it depends on it: 6.12.117 is {6, 12}.
struct KernelVersion {
  unsigned major = 0;
  unsigned minor = 0;
  auto operator<=>(const KernelVersion&) const = default;
  std::string str() const;
};

/// The numbers at the start of "6.12.117-extra". Throws std::invalid_argument.
KernelVersion parse_kernel_version(const std::string& release);

struct Kernel {
  std::filesystem::path program;  ///< the User-mode Linux executable
  KernelVersion version;
  std::filesystem::path glue_module;                  ///< cesa_glue.ko
  std::filesystem::path dmcrypt_module;               ///< cesa_dmcrypt.ko
  std::filesystem::path tests_module;                 ///< cesa_tests.ko
  std::filesystem::path crowd_module;                 ///< cesa_crowd.ko
  std::vector<std::filesystem::path> driver_modules;  ///< in the order to load them
  std::filesystem::path guest_program;                ///< cosim-guest
};

/// ${XDG_CACHE_HOME:-~/.cache}/cesasim.
std::filesystem::path cache_folder();

/// The newest linux-source-6.N.tar.xz in `folder` that this co-simulation knows: 6.1 to 6.12. An
/// empty path if there is none.
std::filesystem::path find_kernel_sources(const std::filesystem::path& folder);

/// Builds what is missing. Safe against other processes that do the same. Throws UsageError,
/// BuildError, EditError, Interrupted. A host or kernel that cannot go together is a UsageError
/// too.
Kernel prepare_kernel(const KernelOptions& options);

/// Those of the edits that fit the driver's sources, each for itself. Throws as prepare_kernel().
std::vector<std::filesystem::path> fitting_edits(const KernelOptions& options);

}  // namespace cesasim::cosim
