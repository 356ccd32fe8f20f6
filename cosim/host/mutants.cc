// SPDX-License-Identifier: Apache-2.0
#include "cosim/host/mutants.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <vector>

#include "base/file/atomic_file.h"
#include "base/file/outputs.h"
#include "base/process/process.h"
#include "base/text/junit.h"
#include "base/text/terminal.h"
#include "cosim/host/edits.h"
#include "cosim/host/expectations.h"
#include "cosim/host/guest.h"
#include "cosim/host/verdict.h"

namespace cesasim::cosim {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kSimulatedLimitNs = 3'600'000'000'000;
/// Of processor time without simulated time: a kernel that goes round in a circle. The mended
/// driver's guest takes less than a tenth of it.
constexpr std::chrono::seconds kComputingLimit{30};
/// Every mutant prints this from the changed code.
constexpr const char* kRan = "cesasim: the mutated code ran";

/// What a boot says of the driver, in the order in which it says it.
std::vector<TestCase> cases_of(const Board& board, KernelVersion version,
                               const std::vector<std::string>& steps, const GuestOutcome& out) {
  std::vector<TestCase> cases;
  for (const ExpectedAlgorithm& e : expected_algorithms(board.cesa, version, false)) {
    const auto* found = out.report.find(e.driver);
    if (found == nullptr && !out.ok) continue;  // the guest died before it could say
    std::string why = find_test_failure(out.console, e.driver);
    if (why.empty()) why = found == nullptr ? "not there" : found->state;
    cases.push_back({"", e.driver, found != nullptr && found->passed, why});
  }
  for (const auto& c : out.report.checks) cases.push_back({"", c.name, c.ok, c.detail});
  if (out.ok) {
    for (const ExpectedCheck& e : expected_checks(board.cesa, version, steps)) {
      if (std::ranges::count(cases, e.name, &TestCase::name) == 0) {
        cases.push_back({"", e.name, false, "not reported"});
      }
    }
  }
  cases.push_back({"", "guest-end", out.ok, out.failure});
  return cases;
}

class Mutants {
 public:
  explicit Mutants(const MutantsOptions& options) : options_(options) {
    std::string names;
    for (const fs::path& patch : edits_in(options.kernel.home, "mutants")) {
      const std::string name = patch.stem().string();
      names += (names.empty() ? "" : ", ") + name;
      if (!options.only.empty() && options.only != name) continue;
      mutants_.push_back(read_mutant(patch));
      try {
        options.board(mutants_.back().soc);
      } catch (const std::exception& error) {
        throw EditError(patch.string() + ": '# Soc: " + mutants_.back().soc + "': " + error.what());
      }
    }
    if (names.empty()) {
      throw UsageError("no mutants in '" +
                       (options.kernel.home / "cosim" / "kernel" / "mutants").string() + "'");
    }
    if (mutants_.empty()) {
      throw UsageError("--only: no mutant '" + options.only + "'; there are " + names);
    }
  }

  int run() {
    // All are built before the first boot: a patch that does not fit is told at once.
    for (const Mutant& mutant : mutants_)
      kernels_.push_back(prepare_kernel(changed_driver(&mutant)));
    if (!options_.junit_file.empty()) {
      write_file_atomic(options_.junit_file, unfinished_junit("mutants"));
    }
    unsigned caught = 0;
    for (std::size_t i = 0; i < mutants_.size(); ++i) {
      const Mutant& mutant = mutants_[i];
      const TestCase verdict = judge(mutant, kernels_[i]);
      if (broken_) break;
      std::printf("%-36s %s  %s\n", mutant.name.c_str(), verdict.ok ? "caught" : "MISSED",
                  verdict.message.c_str());
      std::fflush(stdout);
      caught += verdict.ok;
      results_.push_back(verdict);
    }
    if (!options_.junit_file.empty()) {
      write_file_atomic(options_.junit_file, to_junit({{"mutants", {}, results_}}));
    }
    if (broken_) return kPointFailed;
    std::printf("%u of %zu mutants caught\n", caught, mutants_.size());
    return caught == mutants_.size() && sound_ ? kOk : kExpectationFailed;
  }

