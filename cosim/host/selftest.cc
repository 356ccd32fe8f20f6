// SPDX-License-Identifier: Apache-2.0
#include "cosim/host/selftest.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/file/atomic_file.h"
#include "base/file/files.h"
#include "base/file/outputs.h"
#include "base/process/process.h"
#include "base/text/terminal.h"
#include "cosim/host/edits.h"
#include "cosim/host/expectations.h"
#include "cosim/host/verdict.h"

namespace cesasim::cosim {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kNsPerS = 1'000'000'000;
constexpr unsigned kSimulatedLimitS = 3600;

std::vector<std::string> test_arguments(unsigned fuzz_iterations) {
  if (fuzz_iterations == 0) return {"cryptomgr.noextratests=1"};
  return {"cryptomgr.fuzz_iterations=" + std::to_string(fuzz_iterations)};
}

class Selftest {
 public:
  explicit Selftest(const SelftestOptions& options)
      : options_(options),
        kernel_(prepare_kernel(options.kernel)),
        own_(!options.kernel.kernel.empty() || !options.kernel.module_dir.empty()) {
    if (options.quick) return;
    KernelOptions mended = options.kernel;
    mended.edits = edits_in(mended.home, "mends");
    mends_ = fitting_edits(mended);
  }

  int run() {
    const KernelVersion lists = lists_for(kernel_.version);
    if (lists != kernel_.version) {
      complain("the known faults are those of Linux " + lists.str() + "; Linux " +
               kernel_.version.str() + " was not looked at");
    }
    if (!options_.junit_file.empty()) {
      write_file_atomic(options_.junit_file, unfinished_junit("cosim"));
    }
    for (const Board& board : options_.boards) test_board(board);
    if (!options_.quick) test_mended();
    if (!options_.quick && !options_.boards.empty()) {
      const Board& board = options_.boards.front();
      test_repeatability(board);
      test_faults(board);
    }
    if (!options_.junit_file.empty()) {
      write_file_atomic(options_.junit_file, to_junit({{"cosim", {}, cases_}}));
    }
    const auto bad = std::ranges::count(cases_, false, &TestCase::ok);
    if (bad > 0) std::printf("%ld of %zu checks failed\n", static_cast<long>(bad), cases_.size());
    std::printf("%u of %u algorithms passed their self tests\n", passed_, expected_);
    std::fflush(stdout);
    return broken_ ? kPointFailed : bad > 0 || passed_ < expected_ ? kExpectationFailed : kOk;
  }

 private:
  DeviceOptions device(const Board& board) const {
    DeviceOptions d;
    d.cesa = board.cesa;
    d.dram = board.dram;
    d.time_limit_ns = kSimulatedLimitS * kNsPerS;
    return d;
  }

  GuestOutcome boot(const DeviceOptions& d, const GuestOptions& guest) {
    GuestOptions g = guest;
    g.wall_limit = options_.wall_limit;
    return boot_guest(mended_is_loaded_ ? mended_kernel_ : kernel_, d, options_.kernel.home, g);
  }

  void record(const std::string& group, const std::string& name, bool ok,
              const std::string& message) {
    cases_.push_back({group, name, ok, message});
  }

  void check(const std::string& group, const std::string& name, bool ok,
             const std::string& detail) {
    std::printf("  %-36s %s%s%s\n", name.c_str(), ok ? "ok" : "FAILED", detail.empty() ? "" : "  ",
                detail.c_str());
    record(group, name, ok, detail);
  }

  void test_board(const Board& board) {
    complain(board.name + ": the driver's self tests, dm-crypt");
    GuestOptions guest;
    guest.steps = {"algorithms", "dmcrypt", "speed"};
    const KnownFault hashes = fault_of_parallel_hashes(board.cesa, kernel_.version);
    const bool concurrency = !options_.quick && board.cesa.engines > 1;
    if (concurrency) guest.steps.push_back(hashes.what.empty() ? "concurrency" : "writers");
    // Without DMA no hash passes its self test, and the kernel hands none out; and where hashes in
    // parallel end the guest, the load does too: test_mended() has it.
    if (!options_.quick && board.cesa.tdma && hashes.what.empty()) {
      guest.steps.insert(guest.steps.end(), {"users", "unload"});
    }
    guest.concurrency_seconds = options_.concurrency_seconds;
    guest.kernel_arguments = test_arguments(0);
    report(board, board.name, guest, false);
    if (concurrency && !hashes.what.empty()) test_parallel_hashes(board, hashes);
    if (options_.quick || options_.fuzz_iterations == 0 || !board.cesa.tdma) return;
    complain(board.name + ": the kernel's randomized tests");
    guest.steps = {"algorithms"};
    guest.kernel_arguments = test_arguments(options_.fuzz_iterations);
    report(board, board.name + ", randomized", guest, true);
  }

