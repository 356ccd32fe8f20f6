// SPDX-License-Identifier: Apache-2.0
// What the program says of itself: its version, and the state of the sources it was built from.
#pragma once

#include <string>

namespace cesasim {

/// Version of the simulator; every result carries it.
inline constexpr const char* kVersion = "0.2.0";

/// What `git describe` said of the sources when the launcher built `program`, such as
/// "v0.2.0-3-g1234567-dirty"; empty where nobody knows (a source archive, a program built by Bazel
/// alone). It stands in a file beside the program, PROGRAM.describe: in the program itself it would
/// link and test everything anew at each commit, and end --resume.
std::string build_description(const std::string& program = "/proc/self/exe");

/// Version and description for people: "0.2.0 (v0.2.0-3-g1234567)", or "0.2.0" alone.
std::string version_text(const std::string& version, const std::string& description);

}  // namespace cesasim