 private:
  /// The driver without known faults; with a mutant, with that one.
  KernelOptions changed_driver(const Mutant* mutant) const {
    KernelOptions options = options_.kernel;
    options.edits = edits_in(options.home, "mends");
    if (mutant != nullptr) options.edits.push_back(mutant->patch);
    return options;
  }

  std::vector<TestCase> boot(const Board& board, const Kernel& kernel, GuestOutcome& out) {
    DeviceOptions device;
    device.cesa = board.cesa;
    device.dram = board.dram;
    device.time_limit_ns = kSimulatedLimitNs;
    GuestOptions guest;
    guest.steps = {"algorithms", "users", "unload"};
    for (const auto& e : expected_algorithms(board.cesa, kernel.version, false)) {
      guest.algorithms.push_back(e.driver);
    }
    guest.kernel_arguments = {"cryptomgr.noextratests=1"};
    guest.wall_limit = options_.wall_limit;
    guest.computing_limit = kComputingLimit;
    out = boot_guest(kernel, device, options_.kernel.home, guest);
    return cases_of(board, kernel.version, guest.steps, out);
  }

  /// The cases that the driver without known faults passes on a SoC.
  const std::vector<std::string>& passed_by_mended(const std::string& soc) {
    if (const auto it = passed_.find(soc); it != passed_.end()) return it->second;
    const Board board = options_.board(soc);
    GuestOutcome out;
    const auto cases = boot(board, prepare_kernel(changed_driver(nullptr)), out);
    std::vector<std::string>& names = passed_[soc];
    unsigned failed = 0;
    for (const TestCase& c : cases) {
      if (c.ok) {
        names.push_back(c.name);
      } else {
        ++failed;
        complain(soc + ", no mutant: " + c.name + " failed: " + c.message);
      }
      results_.push_back({soc, c.name, c.ok, c.message});
    }
    std::printf("%-36s %zu of %zu cases passed\n", (soc + ", no mutant").c_str(), names.size(),
                names.size() + failed);
    std::fflush(stdout);
    sound_ = sound_ && failed == 0;
    broken_ = broken_ || !out.ok;
    return names;
  }

  TestCase judge(const Mutant& mutant, const Kernel& kernel) {
    TestCase verdict{"mutants", mutant.name, false, ""};
    const std::vector<std::string>& passed = passed_by_mended(mutant.soc);
    if (broken_) return verdict;
    const Board board = options_.board(mutant.soc);
    GuestOutcome out;
    const auto cases = boot(board, kernel, out);
    if (out.console.find(kRan) == std::string::npos) {
      verdict.message = "the mutated code never ran on " + mutant.soc;
      return verdict;
    }
    unsigned others = 0;
    const bool others_end = !out.ok && !is_guests_own(out.end);
    for (const TestCase& c : cases) {
      if (c.ok || std::ranges::count(passed, c.name) == 0) continue;
      if (c.name == "guest-end" && others_end) continue;
      if (verdict.ok) {
        ++others;
        continue;
      }
      verdict.ok = true;
      verdict.message = "by " + c.name + " on " + mutant.soc + ": " + c.message;
    }
    if (others > 0) verdict.message += " (and " + std::to_string(others) + " more)";
    if (!verdict.ok) {
      verdict.message = others_end ? "what ended the guest was not the driver: " + out.failure
                                   : "every case passed on " + mutant.soc;
    }
    return verdict;
  }

  const MutantsOptions& options_;
  std::vector<Mutant> mutants_;
  std::vector<Kernel> kernels_;  // with each of them
  std::map<std::string, std::vector<std::string>> passed_;
  std::vector<TestCase> results_;
  bool sound_ = true;
  bool broken_ = false;
};

}  // namespace

int run_mutants(const MutantsOptions& options) {
  const SignalWatch watch;
  check_outputs({{"--junit", options.junit_file}}, {});
  return Mutants(options).run();
}

}  // namespace cesasim::cosim