  /// Where the driver is known not to bear them.
  void test_parallel_hashes(const Board& board, const KnownFault& fault) {
    complain(board.name + ": hashes in parallel");
    GuestOptions guest;
    guest.steps = {"concurrency"};
    guest.concurrency_seconds = options_.concurrency_seconds;
    guest.kernel_arguments = test_arguments(0);
    // test_mended() runs the same load.
    const Verdict v = judge_parallel_hashes(fault, boot(device(board), guest), is_mendable(fault));
    const bool ok = v.ok(own_);
    std::printf("%s, hashes in parallel\n", board.name.c_str());
    check(board.name, "concurrent-hashes (expected failure)", ok,
          v.kind == Verdict::Kind::news ? passed_though(v, ok) : v.text);
  }

  /// Behind a known fault another one would not be seen: the same load over a copy of the driver
  /// without those that can be mended.
  void test_mended() {
    KernelOptions options = options_.kernel;
    options.edits = mends_;
    if (mends_.empty()) complain("nothing of cosim/kernel/mends fits this driver");
    mended_kernel_ = prepare_kernel(options);
    mended_is_loaded_ = true;
    for (const Board& board : options_.boards) {
      complain(board.name + ": the driver without its known faults");
      GuestOptions guest;
      guest.steps = {"algorithms", "speed", "users"};
      // The counter-check of test_parallel_hashes().
      const KnownFault hashes = fault_of_parallel_hashes(board.cesa, kernel_.version);
      if (board.cesa.engines > 1 && is_mendable(hashes)) guest.steps.push_back("concurrency");
      guest.steps.push_back("unload");
      guest.concurrency_seconds = options_.concurrency_seconds;
      guest.kernel_arguments = test_arguments(0);
      report(board, board.name + ", mended driver", guest, false);
    }
    mended_is_loaded_ = false;
  }

  /// A patch that takes the fault away fits the driver.
  bool is_mendable(const KnownFault& fault) const {
    return !fault.mend.empty() && std::ranges::any_of(mends_, [&](const fs::path& mend) {
      return mend.stem() == fault.mend;
    });
  }

  /// None if the driver that is loaded has been mended of it.
  KnownFault unmended(const KnownFault& fault) const {
    return mended_is_loaded_ && is_mendable(fault) ? KnownFault{} : fault;
  }

  void report(const Board& board, const std::string& title, GuestOptions guest, bool randomized) {
    auto expected = expected_algorithms(board.cesa, kernel_.version, randomized);
    for (auto& e : expected) e.fault = unmended(e.fault);
    for (const auto& e : expected) guest.algorithms.push_back(e.driver);
    const GuestOutcome out = boot(device(board), guest);
    std::printf("%s (%s, %u engine%s, Linux %s)\n", title.c_str(),
                compatible_of(board.cesa).c_str(), board.cesa.engines,
                board.cesa.engines > 1 ? "s" : "",
                out.report.release.empty() ? "did not start" : out.report.release.c_str());
    report_algorithms(title, expected, out, randomized);
    auto checks = expected_checks(board.cesa, kernel_.version, guest.steps);
    for (auto& c : checks) c.fault = unmended(c.fault);
    report_checks(title, checks, out);
    for (const auto& s : out.report.speeds) {
      std::printf("  speed of %-27s %.1f MB/s (simulated time)\n", s.name.c_str(), s.mb_per_s());
      if (s.ns == 0) check(title, "speed-" + s.name, false, "nothing measured");
    }
    if (out.ok && !randomized) {  // self tests alone never keep two engines busy
      check(title, "interrupt-per-engine", every_engine_worked(board, out), interrupts_of(out));
    }
    const Verdict unmodelled = judge_unmodelled(out);
    check(title, "nothing-unmodelled", unmodelled.ok(false), unmodelled.text);
    check(title, "guest-end", out.ok, out.failure);
    if (!out.ok) broken_ = true;
    for (const auto& note : out.report.notes) {
      if (note.rfind("speed ", 0) == 0) check(title, "speed", false, "no figure: " + note);
      if (note.rfind("note ", 0) == 0) std::printf("  %s\n", note.c_str());
    }
    std::printf(
        "  simulated %.3f s in %.1f s, %llu register accesses, %llu operations\n",
        static_cast<double>(out.device.simulated_ns) / kNsPerS, out.wall_seconds,
        static_cast<unsigned long long>(out.device.register_accesses),
        static_cast<unsigned long long>(out.device.operations[0] + out.device.operations[1]));
    std::fflush(stdout);
  }

