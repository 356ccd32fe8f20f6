// SPDX-License-Identifier: Apache-2.0
// What the guest's first process (cosim/guest/init) says on its result line.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cesasim::cosim {

struct GuestReport {
  struct Algorithm {
    std::string driver;
    bool passed = false;
    std::string state;  ///< passed, unknown (not passed) or missing
    int priority = 0;
  };
  struct Check {
    std::string name;
    bool ok = false;
    std::string detail;
  };
  struct Speed {
    std::string name;
    std::uint64_t bytes = 0;
    std::uint64_t ns = 0;
    /// Megabytes (10^6) per second of simulated time.
    double mb_per_s() const {
      return ns == 0 ? 0 : static_cast<double>(bytes) * 1e3 / static_cast<double>(ns);
    }
  };

  std::string release;  ///< of the kernel; empty until the guest is up
  std::vector<Algorithm> algorithms;
  std::vector<Check> checks;
  std::vector<Speed> speeds;
  std::vector<std::uint64_t> interrupts;  ///< of each line
  std::vector<std::string> notes;
  std::string fatal;             ///< why nothing could be tested
  std::optional<int> exit_code;  ///< of the user's command
  bool ended = false;            ///< the guest came to its planned end

  const Algorithm* find(const std::string& driver) const;
};

/// Reads the lines; one that it does not know becomes a note.
GuestReport parse_guest_report(const std::string& text);

/// What the kernel's log says about the end: the lines of a panic and of a blocked task; empty if
/// there are none.
std::string find_panic(const std::string& console);
/// Why a guest that never came up did not, from the kernel's log: what User-mode Linux complains of
/// towards its host (ptrace, temporary memory, files, memory), or else the log's last lines.
std::string find_start_failure(const std::string& console);
/// The kernel's log without what it says about terminals that nobody asked for.
std::string readable_console(const std::string& console);
/// The line with which the kernel's test manager refused `driver`; empty if it did not.
std::string find_test_failure(const std::string& console, const std::string& driver);

}  // namespace cesasim::cosim