  void report_algorithms(const std::string& title, const std::vector<ExpectedAlgorithm>& expected,
                         const GuestOutcome& out, bool randomized) {
    for (const ExpectedAlgorithm& e : expected) {
      const Verdict v = judge_algorithm(e, out);
      // Randomized tests may miss a fault; the fixed ones may not.
      const bool ok = v.ok(own_ || randomized);
      if (e.fault.what.empty()) {
        ++expected_;
        if (ok) ++passed_;
      }
      std::printf("  %-16s %s\n", e.driver.c_str(), algorithm_line(v, ok).c_str());
      record(title, e.driver + (e.fault.what.empty() ? "" : " (expected failure)"), ok, v.text);
    }
  }

  std::string algorithm_line(const Verdict& v, bool ok) const {
    switch (v.kind) {
      case Verdict::Kind::passed:
        return "passed";
      case Verdict::Kind::failed:
        return "FAILED  " + v.text;
      case Verdict::Kind::as_expected:
        return "fails as expected (" + v.text + ")";
      case Verdict::Kind::news:
        break;
    }
    return passed_though(v, ok);
  }

  /// A known fault that did not show.
  std::string passed_though(const Verdict& v, bool ok) const {
    const char* what = own_ ? "the stock driver fails"
                       : ok ? "it can fail"
                            : "it was expected to fail";
    return std::string("passed, though ") + what + " (" + v.text + ")";
  }

  void report_checks(const std::string& title, const std::vector<ExpectedCheck>& expected,
                     const GuestOutcome& out) {
    for (const ExpectedCheck& e : expected) {
      const Verdict v = judge_check(e, out);
      const bool ok = v.ok(own_);
      const std::string text = v.kind == Verdict::Kind::news ? passed_though(v, ok) : v.text;
      check(title, e.name + (e.fault.what.empty() ? "" : " (expected failure)"), ok, text);
    }
    // What the guest found out beside these.
    for (const auto& c : out.report.checks) {
      if (std::ranges::find(expected, c.name, &ExpectedCheck::name) == expected.end()) {
        check(title, c.name, c.ok, c.detail);
      }
    }
  }

  static std::string interrupts_of(const GuestOutcome& out) {
    std::string text;
    for (const std::uint64_t n : out.report.interrupts) {
      text += (text.empty() ? "" : " + ") + std::to_string(n);
    }
    return text + " interrupts";
  }

  static bool every_engine_worked(const Board& board, const GuestOutcome& out) {
    return out.report.interrupts.size() == board.cesa.engines &&
           std::ranges::all_of(out.report.interrupts, [](std::uint64_t n) { return n > 0; });
  }

  /// Two boots write the same device log.
  void test_repeatability(const Board& board) {
    complain(board.name + ": two equal boots");
    const TemporaryFolder folder;
    std::string logs[2];
    bool ok = true;
    for (int i = 0; i < 2; ++i) {
      DeviceOptions d = device(board);
      d.log_file = (folder.path() / ("log" + std::to_string(i))).string();
      GuestOptions guest;
      guest.steps = {"dmcrypt"};
      guest.kernel_arguments = test_arguments(0);
      const GuestOutcome out = boot(d, guest);
      ok = ok && out.ok;
      if (!out.ok) std::printf("  %s\n", out.failure.c_str());
      // A device that died at once has left none.
      if (fs::exists(d.log_file)) logs[i] = read_file(d.log_file);
    }
    std::printf("%s, repeated\n", board.name.c_str());
    const auto lines = std::ranges::count(logs[0], '\n');
    check("repeatability", "same-device-log", ok && lines > 1000 && logs[0] == logs[1],
          std::to_string(lines) + " lines");
  }

  /// A device that fails ends the guest with a message.
  void test_faults(const Board& board) {
    complain(board.name + ": a device that fails");
    std::printf("%s, with a device that fails\n", board.name.c_str());
    for (const std::string& fault : faults_to_inject(board.cesa)) {
      DeviceOptions d = device(board);
      d.injection = parse_injection(fault);
      GuestOptions guest;
      guest.steps = {"dmcrypt"};
      guest.kernel_arguments = test_arguments(0);
      const Verdict v = judge_fault(d.injection, boot(d, guest));
      check("faults", fault, v.ok(false), v.text);
      std::fflush(stdout);
    }
  }

  const SelftestOptions& options_;
  Kernel kernel_;
  bool own_;                     // the kernel or the driver is the user's
  std::vector<fs::path> mends_;  // those that fit the driver
  Kernel mended_kernel_;
  bool mended_is_loaded_ = false;
  std::vector<TestCase> cases_;
  unsigned passed_ = 0;
  unsigned expected_ = 0;
  bool broken_ = false;
};

}  // namespace

int run_selftest(const SelftestOptions& options) {
  const SignalWatch watch;
  check_outputs({{"--junit", options.junit_file}}, {});
  return Selftest(options).run();
}

namespace {

/// How many of what the fault counts have happened.
std::uint64_t countdown(Injection::Kind kind, const DeviceStatus::Summary& device) {
  switch (kind) {
    case Injection::Kind::bus_error:
      return device.dma_accesses;
    case Injection::Kind::lost_irq:
      return device.interrupts;
    default:
      return device.register_accesses;
  }
}

}  // namespace

int run_command(const RunOptions& options) {
  const SignalWatch watch;
  check_outputs({{"--device-log", options.device_log}}, {});
  const Kernel kernel = prepare_kernel(options.kernel);
  DeviceOptions device;
  device.cesa = options.board.cesa;
  device.dram = options.board.dram;
  device.injection = options.injection;
  std::optional<PartFile> log;
  if (!options.device_log.empty()) {
    log.emplace(options.device_log);
    device.log_file = log->part();
  }
  device.time_limit_ns = options.simulated_limit_s * kNsPerS;
  GuestOptions guest;
  guest.steps = {"algorithms", "command"};
  for (const auto& e : expected_algorithms(options.board.cesa, kernel.version, false)) {
    guest.algorithms.push_back(e.driver);
  }
  guest.command = options.command;
  guest.host_folder = fs::current_path();
  guest.kernel_arguments = test_arguments(0);
  guest.wall_limit = options.wall_limit;
  guest.on_output = [](const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  complain("booting the guest on " + options.board.name);
  const GuestOutcome out = boot_guest(kernel, device, options.kernel.home, guest);
  if (log) log->commit();  // also of a guest that did not come to its end: it tells why
  if (options.console) std::fputs(readable_console(out.console).c_str(), stderr);
  const auto passed =
      std::ranges::count(out.report.algorithms, true, &GuestReport::Algorithm::passed);
  if (!out.report.algorithms.empty())
    complain(std::to_string(passed) + " of " + std::to_string(out.report.algorithms.size()) +
             " algorithms of the driver passed their self tests");
  char line[200];
  std::snprintf(line, sizeof line,
                "simulated %.6f s, %llu register accesses, %llu DMA accesses, %llu interrupts, "
                "%llu guest errors, %llu uses of what is not modelled",
                static_cast<double>(out.device.simulated_ns) / kNsPerS,
                static_cast<unsigned long long>(out.device.register_accesses),
                static_cast<unsigned long long>(out.device.dma_accesses),
                static_cast<unsigned long long>(out.device.interrupts),
                static_cast<unsigned long long>(out.device.guest_errors),
                static_cast<unsigned long long>(out.device.unimplemented));
  complain(line);
  if (*out.device.report) complain("the unit's last report: " + std::string(out.device.report));
  if (!out.ok) {
    complain(out.failure);
    return kPointFailed;
  }
  if (options.injection.kind != Injection::Kind::none && !out.injected) {
    complain("the fault " + options.injection.str() + " was never injected: the guest came to " +
             std::to_string(countdown(options.injection.kind, out.device)));
    return kExpectationFailed;
  }
  if (passed == 0 && out.device.register_accesses == 0) {
    complain("the driver never accessed the unit and registered none of its algorithms");
    return kExpectationFailed;
  }
  if (out.report.exit_code.value_or(1) != 0) {
    complain("the command's exit code is " +
             (out.report.exit_code ? std::to_string(*out.report.exit_code) : "missing"));
    return kExpectationFailed;
  }
  return kOk;
}

}  // namespace cesasim::cosim
